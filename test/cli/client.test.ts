import { expect, test } from 'vitest'
import { createClient } from '../../functions/cli/client.ts'

/** A gate that answers with chunks of a megabyte until nobody reads any more; gives how many it made. */
function endless(most: number) {
  let made = 0
  const body = new ReadableStream<Uint8Array>({ pull: (control) => { if (made++ < most) control.enqueue(new Uint8Array(1024 * 1024)); else control.close() } }, { highWaterMark: 0 })
  return { client: createClient({ url: 'https://gate.example', token: null, fetch: async () => new Response(body) }), made: () => made }
}

test('a document without end is not read to its end', async () => {
  const gate = endless(100_000)
  await expect(gate.client.bytes('/v1/audit/log/checkpoint')).rejects.toThrow('longer than any of a gate\'s')
  expect(gate.made()).toBeLessThan(70)
})

test('a long one is read whole, and an empty one is empty', async () => {
  const answer = await endless(20).client.bytes('/v1/audit/log/tile/entries/000')
  expect(answer.ok && answer.bytes.length).toBe(20 * 1024 * 1024)
  expect(await createClient({ url: 'https://gate.example', token: null, fetch: async () => new Response(null) }).bytes('/')).toEqual({ ok: true, bytes: new Uint8Array() })
})
