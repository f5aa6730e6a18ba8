import type { Node } from 'libpg-query'
import { strings } from './names.ts'

/** The name the server gives an unnamed output column (FigureColname). Subqueries are referred to by it, so it must be the server's, not nearly so. */
export function nameOf(node: Node | undefined): string {
  return figure(node)[1] ?? '?column?'
}
type Strength = 0 | 1 | 2

function figure(node: Node | undefined): readonly [Strength, string | null] {
  if (!node) return [0, null]
  if ('ColumnRef' in node) return named(strings(node.ColumnRef.fields).filter((s) => s !== '').at(-1))
  if ('A_Indirection' in node) {
    const last = (node.A_Indirection.indirection ?? []).flatMap((n) => ('String' in n ? [n.String.sval ?? ''] : [])).at(-1)
    return last === undefined ? figure(node.A_Indirection.arg) : [2, last]
  }
  if ('FuncCall' in node) return named(strings(node.FuncCall.funcname).at(-1))
  if ('A_Expr' in node) return node.A_Expr.kind === 'AEXPR_NULLIF' ? [2, 'nullif'] : [0, null]
  if ('TypeCast' in node) {
    const inner = figure(node.TypeCast.arg)
    return inner[0] > 1 ? inner : [1, strings(node.TypeCast.typeName?.names).at(-1) ?? null]
  }
  if ('CollateClause' in node) return figure(node.CollateClause.arg)
  if ('CaseExpr' in node) {
    const inner = figure(node.CaseExpr.defresult)
    return inner[0] > 1 ? inner : [1, 'case']
  }
  if ('SubLink' in node) return ofSublink(node.SubLink)
  if ('MinMaxExpr' in node) return [2, node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest']
  if ('SQLValueFunction' in node) return [2, valueNames.get(node.SQLValueFunction.op ?? '') ?? null]
  if ('XmlExpr' in node) return [2, xmlNames.get(node.XmlExpr.op ?? '') ?? null]
  if ('JsonFuncExpr' in node) return [2, jsonNames.get(node.JsonFuncExpr.op ?? '') ?? null]
  for (const [kind, name] of fixed) if (kind in node) return [2, name]
  return [0, null]
}
const named = (name: string | undefined): readonly [Strength, string | null] => (name === undefined ? [0, null] : [2, name])

function ofSublink(link: { subLinkType?: string; subselect?: Node }): readonly [Strength, string | null] {
  if (link.subLinkType === 'EXISTS_SUBLINK') return [2, 'exists']
  if (link.subLinkType === 'ARRAY_SUBLINK') return [2, 'array']
  if (link.subLinkType !== 'EXPR_SUBLINK' || !link.subselect || !('SelectStmt' in link.subselect)) return [0, null]
  let select = link.subselect.SelectStmt
  while (select.larg) select = select.larg
  if (select.valuesLists) return [2, 'column1']
  const [target] = select.targetList ?? []
  if (!target || !('ResTarget' in target)) return [0, null]
  return [2, target.ResTarget.name ?? nameOf(target.ResTarget.val)]
}

const fixed: readonly (readonly [string, string])[] = [
  ['A_ArrayExpr', 'array'], ['RowExpr', 'row'], ['CoalesceExpr', 'coalesce'], ['GroupingFunc', 'grouping'], ['XmlSerialize', 'xmlserialize'],
  ['JsonParseExpr', 'json'], ['JsonScalarExpr', 'json_scalar'], ['JsonSerializeExpr', 'json_serialize'], ['JsonObjectConstructor', 'json_object'],
  ['JsonArrayConstructor', 'json_array'], ['JsonObjectAgg', 'json_objectagg'], ['JsonArrayAgg', 'json_arrayagg'],
]
const valueNames: ReadonlyMap<string, string> = new Map([
  ['SVFOP_CURRENT_DATE', 'current_date'], ['SVFOP_CURRENT_TIME', 'current_time'], ['SVFOP_CURRENT_TIME_N', 'current_time'], ['SVFOP_CURRENT_TIMESTAMP', 'current_timestamp'],
  ['SVFOP_CURRENT_TIMESTAMP_N', 'current_timestamp'], ['SVFOP_LOCALTIME', 'localtime'], ['SVFOP_LOCALTIME_N', 'localtime'], ['SVFOP_LOCALTIMESTAMP', 'localtimestamp'],
  ['SVFOP_CURRENT_USER', 'current_user'], ['SVFOP_CURRENT_ROLE', 'current_role'], ['SVFOP_SESSION_USER', 'session_user'], ['SVFOP_USER', 'user'], ['SVFOP_CURRENT_CATALOG', 'current_catalog'],
  ['SVFOP_LOCALTIMESTAMP_N', 'localtimestamp'], ['SVFOP_CURRENT_SCHEMA', 'current_schema'],
])
const xmlNames: ReadonlyMap<string, string> = new Map([
  ['IS_XMLCONCAT', 'xmlconcat'], ['IS_XMLELEMENT', 'xmlelement'], ['IS_XMLFOREST', 'xmlforest'], ['IS_XMLPARSE', 'xmlparse'], ['IS_XMLPI', 'xmlpi'], ['IS_XMLROOT', 'xmlroot'],
])
const jsonNames: ReadonlyMap<string, string> = new Map([['JSON_EXISTS_OP', 'json_exists'], ['JSON_QUERY_OP', 'json_query'], ['JSON_VALUE_OP', 'json_value']])
