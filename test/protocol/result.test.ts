import { expect, test } from 'vitest'
import { makePermit } from '../../functions/decide/permit.ts'
import { maskedResult, type Shape } from '../../functions/protocol/result.ts'
import type { DetectorName, MaskName } from '../../schema/policy.ts'
import { widest } from '../contract/target.ts'

const shape = (more: Partial<Shape> = {}): Shape => ({ type: 'text', shown: [], clear: (text) => `clear ${text}`, masked: (mask, dataClass) => (text) => `${mask} ${dataClass} ${text}`, detecting: (detect) => detect.text, ...more })
function permit(masks: readonly (MaskName | null)[] = [], classes: readonly string[] = [], detect: readonly DetectorName[] = []) {
  const shown = classes.map((dataClass, output) => ({ dataClass, resource: 'public.people', column: 'email', statement: 0, span: null, output }))
  return makePermit({ accesses: [], shown, used: [], readOnly: true, fingerprint: '' }, { masks, revealed: [], detect, limits: widest })
}
const result = (names: readonly string[], ...rows: readonly (readonly (string | null)[])[]) => ({ names, rows, rowCount: rows.length, truncated: false })

test('a column that nobody accounted for is withheld, whatever it is called and whether or not anything is classified', () => {
  const masked = maskedResult(permit(), result(['id', 'secret', 'more'], ['1', 's', 'm']), [shape(), shape({ shown: null })], 'object')
  expect(masked.rows).toEqual([{ id: 'clear 1', secret: null, more: null }])
  expect(masked.columns).toEqual([{ name: 'id', type: 'text' }, { name: 'secret', type: 'text', masked: 'null' }, { name: 'more', type: 'unknown', masked: 'null' }])
})
test('cells beyond the columns are nobody\'s, and missing ones are NULL', () => {
  expect(maskedResult(permit(), result(['id', 'name'], ['1', '2', '3'], ['1']), [shape(), shape()], 'array').rows).toEqual([['clear 1', 'clear 2'], ['clear 1', null]])
})
test('a class comes under the mask that was decided, and under the strictest where there are several; where none was decided it is redacted', () => {
  const shapes = [shape({ shown: [0] }), shape({ shown: [1] }), shape({ shown: [0, 2] }), shape({ shown: [9] })]
  const masked = maskedResult(permit(['email', null, 'redact'], ['pii.email', 'pii.name', 'pii.ssn']), result(['a', 'b', 'c', 'd'], ['1', '2', '3', '4']), shapes, 'array')
  expect(masked.rows).toEqual([['email pii.email 1', 'clear 2', 'redact pii.ssn 3', 'redact unknown 4']])
  expect(masked.columns.map((column) => [column.class, column.masked])).toEqual([['pii.email', 'email'], ['pii.name', undefined], ['pii.email pii.ssn', 'redact'], ['unknown', 'redact']])
})
test('NULL stays NULL: no mask says what is there, and none what is not', () => {
  expect(maskedResult(permit(['hash'], ['pii.email']), result(['a'], [null]), [shape({ shown: [0] })], 'object').rows).toEqual([{ a: null }])
})
test('detectors look at what has no class, count what they found, and leave alone what somebody decided about', () => {
  const card = 'card 4111 1111 1111 1111'
  const shapes = [shape(), shape({ shown: [0] }), shape({ detecting: null })]
  const masked = maskedResult(permit([null], ['pci.pan'], ['credit-card']), result(['a', 'b', 'c'], [card, card, card], [card, null, null]), shapes, 'array')
  expect(masked.rows).toEqual([['card [redacted: credit-card]', `clear ${card}`, `clear ${card}`], ['card [redacted: credit-card]', null, null]])
  expect(masked.detected).toEqual({ 'credit-card': 2 })
  expect(maskedResult(permit(), result(['a'], [card]), [shape()], 'array')).not.toHaveProperty('detected')
})
test('no column takes another\'s place, in objects or through their prototype', () => {
  const masked = maskedResult(permit(), result(['a', 'a', '__proto__', 'constructor'], ['1', '2', '3', '4']), [shape(), shape(), shape(), shape()], 'object')
  expect(Object.entries(masked.rows[0] as object)).toEqual([['a', 'clear 1'], ['a_2', 'clear 2'], ['__proto__', 'clear 3'], ['constructor', 'clear 4']])
  expect(JSON.stringify(masked.rows)).toContain('"__proto__":"clear 3"')
  expect(maskedResult(permit(), result(['a', 'a'], ['1', '2']), [shape(), shape()], 'array').columns.map(({ name }) => name)).toEqual(['a', 'a'])
})
test('counts and the cut are those of what was run', () => {
  expect(maskedResult(permit(), { names: [], rows: [], rowCount: 7, truncated: true }, [], 'object')).toEqual({ columns: [], rows: [], rowCount: 7, truncated: true })
})
