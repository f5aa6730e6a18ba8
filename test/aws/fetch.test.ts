import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as ours from '../../functions/aws/fetch.ts'

/** What is deployed in place of Node's own `Headers`, `Request` and `Response` does what those do: each call is made of both, and what comes of it compared. */
type Kind = Pick<typeof globalThis, 'Headers' | 'Request' | 'Response'>
const kinds = { ours: ours as unknown as Kind, node: globalThis as Kind }
async function said(run: (kind: Kind) => unknown): Promise<{ readonly ours: unknown; readonly node: unknown }> {
  const of = async (kind: Kind) => { try { return await run(kind) } catch (error) { return `throws ${(error as Error).name}` } }
  return { ours: await of(kinds.ours), node: await of(kinds.node) }
}
async function same(run: (kind: Kind) => unknown): Promise<void> {
  const { ours, node } = await said(run)
  expect(ours).toEqual(node)
}

const names = ['content-type', 'Content-Type', 'set-cookie', 'Set-Cookie', 'x-a', 'X-B', 'x b', '', 'x\r\nset-cookie', 'ä', '__proto__', 'x:y']
const values = ['a', ' a ', '\ta\n', 'a\r\nx: y', 'a\0', 'ÿ', 'Ā', '', 'a, b', 'a\rb', 'a\nb', '\v a\v']

describe('headers', () => {
  test('are kept, joined, sorted and refused as Node does, whatever is set, added and taken away', async () => {
    const step = fc.record({ what: fc.constantFrom('append', 'set', 'delete', 'get', 'has'), name: fc.constantFrom(...names), value: fc.oneof(fc.constantFrom(...values), fc.string({ maxLength: 8 })) })
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => same(({ Headers }) => {
      const headers = new Headers()
      const heard = steps.map(({ what, name, value }) => { try { return String((headers[what] as (name: string, value: string) => unknown)(name, value)) } catch (error) { return (error as Error).name } })
      return { heard, all: [...headers], keys: [...headers.keys()], cookies: headers.getSetCookie() }
    })))
  })
  test.each<[string, unknown]>([
    ['an object', { 'X-A': '1', b: '2' }], ['pairs', [['a', '1'], ['A', '2'], ['set-cookie', 'x'], ['set-cookie', 'y']]], ['a pair of three', [['a', '1', '2']]], ['a pair of one', [['a']]], ['a line in a value', { a: 'b\r\nc: d' }],
    ['nothing', undefined], ['text', 'a: b'], ['a number', 1], ['a value that is no text', { a: 1, b: null }],
  ])('are made from %s', async (_, init) => same(({ Headers }) => [...new Headers(init as Record<string, string>)]))
  test('are given one by one', async () => same(({ Headers }) => { const seen: unknown[] = []; new Headers({ b: '1', a: '2' }).forEach((value, name) => seen.push([name, value])); return seen }))
})

type Body = ConstructorParameters<typeof globalThis.Response>[0]
const bodies: readonly (readonly [string, () => Body])[] = [
  ['nothing', () => null], ['text', () => 'grüße'], ['no text', () => ''], ['a mark of byte order', () => '\ufeffa'], ['bytes', () => new Uint8Array([1, 2, 255])], ['a part of bytes', () => new Uint8Array([1, 2, 3, 4]).subarray(1, 3)],
  ['a stream', () => new ReadableStream({ start(to) { to.enqueue(new TextEncoder().encode('one')); to.enqueue(new TextEncoder().encode('two')); to.close() } })], ['a form', () => new URLSearchParams({ a: 'b c' })], ['a blob', () => new Blob(['x'], { type: 'text/x' })], ['a buffer', () => new Uint8Array([7]).buffer],
]
const readings: readonly ((message: Response | Request) => unknown)[] = [
  (it) => it.text(), async (it) => [...new Uint8Array(await it.arrayBuffer())], async (it) => [...await it.bytes()], (it) => it.json(), async (it) => (await it.blob()).size,
  async (it) => { const reader = it.body?.getReader(); const parts: number[] = []; for (;;) { const part = await reader?.read(); if (!part || part.done) return parts; parts.push(...part.value) } },
]
describe.each(bodies)('a body of %s', (_, body) => {
  test('is read as Node reads it, once', async () => {
    for (const read of readings) for (const again of readings) await same(async ({ Response }) => {
      const response = new Response(body())
      const before = [response.bodyUsed, response.body === null, response.headers.get('content-type'), response.bodyUsed]
      const one = await Promise.resolve(read(response)).catch((error: Error) => error.name)
      return [before, one, response.bodyUsed, await (async () => again(response))().catch((error: Error) => error.name)]
    })
  })
  test('goes on with a request that is made from another, and into a copy', async () => {
    const init = (): RequestInit => ({ method: 'post', body: body() ?? null, headers: { 'x-a': '1' }, duplex: 'half' })
    await same(async ({ Request }) => { const one = new Request('https://a.test/b', init()); const next = new Request('https://a.test/c', one); return [next.method, next.url, [...next.headers], await next.text()] })
    await same(async ({ Request }) => { const one = new Request('https://a.test/b', init()); const next = new Request(one, { headers: { y: '2' } }); return [next.method, next.url, [...next.headers], await next.text(), one.bodyUsed] })
    await same(async ({ Request }) => { const one = new Request('https://a.test/b', init()); const copy = one.clone(); return [await one.text(), await copy.text(), copy.method, [...copy.headers]] })
    await same(async ({ Request }) => { const one = new Request('https://a.test/b', init()); await one.text(); return new Request('https://a.test/c', one).text() })
    await same(async ({ Response }) => { const one = new Response(body(), { status: 418 }); const copy = one.clone(); return [await one.text(), await copy.text(), copy.status] })
    await same(async ({ Response }) => { const one = new Response(body(), { status: 201, headers: { a: 'b' } }); const next = new Response(one.body, one); return [next.status, [...next.headers], await next.text()] })
  })
  test.each([101, 199, 200, 204, 205, 304, 418, 599, 600, 1.5, NaN])('with status %s', async (status) => same(({ Response }) => { const it = new Response(body(), { status }); return [it.status, it.ok, it.statusText, it.type, it.url, it.redirected] }))
  test.each(['GET', 'get', 'HEAD', 'post', 'patch', 'PATCH', 'CONNECT', 'trace', 'Track', 'a b', '', 'x'])('with method %j', async (method) => same(({ Request }) => new Request('https://a.test/', { method, body: body(), duplex: 'half' } as RequestInit).method))
})
test.each(['https://a.test/a/../b?x=1#y', 'http://u:p@a.test/', '/relative', 'nonsense', 'https://a.test/%2e%2e/ä'])('the address %j is read or refused as Node does', async (url) => same(({ Request }) => new Request(url).url))
test.each(['fine', 'two\r\nlines', 'ä', 'Ā'])('the status text %j too', async (statusText) => same(({ Response }) => new Response(null, { statusText }).statusText))
test('a signal is handed on', () => {
  const control = new AbortController()
  const next = new ours.Request('https://a.test/b', new ours.Request('https://a.test/', { signal: control.signal }))
  control.abort()
  expect(next.signal.aborted).toBe(true)
})
test('what is made of nothing else is ours', () => {
  expect(ours.Response.json({ a: 1 }).headers.get('content-type')).toBe('application/json')
  expect(ours.Response.redirect('https://a.test/b').headers.get('location')).toBe('https://a.test/b')
  expect(() => ours.Response.redirect('https://a.test/b', 200)).toThrow(RangeError)
})
