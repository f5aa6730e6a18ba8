import { isUtf8 } from 'node:buffer'
import type { Refusal } from '../../../schema/refusal.ts'
import { type Token, unparsable, unsupported } from './token.ts'

/** Text and bytes as they are written. Escapes are those of the default `sql_mode`; how the server is set changes nothing, because print.ts never writes one. */
const plain = /[^'\\]+/y
/** `\%` and `\_` stay two characters: LIKE reads them. */
const escapes: Readonly<Record<string, string>> = { '0': '\0', b: '\b', n: '\n', r: '\r', t: '\t', Z: '\x1a', '%': '\\%', _: '\\_' }

/** `quote`: where the opening quote is; `start`: of the whole token. */
export function readString(sql: string, start: number, quote: number): Token | Refusal {
  const parts: string[] = []
  for (let at = quote + 1; at < sql.length;) {
    plain.lastIndex = at
    if (plain.test(sql)) { parts.push(sql.slice(at, plain.lastIndex)); at = plain.lastIndex; continue }
    if (sql.charAt(at) === '\\') {
      const next = String.fromCodePoint(sql.codePointAt(at + 1) ?? 0)
      parts.push(escapes[next] ?? next)
      at += 1 + next.length
    } else if (sql.charAt(at + 1) === "'") {
      parts.push("'")
      at += 2
    } else return { kind: 'string', text: parts.join(''), start, end: at + 1 }
  }
  return unparsable('open_text', 'a text in quotes is not closed', { start, end: sql.length })
}

const introducer = /_([A-Za-z][A-Za-z0-9]*)[ \t\n\r]*(?='|[xX]'|0x)/y
const quotedBytes = /[xX]'([0-9A-Fa-f]*)'|[bB]'([01]+)'/y
const prefix = /[xXbB]'/y
const ours = /(?:[xX]'([0-9A-Fa-f]*)'|0x([0-9A-Fa-f]+)(?![0-9A-Za-z_$\u0080-\uffff]))/y

/** x'41', b'1' and _utf8mb4'…'; null where none begins here. */
export function readBytes(sql: string, start: number): Token | Refusal | null {
  introducer.lastIndex = start
  const set = introducer.exec(sql)
  if (set) return introduced(sql, start, start + set[0].length, set[1] ?? '')
  prefix.lastIndex = start
  if (!prefix.test(sql)) return null
  quotedBytes.lastIndex = start
  const match = quotedBytes.exec(sql)
  if (!match) return unparsable('strange_bytes', 'bytes are written as x\'…\' of hex digits or b\'…\' of 0 and 1', { start, end: start + 2 })
  const end = start + match[0].length
  const [, digits, bits] = match
  if (bits !== undefined) return { kind: 'bytes', text: BigInt(`0b${bits}`).toString(16).padStart(Math.ceil(bits.length / 8) * 2, '0').toUpperCase(), hybrid: true, start, end }
  if ((digits ?? '').length % 2) return unparsable('strange_bytes', 'an even number of hex digits is needed', { start, end })
  return { kind: 'bytes', text: (digits ?? '').toUpperCase(), hybrid: false, start, end }
}

/** _utf8mb4 before text or bytes: text in the character set that everything is sent in. */
function introduced(sql: string, start: number, at: number, set: string): Token | Refusal | null {
  if (set.toLowerCase() !== 'utf8mb4') return unsupported('introducer', `text with the character set \`${set}\` is not understood; write it plainly`, { start, end: at })
  if (sql.charAt(at) === "'") return readString(sql, start, at)
  ours.lastIndex = at
  const match = ours.exec(sql)
  const digits = match?.[1] ?? match?.[2] ?? ''
  const bytes = Buffer.from(digits, 'hex')
  const text = bytes.toString('utf8')
  // ill-formed UTF-8 is refused by one server and cut by another
  if (!match || digits.length % 2 || !isUtf8(bytes)) return unparsable('strange_bytes', 'these bytes are no UTF-8 text', { start, end: at + (match?.[0].length ?? 0) })
  return { kind: 'string', text, start, end: at + match[0].length }
}
