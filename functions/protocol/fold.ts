/** Text as the detectors read it. `at[i]` is where `text[i]` began in what was folded. */
export interface Folded { readonly text: string; readonly at: readonly number[] }

/**
 * Written for no eye, between two digits they hide a number: controls, joiners, marks of direction, soft hyphens, variation selectors, tags, fillers, also where Unicode has
 * assigned no character yet, private use, lone surrogates, noncharacters and what stands for a character that was lost.
 */
const invisible = /(?![\t-\r\u0085])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\ufffc\ufffd]/u
/** Drawn over or around the sign before it: accents, and the keys and circles of emoji digits. */
const drawnOver = /[\p{Mn}\p{Me}]/u
const dash = /\p{Pd}/u
/** How a terminal is told a colour, and to clear the line: what coloured output puts around a number. No longer than colours are, so that no number hides in one. */
const colour = /\u001b\[[\d;:]{0,12}[mK]/y
/** Circled digits that have no compatibility form; others have one with a stop, a comma or brackets, and are the digit that stands in it. */
const circled: readonly (readonly [from: number, to: number, first: number])[] = [[0x2776, 0x277e, 1], [0x2780, 0x2788, 1], [0x278a, 0x2792, 1], [0x24f5, 0x24fd, 1], [0x24ff, 0x24ff, 0], [0x1f10b, 0x1f10c, 0]]
const clothed = /^[(]?(\d)[).,]$/
const digit = /\p{Nd}/u
/** Letters of other scripts that look like Latin ones, and marks that look like `@`, `.`, `-` and a space. */
const lookalikes = new Map<string, string>()
for (const [latin, others] of Object.entries({
  a: 'аɑα', b: 'Ьƅ', c: 'сϲ', d: 'ԁ', e: 'еҽ', g: 'ɡ', h: 'һ', i: 'іɩı', j: 'јϳ', k: 'κк', l: 'ӏⅼ', m: 'ⅿм', n: 'ո', o: 'оοօ', p: 'рρ', q: 'ԛ', r: 'г', s: 'ѕ', t: 'т', u: 'υս', v: 'νѵ', w: 'ԝω', x: 'хχ', y: 'уγ', z: 'ᴢ',
  A: 'АΑ', B: 'ВΒ', C: 'С', E: 'ЕΕ', H: 'НΗ', I: 'ІΙ', J: 'Ј', K: 'КΚ', M: 'МΜ', N: 'Ν', O: 'ОΟ', P: 'РΡ', S: 'Ѕ', T: 'ТΤ', X: 'ХΧ', Y: 'УΥ', Z: 'Ζ',
  '@': '﹫', '.': '。․·‧∙⋅•', '-': '−⁻₋⁃˗➖ー', ' ': '\u0085\u2800\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u2028\u2029', ':': '։∶', _: '＿',
})) for (const other of others) lookalikes.set(other, latin)

/** Whether a text holds what `fold` takes away or puts `instead` of. */
export const hides = (text: string): boolean => invisible.test(text)

/**
 * Digits of every script, full-width forms and look-alikes become ASCII. What cannot be seen becomes `instead`: nothing, as the eye has it, or a space, because a program
 * may mean it to part two words (NUL, ESC, a zero-width space), and a key that was joined with its neighbour is none. Linear.
 */
export function fold(text: string, instead: '' | ' '): Folded {
  const out: string[] = []
  const at: number[] = []
  for (let index = 0; index < text.length;) {
    const code = text.codePointAt(index) ?? 0
    const char = code === 0x1b ? colourAt(text, index) : String.fromCodePoint(code)
    const plain = code < 0x7f && (code > 0x1f || (code > 8 && code < 14)) ? char : plainOf(char, code, instead)
    if (plain !== '') {
      out.push(plain)
      for (let n = 0; n < plain.length; n++) at.push(index)
    }
    index += char.length
  }
  at.push(text.length)
  return { text: out.join(''), at }
}

function colourAt(text: string, index: number): string {
  colour.lastIndex = index
  return colour.exec(text)?.[0] ?? '\u001b'
}

function plainOf(char: string, code: number, instead: string): string {
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0)
  const looks = lookalikes.get(char)
  if (looks !== undefined) return looks
  if (code === 0x1b || invisible.test(char)) return instead
  if (drawnOver.test(char)) return ''
  if (digit.test(char)) return String(digitValue(code))
  if (dash.test(char)) return '-'
  const row = circled.find(([from, to]) => code >= from && code <= to)
  if (row) return String(code - row[0] + row[2])
  const narrow = char.normalize('NFKC')
  return narrow.length === 1 && narrow.charCodeAt(0) < 0x80 ? narrow : clothed.exec(narrow)?.[1] ?? char
}

/** Every script's ten digits stand in a row that begins where the one before it is no digit; mathematical digits stand five rows in a row. */
function digitValue(code: number): number {
  if (code >= 0x1d7ce && code <= 0x1d7ff) return (code - 0x1d7ce) % 10
  let zero = code
  while (code - zero < 9 && digit.test(String.fromCodePoint(zero - 1))) zero--
  return code - zero
}
