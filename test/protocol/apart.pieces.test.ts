import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { pack } from '../../functions/protocol/carry.ts'
import { createMasker } from '../../functions/protocol/kubernetes/mask.ts'
import { TransportError } from '../../functions/protocol/post.ts'
import type { Run } from '../../functions/protocol/protocol.ts'
import type { Send } from '../../functions/protocol/remote.ts'
import { whole } from '../../functions/protocol/whole.ts'
import { planOf } from './kubernetes/rig.ts'
import { clusterApart, errandOf, go, type How, map, ofText, settings, stand, through, wire } from './errands.ts'

clusterApart()

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
