import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import { createKubernetes } from '../../../functions/protocol/kubernetes/kubernetes.ts'
import type { Masked, Plan, Protocol, Run } from '../../../functions/protocol/protocol.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Query } from '../../../schema/request.ts'
import { type Stand, standCluster } from '../../local/cluster.ts'
import { bodyOf } from './rig.ts'

let stand: Stand
let engine: Protocol
const alarms: unknown[] = []
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { platform: 'sluice/platform', 'support-agent': 'sluice/support' } }
beforeAll(async () => {
  stand = await standCluster()
  const kubeconfig = stand.cluster.account('sluice/minter')
  engine = createKubernetes({ secrets: { get: async () => kubeconfig }, now: Date.now, isPermit, alarm: (what, detail) => { alarms.push([what, detail]) } })
})
afterAll(async () => { await engine.close(); await stand.cluster.close() })

async function read(method: string, target: string, body: unknown = null, type = 'application/json'): Promise<Query> {
  const query = await engine.read?.(method, target, { accept: 'application/json', ...(body === null ? {} : { 'content-type': type }) }, body === null ? null : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
  if (!query?.ok) throw new Error(query?.refusal.detail)
  return query.value
}
async function planOf(query: Query | Promise<Query>, roles: readonly string[] = ['platform']): Promise<Plan> {
  const plan = await engine.classify(connection, await query, roles)
  if (!plan.ok) throw new Error(plan.refusal.reason)
  const seen = await plan.value.preview?.() ?? plan
  if (!seen.ok) throw new Error(seen.refusal.reason)
  return seen.value
}
async function perform(plan: Plan, run: Partial<Run> = {}) {
  const permit = makePermit(plan.effects, { masks: plan.effects.shown.map(() => 'redact' as const), revealed: [], detect: ['secret'], limits: { rows: 1000, bytes: 1024 * 1024, timeoutMs: 5000, affected: 1, statementsPerHour: null, rowsPerHour: null } })
  const executed = await engine.execute(permit, plan, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null, ...run })
  const masked: Masked | null = executed.status === 'succeeded' ? engine.mask(permit, plan, executed.rows) : null
  return { executed, masked, body: masked ? JSON.parse(await bodyOf(masked)) as Record<string, unknown> & { spec?: Record<string, unknown>; items?: unknown[] } : null }
}
const ask = async (method: string, target: string, body?: unknown, type?: string, roles?: readonly string[]) => perform(await planOf(read(method, target, body, type), roles))
const front = '/apis/apps/v1/namespaces/web/deployments/front'

describe('the demo cluster, through the engine', () => {
  test('a list, an object, and what is not there', async () => {
    const { body } = await ask('GET', '/api/v1/namespaces/web/pods')
    expect(body?.kind).toBe('PodList')
    expect(body?.items?.length).toBeGreaterThan(0)
    expect((await ask('GET', front)).body).toMatchObject({ kind: 'Deployment', metadata: { name: 'front' } })
    expect((await ask('GET', '/api/v1/namespaces/web/pods/nope')).masked?.answer?.status).toBe(404)
  })
  test('a caller\'s role is what the cluster sees, and it is the second wall', async () => {
    expect((await ask('GET', '/api/v1/nodes', undefined, undefined, ['support-agent'])).masked?.answer?.status).toBe(403)
    expect((await ask('GET', '/api/v1/nodes')).masked?.answer?.status).toBe(200)
    for (const roles of [['nobody'], [], undefined]) expect(await engine.classify(connection, await read('GET', '/api/v1/pods'), roles)).toMatchObject({ ok: false, refusal: { reason: 'no_service_account' } })
  })
  test('a secret comes masked', async () => {
    const created = await ask('POST', '/api/v1/namespaces/web/secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'canary' }, stringData: { key: 'CANARY-1' } })
    expect(created.masked?.answer?.status).toBe(201)
    for (const target of ['/api/v1/namespaces/web/secrets/canary', '/api/v1/namespaces/web/secrets']) expect(JSON.stringify((await ask('GET', target)).body)).not.toContain(Buffer.from('CANARY-1').toString('base64'))
    expect(JSON.stringify(created.body)).not.toMatch(/CANARY|Q0FOQVJZ/)
    expect(alarms).toEqual([])
  })
  test('a patch is looked at first: both objects, a diff, and a fingerprint that moves with what is there', async () => {
    const patch = () => planOf(read('PATCH', `${front}?fieldManager=test`, { spec: { replicas: 4 } }, 'application/merge-patch+json'))
    const [first, again] = [await patch(), await patch()]
    expect(first.effects.fingerprint).toBe(again.effects.fingerprint)
    expect(first.effects.accesses[0]?.target).toMatchObject({ oldObject: { spec: { replicas: expect.any(Number) as number } }, object: { spec: { replicas: 4 } } })
    expect(first.diff).toMatch(/^# of the object with uid [\w.-]+(?:, generation \d+)?\n@@/)
    expect(first.diff).toContain('+  replicas: 4')
    expect((await perform(first)).body).toMatchObject({ spec: { replicas: 4 } })
    expect((await patch()).effects.fingerprint).not.toBe(first.effects.fingerprint)
  })
  test('what changed since is not written over: nothing runs, and it is decided again', async () => {
    const plan = await planOf(read('PATCH', front, { spec: { replicas: 2 } }, 'application/merge-patch+json'))
    await stand.admin('PATCH', front, { spec: { replicas: 9 } }, { 'content-type': 'application/merge-patch+json' })
    expect((await perform(plan)).executed).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    expect((await stand.admin('GET', front)).body['spec']).toMatchObject({ replicas: 9 })
  })
  test('where people agreed, what they were not asked about may change meanwhile', async () => {
    const plan = await planOf(read('PATCH', front, { spec: { replicas: 2 } }, 'application/merge-patch+json'))
    await stand.admin('PATCH', `${front}/status`, { status: { observedGeneration: 99 } }, { 'content-type': 'application/merge-patch+json' })
    expect((await perform(plan, { agreed: true })).body).toMatchObject({ spec: { replicas: 2 } })
  })
  test.each([
    ['json', 'application/json-patch+json', [{ op: 'replace', path: '/spec/replicas', value: 3 }]], ['strategic', 'application/strategic-merge-patch+json', { spec: { replicas: 3 } }],
    ['apply', 'application/apply-patch+yaml', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: front}\nspec: {replicas: 3}\n'],
  ])('a patch of kind %s is held to the version it was decided on', async (name, type, body) => {
    const target = `${front}?fieldManager=test${name === 'apply' ? '&force=true' : ''}`
    const stale = await planOf(read('PATCH', target, body, type))
    await stand.admin('PATCH', front, { spec: { replicas: 9 } }, { 'content-type': 'application/merge-patch+json' })
    expect((await perform(stale)).executed.status).toBe('stale')
    expect((await perform(await planOf(read('PATCH', target, body, type)))).body).toMatchObject({ spec: { replicas: 3 } })
  })
  test('a delete takes the very object that was decided on, and not one that came in its place', async () => {
    const target = '/api/v1/namespaces/web/configmaps/gone'
    const create = () => stand.admin('POST', '/api/v1/namespaces/web/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'gone' } })
    await create()
    const plan = await planOf(read('DELETE', target))
    expect((await stand.admin('GET', target)).status).toBe(200)                     // the look did not delete it
    await stand.admin('DELETE', target)
    await create()
    expect((await perform(plan)).executed.status).toBe('stale')
    expect((await stand.admin('GET', target)).status).toBe(200)
    expect((await perform(await planOf(read('DELETE', target, { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' })))).masked?.answer?.status).toBe(200)
    expect((await stand.admin('GET', target)).status).toBe(404)
  })
  test('a delete that is only tried leaves it', async () => {
    await stand.admin('POST', '/api/v1/namespaces/web/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'tried' } })
    for (const [query, body] of [['?dryRun=All', null], ['', { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }]] as const) {
      await ask('DELETE', `/api/v1/namespaces/web/configmaps/tried${query}`, body)
      expect((await stand.admin('GET', '/api/v1/namespaces/web/configmaps/tried')).status).toBe(200)
    }
  })
  test('a delete with an empty list of dry runs is a delete, and known as one', async () => {
    await stand.admin('POST', '/api/v1/namespaces/web/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'untried' } })
    const plan = await planOf(read('DELETE', '/api/v1/namespaces/web/configmaps/untried', { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: [] }))
    expect(plan.plan).toMatchObject({ dryRun: false })
    await perform(plan)
    expect((await stand.admin('GET', '/api/v1/namespaces/web/configmaps/untried')).status).toBe(404)
  })
  test('a diff shows no secret, and says where a masked value changes', async () => {
    await stand.admin('POST', '/api/v1/namespaces/web/secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'turn' }, stringData: { key: 'CANARY-old' } })
    const plan = await planOf(read('PATCH', '/api/v1/namespaces/web/secrets/turn', { stringData: { key: 'CANARY-new' } }, 'application/merge-patch+json'))
    expect(plan.diff).not.toMatch(/CANARY|Q0FOQVJZ/)
    expect(plan.diff).toContain('# data.key: changes, and is masked')
  })
  test('a watch, cut', async () => {
    const plan = await planOf(read('GET', '/api/v1/namespaces/web/pods?watch=true'))
    const permit = makePermit(plan.effects, { masks: [], revealed: [], detect: [], limits: { rows: 1, bytes: 1024, timeoutMs: 1000, affected: 0, statementsPerHour: null, rowsPerHour: null } })
    const cut = new AbortController()
    const executed = await engine.execute(permit, plan, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null, cut: cut.signal })
    if (executed.status !== 'succeeded') throw new Error(executed.refusal.reason)
    const body = engine.mask(permit, plan, executed.rows).answer?.body
    if (!(body instanceof ReadableStream)) throw new Error('no stream')
    const reader = body.getReader()
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toContain('"ADDED"')
    cut.abort(new Error('locked'))
    for (let part = await reader.read(); !part.done; part = await reader.read()) { /* what was on its way */ }
    expect(await executed.rows.ended).toMatchObject({ how: 'cut: locked' })
  })
  test('a command in a pod', async () => {
    const pods = await stand.admin('GET', '/api/v1/namespaces/web/pods')
    const pod = (pods.body['items'] as unknown as { metadata: { name: string }; spec: { containers: unknown[] } }[]).find(({ spec }) => spec.containers.length === 1)
    expect((await ask('POST', `/api/v1/namespaces/web/pods/${pod?.metadata.name}/exec?command=echo&command=hi&stdout=true&stderr=true`)).body).toEqual({ stdout: 'hi\n', stderr: '', exitCode: 0, truncated: false })
  })
  test('discovery, its policy\'s names, and grants', async () => {
    expect((await ask('GET', '/apis')).body?.kind).toBe('APIGroupList')
    expect(await engine.inspect(connection, [{ from: 'on', name: 'apps/deployments', optional: false }, { from: 'deny', name: 'acme.io/gadgets', optional: false }])).toEqual([{ level: 'error', name: 'acme.io/gadgets', message: 'names nothing the cluster serves, so it denies nothing' }])
    await expect(engine.ping?.(connection)).resolves.toBeUndefined()
    const grants = await engine.grants?.(connection, [{ actions: ['get', 'list'], on: ['pods'], role: 'support-agent' }])
    expect(grants?.script).toContain('name: sluice:cluster:sluice:support')
    expect(grants?.findings.some(({ name, message }) => name === 'sluice/support' && message.includes('`secrets`'))).toBe(true)
  })
})
