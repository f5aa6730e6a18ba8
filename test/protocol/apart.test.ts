import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isPermit, makePermit } from '../../functions/decide/permit.ts'
import { aboutOf, digestOf, pack, type Errand, type Seen } from '../../functions/protocol/carry.ts'
import { createCarrier, createInside } from '../../functions/protocol/inside.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import { createMasker } from '../../functions/protocol/kubernetes/mask.ts'
import { TransportError } from '../../functions/protocol/post.ts'
import type { Plan, Run } from '../../functions/protocol/protocol.ts'
import { createRemote, Refused, type Send } from '../../functions/protocol/remote.ts'
import { routed } from '../../functions/protocol/routed.ts'
import { hide, seal, uncover } from '../../functions/protocol/seal.ts'
import { whole } from '../../functions/protocol/whole.ts'
import type { DetectorName, ConnectionDocument } from '../../schema/policy.ts'
import { widest } from '../contract/target.ts'
import { standCluster, type Stand } from '../local/cluster.ts'
import { planOf } from './kubernetes/rig.ts'

/** The engine of a private cluster, the demo cluster behind it, and errands between the two ends as the attacks of this file have them go. */
const key = 'k'.repeat(44)
const sight = 's'.repeat(44)
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', transport: 'private', secret: 'kube', serviceAccounts: { operator: 'sluice/operator' } }
const settings = '/api/v1/namespaces/web/configmaps'
let stand: Stand
const wire: { sealed: string; answer: string }[] = []
const alarms: string[] = []
beforeAll(async () => {
  stand = await standCluster()
  await stand.admin('POST', '/api/v1/namespaces/sluice/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'operator', namespace: 'sluice' } })
  await stand.admin('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'all' }, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] })
  await stand.admin('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'all' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'all' }, subjects: [{ kind: 'ServiceAccount', name: 'operator', namespace: 'sluice' }] })
})
beforeEach(() => { wire.length = 0; alarms.length = 0 })
afterAll(() => stand.cluster.close())

const secrets = { get: async (name: string) => name === 'sluice-private-key' ? key : name === 'sluice-private-sight' ? sight : name === 'kube' ? stand.cluster.admin : 'm'.repeat(32) }
const alarm = (what: string) => { alarms.push(what) }
const carrier = createCarrier()
const parts = { secrets, now: Date.now, alarm }
const engines = { kubernetes: createKubernetes({ ...parts, isPermit: carrier.isPermit }) }
const inside = createInside({ ...parts, carry: carrier.carry, engines })
const through: Send = async (sealed) => {
  const answer = JSON.stringify(await inside(JSON.parse(sealed)))
  wire.push({ sealed, answer })
  return answer
}
const errandOf = (sealed: string): Errand => (JSON.parse((JSON.parse(sealed) as { text: string }).text) as { errand: Errand }).errand
const said = async (payload: unknown) => JSON.parse(gunzipSync(Buffer.from(await inside(payload), 'base64')).toString()) as { ok: boolean; value?: { status?: string } }
const here = createKubernetes({ ...parts, isPermit })

interface How { readonly body?: unknown; readonly send?: Send; readonly between?: () => Promise<unknown>; readonly run?: Partial<Run>; readonly limits?: Partial<typeof widest>; readonly detect?: readonly DetectorName[]; readonly type?: string }
/** Asked, looked for, decided as one to whom all is permitted, and carried by `send`. */
async function go(method: string, target: string, { body, send = through, between, run = {}, limits = {}, detect = [], type = 'application/json' }: How = {}) {
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
  const executed = await engine.execute(permit, plan, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null, ...run })
  if (executed.status !== 'succeeded') return { text: '', ...executed }
  const { answer } = engine.mask(permit, plan, executed.rows)
  if (answer === undefined) throw new Error('no answer')
  return { status: executed.status, code: answer.status, plan, rows: executed.rows, body: answer.body, text: answer.body instanceof Uint8Array ? Buffer.from(answer.body).toString() : '' }
}
const map = (name: string, data: Readonly<Record<string, string>> = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'web' }, data })
const there = async (name: string) => (await stand.admin('GET', `${settings}/${name}`)).body
const ofText = (text: string) => JSON.parse(text) as { items: unknown[]; metadata: { continue?: string } }

test('reads, writes and refuses as the engine here does; what is asked is understood here, and only what is run or looked for is carried', async () => {
  expect(await go('POST', settings, { body: map('a', { x: '1' }) })).toMatchObject({ status: 'succeeded', code: 201, rows: { answered: { status: 201 } } })
  expect(wire.map(({ sealed }) => errandOf(sealed).op)).toEqual(['preview', 'execute'])
  wire.length = 0
  expect(JSON.parse((await go('GET', `${settings}/a`)).text)).toMatchObject({ data: { x: '1' } })
  expect(wire.map(({ sealed }) => errandOf(sealed).op)).toEqual(['execute'])
  expect(await go('GET', `${settings}/none`)).toMatchObject({ status: 'succeeded', code: 404 })
  expect((await go('GET', '/api/v1/namespaces/web/secrets/front-db')).text).toContain(Buffer.from('[redacted]').toString('base64'))
})

describe('an errand on its way', () => {
  const replaced = (change: (errand: Errand) => unknown): Send => async (sealed, ms) => through(JSON.stringify({ ...JSON.parse(sealed) as object, text: JSON.stringify({ at: Date.now(), errand: change(errandOf(sealed)) }) }), ms)
  test.each<readonly [string, (errand: Errand) => unknown]>([
    ['another request', (errand) => ({ ...errand, query: { ...(errand as { query: object }).query, statements: [{ sql: `DELETE ${settings}/victim`, params: [{ accept: 'application/json' }, null] }] } })],
    ['another connection', (errand) => ({ ...errand, connection: { ...connection, secret: 'other' } })],
    ['other roles', (errand) => ({ ...errand, roles: ['admin'] })],
    ['another deadline', (errand) => ({ ...errand, run: { ...(errand as { run: object }).run, deadline: Date.now() + 3_600_000 } })],
    ['other obligations', (errand) => ({ ...errand, obligations: { ...(errand as { obligations: object }).obligations, masks: [null, null], detect: [] } })],
  ])('changed to %s runs nothing', async (_, change) => {
    await stand.admin('POST', settings, map('victim', { x: '1' }))
    expect(await go('PATCH', `${settings}/victim`, { body: { data: { x: '2' } }, type: 'application/merge-patch+json', send: replaced(change) })).toMatchObject({ status: 'unknown' })
    expect(await there('victim')).toMatchObject({ data: { x: '1' } })
    expect(alarms).toEqual(['an errand that is not the gate\'s'])
  })
  test('sent again after its time runs nothing: not a minute later, and not when the time in which it could begin is over', async () => {
    await go('POST', settings, { body: map('once') })
    const sent = wire.at(-1)?.sealed ?? ''
    await stand.admin('DELETE', `${settings}/once`)
    const later = createInside({ ...parts, carry: carrier.carry, engines, now: () => Date.now() + 61_000 })
    expect(JSON.parse(gunzipSync(Buffer.from(await later(JSON.parse(sent)), 'base64')).toString())).toMatchObject({ ok: false })
    const errand = errandOf(sent) as Errand & { op: 'execute' }
    expect(await said(JSON.parse(seal(key, { ...errand, run: { ...errand.run, deadline: Date.now() - 1 } }, Date.now())))).toMatchObject({ ok: true, value: { status: 'failed', refusal: { reason: 'deadline_passed' } } })
    expect(await there('once')).toMatchObject({ code: 404 })
  })
  test('sent again at once, however its seal is spelt, runs nothing in the process that had it; the same one asked again does', async () => {
    await go('POST', settings, { body: map('again') })
    const sent = JSON.parse(wire.at(-1)?.sealed ?? '') as { text: string; mac: string }
    await stand.admin('DELETE', `${settings}/again`)
    for (const copy of [sent, { ...sent, mac: sent.mac.replace('=', '') }, { ...sent, mac: `${sent.mac}=` }]) expect(await said(copy)).toMatchObject({ ok: false })
    expect(alarms).toEqual(Array(3).fill('an errand that is not the gate\'s'))
    expect(await there('again')).toMatchObject({ code: 404 })
    expect(await said(JSON.parse(seal(key, errandOf(JSON.stringify(sent)), Date.now())))).toMatchObject({ ok: true, value: { status: 'succeeded' } })
    await stand.admin('DELETE', `${settings}/again`)
    const later = createInside({ ...parts, carry: carrier.carry, engines, now: () => Date.now() + 16_000 })
    expect(JSON.parse(gunzipSync(Buffer.from(await later(sent), 'base64')).toString())).toMatchObject({ ok: false })
    expect(await there('again')).toMatchObject({ code: 404 })
  })
  test('even with the key, what was decided on another object, for another role or without a look runs nothing', async () => {
    await stand.admin('POST', settings, map('held', { x: '1' }))
    await stand.admin('POST', settings, map('else', { x: '1' }))
    const patch = (name: string, x: string, send?: Send) => go('PATCH', `${settings}/${name}`, { body: { data: { x } }, type: 'application/merge-patch+json', ...(send ? { send } : {}) })
    const none: Send = async () => { throw new Refused('not sent') }
    await patch('else', '2', none)
    const looked = wire.at(-1)
    const other = (JSON.parse(gunzipSync(Buffer.from(JSON.parse(looked?.answer ?? '') as string, 'base64')).toString()) as { value: { value: Seen } }).value.value.seen
    const forged = (change: (errand: Errand & { op: 'execute' }) => Errand): Send => (sealed, ms) => through(seal(key, change(errandOf(sealed) as Errand & { op: 'execute' }), Date.now()), ms)
    const changed = (change: (looked: { object: { data: object } }) => unknown) => forged((errand) => ({ ...errand, seen: hide(sight, 'seen', aboutOf(errand), { seed: change((uncover(sight, 'seen', aboutOf(errand), errand.seen ?? '') as { seed: never }).seed) }) }))
    for (const send of [
      forged((errand) => ({ ...errand, seen: other })), forged((errand) => Object.fromEntries(Object.entries(errand).filter(([name]) => name !== 'seen')) as never), forged((errand) => ({ ...errand, effects: digestOf({ accesses: [], shown: [], used: [], readOnly: true, fingerprint: '' }) })),
      forged((errand) => ({ ...errand, connection: { ...connection, serviceAccounts: { operator: 'sluice/admin' } } })), changed((seed) => ({ ...seed, object: { ...seed.object, data: {} } })),
      forged((errand) => ({ ...errand, seen: `${errand.seen?.slice(0, -8) ?? ''}AAAAAAA=` })), forged((errand) => ({ ...errand, seen: hide(key, 'seen', aboutOf(errand), { seed: (uncover(sight, 'seen', aboutOf(errand), errand.seen ?? '') as { seed: unknown }).seed }) })),   // opens under no key; made by one who has the gate's
    ]) expect(await patch('held', '2', send)).toMatchObject({ status: 'stale' })
    expect(await there('held')).toMatchObject({ data: { x: '1' } })
    expect(await patch('held', '2')).toMatchObject({ status: 'succeeded', code: 200 })
  })
  test('lost on its way back is unknown for a write, and failed for a read; neither is sent again', async () => {
    let sends = 0
    const lost: Send = async (sealed, ms) => { sends++; await through(sealed, ms); throw new TransportError('timeout', 'no whole answer in time') }
    expect(await go('POST', settings, { body: map('lost'), send: lost })).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown' } })
    expect(await go('GET', `${settings}/lost`, { send: lost })).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    expect([sends, await there('lost')]).toMatchObject([2, { kind: 'ConfigMap' }])
    const command = await go('POST', '/api/v1/namespaces/web/pods/any/exec?command=touch&command=x&stdout=true&stderr=true', { send: async () => { throw new TransportError('timeout', 'no whole answer in time') } })
    expect(command).toMatchObject({ status: 'unknown', refusal: { reason: 'answer_lost', detail: expect.stringMatching(/^the command was sent.* may .* be running still/) as unknown } })
    expect(await go('DELETE', `${settings}/lost`, { send: async () => { throw new Refused('lambda answered 429') } })).toMatchObject({ status: 'failed', refusal: { next: 'retry' } })
  })
})

test('an object that changed between the look and the run is stale, and one that did not is not', async () => {
  await stand.admin('POST', settings, map('moving', { x: '1' }))
  const patch = (between: () => Promise<unknown>) => go('PATCH', `${settings}/moving`, { body: { data: { y: '2' } }, type: 'application/merge-patch+json', between })
  const put = (body: unknown) => () => stand.admin('PUT', `${settings}/moving`, body)
  expect(await patch(put(map('moving', { x: 'other' })))).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
  expect(await there('moving')).toMatchObject({ data: { x: 'other' } })
  expect((await there('moving'))).not.toMatchObject({ data: { y: '2' } })
  expect(await patch(async () => null)).toMatchObject({ status: 'succeeded', code: 200 })
})

test('that people agreed is carried too: only then what changed in the status alone may run', async () => {
  const front = '/apis/apps/v1/namespaces/web/deployments/front'
  let generation = 90
  const patch = (run: Partial<Run>) => go('PATCH', front, { body: { metadata: { labels: { agreed: 'yes' } } }, type: 'application/merge-patch+json', run, between: () => stand.admin('PATCH', `${front}/status`, { status: { observedGeneration: ++generation } }, { 'content-type': 'application/merge-patch+json' }) })
  expect(await patch({})).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
  expect(await patch({ agreed: true })).toMatchObject({ status: 'succeeded', code: 200 })
})

test('what a look saw travels hidden both ways, and the gate, which carries it, has no key to it', async () => {
  await go('PATCH', '/api/v1/namespaces/web/secrets/front-db', { body: { metadata: { labels: { a: 'b' } } }, type: 'application/merge-patch+json' })
  const { body } = await stand.admin('GET', '/api/v1/namespaces/web/secrets/front-db')
  const value = String(body['data']?.['password'])
  const errand = errandOf(wire.at(-1)?.sealed ?? '') as Errand & { op: 'execute' }
  expect(JSON.stringify(uncover(sight, 'seen', aboutOf(errand), errand.seen ?? ''))).toContain(value)
  for (const use of ['seen', 'looked'] as const) expect(() => uncover(key, use, aboutOf(errand), errand.seen ?? '')).toThrow()
  expect(() => uncover(sight, 'seen', aboutOf({ ...errand, connection: { ...connection, secret: 'other' } }), errand.seen ?? '')).toThrow()
  expect(wire.map(({ sealed, answer }) => sealed + gunzipSync(Buffer.from(JSON.parse(answer) as string, 'base64')).toString()).join()).not.toContain(value)
})

test('a write whose answer is too large to be carried ran, once, and is unknown; such a read failed', async () => {
  let ran = 0
  const large: typeof engines.kubernetes = { ...engines.kubernetes, execute: (...given) => { ran++; return engines.kubernetes.execute(...given) }, mask: () => ({ results: [], answer: { status: 200, headers: {}, audit: null, body: new Uint8Array(5 * 1024 * 1024) } }) as never }
  const elsewhere = createInside({ ...parts, carry: carrier.carry, engines: { kubernetes: large } })
  const send: Send = async (sealed) => JSON.stringify(await elsewhere(JSON.parse(sealed)))
  expect(await go('POST', settings, { body: map('huge'), send })).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown', next: 'none' } })
  expect([ran, await there('huge')]).toMatchObject([1, { kind: 'ConfigMap' }])
  expect(await go('GET', `${settings}/huge`, { send })).toMatchObject({ status: 'failed', refusal: { slug: 'too-large' } })
})

describe('an answer too large to be carried at once', () => {
  const large = 'x'.repeat(200_000)
  beforeAll(async () => {
    for (let i = 0; i < 30; i++) await stand.admin('POST', '/api/v1/namespaces/kube-system/configmaps', { ...map(`large-${i}`, { text: large }), metadata: { name: `large-${i}`, namespace: 'kube-system' } })
  })
  test('comes by pages, where it is a list: each object once, as a reader of pages reads', async () => {
    const names: string[] = []
    for (let [next, pages] = ['', 0]; pages < 9; pages++) {
      const found = ofText((await go('GET', `/api/v1/namespaces/kube-system/configmaps${next === '' ? '' : `?continue=${next}`}`)).text)
      names.push(...found.items.map((item) => (item as { metadata: { name: string } }).metadata.name))
      next = found.metadata.continue ?? ''
      if (next === '') { expect(pages).toBeGreaterThan(0); break }
    }
    expect([new Set(names).size, names.filter((name) => name.startsWith('large-')).length]).toEqual([names.length, 30])
  })
  test('is refused with what would pass, where it is a log', async () => {
    const [pod] = ofText((await stand.admin('GET', '/api/v1/namespaces/web/pods')).text).items as { metadata: { name: string } }[]
    stand.cluster.say(pod?.metadata.name ?? '', Array.from({ length: 3000 }, (_, i) => `${i} ${'y'.repeat(2000)}`))
    const log = `/api/v1/namespaces/web/pods/${pod?.metadata.name ?? ''}/log?container=api`
    expect(await go('GET', log)).toMatchObject({ status: 'failed', refusal: { slug: 'too-large', detail: expect.stringContaining('`tailLines`') as unknown } })
    expect(await go('GET', `${log}&tailLines=2`)).toMatchObject({ status: 'succeeded', code: 200, text: expect.stringMatching(/^2998 y+\n2999 y+\n$/) as unknown })
    expect(await go('GET', `${log}&follow=true`)).toMatchObject({ status: 'refused', refusal: { slug: 'statement-unsupported', detail: expect.stringContaining('`--since-time`') as unknown } })
  })
})

describe('a watch', () => {
  const reading = (answer: Awaited<ReturnType<typeof go>>) => {
    if (answer.status !== 'succeeded' || !(answer.body instanceof ReadableStream)) throw new Error(`no stream: ${answer.status}`)
    const reader = answer.body.getReader()
    let rest = ''
    return { cancel: () => reader.cancel(), ended: answer.rows.ended, counted: answer.rows.counted, async next(): Promise<{ type: string; object: { metadata: { name: string } } } | null> {
      for (;;) {
        const end = rest.indexOf('\n')
        if (end !== -1) { const line = rest.slice(0, end); rest = rest.slice(end + 1); return JSON.parse(line) as never }
        const { done, value } = await reader.read()
        if (done) return null
        rest += Buffer.from(value).toString()
      }
    } }
  }
  const version = async () => String((await stand.admin('GET', settings)).body['metadata']?.['resourceVersion'])
  const called = (event: { type: string; object: { metadata: { name: string } } } | null) => event && `${event.type} ${event.object.metadata.name}`

  test('gives each change once, in order, over as many pieces as it takes', async () => {
    const watch = reading(await go('GET', `${settings}?watch=true&resourceVersion=${await version()}`))
    const expected: string[] = []
    for (let i = 0; i < 4; i++) {
      await stand.admin('POST', settings, map(`seen-${i}`))
      if (i % 2 === 0) await stand.admin('DELETE', `${settings}/seen-${i}`)
      expected.push(`ADDED seen-${i}`, ...(i % 2 === 0 ? [`DELETED seen-${i}`] : []))
      while (expected.length > 0) expect(called(await watch.next())).toBe(expected.shift())
    }
    expect(wire.filter(({ sealed }) => (errandOf(sealed) as { run?: Run }).run?.piece?.after !== undefined).length).toBeGreaterThanOrEqual(4)
    await watch.cancel()
    expect(await watch.ended).toMatchObject({ how: 'caller gone', items: 6 })
  })
  test('begins with all there is where no version is named, and goes on from the newest of it', async () => {
    const watch = reading(await go('GET', '/api/v1/namespaces/web/pods?watch=true&resourceVersion=0'))
    const { items } = ofText((await stand.admin('GET', '/api/v1/namespaces/web/pods')).text)
    const first: (string | null)[] = []
    for (const _ of items) first.push(called(await watch.next()))
    expect(new Set(first).size).toBe(items.length)
    await stand.admin('POST', '/api/v1/namespaces/web/pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'late', namespace: 'web' }, spec: { containers: [{ name: 'a', image: 'a' }] } })
    expect(called(await watch.next())).toBe('ADDED late')
    await watch.cancel()
  })
  test('ends when its caller asked it to, when the cluster says that it is over, and where it is cut', async () => {
    const short = reading(await go('GET', `${settings}?watch=true&timeoutSeconds=1&resourceVersion=${await version()}`))
    expect([await short.next(), (await short.ended)?.how]).toEqual([null, 'complete'])
    wire.length = 0
    const told = Buffer.from('{"type":"ERROR","object":{"kind":"Status","code":410}}\n').toString('base64')
    const over = reading(await go('GET', `${settings}?watch=true&resourceVersion=${await version()}`, { send: async (sealed, ms) => {
      const answer = JSON.parse(gunzipSync(Buffer.from(JSON.parse(await through(sealed, ms)) as string, 'base64')).toString()) as { value: { answer: { end: object } } }
      return JSON.stringify(pack({ ok: true, value: { ...answer.value, answer: { ...answer.value.answer, body: told, end: { ...answer.value.answer.end, next: null } } } }))
    } }))
    expect([await over.next(), await over.next(), wire.length]).toMatchObject([{ type: 'ERROR' }, null, 1])
    const cut = new AbortController()
    const watch = reading(await go('GET', `${settings}?watch=true&resourceVersion=${await version()}`, { run: { cut: cut.signal } }))
    const waiting = watch.next()
    cut.abort(new Error('locked'))
    expect([await waiting, (await watch.ended)?.how]).toEqual([null, 'cut: locked'])
  })
  test.each([
    ['an event', '{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a","resourceVersion":"12"}}}', '12', false],
    ['a bookmark', '{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"15","creationTimestamp":null}}}', '15', false],
    ['a table', '{"type":"ADDED","object":{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"13"},"columnDefinitions":[],"rows":[]}}', '13', false],
    ['a row of a table', '{"type":"ADDED","object":{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"columnDefinitions":[],"rows":[{"cells":[],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a","resourceVersion":"14"}}}]}}', '14', false],
    ['the newest of several, in whatever order', '{"type":"ADDED","object":{"kind":"Pod","metadata":{"resourceVersion":"100"}}}\n{"type":"ADDED","object":{"kind":"Pod","metadata":{"resourceVersion":"99"}}}', '100', false],
    ['an end with words', '{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":410,"reason":"Expired","message":"too old"}}', null, true],
  ])('knows where the next piece begins from %s', (_, text, last, over) => {
    const plan = planOf({ target: '/api/v1/namespaces/web/pods?watch=true', form: 'watch', attributes: { verb: 'watch', name: null } })
    const masker = createMasker({ plan, effects: { accesses: [], shown: [], used: [], readOnly: true, fingerprint: '' }, obligations: { masks: [], detect: [] }, status: 200, contentType: 'application/json', maskKey: null })
    masker.write(Buffer.from(`${text}\n`))
    expect([masker.last, masker.over]).toEqual([last, over])
  })
  test('that begins with all there is goes on from no place where it is not known that all of it came', async () => {
    const given = (unordered: boolean) => ({ raw: {}, rowCounts: [0], truncated: false, ended: Promise.resolve({ bytes: 2, items: 1, how: 'complete', detected: {}, next: { after: '9' } }), ...(unordered ? { unordered: true as const } : {}) })
    const body = () => new ReadableStream<Uint8Array>({ start(controller) { controller.enqueue(Buffer.from('{}')); controller.close() } })
    const answer = () => ({ status: 200, headers: {}, audit: null, body: body() })
    expect(await whole(answer(), given(true), new AbortController(), { piece: true, timeoutMs: 1000 })).toMatchObject({ refusal: { slug: 'too-large', detail: expect.stringContaining('list first') as unknown } })
    expect(await whole(answer(), given(false), new AbortController(), { piece: true, timeoutMs: 1000 })).toMatchObject({ answer: { end: { next: { after: '9' } } } })
  })
  test.each<readonly [string, () => string]>([
    ['does not come', () => { throw new TransportError('timeout', 'none') }],
    ['was refused there', () => JSON.stringify(pack({ ok: true, value: { status: 'stale', refusal: { slug: 'approval-stale', reason: 'objects_changed', detail: 'changed', next: 'retry' } } }))],
  ])('breaks, and does not end, where a piece %s: half an answer is not taken for all of it', async (_, piece) => {
    let pieces = 0
    const watch = reading(await go('GET', `${settings}?watch=true&resourceVersion=${await version()}`, { send: async (sealed, ms) => (pieces++ > 0 ? piece() : through(sealed, ms)) }))
    await expect(watch.next()).rejects.toThrow('broke off')
    expect((await watch.ended)?.how).toBe('target broke off')
  })
  test('holds to the rows of an hour over all its pieces together', async () => {
    const watch = reading(await go('GET', `${settings}?watch=true&resourceVersion=${await version()}`, { limits: { rowsPerHour: 100 }, run: { maxRows: 3 } }))
    for (let i = 0; i < 5; i++) await stand.admin('POST', settings, map(`counted-${i}`))
    const given: (string | null)[] = []
    for (let one = await watch.next(); one !== null; one = await watch.next()) given.push(called(one))
    expect(given.length).toBeLessThanOrEqual(3)
    expect([(await watch.ended)?.how, await watch.counted]).toEqual([expect.stringContaining('cut: over') as unknown, (await watch.ended)?.items])
  })
  test('of a kind that would have to come all in one is refused before anything is sent', async () => {
    expect(await go('GET', `${settings}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`)).toMatchObject({ status: 'refused', refusal: { reason: 'private_stream' } })
    expect(wire).toEqual([])
  })
})

describe('a command', () => {
  const command = async (words: readonly string[], how: How = {}) => {
    const [pod] = ofText((await stand.admin('GET', '/api/v1/namespaces/web/pods')).text).items as { metadata: { name: string } }[]
    return go('POST', `/api/v1/namespaces/web/pods/${pod?.metadata.name ?? ''}/exec?container=api&stdout=true&stderr=true${words.map((word) => `&command=${encodeURIComponent(word)}`).join('')}`, how)
  }
  test('runs there, and all it wrote is heard by the record here before there is an answer, masked', async () => {
    const heard: string[] = []
    const done = await command(['echo', 'mail joe@acme.dev'], { detect: ['email'], run: { heard: async (stream, bytes) => { heard.push(`${stream} ${Buffer.from(bytes).toString()}`) } } })
    expect([JSON.parse(done.text), heard]).toMatchObject([{ stdout: 'mail [redacted: email]\n', exitCode: 0 }, ['stdout mail [redacted: email]\n']])
  })
  test('that cannot be recorded is unknown, and so is one that is cut or lost: it ran', async () => {
    expect(await command(['echo', 'x'], { run: { heard: async () => { throw new Error('no store') } } })).toMatchObject({ status: 'unknown' })
    const cut = new AbortController()
    const slow: Send = async (sealed, ms) => { cut.abort(new Error('locked')); return through(sealed, ms) }
    expect(await command(['echo', 'x'], { send: slow, run: { cut: cut.signal } })).toMatchObject({ status: 'unknown' })
  })
})
