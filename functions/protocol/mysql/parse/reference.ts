import type { ColumnType, Derived, Join, JsonColumn, JsonFallback, JsonTable, Name, Reference, Table } from '../ast.ts'
import type { Cursor } from './cursor.ts'
import { readPlainText, readSizes } from './text.ts'

/** FROM: references joined by commas, each of them joins from the left. Joins in joins want parentheses, because the servers' grammars are not the same there. */
export function readReferences(cursor: Cursor): readonly Reference[] {
  return cursor.list(() => readReference(cursor))
}

const joinWords = ['join', 'inner', 'cross', 'left', 'right', 'natural', 'straight_join', 'full'] as const

export function readReference(cursor: Cursor): Reference {
  const { start } = cursor.peek()
  let left = readFactor(cursor)
  while (cursor.is(...joinWords)) left = readJoin(cursor, left, start)
  return left
}

function readJoin(cursor: Cursor, left: Reference, start: number): Join {
  const natural = cursor.accept('natural')
  const crossed = !natural && cursor.accept('cross')
  const straight = !natural && !crossed && cursor.accept('straight_join')   // an order for the optimizer; the rows are those of JOIN
  const inner = !crossed && !straight && cursor.accept('inner')
  const type = crossed || straight || inner ? 'inner' : cursor.accept('left') ? 'left' : cursor.accept('right') ? 'right' : 'inner'
  if (type !== 'inner') cursor.accept('outer')
  if (!straight) cursor.expect('join')
  const right = readFactor(cursor)
  const join = { kind: 'join', type, natural, left, right } as const
  if (!natural && cursor.accept('on')) {
    if (crossed) cursor.deny('condition_of_cross_join', 'write JOIN where there is a condition', cursor.spanFrom(start))
    return { ...join, on: cursor.expression(), using: [], span: cursor.spanFrom(start) }
  }
  if (!natural && !crossed && cursor.accept('using')) {
    const using = cursor.inParentheses(() => cursor.list(() => cursor.name('a column')))
    return { ...join, on: null, using, span: cursor.spanFrom(start) }
  }
  // to which of two joins a later ON belongs, the servers say differently
  if (!natural && !crossed && (type !== 'inner' || cursor.is(...joinWords))) cursor.fail('ON or USING')
  return { ...join, on: null, using: [], span: cursor.spanFrom(start) }
}

function readFactor(cursor: Cursor): Reference {
  const { start } = cursor.peek()
  if (cursor.accept('lateral')) return readDerived(cursor, true, start)
  if (cursor.opensQuery()) return readDerived(cursor, false, start)
  if (cursor.isMark('(')) return cursor.inParentheses(() => readReference(cursor))
  if (cursor.is('json_table')) return readJsonTable(cursor)
  const table = readTable(cursor)
  if (cursor.isMark('(')) cursor.fail('a table')   // a function is none
  const alias = readTableAlias(cursor)
  while (cursor.is('use', 'force', 'ignore')) skipIndexHint(cursor)
  return { ...table, alias, span: cursor.spanFrom(start) }
}

/** USE | FORCE | IGNORE INDEX [FOR …] (names): which index serves is the server's to say, and which it may not take the analysis says. */
function skipIndexHint(cursor: Cursor): void {
  cursor.take()
  if (!cursor.accept('index', 'key')) cursor.fail('INDEX')
  if (cursor.accept('for') && !cursor.accept('join')) {
    if (!cursor.accept('order', 'group')) cursor.fail('JOIN, ORDER BY or GROUP BY')
    cursor.expect('by')
  }
  cursor.inParentheses(() => (cursor.isMark(')') ? [] : cursor.list(() => (cursor.is('primary') ? cursor.take() : cursor.name('an index')))))
}

/** A table without an alias. */
export function readTable(cursor: Cursor): Table {
  const first = cursor.name('a table')
  const second = cursor.isMark('.') ? cursor.nameAfterDot() : null
  return { kind: 'table', schema: second ? first : null, name: second ?? first, alias: null, span: cursor.spanFrom(first.span.start) }
}

export function readTableAlias(cursor: Cursor): Name | null {
  return cursor.accept('as') || cursor.isName() ? cursor.name('a name for the table') : null
}

function readDerived(cursor: Cursor, lateral: boolean, start: number): Derived {
  const query = cursor.queryInParentheses()
  const alias = readTableAlias(cursor) ?? cursor.fail('a name for the subquery')
  const columns = cursor.isMark('(') ? cursor.inParentheses(() => cursor.list(() => cursor.name('a column'))) : []
  return { kind: 'derived', lateral, query, alias, columns, span: cursor.spanFrom(start) }
}

function readJsonTable(cursor: Cursor): JsonTable {
  const { start } = cursor.expect('json_table')
  const inner = cursor.inParentheses(() => {
    const document = cursor.expression()
    cursor.expectMark(',')
    const path = readPlainText(cursor)
    return { document, path, columns: readJsonColumns(cursor) }
  })
  const alias = readTableAlias(cursor) ?? cursor.fail('a name for JSON_TABLE')
  return { kind: 'jsonTable', ...inner, alias, span: cursor.spanFrom(start) }
}

function readJsonColumns(cursor: Cursor): readonly JsonColumn[] {
  cursor.expect('columns')
  return cursor.inParentheses(() => cursor.list(() => readJsonColumn(cursor)))
}

function readJsonColumn(cursor: Cursor): JsonColumn {
  const { start } = cursor.peek()
  if (cursor.is('nested') && !cursor.isWord(cursor.peek(1), 'for')) {
    cursor.take()
    cursor.accept('path')
    const path = readPlainText(cursor)
    return { kind: 'nested', path, columns: readJsonColumns(cursor), span: cursor.spanFrom(start) }
  }
  const name = cursor.name('a column')
  if (cursor.accept('for')) {
    cursor.expect('ordinality')
    return { kind: 'ordinality', name, span: cursor.spanFrom(start) }
  }
  const type = readColumnType(cursor)
  if (cursor.accept('exists')) {
    cursor.expect('path')
    return { kind: 'exists', name, type, path: readPlainText(cursor), span: cursor.spanFrom(start) }
  }
  cursor.expect('path')
  const path = readPlainText(cursor)
  const first = readFallback(cursor)
  const onEmpty = first && cursor.accept('empty') ? first : null
  const second = onEmpty ? readFallback(cursor) : first
  if (second) cursor.expect('error')
  return { kind: 'value', name, type, path, onEmpty, onError: second, span: cursor.spanFrom(start) }
}

/** NULL ON, ERROR ON or DEFAULT 'x' ON, before EMPTY or ERROR. */
function readFallback(cursor: Cursor): JsonFallback | null {
  let found: JsonFallback
  if (cursor.accept('null')) found = { kind: 'null' }
  else if (cursor.accept('error')) found = { kind: 'error' }
  else if (cursor.accept('default')) found = { kind: 'default', value: readPlainText(cursor) }
  else return null
  cursor.expect('on')
  return found
}

const types: ReadonlyMap<string, readonly [name: ColumnType['name'], sizes: 0 | 1 | 2]> = new Map<string, readonly [ColumnType['name'], 0 | 1 | 2]>([
  ['int', ['int', 0]], ['integer', ['int', 0]], ['bigint', ['bigint', 0]], ['smallint', ['smallint', 0]], ['tinyint', ['tinyint', 0]], ['decimal', ['decimal', 2]], ['double', ['double', 0]],
  ['float', ['float', 0]], ['char', ['char', 1]], ['varchar', ['varchar', 1]], ['text', ['text', 0]], ['date', ['date', 0]], ['datetime', ['datetime', 1]], ['time', ['time', 1]], ['json', ['json', 0]],
])
function readColumnType(cursor: Cursor): ColumnType {
  const token = cursor.peek()
  const [name, sizes] = (token.kind === 'word' ? types.get(token.lower) : undefined) ?? []
  if (!name || sizes === undefined) return cursor.fail('a type')
  cursor.take()
  return { name, ...readSizes(cursor, sizes) }
}
