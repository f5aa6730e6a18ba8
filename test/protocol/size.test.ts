import { expect, test } from 'vitest'
import { Refused } from '../../functions/protocol/refused.ts'
import { bytesWith, endless, largest, parameterSize, repeated, sized, sizeOfCommon, stored, sum, type Size } from '../../functions/protocol/size.ts'
import { heavyParameter, Scales } from '../../functions/protocol/weight.ts'

const [first, second] = [parameterSize(0), parameterSize(1)]
const many = sum(Array.from({ length: 1000 }, (_, index) => parameterSize(index)))
const often = (size: Size, n: number): Size => sum(Array.from({ length: n }, () => size))

test('a parameter counts as often as it goes in, and of several that may stand there the longest once', () => {
  expect(bytesWith(sum([first, second, first, sized(5)]), 100)).toBe(305)
  expect(bytesWith(largest([first, second, sized(5)]), 100)).toBe(105)
  expect(bytesWith(often(first, 10), 64)).toBe(640)
  expect(bytesWith(repeated(sized(7), 3), 0)).toBe(21)
  expect([repeated(endless, 0), repeated(sized(0), Infinity), repeated(first, 1)].map((size) => bytesWith(size, 10))).toEqual([0, 0, 10])
  expect(repeated(sum([first, sized(1)]), 2)).toEqual(endless)
})

test('what doubles forty times over is one size', () => {
  let size = first
  for (let i = 0; i < 40; i++) size = sum([size, size])
  expect([size.times, size.parameters]).toEqual([2 ** 40, new Set([0])])
})

test('two that may both be long are refused, also where parameters are as short as may be asked', () => {
  const reason = (one: Size, other: Size) => { try { new Scales().pair([one, other], 'strpos()', { start: 1, end: 2 }); return null } catch (error) { return error instanceof Refused ? error.refusal : error } }
  expect(reason(endless, stored)).toMatchObject({ slug: 'statement-unsupported', reason: 'too_heavy', span: { start: 1, end: 2 } })
  expect(reason(often(first, 10_000), often(first, 10_000))).toMatchObject({ reason: 'too_heavy' })
  expect([reason(endless, sized(128)), reason(sum([stored, stored]), sum([stored, stored])), reason(first, endless)]).toEqual([null, null, null])
  expect(reason(sum([stored, stored]), sum([stored, stored, sized(1)]))).toMatchObject({ reason: 'too_heavy' })
})

test('of a parameter the least that it may be is kept once, however often the statement says it', () => {
  const scales = new Scales()
  for (let i = 0; i < 3000; i++) scales.pair([first, sized(1)], 'strpos()', null)
  expect(scales.heavy).toEqual([{ parameter: 0, most: 65_536, what: 'strpos()', span: null }])
  scales.pair([endless, first], 'replace()', null)
  scales.pair([first, sized(1)], 'strpos()', null)
  expect(scales.heavy).toEqual([{ parameter: 0, most: 64, what: 'replace()', span: null }])
  const text = (param: unknown) => String(param)
  expect(heavyParameter(scales.heavy, ['x'.repeat(64), 'y'.repeat(99_999)], text)).toBeNull()
  expect(heavyParameter(scales.heavy, ['é'.repeat(33)], text)).toMatchObject({ reason: 'too_heavy', next: 'fix', detail: expect.stringMatching(/^parameter 1 is longer than 64 bytes, and replace\(\)/) })
})

test('of a value of more parameters than are told apart, each of the call may be no longer', () => {
  expect([many.times, many.parameters]).toEqual([1000, 'any'])
  const scales = new Scales()
  scales.pair([many, sized(1)], 'strpos()', null)
  expect(scales.heavy).toEqual([{ parameter: 'any', most: 65_536, what: 'strpos()', span: null }])
  expect(heavyParameter(scales.heavy, ['a', 'b'.repeat(65_537)], String)).toMatchObject({ detail: expect.stringMatching(/^parameter 2 is longer than 65536 bytes/) })
  expect(heavyParameter(scales.heavy, ['a', 'b'.repeat(65_536)], String)).toBeNull()
})

test('many that go through what may be long are refused, and a list of such by its length', () => {
  const over = (count: number, ...operands: readonly Size[]) => { const scales = new Scales(); try { for (let i = 0; i < count; i++) scales.over(operands, null); return true } catch { return false } }
  expect([over(100, endless), over(101, endless), over(100, endless, stored), over(100, endless, endless), over(101, sized(2_000_000), sized(2_000_000))]).toEqual([true, false, true, true, false])
  expect([over(1, ...Array.from({ length: 101 }, () => endless)), over(1, ...Array.from({ length: 102 }, () => endless)), over(5000, stored, sized(1024 * 1024))]).toEqual([true, false, true])
  expect([over(5000, often(first, 10)), over(101, often(first, 20))]).toEqual([true, false])
})

test('what a function of both engines makes of its arguments is never less than it can be, and as much as they like where no number is written out', () => {
  const bytes = (name: string, sizes: readonly Size[], length = Infinity) => { const size = sizeOfCommon(name, sizes, length); return size && bytesWith(size, 1000) }
  expect([bytes('left', [stored], 10), bytes('right', [sized(8)], 10), bytes('left', [endless]), bytes('left', [first], 300)]).toEqual([40, 8, Infinity, 1200])
  expect([bytes('repeat', [sized(3)], 4), bytes('repeat', [sized(3)]), bytes('repeat', [first], 2), bytes('repeat', [first], 1)]).toEqual([12, Infinity, Infinity, 1000])
  expect([bytes('lpad', [sized(1)], 10), bytes('rpad', [sized(1)])]).toEqual([40, Infinity])
  expect([bytes('replace', [sized(10), sized(1), sized(5)]), bytes('regexp_replace', [sized(10), sized(1)]), bytes('replace', [sized(10), sized(1), first])]).toEqual([50, 10, 1_310_720])
  expect(sizeOfCommon('left', [sum([endless, first])], Infinity)?.parameters).toEqual(new Set([0]))
  expect(bytes('concat_ws', [sized(2), sized(10), sized(20)])).toBe(36)
  expect([bytes('lower', [sized(1)]), bytes('', [])]).toEqual([null, null])
})
