import type { Assignment, Delete, Insert, Name, Procedure, Rows, Table, Update, With } from '../ast.ts'
import { readColumnReference } from './column.ts'
import type { Cursor } from './cursor.ts'
import { readLimit } from './query.ts'
import { readReferences, readTable, readTableAlias } from './reference.ts'
import { readOrderBy } from './window.ts'

/** INSERT, REPLACE, UPDATE, DELETE and CALL. */
export function readInsert(cursor: Cursor): Insert {
  const { start } = cursor.peek()
  const replace = cursor.accept('replace')
  if (!replace) cursor.expect('insert')
  const ignore = !replace && cursor.accept('ignore')
  if (!cursor.accept('into') && !cursor.isName()) cursor.fail('INTO')
  const table = readTable(cursor)
  const insert = { kind: 'insert', replace, ignore, table } as const
  if (cursor.accept('set')) {
    const pairs = cursor.list(() => readSetting(cursor))
    const source: Rows = { kind: 'rows', rows: [pairs.map((pair) => pair.value)], span: cursor.spanFrom(start) }
    return { ...insert, columns: pairs.map((pair) => pair.column), source, alias: replace ? null : readRowAlias(cursor), onDuplicate: readOnDuplicate(cursor, replace), span: cursor.spanFrom(start) }
  }
  const columns = cursor.isMark('(') && !cursor.opensQuery() ? readColumns(cursor) : null
  const rows = cursor.is('values', 'value') && !cursor.isWord(cursor.peek(1), 'row')
  const source = rows ? readRows(cursor) : cursor.query()
  const alias = rows && !replace ? readRowAlias(cursor) : null
  return { ...insert, columns, source, alias, onDuplicate: readOnDuplicate(cursor, replace), span: cursor.spanFrom(start) }
}

function readColumns(cursor: Cursor): readonly Name[] {
  if (!cursor.isSymbol(cursor.peek(1), ')')) return cursor.inParentheses(() => cursor.list(() => readOwnColumn(cursor)))
  cursor.take()
  cursor.take()
  return []
}

/** A column of the table that is written; `t.a` says no more than `a` there, so it is not read. */
function readOwnColumn(cursor: Cursor): Name {
  const name = cursor.name('a column')
  return cursor.isMark('.') ? cursor.deny('qualified_column', 'columns of INSERT are written without their table', name.span) : name
}

function readSetting(cursor: Cursor) {
  const column = readOwnColumn(cursor)
  cursor.expectMark('=')
  return { column, value: cursor.expression() }
}

function readRows(cursor: Cursor): Rows {
  const { start } = cursor.take()
  const rows = cursor.list(() => cursor.isSymbol(cursor.peek(1), ')') ? (cursor.expectMark('('), cursor.expectMark(')'), []) : cursor.inParentheses(() => cursor.list(cursor.expression)))
  return { kind: 'rows', rows, span: cursor.spanFrom(start) }
}

function readRowAlias(cursor: Cursor): Insert['alias'] {
  if (!cursor.accept('as')) return null
  const name = cursor.name('a name for the row')
  return { name, columns: cursor.isMark('(') ? cursor.inParentheses(() => cursor.list(() => cursor.name('a column'))) : [] }
}

function readOnDuplicate(cursor: Cursor, replace: boolean): readonly Assignment[] {
  if (replace || !cursor.accept('on')) return []
  cursor.expect('duplicate', 'key', 'update')
  return readAssignments(cursor)
}

function readAssignments(cursor: Cursor): readonly Assignment[] {
  return cursor.list((): Assignment => {
    const column = readColumnReference(cursor)
    cursor.expectMark('=')
    return { column, value: cursor.expression(), span: cursor.spanFrom(column.span.start) }
  })
}

export function readUpdate(cursor: Cursor, before: With | null, start: number): Update {
  cursor.expect('update')
  const ignore = cursor.accept('ignore')
  const from = readReferences(cursor)
  cursor.expect('set')
  const assignments = readAssignments(cursor)
  const tail = readTail(cursor, from.length > 1 || from[0]?.kind !== 'table')
  return { kind: 'update', with: before, ignore, from, assignments, ...tail, span: cursor.spanFrom(start) }
}

function readTail(cursor: Cursor, several: boolean): Pick<Update, 'where' | 'orderBy' | 'limit'> {
  const where = cursor.accept('where') ? cursor.expression() : null
  if (several && cursor.is('order', 'limit')) cursor.fail('the end of a change of several tables')
  const orderBy = readOrderBy(cursor)
  const limit = readLimit(cursor)
  return limit?.offset ? cursor.deny('offset_of_change', 'LIMIT of a change has no offset', limit.span) : { where, orderBy, limit }
}

/** DELETE FROM t …, DELETE a, b FROM …, DELETE FROM a, b USING …; the last two are one. */
export function readDelete(cursor: Cursor, before: With | null, start: number): Delete {
  cursor.expect('delete')
  const ignore = cursor.accept('ignore')
  const head = { kind: 'delete', with: before, ignore } as const
  if (!cursor.accept('from')) {
    const targets = cursor.list(() => readTarget(cursor))
    cursor.expect('from')
    return { ...head, targets, from: readReferences(cursor), ...readTail(cursor, true), span: cursor.spanFrom(start) }
  }
  const first = readTarget(cursor)
  if (cursor.isMark(',') || cursor.is('using')) {
    const targets = [first]
    while (cursor.acceptMark(',')) targets.push(readTarget(cursor))
    cursor.expect('using')
    return { ...head, targets, from: readReferences(cursor), ...readTail(cursor, true), span: cursor.spanFrom(start) }
  }
  const alias = readTableAlias(cursor)
  return { ...head, targets: null, from: [{ ...first, alias, span: cursor.spanFrom(first.span.start) }], ...readTail(cursor, false), span: cursor.spanFrom(start) }
}

/** `t.*` is `t`. */
function readTarget(cursor: Cursor): Table {
  const first = cursor.name('a table')
  const starred = () => cursor.isMark('.') && cursor.isSymbol(cursor.peek(1), '*') && (cursor.take(), cursor.take(), true)
  const second = starred() || !cursor.isMark('.') ? null : cursor.nameAfterDot()
  if (second) starred()
  return { kind: 'table', schema: second ? first : null, name: second ?? first, alias: null, span: cursor.spanFrom(first.span.start) }
}

export function readProcedure(cursor: Cursor): Procedure {
  const { start } = cursor.expect('call')
  const first = cursor.name('a procedure')
  const second = cursor.isMark('.') ? cursor.nameAfterDot() : null
  const none = !cursor.isMark('(') || cursor.isSymbol(cursor.peek(1), ')')
  const values = none ? [] : cursor.inParentheses(() => cursor.list(cursor.expression))
  if (none && cursor.acceptMark('(')) cursor.expectMark(')')
  return { kind: 'procedure', schema: second ? first : null, name: second ?? first, arguments: values, span: cursor.spanFrom(start) }
}
