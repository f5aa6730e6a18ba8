import type { Span } from '../../../schema/refusal.ts'
import type { Column, Expression, Order, Reference, Select } from './ast.ts'
import { columnKey } from './catalog.ts'

/**
 * What tells rows apart. `keys`: sets of columns of which no two rows hold the same; an empty one says there is one row. `hidden`: the column holds something classified, so nothing may be sorted by it. `compares`: what equal
 * values of it are; `other` where two that are written differently may be equal to a third.
 */
export interface Seen { readonly name: string; readonly hidden: boolean; readonly compares: 'number' | 'text' | 'other' }
export interface Shape { readonly columns: readonly Seen[]; readonly keys: readonly (readonly string[])[] }
/** One reference of a FROM, by its alias. */
export interface Source extends Shape { readonly alias: string }

/** Rows of a FROM and what is known to hold of them. `optional`: aliases that an outer join may leave empty by this condition; null where it holds of every row. */
interface Condition { readonly expression: Expression; readonly optional: ReadonlySet<string> | null }
export interface Rows { readonly sources: readonly Source[]; readonly conditions: readonly Condition[] }

export const ref = (alias: string, name: string): string => `${alias}\0${columnKey(name)}`
export const refOf = (node: Expression): string | null => (node.kind === 'column' && node.table !== null ? ref(node.table.text, node.name.text) : null)

const conjuncts = (node: Expression | null): readonly Expression[] => (node === null ? [] : node.kind === 'logical' && node.operator === 'and' ? node.operands.flatMap(conjuncts) : [node])
const aliasesIn = (node: Reference): readonly string[] => (node.kind === 'join' ? [...aliasesIn(node.left), ...aliasesIn(node.right)] : [node.alias?.text ?? (node.kind === 'table' ? node.name.text : '')])

/** What WHERE and ON say. USING and NATURAL say more than is read here, which costs a key to sort by and nothing else. */
export function conditionsOf({ from, where }: Pick<Select, 'from' | 'where'>): readonly Condition[] {
  const joined = (node: Reference): readonly Condition[] => {
    if (node.kind !== 'join') return []
    const optional = node.type === 'inner' ? null : new Set(aliasesIn(node.type === 'left' ? node.right : node.left))
    const own = node.on === null ? [] : optional === null ? conjuncts(node.on).map((expression) => ({ expression, optional })) : [{ expression: node.on, optional }]
    return [...joined(node.left), ...joined(node.right), ...own]
  }
  return [...conjuncts(where).map((expression) => ({ expression, optional: null })), ...from.flatMap(joined)]
}

/** All columns that have one value where those of `start` have: by keys, by equality with them or with a constant. */
export function closure({ sources, conditions }: Rows, start: Iterable<string>): ReadonlySet<string> {
  const known = new Set(start)
  const compares = new Map(sources.flatMap(({ alias, columns }) => columns.map(({ name, compares: how }) => [ref(alias, name), how] as const)))
  for (let before = -1; before !== known.size;) {
    before = known.size
    for (const source of sources) if (isOne(source, known)) for (const { name } of source.columns) known.add(ref(source.alias, name))
    for (const { expression, optional } of conditions) {
      if (optional !== null && !outside(expression, optional).every((column) => known.has(column))) continue
      for (const one of conjuncts(expression)) for (const [column, by] of equalities(one)) if (gives(by, known, compares, column)) known.add(column)
    }
  }
  return known
}
/** One row of it at most where these columns have one value. */
export const isOne = ({ alias, keys }: Source, known: ReadonlySet<string>): boolean => keys.some((key) => key.every((name) => known.has(ref(alias, name))))

function equalities(node: Expression): readonly (readonly [column: string, by: Expression])[] {
  if (node.kind !== 'binary' || node.operator !== '=') return []
  const { left, right } = node
  return [[left, right], [right, left]].flatMap(([one, other]) => { const column = one ? refOf(one) : null; return column === null || !other ? [] : [[column, other] as const] })
}
/** Equal to what has one value, and of a kind where that leaves one value: '1', '01' and '1.0' are all equal to 1, and texts that are alike may be equal to different ones elsewhere. */
function gives(by: Expression, known: ReadonlySet<string>, compares: ReadonlyMap<string, Seen['compares']>, column: string): boolean {
  const own = compares.get(column)
  if (own === undefined || own === 'other') return false
  if (by.kind === 'number') return own === 'number'
  if (by.kind === 'string') return own === 'text'
  if (by.kind === 'parameter') return own === 'number'
  const other = refOf(by)
  return own === 'number' && other !== null && known.has(other) && compares.get(other) === 'number'
}
/** Columns of a condition that are of none of these tables. What holds a query may read anything. */
function outside(node: Expression, aliases: ReadonlySet<string>): readonly string[] {
  return columnsIn(node).map((column) => (column === null ? '?' : column.table !== null && aliases.has(column.table.text) ? null : refOf(column) ?? '?')).filter((one) => one !== null)
}
/** Every column mentioned in it; null stands for a query. */
function columnsIn(value: unknown): readonly (Column | null)[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(columnsIn)
  if ('kind' in value && value.kind === 'query') return [null]
  if ('kind' in value && value.kind === 'column') return [value as Column]
  return Object.values(value).flatMap(columnsIn)
}

export const same = (one: Expression, other: Expression): boolean => plain(one) === plain(other)
const plain = (value: object): string => JSON.stringify(value, (key, inner: unknown) => (key === 'span' ? undefined : typeof inner === 'object' && inner !== null && 'kind' in inner ? refOf(inner as Expression) ?? inner : inner))

export const shuffle = (span: Span): Order => ({ expression: { kind: 'call', schema: null, name: { text: 'rand', span }, arguments: [], star: false, distinct: false, over: null, span }, descending: false, span })
/** As many columns of a reference without a key are sorted by, before its rows are shuffled. */
const mostColumns = 8
/**
 * Columns that tell apart the rows that `there` leaves equal. RAND() last, where some reference has no key that may be used. Of several keys the one after which least is left to be told apart, so that a join by keys
 * is sorted by one of them. `among`: the columns that may be taken; null for any.
 */
export function keysFor(rows: Rows, there: readonly Expression[], among: ReadonlySet<string> | null = null): readonly Order[] {
  const span = { start: 0, end: 0 }
  let known = closure(rows, there.map(refOf).filter((one) => one !== null))
  let left = rows.sources.filter((source) => !isOne(source, known))
  const added: Order[] = []
  let keyless = false
  while (left.length > 0) {
    const tried = left.map((source) => {
      const names = namesOf(source, among).filter((name) => !known.has(ref(source.alias, name)))
      const after = closure(rows, [...known, ...names.map((name) => ref(source.alias, name))])
      return { source, names, after, rest: left.filter((one) => one !== source && !isOne(one, after)) }
    })
    const best = tried.reduce((a, b) => (b.rest.length < a.rest.length ? b : a))
    keyless ||= !isOne(best.source, best.after)
    added.push(...best.names.map((name): Order => ({ expression: { kind: 'column', schema: null, table: { text: best.source.alias, span }, name: { text: name, span }, span }, descending: false, span })))
    known = best.after
    left = best.rest
  }
  return keyless ? [...added, shuffle(span)] : added
}
/** Its first key that holds nothing classified, else some columns of it. */
function namesOf({ alias, columns, keys }: Source, among: ReadonlySet<string> | null): readonly string[] {
  const seen = (name: string) => columns.some((column) => column.name === name && !column.hidden) && (among === null || among.has(ref(alias, name)))
  return keys.find((names) => names.every(seen)) ?? columns.filter(({ hidden }) => !hidden).slice(0, mostColumns).map(({ name }) => name)
}
