import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { isPermit } from '../../functions/decide/permit.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import type { IntentEvent, OutcomeEvent } from '../../schema/event.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { type Client, type Stand, standCluster } from '../local/cluster.ts'
import { lead } from '../support/approvals.ts'
import { createClustered, operator, withRules } from '../support/cluster.ts'

/** The whole gate before the demo cluster, where others write the same object in the moment between the look and the write, as often as a test says. */
let stand: Stand
let at: ReturnType<typeof createClustered>
/** Before the n-th write of the test reaches the cluster, n from 1. */
let meanwhile: (n: number) => Promise<unknown>
const close: (() => Promise<void>)[] = []
/** Requests that reached the cluster by the gate. */
let asked = 0
beforeAll(async () => { stand = await standCluster({ see: ({ user }) => { if (user?.startsWith('system:serviceaccount:sluice:')) asked++ } }) })
afterAll(async () => { for (const one of close) await one(); await stand.cluster.close() })

const front = '/apis/apps/v1/namespaces/web/deployments/front'
const kind = (name: string) => ({ 'content-type': `application/${name}` })
const [merge, strategic, json, apply] = [kind('merge-patch+json'), kind('strategic-merge-patch+json'), kind('json-patch+json'), kind('apply-patch+yaml')]
const rule: Pick<Extract<PolicyDocument, { kind: 'role' }>['rules'][number], 'connection' | 'namespaces' | 'permit'> = { connection: 'cluster', namespaces: ['web'], permit: ['secret-mount', 'service-account'] }
const approval = { by: ['support-leads'], quorum: 1, within: '30m' }
const documents = (limits: object = {}): Readonly<Record<string, PolicyDocument>> => ({
  ...withRules([
    { ...rule, allow: ['get'], on: ['apps/deployments'] },
    { ...rule, allow: ['patch', 'update', 'delete'], on: ['apps/deployments', 'apps/deployments/scale'], when: '!has(object.spec) || object.spec.replicas < 50' },
    { ...rule, allow: ['patch'], on: ['apps/deployments'], approval, when: 'object.spec.replicas >= 50' },
    { ...rule, deny: ['patch'], on: ['apps/deployments'], when: '"frozen" in oldObject.metadata.labels' },
    { ...rule, allow: ['delete'], on: ['acme.io/widgets'], when: '!has(oldObject.status.phase) || oldObject.status.phase != "Busy"' },
  ]),
  'cluster.yaml': { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { operator: 'sluice/platform' }, limits },
})
function open(limits: object = {}): void {
  const kubeconfig = stand.cluster.account('sluice/minter')
  let writes = 0
  at = createClustered(documents(limits), ({ ports }) => {
    const engine = createKubernetes({ secrets: { get: async () => kubeconfig }, now: ports.now, isPermit, alarm: ports.alarm })
    close.push(() => engine.close())
    return { ...engine, execute: async (...args) => { await meanwhile(++writes); return engine.execute(...args) } }
  })
}
beforeEach(async () => {
  meanwhile = async () => {}
  await stand.admin('DELETE', front)
  const labels = { app: 'front' }
  expect((await stand.admin('POST', front.replace('/front', ''), { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'front', labels, annotations: { a: 'b' } }, spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'front', image: 'acme/front:1' }] } } } })).status).toBe(201)
  open()
})
const others = (name: string, value: string) => stand.admin('PATCH', front, { metadata: { labels: { [name]: value } } }, merge)
const labels = async () => (await stand.admin('GET', front)).body['metadata']?.['labels'] as unknown as Record<string, string>
async function send(...[method, path, body, headers]: Parameters<Client>) {
  const answer = await (await at.as(operator))(method, path, body, headers)
  const given = await answer.json() as { readonly reason?: string; readonly details?: { readonly causes?: readonly { readonly reason: string; readonly message: string }[] } }
  const of = (reason: string) => given.details?.causes?.find((cause) => cause.reason === reason)?.message ?? ''
  return { status: answer.status, refusal: of('Refusal'), id: of('Request') as `arq_${string}`, digest: of('Digest') }
}
const events = () => ({
  intents: at.world.events.filter((event): event is IntentEvent => event.kind === 'intent'), outcomes: at.world.events.filter((event): event is OutcomeEvent => event.kind === 'outcome'),
})

const ways: readonly (readonly [string, ...Parameters<Client>])[] = [
  ['a merge patch', 'PATCH', front, { metadata: { labels: { mine: 'yes' } } }, merge], ['a strategic merge patch', 'PATCH', front, { metadata: { labels: { mine: 'yes' } } }, strategic],
  ['a json patch', 'PATCH', front, [{ op: 'add', path: '/metadata/labels/mine', value: 'yes' }], json],
  ['server-side apply', 'PATCH', `${front}?fieldManager=me`, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'front', labels: { mine: 'yes' } } }, apply],
]
test.each(ways.map(([way, ...how]) => ({ way, how })))('$way gets on though others write the object six times over meanwhile: decided each time on what is there, done once, on record with the difference that it made', async ({ how }) => {
  meanwhile = async (n) => n <= 6 && others('others', `v${n}`)
  expect(await send(...how)).toMatchObject({ status: 200 })
  expect(await labels()).toEqual({ app: 'front', others: 'v6', mine: 'yes' })
  const { intents, outcomes } = events()
  expect([intents.length, outcomes.map(({ status }) => status)]).toEqual([7, [...Array.from({ length: 6 }, () => 'failed'), 'succeeded']])
  expect(outcomes.slice(0, 6).map(({ refusal }) => refusal?.reason)).toEqual(Array.from({ length: 6 }, () => 'objects_changed'))
  const made = intents.find(({ id }) => id === outcomes.at(-1)?.intent)?.diff ?? ''
  expect([made.match(/^[+-](?![+-]).*$/gm)?.map((line) => line.replaceAll(/[ ,"]/g, '')), made.includes('v6')]).toEqual([['+mine:yes'], true])
})

test('so do a scale, an update without a version, and a delete', async () => {
  meanwhile = async (n) => n <= 6 && stand.admin('PATCH', `${front}/scale`, { spec: { replicas: n + 2 } }, merge)
  expect((await send('PATCH', `${front}/scale`, { spec: { replicas: 2 } }, merge)).status).toBe(200)
  expect((await stand.admin('GET', front)).body['spec']?.['replicas']).toBe(2)
  open()
  meanwhile = async (n) => n <= 6 && others('others', `v${n}`)
  const { metadata: { resourceVersion: _, ...metadata }, ...rest } = (await stand.admin('GET', front)).body as unknown as { metadata: Record<string, unknown> }
  expect((await send('PUT', front, { ...rest, metadata: { ...metadata, labels: { app: 'front', whole: 'yes' } } })).status).toBe(200)
  expect(await labels()).toEqual({ app: 'front', whole: 'yes' })
  open()
  expect((await send('DELETE', front)).status).toBe(200)
  expect([(await stand.admin('GET', front)).status, events().outcomes.length]).toEqual([404, 7])
})

test('what was permitted is not what runs where meanwhile the object is what a rule denies', async () => {
  meanwhile = async (n) => n === 1 && others('frozen', 'yes')
  expect(await send('PATCH', front, { metadata: { labels: { mine: 'yes' } } }, merge)).toMatchObject({ status: 403, refusal: expect.stringContaining('denied') as string })
  expect(await labels()).not.toHaveProperty('mine')
  expect(at.world.events.map(({ kind }) => kind)).toEqual(['intent', 'outcome', 'refusal'])
})

test('nor where it is only its status that changed, and a rule reads that', async () => {
  const widget = '/apis/acme.io/v1/namespaces/web/widgets/held'
  await stand.admin('POST', widget.replace('/held', ''), { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'held' }, spec: { size: 1 } })
  meanwhile = async (n) => n === 1 && stand.admin('PATCH', `${widget}/status`, { status: { phase: 'Busy' } }, merge)
  expect(await send('DELETE', widget)).toMatchObject({ status: 403, refusal: expect.stringContaining('denied') as string })
  expect([(await stand.admin('GET', widget)).body['status'], at.world.events.map(({ kind }) => kind)]).toEqual([{ phase: 'Busy' }, ['intent', 'outcome', 'refusal']])
})

test('what was permitted asks people where the object is by then one that wants them', async () => {
  meanwhile = async (n) => n === 1 && stand.admin('PATCH', `${front}/scale`, { spec: { replicas: 60 } }, merge)
  expect((await send('PATCH', front, { metadata: { labels: { mine: 'yes' } } }, merge)).id).toMatch(/^arq_/)
  expect(await labels()).not.toHaveProperty('mine')
})

test('what people agreed to runs though a controller writes the status in that moment, and not where somebody writes the object', async () => {
  const approved = async (image: string) => {
    const { id, digest } = await send('PATCH', front, { spec: { replicas: 60, template: { metadata: { annotations: { image } } } } }, merge)
    const token = await at.world.token(lead)
    await at.app.request(`/v1/requests/${id}/decision`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ decision: 'approve', digest }) })
    return at.approver.proceed(id)
  }
  meanwhile = async () => others('others', 'first')
  expect(await approved('one')).toBe('failed')
  expect((await stand.admin('GET', front)).body['spec']?.['template']?.['metadata']?.['annotations']).toBeUndefined()
  expect(events().outcomes.at(-1)?.refusal).toMatchObject({ slug: 'approval-stale' })
  meanwhile = async (n) => stand.admin('PATCH', `${front}/status`, { status: { readyReplicas: n } }, merge)
  expect(await approved('two')).toBe('succeeded')
  expect((await stand.admin('GET', front)).body['spec']?.['template']?.['metadata']?.['annotations']).toEqual({ image: 'two' })
})

test('where others write for ever it ends as a conflict; nothing ran, and the same key runs once they have done', async () => {
  const key = { ...merge, 'idempotency-key': 'k1' }
  meanwhile = async (n) => others('others', `v${n}`)
  expect(await send('PATCH', front, { metadata: { labels: { mine: 'yes' } } }, key)).toMatchObject({ status: 409, refusal: expect.stringContaining('objects_changed') as string })
  expect([await labels(), events().intents.length]).toEqual([{ app: 'front', others: 'v16' }, 16])
  meanwhile = async () => {}
  expect((await send('PATCH', front, { metadata: { labels: { mine: 'yes' } } }, key)).status).toBe(200)
  expect(await labels()).toHaveProperty('mine')
})

test('of two calls under one key, one held up by others, the change is made once and both have its answer', async () => {
  const call = (): Promise<{ status: number }> => send('PATCH', front, [{ op: 'add', path: '/metadata/annotations/mine', value: 'yes' }], { ...json, 'idempotency-key': 'k1' })
  let second: { status: number } | null = null
  meanwhile = async (n) => {
    if (n === 1) await others('others', 'v1')
    if (n === 2) { meanwhile = async () => {}; await others('others', 'v2') }
  }
  const { kubernetes } = at.ports.engines
  const { classify } = kubernetes
  // The other comes while the first decides again: the key is nobody's then.
  let looks = 0
  kubernetes.classify = async (...args) => { if (++looks === 2) second = await call(); return classify(...args) }
  expect([(await call()).status, second]).toEqual([200, expect.objectContaining({ status: 200 })])
  expect(events().outcomes.filter(({ status }) => status === 'succeeded')).toHaveLength(1)
})

test('each decision counts against the hour, so whoever writes against themselves is done when it is used up', async () => {
  open({ perHour: { statements: 5 } })
  meanwhile = async (n) => others('others', `v${n}`)
  expect((await send('PATCH', front, { metadata: { labels: { mine: 'yes' } } }, merge)).status).toBe(429)
  expect(events().intents).toHaveLength(5)
})

test('a precondition that will never fit is an answer at once, however often it is sent', async () => {
  const body = (preconditions: object) => ({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions })
  for (const never of [{ resourceVersion: '1' }, { resourceVersion: '99999999' }, { uid: 'b9b0d2a4-0000-0000-0000-000000000000' }]) {
    expect(await send('DELETE', front, body(never))).toMatchObject({ status: 409, refusal: expect.stringContaining('object_differs') as string })
  }
  expect([(await stand.admin('GET', front)).status, events().intents.length]).toEqual([200, 3])
})

test('one that comes to fit meanwhile is decided anew', async () => {
  const { uid } = (await stand.admin('GET', front)).body['metadata'] as unknown as { uid: string }
  // Versions are counted up for all objects together: it names the very next one.
  const next = String(Number((await stand.admin('GET', front.replace('/front', ''))).body['metadata']?.['resourceVersion']) + 1)
  meanwhile = async (n) => n === 1 && others('others', 'v1')
  expect((await send('DELETE', front, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid, resourceVersion: next } })).status).toBe(200)
  expect(events().intents).toHaveLength(2)
})

test('whom a lock stops between two decisions writes nothing, and the cluster is asked nothing more for them', async () => {
  const chance = vi.spyOn(Math, 'random').mockReturnValue(0)
  let lookedAt = 0
  meanwhile = async (n) => {
    await others('others', `v${n}`)
    await at.ports.policies.lock({ target: 'subject:agent:operator', by: 'user:x', at: '', reason: null, until: null })
    at.world.clock.ms += 3000
    lookedAt = asked
  }
  expect((await send('PATCH', front, { metadata: { labels: { mine: 'yes' } } }, merge)).status).toBe(403)
  // After the conflict one look at what is there, and then no more.
  expect([at.world.events.map(({ kind }) => kind), asked - lookedAt, 'mine' in await labels()]).toEqual([['intent', 'outcome', 'refusal'], 2, false])
  chance.mockRestore()
})

test('nothing is tried again for whoever has hung up', async () => {
  const leaving = new AbortController()
  meanwhile = async (n) => { await others('others', `v${n}`); if (n === 2) leaving.abort() }
  const token = await at.world.token(operator)
  await at.app.request(new Request('http://gate/v1/kubernetes/cluster/x', { method: 'PATCH', signal: leaving.signal, headers: { authorization: `Bearer ${token}`, ...merge }, body: '{"metadata":{"labels":{"mine":"yes"}}}' }), undefined, { target: `/v1/kubernetes/cluster${front}` })
  expect([events().intents.length, 'mine' in await labels()]).toEqual([2, false])
})
