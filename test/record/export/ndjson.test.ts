import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ndjsonLine } from '../../../functions/record/export/ndjson.ts'
import { toldOf } from './events.ts'

test('an event is one line for every reader, and means what it meant', () => {
  const sql = 'select 1\n\r\u0085\u2028\u2029\v\f\u0000\u001b[2J\u009b31m\u202e\u200b\ud800 -- {"id":"evt_forged"}'
  const event = toldOf('intent', { statements: [{ sql, params: ['a\nb'] }] })
  const line = ndjsonLine(event)
  expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
  expect(line.endsWith('\n')).toBe(true)
  expect(JSON.parse(line)).toEqual(event)
})
test('whatever the text, the line reads back the same', () => {
  fc.assert(fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
    const line = ndjsonLine({ value, [text]: text })
    expect(line.indexOf('\n')).toBe(line.length - 1)
    expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify({ value, [text]: text })))
  }))
})
test('what is absent stays absent', () => {
  expect(JSON.parse(ndjsonLine({ id: 'evt_1', statements: undefined }))).toEqual({ id: 'evt_1' })
})
