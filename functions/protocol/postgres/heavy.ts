import type { A_Expr, FuncCall, Node } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import { bytesWith, endless, fixedBytes, largest, parameterSize, repeated, sized, sizeOfCommon, sizeOnce, stored, storedBytes, sum, type Size } from '../size.ts'
import { tooHeavy } from '../weight.ts'
import { isTrusted } from './builtins.ts'
import type { Findings } from './effects.ts'
import { isMeant, strings } from './names.ts'
import { resolve, type Col, type Scope } from './scope.ts'

/**
 * What the server's time limit does not stop. A few functions and operators compare every part of one value with every part of another in one go, and look neither for a timeout nor for a cancel in between: on
 * PostgreSQL 15 `strpos(repeat('a', 4000000), 'b' || repeat('a', 500000))` was still at it 20 s after a time limit of one, with 10^12 comparisons to make, and no table or rule is needed to write it. So each of them
 * is asked how large its operands may become: constants as they are, columns by their declared type or as the largest that usual data has, parameters by the call. What grows without a bound that the text
 * shows (`repeat`, an aggregate) may stand on one side only, where the other is small. What has been found to be so was measured on a server; test/protocol/postgres/heavy.test.ts has the list.
 */

/** Types whose values have a length of their own: bool int8 int2 int4 oid float4 float8 char name date time timestamp timestamptz interval timetz uuid. */
const fixedTypes: ReadonlySet<number> = new Set([16, 18, 19, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 2950])
/** What gives no more than it is given. */
const keeping: ReadonlySet<string> = new Set(['lower', 'upper', 'initcap', 'casefold', 'btrim', 'ltrim', 'rtrim', 'left', 'right', 'substr', 'substring', 'reverse', 'translate', 'unaccent', 'bpchar', 'text', 'varchar', 'like_escape', 'trim_array', 'array_remove', 'array_sort', 'array_reverse', 'max', 'min', 'any_value', 'first_value', 'last_value', 'nth_value', 'lag', 'lead', 'unnest'])
const joining: ReadonlySet<string> = new Set(['concat', 'array_cat', 'array_append', 'array_prepend', 'jsonb_build_object', 'jsonb_build_array', 'json_build_object', 'json_build_array', 'to_json', 'to_jsonb', 'quote_literal', 'quote_ident', 'quote_nullable', 'string_to_array', 'jsonb_object', 'hstore', 'to_tsvector', 'to_tsquery', 'plainto_tsquery', 'phraseto_tsquery', 'websearch_to_tsquery', 'setweight'])
const short: ReadonlySet<string> = new Set(['point', 'box', 'circle', 'lseg', 'line', 'int4range', 'int8range', 'daterange', 'tsrange', 'tstzrange', 'lower_inc', 'upper_inc', 'll_to_earth', 'earth_box', 'md5', 'chr', 'length', 'char_length', 'octet_length', 'now', 'extract', 'date_part', 'date_trunc', 'count', 'position', 'strpos', 'gen_random_uuid',
  'age', 'date_bin', 'make_date', 'make_time', 'make_timestamp', 'make_timestamptz', 'make_interval', 'justify_days', 'justify_hours', 'justify_interval', 'to_date', 'to_timestamp', 'statement_timestamp', 'clock_timestamp', 'transaction_timestamp', 'timezone', 'isfinite', 'random',
  'array_length', 'array_ndims', 'array_position', 'array_lower', 'array_upper', 'cardinality', 'jsonb_array_length', 'json_array_length', 'jsonb_typeof', 'json_typeof', 'row_number', 'rank', 'dense_rank', 'percent_rank', 'cume_dist', 'ntile', 'character_length', 'bit_length', 'ascii', 'bool_and', 'bool_or', 'every', 'starts_with', 'regexp_count', 'regexp_instr', 'regexp_like', 'generate_series'])
/** Numbers: a `numeric` of eight letters may have a hundred thousand digits. */
const numbers: ReadonlySet<string> = new Set(['round', 'floor', 'ceil', 'ceiling', 'abs', 'sign', 'trunc', 'mod', 'div', 'gcd', 'sqrt', 'power', 'exp', 'ln', 'log', 'sum', 'avg', 'stddev', 'stddev_pop', 'stddev_samp', 'variance', 'var_pop', 'var_samp', 'to_number', 'numrange'])

/** Where the first two arguments are compared part by part. */
const products: ReadonlySet<string> = new Set(['strpos', 'position', 'replace', 'split_part', 'string_to_array', 'string_to_table', 'translate', 'btrim', 'ltrim', 'rtrim', 'like', 'notlike', 'jsonb_contains'])
/** Where all that is given is compared with itself, and where the second argument is. */
const squares: ReadonlySet<string> = new Set(['normalize', 'is_normalized', 'ts_headline', 'ts_rank_cd'])
const formats: ReadonlySet<string> = new Set(['to_date', 'to_timestamp', 'to_number', 'to_char'])
const operators: ReadonlySet<string> = new Set(['~~', '~~*', '!~~', '!~~*', '@>', '<@', '&&', '?|', '?&', '<->', '?#', '##', '~='])
/** What these give is true or not, where the target has none of its own. */
const truths: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=', '~', '~*', '!~', '!~*', '~~', '~~*', '!~~', '!~~*', '@>', '<@', '?', '?|', '?&', '@@'])
/** Steps by name, of which one may look at all below: what else a path has is a program. */
const plainPath = /^(?:\/{0,2}[\w:.*-]+(?:\[\d{1,6}\])?)(?:\/[\w:.*-]+(?:\[\d{1,6}\])?)*(?:\/@[\w:.-]+|\/text\(\))?$/

/** Refuses a call that could run past every limit. `found.scales` keeps what depends on parameters. */
export function weighCall({ found }: { readonly found: Findings }, node: FuncCall, scope: Scope): void {
  if (isOwners(scope)) return
  weighOver(found, node.args ?? [], scope, node.location)
  const name = strings(node.funcname).at(-1) ?? ''
  const args = node.args ?? []
  const span = scope.frame.span(node.location)
  const [first, second] = args
  if (products.has(name) && first && second) found.scales.pair([sizeOf(found, first, scope), sizeOf(found, second, scope)], `${name}()`, span)
  if (squares.has(name) || (formats.has(name) && second)) {
    const size = sum((squares.has(name) ? args : [second]).map((arg) => sizeOf(found, arg, scope)))
    found.scales.pair([size, size], `${name}()`, span)
  }
  if (name === 'polygon' && second && count(first) > 1000) throw tooHeavy('polygon() of more than 1000 points, or of a number that is not written out', span)
  if ((name === 'xpath' || name === 'xpath_exists' || name === 'xmlexists') && !plainPath.test(constant(first) ?? '')) throw tooHeavy(`${name}() with a path that is no constant of plain steps such as \`/a/b[1]/@c\``, span)
}

export function weighOperator({ found }: { readonly found: Findings }, { kind, name, lexpr, rexpr, location }: A_Expr, scope: Scope): void {
  const operator = strings(name).at(-1) ?? ''
  if (isOwners(scope)) return
  if (!/^[+*/%^]$/.test(operator)) weighOver(found, [lexpr, rexpr], scope, location)      // those are between numbers, which are not as long
  if (!lexpr || !rexpr || kind === 'AEXPR_SIMILAR') return
  if (!operators.has(operator) && !(operator === '-' && isArray(rexpr))) return
  found.scales.pair([sizeOf(found, lexpr, scope), sizeOf(found, rexpr, scope)], `\`${operator}\``, scope.frame.span(location))
}
/** Whatever goes through all of its operands once: also a cast, which reads the text of one type as another, and a list that one value is looked for in. */
export function weighOver(found: Findings, operands: readonly (Node | undefined)[], scope: Scope, location: number | undefined): void {
  if (!isOwners(scope)) found.scales.over(operands.flatMap(partsOf).map((part) => sizeOf(found, part, scope)), scope.frame.span(location))
}
function partsOf(node: Node | undefined): readonly Node[] {
  if (!node) return []
  const parts = 'List' in node ? node.List.items ?? [] : 'RowExpr' in node ? node.RowExpr.args ?? [] : 'A_ArrayExpr' in node ? node.A_ArrayExpr.elements ?? [] : null
  return parts === null ? [node] : parts.flatMap(partsOf)
}
/** What a view or row security says, their owner wrote. */
const isOwners = ({ frame }: Scope): boolean => frame.view || frame.policy === true
/** `jsonb - text[]` and `hstore - text[]`; between numbers and times the sign is cheap. */
const isArray = (node: Node): boolean => 'A_ArrayExpr' in node || ('SubLink' in node && node.SubLink.subLinkType === 'ARRAY_SUBLINK') || ('TypeCast' in node && (node.TypeCast.typeName?.arrayBounds?.length ?? 0) > 0)
  || ('FuncCall' in node && /array/.test(strings(node.FuncCall.funcname).at(-1) ?? ''))

/** `x like any (select …)`: what the query gives stands on one side. */
export function weighAny({ found }: { readonly found: Findings }, operator: string, operand: Node, cols: readonly Col[], scope: Scope, span: Span | null): void {
  if (!isOwners(scope) && operators.has(operator)) found.scales.pair([sizeOf(found, operand, scope), largest(cols.map((col) => sizeOfColumn(found, col)))], `\`${operator}\``, span)
}

export function sizeOfColumn(found: Findings, { origin, type, size }: Col): Size {
  if (fixedTypes.has(type)) return sized(fixedBytes)
  if (size) return size
  if (origin === null) return endless
  return sized(found.catalog.relations.get(origin.relation)?.columns.find(({ attnum }) => attnum === origin.column)?.size ?? storedBytes)
}

/** How large the value of an expression may be: not less than it can be but by the few times that escapes and headers take, `endless` for whatever is not known here. */
export function sizeOf(found: Findings, node: Node | undefined, scope: Scope): Size {
  if (!node) return sized(0)
  return sizeOnce(found.sizes, node, () => measured(found, node, scope))
}
function measured(found: Findings, node: Node, scope: Scope): Size {
  const size = (inner: Node | undefined) => sizeOf(found, inner, scope)
  if ('A_Const' in node) {
    const { sval, fval, bsval, boolval, ival, isnull } = node.A_Const
    if (sval) return sized(Buffer.byteLength(sval.sval ?? ''))
    if (bsval) return sized(bsval.bsval?.length ?? 0)
    return fval && /e/i.test(fval.fval ?? '') ? stored : sized(ival || boolval || isnull ? 16 : fval?.fval?.length ?? 16)
  }
  if ('ParamRef' in node) return parameterSize((node.ParamRef.number ?? 0) - 1)
  if ('ColumnRef' in node) {
    const fields = node.ColumnRef.fields ?? []
    if (fields.some((field) => 'A_Star' in field)) return endless
    const target = resolve(found, scope, strings(fields), null)
    return target.kind === 'column' ? sizeOfColumn(found, target.col) : endless
  }
  if ('FuncCall' in node) return sizeOfCall(found, node.FuncCall, scope)
  if ('A_Expr' in node) {
    const { kind, name, lexpr, rexpr } = node.A_Expr
    if (kind === 'AEXPR_NULLIF') return size(lexpr)
    const operator = strings(name).at(-1) ?? ''
    if (kind !== 'AEXPR_OP' || (lexpr && truths.has(operator) && !scope.frame.path.some((place) => found.catalog.schemas.get(place)?.operators.has(operator)))) return sized(fixedBytes)
    return sizeUnder(operator, size(lexpr), () => size(rexpr))
  }
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast
    const numeric = /^(?:numeric|decimal|float[48])$/.test(strings(typeName?.names).at(-1) ?? '')          // eight letters may be a number of a hundred thousand
    const padded = (typeName?.typmods ?? []).map((modifier) => count(modifier) * 4)
    return largest([size(arg), ...numeric ? [stored] : [], ...padded.map(sized)])
  }
  if ('CollateClause' in node) return size(node.CollateClause.arg)
  if ('A_Indirection' in node) return size(node.A_Indirection.arg)
  if ('NamedArgExpr' in node) return size(node.NamedArgExpr.arg)
  if ('CoalesceExpr' in node) return largest((node.CoalesceExpr.args ?? []).map(size))
  if ('MinMaxExpr' in node) return largest((node.MinMaxExpr.args ?? []).map(size))
  if ('CaseExpr' in node) return largest([...(node.CaseExpr.args ?? []).map((when) => ('CaseWhen' in when ? size(when.CaseWhen.result) : endless)), size(node.CaseExpr.defresult)])
  if ('A_ArrayExpr' in node) return sum((node.A_ArrayExpr.elements ?? []).map(size))
  if ('List' in node) return sum((node.List.items ?? []).map(size))
  if ('SQLValueFunction' in node || 'BoolExpr' in node || 'NullTest' in node || 'BooleanTest' in node || 'GroupingFunc' in node) return sized(fixedBytes)
  return endless
}

function sizeUnder(operator: string, left: Size, right: () => Size): Size {
  if (operator === '||') return sum([left, right()])
  if (/^(?:->>?|#>>?|#-)$/.test(operator)) return left
  if (operator === '-') return largest([left, stored])
  return operator === '+' || operator === '*' || operator === '/' || operator === '%' ? stored : endless
}

function sizeOfCall(found: Findings, { funcname, args = [], func_variadic }: FuncCall, scope: Scope): Size {
  const names = strings(funcname)
  const name = names.at(-1) ?? ''
  if (isOwn(found, names, args.length, scope)) return endless
  if (short.has(name)) return sized(fixedBytes)
  if (numbers.has(name)) return sized(name === 'numrange' ? 2 * storedBytes : storedBytes)
  const sizes = args.map((arg) => sizeOf(found, arg, scope))        // each once: calls stand in calls
  const [text = endless, format = sized(0)] = sizes
  const second = args[1]
  if (name === 'to_char') return largest([sized(1024), repeated(format, 16)])
  if (name === 'array_to_string') return largest([text, repeated(text, bytesWith(format, storedBytes))])
  if (name === 'concat_ws' && func_variadic === true) return endless
  const common = sizeOfCommon(name, sizes, second && !((name === 'left' || name === 'right') && isNegative(second)) ? count(second) : Infinity)
  if (common) return common
  if (keeping.has(name)) return text
  if (joining.has(name)) return sum(sizes)
  if (name === 'encode') return repeated(text, 2)
  return endless
}

/** One of the target's own may be meant, and gives what it likes. */
function isOwn({ catalog }: Findings, names: readonly string[], args: number, { frame }: Scope): boolean {
  const places = names.length > 1 ? names.slice(-2, -1) : frame.path
  return places.some((place) => catalog.schemas.get(place)?.functions.get(names.at(-1) ?? '')?.some((fn) => isMeant(fn, args) && !isTrusted(fn)) === true)
}
/** `left(x, -1)` is all of it but one. */
const isNegative = (node: Node): boolean => 'A_Const' in node && (node.A_Const.ival?.ival ?? 0) < 0
/** A number that is written out, 0 for a negative one; Infinity for any other. */
const count = (node: Node | undefined): number => {
  if (!node || !('A_Const' in node) || node.A_Const.sval || node.A_Const.fval) return Infinity
  const value = node.A_Const.ival?.ival ?? 0
  return value < 0 ? 0 : value
}
const constant = (node: Node | undefined): string | null => (node && 'A_Const' in node ? node.A_Const.sval?.sval ?? null : null)
