import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJson } from '../../functions/json.ts'

const reasonOf = (text: string) => { const parsed = parseJson(text); return parsed.ok ? null : parsed.refusal.reason }

test.each([
  ['a member twice', '{"sql":"a","sql":"b"}', 'duplicate_member'],
  ['a member twice, once escaped', '{"sql":"a","\\u0073ql":"b"}', 'duplicate_member'],
  ['a member twice, deep', '{"a":[{"b":{"c":1,"d":{},"c":2}}]}', 'duplicate_member'],
  ['a member twice around an object', '{"a":{"b":1},"b":2,"a":3}', 'duplicate_member'],
  ['__proto__', '{"__proto__":{"sql":"x"}}', 'reserved_member'],
  ['__proto__, escaped', '{"\\u005f_proto__":1}', 'reserved_member'],
  ['a 64-bit integer that a double rounds', '{"params":[9007199254740993]}', 'number_precision'],
  ['a negative one', '[-9007199254740993]', 'number_precision'],
  ['more digits than a double has', '[0.1000000000000000055]', 'number_precision'],
  ['a number that becomes infinity', '[1e400]', 'number_precision'],
  ['a number that becomes zero', '[1e-400]', 'number_precision'],
  ['65 levels', `${'['.repeat(65)}${']'.repeat(65)}`, 'too_deep'],
  ['half a megabyte of brackets', `${'['.repeat(250_000)}${']'.repeat(250_000)}`, 'too_deep'],
  ['no json', '{"sql": select}', 'not_json'],
  ['two values', '{} {}', 'not_json'],
  ['nothing', '', 'not_json'],
  ['NaN', '[NaN]', 'not_json'],
])('%s is refused', (_name, text, reason) => expect(reasonOf(text)).toBe(reason))

test.each([
  '{"a":{"b":1},"b":{"a":1}}', '[{"a":1},{"a":1}]', '["a","a"]', '{"a":"{\\"a\\":1,\\"a\\":2}"}', '{"\\"":1,"\\\\":2,"a":3}', '9007199254740991', '-0', '0.1', '1.50', '1e5', '0.30000000000000004',
  '{"constructor":1,"toString":2,"hasOwnProperty":3}', ' [ 1 , { } , [ ] ] ', `${'['.repeat(64)}${']'.repeat(64)}`, '"\\ud83d\\ude00"',
])('%s passes', (text) => expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) }))

test('what JSON.stringify writes comes back as it was', () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
    const text = JSON.stringify(value)
    const parsed = parseJson(text)
    if (parsed.ok) expect(JSON.stringify(parsed.value)).toBe(text)
    else expect(['reserved_member', 'number_precision']).toContain(parsed.refusal.reason)
  }), { numRuns: 500 })
})
