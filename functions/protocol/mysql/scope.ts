import type { Span } from '../../../schema/refusal.ts'
import type { Handle } from '../notes.ts'
import { missing } from '../refused.ts'
import type { Texts } from '../writeback.ts'
import type { Column, Name, Query } from './ast.ts'
import { columnKey, tableKey, type Relation } from './catalog.ts'
import type { Tag } from './classes.ts'
import { spanIn, type Findings, type Frame } from './effects.ts'
import type { Size } from '../size.ts'
import type { Output } from './plan.ts'
import type { Form } from './withhold.ts'

/** One column a FROM item or a query offers, with the classified data that is in it. */
export interface Col {
  readonly name: string
  /** Classified base columns it holds, unchanged. */
  readonly tags: readonly Tag[]
  /** Classified base columns it was computed from by a view, a default or as a generated column: any mention of it is a use. */
  readonly derived: readonly Tag[]
  readonly origin: Output['origin']
  readonly json: boolean
  readonly unclassified: boolean
  /** Notes that the column was read, where it belongs to a relation. */
  readonly touch: (() => void) | null
  /** How it is written: qualified by the alias of its reference. null of an output, which a name alone can mean. */
  readonly at: string | null
  /** Constants and parameters its value may be. Left out: none. */
  readonly texts?: Texts
  /** How large its values may be. Left out: there is no bound that is known. */
  readonly size?: Size
  /** What its values are. Left out: not known. */
  readonly form?: Form
  /** Where it stands in the select list that gave it. */
  readonly span?: Span | null
}
/** One reference of a FROM: what `alias.column` finds. */
export interface Item {
  /** As the statement calls it: what `alias.column` is looked up by. */
  readonly name: string
  /** As it is printed (alias.ts). */
  readonly alias: string
  /** Set where it names a table or a view: then `schema.alias.column` finds it. */
  readonly relation: Relation | null
  readonly handle: Handle | null
  readonly cols: readonly Col[]
  /** Relations a row lock on it would lock. */
  readonly reached: readonly { readonly relation: Relation; readonly frame: Frame }[]
}
export interface Cte { state: 'waiting' | 'reading' | 'read'; readonly name: string; /** As it is printed. */ readonly alias: string; readonly columns: readonly Name[]; readonly query: Query; readonly scope: Scope; readonly recursive: boolean; cols: readonly Col[] | null; again: boolean }
/** One query level. `parent` is the level outside it, whose columns it may mention. */
export interface Scope {
  readonly frame: Frame; readonly parent: Scope | null; readonly items: readonly Item[]
  /** What a bare name and `*` find, in order: columns that a join merged are one. */
  readonly cols: readonly Col[]
  readonly ctes: ReadonlyMap<string, Cte>
  /** Names of the same WITH that stand there and are not in sight yet: the entry that is being read, and those after it. */
  readonly coming: ReadonlySet<string>
  /** Output columns that a bare name may mean as well: in GROUP BY, HAVING and ORDER BY. The server's order of looking is not followed: both count. */
  readonly outputs: readonly Col[] | null
}
export const inner = (parent: Scope): Scope => ({ frame: parent.frame, parent, items: [], cols: [], ctes: new Map(), coming: new Set(), outputs: null })

const noColumn = (name: string, span: Span | null) => missing('42S22', `there is no column \`${name}\``, span)
const ambiguous = (name: string, span: Span | null) => missing('23000', `column \`${name}\` is ambiguous`, span)
/** By name as it is compared, made once for each list and lengthened as the list is: a level may have many thousand columns, and a statement as many mentions of them. */
function indexed<T extends { readonly name: string }>(indexes: WeakMap<readonly T[], Index<T>>, list: readonly T[], keyOf: (name: string) => string): ReadonlyMap<string, readonly T[]> {
  let index = indexes.get(list)
  if (!index) indexes.set(list, index = { length: 0, by: new Map() })
  for (; index.length < list.length; index.length++) {
    const one = list[index.length] as T
    const there = index.by.get(keyOf(one.name))
    if (there) there.push(one)
    else index.by.set(keyOf(one.name), [one])
  }
  return index.by
}
interface Index<T> { length: number; readonly by: Map<string, T[]> }
const columns = new WeakMap<readonly Col[], Index<Col>>()
const references = new WeakMap<readonly Item[], Index<Item>>()
const named = (cols: readonly Col[], name: string): readonly Col[] => indexed(columns, cols, columnKey).get(columnKey(name)) ?? []

/** One column of a list by its name, as `alias.column` and USING ask. */
export function columnAt(cols: readonly Col[], handle: Handle | null, name: string, span: Span | null): Col {
  const [found, more] = named(cols, name)
  if (more) throw ambiguous(name, span)
  if (found) return found
  handle?.read(name)                                     // so that rules on columns speak before its absence is told
  throw noColumn(name, span)
}
/** The reference an alias means, the nearest level first. Aliases are as case-sensitive as tables; one that differs in case alone is not guessed at. */
export function itemNamed(found: Findings, scope: Scope, schema: Name | null, table: Name, span: Span | null): Item {
  const key = (text: string) => tableKey(found.catalog, text)
  for (let level: Scope | null = scope; level; level = level.parent) {
    const item = (indexed(references, level.items, key).get(key(table.text)) ?? []).find(({ relation }) => (schema === null || (relation !== null && key(relation.schema) === key(schema.text))))
    if (item) return item
  }
  throw missing('42S02', `there is no table \`${schema === null ? '' : `${schema.text}.`}${table.text}\` in this query`, span)
}

export type Resolved = { readonly col: Col; /** What else the name may mean, where an output has it too. */ readonly others: readonly Col[] }
/** A column as the server looks it up; in a clause that sees outputs, everything the name may mean. */
export function resolve(found: Findings, scope: Scope, node: Column): Resolved {
  const span = spanIn(scope.frame, node.span)
  const { text } = node.name
  found.step(1)
  if (node.table !== null) {
    const item = itemNamed(found, scope, node.schema, node.table, span)
    return { col: columnAt(item.cols, item.handle, text, span), others: [] }
  }
  const outputs = scope.outputs === null ? [] : named(scope.outputs, text)
  for (let level: Scope | null = scope; level; level = level.parent) {
    const here = named(level.cols, text)
    const [col, more] = here
    const [output, ...rest] = level === scope ? outputs : []
    found.step(here.length + outputs.length)
    if (more && output) return { col: output, others: [...rest, ...here] }
    if (more) throw ambiguous(text, span)
    if (col && output) return { col: { ...col, at: outputs.every((one) => one.origin !== null && JSON.stringify(one.origin) === JSON.stringify(col.origin)) ? col.at : null }, others: outputs }
    if (output) return { col: output, others: rest }
    if (col) return { col, others: [] }
  }
  const [only, another] = scope.items
  if (only && !another) only.handle?.read(text)
  throw noColumn(text, span)
}
/** Writes the column as it was understood, so that the server has nothing to look up: `alias`.`column`, by an alias that no other reference of the statement has. */
export function spell(found: Findings, scope: Scope, node: Column, col: Col): void {
  if (scope.frame.view || col.at === null) return
  found.replace(scope.frame, node, { ...node, schema: null, table: { text: col.at, span: node.span }, name: { text: col.name, span: node.span } })
}

export const tagsOf = (cols: readonly Col[]): readonly Tag[] => cols.flatMap((col) => [...col.tags, ...col.derived])
/** Each once: what is joined with itself again and again would otherwise double its classes every time. */
export const distinct = <T>(items: readonly T[]): readonly T[] => (items.length < 2 ? items : [...new Map(items.map((item) => [JSON.stringify(item), item])).values()])
export function touch(cols: readonly Col[]): void {
  for (const col of cols) col.touch?.()
}
/** A query's columns as the level outside sees them: named anew, and no longer a relation's own. */
export function renamed(cols: readonly Col[], names: readonly Name[], alias: string | null, span: Span | null): Col[] {
  if (names.length > 0 && names.length !== cols.length) throw missing('HY000', `there are ${cols.length} columns but ${names.length} names for them`, span)
  return cols.map((col, i) => ({ ...col, name: names[i]?.text ?? col.name, origin: null, touch: null, at: alias }))
}
