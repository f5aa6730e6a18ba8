import type { Span } from '../../../schema/refusal.ts'
import type { Body, Delete, Expression, Item, NumberLiteral, Order, Query, Reference, Select, SetOperation, Statement, Table, Update } from './ast.ts'
import { columnKey, tableKey, type Catalog, type Relation } from './catalog.ts'
import { aggregates, strung, windowed, type Level } from './chosen.ts'
import { closure, conditionsOf, keysFor, plainOf, ref, refOf, shuffle, type Known, type Seen, type Shape, type Source } from './key.ts'

/**
 * In what order rows come that nothing sorts, and those that a sort leaves equal, is the server's choice: of an index, of how much fits into a buffer, of a plan that its statistics prefer. All of these depend on values
 * that the caller may not see, their lengths at least. So where a statement reaches a table with a classified column every order that can show is made total by columns that are not classified: in the answer, at each LIMIT, in
 * windows and lists, in the rows that a write with LIMIT takes. What only a choice of the server's can answer is told: which row speaks for a group, which of several matches an UPDATE takes.
 *
 * Works on the tree as it was understood: tables with their schema, columns with the alias they are of.
 */
export interface Surroundings { readonly catalog: Catalog; readonly hidden: (relation: Relation, column: string) => boolean; readonly view: (relation: Relation) => Statement | null; /** As of `Rows`. */ readonly step: (count: number) => void }
export interface Told { readonly how: string; readonly span: Span | null }
export interface Context extends Surroundings { readonly ctes: ReadonlyMap<string, Shape>; readonly told: Told[]; /** What was added, where it could be. */ readonly added: Told[] }

export function totalled(statement: Statement, around: Surroundings): { readonly tree: Statement; readonly told: readonly Told[] } {
  const c: Context = { ...around, ctes: new Map(), told: [], added: [] }
  return { tree: statementOf(statement, c), told: c.told }
}
function statementOf(node: Statement, c: Context): Statement {
  switch (node.kind) {
    case 'query': return complete(node, c, true).query
    case 'insert': return { ...inside(node, c, null), source: node.source.kind === 'query' ? complete(node.source, c, true).query : inside(node.source, c, null) }
    case 'update': case 'delete': return changed(node, c)
    case 'explain': return { ...node, statement: node.statement.kind === 'query' ? complete(node.statement, c, true).query : node.statement }
    case 'procedure': return inside(node, c, null)
    case 'show': return node
  }
}

// ---- queries

interface Completed { readonly query: Query; readonly shape: Shape }
/** `shown`: the order of its rows can be seen, even where no LIMIT takes some of them. */
export function complete(node: Query, outer: Context, shown: boolean): Completed {
  const c = withEntries(node, outer)
  const { entries } = c
  const query: Query = node.with === null ? node : { ...node, with: { ...node.with, entries } }
  const wants = shown || node.limit !== null
  if (node.body.kind === 'select') {
    const { select, shape, level } = selectOf(node.body, c, node.orderBy)
    const orderBy = node.orderBy.map((one) => inside(one, c, level))
    const more = wants ? missingIn(select, node.orderBy, level) : []
    if (more.length > 0) c.added.push({ how: 'order', span: node.span })
    return { query: { ...query, body: select, orderBy: [...orderBy, ...more] }, shape: node.limit?.count.kind === 'number' && Number(node.limit.count.text) <= 1 && node.limit.offset === null ? { ...shape, keys: [[]] } : shape }
  }
  const streams = wants && node.orderBy.length === 0 && node.limit === null
  const { body, shape } = bodyOf(node.body, c, streams)
  const orderBy = node.orderBy.map((one) => inside(one, c, null))
  const more = !wants || (streams && inOrder(node.body)) ? [] : byOutputs(shape, node)
  if (more.length > 0) c.added.push({ how: 'order', span: node.span })
  return { query: { ...query, body, orderBy: [...orderBy, ...more] }, shape }
}
function withEntries(node: Query | Update | Delete, outer: Context): Context & { readonly entries: NonNullable<Query['with']>['entries'] } {
  const ctes = new Map(outer.ctes)
  const c = { ...outer, ctes }
  const entries = (node.with?.entries ?? []).map((entry) => {
    const first = entry.query.body.kind === 'set' ? entry.query.body.first : null
    const named = (shape: Shape): Shape => (entry.columns.length === 0 ? shape : renamed(shape, entry.columns.map(({ text }) => text)))
    if (node.with?.recursive && first !== null) {
      ctes.set(entry.name.text, { ...named(bodyOf(first, { ...c, told: [], added: [] }, false).shape), keys: [] })
      // a recursive part takes no ORDER BY, so which rows a LIMIT lets through cannot be said
      if (entry.query.limit !== null) c.told.push({ how: 'where the server chooses which rows a limit in a recursive query lets through', span: entry.query.span })
      return { ...entry, query: { ...entry.query, body: bodyOf(entry.query.body, c, false).body } }
    }
    const { query, shape } = complete(entry.query, c, false)
    ctes.set(entry.name.text, named(shape))
    return { ...entry, query }
  })
  return { ...c, entries }
}
function renamed({ columns, keys }: Shape, names: readonly string[]): Shape {
  const at = firstOf(columns.map(({ name }) => name))
  return { columns: columns.map((column, i) => ({ ...column, name: names[i] ?? column.name })), keys: keys.map((key) => key.map((name) => names[at.get(name) ?? -1] ?? name)) }
}

/** `streams`: rows of a UNION ALL come operand by operand, so each brings its own order, which a LIMIT makes the server keep. */
function bodyOf(node: Body, c: Context, streams: boolean): { readonly body: Body; readonly shape: Shape } {
  switch (node.kind) {
    case 'select': {
      const { select, shape, level } = selectOf(node, c, [])
      const more = streams ? missingIn(select, [], level) : []
      if (more.length > 0) c.added.push({ how: 'order', span: node.span })
      return { body: more.length === 0 ? select : kept({ kind: 'query', with: null, body: select, orderBy: more, limit: null, locking: [], span: node.span }), shape }
    }
    case 'query': { const { query, shape } = complete(node, c, streams); return { body: streams && query.orderBy.length > 0 ? kept(query) : query, shape } }
    case 'set': return setOf(node, c, streams)
  }
}
export const kept = (query: Query): Query => (query.limit !== null ? query : { ...query, limit: { count: { kind: 'number', text: '18446744073709551615', span: query.span }, offset: null, span: query.span } })
const inOrder = (node: Body): boolean => node.kind !== 'set' || node.rest.every(({ operator, all }) => operator === 'union' && all)
function setOf(node: SetOperation, c: Context, streams: boolean): { readonly body: SetOperation; readonly shape: Shape } {
  const flows = streams && inOrder(node)
  const first = bodyOf(node.first, c, flows)
  const rest = node.rest.map((one) => ({ ...one, ...bodyOf(one.operand, c, flows) }))
  const columns = first.shape.columns.map((column, i): Seen => ({ name: column.name, hidden: [column, ...rest.map(({ shape }) => shape.columns[i])].some((one) => one?.hidden === true), compares: 'other' }))
  const apart = node.rest.some(({ operator, all }) => !all || operator !== 'union') && node.rest.at(-1)?.all !== true
  return { body: { ...node, first: first.body, rest: rest.map(({ operator, all, body }) => ({ operator, all, operand: body })) }, shape: { columns, keys: apart ? [columns.map(({ name }) => name)] : [] } }
}
/** Over a set operation rows are told apart by what they give. Rows alike in all that is not classified are shuffled. */
function byOutputs({ columns, keys }: Shape, { orderBy, span }: Query): readonly Order[] {
  if (keys.some((key) => key.length === 0)) return []
  const descending = orderBy.at(-1)?.descending === true
  const at = firstOf(columns.map(({ name }) => columnKey(name)))
  const there = new Set(orderBy.map(({ expression }) => (expression.kind === 'number' ? Number(expression.text) - 1 : expression.kind === 'column' ? at.get(columnKey(expression.name.text)) ?? -1 : -1)))
  const positions = columns.flatMap(({ hidden }, i): Order[] => (hidden || there.has(i) ? [] : [{ expression: position(i, span), descending, span }]))
  return [...positions, ...(keys.length > 0 && columns.every(({ hidden }) => !hidden) ? [] : [shuffle(span)])]
}
const position = (i: number, span: Span): NumberLiteral => ({ kind: 'number', text: String(i + 1), span })

// ---- one select

function selectOf(node: Select, c: Context, orderBy: readonly Order[]): { readonly select: Select; readonly shape: Shape; readonly level: Level } {
  const from = node.from.map((one) => referenceOf(one, c))
  const sources = from.flatMap((one) => one.sources)
  const items = node.items.filter((item): item is Item => item.kind === 'item')
  const groups = node.groupBy.map((one) => meant(one, items))
  const grouped = groups.length > 0 || aggregates([items, node.having, orderBy], new Set(sources.map(({ alias }) => alias)))
  c.step(1 + items.length + sources.reduce((sum, { columns }) => sum + columns.length, 0))
  const level: Level = { sources, conditions: conditionsOf(node), step: c.step, groups: grouped ? groups : null, rollup: node.rollup, windows: node.windows, from: node.from }
  if (grouped) for (const told of strung(node, orderBy, level)) c.told.push(told)
  const list = ordersFrom(from.map(({ node: one }) => one), items, level, c)
  const select: Select = { ...inside({ ...node, from: [] }, c, level), from: list }
  return { select, level, shape: shapeOf(node, items, level) }
}
/** JSON lists have no order of their own where MySQL makes them; over one derived table they are made in its order, which a LIMIT makes the server keep. */
function ordersFrom(from: readonly Reference[], items: readonly Item[], { groups }: Level, c: Context): readonly Reference[] {
  const [only, more] = from
  if (only?.kind !== 'derived' || more !== undefined || groups === null || groups.length > 0 || !JSON.stringify(items).includes('"json_')) return from
  return [{ ...only, query: kept(complete(only.query, { ...c, told: [], added: [] }, true).query) }]
}
/** What an entry of GROUP BY or ORDER BY stands for: an output by its position or its name, else itself. */
export function meant(node: Expression, items: readonly Item[]): Expression {
  if (node.kind === 'number' && /^\d+$/.test(node.text)) return items[Number(node.text) - 1]?.expression ?? node
  if (node.kind !== 'column' || node.table !== null) return node
  return items[outputsOf(items).get(columnKey(node.name.text)) ?? -1]?.expression ?? node
}
const outputs = new WeakMap<readonly Item[], ReadonlyMap<string, number>>()
/** Name → the first output that has it. */
function outputsOf(items: readonly Item[]): ReadonlyMap<string, number> {
  let names = outputs.get(items)
  if (!names) outputs.set(items, names = firstOf(items.map(({ name }) => columnKey(name.text))))
  return names
}
const firstOf = (names: readonly string[]): ReadonlyMap<string, number> => new Map(names.map((name, i) => [name, i] as const).reverse())
/** What an ORDER BY lacks to leave no two rows equal. */
export function missingIn(select: Pick<Select, 'items' | 'distinct' | 'span'>, orderBy: readonly Order[], level: Level): readonly Order[] {
  const items = select.items.filter((item): item is Item => item.kind === 'item')
  const descending = orderBy.at(-1)?.descending === true
  const there = orderBy.map(({ expression }) => meant(expression, items))
  const by = (expression: Expression): Order => ({ expression, descending, span: select.span })
  if (level.rollup) return []                            // made by sorting, each group once
  const said = new Set(there.map(plainOf))
  if (select.distinct) return items.flatMap(({ expression }, i) => (said.has(plainOf(expression)) ? [] : [by(position(i, select.span))]))
  const at = firstOf(items.map(({ expression }) => plainOf(expression)))
  if (level.groups !== null) return level.groups.filter((group) => !said.has(plainOf(group))).map((group) => { const i = at.get(plainOf(group)); return by(i === undefined ? group : position(i, select.span)) })
  return keysFor(level, there).map(({ expression }) => (expression.kind === 'call' ? shuffle(select.span) : by(expression)))
}
function shapeOf(node: Select, items: readonly Item[], level: Level): Shape {
  const known = new Map(level.sources.flatMap((source) => source.columns.map((column) => [ref(source.alias, column.name), column] as const)))
  const columns = items.map(({ name, expression }): Seen => { const from = known.get(refOf(expression) ?? ''); return from ? { ...from, name: name.text } : { name: name.text, hidden: mentions(expression, known), compares: 'other' } })
  const at = firstOf(items.map(({ expression }) => plainOf(expression)))
  const names = items.map(({ name }) => columnKey(name.text))
  const twice = new Set(names.filter((name, i) => outputsOf(items).get(name) !== i))
  const outputOf = (wanted: Expression): string | null => { const name = items[at.get(plainOf(wanted)) ?? -1]?.name.text; return name === undefined || twice.has(columnKey(name)) ? null : name }
  const key = (wanted: readonly Expression[]): readonly (readonly string[])[] => { const names = wanted.map(outputOf); return names.includes(null) ? [] : [names.filter((name) => name !== null)] }
  if (level.rollup) return { columns, keys: [] }
  if (level.groups !== null) return { columns, keys: key(level.groups) }
  if (node.distinct) return { columns, keys: [columns.map(({ name }) => name)] }
  const by = keysFor(level, [], new Set(items.map(({ expression }) => refOf(expression)).filter((one) => one !== null)))
  return { columns, keys: key(by.map(({ expression }) => expression)) }
}
const mentions = (value: unknown, known: ReadonlyMap<string, Seen>): boolean => {
  if (typeof value !== 'object' || value === null) return false
  if ('kind' in value && value.kind === 'column') { const name = refOf(value as Expression); return name === null ? false : known.get(name)?.hidden === true }
  return Object.values(value).some((one: unknown) => mentions(one, known))
}

// ---- references

function referenceOf(node: Reference, c: Context): { readonly node: Reference; readonly sources: readonly Source[] } {
  switch (node.kind) {
    case 'table': return { node, sources: [{ alias: node.alias?.text ?? node.name.text, ...tableOf(node, c) }] }
    case 'derived': {
      const { query, shape } = complete(node.query, c, false)
      return { node: { ...node, query }, sources: [{ alias: node.alias.text, ...(node.columns.length === 0 ? shape : renamed(shape, node.columns.map(({ text }) => text))) }] }
    }
    case 'jsonTable': return { node: inside(node, c, null), sources: [{ alias: node.alias.text, columns: [], keys: [] }] }
    case 'join': {
      const [left, right] = [referenceOf(node.left, c), referenceOf(node.right, c)]
      return { node: { ...node, left: left.node, right: right.node, on: node.on === null ? null : inside(node.on, c, null) }, sources: [...left.sources, ...right.sources] }
    }
  }
}
const numbers: ReadonlySet<string> = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'year'])
const texts: ReadonlySet<string> = new Set(['char', 'varchar'])
function tableOf(node: Table, c: Context): Shape {
  const cte = node.schema === null ? [...c.ctes].find(([name]) => columnKey(name) === columnKey(node.name.text))?.[1] : undefined
  if (cte) return cte
  const relation = c.catalog.schemas.get(tableKey(c.catalog, node.schema?.text ?? ''))?.relations.get(tableKey(c.catalog, node.name.text))
  if (!relation) return { columns: [], keys: [] }
  if (relation.kind === 'view') return viewOf(relation, c)
  const columns = relation.columns.map(({ name, type }): Seen => ({ name, hidden: c.hidden(relation, name), compares: numbers.has(type) ? 'number' : texts.has(type) ? 'text' : 'other' }))
  const whole = (names: readonly string[]): boolean => relation.columns.every((column) => !names.includes(column.name) || !column.nullable)
  const unique = relation.indexes.filter((index) => index.unique && index.plain && whole(index.columns))
  return { columns, keys: [...unique.filter(({ name }) => name === 'PRIMARY'), ...unique.filter(({ name }) => name !== 'PRIMARY')].map((index) => index.columns) }
}
/** A view runs as it is written: what its query leaves to the server's choice stays that. */
function viewOf(relation: Relation, c: Context): Shape {
  const parsed = c.view(relation)
  if (parsed?.kind !== 'query') return { columns: [], keys: [] }
  const own: Context = { ...c, ctes: new Map(), told: [], added: [] }
  const { shape } = complete(parsed, own, false)
  if (own.told.length + own.added.length > 0) c.told.push({ how: `where view ${relation.schema}.${relation.name} leaves to the server in which order rows count`, span: null })
  const names = relation.columns.map(({ name }) => name)
  const renaming = renamed(shape, names)
  return { ...renaming, columns: renaming.columns.map((column) => ({ ...column, hidden: column.hidden || c.hidden(relation, column.name) })) }
}

// ---- changes

function changed(node: Update | Delete, outer: Context): Update | Delete {
  const c = withEntries(node, outer)
  const from = node.from.map((one) => referenceOf(one, c))
  const level: Level = { sources: from.flatMap(({ sources }) => sources), conditions: conditionsOf(node), step: c.step, groups: null, rollup: false, windows: [], from: node.from }
  const more = node.limit === null ? [] : missingIn({ items: [], distinct: false, span: node.span }, node.orderBy, level)
  const rest = { ...inside({ ...node, with: null, from: [] }, c, level), with: node.with === null ? null : { ...node.with, entries: c.entries }, from: from.map((one) => one.node) }
  if (node.kind === 'update' && level.sources.length > 1) for (const { column, value } of node.assignments) {
    const target = level.sources.find(({ alias }) => alias === column.table?.text)
    const known = closure(level, (target?.columns ?? []).map(({ name }) => ref(target?.alias ?? '', name)))
    if (!settled(value, level, known)) c.told.push({ how: `where the server chooses which of several matches gives ${column.name.text} its value`, span: column.span })
  }
  return { ...rest, orderBy: [...rest.orderBy, ...more] }
}
/** Columns in it have one value for each row that changes. */
const settled = (value: unknown, level: Level, known: Known): boolean => {
  if (typeof value !== 'object' || value === null) return true
  if ('kind' in value && value.kind === 'column') { const name = refOf(value as Expression); return name === null || known.has(name) || !level.sources.some(({ alias }) => name.startsWith(`${alias}\0`)) }
  return Object.values(value).every((one: unknown) => settled(one, level, known))
}

// ---- whatever holds queries, windows and lists

/** A copy with the queries, windows and lists in it completed. `level`: the select it stands in. */
export function inside<T extends object>(node: T, c: Context, level: Level | null): T {
  return walk(node, c, level) as T
}
function walk(value: unknown, c: Context, level: Level | null): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((one: unknown) => walk(one, c, level))
  if ('kind' in value && value.kind === 'query') return complete(value as Query, c, false).query
  const inner = Object.fromEntries(Object.entries(value).map(([name, one]: [string, unknown]) => [name, name === 'span' ? one : walk(one, c, level)]))
  return level === null || !('kind' in value) ? inner : windowed(inner as unknown as Expression, level, c)
}
