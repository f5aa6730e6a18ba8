import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { strictest } from '../../../functions/protocol/held.ts'
import { maskerOf } from '../../../functions/protocol/postgres/masks.ts'
import type { Json } from '../../../functions/protocol/json.ts'
import { renderer, typeOf } from '../../../functions/protocol/postgres/render.ts'
import { maskNames, type MaskName } from '../../../schema/policy.ts'

const oid = { bool: 16, int4: 23, int8: 20, numeric: 1700, float8: 701, text: 25, texts: 1009, json: 114, jsonb: 3802, bytea: 17, date: 1082, dates: 1182, time: 1083, timestamp: 1114, timestamptz: 1184, interval: 1186, uuid: 2950, inet: 869 } as const
const mask = (name: MaskName, text: string, type = 25, key: string | null = 'k'.repeat(32)): Json => maskerOf(name, typeOf(type), 'pii.x', key)(text)

test.each<[MaskName, string, Json]>([
  ['redact', 'anything', '[redacted]'], ['redact', '', '[redacted]'], ['null', 'x', null], ['none', 'x', '[redacted]'],
  ['email', 'jane.doe@example.com', 'j***@example.com'], ['email', 'j@example.com', '***@example.com'], ['email', 'ünal@münchen.de', 'ü***@münchen.de'], ['email', '𝒿ane@example.com', '𝒿***@example.com'],
  ['email', 'jane', '***'], ['email', 'jane@', '***'], ['email', '@example.com', '***'], ['email', 'jane@localhost', '***'], ['email', 'a@b@c.de', '***'], ['email', 'Jane Doe <jane@example.com>', '***'],
  ['email', 'ssn 078-05-1120 @example.com', '***'], ['email', 'jane@exa mple.com', '***'], ['email', 'x\n@example.com', '***'], ['email', '\u{1f600}x@example.com', '***@example.com'], ['email', '', '***'],
  ['last4', '4111 1111 1111 1111', '****1111'], ['last4', '4111111111111111', '****1111'], ['last4', '078-05-1120', '****1120'], ['last4', '12345678', '****'], ['last4', '1111', '****'], ['last4', '', '****'], ['last4', '----------------1', '****'],
  ['last4', '４１１１１１１１１１１１１１１１', '****１１１１'], ['last4', '𝟜𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙𝟙', '****𝟙𝟙𝟙𝟙'],
  ['year', '1984-05-06', '1984-01-01'], ['year', '1984-05-06 10:00', '1984-01-01'], ['year', '06.05.1984', '[redacted]'], ['year', '1984', '[redacted]'], ['year', '1984-05-061', '[redacted]'],
])('%s of %j is %j', (name, text, shown) => expect(mask(name, text)).toEqual(shown))

describe('typed', () => {
  test('a mask never puts a string where the type says otherwise', () => {
    const sample: Readonly<Record<number, string>> = {
      [oid.bool]: 't', [oid.int4]: '42', [oid.int8]: '42', [oid.numeric]: '4.20', [oid.float8]: '4.2', [oid.json]: '{"a":"b"}', [oid.jsonb]: '"jane@example.com"', [oid.bytea]: '\\x00', [oid.date]: '1984-05-06',
      [oid.time]: '10:00:00', [oid.timestamp]: '1984-05-06 10:00:00', [oid.timestamptz]: '1984-05-06 10:00:00+00', [oid.interval]: '1 day', [oid.uuid]: 'b5c1e1f0-6a4e-4c4e-9b51-7d1f3f0c8a11', [oid.inet]: '10.0.0.1',
    }
    const form: Readonly<Record<number, RegExp>> = {
      [oid.int8]: /^\d{1,19}$/, [oid.numeric]: /^\d{1,19}$/, [oid.date]: /^1984-01-01$/, [oid.timestamp]: /^1984-01-01T00:00:00$/, [oid.timestamptz]: /^1984-01-01T00:00:00Z$/, [oid.uuid]: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    }
    for (const [type, text] of Object.entries(sample)) for (const name of maskNames) {
      const shown = mask(name, text, Number(type))
      if (shown !== null) expect([name, type, shown]).toEqual([name, type, expect.stringMatching(form[Number(type)] ?? /(?!)/)])
    }
  })
  test('a year survives as the first day of it, also before our era; forever shows nothing', () => {
    expect(mask('year', '1984-05-06', oid.date)).toBe('1984-01-01')
    expect(mask('year', '0044-03-15 BC', oid.date)).toBe('-000043-01-01')
    expect(mask('year', 'infinity', oid.date)).toBe(null)
    expect(mask('year', '{1984-05-06,NULL}', oid.dates)).toEqual(['1984-01-01', null])
  })
  test('arrays are masked by element, or hidden with their length', () => {
    expect(mask('email', '{jane@example.com,NULL,"{",{x@y.de}}', oid.texts)).toEqual(['j***@example.com', null, '***', ['***@y.de']])
    expect(mask('redact', '{a,b,c}', oid.texts)).toBe(null)
    expect(mask('email', 'broken', oid.texts)).toBe(null)
  })
})

describe('hash', () => {
  test('equal values of one class are equal, in every text and uuid, and nothing else is', () => {
    const of = (text: string, dataClass: string, key: string, type = 25) => maskerOf('hash', typeOf(type), dataClass, key)(text)
    expect(of('a', 'x', 'k')).toBe(of('a', 'x', 'k'))
    expect(new Set([of('a', 'x', 'k'), of('b', 'x', 'k'), of('a', 'y', 'k'), of('a', 'x', 'l'), of('xa', '', 'k')]).size).toBe(5)
    expect(of('5.00', 'x', 'k', oid.numeric)).toBe(of('5', 'x', 'k', oid.int8))
    expect(of('50', 'x', 'k', oid.int8)).not.toBe(of('5', 'x', 'k', oid.int8))
    expect(of('a', 'x', 'k')).toMatch(/^[0-9a-f]{32}$/)
  })
  test('without the key nothing is shown', () => expect(mask('hash', 'a', oid.text, null)).toBe(null))
})

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.emailAddress(), fc.string({ unit: fc.constantFrom('*', '@', '.', 'a', '4', ' ', '𝟙', '-') }), fc.date({ noInvalidDate: true }).map((date) => date.toISOString()))
test('masking a masked value changes nothing', () => {
  for (const name of maskNames.filter((one) => one !== 'hash')) fc.assert(fc.property(anyText, (text) => {
    const once = mask(name, text)
    if (typeof once === 'string') expect(mask(name, once)).toBe(once)
  }))
  expect(renderer(typeOf(oid.date))(String(mask('year', '1984-05-06', oid.date)))).toBe('1984-01-01')
})
test('last4 shows at most four letters or digits, email at most one before the @; neither splits a code point', () => {
  fc.assert(fc.property(anyText, (text) => {
    const [four, mail] = [String(mask('last4', text)), String(mask('email', text))]
    expect((four.match(/[\p{L}\p{N}]/gu) ?? []).length).toBeLessThanOrEqual(4)
    expect([...(mail.split('@')[0] ?? '').replaceAll('*', '')].length).toBeLessThanOrEqual(1)
    if (text.isWellFormed()) expect([four.isWellFormed(), mail.isWellFormed()]).toEqual([true, true])
  }))
})

test('of several masks the strictest holds, and two that differ show nothing', () => {
  const both = (a: MaskName, b: MaskName) => strictest([{ mask: a, dataClass: 'x' }, { mask: b, dataClass: 'y' }])?.mask
  expect(strictest([])).toBe(null)
  expect([both('email', 'last4'), both('email', 'email'), both('hash', 'hash'), both('null', 'email'), both('last4', 'null'), both('redact', 'null'), both('email', 'redact')])
    .toEqual(['redact', 'email', 'redact', 'null', 'null', 'null', 'redact'])
})
