import { expect, test } from 'vitest'
import type { ConnectionDocument } from '../../schema/policy.ts'
import { createReadings } from '../../functions/protocol/reading.ts'

const shop: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secret: 'shop-read' }
/** Readings of a target that is asked `calls` times, at a clock the test moves; `next` fails or holds the one to come. */
function world() {
  const state = { now: 1_000_000, calls: 0, next: null as Promise<void> | null }
  const readings = createReadings(async ({ name }) => { const turn = ++state.calls; const held = state.next; state.next = null; await held; return `${name} ${turn}` }, () => state.now)
  return { state, readings }
}

test('a target is read once, for as long as its document says the same of it', async () => {
  const { readings } = world()
  expect(await readings.current(shop)).toEqual({ known: 'shop 1', fresh: true })
  expect(await readings.current({ ...shop, limits: { rows: 5 }, detect: ['iban'] })).toMatchObject({ known: 'shop 1' })
  expect(await readings.current({ ...shop, name: 'other' })).toMatchObject({ known: 'other 2' })
})
test.each<[string, Partial<ConnectionDocument>]>([
  ['a class', { classify: { 'public.people.ssn': 'pii.ssn' } }], ['a mask', { mask: { '*': 'hash' } }], ['a path', { searchPath: ['shop'] }], ['a secret', { secret: 'another' }], ['secrets', { secrets: { read: 'another' } }], ['columns that were there', { known: { 'public.people': ['id'] } }],
])('another document is another reading: %s', async (_, more) => {
  const { readings } = world()
  await readings.current(shop)
  expect(await readings.current({ ...shop, ...more })).toMatchObject({ known: 'shop 2' })
  expect(await readings.current({ ...shop, ...more })).toMatchObject({ known: 'shop 2' })
})
test('it is fresh for a second from when it was begun to be read, and still good after', async () => {
  const { state, readings } = world()
  await readings.current(shop)
  state.now += 1000
  expect(await readings.current(shop)).toMatchObject({ fresh: true })
  state.now += 1
  expect(await readings.current(shop)).toEqual({ known: 'shop 1', fresh: false })
  const slow = world()
  slow.state.next = Promise.resolve().then(() => { slow.state.now += 30_000 })
  expect(await slow.readings.current(shop)).toMatchObject({ fresh: true })
})
test('it is read again when it is forgotten, or older than whoever asks will have', async () => {
  const { state, readings } = world()
  expect([await readings.within(shop, Infinity), await readings.within(shop, 0)]).toEqual(['shop 1', 'shop 1'])
  state.now += 2001
  expect([await readings.within(shop, 2001), await readings.within(shop, 2000), await readings.within(shop, Infinity)]).toEqual(['shop 1', 'shop 2', 'shop 2'])
  readings.forget('shop')
  expect(await readings.current(shop)).toMatchObject({ known: 'shop 3' })
})
test('a reading that fails is told to all who wait for it and kept for nobody', async () => {
  const { state, readings } = world()
  state.next = Promise.reject(new Error('no way'))
  const both = await Promise.allSettled([readings.current(shop), readings.current(shop)])
  expect([both.map(({ status }) => status), state.calls]).toEqual([['rejected', 'rejected'], 1])
  expect(await readings.current(shop)).toMatchObject({ known: 'shop 2' })
})
test('one that fails late does not take away the one that was begun meanwhile', async () => {
  const { state, readings } = world()
  let fail: (error: Error) => void = () => {}
  state.next = new Promise((_, reject) => { fail = reject })
  const first = readings.current(shop)
  readings.forget('shop')
  expect(await readings.current(shop)).toMatchObject({ known: 'shop 2' })
  fail(new Error('too late'))
  await expect(first).rejects.toThrow('too late')
  expect(await readings.current(shop)).toMatchObject({ known: 'shop 2' })
})
test('all who come while a document is replaced wait for one reading of it', async () => {
  const { state, readings } = world()
  await readings.current(shop)
  const newer = { ...shop, classify: { 'public.people.ssn': 'pii.ssn' } }
  const all = await Promise.all(Array.from({ length: 5 }, () => readings.current({ ...newer })))
  expect([all.map(({ known }) => known), state.calls]).toEqual([Array.from({ length: 5 }, () => 'shop 2'), 2])
})
