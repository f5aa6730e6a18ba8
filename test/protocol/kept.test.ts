import { expect, test } from 'vitest'
import { Kept } from '../../functions/protocol/kept.ts'

const kept = (values: Kept<number>, ...keys: readonly string[]) => keys.filter((key) => values.get(key) !== undefined)

test('the oldest goes first, when there are too many', () => {
  const values = new Kept<number>(2)
  for (const key of ['a', 'b', 'a', 'c']) values.set(key, 1)
  expect(kept(values, 'a', 'b', 'c')).toEqual(['a', 'c'])
})
test('long ones make way for each other before they are many', () => {
  const values = new Kept<number>(2000, 100)
  const long = (letter: string) => letter.repeat(40)
  for (const key of ['x', long('a'), long('b'), long('c')]) values.set(key, 1)
  expect(kept(values, 'x', long('a'), long('b'), long('c'))).toEqual([long('b'), long('c')])
  values.set(long('b'), 2)
  values.set(long('c'), 2)
  expect(kept(values, long('b'), long('c'))).toHaveLength(2)
  values.set('z'.repeat(101), 3)
  expect(kept(values, long('b'), long('c'))).toEqual([])
})
test('what is kept is given as it was put, also what says nothing', () => {
  const values = new Kept<number>()
  values.set('', 0)
  expect([values.get(''), values.get('other')]).toEqual([0, undefined])
})
