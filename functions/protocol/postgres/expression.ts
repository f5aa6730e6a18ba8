import type { ColumnRef, FuncCall, Node, SubLink, TypeName, WindowDef } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import { isMasklike } from '../marks.ts'
import { missing, unsupported } from '../refused.ts'
import { functionNames, introspection, populating, valueFunctions } from './builtins.ts'
import { apply } from './call.ts'
import { unknownFunction, type Findings } from './effects.ts'
import { weighAny, weighCall, weighOperator, weighOver } from './heavy.ts'
import { array, findType, isFunctionName, isScalar, makeType, scalar, strings, tell, unknown, useOperator } from './names.ts'
import type { Parsed } from './parse.ts'
import { columnAt, itemNamed, resolve, tagsOf, touch, type Col, type Item, type Scope } from './scope.ts'
import { wordsFor } from './syntax.ts'

/**
 * Walks an expression. Whatever classified column stands in it is a use, told by the clause it stands in, or else by what is done to it. Gives
 * the type as far as names.ts follows types. A node it does not name is refused.
 */
export interface Analysis {
  readonly found: Findings
  /** Analyses a query inside another; breaks the circle between expressions and queries. */
  readonly subquery: (a: Analysis, node: Node, parent: Scope) => readonly Col[]
  /** The parsed text of a view, or null where the grammar or the allow-list refuses it. */
  readonly view: (oid: number) => Parsed | null
  /** What row security of a relation says, by command; null for a clause that the grammar or the allow-list refuses. */
  readonly policies: (oid: number) => readonly ParsedPolicy[]
  /** The parsed expressions of `planned` of a relation; null where the grammar or the allow-list refuses one. */
  readonly planned: (oid: number) => readonly (Parsed | null)[]
  /** Relations whose row security is being read. */
  readonly guarding: Set<number>
}
export interface ParsedPolicy { readonly command: string; readonly clauses: readonly (Parsed | null)[] }
/** `clause`: the words for where the expression stands; null in a select list, where the nearest operation is told instead. */
export function expression(a: Analysis, node: Node | undefined, scope: Scope, clause: string | null): number {
  if (!node || Object.keys(node).length === 0) return scalar
  const { found } = a
  const { frame } = scope
  const each = (nodes: readonly (Node | undefined)[] | undefined, how: string): number => all(found, (nodes ?? []).map((n) => expression(a, n, scope, clause ?? how)))
  if ('A_Const' in node) {
    const text = node.A_Const.sval?.sval
    if (found.texts && text !== undefined && isMasklike(text)) found.text(text, frame.span(node.A_Const.location))
    return scalar
  }
  if ('ParamRef' in node) {
    found.text(node.ParamRef.number ?? 0, frame.span(node.ParamRef.location))
    return scalar
  }
  if ('ColumnRef' in node) return column(a, node.ColumnRef, scope, clause ?? 'in an expression')
  if ('A_Indirection' in node) return indirection(a, node.A_Indirection, scope, clause)
  if ('FuncCall' in node) return call(a, node.FuncCall, scope, clause)
  if ('A_Expr' in node) {
    const { kind, name, lexpr, rexpr, location } = node.A_Expr
    for (const operator of operatorsOf(kind, strings(name))) useOperator(found, frame, operator, frame.span(location))
    const inner = each([lexpr, rexpr], `under the operator \`${strings(name).at(-1)}\``)
    weighOperator(a, node.A_Expr, scope)
    return strings(name).at(-1) === '||' || kind === 'AEXPR_NULLIF' ? inner : scalar
  }
  if ('List' in node) return each(node.List.items, 'in an expression')
  if ('BoolExpr' in node) { each(node.BoolExpr.args, 'in a condition'); return scalar }
  if ('NullTest' in node) { each([node.NullTest.arg], 'under `is null`'); return scalar }
  if ('BooleanTest' in node) { each([node.BooleanTest.arg], 'under a truth test'); return scalar }
  if ('CaseExpr' in node) {
    const { arg, args, defresult, location } = node.CaseExpr
    if (arg) useOperator(found, frame, ['='], frame.span(location))
    const type = each([arg, ...args ?? [], defresult], 'in a `case`')
    if (arg) weighOver(found, [arg, ...(args ?? []).map((when) => ('CaseWhen' in when ? when.CaseWhen.expr : undefined))], scope, location)
    return type
  }
  if ('CaseWhen' in node) return each([node.CaseWhen.expr, node.CaseWhen.result], 'in a `case`')
  if ('CoalesceExpr' in node) return each(node.CoalesceExpr.args, 'as an argument of coalesce()')
  if ('MinMaxExpr' in node) {
    const type = each(node.MinMaxExpr.args, 'as an argument of greatest() or least()')
    weighOver(found, node.MinMaxExpr.args ?? [], scope, node.MinMaxExpr.location)
    return type
  }
  if ('A_ArrayExpr' in node) return asArray(each(node.A_ArrayExpr.elements, 'in an array'))
  if ('RowExpr' in node) { each(node.RowExpr.args, 'in a row'); return unknown }
  if ('CollateClause' in node) return each([node.CollateClause.arg], 'under `collate`')
  if ('GroupingFunc' in node) { each(node.GroupingFunc.args, 'as an argument of grouping()'); return scalar }
  if ('TypeCast' in node) {
    each([node.TypeCast.arg], 'under a cast')
    weighOver(found, [node.TypeCast.arg], scope, node.TypeCast.location)
    return cast(a, node.TypeCast.typeName, scope)
  }
  if ('SubLink' in node) return sublink(a, node.SubLink, scope, clause)
  if ('SQLValueFunction' in node) {
    const { op = '', location } = node.SQLValueFunction
    if (!valueFunctions.has(op)) tell(found, frame, op.replace(/^SVFOP_/, '').toLowerCase(), frame.span(location))
    return scalar
  }
  if ('SetToDefault' in node) return scalar
  if ('MultiAssignRef' in node) return each([node.MultiAssignRef.source], 'in a new value')
  if ('NamedArgExpr' in node) return each([node.NamedArgExpr.arg], 'as an argument')
  if ('SortBy' in node) {
    if (node.SortBy.useOp) useOperator(found, frame, strings(node.SortBy.useOp), frame.span(node.SortBy.location))
    return each([node.SortBy.node], 'in an order')
  }
  if ('ResTarget' in node) return each([node.ResTarget.val], 'in an expression')
  return json(a, node, scope, clause)
}
const asArray = (element: number): number => (element === unknown ? unknown : array)
const all = (found: Findings, types: readonly number[]): number => (types.every((type) => isScalar(found, type)) ? scalar : unknown)

/** Operators the server looks up by name for one expression node. */
function operatorsOf(kind: string | undefined, names: readonly string[]): readonly (readonly string[])[] {
  if (kind === 'AEXPR_BETWEEN' || kind === 'AEXPR_NOT_BETWEEN' || kind === 'AEXPR_BETWEEN_SYM' || kind === 'AEXPR_NOT_BETWEEN_SYM') return [['<'], ['<='], ['>'], ['>=']]
  return [names]
}

function column(a: Analysis, ref: ColumnRef, scope: Scope, how: string): number {
  const { found } = a
  const span = scope.frame.span(ref.location)
  const fields = ref.fields ?? []
  const last = fields.at(-1)
  if (last && 'A_Star' in last) {
    const names = strings(fields.slice(0, -1))
    for (const item of starred(scope, names, span)) useRow(a, item, how, span, scope)
    return unknown
  }
  const target = resolve(found, scope, strings(fields), span)
  if (target.kind === 'column') return useColumn(a, target.col, how, span, scope)
  useRow(a, target.item, target.kind === 'row' ? 'in a whole-row reference' : `as an argument of ${target.name}()`, span, scope)
  if (target.kind === 'call') return apply(found, scope.frame, [target.name], 1, span, unknown)
  return unknown
}
export function useColumn(a: Analysis, col: Col, how: string, span: Span | null, scope: Scope): number {
  touch([col])
  a.found.use(tagsOf([col]), how, span)
  if (a.found.sink && col.fails) a.found.sinkFails = true
  a.found.carry([col])
  if (col.type > 0) makeType(a.found, scope.frame, col.type, span, false)
  return col.type
}
function useRow(a: Analysis, item: Item, how: string, span: Span | null, scope: Scope): void {
  for (const col of item.cols) useColumn(a, col, how, span, scope)
}
/** Items whose columns a star stands for. */
export function starred(scope: Scope, names: readonly string[], span: Span | null): readonly Item[] {
  if (names.length === 0) return scope.items.filter((item) => item.bare)
  const item = itemNamed(scope, names.length > 1 ? names.at(-2) : undefined, names.at(-1) ?? '', span)
  if (!item) throw missing('42P01', `there is no table \`${names.join('.')}\` in this query`, span)
  return [item]
}

/** `(u).c` of a whole row is the column itself; anything else is a field or an element of a value. */
function indirection(a: Analysis, node: { arg?: Node; indirection?: Node[] }, scope: Scope, clause: string | null): number {
  const direct = rowField(a, node, scope)
  if (direct) return useColumn(a, direct.col, clause ?? 'in an expression', direct.span, scope)
  let type = expression(a, node.arg, scope, clause ?? 'under a field or element')
  const span = scope.frame.span(node.arg && 'ColumnRef' in node.arg ? node.arg.ColumnRef.location : undefined)
  for (const step of node.indirection ?? []) {
    if ('A_Indices' in step) {
      expression(a, step.A_Indices.lidx, scope, clause)
      expression(a, step.A_Indices.uidx, scope, clause)
      type = isScalar(a.found, type) ? scalar : unknown
    } else if ('String' in step) {
      const name = step.String.sval ?? ''
      type = fieldType(a, type, name) ?? apply(a.found, scope.frame, [name], 1, span, unknown)
    } else throw unsupported('row_expansion', '`(…).*` is supported on a table or an alias only; name the fields', span)
  }
  return type
}
function fieldType(a: Analysis, type: number, name: string): number | null {
  const known = a.found.catalog.types.get(type)
  const field = known?.kind === 'c' ? a.found.catalog.relations.get(known.relation)?.columns.find((c) => c.name === name) : undefined
  if (field) return field.type
  const { builtinFunctions, functions } = a.found.catalog
  if (builtinFunctions.has(name) && !functionNames.has(name) && !introspection.has(name)) throw unknownFunction(name, null)
  const called = builtinFunctions.has(name) || [...functions.values()].some((fn) => fn.name === name)
  return called ? null : unknown
}
/** `(u).c` and `(s.u).c` where u is a table or alias: the server makes it a plain reference to the column. */
export function rowField(a: Analysis, node: { arg?: Node; indirection?: Node[] }, scope: Scope): { col: Col; span: Span | null } | null {
  const [step, more] = node.indirection ?? []
  if (more || !step || !('String' in step) || !node.arg || !('ColumnRef' in node.arg)) return null
  const fields = node.arg.ColumnRef.fields ?? []
  if (fields.some((field) => !('String' in field))) return null
  const span = scope.frame.span(node.arg.ColumnRef.location)
  const [only, second] = strings(fields)
  if (only === undefined || second !== undefined) return null
  const target = resolve(a.found, scope, [only], span)
  if (target.kind !== 'row') return null
  const name = step.String.sval ?? ''
  return target.item.cols.some((col) => col.name === name) ? { col: columnAt(target.item, name, span), span } : null
}


function call(a: Analysis, node: FuncCall, scope: Scope, clause: string | null): number {
  const { frame } = scope
  const span = frame.span(node.location)
  const names = strings(node.funcname)
  const name = names.at(-1) ?? ''
  const how = clause ?? `as an argument of ${name}()`
  const args = (node.args ?? []).map((arg) => expression(a, arg, scope, how))
  const ordered = (node.agg_order ?? []).map((order) => expression(a, order, scope, how))
  expression(a, node.agg_filter, scope, clause ?? 'in a filter')
  if (node.over) window(a, node.over, scope)
  // It fills a row of any type that was mentioned in its arguments: what came there as a value is made anew.
  if (populating.has(name)) for (const type of [...a.found.types]) makeType(a.found, frame, type, span)
  const [only] = node.args ?? []
  if (names.length === 1 && args.length === 1 && only && rowField(a, { arg: only, indirection: [{ String: { sval: name } }] }, scope)) {
    if (!isFunctionName(a.found, frame, name)) return unknown   // `c(u)` is the column c of the row u, and the row was counted as used above
    throw unsupported('ambiguous_notation', `\`${name}(…)\` may mean a function or a column of the row; write the column as \`….${name}\``, span)
  }
  weighCall(a, node, scope)
  // in 15, json_object( … ) is an ordinary name that the path may answer
  const written = names.length === 2 && names[0] === 'pg_catalog' && name === 'json_object' && a.found.catalog.version < 160000 ? [name] : names
  return apply(a.found, frame, written, args.length + (node.agg_within_group ? ordered.length : 0), span, all(a.found, [...args, ...ordered]))
}
export function window(a: Analysis, node: WindowDef, scope: Scope): void {
  for (const part of [...node.partitionClause ?? [], ...node.orderClause ?? [], node.startOffset, node.endOffset]) expression(a, part, scope, 'in a window')
}

function sublink(a: Analysis, node: SubLink, scope: Scope, clause: string | null): number {
  const span = scope.frame.span(node.location)
  const cols = node.subselect ? a.subquery(a, node.subselect, scope) : []
  if (node.subLinkType === 'EXISTS_SUBLINK') return scalar   // whether a row is there; its columns are not looked at
  a.found.carry(cols)
  expression(a, node.testexpr, scope, clause ?? 'in a comparison')
  if (node.testexpr && node.operName) weighAny(a, strings(node.operName).at(-1) ?? '', node.testexpr, cols, scope, span)
  if (node.testexpr) useOperator(a.found, scope.frame, node.operName ? strings(node.operName) : ['='], span)
  a.found.use(tagsOf(cols), clause ?? 'in a subquery that stands for a value', span)
  const type = all(a.found, cols.map((col) => col.type))
  return node.subLinkType === 'ARRAY_SUBLINK' ? asArray(type) : type
}

export function cast(a: Analysis, type: TypeName | undefined, scope: Scope): number {
  const oid = findType(a.found, scope.frame, type, scope.frame.span(type?.location))
  if (!type?.arrayBounds?.length) return oid
  return a.found.catalog.builtinTypes.get(`_${strings(type.names).at(-1) ?? ''}`) ?? (isScalar(a.found, oid) ? array : unknown)
}

/** SQL/JSON and XML constructors, with the first major whose grammar has them: before it the same text is an ordinary function call. */
const constructors: ReadonlyMap<string, number> = new Map([
  ['XmlExpr', 0], ['XmlSerialize', 0], ['JsonObjectConstructor', 16], ['JsonArrayConstructor', 16], ['JsonObjectAgg', 16], ['JsonArrayAgg', 16], ['JsonIsPredicate', 16],
  ['JsonParseExpr', 17], ['JsonScalarExpr', 17], ['JsonSerializeExpr', 17], ['JsonFuncExpr', 17], ['JsonKeyValue', 16], ['JsonValueExpr', 16], ['JsonArgument', 17],
])
function json(a: Analysis, node: Node, scope: Scope, clause: string | null): number {
  const [kind = ''] = Object.keys(node)
  const since = constructors.get(kind)
  if (since === undefined || a.found.catalog.version < since * 10000) throw unsupported('unknown_syntax', `${wordsFor(kind)} cannot be used here${since === undefined ? '' : `: this server has it from PostgreSQL ${since} on`}`, null)
  let type = scalar
  const operands: Node[] = []
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) { value.forEach(walk); return }
    if (typeof value !== 'object' || value === null) return
    const keys = Object.keys(value)
    if (keys.length === 1 && /^[A-Z]/.test(keys[0] ?? '')) { operands.push(value as Node); expression(a, value as Node, scope, clause ?? 'in a json or xml value'); return }
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'typeName') type = cast(a, inner as TypeName, scope)
      else if (key === 'over') window(a, inner as WindowDef, scope)
      else walk(inner)
    }
  }
  walk(Object.values(node))
  weighOver(a.found, operands, scope, undefined)
  return type
}
