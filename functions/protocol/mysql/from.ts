import { missing, unsupported, withheld } from '../refused.ts'
import type { Column, Derived, Expression, Join, JsonColumn, JsonTable, Name, Reference, Table } from './ast.ts'
import { columnKey, fold, tableKey } from './catalog.ts'
import { isPage, pageOf, partsOf } from './dictionary.ts'
import { spanIn } from './effects.ts'
import { expression, useColumn, type Analysis } from './expression.ts'
import { endless } from '../size.ts'
import { sizeOf } from './heavy.ts'
import { relationItem } from './relation.ts'
import { columnAt, distinct, inner, renamed, type Col, type Cte, type Item, type Scope } from './scope.ts'
import { readCte } from './with.ts'

/** FROM: references in order, each seeing the earlier ones only where it is LATERAL or JSON_TABLE, a join's sides merged as USING and NATURAL say. */
export interface From { readonly items: readonly Item[]; readonly cols: readonly Col[] }

/** As many as the server joins. */
const maxReferences = 61
/** `level` has no items yet; its CTEs are those in sight. */
export function fromClause(a: Analysis, nodes: readonly Reference[], level: Scope): From {
  const [items, cols]: [Item[], Col[]] = [[], []]
  const from: From = { items, cols }
  for (const node of nodes) {
    const next = reference(a, node, level, from)
    for (const item of next.items) items.push(item)
    for (const col of next.cols) cols.push(col)
  }
  if (items.length > maxReferences) throw withheld('too_wide', `a FROM has at most ${maxReferences} tables`, null)
  const seen = new Set<string>()
  for (const { name } of from.items) {
    const key = fold(name)                               // two that differ in case alone are one to a server that compares without
    if (seen.has(key)) throw missing('42000', `\`${name}\` names two tables here; give each an alias of its own`, null)
    seen.add(key)
  }
  return from
}
function reference(a: Analysis, node: Reference, level: Scope, lateral: From): From {
  a.found.step(1)
  const from = referenced(a, node, level, lateral)
  a.found.bring(from.cols.length, spanIn(level.frame, node.span))
  return from
}
const single = (item: Item): From => ({ items: [item], cols: item.cols })
function referenced(a: Analysis, node: Reference, level: Scope, lateral: From): From {
  switch (node.kind) {
    case 'table': return single(table(a, node, level))
    case 'derived': return single(derived(a, node, level, lateral))
    case 'jsonTable': return single(jsonTable(a, node, level, lateral))
    case 'join': return join(a, node, level, lateral)
  }
}
function table(a: Analysis, node: Table, level: Scope): Item {
  const cte = node.schema === null ? findCte(a, level, node.name) : null
  if (!cte && !level.frame.view && node.schema?.text.toLowerCase() === 'information_schema' && isPage(node.name.text)) return page(a, node, level)
  if (!cte) return relationItem(a, node, level)
  if (cte.state === 'waiting') readCte(a, cte)
  if (cte.state === 'reading') cte.again = true          // its own working table; with.ts reads it until its columns hold still
  if (!cte.cols) throw unsupported('recursive_cte', `\`${cte.name}\` refers to itself before its first part`, spanIn(level.frame, node.span))
  const name = node.alias ?? node.name
  const alias = a.found.alias(node, name.text)
  a.found.replace(level.frame, node, { ...node, name: { ...node.name, text: cte.alias }, alias: { ...name, text: alias } })
  const cols = renamed(cte.cols, [], alias, null)
  return { name: name.text, alias, relation: null, handle: null, reached: [], cols: cte.state === 'reading' ? cols.map((col) => ({ ...col, size: endless })) : cols }      // what a round adds to, the next adds to again
}
/** A table of information_schema, as this caller may see it: the rows stand in the statement, so whatever is asked of them the server answers, and of its own tables it is asked nothing. */
function page({ found }: Analysis, node: Table, level: Scope): Item {
  found.wants = true
  const { span } = node
  const { columns, rows } = pageOf(node.name.text, partsOf(found.catalog, found.seen ?? [])) ?? { columns: [], rows: [] }
  const value = JSON.stringify(rows)
  if (value.length > maxPageLength) throw withheld('too_wide', 'there is more of it than fits into a statement; the connection\'s schema (`sluice schema`, `GET /v1/connections/{c}/schema`) tells all', spanIn(level.frame, span))
  const name = node.alias ?? node.name
  const alias = { text: found.alias(node, name.text), span }
  const numeric = (i: number): boolean => rows.some((row) => typeof row[i] === 'number')
  found.replace(level.frame, node, {
    kind: 'jsonTable', document: { kind: 'string', value, span }, path: '$[*]', alias, span,
    columns: columns.map((text, i): JsonColumn => ({ kind: 'value', name: { text, span }, type: { name: numeric(i) ? 'bigint' : text === 'COLUMN_TYPE' ? 'text' : 'varchar', size: numeric(i) || text === 'COLUMN_TYPE' ? null : 512, scale: null }, path: `$[${i}]`, onEmpty: null, onError: null, span })),
  } satisfies JsonTable)
  return { name: name.text, alias: alias.text, relation: null, handle: null, reached: [], cols: columns.map((name): Col => ({ name, tags: [], derived: [], origin: null, json: false, unclassified: true, at: alias.text, touch: null })) }
}
const maxPageLength = 4_000_000
/** Common table expressions are looked up by level, the nearest first. Servers differ in whether case matters, so a name that differs in case alone is not guessed at. */
function findCte(a: Analysis, level: Scope, name: Name): Cte | null {
  let hidden = false
  for (let scope: Scope | null = level; scope; scope = scope.parent) {
    const cte = scope.ctes.get(columnKey(name.text))
    // An entry of this name that is not in sight yet ends the search on one server, which takes a table then, and not on the other.
    if (!cte && scope.coming.has(columnKey(name.text))) hidden = true
    if (!cte) continue
    if (hidden) throw unsupported('ambiguous_name', `\`${name.text}\` is in two WITHs, and servers differ in which one is meant here; give each entry a name of its own`, spanIn(level.frame, name.span))
    if (cte.name !== name.text && a.found.catalog.lowerCase === 0) throw unsupported('ambiguous_name', `\`${name.text}\` differs from \`${cte.name}\` of the WITH in case alone; write it alike`, spanIn(level.frame, name.span))
    if (cte.recursive && cte.scope.ctes === scope.ctes && later(cte, level)) throw unsupported('recursive_cte', `\`${name.text}\` is named before it stands in the WITH, which servers read differently; put it first`, spanIn(level.frame, name.span))
    return cte
  }
  return null
}
/** The entry that is being read stands before the one it names. */
function later(cte: Cte, level: Scope): boolean {
  const reading = [...cte.scope.ctes.values()].filter(({ state }) => state === 'reading').at(-1)
  const order = [...cte.scope.ctes.values()]
  return reading !== undefined && level.ctes !== cte.scope.ctes && order.indexOf(reading) < order.indexOf(cte)
}
function derived(a: Analysis, node: Derived, level: Scope, lateral: From): Item {
  const mark = a.found.log.length
  const around: Scope = node.lateral ? { ...level, ...lateral } : level
  const cols = a.found.textless(() => a.query(a, node.query, inner(around)))
  const alias = ownAlias(a, node.alias, level)
  return { name: node.alias.text, alias, relation: null, handle: null, reached: a.found.log.slice(mark), cols: renamed(cols, node.columns, alias, spanIn(level.frame, node.span)) }
}

/** An alias that the grammar demands, as it is printed. */
export function ownAlias({ found }: Analysis, name: Name, level: Scope): string {
  const alias = found.alias(name, name.text)
  found.replace(level.frame, name, { ...name, text: alias })
  return alias
}

/** What is in the document is a use; what comes out of one that holds nothing classified is classified by nobody. */
function jsonTable(a: Analysis, node: JsonTable, level: Scope, lateral: From): Item {
  const [, texts] = a.found.textsOf(() => expression(a, node.document, { ...level, ...lateral }, 'as the document of json_table()'))
  const names = (columns: readonly JsonColumn[]): readonly Name[] => columns.flatMap((one) => (one.kind === 'nested' ? names(one.columns) : [one.name]))
  const alias = ownAlias(a, node.alias, level)
  const cols = names(node.columns).map(({ text }): Col => ({ name: text, tags: [], derived: [], origin: null, json: false, unclassified: false, at: alias, touch: null, texts, size: sizeOf(a.found, node.document, { ...level, ...lateral }) }))
  return { name: node.alias.text, alias, relation: null, handle: null, reached: [], cols }
}

function join(a: Analysis, node: Join, level: Scope, lateral: From): From {
  const left = reference(a, node.left, level, lateral)
  a.found.step(lateral.cols.length + left.items.length)
  const right = reference(a, node.right, level, { items: [...lateral.items, ...left.items], cols: [...lateral.cols, ...left.cols] })
  const others = new Set(node.natural ? right.cols.map((col) => columnKey(col.name)) : [])
  const names = node.natural ? left.cols.map((col) => col.name).filter((name) => others.has(columnKey(name))) : node.using.map(({ text }) => text)
  const pairs = names.map((name): readonly [Col, Col] => [columnAt(left.cols, null, name, spanIn(level.frame, node.span)), columnAt(right.cols, null, name, spanIn(level.frame, node.span))])
  const merged = pairs.map(([one, other]) => mergedColumn(a, node, one, other, level))
  if (node.natural || node.using.length > 0) a.found.replace(level.frame, node, { ...node, natural: false, using: [], on: equal(node, pairs) })
  const items = [...left.items, ...right.items]
  expression(a, node.on, { ...level, items, cols: [...left.cols, ...right.cols], outputs: null }, 'in a join condition')
  const keys = new Set(names.map(columnKey))
  const rest = (side: From) => side.cols.filter((col) => !keys.has(columnKey(col.name)))
  return { items, cols: [...merged, ...rest(left), ...rest(right)] }
}
/** NATURAL and USING as what they were understood as: which columns have one name the server is not asked again. */
function equal({ type, span }: Join, pairs: readonly (readonly [Col, Col])[]): Expression | null {
  const column = ({ at, name }: Col): Column => ({ kind: 'column', schema: null, table: at === null ? null : { text: at, span }, name: { text: name, span }, span })
  const [first, ...rest] = pairs.map(([left, right]): Expression => ({ kind: 'binary', operator: '=', left: column(left), right: column(right), span }))
  if (first === undefined) return type === 'inner' ? null : { kind: 'boolean', value: true, span }
  return rest.length === 0 ? first : { kind: 'logical', operator: 'and', operands: [first, ...rest], span }
}
/** The column itself is that of the side whose rows are all kept; which one is printed, so it is that one's classes and both are compared. */
function mergedColumn(a: Analysis, node: Join, left: Col, right: Col, level: Scope): Col {
  const how = node.natural ? 'in a natural join' : 'in a join condition'
  for (const col of [left, right]) useColumn(a, col, how, spanIn(level.frame, node.span))
  const kept = node.type === 'right' ? right : left
  return { ...kept, tags: distinct([...left.tags, ...right.tags]), derived: distinct([...left.derived, ...right.derived]), touch: () => { left.touch?.(); right.touch?.() } }
}
export const sameTable = (a: Analysis, one: string, other: string): boolean => tableKey(a.found.catalog, one) === tableKey(a.found.catalog, other)
