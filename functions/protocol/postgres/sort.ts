import type { Node, SelectStmt } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import { missing, unsupported } from '../refused.ts'
import { expression, type Analysis } from './expression.ts'
import { makeType, strings } from './names.ts'
import { hasBareColumn, resolve, tagsOf, touch, type Col, type Item, type Scope } from './scope.ts'

/** Group, distinct, order and limit of a query: a name or a number may stand for an output column. A classified column in one is a use. */
export interface Target { readonly col: Col; readonly span: Span | null; /** How often it is written under its name in a sort or group is the server's to check. */ readonly expression: boolean; /** What FROM offers, where it is nothing but that. */ readonly source?: Col }

function outputOf(a: Analysis, node: Node | undefined, targets: readonly Target[], scope: Scope, inputFirst: boolean): readonly Target[] | null {
  if (node && 'A_Const' in node && node.A_Const.ival) {
    const target = targets[(node.A_Const.ival.ival ?? 0) - 1]
    if (!target) throw missing('42P10', 'a position is not in the select list', scope.frame.span(node.A_Const.location))
    return [target]
  }
  if (!node || !('ColumnRef' in node)) return null
  const fields = strings(node.ColumnRef.fields)
  const [name = '', more] = fields
  if (more !== undefined || (inputFirst && hasBareColumn({ ...scope, parent: null }, name, null))) return null
  const found = targets.filter((target) => target.col.name === name)
  return found.length > 0 ? found : null
}
function sortBy(a: Analysis, node: Node | undefined, targets: readonly Target[], scope: Scope, how: string, inputFirst: boolean): void {
  const outputs = outputOf(a, node, targets, scope, inputFirst)
  if (outputs) for (const output of outputs) a.found.use(tagsOf([output.col]), how, output.span)
  else expression(a, node, scope, how)
}

/**
 * Beside the whole primary key of its table a column adds nothing to a group, and the server takes it out of the GROUP BY before it plans (`remove_useless_groupby_columns`): it compares no value of it. So
 * `group by m.id, m.name, m.email` is `group by m.id`. It does so for plain columns of a table named at this level, without grouping sets: nothing else counts here. `test/protocol/postgres/group.test.ts` looks at its plans.
 */
export function group(a: Analysis, { groupClause: items = [], groupDistinct }: SelectStmt, targets: readonly Target[], scope: Scope): void {
  const plain = groupDistinct !== true && !items.some((item) => 'GroupingSet' in item)
  const sources = items.map((item) => (plain ? sourceOf(a, item, targets, scope) : null))
  const told = new Set(scope.items.flatMap((item) => toldByKey(a, item, sources)))
  for (const [i, item] of items.entries()) {
    const source = sources[i]
    if (!source?.touch || !told.has(source.touch)) { groupItem(a, item, targets, scope); continue }
    touch([source])
    if (source.type > 0) makeType(a.found, scope.frame, source.type, null, false)
  }
}
/** What FROM offers, where the item is nothing but that. */
function sourceOf(a: Analysis, item: Node, targets: readonly Target[], scope: Scope): Col | null {
  const outputs = outputOf(a, item, targets, scope, true)
  if (outputs) return outputs.length === 1 ? outputs[0]?.source ?? null : null
  if (!('ColumnRef' in item) || item.ColumnRef.fields?.some((field) => !('String' in field))) return null
  const target = resolve(a.found, scope, strings(item.ColumnRef.fields), scope.frame.span(item.ColumnRef.location))
  return target.kind === 'column' ? target.col : null
}
/** Of one reference of a table, the columns that its key among `sources` says all about. A column is known by its `touch`: two references of a table have each their own, and what a join computes has another. */
function toldByKey({ found }: Analysis, item: Item, sources: readonly (Col | null)[]): readonly (() => void)[] {
  const relation = item.oid === null ? undefined : found.catalog.relations.get(item.oid)
  if (!relation || relation.key.length === 0) return []
  const own = item.cols.flatMap(({ touch: mark, origin }) => (mark === null || origin === null ? [] : [{ mark, attnum: origin.column }]))
  const grouped = new Set(sources.flatMap((source) => own.filter(({ mark }) => mark === source?.touch).map(({ attnum }) => attnum)))
  if (!relation.key.every((attnum) => grouped.has(attnum))) return []
  // A virtual column is an expression by the time the server looks.
  const stored = new Set(relation.columns.filter(({ attnum, generated }) => generated !== 'v' && !relation.key.includes(attnum)).map(({ attnum }) => attnum))
  return own.filter(({ attnum }) => stored.has(attnum)).map(({ mark }) => mark)
}
function groupItem(a: Analysis, node: Node, targets: readonly Target[], scope: Scope): void {
  if ('GroupingSet' in node) for (const inner of node.GroupingSet.content ?? []) groupItem(a, inner, targets, scope)
  else if ('RowExpr' in node && node.RowExpr.row_format === 'COERCE_IMPLICIT_CAST') for (const inner of node.RowExpr.args ?? []) groupItem(a, inner, targets, scope)
  else if ('List' in node) for (const inner of node.List.items ?? []) groupItem(a, inner, targets, scope)
  else sortBy(a, node, targets, scope, 'in a group by', true)
}
export function distinctOn(a: Analysis, clause: readonly Node[] | undefined, targets: readonly Target[], scope: Scope): void {
  if (!clause) return
  const on = clause.filter((node) => Object.keys(node).length > 0)
  if (on.length === 0) for (const target of targets) a.found.use(tagsOf([target.col]), 'under `distinct`', target.span)
  for (const node of on) sortBy(a, node, targets, scope, 'in a distinct on', false)
}
export function order(a: Analysis, node: SelectStmt, targets: readonly Target[], scope: Scope): void {
  for (const item of node.sortClause ?? []) {
    if (!('SortBy' in item)) throw unsupported('unknown_syntax', 'this order is not supported through the gate', null)
    const { node: key, ...rest } = item.SortBy
    expression(a, { SortBy: rest }, scope, 'in an order by')   // USING an operator
    sortBy(a, key, targets, scope, 'in an order by', false)
  }
  expression(a, node.limitCount, scope, 'in a limit')
  expression(a, node.limitOffset, scope, 'in a limit')
}

