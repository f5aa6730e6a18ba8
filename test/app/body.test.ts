import { expect, test } from 'vitest'
import { readBody } from '../../functions/body.ts'

const json = { 'content-type': 'application/json' }
const post = (body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null, headers: Record<string, string> = json) => readBody(new Request('http://gate.test/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit))
const slugOf = async (read: ReturnType<typeof readBody>) => { const body = await read; return body.ok ? null : `${body.refusal.slug} ${body.refusal.reason}` }

/** A body that never ends, and says how much of it was taken. */
function endless(): { stream: ReadableStream<Uint8Array>; taken: () => number; cancelled: () => boolean } {
  let taken = 0
  let cancelled = false
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) { taken += 65_536; controller.enqueue(new Uint8Array(65_536).fill(32)) },
    cancel() { cancelled = true },
  })
  return { stream, taken: () => taken, cancelled: () => cancelled }
}

test('a body without a length is counted as it comes, and let go past the cap', async () => {
  const { stream, taken, cancelled } = endless()
  expect(await slugOf(post(stream))).toBe('too-large body_too_large')
  expect(taken()).toBeLessThan(1024 * 1024 + 4 * 65_536)
  expect(cancelled()).toBe(true)
})

test('a declared length past the cap is refused before a byte is read', async () => {
  const { stream, taken } = endless()
  expect(await slugOf(post(stream, { ...json, 'content-length': String(1024 * 1024 + 1) }))).toBe('too-large body_too_large')
  expect(taken()).toBeLessThanOrEqual(65_536)
})

test('a small declared length does not let a large body through', async () => {
  expect(await slugOf(post(`"${'a'.repeat(1024 * 1024)}"`, { ...json, 'content-length': '5' }))).toBe('too-large body_too_large')
})

test('a length that is no length is refused', async () => {
  expect(await slugOf(post('{}', { ...json, 'content-length': '-1' }))).toBe('too-large body_too_large')
})

test('exactly 1 MiB passes, one byte more does not', async () => {
  const text = (bytes: number) => `"${'a'.repeat(bytes - 2)}"`
  expect(await slugOf(post(text(1024 * 1024)))).toBeNull()
  expect(await slugOf(post(text(1024 * 1024 + 1)))).toBe('too-large body_too_large')
})

test.each([
  ['no content type', {}], ['a form', { 'content-type': 'application/x-www-form-urlencoded' }], ['text', { 'content-type': 'text/plain' }],
  ['another charset', { 'content-type': 'application/json; charset=utf-16' }], ['two types', { 'content-type': 'application/json, text/plain' }],
  ['a type that begins like json', { 'content-type': 'application/jsonp' }],
])('%s is refused', async (_name, headers) => expect(await slugOf(post(new TextEncoder().encode('{}'), headers))).toBe('invalid-request content_type'))

test.each(['gzip', 'br', 'deflate', 'gzip, identity', ''])('content-encoding %j is not decoded', async (encoding) => {
  expect(await slugOf(post('{}', { ...json, 'content-encoding': encoding }))).toBe('invalid-request content_encoding')
})

test('a body that is no utf-8 is refused', async () => expect(await slugOf(post(new Uint8Array([0x22, 0xff, 0xfe, 0x22])))).toBe('invalid-request not_utf8'))
test('a utf-8 encoded surrogate is no utf-8', async () => expect(await slugOf(post(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])))).toBe('invalid-request not_utf8'))
test('an empty body is refused', async () => expect(await slugOf(post(null))).toBe('invalid-request body_missing'))
test('a body that breaks off is refused', async () => {
  const stream = new ReadableStream<Uint8Array>({ pull(controller) { controller.error(new Error('reset')) } })
  expect(await slugOf(post(stream))).toBe('invalid-request body_broken')
})
test.each(['application/json', 'Application/JSON; charset=UTF-8', 'application/json;charset="utf-8"'])('%s is read', async (type) => {
  expect(await post('{"a":1}', { 'content-type': type })).toEqual({ ok: true, value: { a: 1 } })
})
