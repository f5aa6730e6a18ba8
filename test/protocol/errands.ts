import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { isPermit, makePermit } from '../../functions/decide/permit.ts'
import type { Errand } from '../../functions/protocol/carry.ts'
import { createCarrier, createInside } from '../../functions/protocol/inside.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import type { Plan, Run } from '../../functions/protocol/protocol.ts'
import { createRemote, type Send } from '../../functions/protocol/remote.ts'
import { routed } from '../../functions/protocol/routed.ts'
import type { DetectorName, ConnectionDocument } from '../../schema/policy.ts'
import { widest } from '../contract/target.ts'
import { standCluster, type Stand } from '../local/cluster.ts'

/** The engine of a private cluster, the demo cluster behind it, and errands between the two ends as attacks have them go. */
export const key = 'k'.repeat(44)
export const sight = 's'.repeat(44)
export const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', transport: 'private', secret: 'kube', serviceAccounts: { operator: 'sluice/operator' } }
export const settings = '/api/v1/namespaces/web/configmaps'
export let stand: Stand
export const wire: { sealed: string; answer: string }[] = []
export const alarms: string[] = []
/** For all tests of the file one cluster; what was carried and what rang is forgotten before each. */
export function clusterApart(): void {
  beforeAll(async () => {
    stand = await standCluster()
    await stand.admin('POST', '/api/v1/namespaces/sluice/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'operator', namespace: 'sluice' } })
    await stand.admin('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'all' }, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] })
    await stand.admin('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'all' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'all' }, subjects: [{ kind: 'ServiceAccount', name: 'operator', namespace: 'sluice' }] })
  })
  beforeEach(() => { wire.length = 0; alarms.length = 0 })
  afterAll(() => stand.cluster.close())
}

const secrets = { get: async (name: string) => name === 'sluice-private-key' ? key : name === 'sluice-private-sight' ? sight : name === 'kube' ? stand.cluster.admin : 'm'.repeat(32) }
const alarm = (what: string) => { alarms.push(what) }
export const carrier = createCarrier()
export const parts = { secrets, now: Date.now, alarm }
export const engines = { kubernetes: createKubernetes({ ...parts, isPermit: carrier.isPermit }) }
export const inside = createInside({ ...parts, carry: carrier.carry, engines })
export const through: Send = async (sealed) => {
  const answer = JSON.stringify(await inside(JSON.parse(sealed)))
  wire.push({ sealed, answer })
  return answer
}
export const errandOf = (sealed: string): Errand => (JSON.parse((JSON.parse(sealed) as { text: string }).text) as { errand: Errand }).errand
export const said = async (payload: unknown) => JSON.parse(gunzipSync(Buffer.from(await inside(payload), 'base64')).toString()) as { ok: boolean; value?: { status?: string } }
export const here = createKubernetes({ ...parts, isPermit })

export interface How { readonly body?: unknown; readonly send?: Send; readonly between?: () => Promise<unknown>; readonly run?: Partial<Run>; readonly limits?: Partial<typeof widest>; readonly detect?: readonly DetectorName[]; readonly type?: string }
/** Asked, looked for, decided as one to whom all is permitted, and carried by `send`. */
export async function go(method: string, target: string, { body, send = through, between, run = {}, limits = {}, detect = [], type = 'application/json' }: How = {}) {
  let sending = through
  const engine = routed(here, createRemote({ ...parts, isPermit, here, send: (sealed, ms) => sending(sealed, ms) }))
  const query = await engine.read?.(method, target, { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': type }) }, body === undefined ? null : Buffer.from(JSON.stringify(body)))
  if (!query?.ok) throw new Error('not read')
  const first = await engine.classify(connection, query.value, ['operator'])
  if (!first.ok) return { status: 'refused', refusal: first.refusal, text: '' } as const
  const found = await first.value.preview?.() ?? first
  if (!found.ok) return { status: 'refused', refusal: found.refusal, text: '' } as const
  const plan: Plan = found.value
  const permit = makePermit(plan.effects, { masks: plan.effects.shown.map(() => 'redact' as const), revealed: [], detect, limits: { ...widest, rows: 100_000, bytes: 64 * 1024 * 1024, ...limits } })
  await between?.()
  sending = send
  const executed = await engine.execute(permit, plan, { deadline: Date.now() + 20_000, rowMode: 'object', maxRows: null, ...run })
  if (executed.status !== 'succeeded') return { text: '', ...executed }
  const { answer } = engine.mask(permit, plan, executed.rows)
  if (answer === undefined) throw new Error('no answer')
  return { status: executed.status, code: answer.status, plan, rows: executed.rows, body: answer.body, text: answer.body instanceof Uint8Array ? Buffer.from(answer.body).toString() : '' }
}
export const map = (name: string, data: Readonly<Record<string, string>> = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'web' }, data })
export const there = async (name: string) => (await stand.admin('GET', `${settings}/${name}`)).body
export const ofText = (text: string) => JSON.parse(text) as { items: unknown[]; metadata: { continue?: string } }
