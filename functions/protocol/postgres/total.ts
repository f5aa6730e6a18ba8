import type { Node } from 'libpg-query'
import type { Analysis } from './expression.ts'
import { strings } from './names.ts'

/**
 * Whether computing an expression of a view can fail on some values of its columns: a cast, a division, a function that is particular. What a view computes is mostly computed only where it is
 * asked for; where it is computed all the same, that it failed tells of the values. Only what is known never to fail counts as safe.
 */
export function mayFail(node: Node | undefined): boolean {
  if (!node || Object.keys(node).length === 0) return false
  const some = (nodes: readonly (Node | undefined)[] | undefined) => (nodes ?? []).some(mayFail)
  if ('ColumnRef' in node || 'A_Const' in node) return false
  if ('FuncCall' in node) {
    const names = strings(node.FuncCall.funcname)
    const { agg_filter, over, args } = node.FuncCall
    return !(names.length === 1 || names[0] === 'pg_catalog') || !safeFunctions.has(names.at(-1) ?? '') || agg_filter !== undefined || over !== undefined || some(args)
  }
  if ('A_Expr' in node) {
    const { name, kind, lexpr, rexpr } = node.A_Expr
    const [operator = '', more] = strings(name)
    const joins = operator === '||' && [lexpr, rexpr].some(isText)     // of arrays and documents it may fail
    const safe = more === undefined && (kind === 'AEXPR_OP' ? comparing.has(operator) || joins : kind === 'AEXPR_DISTINCT' || kind === 'AEXPR_NOT_DISTINCT' || kind === 'AEXPR_NULLIF')
    return !safe || some([lexpr, rexpr])
  }
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast
    return arg !== undefined && !('A_Const' in arg) && (strings(typeName?.names).at(-1) !== 'text' || typeName?.arrayBounds !== undefined || mayFail(arg))
  }
  if ('BoolExpr' in node) return some(node.BoolExpr.args)
  if ('NullTest' in node) return mayFail(node.NullTest.arg)
  if ('BooleanTest' in node) return mayFail(node.BooleanTest.arg)
  if ('CaseExpr' in node) return some([node.CaseExpr.arg, ...node.CaseExpr.args ?? [], node.CaseExpr.defresult])
  if ('CaseWhen' in node) return some([node.CaseWhen.expr, node.CaseWhen.result])
  if ('CoalesceExpr' in node) return some(node.CoalesceExpr.args)
  if ('MinMaxExpr' in node) return some(node.MinMaxExpr.args)
  return true
}
export const unasked = 'where a view computes it whether or not it is asked for'
const safeFunctions: ReadonlySet<string> = new Set('lower upper initcap length char_length character_length octet_length md5 left right btrim ltrim rtrim reverse concat concat_ws replace strpos starts_with translate'.split(' '))
const comparing: ReadonlySet<string> = new Set(['=', '<>', '<', '>', '<=', '>='])
const isText = (node: Node | undefined): boolean => node !== undefined && (('A_Const' in node && node.A_Const.sval !== undefined) || ('TypeCast' in node && strings(node.TypeCast.typeName?.names).at(-1) === 'text') || ('A_Expr' in node && [node.A_Expr.lexpr, node.A_Expr.rexpr].some(isText)))

/** The server computes it for each row, whoever asks: a function in it may give another result each time. */
export function isVolatile(a: Analysis, value: unknown): boolean {
  if (Array.isArray(value)) return value.some((one) => isVolatile(a, one))
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, inner]: [string, unknown]) => {
    const name = key === 'FuncCall' ? strings((inner as { funcname?: readonly Node[] }).funcname).at(-1) ?? '' : null
    return (name !== null && (volatileNames.has(name) || [...a.found.catalog.functions.values()].some((fn) => fn.volatility === 'v' && fn.name === name))) || isVolatile(a, inner)
  })
}
const volatileNames: ReadonlySet<string> = new Set(['array_sample', 'array_shuffle', 'clock_timestamp', 'gen_random_uuid', 'random', 'random_normal', 'timeofday', 'uuidv4', 'uuidv7'])
