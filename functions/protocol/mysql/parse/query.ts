import type { Body, Entry, Limit, Locking, Query, Select, SetOperation, With } from '../ast.ts'
import type { Cursor } from './cursor.ts'
import { readItems, readRows } from './item.ts'
import { readReferences } from './reference.ts'
import { readOrderBy, readWindow } from './window.ts'

/** [WITH …] a body [ORDER BY …] [LIMIT …] [FOR …]. INTERSECT holds tighter than UNION and EXCEPT, which are taken from the left. */
export function readQuery(cursor: Cursor): Query {
  return cursor.deeper(() => {
    const { start } = cursor.peek()
    const before = readWith(cursor)
    return readQueryAfter(cursor, start, before)
  })
}

export function readQueryAfter(cursor: Cursor, start: number, before: With | null): Query {
  const body = readSet(cursor, ['union', 'except'], () => readSet(cursor, ['intersect'], () => readBody(cursor)))
  const orderBy = readOrderBy(cursor)
  const limit = readLimit(cursor)
  const locking = readLocking(cursor)
  // the parentheses of (SELECT …) alone say nothing
  if (body.kind === 'query' && !before && orderBy.length === 0 && !limit && locking.length === 0) return body
  const [lock] = locking
  if (lock && body.kind !== 'select') cursor.deny('lock_of_set', 'only a plain SELECT may lock rows', lock.span)
  return { kind: 'query', with: before, body, orderBy, limit, locking, span: cursor.spanFrom(start) }
}

type Operator = SetOperation['rest'][number]['operator']
function readSet(cursor: Cursor, operators: readonly Operator[], operand: () => Body): Body {
  const { start } = cursor.peek()
  const first = operand()
  const rest: SetOperation['rest'][number][] = []
  for (;;) {
    const operator = operators.find((one) => cursor.is(one))
    if (!operator) break
    cursor.take()
    const all = cursor.accept('all')
    if (!all) cursor.accept('distinct')
    rest.push({ operator, all, operand: operand() })
  }
  return rest.length === 0 ? first : { kind: 'set', first, rest, span: cursor.spanFrom(start) }
}

function readBody(cursor: Cursor): Body {
  if (cursor.isMark('(')) {
    const query = cursor.queryInParentheses()
    const bare = query.body.kind !== 'query' && !query.with && query.orderBy.length === 0 && !query.limit && query.locking.length === 0
    return bare ? query.body : query
  }
  if (cursor.is('table')) return readTableStatement(cursor)
  return cursor.is('values') ? readRows(cursor) : readSelect(cursor)
}

export function readWith(cursor: Cursor): With | null {
  const { start } = cursor.peek()
  if (!cursor.accept('with')) return null
  const recursive = cursor.accept('recursive')
  const entries = cursor.list((): Entry => {
    const name = cursor.name('a name for the query')
    const columns = cursor.isMark('(') ? cursor.inParentheses(() => cursor.list(() => cursor.name('a column'))) : []
    cursor.expect('as')
    const query = cursor.queryInParentheses()
    return { name, columns, query, span: cursor.spanFrom(name.span.start) }
  })
  return { recursive, entries, span: cursor.spanFrom(start) }
}

/** `empty`: what a SELECT is that only has a list. */
const empty = { distinct: false, from: [], where: null, groupBy: [], rollup: false, having: null, windows: [] } as const

function readSelect(cursor: Cursor): Select {
  const { start } = cursor.expect('select')
  skipHints(cursor)
  const distinct = cursor.accept('distinct', 'distinctrow')
  if (!distinct) cursor.accept('all')
  skipHints(cursor)
  const items = readItems(cursor)
  const from = cursor.accept('from') ? readFrom(cursor) : []
  const where = cursor.accept('where') ? cursor.expression() : null
  const groupBy = cursor.accept('group') ? (cursor.expect('by'), cursor.list(() => readGroup(cursor))) : []
  const rollup = groupBy.length > 0 && cursor.is('with') && (cursor.expect('with', 'rollup'), true)
  const having = cursor.accept('having') ? cursor.expression() : null
  const windows = cursor.accept('window') ? cursor.list(() => {
    const name = cursor.name('a window')
    cursor.expect('as')
    return { name, window: readWindow(cursor) }
  }) : []
  return { kind: 'select', distinct, items, from, where, groupBy, rollup, having, windows, span: cursor.spanFrom(start) }
}

/** Wishes for the optimizer, which say nothing of the rows: read and left out, as an index hint is. */
function skipHints(cursor: Cursor): void {
  while (cursor.accept('straight_join', 'sql_no_cache', 'sql_small_result', 'sql_big_result', 'sql_buffer_result', 'high_priority'));
}

function readFrom(cursor: Cursor): Select['from'] {
  return cursor.accept('dual') ? [] : readReferences(cursor)
}

function readGroup(cursor: Cursor) {
  const expression = cursor.expression()
  // see readOrder
  if (expression.kind === 'boolean') cursor.deny('constant_order', 'group by a column or an expression', expression.span)
  if (cursor.is('asc', 'desc')) cursor.deny('ordered_group', 'write ORDER BY to order groups', expression.span)
  return expression
}

/** TABLE t, which MariaDB has not, is SELECT * FROM t. */
function readTableStatement(cursor: Cursor): Select {
  const { start, end } = cursor.expect('table')
  const name = cursor.name('a table')
  const second = cursor.isMark('.') ? cursor.nameAfterDot() : null
  const span = cursor.spanFrom(start)
  return {
    kind: 'select', ...empty, items: [{ kind: 'star', schema: null, table: null, span: { start, end } }],
    from: [{ kind: 'table', schema: second ? name : null, name: second ?? name, alias: null, span: cursor.spanFrom(name.span.start) }], span,
  }
}

export function readLimit(cursor: Cursor): Limit | null {
  const { start } = cursor.peek()
  if (!cursor.accept('limit')) return null
  const first = readCount(cursor)
  if (cursor.acceptMark(',')) return { offset: first, count: readCount(cursor), span: cursor.spanFrom(start) }
  return { count: first, offset: cursor.accept('offset') ? readCount(cursor) : null, span: cursor.spanFrom(start) }
}

function readCount(cursor: Cursor): Limit['count'] {
  const token = cursor.peek()
  const span = { start: token.start, end: token.end }
  if (cursor.acceptMark('?')) return { kind: 'parameter', index: cursor.parameter(), span }
  if (token.kind !== 'number' || !/^\d{1,20}$/.test(token.text)) return cursor.fail('a whole number')
  cursor.take()
  return { kind: 'number', text: token.text, span }
}

function readLocking(cursor: Cursor): readonly Locking[] {
  const found: Locking[] = []
  while (cursor.is('for', 'lock')) {
    const { start } = cursor.peek()
    if (cursor.accept('lock')) {
      cursor.expect('in', 'share', 'mode')
      found.push({ strength: 'share', of: [], wait: null, span: cursor.spanFrom(start) })
      break
    }
    cursor.expect('for')
    const strength = cursor.accept('update') ? 'update' : (cursor.expect('share'), 'share')
    const of = cursor.accept('of') ? cursor.list(() => cursor.name('a table')) : []
    const wait = cursor.accept('nowait') ? 'nowait' : cursor.accept('skip') ? (cursor.expect('locked'), 'skip locked') : null
    found.push({ strength, of, wait, span: cursor.spanFrom(start) })
  }
  return found
}
