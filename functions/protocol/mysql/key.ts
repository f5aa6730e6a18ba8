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
export interface Rows { readonly sources: readonly Source[]; readonly conditions: readonly Condition[]; /** Called for what is gone through; throws when it is too much. */ readonly step: (count: number) => void }

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

/** Columns that have one value. */
export interface Known { has(column: string): boolean }
/** What follows: where all of `needs` have one value, so has the column, or the whole row of the reference. */
interface Rule { readonly needs: readonly string[]; readonly column: string | null; readonly row: string | null }
interface Rules { readonly free: readonly Rule[]; /** By each column they need. */ readonly by: ReadonlyMap<string, readonly Rule[]>; /** By each reference that such a column is of. */ readonly of: ReadonlyMap<string, readonly Rule[]> }
const made = new WeakMap<Rows, Rules>()
const aliasOf = (column: string): string => column.slice(0, column.indexOf('\0'))

/** Of what is asked again and again (which key leaves least to be told apart): read once. */
function rulesOf(rows: Rows): Rules {
  const there = made.get(rows)
  if (there) return there
  const { sources, conditions } = rows
  const compares = new Map(sources.flatMap(({ alias, columns }) => columns.map(({ name, compares: how }) => [ref(alias, name), how] as const)))
  const keys = sources.flatMap(({ alias, keys: all }) => all.map((key): Rule => ({ needs: key.map((name) => ref(alias, name)), column: null, row: alias })))
  const equal = conditions.flatMap(({ expression, optional }) => {
    const beside = optional === null ? [] : outside(expression, optional)
    return conjuncts(expression).flatMap(equalities).flatMap(([column, by]): readonly Rule[] => { const from = givenBy(by, compares, column); return from === null ? [] : [{ needs: [...beside, ...from], column, row: null }] })
  })
  const [free, by, of] = [[] as Rule[], new Map<string, Rule[]>(), new Map<string, Rule[]>()]
  const put = (map: Map<string, Rule[]>, name: string, rule: Rule) => { const rules = map.get(name); if (rules) rules.push(rule); else map.set(name, [rule]) }
  for (const rule of [...keys, ...equal]) {
    if (rule.needs.length === 0) free.push(rule)
    for (const need of new Set(rule.needs)) put(by, need, rule)
    for (const alias of new Set(rule.needs.map(aliasOf))) put(of, alias, rule)
  }
  const rules = { free, by, of }
  made.set(rows, rules)
  return rules
}

/** All columns that have one value where those of `start` have, and those that had one `before`: by keys, by equality with them or with a constant. A row that is known is kept as that, however many columns it has. */
export function closure(rows: Rows, start: Iterable<string>, before: Known | null = null): Known {
  const { free, by, of } = rulesOf(rows)
  const [columns, whole] = [new Set<string>(), new Set<string>()]
  const has = (column: string): boolean => columns.has(column) || whole.has(aliasOf(column)) || before?.has(column) === true
  const due: (readonly Rule[])[] = []
  const know = (column: string): void => { if (!has(column)) { columns.add(column); due.push(by.get(column) ?? []) } }
  for (const column of start) know(column)
  if (before === null) due.push(free)
  for (let rules = due.pop(); rules !== undefined; rules = due.pop()) {
    rows.step(1 + rules.length)
    for (const { needs, column, row } of rules) {
      if (!needs.every(has)) continue
      if (column !== null) know(column)
      if (row !== null && !whole.has(row)) { whole.add(row); due.push(of.get(row) ?? []) }
    }
  }
  return { has }
}
/** One row of it at most where these columns have one value. */
export const isOne = ({ alias, keys }: Source, known: Known): boolean => keys.some((key) => key.every((name) => known.has(ref(alias, name))))

function equalities(node: Expression): readonly (readonly [column: string, by: Expression])[] {
  if (node.kind !== 'binary' || node.operator !== '=') return []
  const { left, right } = node
  return [[left, right], [right, left]].flatMap(([one, other]) => { const column = one ? refOf(one) : null; return column === null || !other ? [] : [[column, other] as const] })
}
/**
 * Which columns must have one value for this one to have it, where it is equal to that; null: it may have several all the same. Equal to what has one value, and of a kind where that leaves one value: '1', '01' and '1.0' are all
 * equal to 1, and texts that are alike may be equal to different ones elsewhere.
 */
function givenBy(by: Expression, compares: ReadonlyMap<string, Seen['compares']>, column: string): readonly string[] | null {
  const own = compares.get(column)
  if (own === undefined || own === 'other') return null
  if (by.kind === 'number' || by.kind === 'parameter') return own === 'number' ? [] : null
  if (by.kind === 'string') return own === 'text' ? [] : null
  const other = refOf(by)
  return own === 'number' && other !== null && compares.get(other) === 'number' ? [other] : null
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

export const same = (one: Expression, other: Expression): boolean => plainOf(one) === plainOf(other)
const plains = new WeakMap<Expression, string>()
/** Equal of what says the same. */
export function plainOf(node: Expression): string {
  let text = plains.get(node)
  if (text === undefined) plains.set(node, text = plain(node))
  return text
}
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
      const after = closure(rows, names.map((name) => ref(source.alias, name)), known)
      rows.step(left.length)
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
