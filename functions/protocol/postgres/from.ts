import type { Alias, JoinExpr, Node, RangeFunction, RangeSubselect, RangeTableSample } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import { unsupported } from '../refused.ts'
import { expression, useColumn, type Analysis } from './expression.ts'
import { isScalar, scalar, strings, unknown, useOperator } from './names.ts'
import { relationItem } from './relation.ts'
import { functionItem } from './rows.ts'
import { columnAt, distinct, renamed, type Col, type Cte, type Item, type Scope } from './scope.ts'

/**
 * FROM: items in order, each seeing the earlier ones only where it is LATERAL or a function, a join's sides merged as USING and NATURAL say. `space` is
 * what names can be looked up in; `item` the whole, as a join around it sees it.
 */
export interface From { readonly item: Item; readonly space: readonly Item[] }

export function fromClause(a: Analysis, nodes: readonly Node[] | undefined, level: Scope): readonly Item[] {
  let space: readonly Item[] = []
  for (const node of nodes ?? []) space = [...space, ...fromItem(a, node, level, space).space]
  return space
}

/** `level` has no items yet; `lateral` are those a LATERAL item may mention. */
export function fromItem(a: Analysis, node: Node, level: Scope, lateral: readonly Item[]): From {
  const from = itemOf(a, node, level, lateral)
  a.found.bring(from.item.cols.length, null)
  return from
}
function itemOf(a: Analysis, node: Node, level: Scope, lateral: readonly Item[]): From {
  const single = (item: Item): From => ({ item, space: [item] })
  if ('RangeVar' in node) {
    const cte = node.RangeVar.schemaname === undefined ? findCte(level, node.RangeVar.relname ?? '') : null
    return single(cte ? cteItem(a, cte, node.RangeVar.alias, level.frame.span(node.RangeVar.location)) : relationItem(a, node.RangeVar, level))
  }
  if ('RangeSubselect' in node) return single(subselect(a, node.RangeSubselect, level, lateral))
  if ('RangeFunction' in node) return single(functionItem(a, node.RangeFunction satisfies RangeFunction, { ...level, items: lateral }))
  if ('RangeTableSample' in node) return single(sample(a, node.RangeTableSample, level, lateral))
  if ('JoinExpr' in node) return join(a, node.JoinExpr, level, lateral)
  throw unsupported('unknown_syntax', 'this kind of FROM item is not supported through the gate', null)
}

export function derivedItem(cols: readonly Col[], alias: string | undefined, reached: Item['reached']): Item {
  return { alias: alias ?? '', named: alias !== undefined, bare: true, cols: cols.map((col) => ({ ...col, touch: null })), oid: null, relation: null, handle: null, system: [], reached }
}
function subselect(a: Analysis, node: RangeSubselect, level: Scope, lateral: readonly Item[]): Item {
  const mark = a.found.log.length
  const cols = node.subquery ? a.subquery(a, node.subquery, { ...level, items: node.lateral ? lateral : [] }) : []
  return derivedItem(renamed(cols, strings(node.alias?.colnames), null), node.alias?.aliasname, a.found.log.slice(mark))
}
function sample(a: Analysis, node: RangeTableSample, level: Scope, lateral: readonly Item[]): Item {
  const method = strings(node.method)
  const name = method.at(-1) ?? ''
  if ((name !== 'bernoulli' && name !== 'system') || method.length > 1) throw unsupported('unknown_function', `sampling method \`${method.join('.')}\` is not one the gate knows`, level.frame.span(node.location))
  a.found.names.functions.add(name)
  if (level.frame.path.some((place) => a.found.catalog.schemas.get(place)?.functions.has(name))) throw unsupported('unknown_function', `sampling method \`${name}\` is not the server's own here`, level.frame.span(node.location))
  for (const arg of [...node.args ?? [], node.repeatable]) expression(a, arg, { ...level, items: lateral }, 'in a tablesample')
  if (!node.relation) throw unsupported('unknown_syntax', 'this kind of FROM item is not supported through the gate', null)
  return fromItem(a, node.relation, level, lateral).item
}

// ---- common table expressions: looked up by level, the nearest first ----

function findCte(level: Scope, name: string): Cte | null {
  for (let scope: Scope | null = level; scope; scope = scope.parent) {
    const cte = scope.ctes.get(name)
    if (cte) return cte
  }
  return null
}
function cteItem(a: Analysis, cte: Cte, alias: Alias | undefined, span: Span | null): Item {
  if (cte.state === 'waiting') readCte(a, cte)
  if (cte.state === 'reading') cte.again = true   // its own working table; with.ts reads it until its columns hold still
  if (!cte.cols) throw unsupported('recursive_cte', `\`${cte.name}\` refers to itself before its first part`, span)
  return derivedItem(renamed(cte.cols, strings(alias?.colnames), span), alias?.aliasname ?? cte.name, [])
}
/** Set by with.ts, which needs queries, which need this file. */
export type ReadCte = (a: Analysis, cte: Cte) => void
let readCte: ReadCte = () => { throw new Error('with.ts is not loaded') }
export const setReadCte = (read: ReadCte): void => { readCte = read }

// ---- joins ----

function join(a: Analysis, node: JoinExpr, level: Scope, lateral: readonly Item[]): From {
  if (!node.larg || !node.rarg) throw unsupported('unknown_syntax', 'a join has two sides', null)
  const left = fromItem(a, node.larg, level, lateral)
  const right = fromItem(a, node.rarg, level, [...lateral, ...left.space])
  const others = new Set(node.isNatural ? right.item.cols.map((col) => col.name) : [])
  const names = node.isNatural ? left.item.cols.map((col) => col.name).filter((name) => others.has(name)) : strings(node.usingClause)
  const scope: Scope = { ...level, items: [...left.space, ...right.space] }
  const merged = names.map((name) => mergedColumn(a, node, columnAt(left.item, name, null), columnAt(right.item, name, null), scope))
  expression(a, node.quals, scope, 'in a join condition')
  const rest = (side: From) => side.item.cols.filter((col) => !names.includes(col.name))
  const cols = [...merged, ...rest(left), ...rest(right)]
  const alias = node.alias?.aliasname
  const whole: Item = {
    alias: alias ?? '', named: alias !== undefined, bare: true, cols: renamed(cols, strings(node.alias?.colnames), null), oid: null, relation: null, handle: null, system: [],
    reached: [...left.item.reached, ...right.item.reached],
  }
  const using = node.join_using_alias?.aliasname
  const extra: readonly Item[] = using === undefined ? [] : [{ ...whole, alias: using, named: true, bare: false, cols: merged }]
  const sides = alias === undefined ? [...left.space, ...right.space].map((item) => ({ ...item, bare: false })) : []
  return { item: whole, space: [whole, ...extra, ...sides] }
}
function mergedColumn(a: Analysis, node: JoinExpr, left: Col, right: Col, scope: Scope): Col {
  const how = node.isNatural ? 'in a natural join' : 'in a join condition'
  useOperator(a.found, scope.frame, ['='], null)
  useColumn(a, left, how, null, scope)
  useColumn(a, right, how, null, scope)
  return {
    name: left.name, tags: distinct([...left.tags, ...right.tags]), derived: distinct([...left.derived, ...right.derived]),
    type: isScalar(a.found, left.type) && isScalar(a.found, right.type) ? (left.type === right.type ? left.type : scalar) : unknown,
    origin: mergedOrigin(node.jointype, left, right), touch: () => { left.touch?.(); right.touch?.() },
    texts: a.found.joined(left.texts, right.texts),
  }
}
/** Which side's column the server shows for a merged one: a full join computes it, and a side that had to be converted is computed too. */
function mergedOrigin(kind: string | undefined, left: Col, right: Col): Col['origin'] {
  if (kind === 'JOIN_FULL') return null
  const common = commonType(left.type, right.type)
  const asIs = (col: Col) => (common === null || common === col.type ? col.origin : null)
  if (kind === 'JOIN_RIGHT') return asIs(right)
  if (kind === 'JOIN_LEFT') return asIs(left)
  return common === null || common === left.type ? left.origin : common === right.type ? right.origin : null
}
/** int2 → int4 → int8 → numeric → float4 → float8, and the text types to text; null: alike, as far as it matters here. */
const ranks: readonly (readonly number[])[] = [[21, 23, 20, 1700, 700, 701], [1043, 25], [1042, 25], [1114, 1184], [1082, 1114], [1082, 1184]]
export function commonType(left: number, right: number): number | null {
  if (left === right) return null
  const family = ranks.find((rank) => rank.includes(left) && rank.includes(right))
  return family ? Math.max(family.indexOf(left), family.indexOf(right)) === family.indexOf(left) ? left : right : null
}
