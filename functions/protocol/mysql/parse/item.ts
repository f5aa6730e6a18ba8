import type { Body, Expression, Item, Name, Select, Star } from '../ast.ts'
import { maxNameLength } from '../token.ts'
import type { Cursor } from './cursor.ts'

/** What SELECT gives: expressions with a name each, and stars. */
export function readItems(cursor: Cursor): Select['items'] {
  const items: (Item | Star)[] = []
  do items.push(readItem(cursor, items.length + 1))
  while (cursor.acceptMark(','))
  return items
}

function readItem(cursor: Cursor, position: number): Item | Star {
  const { start } = cursor.peek()
  const star = readStar(cursor, position)
  if (star) return star
  const expression = cursor.expression()
  const written = cursor.spanFrom(start)
  const name = readAlias(cursor) ?? { text: impliedName(expression, cursor.slice(written), position), span: written }
  return { kind: 'item', expression, name, span: cursor.spanFrom(start) }
}

/** `*` alone stands first only, for both servers. */
function readStar(cursor: Cursor, position: number): Star | null {
  const { start } = cursor.peek()
  if (position === 1 && cursor.acceptMark('*')) return { kind: 'star', schema: null, table: null, span: cursor.spanFrom(start) }
  const dots = [1, 3].find((ahead) => cursor.isSymbol(cursor.peek(ahead), '.') && cursor.isSymbol(cursor.peek(ahead + 1), '*'))
  if (!cursor.isName() || !dots || !cursor.isSymbol(cursor.peek(1), '.')) return null
  const first = cursor.name('a table')
  const second = dots === 3 ? cursor.nameAfterDot() : null
  cursor.expectMark('.')
  cursor.expectMark('*')
  return { kind: 'star', schema: second ? first : null, table: second ?? first, span: cursor.spanFrom(start) }
}

function readAlias(cursor: Cursor): Name | null {
  const said = cursor.accept('as')
  const token = cursor.peek()
  if (token.kind === 'string') {
    if (!said) cursor.deny('text_as_name', 'write AS and a name in backticks', { start: token.start, end: token.end })
    if (!isPrintable(token.text)) cursor.fail('a name that can be written in backticks', token)
    return cursor.asName(cursor.take())
  }
  return said || cursor.isName() ? cursor.name('a name for the column') : null
}

const isPrintable = (name: string): boolean => name.length > 0 && name.length <= maxNameLength && !/[\0\x1a\ud800-\udfff]|^[\s\x01-\x1f\x7f-\x9f]|\s$/.test(name)

/** What both servers would call it: a column or a literal by itself, whatever parentheses it stands in, a text by what it says, else the expression as written. */
function impliedName(expression: Expression, text: string, position: number): string {
  const name = nameOf(expression, text)
  return isPrintable(name) ? name : `Name_exp_${position}`
}

function nameOf(expression: Expression, text: string): string {
  if (expression.kind === 'column') return expression.name.text
  if (expression.kind === 'number') return expression.text
  if (expression.kind === 'null') return 'NULL'
  if (expression.kind === 'boolean') return expression.value ? 'TRUE' : 'FALSE'
  const bytes = /^_\w+\s*[xX0]/.test(text)
  return expression.kind === 'string' && !bytes ? expression.value.trimStart() : text
}

/**
 * VALUES ROW(1,2),ROW(3,4) is a UNION ALL of selects, whose columns MySQL calls column_0, column_1. VALUES (1,2), as MariaDB has it, names them otherwise and means a column
 * of the row elsewhere, so it is not read.
 */
export function readRows(cursor: Cursor): Body {
  const { start } = cursor.expect('values')
  const rows = cursor.list((): Select => {
    const row = cursor.peek()
    cursor.expect('row')
    const values = cursor.inParentheses(() => cursor.list(cursor.expression))
    const items = values.map((expression, index): Item => ({ kind: 'item', expression, name: { text: `column_${index}`, span: expression.span }, span: expression.span }))
    return { kind: 'select', distinct: false, items, from: [], where: null, groupBy: [], rollup: false, having: null, windows: [], span: cursor.spanFrom(row.start) }
  })
  const [first, ...others] = rows
  if (!first) return cursor.fail('a row')
  if (others.length === 0) return first
  return { kind: 'set', first, rest: others.map((operand) => ({ operator: 'union', all: true, operand })), span: cursor.spanFrom(start) }
}
