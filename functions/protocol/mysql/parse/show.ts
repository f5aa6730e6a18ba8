import type { Explain, Show, Statement, Table } from '../ast.ts'
import type { Cursor } from './cursor.ts'
import { readTable } from './reference.ts'
import { readText } from './text.ts'

/** SHOW and DESCRIBE, of what Sluice answers from the catalog, and EXPLAIN of a statement. */
export function readShow(cursor: Cursor): Show {
  const { start } = cursor.expect('show')
  const done = <T>(show: T): T & { readonly span: Show['span'] } => ({ ...show, span: cursor.spanFrom(start) })
  if (cursor.accept('databases', 'schemas')) return done({ kind: 'show', what: 'databases', like: readLike(cursor) } as const)
  if (cursor.accept('create')) {
    if (!cursor.accept('table')) return denied(cursor, 'how a view or a routine is defined is not told; SHOW COLUMNS tells the columns of a view')
    return done({ kind: 'show', what: 'create table', table: readTable(cursor) } as const)
  }
  if (cursor.accept('index', 'indexes', 'keys')) return done({ kind: 'show', what: 'index', table: readTableFrom(cursor) } as const)
  const full = cursor.accept('full')
  if (cursor.accept('tables')) {
    const schema = cursor.accept('from', 'in') ? cursor.name('a database') : null
    return done({ kind: 'show', what: 'tables', full, schema, like: readLike(cursor) } as const)
  }
  if (cursor.is('warnings', 'errors')) return denied(cursor, 'warnings do not leave the server; what an error means is in the refusal')
  if (cursor.is('table') && cursor.isWord(cursor.peek(1), 'status')) return denied(cursor, 'SHOW TABLES tells which tables there are, and COUNT(*) how many rows')
  if (!cursor.accept('columns', 'fields')) return denied(cursor, 'SHOW DATABASES, TABLES, COLUMNS, INDEX and CREATE TABLE are answered, what tells of the server is not')
  const table = readTableFrom(cursor)
  return done({ kind: 'show', what: 'columns', full, table, like: readLike(cursor) } as const)
}

const denied = (cursor: Cursor, what: string): never => { const { kind, start, end } = cursor.peek(); return kind === 'word' ? cursor.deny('unsupported_show', what, { start, end }) : cursor.fail('DATABASES, TABLES, COLUMNS, INDEX or CREATE TABLE') }

/** FROM t, FROM s.t, FROM t FROM s. */
function readTableFrom(cursor: Cursor): Table {
  if (!cursor.accept('from', 'in')) cursor.fail('FROM')
  const table = readTable(cursor)
  if (!cursor.accept('from', 'in')) return table
  return { ...table, schema: cursor.name('a database'), span: cursor.spanFrom(table.span.start) }
}

function readLike(cursor: Cursor): string | null {
  return cursor.accept('like') ? readText(cursor) : null
}

/** EXPLAIN [FORMAT=JSON] statement; EXPLAIN t and DESCRIBE t are SHOW COLUMNS. */
export function readExplain(cursor: Cursor, statement: () => Statement): Explain | Show {
  const { start } = cursor.take()
  if (cursor.isName() && !cursor.is('format', 'extended', 'partitions')) return { kind: 'show', what: 'columns', full: false, table: readTable(cursor), like: null, span: cursor.spanFrom(start) }
  if (cursor.is('analyze')) cursor.deny('explain_analyze', 'EXPLAIN ANALYZE executes the statement; leave out ANALYZE', cursor.spanFrom(start))
  if (cursor.is('extended', 'partitions')) cursor.deny('explain_option', 'EXPLAIN and EXPLAIN FORMAT=JSON are understood; leave the word out', cursor.spanFrom(start))
  const format = cursor.accept('format') ? readFormat(cursor) : 'traditional'
  const explained = cursor.deeper(statement)
  switch (explained.kind) {
    case 'query': case 'insert': case 'update': case 'delete': return { kind: 'explain', format, statement: explained, span: cursor.spanFrom(start) }
    case 'procedure': case 'show': case 'explain': return cursor.deny('unsupported_explain', 'only SELECT, INSERT, REPLACE, UPDATE and DELETE have a plan', explained.span)
  }
}

function readFormat(cursor: Cursor): Explain['format'] {
  cursor.expectMark('=')
  if (cursor.accept('json')) return 'json'
  if (!cursor.accept('traditional')) cursor.fail('TRADITIONAL or JSON')
  return 'traditional'
}
