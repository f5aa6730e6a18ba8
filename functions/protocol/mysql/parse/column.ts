import type { Column, Name } from '../ast.ts'
import type { Cursor } from './cursor.ts'

/** a, t.a or s.t.a, of its names. */
export function columnOf(cursor: Cursor, [first, second, third]: readonly [Name, ...Name[]]): Column {
  const span = cursor.spanFrom(first.span.start)
  if (third && second) return { kind: 'column', schema: first, table: second, name: third, span }
  return second ? { kind: 'column', schema: null, table: first, name: second, span } : { kind: 'column', schema: null, table: null, name: first, span }
}

export function readColumnReference(cursor: Cursor): Column {
  const names: [Name, ...Name[]] = [cursor.name('a column')]
  while (cursor.isMark('.') && names.length < 3) names.push(cursor.nameAfterDot())
  return columnOf(cursor, names)
}
