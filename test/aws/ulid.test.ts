import { expect, test } from 'vitest'
import { createIds } from '../../functions/aws/ulid.ts'
import { correctionId, dayOf, eventKey, firstIdAt, isEventId, outcomeId, timeOf } from '../../schema/item.ts'

test('ids carry their time, sort by it, and are never made twice', () => {
  let clock = Date.parse('2026-11-22T23:59:59.998Z')
  const id = createIds(() => clock)
  const ids = Array.from({ length: 5000 }, (_, i) => { if (i % 1000 === 0) clock++; return id('evt') })
  expect(new Set(ids).size).toBe(5000)
  expect(ids).toEqual(ids.toSorted())
  expect(timeOf(ids[0] ?? '')).toBe(Date.parse('2026-11-22T23:59:59.999Z'))
  expect(dayOf(ids.at(-1) ?? '')).toBe('2026-11-23')
  expect(ids.every(isEventId)).toBe(true)
  expect((ids[0] ?? '') >= firstIdAt(Date.parse('2026-11-22T23:59:59.999Z')) && (ids[0] ?? '') < firstIdAt(Date.parse('2026-11-23'))).toBe(true)
})

test('a clock that steps back does not bring an id that sorts before the last', () => {
  let clock = 1_000_000_000_000
  const id = createIds(() => clock)
  const first = id('evt')
  clock -= 5000
  expect(id('evt') > first).toBe(true)
})

test('two processes in one millisecond do not meet', () => {
  const [a, b] = [createIds(() => 1e12), createIds(() => 1e12)]
  const ids = Array.from({ length: 2000 }, (_, i) => (i % 2 ? a : b)('eval'))
  expect(new Set(ids).size).toBe(2000)
})

test('ids of one millisecond spread over the shards', () => {
  const id = createIds(() => 1e12)
  expect(new Set(Array.from({ length: 64 }, () => eventKey(id('evt')).pk)).size).toBe(16)
})

test('an outcome and its corrections have ids and a partition that follow from the intent\'s', () => {
  const id = createIds(() => 1e12)
  const intent = id('evt')
  const family = [outcomeId(intent), correctionId(intent, 1), correctionId(intent, 30)]
  expect(new Set([intent, ...family]).size).toBe(4)
  expect(new Set([intent, ...family].map((one) => eventKey(one).pk)).size).toBe(1)
  expect([intent, ...family]).toEqual([intent, ...family].toSorted())
  expect(() => correctionId(intent, 31)).toThrow(RangeError)
  expect(() => outcomeId(outcomeId(intent))).toThrow(RangeError)
  expect(() => outcomeId('evt_1')).toThrow(RangeError)
})
