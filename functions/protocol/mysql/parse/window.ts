import type { Bound, Frame, Order, Window } from '../ast.ts'
import type { Cursor } from './cursor.ts'
import { readUnit } from './unit.ts'

export function readOrder(cursor: Cursor): Order {
  const { start } = cursor.peek()
  const expression = cursor.expression()
  // one server counts TRUE as the first column, the other as a constant
  if (expression.kind === 'boolean') cursor.deny('constant_order', 'order by a column or an expression', expression.span)
  const descending = cursor.accept('desc')
  if (!descending) cursor.accept('asc')
  return { expression, descending, span: cursor.spanFrom(start) }
}

export function readOrderBy(cursor: Cursor): readonly Order[] {
  if (!cursor.accept('order')) return []
  cursor.expect('by')
  return cursor.list(() => readOrder(cursor))
}

/** ( [base] [PARTITION BY …] [ORDER BY …] [frame] ) */
export function readWindow(cursor: Cursor): Window {
  const { start } = cursor.peek()
  const inner = cursor.inParentheses(() => {
    const base = cursor.isName() ? cursor.name('a window') : null
    const partitionBy = cursor.accept('partition') ? (cursor.expect('by'), cursor.list(cursor.expression)) : []
    return { base, partitionBy, orderBy: readOrderBy(cursor), frame: readFrame(cursor) }
  })
  return { kind: 'window', ...inner, span: cursor.spanFrom(start) }
}

function readFrame(cursor: Cursor): Frame | null {
  if (!cursor.is('rows', 'range')) return null
  const { start } = cursor.peek()
  const unit = cursor.accept('rows') ? 'rows' : (cursor.expect('range'), 'range')
  if (!cursor.accept('between')) return { unit, start: readBound(cursor), end: null, span: cursor.spanFrom(start) }
  const first = readBound(cursor)
  cursor.expect('and')
  return { unit, start: first, end: readBound(cursor), span: cursor.spanFrom(start) }
}

function readBound(cursor: Cursor): Bound {
  if (cursor.accept('current')) {
    cursor.expect('row')
    return { kind: 'current row' }
  }
  if (cursor.accept('unbounded')) {
    if (cursor.accept('preceding')) return { kind: 'unbounded preceding' }
    cursor.expect('following')
    return { kind: 'unbounded following' }
  }
  const interval = cursor.accept('interval')
  const value = interval ? cursor.expression() : cursor.operand()
  const unit = interval ? readUnit(cursor) : null
  if (cursor.accept('preceding')) return { kind: 'preceding', value, unit }
  cursor.expect('following')
  return { kind: 'following', value, unit }
}
