import fc from 'fast-check'
import { expect, test } from 'vitest'
import { table } from '../../functions/cli/table.ts'
import { cut, visible, visibleJson, width } from '../../functions/cli/visible.ts'

/** What a terminal acts on, or a reader does not see. */
const acting = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u00ad\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

test.each([
  ['clear the screen', '\u001b[2J'], ['set the title', '\u001b]0;owned\u0007'], ['write the clipboard', '\u001b]52;c;cm0gLXJm\u0007'], ['a C1 sequence', '\u009b31m'], ['a device answer', '\u001bP$q\u001b\\'],
  ['back over it', 'rm -rf\u0008\u0008'], ['carriage return', 'safe\rowned'], ['a new line', 'one\ntwo'], ['right to left', 'a\u202eb'], ['isolates', '\u2066x\u2069'], ['zero width', 'a\u200bb'], ['a tag', 'a\u{e0041}b'],
  ['a hangul filler', 'a\u3164b'], ['half a pair', 'a\ud800b'], ['a soft hyphen', 'a\u00adb'], ['byte order mark', '\ufeffa'], ['interlinear', '\ufff9a'], ['variation selectors', 'a\ufe0fb\u{e0100}'], ['drawn as nothing, and not assigned yet', 'a\u2065b\u{e0fff}\ufff0'], ['a noncharacter', 'a\ufdd0'], ['a joiner of graphemes', 'a\u034fb'],
])('%s is shown, not done', (_name, text) => {
  expect(visible(text)).toMatch(/^[\x20-\x7e]*$/)
  expect(visible(text)).toContain('\\')
})

test.each(['Łódź', 'naïve', '東京', 'مرحبا', 'e\u0301', '🙂', 'a b', 'O\'Brien <x@y>'])('%s stays as it is', (text) => expect(visible(text)).toBe(text))

test('json made visible is the same json', () => {
  fc.assert(fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
    const shown = visibleJson(JSON.stringify({ value, text }, null, 2))
    expect(shown.replaceAll('\n', '')).not.toMatch(acting)
    expect(JSON.parse(shown)).toEqual(JSON.parse(JSON.stringify({ value, text })))
  }), { numRuns: 300 })
})

test('whatever rows and names hold, a table acts on nothing and fits', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 })
  fc.assert(fc.property(fc.array(text, { minLength: 1, maxLength: 6 }), fc.array(fc.array(fc.oneof(text, fc.jsonValue()), { maxLength: 6 }), { maxLength: 4 }), fc.integer({ min: 40, max: 120 }), (names, rows, columns) => {
    const lines = table(names, rows, columns).split('\n')
    for (const line of lines) {
      expect(line).not.toMatch(acting)
      expect(width(line)).toBeLessThanOrEqual(columns)
    }
  }), { numRuns: 300 })
})

test('a table to a file is never cut', () => expect(table(['a'], [['x'.repeat(500)]], null)).toContain('x'.repeat(500)))
test('a cut says so', () => expect([cut('abcdef', 4), cut('東京東京', 5), cut('abc', 3)]).toEqual(['abc…', '東京…', 'abc']))
test('wide signs count twice', () => expect([width('東京'), width('🙂'), width('e\u0301'), width('abc')]).toEqual([4, 2, 1, 3]))
test('null and an empty text are told apart', () => expect(table(['a', 'b'], [[null, '']], null)).toMatch(/∅$/m))
