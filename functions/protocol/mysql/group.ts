import type { Expression, Select } from './ast.ts'
import { columnKey } from './catalog.ts'
import type { Analysis } from './expression.ts'
import { resolve, touch, type Col, type Scope } from './scope.ts'

/** Output columns → what FROM offers, where they are nothing but that. */
export const sources = new WeakMap<Col, Col>()

/**
 * Beside the whole primary key of its table a column adds nothing to a group: `group by c.id, c.name, c.email` is `group by c.id`. So a classified one is left out of what is printed, and the server compares no value of it. Gives the
 * items that are left, which are uses where they are classified. Of a table of this level alone, by columns as they are; a view's text is not ours to print.
 */
export function withoutTold(a: Analysis, { groupBy, rollup }: Select, cols: readonly Col[], scope: Scope): readonly Expression[] {
  if (rollup || scope.frame.view) return groupBy
  const meant = groupBy.map((item) => sourceOf(a, item, cols, scope))
  return groupBy.filter((item, i) => {
    const col = meant[i]
    if (!col || col.tags.length + col.derived.length === 0 || !isTold(col, meant, scope)) return true
    touch([col])
    a.found.replace(scope.frame, item, [])
    return false
  })
}
function sourceOf(a: Analysis, item: Expression, cols: readonly Col[], scope: Scope): Col | null {
  if (item.kind === 'column') return resolve(a.found, scope, item).col
  if (item.kind !== 'number' || !/^\d+$/.test(item.text)) return null
  const output = cols[Number(item.text) - 1]
  return (output && sources.get(output)) ?? null
}
/** `at` is the alias of one reference of the statement, which no other has. */
function isTold(col: Col, meant: readonly (Col | null)[], { items }: Scope): boolean {
  const relation = col.at === null ? null : items.find(({ alias }) => alias === col.at)?.relation
  const key = relation?.kind === 'table' ? relation.indexes.find(({ name, unique, plain }) => name === 'PRIMARY' && unique && plain) : undefined
  const grouped = new Set(meant.flatMap((one) => (one !== null && one.at === col.at ? [columnKey(one.name)] : [])))
  return key !== undefined && key.columns.length > 0 && key.columns.every((name) => grouped.has(columnKey(name))) && !key.columns.some((name) => columnKey(name) === columnKey(col.name))
}
