/**
 * One pass over the bytes of canonical JSON (RFC 8785) that makes no objects. Each of these gives where the value ends, or -1 where it is not sure, which is never a no: numbers with a fraction, rarer escapes, names
 * beyond ASCII are left to a slower reader. What they accept is spelt as canonical JSON spells it, if its bytes are UTF-8: `beyondAscii` says whether that is still to be asked.
 */
export function value(bytes: Uint8Array, at: number, depth: number): number {
  const first = bytes[at] ?? 0
  if (first === 0x22) return string(bytes, at)
  if (first === 0x7b) return depth > 100 ? -1 : object(bytes, at, depth)
  if (first === 0x5b) return depth > 100 ? -1 : array(bytes, at, depth)
  if (first === 0x2d || first >= 0x30 && first <= 0x39) return number(bytes, at)
  for (const word of words) if (first === word[0]) return spells(bytes, at, word) ? at + word.length : -1
  return -1
}
const words = ['null', 'true', 'false'].map((word) => Buffer.from(word))

let beyond = false
/** Whether a byte beyond ASCII was passed since this was last asked. */
export function beyondAscii(): boolean {
  const was = beyond
  beyond = false
  return was
}

export function string(bytes: Uint8Array, start: number): number {
  let passed = 0
  for (let at = start + 1; ; at++) {
    const code = bytes[at] ?? 0                                    // past the end: a control, and so not sure
    if (code > 0x22 && code !== 0x5c) {                            // as nearly always
      passed |= code
      continue
    }
    if (code === 0x22) {
      if (passed > 0x7f) beyond = true
      return at + 1
    }
    if (code < 0x20) return -1
    // The escapes canonical JSON has and that have no other spelling; those of other controls are rare, and readEntry's.
    if (code === 0x5c && escapes[bytes[++at] ?? 0] !== 1) return -1
  }
}
const escapes = new Uint8Array(256)
for (const code of Buffer.from('"\\bfnrt')) escapes[code] = 1

/** Whole numbers that ECMAScript writes as they are. */
function number(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === 0x2d ? start + 1 : start
  const first = at
  while ((bytes[at] ?? 0) >= 0x30 && (bytes[at] ?? 0) <= 0x39) at++
  const after = bytes[at] ?? 0
  if (at === first || at - first > 15 || bytes[first] === 0x30 && (at - first > 1 || first !== start)) return -1
  return after === 0x2c || after === 0x7d || after === 0x5d ? at : -1
}

function array(bytes: Uint8Array, start: number, depth: number): number {
  if (bytes[start + 1] === 0x5d) return start + 2
  for (let at = start + 1; ;) {
    at = value(bytes, at, depth + 1)
    if (at < 0) return -1
    const mark = bytes[at++]
    if (mark === 0x5d) return at
    if (mark !== 0x2c) return -1
  }
}

function object(bytes: Uint8Array, start: number, depth: number): number {
  if (bytes[start + 1] === 0x7d) return start + 2
  let [last, lastEnd] = [0, 0]
  for (let at = start + 1; ;) {
    const name = at + 1
    const end = nameEnd(bytes, at)
    if (end < 0 || last !== 0 && !before(bytes, last, lastEnd, name, end)) return -1
    at = value(bytes, end + 2, depth + 1)
    if (at < 0) return -1
    last = name
    lastEnd = end
    const mark = bytes[at++]
    if (mark === 0x7d) return at
    if (mark !== 0x2c) return -1
  }
}
/** Where the name that begins with this quote ends; a colon follows it. Names of ASCII without escapes: those sort by their bytes as canonical JSON sorts. */
export function nameEnd(bytes: Uint8Array, quote: number): number {
  if (bytes[quote] !== 0x22) return -1
  for (let at = quote + 1; ; at++) {
    const code = bytes[at] ?? 0
    if (code === 0x22) return bytes[at + 1] === 0x3a ? at : -1
    if (code < 0x20 || code > 0x7e || code === 0x5c) return -1
  }
}
/** Strictly: a name that comes twice is not canonical. */
export function before(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  for (let i = 0; ; i++) {
    if (a + i === aEnd) return b + i < bEnd
    if (b + i === bEnd) return false
    const [left, right] = [bytes[a + i] ?? 0, bytes[b + i] ?? 0]
    if (left !== right) return left < right
  }
}
/** Whether this stands here. */
export function spells(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}
