import { expect, test } from 'vitest'
import { functions } from '../../infra/grants.ts'
import { placesOf } from '../../infra/places.ts'

test.each([[1000, 896], [500, 396], [204, 100], [100_000, 99_896]])('of %i places at most %i are reserved, some for each function and most for queries', (limit, most) => {
  const places = Object.entries(placesOf(limit) ?? {})
  expect(places.map(([name]) => name).sort()).toEqual(Object.keys(functions).sort())
  const sum = places.reduce((total, [, count]) => total + count, 0)
  expect(sum).toBeLessThanOrEqual(most + 4)
  expect(sum).toBeGreaterThan(most - 6)
  expect(Math.max(...places.map(([, count]) => count))).toBe(placesOf(limit)?.Http)
})
test.each([10, 100, 203])('of %i none', (limit) => { expect(placesOf(limit)).toBe(null) })
test.each([0, -1, 1.5, NaN])('%d is no limit', (limit) => { expect(() => placesOf(limit)).toThrow('SLUICE_CONCURRENCY') })
