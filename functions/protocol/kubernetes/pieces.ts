import { Unmaskable } from './scan.ts'

/** One value may have this many bytes: etcd takes 1.5 MiB, and a table's row or an aggregated server's item may be larger. */
const maxValueBytes = 8 * 1024 * 1024

/**
 * Finds where JSON values end in bytes that come in pieces. Knows brackets and strings, nothing else: who gets a value reads it strictly. Both kinds of streams are made of it: values
 * one behind the other (a watch), and the elements of one array (a list).
 */
export function createPieces() {
  let bytes: Buffer = Buffer.alloc(0)
  let [from, at, depth] = [0, 0, 0]                        // of what is not yet taken: its begin, how far it was looked through, and the brackets open there
  let [quoted, started] = [false, false]

  function add(chunk: Uint8Array): void {
    const rest = bytes.length - from
    bytes = rest === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([bytes.subarray(from), chunk])
    at -= from
    from = 0
  }
  /** The byte at hand, which begins nothing yet; -1: there is none. White space is passed over. */
  function peek(): number {
    while (from < bytes.length && isSpace(bytes[from] ?? 0)) from++
    if (at < from) at = from
    return bytes[from] ?? -1
  }
  function skip(): void {
    from++
    at = from
  }
  /** The whole value that begins here; null: its end has not come. */
  function take(): string | null {
    if (peek() === -1) return null
    const end = look()
    if (end === -1) {
      if (bytes.length - from > maxValueBytes) throw new Unmaskable('a value is too large')
      return null
    }
    const text = decoder.decode(bytes.subarray(from, end))
    from = at = end
    depth = 0
    started = quoted = false
    return text
  }
  function look(): number {
    while (at < bytes.length) {
      if (quoted) {
        const end = closingQuote(bytes, at, from)
        if (end === -1) { at = bytes.length; return -1 }
        at = end + 1
        quoted = false
        if (depth === 0) return at
        continue
      }
      const byte = bytes[at] ?? 0
      if (byte === 0x22) { quoted = true; started = true; at++; continue }
      if (byte === 0x7b || byte === 0x5b) { depth++; started = true } else if (byte === 0x7d || byte === 0x5d) {
        if (depth === 0) { if (started) return at; throw new Unmaskable('a bracket closes nothing') }
        if (--depth === 0) return ++at
      } else if (depth === 0) {
        if (started && (byte === 0x2c || byte === 0x3a || isSpace(byte))) return at
        if (byte === 0x2c || byte === 0x3a) throw new Unmaskable('a value is missing')
        started = true
      }
      at++
    }
    return -1
  }
  return { add, peek, skip, take, empty: () => peek() === -1 }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
/** The quote that ends a string under way at `at`; `from`: no backslash of it stands before. */
function closingQuote(bytes: Buffer, at: number, from: number): number {
  for (let end = bytes.indexOf(0x22, at); end !== -1; end = bytes.indexOf(0x22, end + 1)) {
    let before = end - 1
    while (before >= from && bytes[before] === 0x5c) before--
    if (((end - 1 - before) & 1) === 0) return end
  }
  return -1
}
