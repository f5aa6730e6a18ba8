import type { Node } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import type { Handle } from '../notes.ts'
import { missing, unsupported } from '../refused.ts'
import type { Texts } from '../writeback.ts'
import type { Relation } from './catalog.ts'
import type { Tag } from './classes.ts'
import type { Findings, Frame } from './effects.ts'
import type { Size } from '../size.ts'
import { isFunctionName } from './names.ts'
import type { Output } from './plan.ts'

/** One column a FROM item or a query offers, with the classified data that is in it. */
export interface Col {
  readonly name: string
  /** Classified base columns it holds, unchanged. */
  readonly tags: readonly Tag[]
  /** Classified base columns a view computed it from: any mention of it is a use. */
  readonly derived: readonly Tag[]
  /** Computing it may fail on some of their values. */
  readonly fails?: boolean
  /** pg_type oid, or `scalar` or `unknown` of names.ts. */
  readonly type: number
  readonly origin: Output['origin']
  /** Notes that the column was read, where it belongs to a relation. */
  readonly touch: (() => void) | null
  /** Constants and parameters its value may be. Left out: none. */
  readonly texts?: Texts
  /** How large its values may be, where its origin does not say. */
  readonly size?: Size
  /** Where it stands in the select list that gave it. */
  readonly span?: Span | null
}
/** One entry of a query level's name space, as the server's ParseNamespaceItem. */
export interface Item {
  readonly alias: string
  /** Answers to `alias.column`. */
  readonly named: boolean
  /** Its columns answer to a bare name. */
  readonly bare: boolean
  readonly cols: readonly Col[]
  /** The relation's oid, under whatever alias; null for anything else. */
  readonly oid: number | null
  /** The relation's access, where it is one. */
  readonly handle: Handle | null
  /** Set while it has no alias of its own: then `schema.table.column` finds it. */
  readonly relation: Relation | null
  readonly system: readonly Col[]
  /** Relations a row lock on it would lock. */
  readonly reached: readonly { readonly relation: Relation; readonly frame: Frame }[]
}
export interface Cte { state: 'waiting' | 'reading' | 'read'; readonly name: string; readonly node: Node; readonly scope: Scope; cols: readonly Col[] | null; again: boolean }
/** One query level. `parent` is the level outside it, whose columns it may mention. */
export interface Scope { readonly frame: Frame; readonly parent: Scope | null; readonly items: readonly Item[]; readonly ctes: ReadonlyMap<string, Cte> }

export type Resolved =
  | { readonly kind: 'column'; readonly col: Col }
  | { readonly kind: 'row'; readonly item: Item }
  /** `u.f`, where f is no column: f called on the whole row. */
  | { readonly kind: 'call'; readonly item: Item; readonly name: string }

const noColumn = (name: string, span: Span | null) => missing('42703', `there is no column \`${name}\``, span)

function columnIn(item: Item, name: string, span: Span | null): Col | null {
  const found = byName(item.cols).get(name)
  if (found === null) throw missing('42702', `column \`${name}\` is ambiguous`, span)
  const col = found ?? item.system.find((one) => one.name === name) ?? null
  // The server would take it for the table's own, and not look further out for another of that name.
  if (!col && item.system.length > 0 && hidden.has(name)) throw noColumn(name, span)
  return col
}
/** null: there are several. Made once for a list: a level may have a hundred thousand columns, and a statement thousands of names. */
function byName(cols: readonly Col[]): ReadonlyMap<string, Col | null> {
  let names = named.get(cols)
  if (names === undefined) {
    const made = new Map<string, Col | null>()
    for (const col of cols) made.set(col.name, made.has(col.name) ? null : col)
    named.set(cols, names = made)
  }
  return names
}
const named = new WeakMap<readonly Col[], ReadonlyMap<string, Col | null>>()
/** System columns that tell of transactions. */
const hidden: ReadonlySet<string> = new Set(['xmin', 'xmax', 'cmin', 'cmax'])
export function columnAt(item: Item, name: string, span: Span | null): Col {
  const col = columnIn(item, name, span)
  if (col) return col
  item.handle?.read(name)   // so that rules on columns speak before its absence is told
  throw noColumn(name, span)
}
function bareColumn(scope: Scope, name: string, span: Span | null): Col | null {
  for (let level: Scope | null = scope; level; level = level.parent) {
    const found = level.items.filter((item) => item.bare).map((item) => columnIn(item, name, span)).filter((col) => col !== null)
    if (found.length > 1) throw missing('42702', `column \`${name}\` is ambiguous`, span)
    if (found[0]) return found[0]
  }
  return null
}
/** With `parent: null`, this level only: what GROUP BY asks before it looks at output names. */
export const hasBareColumn = (scope: Scope, name: string, span: Span | null): boolean => bareColumn(scope, name, span) !== null

export function itemNamed(scope: Scope, schema: string | undefined, name: string, span: Span | null): Item | null {
  for (let level: Scope | null = scope; level; level = level.parent) {
    const found = level.items.filter((item) => (schema === undefined ? item.named && item.alias === name : item.named && item.relation?.schema === schema && item.relation.name === name))
    if (found.length > 1) throw missing('42P09', `table name \`${name}\` is ambiguous`, span)
    if (found[0]) return found[0]
  }
  return null
}

/** A column reference without a star, resolved in the order the server tries: bare column, whole row; table.column, row function. */
export function resolve(found: Findings, scope: Scope, fields: readonly string[], span: Span | null): Resolved {
  const [first = '', second, third] = fields
  if (fields.length > 3) throw unsupported('unknown_syntax', 'a column name has at most a schema and a table before it', span)
  if (second === undefined) {
    const col = bareColumn(scope, first, span)
    if (col) return { kind: 'column', col }
    const item = itemNamed(scope, undefined, first, span)
    if (item) return { kind: 'row', item }
    const only = scope.items.filter((i) => i.bare)
    if (only.length === 1) only[0]?.handle?.read(first)
    throw noColumn(first, span)
  }
  const item = itemNamed(scope, third === undefined ? undefined : first, third === undefined ? first : second, span)
  const name = third ?? second
  if (!item) throw missing('42P01', `there is no table \`${fields.slice(0, -1).join('.')}\` in this query`, span)
  const col = columnIn(item, name, span)
  if (col) return { kind: 'column', col }
  if (isFunctionName(found, scope.frame, name)) return { kind: 'call', item, name }
  return { kind: 'column', col: columnAt(item, name, span) }
}

export const tagsOf = (cols: readonly Col[]): readonly Tag[] => cols.flatMap((col) => [...col.tags, ...col.derived])
/** Each once: what is joined with itself again and again would otherwise double its classes every time. */
export const distinct = <T>(items: readonly T[]): readonly T[] => (items.length < 2 ? items : [...new Map(items.map((item) => [JSON.stringify(item), item])).values()])
export function touch(cols: readonly Col[]): void {
  for (const col of cols) col.touch?.()
}
/** Columns as the level outside sees them: named anew, and no longer a relation's own. */
export function renamed(cols: readonly Col[], names: readonly string[], span: Span | null): Col[] {
  if (names.length > cols.length) throw missing('42P10', `there are ${cols.length} columns but ${names.length} names for them`, span)
  return cols.map((col, i) => ({ ...col, name: names[i] ?? col.name }))
}
