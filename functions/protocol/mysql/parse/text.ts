import { isUtf8 } from 'node:buffer'
import { isPlain } from '../quote.ts'
import type { Cursor } from './cursor.ts'

/** A text that is part of the syntax: a path, a separator, a pattern of SHOW. */
export function readText(cursor: Cursor): string {
  const token = cursor.peek()
  if (token.kind !== 'string') return cursor.fail('a text in quotes')
  cursor.take()
  return token.text
}

/** Also as x'…', where no introducer may stand: so it is printed. */
export function readBareText(cursor: Cursor): string {
  const token = cursor.peek()
  if (token.kind !== 'bytes' || token.hybrid) return readText(cursor)
  const bytes = Buffer.from(token.text, 'hex')
  if (!isUtf8(bytes)) return cursor.fail('a text in quotes')
  cursor.take()
  return bytes.toString()
}

/** Where the grammar takes only a text in quotes, so that no other way of writing it is left to us. */
export function readPlainText(cursor: Cursor): string {
  const { start, end } = cursor.peek()
  const text = readText(cursor)
  return isPlain(text) ? text : cursor.deny('strange_text', 'only plain ASCII without a backslash is understood here', { start, end })
}

/** (10,2), of as many numbers as the type takes. */
export function readSizes(cursor: Cursor, most: 0 | 1 | 2): { readonly size: number | null; readonly scale: number | null } {
  if (most === 0 || !cursor.isMark('(')) return { size: null, scale: null }
  const sizes = cursor.inParentheses(() => cursor.list(() => {
    const token = cursor.peek()
    if (token.kind !== 'number' || !/^\d{1,5}$/.test(token.text)) return cursor.fail('a whole number')
    cursor.take()
    return Number(token.text)
  }))
  if (sizes.length > most) cursor.fail('one size less')
  return { size: sizes[0] ?? null, scale: sizes[1] ?? null }
}
