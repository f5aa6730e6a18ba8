import { afterAll, beforeAll, expect, test } from 'vitest'
import { isPermit } from '../../functions/decide/permit.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import type { Protocol } from '../../functions/protocol/protocol.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { type Stand, standCluster } from '../local/cluster.ts'
import { lead } from '../support/approvals.ts'
import { createClustered, operator, withRules } from '../support/cluster.ts'

// What people agreed to is what runs, before the demo's API server: nobody has another change made of the same words, nor the same done to another object.
let stand: Stand
const engines: Protocol[] = []
beforeAll(async () => { stand = await standCluster() })
afterAll(async () => { for (const engine of engines) await engine.close(); await stand.cluster.close() })

const approval = { by: ['support-leads'], quorum: 1, within: '30m' }
const documents: Readonly<Record<string, PolicyDocument>> = {
  ...withRules([
    { allow: ['patch', 'update'], connection: 'cluster', on: ['acme.io/widgets/status'], namespaces: ['web'], approval },
    { allow: ['create'], connection: 'cluster', on: ['pods/eviction', 'pods/exec'], namespaces: ['web'], approval },
  ]),
  'cluster.yaml': { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { operator: 'sluice/platform' } },
}
function stood() {
  const kubeconfig = stand.cluster.account('sluice/minter')
  const at = createClustered(documents, ({ ports }) => { const engine = createKubernetes({ secrets: { get: async () => kubeconfig }, now: ports.now, isPermit, alarm: ports.alarm }); engines.push(engine); return engine })
  /** Asks, and gives what who decides reads of it, and how to approve and run it. */
  async function ask(method: string, path: string, body?: unknown, headers = {}) {
    const answer = await (await at.as(operator))(method, path, body, headers)
    const { details } = await answer.json() as { details?: { causes: { reason: string; message: string }[] } }
    const of = (reason: string) => details?.causes.find((cause) => cause.reason === reason)?.message ?? ''
    return waiting(of('Request') as `arq_${string}`, of('Digest'))
  }
  async function run(body: object) {
    const response = await at.app.request('/v1/connections/cluster/exec', { method: 'POST', headers: { authorization: `Bearer ${await at.world.token(operator)}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
    const { request } = await response.json() as { request: { id: `arq_${string}`; digest: string } }
    return waiting(request.id, request.digest)
  }
  async function waiting(id: `arq_${string}`, digest: string) {
    const authorization = `Bearer ${await at.world.token(lead)}`
    const { request } = await (await at.app.request(`/v1/requests/${id}`, { headers: { authorization } })).json() as { request: { diff?: string } }
    const approved = async () => {
      await at.app.request(`/v1/requests/${id}/decision`, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: JSON.stringify({ decision: 'approve', digest }) })
      return at.approver.proceed(id)
    }
    return { diff: request.diff ?? '', approved }
  }
  return { ask, run }
}

const widget = '/apis/acme.io/v1/namespaces/web/widgets'
test('the first condition of a status: whoever reorders them meanwhile has no other one removed, and what else is written there makes nothing stale', async () => {
  const { ask } = stood()
  await stand.admin('POST', widget, { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'w1' }, spec: { size: 1 } })
  const set = (status: object) => stand.admin('PATCH', `${widget}/w1/status`, { status }, { 'content-type': 'application/merge-patch+json' })
  const conditions = (...types: string[]) => ({ conditions: types.map((type) => ({ type, status: 'True' })) })
  const now = async () => ((await stand.admin('GET', `${widget}/w1`)).body as { status?: { conditions?: { type: string }[] } }).status?.conditions?.map(({ type }) => type)
  const first = () => ask('PATCH', `${widget}/w1/status`, [{ op: 'remove', path: '/status/conditions/0' }], { 'content-type': 'application/json-patch+json' })

  await set({ ...conditions('Maintenance', 'Quarantined'), beat: 1 })
  const one = await first()
  expect(one.diff).toContain('-      type: Maintenance')
  await set(conditions('Quarantined', 'Maintenance'))
  expect([await one.approved(), await now()]).toEqual(['stale', ['Quarantined', 'Maintenance']])

  const other = await first()
  await set({ beat: 2 })
  expect([await other.approved(), await now()]).toEqual(['succeeded', ['Maintenance']])
})

const pods = '/api/v1/namespaces/web/pods'
const make = async (name: string, image: string) => ((await stand.admin('POST', pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'c', image }] } })).body as unknown as { metadata: { uid: string } }).metadata.uid
const there = async (name: string) => (await stand.admin('GET', `${pods}/${name}`)).status
const instead = async (name: string) => { await stand.admin('DELETE', `${pods}/${name}?gracePeriodSeconds=0`); return make(name, 'postgres:18') }

test('an eviction is of the pod that people were shown, not of the next one of its name', async () => {
  const { ask } = stood()
  const evict = () => ask('POST', `${pods}/db-0/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'db-0', namespace: 'web' } })
  const uid = await make('db-0', 'scratch:1')
  const one = await evict()
  expect(one.diff).toBe(`# of the object with uid ${uid}\n# its container \`c\` runs scratch:1`)
  await instead('db-0')
  expect([await one.approved(), await there('db-0')]).toEqual(['stale', 200])
  expect([await (await evict()).approved(), await there('db-0')]).toEqual(['succeeded', 404])
})

test('a command runs in the pod that people were shown, not in the next one of its name', async () => {
  const { run } = stood()
  const uid = await make('db-1', 'scratch:1')
  const one = await run({ namespace: 'web', pod: 'db-1', command: ['hostname'] })
  expect(one.diff).toBe(`# of the object with uid ${uid}\n# its container \`c\` runs scratch:1`)
  await instead('db-1')
  expect(await one.approved()).toBe('stale')
  expect(await (await run({ namespace: 'web', pod: 'db-1', command: ['hostname'] })).approved()).toBe('succeeded')
})
