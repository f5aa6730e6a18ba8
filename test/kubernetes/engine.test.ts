import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { isPermit } from '../../functions/decide/permit.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { type Stand, standCluster } from '../local/cluster.ts'
import { lead } from '../support/approvals.ts'
import { createClustered, operator, withRules } from '../support/cluster.ts'

/** The whole gate with the real engine before the demo cluster: what only the two together can show. */
let stand: Stand
let at: ReturnType<typeof createClustered>
const close: (() => Promise<void>)[] = []
const tokens = new Set<string>()
beforeAll(async () => { stand = await standCluster({ see: ({ headers }) => { tokens.add((headers.authorization ?? '').replace('Bearer ', '')) } }) })
afterAll(async () => { for (const one of close) await one(); await stand.cluster.close() })
const front = '/apis/apps/v1/namespaces/web/deployments/front'
const merge = { 'content-type': 'application/merge-patch+json' }
const approval = { by: ['support-leads'], quorum: 1, within: '30m' }
const documents: Readonly<Record<string, PolicyDocument>> = {
  ...withRules([
    { allow: ['get', 'list', 'watch'], connection: 'cluster', on: ['pods', 'configmaps', 'secrets', 'apps/deployments'], namespaces: ['web'] },
    { allow: ['patch', 'update'], connection: 'cluster', on: ['apps/deployments'], namespaces: ['web'], permit: ['secret-mount', 'service-account'], when: 'object.spec.replicas <= oldObject.spec.replicas' },
    { allow: ['patch', 'update'], connection: 'cluster', on: ['apps/deployments'], namespaces: ['web'], permit: ['secret-mount', 'service-account'], approval },
    { allow: ['delete'], connection: 'cluster', on: ['configmaps'], namespaces: ['web'], approval },
  ]),
  'cluster.yaml': { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { operator: 'sluice/platform' } },
}
beforeEach(async () => {
  const kubeconfig = stand.cluster.account('sluice/minter')
  at = createClustered(documents, ({ ports }) => createKubernetes({ secrets: { get: async () => kubeconfig }, now: ports.now, isPermit, alarm: ports.alarm }))
  const { kubernetes } = at.ports.engines
  close.push(() => kubernetes.close())
  await stand.admin('PATCH', front, { spec: { replicas: 3 } }, merge)
})
const replicas = async () => ((await stand.admin('GET', front)).body['spec'] as unknown as { replicas: number }).replicas
async function scale(to: number) {
  const answer = await (await at.as(operator))('PATCH', front, { spec: { replicas: to } }, merge)
  const body = await answer.json() as { reason?: string; details?: { causes?: { reason: string; message: string }[] } }
  const of = (reason: string) => body.details?.causes?.find((cause) => cause.reason === reason)?.message ?? ''
  return { status: answer.status, body, id: of('Request') as `arq_${string}`, digest: of('Digest') }
}
async function approve({ id, digest }: { readonly id: string; readonly digest: string }): Promise<number> {
  const token = await at.world.token(lead)
  return (await at.app.request(`/v1/requests/${id}/decision`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ decision: 'approve', digest }) })).status
}

test('scaling in runs, scaling out waits for a person, and approval runs exactly that', async () => {
  expect((await scale(2)).status).toBe(200)
  expect(await replicas()).toBe(2)
  const asked = await scale(5)
  expect([asked.status, asked.id]).toEqual([403, expect.stringMatching(/^arq_/)])
  expect(await replicas()).toBe(2)
  expect(await approve(asked)).toBe(200)
  expect(await at.approver.proceed(asked.id)).toBe('succeeded')
  expect(await replicas()).toBe(5)
  const again = await scale(5)
  expect(again.body).toMatchObject({ kind: 'Deployment', spec: { replicas: 5 } })
  expect(at.world.alarms).toEqual([])
  // The cluster saw tokens of the minter and of the service account; nobody else sees one, the record neither.
  const seen = [...tokens].filter((token) => token !== '')
  expect(seen.length).toBeGreaterThan(1)
  const told = JSON.stringify([at.world.events, asked, again, await at.ports.approvals.requests.get(asked.id)])
  for (const token of seen) expect(told.includes(token)).toBe(false)
})
test('what changed since people looked runs no more; what only its controller wrote does', async () => {
  const stale = await scale(6)
  await stand.admin('PATCH', front, { metadata: { labels: { changed: 'yes' } } }, merge)
  await approve(stale)
  expect(await at.approver.proceed(stale.id)).toBe('stale')
  expect(await replicas()).toBe(3)
  const fresh = await scale(7)
  await stand.admin('PATCH', `${front}/status`, { status: { observedGeneration: 77 } }, merge)
  await approve(fresh)
  expect(await at.approver.proceed(fresh.id)).toBe('succeeded')
  expect(await replicas()).toBe(7)
})
test('what people agreed to is done as the service account they agreed to, or not at all', async () => {
  const asked = await scale(8)
  await approve(asked)
  await at.apply({ ...documents, 'cluster.yaml': { ...documents['cluster.yaml'], serviceAccounts: { operator: 'sluice/support' } } as PolicyDocument })
  expect(await at.approver.proceed(asked.id)).toBe('stale')
  expect(await replicas()).toBe(3)
})
test('nobody is asked about what is not there, and a repeat of what removed it is still answered', async () => {
  const call = await at.as(operator)
  const typo = await call('DELETE', '/api/v1/namespaces/web/configmaps/typo')
  expect([typo.status, await typo.json()]).toMatchObject([404, { reason: 'NotFound' }])
  expect(at.world.events.some(({ kind }) => kind === 'request')).toBe(false)
  await stand.admin('POST', '/api/v1/namespaces/web/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'once' } })
  const ask = async () => { const answer = await call('DELETE', '/api/v1/namespaces/web/configmaps/once'); return { status: answer.status, body: await answer.json() as { status?: string; details?: { causes?: { reason: string; message: string }[] } } } }
  const asked = await ask()
  const of = (reason: string) => asked.body.details?.causes?.find((cause) => cause.reason === reason)?.message ?? ''
  await approve({ id: of('Request'), digest: of('Digest') })
  expect(await at.approver.proceed(of('Request') as `arq_${string}`)).toBe('succeeded')
  expect((await stand.admin('GET', '/api/v1/namespaces/web/configmaps/once')).status).toBe(404)
  expect(await ask()).toMatchObject({ status: 200, body: { status: 'Success' } })
})
test('a lock cuts a watch, and the record says why', async () => {
  const answer = await (await at.as(operator))('GET', '/api/v1/namespaces/web/pods?watch=true')
  const reader = answer.body?.getReader()
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('"ADDED"')
  await at.ports.policies.lock({ target: 'connection:cluster', by: 'user:x', at: '', reason: null, until: null })
  at.world.clock.ms += 3000
  await expect((async () => { for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) { /* what was on its way */ } })()).rejects.toThrow()
  await expect.poll(() => at.world.events.at(-1)).toMatchObject({ kind: 'stream', change: { how: 'cut: locked' } })
}, 120_000)

test('of an object one may not read, nothing is told before people agree: not what a test in a patch finds, not that it is there', async () => {
  const blind = withRules([
    { allow: ['patch', 'create', 'delete'], connection: 'cluster', on: ['apps/deployments'], namespaces: ['web'], permit: ['secret-mount', 'service-account'], approval },
    { allow: ['delete'], connection: 'cluster', on: ['configmaps'], namespaces: ['web'], approval }, { allow: ['get'], connection: 'cluster', on: ['configmaps'], namespaces: ['web'] },
  ])
  await at.apply({ ...documents, ...blind, 'cluster.yaml': documents['cluster.yaml'] as PolicyDocument })
  const ask = await at.as(operator)
  const said = async (method: string, target: string, body?: unknown) => { const answer = await ask(method, target, body, { 'content-type': method === 'PATCH' ? 'application/json-patch+json' : 'application/json' }); return [answer.status, /arq_/.test(await answer.text())] }
  const guess = (value: number) => said('PATCH', front, [{ op: 'test', path: '/spec/replicas', value }, { op: 'add', path: '/metadata/labels', value: { a: 'b' } }])
  const asked = [403, true]
  expect([await guess(3), await guess(4), await said('DELETE', front), await said('DELETE', `${front}-none`)]).toEqual([asked, asked, asked, asked])
  // Whoever may read it hears at once what could not be done anyway, and nobody is asked.
  expect(await said('DELETE', '/api/v1/namespaces/web/configmaps/none')).toEqual([404, false])
})
