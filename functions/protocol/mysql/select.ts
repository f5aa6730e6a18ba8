import type { Span } from '../../../schema/refusal.ts'
import { missing, unsupported } from '../refused.ts'
import type { Body, Expression, Item as ListItem, Limit, Locking, Order, Query, Select, SetOperation, Star } from './ast.ts'
import type { Tag } from './classes.ts'
import { spanIn } from './effects.ts'
import { expression, noPosition, window, type Analysis } from './expression.ts'
import { fromClause, sameTable } from './from.ts'
import { sources, withoutTold } from './group.ts'
import { endless, largest } from '../size.ts'
import { sizeOf } from './heavy.ts'
import { mayFail } from './relation.ts'
import { distinct, inner, itemNamed, resolve, spell, tagsOf, touch, type Col, type Scope } from './scope.ts'
import { withClause } from './with.ts'
import { commonForm, type Form } from './withhold.ts'

/**
 * A query → its output columns. A select-list entry that is nothing but a column keeps that column's classes; every other mention of a classified column is a use. `parent` is the level around it.
 */
export function query(a: Analysis, node: Query, parent: Scope): readonly Col[] {
  a.found.step(1)
  const level = withClause(a, node.with, { ...inner(parent), parent })
  if (node.body.kind === 'select') return select(a, node.body, level, node)
  const cols = body(a, node.body, level)
  if (node.locking.length > 0) throw unsupported('unknown_syntax', 'rows of a set operation cannot be locked', spanIn(level.frame, node.span))
  // Over a set operation a name is an output's, and nothing else.
  order(a, node.orderBy, cols, { ...level, outputs: cols })
  limit(a, node.limit, level)
  return cols
}
function body(a: Analysis, node: Body, level: Scope): readonly Col[] {
  switch (node.kind) {
    case 'select': return select(a, node, { ...level, items: [], cols: [] }, null)
    case 'query': return query(a, node, level)
    case 'set': return setOperation(a, node, level)
  }
}

/** `whole`: the query it is alone in, whose ORDER BY and LIMIT see its FROM. */
function select(a: Analysis, node: Select, level: Scope, whole: Query | null): readonly Col[] {
  const mark = a.found.log.length
  const scope: Scope = { ...level, ...fromClause(a, node.from, level), outputs: null }
  const reached = a.found.log.slice(mark)
  const cols = targets(a, node, scope)
  expression(a, node.where, scope, 'in a where clause')
  const seeing: Scope = { ...scope, outputs: cols }
  for (const item of withoutTold(a, node, cols, seeing)) sortBy(a, item, cols, seeing, 'in a group by')
  expression(a, node.having, seeing, 'in a having clause')
  for (const { window: definition } of node.windows) window(a, definition, scope)
  if (node.distinct) for (const col of cols) a.found.use(tagsOf([col]), 'under `distinct`', col.span ?? null)
  if (whole === null) return cols
  order(a, whole.orderBy, cols, seeing)
  limit(a, whole.limit, scope)
  for (const lock of whole.locking) lockRows(a, lock, scope, reached)
  return cols
}
/** Columns read as themselves, classes and origin kept; expressions, whose classes are uses of the statement or, in a view, belong to the output. A star is spelled out: what is printed is what was looked at. */
function targets(a: Analysis, node: Select, scope: Scope): Col[] {
  const { frame } = scope
  const cols: Col[] = []
  for (const item of node.items) {
    const span = spanIn(frame, item.span)
    if (item.kind === 'item') cols.push(target(a, item, scope))
    else {
      const stars = starOf(a, item, scope)
      a.found.replace(frame, item, stars.map((col): ListItem => ({
        kind: 'item', span: item.span, name: { text: col.name, span: item.span },
        expression: { kind: 'column', schema: null, table: col.at === null ? null : { text: col.at, span: item.span }, name: { text: col.name, span: item.span }, span: item.span },
      })))
      for (const col of stars) cols.push(plain(a, col, col.name, span, scope))
    }
    a.found.list(cols.length, span)
  }
  a.found.bring(cols.length, null)
  return cols
}
function starOf(a: Analysis, node: Star, scope: Scope): readonly Col[] {
  const span = spanIn(scope.frame, node.span)
  if (node.table === null) {
    if (scope.items.length === 0) throw missing('HY000', 'there is no table for `*`', span)
    return visible(scope, scope.cols)
  }
  const item = itemNamed(a.found, { ...scope, parent: null }, node.schema, node.table, span)
  return visible(scope, item.cols)
}
/** Invisible columns are read by name only. */
function visible({ items }: Scope, cols: readonly Col[]): readonly Col[] {
  const hidden = new Set(items.flatMap(({ relation, alias }) => (relation?.columns ?? []).filter(({ invisible }) => invisible).map(({ name }) => `${alias}\0${name}`)))
  return hidden.size === 0 ? cols : cols.filter(({ at, name }) => !hidden.has(`${at}\0${name}`))
}

function target(a: Analysis, item: ListItem, scope: Scope): Col {
  const span = spanIn(scope.frame, item.span)
  const { expression: value } = item
  if (value.kind === 'column') {
    const { col } = resolve(a.found, scope, value)
    const output = plain(a, col, item.name.text, span, scope)
    spell(a.found, scope, value, col)
    return output
  }
  const { found } = a
  const outer = found.sink
  if (scope.frame.view) found.sink = []
  const [, texts] = found.textsOf(() => expression(a, value, scope, null))
  const derived = scope.frame.view ? distinct(found.sink ?? []) : []
  found.sink = outer
  if (derived.length > 0 && mayFail(value)) found.use(derived, 'where a view computes it whether or not it is asked for', null)
  return { name: item.name.text, tags: [], derived, origin: null, json: false, unclassified: false, touch: null, at: null, texts, size: sizeOf(found, value, scope), span }
}
function plain(a: Analysis, col: Col, name: string, span: Span | null, scope: Scope): Col {
  touch([col])
  if (!scope.frame.view) a.found.use(col.derived, 'as computed from it', span)
  const output: Col = { ...col, name, derived: scope.frame.view ? col.derived : [], touch: null, at: null, span }
  sources.set(output, col)
  return output
}

// ---- group, order, limit: a name or a number may stand for an output column

function sortBy(a: Analysis, node: Expression, cols: readonly Col[], scope: Scope, how: string): void {
  if (node.kind === 'number' && /^\d+$/.test(node.text)) {
    const col = cols[Number(node.text) - 1]
    if (!col) throw missing('42S22', 'a position is not in the select list', spanIn(scope.frame, node.span))
    a.found.use(tagsOf([col]), how, col.span ?? null)
    return
  }
  noPosition(node, scope.frame)
  expression(a, node, scope, how)
}
function order(a: Analysis, orders: readonly Order[], cols: readonly Col[], scope: Scope): void {
  for (const one of orders) sortBy(a, one.expression, cols, scope, 'in an order by')
}
const limit = (a: Analysis, node: Limit | null, scope: Scope): void => { for (const part of [node?.count ?? null, node?.offset ?? null]) expression(a, part, scope, 'in a limit') }
/** The same for the rows that an UPDATE or a DELETE changes. */
export function chosenRows(a: Analysis, node: { readonly orderBy: readonly Order[]; readonly limit: Limit | null }, scope: Scope): void {
  for (const one of node.orderBy) { noPosition(one.expression, scope.frame); expression(a, one.expression, scope, 'in an order by') }
  limit(a, node.limit, scope)
}

function setOperation(a: Analysis, node: SetOperation, level: Scope): readonly Col[] {
  let cols = body(a, node.first, level)
  let empty = cols.map((_, i) => isNull(node.first, i))
  for (const { operator, all, operand } of node.rest) {
    const right = body(a, operand, level)
    if (right.length !== cols.length) throw missing('21000', 'each side of a set operation must have the same number of columns', spanIn(level.frame, node.span))
    const compares = !(operator === 'union' && all)
    cols = cols.map((col, i): Col => {
      const other = right[i]
      if (compares) a.found.use(tagsOf(other ? [col, other] : [col]), 'in a set operation that compares rows', col.span ?? null)
      else a.found.use(answering(a, col, other, isNull(operand, i), empty[i] === true), 'in one column with values that a hash mask would answer', col.span ?? null)
      return {
        name: col.name, tags: distinct([...col.tags, ...other?.tags ?? []]), derived: distinct([...col.derived, ...other?.derived ?? []]), origin: null, json: col.json && other?.json === true, unclassified: col.unclassified && other?.unclassified === true,
        touch: null, at: null, texts: a.found.joined(col.texts, other?.texts), size: largest([col.size ?? endless, other?.size ?? endless]), ...formed(empty[i] === true ? other?.form : isNull(operand, i) ? col.form : commonForm(col.form, other?.form)), span: col.span ?? null,
      }
    })
    empty = empty.map((is, i) => is && isNull(operand, i))
  }
  return cols
}

/** Equal values of a class stay equal under `hash`: whoever may put a value of his own into its column (`select ssn … union all select '123-45-6789'`) would try out one a row. So such a column holds this class from every side, or nothing. */
function answering({ found: { classes } }: Analysis, col: Col, other: Col | undefined, otherIsNull: boolean, colIsNull: boolean): readonly Tag[] {
  const alone = (mine: Col, theirs: Col | undefined) => mine.tags.filter(({ dataClass }) => classes.mask(dataClass) === 'hash' && !theirs?.tags.some((tag) => tag.dataClass === dataClass))
  return [...otherIsNull ? [] : alone(col, other), ...other === undefined || colIsNull ? [] : alone(other, col)]
}
const formed = (form: Form | undefined): { readonly form?: Form } => (form === undefined ? {} : { form })
function isNull(side: Body, index: number): boolean {
  if (side.kind !== 'select') return false
  const item = side.items[index]
  return side.items.every(({ kind }) => kind === 'item') && item?.kind === 'item' && item.expression.kind === 'null'
}

/** FOR UPDATE and the like: locks what FROM reached, inside views and derived tables too, or the named references. */
function lockRows(a: Analysis, node: Locking, scope: Scope, reached: readonly { readonly relation: { readonly schema: string; readonly name: string }; readonly frame: Scope['frame'] }[]): void {
  a.found.readOnly = false
  const locked = node.of.length === 0 ? reached : node.of.flatMap((name) => {
    const item = scope.items.find((one) => sameTable(a, one.name, name.text))
    if (!item) throw missing('42S02', `there is no table \`${name.text}\` to lock in this query`, spanIn(scope.frame, name.span))
    a.found.replace(scope.frame, name, { ...name, text: item.alias })
    return item.reached
  })
  for (const { relation, frame } of locked) a.found.access('lock', relation.schema, relation.name, frame, frame.view ? frame.place : node.span, false)
}
