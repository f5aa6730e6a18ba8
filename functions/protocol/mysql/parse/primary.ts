import type { Column, Expression, Name, TemporalLiteral } from '../ast.ts'
import type { Token } from '../token.ts'
import { isBareFunction, isCollation, isReserved, isReservedFunction } from '../words.ts'
import type { Cursor } from './cursor.ts'
import { readCall } from './call.ts'
import { columnOf } from './column.ts'
import { isSpecial, readSpecial } from './special.ts'

/** What an operator stands beside: literals, columns, calls, CASE, subqueries and rows. COLLATE after it. */
export function readPrimary(cursor: Cursor): Expression {
  const { start } = cursor.peek()
  for (let operand = readBare(cursor); ;) {
    if (!cursor.accept('collate')) return operand
    operand = { kind: 'collate', operand, collation: readCollation(cursor), span: cursor.spanFrom(start) }
  }
}

function readCollation(cursor: Cursor): string {
  const token = cursor.peek()
  if (token.kind === 'word' && isCollation(token.lower)) { cursor.take(); return token.lower }
  if (token.kind === 'word' && !isReserved(token.lower)) return cursor.deny('unknown_collation', `the collation \`${token.text}\` is not understood`, { start: token.start, end: token.end })
  return cursor.fail('a collation')
}

function readBare(cursor: Cursor): Expression {
  const token = cursor.peek()
  const span = { start: token.start, end: token.end }
  switch (token.kind) {
    case 'number': cursor.take(); return { kind: 'number', text: token.text, span }
    case 'bytes': cursor.take(); return alone(cursor, { kind: 'bytes', hex: token.text, hybrid: token.hybrid, span })
    case 'string': cursor.take(); return alone(cursor, { kind: 'string', value: token.text, span })
    case 'quoted': return readName(cursor)
    case 'word': return readWord(cursor, token.lower)
    case 'symbol':
      if (cursor.acceptMark('?')) return { kind: 'parameter', index: cursor.parameter(), span }
      return token.text === '(' ? readParentheses(cursor) : cursor.fail('an expression')
    case 'end': return cursor.fail('an expression')
  }
}

/** `'a' 'b'` is one text to the servers and easily two to a reader. */
function alone<T extends Expression>(cursor: Cursor, literal: T): T {
  const next = cursor.peek()
  if (next.kind === 'string' || next.kind === 'bytes') cursor.deny('text_in_pieces', 'write text in one piece, and AS before the name of a column', { start: next.start, end: next.end })
  return literal
}

function readParentheses(cursor: Cursor): Expression {
  const { start } = cursor.peek()
  if (cursor.opensQuery()) {
    const query = cursor.queryInParentheses()
    return { kind: 'subquery', query, span: cursor.spanFrom(start) }
  }
  const items = cursor.inParentheses(() => cursor.list(cursor.expression))
  const [only] = items
  return only && items.length === 1 ? only : { kind: 'row', items, span: cursor.spanFrom(start) }
}

/** Reserved words that are more likely a forgotten expression before them than a name. */
const clauses = new Set(['and', 'as', 'asc', 'between', 'by', 'cross', 'desc', 'else', 'end', 'except', 'for', 'from', 'group', 'having', 'in', 'inner', 'intersect', 'is', 'join', 'like', 'limit', 'not', 'on', 'or', 'order', 'select', 'set', 'then', 'union', 'using', 'when', 'where', 'with', 'xor'])

function readWord(cursor: Cursor, word: string): Expression {
  const token = cursor.peek()
  const span = { start: token.start, end: token.end }
  const next = cursor.peek(1)
  if (word === 'null') { cursor.take(); return { kind: 'null', span } }
  if (word === 'true' || word === 'false') { cursor.take(); return { kind: 'boolean', value: word === 'true', span } }
  if ((word === 'date' || word === 'time' || word === 'timestamp') && next.kind === 'string') return readTemporal(cursor, word, next)
  if (word === 'case') return readCase(cursor)
  if (word === 'exists') {
    cursor.take()
    return { kind: 'exists', query: cursor.queryInParentheses(), span: cursor.spanFrom(token.start) }
  }
  if (word === 'row' && cursor.isSymbol(next, '(')) {
    cursor.take()
    const items = cursor.inParentheses(() => cursor.list(cursor.expression))
    return items.length > 1 ? { kind: 'row', items, span: cursor.spanFrom(token.start) } : cursor.fail('a second value of the row')
  }
  if (isSpecial(word) && (cursor.isSymbol(next, '(') || word === 'default')) return readSpecial(cursor, word)
  if (isBareFunction(word) || (isReservedFunction(word) && cursor.isSymbol(next, '('))) return readCall(cursor, null, cursor.asName(cursor.take()))
  return clauses.has(word) ? cursor.fail('an expression') : readName(cursor)
}

/** a, t.a, s.t.a, f(…), s.f(…), a->'$.path'. */
function readName(cursor: Cursor): Expression {
  const token = cursor.peek()
  const first = cursor.name('a column')
  if (cursor.isMark('(')) {
    // in backticks a built-in is another function, or not one at all
    if (token.kind === 'quoted') cursor.deny('quoted_function', 'the name of a function stands without backticks', first.span)
    return readCall(cursor, null, first)
  }
  const names: [Name, ...Name[]] = [first]
  while (cursor.isMark('.') && names.length < 3) names.push(cursor.nameAfterDot())
  if (cursor.isMark('(') && names.length === 2 && names[1]) return readCall(cursor, first, names[1])
  return readArrow(cursor, columnOf(cursor, names))
}

/** MySQL's own definition of the arrows, which MariaDB has not. */
function readArrow(cursor: Cursor, column: Column): Expression {
  if (!cursor.isMark('->', '->>')) return column
  const arrow = cursor.take()
  const path = cursor.peek()
  if (path.kind !== 'string') return cursor.fail('a path in quotes')
  cursor.take()
  const span = cursor.spanFrom(column.span.start)
  const mark = { start: arrow.start, end: arrow.end }
  const call = (name: string, ...of: readonly Expression[]): Expression => ({ kind: 'call', schema: null, name: { text: name, span: mark }, arguments: of, star: false, distinct: false, over: null, span })
  const extracted = call('json_extract', column, { kind: 'string', value: path.text, span: { start: path.start, end: path.end } })
  return arrow.text === '->' ? extracted : call('json_unquote', extracted)
}

function readCase(cursor: Cursor): Expression {
  const { start } = cursor.expect('case')
  return cursor.deeper(() => {
    const operand = cursor.is('when') ? null : cursor.expression()
    const branches: { when: Expression; result: Expression }[] = []
    do {
      cursor.expect('when')
      const when = cursor.expression()
      cursor.expect('then')
      branches.push({ when, result: cursor.expression() })
    } while (cursor.is('when'))
    const otherwise = cursor.accept('else') ? cursor.expression() : null
    cursor.expect('end')
    return { kind: 'case', operand, branches, otherwise, span: cursor.spanFrom(start) }
  })
}

const temporal = {
  date: /^\d{4}-\d{2}-\d{2}$/,
  time: /^-?\d{1,3}:\d{2}(:\d{2}(\.\d{1,6})?)?$/,
  timestamp: /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$/,
} as const
/** Only the plainest writing: the servers differ in the others they take. */
function readTemporal(cursor: Cursor, type: TemporalLiteral['type'], text: Token): Expression {
  const { start } = cursor.take()
  cursor.take()
  const span = cursor.spanFrom(start)
  if (!temporal[type].test(text.text)) cursor.deny('strange_date', `write it as ${{ date: '2024-01-31', time: '10:20:30', timestamp: '2024-01-31 10:20:30' }[type]}`, span)
  return { kind: 'temporal', type, value: text.text, span }
}
