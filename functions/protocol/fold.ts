/** Text as the detectors read it. `at[i]` is where `text[i]` began in what was folded. */
export interface Folded { readonly text: string; readonly at: readonly number[] }

/** Written for no eye: joiners, marks of direction, soft hyphens, variation selectors, tags. Between two digits they hide a number. */
const invisible = /[\p{Cf}\p{Mn}\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0]/u
const digit = /\p{Nd}/u
/** Letters of other scripts that look like Latin ones, and marks that look like `@`, `.`, `-` and a space. */
const lookalikes = new Map<string, string>()
for (const [latin, others] of Object.entries({
  a: 'аɑα', b: 'Ьƅ', c: 'сϲ', d: 'ԁ', e: 'еҽ', g: 'ɡ', h: 'һ', i: 'іɩı', j: 'јϳ', k: 'κк', l: 'ӏⅼ', m: 'ⅿм', n: 'ո', o: 'оοօ', p: 'рρ', q: 'ԛ', r: 'г', s: 'ѕ', t: 'т', u: 'υս', v: 'νѵ', w: 'ԝω', x: 'хχ', y: 'уγ', z: 'ᴢ',
  A: 'АΑ', B: 'ВΒ', C: 'С', E: 'ЕΕ', H: 'НΗ', I: 'ІΙ', J: 'Ј', K: 'КΚ', M: 'МΜ', N: 'Ν', O: 'ОΟ', P: 'РΡ', S: 'Ѕ', T: 'ТΤ', X: 'ХΧ', Y: 'УΥ', Z: 'Ζ',
  '@': '﹫', '.': '。․·‧∙⋅', '-': '‐‑‒–—―−﹘﹣ー', ' ': '\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t\n\r\v\f\u2028\u2029', ':': '։∶', _: '＿',
})) for (const other of others) lookalikes.set(other, latin)

/** Digits of every script, full-width forms and look-alikes become ASCII, what cannot be seen goes. Linear. */
export function fold(text: string): Folded {
  const out: string[] = []
  const at: number[] = []
  for (let index = 0; index < text.length;) {
    const code = text.codePointAt(index) ?? 0
    const char = String.fromCodePoint(code)
    const plain = code < 0x80 ? char : plainOf(char, code)
    if (plain !== '') {
      out.push(plain)
      for (let n = 0; n < plain.length; n++) at.push(index)
    }
    index += char.length
  }
  at.push(text.length)
  return { text: out.join(''), at }
}

function plainOf(char: string, code: number): string {
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0)
  const looks = lookalikes.get(char)
  if (looks !== undefined) return looks
  if (invisible.test(char)) return ''
  if (digit.test(char)) return String(digitValue(code))
  const wide = char.normalize('NFKC')
  return wide.length === 1 && wide.charCodeAt(0) < 0x80 ? wide : char
}

/** Every script's ten digits stand in a row that begins where the one before it is no digit; mathematical digits stand five rows in a row. */
function digitValue(code: number): number {
  if (code >= 0x1d7ce && code <= 0x1d7ff) return (code - 0x1d7ce) % 10
  let zero = code
  while (code - zero < 9 && digit.test(String.fromCodePoint(zero - 1))) zero--
  return code - zero
}
