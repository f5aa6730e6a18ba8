import { expect, test } from 'vitest'
import { readText, warning } from '../../functions/console/marks.ts'
import { statement } from '../../functions/console/shown.ts'

const labels = (text: string, code = true) => readText(text, code).flatMap((line) => line.parts.flatMap((part) => typeof part === 'string' ? [] : [part.label]))
const shown = (text: string, code = true) => readText(text, code).map((line) => line.parts.map((part) => typeof part === 'string' ? part : part.shown).join('')).join('\n')

test('plain SQL is shown as it is, and warned of in nothing', () => {
  const sql = 'select id,\n\tname -- who\nfrom public.customers where name = \'Jérôme Łukasz Größe\''
  expect(shown(sql)).toBe(sql)
  expect(warning(readText(sql, true))).toBeNull()
})

test.each([
  ['\u202e', 'U+202E right-to-left override'], ['\u2066', 'U+2066 left-to-right isolate'], ['\u200f', 'U+200F right-to-left mark'], ['\u061c', 'U+061C arabic letter mark'],
  ['\u200b', 'U+200B zero-width space'], ['\u200d', 'U+200D zero-width joiner'], ['\ufeff', 'U+FEFF byte order mark'], ['\u00ad', 'U+00AD soft hyphen'], ['\u{e0041}', 'U+E0041 tag'], ['\ufe0f', 'U+FE0F'], ['\u{e0100}', 'U+E0100'],
  ['\u3164', 'U+3164 hangul filler'], ['\u2800', 'U+2800 blank braille'], ['\ue000', 'U+E000'], ['\ud800', 'U+D800'], ['\u0378', 'U+0378'],
  ['\0', 'U+0000 null'], ['\r', 'U+000D carriage return'], ['\u001b', 'U+001B escape'], ['\u0085', 'U+0085 next line'], ['\u2028', 'U+2028 line separator'], ['\v', 'U+000B vertical tab'],
  ['\u00a0', 'U+00A0 no-break space'], ['\u3000', 'U+3000 wide space'], ['\u2009', 'U+2009'],
])('%j never reaches the page and is named %s', (character, label) => {
  for (const code of [true, false]) {
    const text = `a${character}b`
    expect(labels(text, code)).toEqual([label])
    expect(shown(text, code)).toBe('ab')
    expect(warning(readText(text, code))).not.toBeNull()
  }
})

test.each([
  ['раураl', 'Cyrillic letters beside a Latin one'], ['сору', 'a word of Cyrillic look-alikes alone'], ['Αdmin', 'a Greek capital'], ['ａdmin', 'a full-width letter'], ['𝐚dmin', 'a mathematical letter'],
  ['pub\u0131ic', 'a dotless i'], ['1 ；', 'a full-width semicolon'], ['\u2019x\u2019', 'curly quotes that look like quotes'], ['\u2212\u2212 x', 'minus signs that look like a comment'], ['x \u037e', 'a Greek question mark'], ['ad\u043cin', 'one letter'],
])('%j is marked in a statement: %s', (text) => {
  expect(warning(readText(text, true))).toMatch(/look/)
})

test('in words people write as they like: other languages, curly quotes, fractions and emoji are no warning', () => {
  for (const text of ['Иван пишет о заказе', 'it’s “late” — ½ … ²', '東京 iPhone手機', 'caf\u0065\u0301', '😀', 'straße']) expect([text, warning(readText(text, false))]).toEqual([text, null])
  expect(warning(readText('раураl', false))).toMatch(/look/)
})

test('what is pushed out of sight is counted: runs of blanks, empty lines, blanks at the end', () => {
  expect(labels(`select 1;${' '.repeat(400)}drop`)).toEqual(['400 spaces'])
  expect(warning(readText(`select 1${'\n'.repeat(40)}; drop`, true))).toContain('1 long run of blanks or empty lines, and text after it')
  expect(labels('admin  ', false)).toEqual(['2 spaces at the end'])
  expect(labels('a\t', true)).toEqual(['1 blank at the end'])
})

test('letters of a right-to-left script are told of, stacked accents marked from the third on', () => {
  expect(warning(readText('select \'אב\'', true))).toContain('right-to-left')
  expect(readText(`a${'\u0301'.repeat(5)}`, true)[0]?.parts.at(-1)).toMatchObject({ label: 'U+0301', times: 3 })
})

test('nothing is ever cut: what is not marked is all there, also in 64 KB', () => {
  const sql = `select '${'é'.repeat(30_000)}', '${'x y '.repeat(1000)}end'`
  expect(shown(sql)).toBe(sql)
})

test('a run of one kind is one mark that says how many, so that a statement of nothing else is still a page', () => {
  const parts = readText(`a${'\u200b'.repeat(20_000)}b`, true)[0]?.parts
  expect(parts).toEqual(['a', { oddity: 'hidden', label: 'U+200B zero-width space', shown: '', times: 20_000 }, 'b'])
  expect(readText('раураl', true)[0]?.parts).toEqual([{ oddity: 'lookalike', label: 'U+0440 U+0430 U+0443 U+0440 U+0430', shown: 'раура', times: 5 }, 'l'])
  expect(warning(readText('\u200b\u200b', true))).toBe('2 invisible characters')
  for (const filler of ['\u200b'.repeat(21_000), '\n'.repeat(64_000), `a${'а'.repeat(31_000)}`, ' '.repeat(64_000)]) {
    const page = String(statement(`select 1${filler}; drop table x`, 'Statement'))
    expect(page.length).toBeLessThan(300_000)
    expect(page).toContain('drop table x')
  }
})
