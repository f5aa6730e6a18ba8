import type { Call, Column, Expression, GroupConcat, Name, Order, Reference, Select, Window } from './ast.ts'
import { aggregateNames } from './builtins.ts'
import { fold } from './catalog.ts'
import { closure, keysFor, plainOf, refOf, same, type Rows } from './key.ts'
import type { Context, Told } from './total.ts'

/** What in a select depends on the order its rows come in: lists, windows, and columns of which a group has several values. */
export interface Level extends Rows {
  /** What its rows are grouped by; empty where they are one group, null where they are not grouped. */
  readonly groups: readonly Expression[] | null
  readonly rollup: boolean
  readonly windows: Select['windows']
  readonly from: readonly Reference[]
}
const isNode = (value: unknown): value is { readonly kind: string } => typeof value === 'object' && value !== null && 'kind' in value
const isAggregate = (node: { readonly kind: string }): boolean => node.kind === 'groupConcat' || (node.kind === 'call' && aggregateNames.has((node as Call).name.text) && (node as Call).schema === null && (node as Call).over === null)

/**
 * Whether an aggregate of this level stands in it. One in a query inside is this level's where its columns are of this level and of none further in: `select (select max(u.id)) from users u` has one row. `inner`: aliases of
 * the queries it stands in; null outside of any.
 */
export function aggregates(value: unknown, own: ReadonlySet<string>, inner: ReadonlySet<string> | null = null): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (!isNode(value)) return Object.values(value).some((one: unknown) => aggregates(one, own, inner))
  if (isAggregate(value)) {
    if (inner === null) return true
    const tables = tablesIn(value)
    if (tables.some((table) => own.has(table)) && !tables.some((table) => inner.has(table))) return true
  }
  const within = value.kind === 'query' ? inner ?? new Set<string>() : value.kind === 'select' && inner !== null ? new Set([...inner, ...aliasesOf((value as Select).from)]) : inner
  return Object.values(value).some((one: unknown) => aggregates(one, own, within))
}
/** The aliases of all columns in it. */
function tablesIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  if (isNode(value) && value.kind === 'column') return [(value as Column).table?.text ?? '']
  return Object.values(value).flatMap(tablesIn)
}
const aliasesOf = (from: readonly Reference[]): readonly string[] => from.flatMap((node) => (node.kind === 'join' ? aliasesOf([node.left, node.right]) : [node.alias?.text ?? (node.kind === 'table' ? node.name.text : '')]))

/** Columns that stand outside of aggregates, and of which a group may hold several values: which one is shown is for the server to choose. */
export function strung({ items, having, span }: Pick<Select, 'items' | 'having' | 'span'>, orderBy: readonly Order[], level: Level): readonly Told[] {
  const groups = level.groups ?? []
  const known = closure(level, groups.map(refOf).filter((one) => one !== null))
  const aliases = new Set(level.sources.map(({ alias }) => alias))
  const grouped = new Set(groups.map(plainOf))
  const loose = (value: unknown, within: ReadonlySet<string>): boolean => {
    if (typeof value !== 'object' || value === null) return false
    if (isNode(value)) {
      if (isAggregate(value) || (grouped.size > 0 && grouped.has(plainOf(value as Expression)))) return false
      if (value.kind === 'column') { const name = refOf(value as Expression); return name !== null && within.has(name.split('\0')[0] ?? '') && !known.has(name) }
      if (value.kind === 'select') return Object.values(value).some((one: unknown) => loose(one, without(within, (value as Select).from)))
    }
    return Object.values(value).some((one: unknown) => loose(one, within))
  }
  return loose([items, having, orderBy], aliases) ? [{ how: 'where the server chooses which row of a group is shown; group by all that is shown, or take its `min` or `max`', span }] : []
}
/** An alias of a query inside means what is there. */
function without(aliases: ReadonlySet<string>, from: readonly Reference[]): ReadonlySet<string> {
  const taken = new Set(aliasesOf(from))
  return new Set([...aliases].filter((alias) => !taken.has(alias)))
}

/** One expression of a select, what is inside of it completed already. */
export function windowed(node: Expression, level: Level, c: Context): Expression {
  if (node.kind === 'groupConcat') return list(node, level, c)
  if (node.kind !== 'call' || node.schema !== null) return node
  level.step(level.windows.length + (level.groups?.length ?? 0))
  if (node.over !== null) return over(node, node.over, level, c)
  return node.name.text === 'json_arrayagg' || node.name.text === 'json_objectagg' ? document(node, level, c) : node
}
const rowsOf = (orders: readonly Order[]): readonly Order[] => orders.filter(({ expression }) => expression.kind === 'column')

/** GROUP_CONCAT: by keys, or else by what it strings together, of which what is alike reads alike. */
function list(node: GroupConcat, level: Level, c: Context): GroupConcat {
  const there = node.orderBy.map(({ expression }) => expression)
  const keys = keysFor(level, there)
  const by = !node.distinct && rowsOf(keys).length === keys.length ? keys : node.arguments.filter((one) => !there.some((other) => same(one, other))).map((expression): Order => ({ expression, descending: false, span: node.span }))
  if (by.length > 0) c.added.push({ how: 'list', span: node.span })
  return { ...node, orderBy: [...node.orderBy, ...by] }
}
/** MariaDB sorts a JSON list; MySQL makes it as rows come, which total.ts sees to where they are of one derived table. */
function document(node: Call, level: Level, c: Context): Call {
  const keys = keysFor(level, [])
  if (keys.length === 0) return node
  const [only, more] = level.from
  if (only?.kind === 'derived' && more === undefined && level.groups?.length === 0) { c.added.push({ how: 'list', span: node.span }); return node }
  if (!c.catalog.mariadb || node.name.text !== 'json_arrayagg' || rowsOf(keys).length !== keys.length) c.told.push({ how: `where ${node.name.text}() strings rows together as they come; make it over a derived table`, span: node.span })
  else c.added.push({ how: 'list', span: node.span })
  return { ...node, orderBy: keys }
}

/** The window itself, whatever names led to it. */
function windowOf(name: Name | Window, level: Level): Window | null {
  const own = 'kind' in name ? name : level.windows.find((one) => fold(one.name.text) === fold(name.text))?.window
  if (own === undefined || own.base === null) return own ?? null
  const base = windowOf(own.base, level)
  return base === null ? null : { ...own, base: null, partitionBy: base.partitionBy, orderBy: own.orderBy.length > 0 ? own.orderBy : base.orderBy }
}
/** Those that give equal rows equal results stay as they are: a key more would make them unequal. */
function over(node: Call, name: Name | Window, level: Level, c: Context): Call {
  const window = windowOf(name, level)
  const told = (): Call => { c.told.push({ how: `where ${node.name.text}() depends on which of several equal rows comes first; order its window by a key`, span: node.span }); return node }
  if (window === null) return told()
  const missing = lacking(window, level)
  if (missing.length === 0) return node
  const { frame } = window
  const by = (): Call => { c.added.push({ how: 'window', span: node.span }); return { ...node, over: { ...window, orderBy: [...window.orderBy, ...missing] } } }
  switch (node.name.text) {
    case 'rank': case 'dense_rank': case 'percent_rank': case 'cume_dist': return node
    case 'row_number': case 'ntile': case 'lag': case 'lead': return { ...by(), over: { ...window, frame: null, orderBy: [...window.orderBy, ...missing] } }
    case 'first_value': return frame === null || frame.unit === 'rows' ? by() : told()
    case 'last_value': case 'nth_value': return frame?.unit === 'rows' ? by() : told()
    default: return frame?.unit === 'rows' ? by() : node   // an aggregate over peers takes all of them
  }
}
function lacking({ partitionBy, orderBy }: Window, level: Level): readonly Order[] {
  const there = [...partitionBy, ...orderBy.map(({ expression }) => expression)]
  if (level.groups === null) return keysFor(level, there)
  return level.groups.filter((group) => !there.some((one) => same(one, group))).map((expression): Order => ({ expression, descending: false, span: { start: 0, end: 0 } }))
}
