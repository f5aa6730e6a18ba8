import fc from 'fast-check'
import { expect, test } from 'vitest'
import { iso } from '../../functions/record/draft.ts'

test('times are written as the language writes them, in any order, and what is no time is an error', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -62_000_000_000_000, max: 250_000_000_000_000 }), { minLength: 1 }), fc.integer({ min: 0, max: 2000 }), (times, step) => {
    for (const at of times.flatMap((time) => [time, time + step, time])) expect(iso(at)).toBe(new Date(at).toISOString())
  }))
  expect(() => iso(NaN)).toThrow(RangeError)
  expect(() => iso(9e15)).toThrow(RangeError)
})
