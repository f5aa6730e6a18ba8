/** What a masker cannot read it does not pass on. */
export class Unmaskable extends Error {}
const stop = (what: string): never => { throw new Unmaskable(what) }

/** Past the closing quote of the string that begins at `at`; -1: it has no end yet. */
export function stringEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === 0x5c) before--
    if (((end - 1 - before) & 1) === 0) return end + 1
  }
  return -1
}
export function skipSpace(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at++
  }
}
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
/** Past the number or word at `at`. */
export function scalarEnd(text: string, at: number): number {
  scalar.lastIndex = at
  return scalar.test(text) ? scalar.lastIndex : stop('neither a value nor a string')
}
/** The text of the string literal between `start` and `end`, quotes included. */
export function stringAt(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1)
  return raw.includes('\\') ? String(JSON.parse(text.slice(start, end))) : raw
}

/** Past the value at `at`, whatever it is: by brackets alone, for whoever looks into it later reads it strictly. */
export function valueEnd(text: string, at: number): number {
  let depth = 0
  for (;;) {
    at = skipSpace(text, at)
    const code = text.charCodeAt(at)
    if (code === 0x22) at = stringEnd(text, at)
    else if (code === 0x7b || code === 0x5b) { depth++; at++; continue } else if (code === 0x7d || code === 0x5d) { depth--; at++ } else if (code === 0x2c || code === 0x3a) { if (depth === 0) stop('a value is missing'); at++; continue } else at = scalarEnd(text, at)
    if (at <= 0) stop('a string has no end')
    if (depth < 0) stop('a bracket closes nothing')
    if (depth === 0) return at
  }
}

export interface Slice { readonly key: string; readonly start: number; readonly end: number }
/** Members of the object that the text is, with where their values stand. Members named twice: Unmaskable. */
export function slicesOf(text: string): readonly Slice[] {
  let at = skipSpace(text, 0)
  if (text[at] !== '{') stop('not an object')
  const slices: Slice[] = []
  const keys = new Set<string>()
  at = skipSpace(text, at + 1)
  if (text[at] === '}') return closed(text, at, slices)
  for (;;) {
    const end = text[at] === '"' ? stringEnd(text, at) : -1
    if (end === -1) stop('a member has no name')
    const key = stringAt(text, at, end)
    if (keys.has(key)) stop('a member is there twice')
    keys.add(key)
    at = skipSpace(text, end)
    if (text[at] !== ':') stop('a member has no value')
    const start = skipSpace(text, at + 1)
    at = valueEnd(text, start)
    slices.push({ key, start, end: at })
    at = skipSpace(text, at)
    if (text[at] === '}') return closed(text, at, slices)
    if (text[at] !== ',') stop('an object has no end')
    at = skipSpace(text, at + 1)
  }
}
function closed(text: string, at: number, slices: readonly Slice[]): readonly Slice[] {
  return skipSpace(text, at + 1) >= text.length ? slices : stop('text behind the end')
}

/** The same text with each member's value replaced by what `show` makes of it. */
export function withMembers(text: string, slices: readonly Slice[], show: (key: string, value: string) => string): string {
  const parts: string[] = []
  let done = 0
  for (const { key, start, end } of slices) {
    const value = text.slice(start, end)
    const shown = show(key, value)
    if (shown === value) continue
    parts.push(text.slice(done, start), shown)
    done = end
  }
  return done === 0 ? text : parts.join('') + text.slice(done)
}

/** The array that the text is, with each element replaced by what `show` makes of it. `null` stays. */
export function withElements(text: string, show: (element: string) => string): string {
  if (text === 'null') return text
  let at = skipSpace(text, 0)
  if (text[at] !== '[') stop('not a list')
  const parts: string[] = []
  let done = 0
  at = skipSpace(text, at + 1)
  if (text[at] === ']') return text
  for (;;) {
    const start = at
    at = valueEnd(text, start)
    parts.push(text.slice(done, start), show(text.slice(start, at)))
    done = at
    at = skipSpace(text, at)
    if (text[at] === ']') return parts.join('') + text.slice(done)
    if (text[at] !== ',') stop('a list has no end')
    at = skipSpace(text, at + 1)
  }
}
