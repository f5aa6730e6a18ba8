import type { Param } from '../../../schema/request.ts'

/**
 * A caller's value as the text PostgreSQL reads for a bound parameter; its type is left to the server, which knows what stands at `$n`. Never
 * part of the statement, so no spelling of a value can become SQL. Numbers as ECMAScript writes them, arrays as array literals (an object in
 * one as its JSON), objects as JSON. Text is taken as it is.
 */
export function bindText(value: Param): string | null {
  if (value === null) return null
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return arrayLiteral(value)
  return JSON.stringify(value)
}

/** What a value may put into a row: of an array any of its elements, which may be the whole value of one. */
export const boundTexts = (value: Param): readonly string[] => (Array.isArray(value) ? value.flatMap(boundTexts) : [bindText(value) ?? ''])

/** Every element is quoted: an unquoted `NULL`, brace or comma would mean something. */
function arrayLiteral(items: readonly Param[]): string {
  const parts = items.map((item) => {
    if (item === null) return 'NULL'
    if (Array.isArray(item)) return arrayLiteral(item)
    return `"${String(bindText(item)).replace(/[\\"]/g, '\\$&')}"`
  })
  return `{${parts.join(',')}}`
}
