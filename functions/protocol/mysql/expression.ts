import type { Span } from '../../../schema/refusal.ts'
import { isMasklike } from '../marks.ts'
import { missing, unsupported } from '../refused.ts'
import type { Bound, Call, Column, Expression, Order, Query, Statement, Window } from './ast.ts'
import type { Relation, Routine } from './catalog.ts'
import { spanIn, type Findings, type Frame } from './effects.ts'
import { weigh } from './heavy.ts'
import { findFunction } from './names.ts'
import { inner, resolve, spell, tagsOf, touch, type Col, type Scope } from './scope.ts'

/** Walks an expression. Whatever classified column stands in it is a use, told by the clause it stands in, or else by what is done to it. */
export interface Analysis {
  readonly found: Findings
  /** Analyses a query inside another; breaks the circle between expressions and queries. */
  readonly query: (a: Analysis, node: Query, parent: Scope) => readonly Col[]
  /** The parsed text of a view, or null where the parser refuses it. */
  readonly view: (relation: Relation) => Statement | null
}

/** `clause`: the words for where the expression stands; null in a select list, where the nearest operation is told instead. */
export function expression(a: Analysis, node: Expression | null, scope: Scope, clause: string | null): void {
  if (node === null) return
  a.found.step(1)
  const each = (nodes: readonly (Expression | null)[], how: string): void => { for (const one of nodes) expression(a, one, scope, clause ?? how) }
  switch (node.kind) {
    case 'null': case 'boolean': case 'number': case 'bytes': return
    case 'string': case 'temporal': return text(a, node.value, spanIn(scope.frame, node.span))
    case 'parameter': return a.found.text(node.index, spanIn(scope.frame, node.span))
    case 'column': return column(a, node, scope, clause ?? 'in an expression')
    case 'default': if (node.column) column(a, node.column, scope, clause ?? 'as an argument of default()'); return
    case 'inserted': return column(a, node.column, scope, clause ?? 'as an argument of values()')
    case 'unary': return each([node.operand], `under the operator \`${node.operator}\``)
    case 'binary': each([node.left, node.right], `under the operator \`${node.operator}\``); return weigh(a.found, node, scope)
    case 'logical': return each(node.operands, 'in a condition')
    case 'like': each([node.operand, node.pattern], 'under `like`'); return weigh(a.found, node, scope)
    case 'regexp': each([node.operand, node.pattern], 'under `regexp`'); return weigh(a.found, node, scope)
    case 'between': each([node.operand, node.low, node.high], 'under `between`'); return weigh(a.found, node, scope)
    case 'in': each([node.operand, ...node.list], 'under `in`'); return weigh(a.found, node, scope)
    case 'inQuery': each([node.operand], 'under `in`'); return valued(a, node.query, scope, clause)
    case 'is': return each([node.operand], `under \`is ${node.test}\``)
    case 'exists': a.found.textless(() => a.query(a, node.query, inner(scope))); return   // whether a row is there; its columns are not looked at
    case 'quantified': each([node.operand], 'in a comparison'); return valued(a, node.query, scope, clause)
    case 'subquery': return valued(a, node.query, scope, clause)
    case 'row': return each(node.items, 'in a row')
    case 'case': each([node.operand, ...node.branches.flatMap((branch) => [branch.when, branch.result]), node.otherwise], 'in a `case`'); return weigh(a.found, node, scope)
    case 'cast': each([node.operand], 'under a cast'); return weigh(a.found, node, scope)
    case 'transcode': each([node.operand], 'under `convert`'); return weigh(a.found, node, scope)
    case 'collate': return each([node.operand], 'under `collate`')
    case 'shift': return each([node.operand, node.amount], 'under an interval')
    case 'extract': return each([node.operand], 'as an argument of extract()')
    case 'trim': each([node.operand, node.remove], 'as an argument of trim()'); return weigh(a.found, node, scope)
    case 'timestampdiff': return each([node.from, node.to], 'as an argument of timestampdiff()')
    case 'call': return call(a, node, scope, clause)
    case 'groupConcat': each(node.arguments, 'as an argument of group_concat()'); sorted(a, node.orderBy, scope, clause ?? 'in the order of group_concat()'); return
    case 'match': return each([...node.columns, node.against], 'under `match`')
  }
}
function text({ found }: Analysis, value: string, span: Span | null): void {
  if (found.texts && isMasklike(value)) found.text(value, span)
}
function column(a: Analysis, node: Column, scope: Scope, how: string): void {
  const { col, others } = resolve(a.found, scope, node)
  for (const one of [col, ...others]) useColumn(a, one, how, spanIn(scope.frame, node.span))
  if (col.at === null && others.length === 0 && node.table === null) a.found.replace(scope.frame, node, { ...node, name: { ...node.name, text: col.name } })
  else spell(a.found, scope, node, col)
}
export function useColumn(a: Analysis, col: Col, how: string, span: Span | null): void {
  touch([col])
  a.found.use(tagsOf([col]), how, span)
  a.found.carry([col])
}
/** A subquery that stands for a value, or is looked through for one. */
function valued(a: Analysis, node: Query, scope: Scope, clause: string | null): void {
  const cols = a.found.textless(() => a.query(a, node, inner(scope)))
  a.found.carry(cols)
  a.found.use(tagsOf(cols), clause ?? 'in a subquery that stands for a value', spanIn(scope.frame, node.span))
}

function call(a: Analysis, node: Call, scope: Scope, clause: string | null): void {
  const { frame } = scope
  const name = node.name.text.toLowerCase()
  for (const argument of node.arguments) expression(a, argument, scope, clause ?? `as an argument of ${name}()`)
  if (node.over !== null && 'kind' in node.over) window(a, node.over, scope)
  weigh(a.found, node, scope)
  if (node.schema === null && (name === 'database' || name === 'schema') && node.arguments.length === 0 && !frame.view) {
    // the database of a name without one, which no session decides
    a.found.replace(frame, node, frame.schema === '' ? { kind: 'null', span: node.span } : { kind: 'string', value: frame.schema, span: node.span })
    return
  }
  const own = findFunction(a.found, frame, node)
  if (own === null) return
  if (node.star || node.distinct || node.over !== null) throw missing('42000', `\`${name}\` is no aggregate`, spanIn(frame, node.span))
  useRoutine(a, own, spanIn(frame, node.span))
  a.found.replace(frame, node, { ...node, schema: { text: own.schema, span: node.span }, name: { text: own.name, span: node.span } })
}
/** What a routine of the target's own gives back may hold any class, unless `classify` says otherwise. */
export function useRoutine({ found }: Analysis, own: Routine, span: Span | null): void {
  const vouched = found.classes.returned(`${own.schema}.${own.name}.${own.name}`)
  const classes = vouched === undefined ? found.classes.all : vouched === 'none' ? [] : [vouched]
  found.use(classes.map((dataClass) => ({ dataClass, resource: `${own.schema}.${own.name}`, column: '*' })), `in what ${own.name}() may return`, span)
}

export function window(a: Analysis, node: Window, scope: Scope): void {
  for (const part of node.partitionBy) { noPosition(part, scope.frame); expression(a, part, scope, 'in a window') }
  sorted(a, node.orderBy, scope, 'in a window')
  const bounds: readonly (Bound | null)[] = [node.frame?.start ?? null, node.frame?.end ?? null]
  for (const bound of bounds) if (bound !== null && 'value' in bound) expression(a, bound.value, scope, 'in a window')
}
function sorted(a: Analysis, orders: readonly Order[], scope: Scope, how: string): void {
  for (const order of orders) { noPosition(order.expression, scope.frame); expression(a, order.expression, scope, how) }
}
/**
 * A constant where rows are sorted or grouped is a position to one server and nothing to another, and a parameter would become one: `order by ?` with 2 sorts by the second column. A plain number is looked at by
 * select.ts before it comes here.
 */
export function noPosition(node: Expression, frame: Frame): void {
  if (isConstant(node)) throw unsupported('constant_order', 'rows cannot be sorted or grouped by a constant or a parameter; name a column, or an output by its number', spanIn(frame, node.span))
}
function isConstant(node: Expression): boolean {
  switch (node.kind) {
    case 'null': case 'boolean': case 'number': case 'string': case 'bytes': case 'temporal': case 'parameter': return true
    case 'unary': case 'collate': case 'cast': case 'transcode': return isConstant(node.operand)
    case 'binary': return isConstant(node.left) && isConstant(node.right)
    case 'column': case 'default': case 'inserted': case 'logical': case 'like': case 'regexp': case 'between': case 'in': case 'inQuery': case 'is': case 'exists': case 'quantified': case 'subquery': case 'row': case 'case':
    case 'shift': case 'extract': case 'trim': case 'timestampdiff': case 'call': case 'groupConcat': case 'match': return false
  }
}
