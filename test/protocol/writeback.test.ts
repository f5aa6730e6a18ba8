import { expect, test } from 'vitest'
import type { Used } from '../../schema/effects.ts'
import { judgeParameters, noteWritten, type Written } from '../../functions/protocol/writeback.ts'

const relation = { schema: 'shop', name: 'customers' }
const span = { start: 3, end: 7 }
function noted(texts: ReadonlyMap<string | number, typeof span | null>, classes: readonly string[] = ['pii.email']) {
  const [written, back]: [Written[], Used[]] = [[], []]
  noteWritten({ classes: { of: () => ({ plain: classes.map((dataClass) => ({ dataClass })) }), mask: (dataClass) => (dataClass === 'pii.born' ? 'year' : 'email') }, written, back: (use) => { back.push(use) } }, relation, { name: 'email' }, texts, span)
  return { written, back }
}

test('a constant that reads like the mask of its column is a use, at its own place or that of what is set', () => {
  expect(noted(new Map([['j***@example.com', null], ['ok@example.com', null], ['***', { start: 9, end: 12 }]])).back).toEqual([
    { resource: 'shop.customers', column: 'email', statement: 0, span, how: 'as a new value of email', dataClass: 'pii.email', back: 'mask' },
    { resource: 'shop.customers', column: 'email', statement: 0, span: { start: 9, end: 12 }, how: 'as a new value of email', dataClass: 'pii.email', back: 'mask' },
  ])
  expect(noted(new Map([['1984-01-01', null]]), ['pii.email']).back).toEqual([])
  expect(noted(new Map([['1984-01-01', null]]), ['pii.born']).back).toMatchObject([{ dataClass: 'pii.born' }])
  expect(noted(new Map([['call [redacted: credit-card]', null]]), []).back).toMatchObject([{ dataClass: 'credit-card', back: 'detector' }])
})

test('a parameter is judged with each call, by all that it may put into a row, and a class is told once', () => {
  const { written, back } = noted(new Map([[2, null]]))
  expect(back).toEqual([])
  const judged = (...texts: readonly string[]) => judgeParameters(written, (parameter) => (parameter === 2 ? texts : []))
  expect([judged(), judged('ok@example.com')]).toEqual([[], []])
  expect(judged('ok@example.com', 'j***@example.com', '***')).toMatchObject([{ dataClass: 'pii.email', back: 'mask', span }])
})
