/**
 * What a person reading a text could miss or misread, found and named. A statement that is approved must be read as it will run: characters that
 * reorder, hide, or look like others are taken out of the text and given back as labelled marks, so that none of them reaches the page.
 * Unicode TR36, TR39, TR55.
 */
export type Oddity = 'order' | 'hidden' | 'control' | 'space' | 'lookalike' | 'stacked' | 'trailing' | 'gap' | 'rightToLeft'
/** `shown`: the characters themselves where they may be shown beside their label. A run of one kind is one mark, or a statement of them would be a page nobody can load. */
export interface Mark { readonly oddity: Oddity; readonly label: string; readonly shown: string; readonly times: number }
export type Part = string | Mark
export interface Line { readonly parts: readonly Part[]; readonly odd: Readonly<Partial<Record<Oddity, number>>> }

const names: Readonly<Record<number, string>> = {
  0x00: 'null', 0x07: 'bell', 0x08: 'backspace', 0x09: 'tab', 0x0a: 'line feed', 0x0b: 'vertical tab', 0x0c: 'form feed', 0x0d: 'carriage return', 0x1b: 'escape', 0x7f: 'delete', 0x85: 'next line',
  0xa0: 'no-break space', 0xad: 'soft hyphen', 0x34f: 'grapheme joiner', 0x61c: 'arabic letter mark', 0x115f: 'hangul filler', 0x1160: 'hangul filler', 0x180e: 'vowel separator',
  0x200b: 'zero-width space', 0x200c: 'zero-width non-joiner', 0x200d: 'zero-width joiner', 0x200e: 'left-to-right mark', 0x200f: 'right-to-left mark', 0x2028: 'line separator', 0x2029: 'paragraph separator',
  0x202a: 'left-to-right embedding', 0x202b: 'right-to-left embedding', 0x202c: 'end of direction', 0x202d: 'left-to-right override', 0x202e: 'right-to-left override', 0x202f: 'narrow no-break space',
  0x2060: 'word joiner', 0x2066: 'left-to-right isolate', 0x2067: 'right-to-left isolate', 0x2068: 'first strong isolate', 0x2069: 'end of isolate', 0x2800: 'blank braille', 0x3000: 'wide space',
  0x3164: 'hangul filler', 0xfeff: 'byte order mark', 0xffa0: 'hangul filler', 0xfffc: 'object replacement', 0xfffd: 'replacement character',
}
const order = /^\p{Bidi_Control}$/u
const hidden = /^(?:\p{Default_Ignorable_Code_Point}|\p{Cf}|\p{Variation_Selector}|[\p{Co}\p{Cs}\p{Cn}\u2800\ufffc\ufffd])$/u
const control = /^[\p{Cc}\p{Zl}\p{Zp}]$/u
const space = /^(?! )\p{Zs}$/u
const rightToLeft = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u
const word = /[\p{L}\p{M}\p{N}_$]+/gu
const latin = /\p{Script=Latin}/u
const likeLatin = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}\p{Script=Deseret}\p{Script=Old_Italic}\p{Script=Gothic}]/u
const foreign = /(?!\p{Script=Latin})\p{L}/u
/** Letters of other alphabets with the very shape of a Latin one: a word of nothing else reads as a Latin word. */
const twins = /^[аАвВеЕкКмМнНоОрРсСтТуУхХіІјЈѕЅԁԛԝһҺӏαΑΒΕΖΗΙΚΜΝΟοΡρΤΥυΧχνϲϳ\p{N}_$]+$/u
/** In code: what looks like a quote, a dash, a semicolon, a star or a letter of ASCII and is none. */
const codeTwins = /^[ıɑɡɩǀǃƖ\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u2018-\u201f\u2032-\u2037\u2039\u203a\u00b4\u2010-\u2015\u2212\u2043\u2044\u2215\u2217\u2219\u204e\u037e\u061b\u1802\ua78c\u02d7\u06d4]$/u
/** A run of blanks this long pushes what follows out of sight. */
const gapSpaces = 30
const longestRun = 4096
const stack = 2
/** Look-alikes named one by one in a run. */
const longestLabel = 12

/** One line of a text, without its line end. `code`: a statement, where look-alikes matter also alone; else a value or words, where people write as they like. */
export function readLine(line: string, code: boolean): Line {
  const odd: Partial<Record<Oddity, number>> = {}
  const parts: Part[] = []
  let plain = ''
  let combining = 0
  const likes = lookalikes(line, code)
  const push = (mark: Mark) => {
    odd[mark.oddity] = (odd[mark.oddity] ?? 0) + 1
    const last = plain === '' ? parts.at(-1) : undefined
    if (typeof last === 'object' && last.oddity === mark.oddity && (mark.oddity === 'lookalike' || last.label === mark.label)) {
      parts[parts.length - 1] = { ...last, shown: last.shown + mark.shown, times: last.times + 1, label: mark.oddity === 'lookalike' && last.times < longestLabel ? `${last.label} ${mark.label}` : last.label }
      return
    }
    if (plain !== '') parts.push(plain)
    plain = ''
    parts.push(mark)
  }
  for (let at = 0; at < line.length;) {
    const blanks = line[at] === ' ' || line[at] === '\t' ? /^[ \t]+/.exec(line.slice(at, at + longestRun))?.[0] ?? '' : ''
    const trailing = blanks !== '' && at + blanks.length === line.length
    if (trailing || blanks.length >= gapSpaces) {
      push({ oddity: trailing ? 'trailing' : 'gap', label: `${blanks.length} ${blanks.includes('\t') ? 'blank' : 'space'}${blanks.length === 1 ? '' : 's'}${trailing ? ' at the end' : ''}`, shown: '', times: 1 })
      at += blanks.length
      continue
    }
    const character = String.fromCodePoint(line.codePointAt(at) ?? 0)
    combining = /^\p{M}$/u.test(character) ? combining + 1 : 0
    const oddity = judge(character, likes.has(at), combining)
    if (oddity === null) plain += character
    else push({ oddity, label: label(character), shown: oddity === 'lookalike' ? character : '', times: 1 })
    if (character > '~' && rightToLeft.test(character)) odd.rightToLeft = (odd.rightToLeft ?? 0) + 1
    at += character.length
  }
  if (plain !== '') parts.push(plain)
  return { parts, odd }
}

function judge(character: string, lookalike: boolean, combining: number): Oddity | null {
  if (character === '\t' || (character >= ' ' && character <= '~')) return null
  if (order.test(character)) return 'order'
  if (control.test(character)) return 'control'
  if (hidden.test(character)) return 'hidden'
  if (space.test(character)) return 'space'
  if (combining > stack) return 'stacked'
  return lookalike ? 'lookalike' : null
}

/** Offsets of the characters that pass for others. */
function lookalikes(line: string, code: boolean): ReadonlySet<number> {
  const found = new Set<number>()
  if (/^[\t\x20-\x7e]*$/.test(line)) return found
  for (const { 0: text, index } of line.matchAll(word)) {
    const suspect = latin.test(text) ? (code ? foreign : likeLatin) : code && twins.test(text) && /\p{L}/u.test(text) ? foreign : null
    let at = index
    for (const character of text) {
      if (suspect?.test(character) || narrowed(character, code)) found.add(at)
      at += character.length
    }
  }
  if (code) {
    let at = 0
    for (const character of line) {
      if (codeTwins.test(character) || narrowed(character, true)) found.add(at)
      at += character.length
    }
  }
  return found
}

/** Full-width, mathematical, circled and other spellings of ASCII (compatibility forms). In words only letters count: `½` and `…` are how people write. */
function narrowed(character: string, code: boolean): boolean {
  if (character <= '~') return false
  const narrow = character.normalize('NFKC')
  return narrow !== character && (code ? /^[\x20-\x7e]+$/ : /^[A-Za-z]$/).test(narrow)
}

function label(character: string): string {
  const point = character.codePointAt(0) ?? 0
  const name = names[point] ?? (point >= 0xe0000 && point <= 0xe007f ? 'tag' : undefined)
  return `U+${point.toString(16).toUpperCase().padStart(4, '0')}${name === undefined ? '' : ` ${name}`}`
}

const words: Readonly<Record<Oddity, (n: number) => string>> = {
  order: (n) => `${n} ${n === 1 ? 'character that changes' : 'characters that change'} the order of reading`,
  hidden: (n) => `${n} invisible ${n === 1 ? 'character' : 'characters'}`,
  control: (n) => `${n} control ${n === 1 ? 'character' : 'characters'}`,
  space: (n) => `${n} unusual ${n === 1 ? 'space' : 'spaces'}`,
  lookalike: (n) => `${n} ${n === 1 ? 'character that looks' : 'characters that look'} like another`,
  stacked: (n) => `${n} stacked ${n === 1 ? 'accent' : 'accents'}`,
  trailing: (n) => `blanks at the end of ${n} ${n === 1 ? 'line' : 'lines'}`,
  gap: (n) => `${n} long ${n === 1 ? 'run' : 'runs'} of blanks or empty lines, and text after ${n === 1 ? 'it' : 'them'}`,
  rightToLeft: () => 'letters of a right-to-left script, shown here in the order they run',
}
const oddities = Object.keys(words) as readonly Oddity[]

/** Adds up lines; null where there is nothing to warn of. */
export function warning(lines: readonly Line[]): string | null {
  const found = oddities.flatMap((oddity) => {
    const count = lines.reduce((sum, line) => sum + (line.odd[oddity] ?? 0), 0) + (oddity === 'gap' ? emptyRuns(lines) : 0)
    return count === 0 ? [] : [words[oddity](count)]
  })
  return found.length === 0 ? null : found.join('; ')
}

/** As many empty lines in a row push what follows out of sight; they are shown as their number. */
export const emptyLines = 6
function emptyRuns(lines: readonly Line[]): number {
  let runs = 0
  let empty = 0
  for (const line of lines) {
    if (line.parts.length === 0) empty++
    else {
      if (empty >= emptyLines) runs++
      empty = 0
    }
  }
  return runs
}

export const readText = (text: string, code: boolean): readonly Line[] => text.split('\n').map((line) => readLine(line, code))
