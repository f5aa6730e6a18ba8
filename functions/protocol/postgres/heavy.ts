import type { A_Expr, FuncCall, Node } from 'libpg-query'
import type { Param } from '../../../schema/request.ts'
import type { Refusal, Span } from '../../../schema/refusal.ts'
import { bindText } from './bind.ts'
import { unsupported, type Findings } from './effects.ts'
import { strings } from './names.ts'
import { resolve, type Col, type Scope } from './scope.ts'

/**
 * What the server's time limit does not stop. A few functions and operators compare every part of one value with every part of another in one go, and look neither for a timeout nor for a cancel in between: on
 * PostgreSQL 15 `strpos(repeat('a', 4000000), 'b' || repeat('a', 500000))` was still at it 20 s after a time limit of one, with 10^12 comparisons to make, and no table or rule is needed to write it. So each of them
 * is asked how large its operands may become: constants as they are, columns by their declared type or as the largest that usual data has, parameters by the call. What grows without a bound that the text
 * shows (`repeat`, an aggregate) may stand on one side only, where the other is small. What has been found to be so was measured on a server; test/protocol/postgres/heavy.test.ts has the list.
 */

/** Bytes a value has at most beside the parameters in it. */
export interface Size { readonly bytes: number; readonly parameters: readonly number[] }
/** A parameter of one call may be so long there. */
export interface Weight { readonly parameter: number; readonly most: number; readonly what: string; readonly span: Span | null }

/** Of a column whose type declares no length. Longer values are rare, and whoever stored them pays with his own table's time. */
const storedBytes = 131_072
/** Whatever stands on the other side. */
const smallBytes = 128
/** Bytes of one side times bytes of the other: what two columns give with something joined to each; about a minute of a core where somebody wrote such values. */
const budget = 4 * storedBytes * storedBytes
const fixedBytes = 64
const unbounded: Size = { bytes: Infinity, parameters: [] }
const of = (bytes: number): Size => ({ bytes, parameters: [] })

/** Types whose values have a length of their own: bool int8 int2 int4 oid float4 float8 char name date time timestamp timestamptz interval timetz uuid. */
const fixedTypes: ReadonlySet<number> = new Set([16, 18, 19, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 2950])
/** What gives no more than it is given. */
const keeping: ReadonlySet<string> = new Set(['lower', 'upper', 'initcap', 'casefold', 'btrim', 'ltrim', 'rtrim', 'left', 'right', 'substr', 'substring', 'reverse', 'translate', 'unaccent', 'bpchar', 'text', 'varchar', 'like_escape', 'trim_array', 'array_remove', 'array_sort', 'array_reverse'])
const joining: ReadonlySet<string> = new Set(['concat', 'array_cat', 'array_append', 'array_prepend', 'jsonb_build_object', 'jsonb_build_array', 'json_build_object', 'json_build_array', 'to_json', 'to_jsonb', 'quote_literal', 'quote_ident', 'quote_nullable', 'string_to_array', 'jsonb_object', 'hstore', 'to_tsvector', 'to_tsquery', 'plainto_tsquery', 'phraseto_tsquery', 'websearch_to_tsquery', 'setweight'])
const short: ReadonlySet<string> = new Set(['point', 'box', 'circle', 'lseg', 'line', 'int4range', 'int8range', 'daterange', 'tsrange', 'tstzrange', 'lower_inc', 'upper_inc', 'll_to_earth', 'earth_box', 'md5', 'chr', 'length', 'char_length', 'octet_length', 'now', 'extract', 'date_part', 'date_trunc', 'count', 'position', 'strpos', 'gen_random_uuid'])
/** Numbers: a `numeric` of eight letters may have a hundred thousand digits. */
const numbers: ReadonlySet<string> = new Set(['round', 'floor', 'ceil', 'ceiling', 'abs', 'trunc', 'mod', 'sum', 'avg', 'numrange'])

/** Where the first two arguments are compared part by part. */
const products: ReadonlySet<string> = new Set(['strpos', 'position', 'replace', 'split_part', 'string_to_array', 'string_to_table', 'translate', 'btrim', 'ltrim', 'rtrim', 'like', 'notlike', 'jsonb_contains'])
/** Where all that is given is compared with itself, and where the second argument is. */
const squares: ReadonlySet<string> = new Set(['normalize', 'is_normalized', 'ts_headline', 'ts_rank_cd'])
const formats: ReadonlySet<string> = new Set(['to_date', 'to_timestamp', 'to_number', 'to_char'])
const operators: ReadonlySet<string> = new Set(['~~', '~~*', '!~~', '!~~*', '@>', '<@', '&&', '?|', '?&', '<->', '?#', '##', '~='])
/** Steps by name, of which one may look at all below: what else a path has is a program. */
const plainPath = /^(?:\/{0,2}[\w:.*-]+(?:\[\d{1,6}\])?)(?:\/[\w:.*-]+(?:\[\d{1,6}\])?)*(?:\/@[\w:.-]+|\/text\(\))?$/

/** Refuses a call that could run past every limit. `a.found.heavy` gets what depends on parameters. */
export function weighCall({ found }: { readonly found: Findings }, node: FuncCall, scope: Scope): void {
  if (isOwners(scope)) return
  const name = strings(node.funcname).at(-1) ?? ''
  const args = node.args ?? []
  const span = scope.frame.span(node.location)
  const [first, second] = args
  if (products.has(name) && first && second) judge(found, [sizeOf(found, first, scope), sizeOf(found, second, scope)], `${name}()`, span)
  if (squares.has(name) || (formats.has(name) && second)) {
    const size = sum((squares.has(name) ? args : [second]).map((arg) => sizeOf(found, arg, scope)))
    judge(found, [size, size], `${name}()`, span)
  }
  if (name === 'polygon' && second && count(first) > 1000) throw tooHeavy('polygon() of more than 1000 points, or of a number that is not written out', span)
  if ((name === 'xpath' || name === 'xpath_exists' || name === 'xmlexists') && !plainPath.test(constant(first) ?? '')) throw tooHeavy(`${name}() with a path that is no constant of plain steps such as \`/a/b[1]/@c\``, span)
}

export function weighOperator({ found }: { readonly found: Findings }, { kind, name, lexpr, rexpr, location }: A_Expr, scope: Scope): void {
  const operator = strings(name).at(-1) ?? ''
  if (isOwners(scope) || !lexpr || !rexpr || kind === 'AEXPR_SIMILAR') return
  if (!operators.has(operator) && !(operator === '-' && isArray(rexpr))) return
  judge(found, [sizeOf(found, lexpr, scope), sizeOf(found, rexpr, scope)], `\`${operator}\``, scope.frame.span(location))
}
/** What a view or row security says, their owner wrote. */
const isOwners = ({ frame }: Scope): boolean => frame.view || frame.policy === true
/** `jsonb - text[]` and `hstore - text[]`; between numbers and times the sign is cheap. */
const isArray = (node: Node): boolean => 'A_ArrayExpr' in node || ('SubLink' in node && node.SubLink.subLinkType === 'ARRAY_SUBLINK') || ('TypeCast' in node && (node.TypeCast.typeName?.arrayBounds?.length ?? 0) > 0)
  || ('FuncCall' in node && /array/.test(strings(node.FuncCall.funcname).at(-1) ?? ''))

/** `x like any (select …)`: what the query gives stands on one side. */
export function weighAny({ found }: { readonly found: Findings }, operator: string, operand: Node, cols: readonly Col[], scope: Scope, span: Span | null): void {
  if (!isOwners(scope) && operators.has(operator)) judge(found, [sizeOf(found, operand, scope), largest(cols.map((col) => sizeOfColumn(found, col)))], `\`${operator}\``, span)
}

function judge(found: Findings, [one, other]: readonly [Size, Size], what: string, span: Span | null): void {
  const at = (limit: number): boolean => { const [a, b] = [one, other].map(({ bytes, parameters }) => bytes + parameters.length * limit) as [number, number]; return a <= smallBytes || b <= smallBytes || a * b <= budget }
  const most = [65_536, 64].find(at)
  if (most === undefined) throw tooHeavy(`${what} between values that may both be long`, span)
  for (const parameter of new Set([...one.parameters, ...other.parameters])) found.heavy.push({ parameter, most, what, span })
}
const tooHeavy = (what: string, span: Span | null) => unsupported('too_heavy', `${what} may run for hours, and the server stops it at no time limit; one side has to be a column or a constant, or both short`, span)

/** One call's parameters, in the order of `$1`…; null: none is too long where it stands. */
export function heavyParameter(heavy: readonly Weight[], params: readonly Param[]): Refusal | null {
  const found = heavy.find(({ parameter, most }) => Buffer.byteLength(bindText(params[parameter - 1] ?? null) ?? '') > most)
  return found ? { slug: 'statement-unsupported', reason: 'too_heavy', detail: `parameter ${found.parameter} is longer than ${found.most} bytes, and ${found.what} of long values may run for hours: the server stops it at no time limit`, next: 'fix', ...found.span === null ? {} : { span: found.span } } : null
}

export function sizeOfColumn(found: Findings, { origin, type, size }: Col): Size {
  if (fixedTypes.has(type)) return of(fixedBytes)
  if (size) return size
  if (origin === null) return unbounded
  return of(found.catalog.relations.get(origin.relation)?.columns.find(({ attnum }) => attnum === origin.column)?.size ?? storedBytes)
}

/** How large the value of an expression may be: not less than it can be but by the few times that escapes and headers take, `unbounded` for whatever is not known here. */
export function sizeOf(found: Findings, node: Node | undefined, scope: Scope): Size {
  const size = (inner: Node | undefined) => sizeOf(found, inner, scope)
  if (!node) return of(0)
  if ('A_Const' in node) {
    const { sval, fval, bsval, boolval, ival, isnull } = node.A_Const
    if (sval) return of(Buffer.byteLength(sval.sval ?? ''))
    if (bsval) return of(bsval.bsval?.length ?? 0)
    return fval && /e/i.test(fval.fval ?? '') ? of(storedBytes) : of(ival || boolval || isnull ? 16 : fval?.fval?.length ?? 16)
  }
  if ('ParamRef' in node) return { bytes: 0, parameters: [node.ParamRef.number ?? 0] }
  if ('ColumnRef' in node) {
    const fields = node.ColumnRef.fields ?? []
    if (fields.some((field) => 'A_Star' in field)) return unbounded
    const target = resolve(found, scope, strings(fields), null)
    return target.kind === 'column' ? sizeOfColumn(found, target.col) : unbounded
  }
  if ('FuncCall' in node) return sizeOfCall(found, node.FuncCall, scope)
  if ('A_Expr' in node) {
    const { kind, name, lexpr, rexpr } = node.A_Expr
    if (kind === 'AEXPR_NULLIF') return size(lexpr)
    return kind === 'AEXPR_OP' ? sizeUnder(strings(name).at(-1) ?? '', size(lexpr), () => size(rexpr)) : of(fixedBytes)
  }
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast
    const numeric = /^(?:numeric|decimal|float[48])$/.test(strings(typeName?.names).at(-1) ?? '')          // eight letters may be a number of a hundred thousand
    const padded = (typeName?.typmods ?? []).map((modifier) => count(modifier) * 4)
    return largest([size(arg), ...numeric ? [of(storedBytes)] : [], ...padded.map(of)])
  }
  if ('CollateClause' in node) return size(node.CollateClause.arg)
  if ('A_Indirection' in node) return size(node.A_Indirection.arg)
  if ('NamedArgExpr' in node) return size(node.NamedArgExpr.arg)
  if ('CoalesceExpr' in node) return largest((node.CoalesceExpr.args ?? []).map(size))
  if ('MinMaxExpr' in node) return largest((node.MinMaxExpr.args ?? []).map(size))
  if ('CaseExpr' in node) return largest([...(node.CaseExpr.args ?? []).map((when) => ('CaseWhen' in when ? size(when.CaseWhen.result) : unbounded)), size(node.CaseExpr.defresult)])
  if ('A_ArrayExpr' in node) return sum((node.A_ArrayExpr.elements ?? []).map(size))
  if ('List' in node) return sum((node.List.items ?? []).map(size))
  if ('SQLValueFunction' in node) return of(fixedBytes)
  return unbounded
}

function sizeUnder(operator: string, left: Size, right: () => Size): Size {
  if (operator === '||') return sum([left, right()])
  if (/^(?:->>?|#>>?|#-)$/.test(operator)) return left
  if (operator === '-') return largest([left, of(storedBytes)])
  return operator === '+' || operator === '*' || operator === '/' || operator === '%' ? of(storedBytes) : unbounded
}

function sizeOfCall(found: Findings, { funcname, args = [], func_variadic }: FuncCall, scope: Scope): Size {
  const name = strings(funcname).at(-1) ?? ''
  if (short.has(name)) return of(fixedBytes)
  if (numbers.has(name)) return of(name === 'numrange' ? 2 * storedBytes : storedBytes)
  const sizes = args.map((arg) => sizeOf(found, arg, scope))        // each once: calls stand in calls
  const [text = unbounded, , filling = of(0)] = sizes
  const second = args[1]
  const [, format = of(0)] = sizes
  if (name === 'to_char') return largest([of(1024), times(format, 16)])
  if (name === 'array_to_string') return largest([text, times(text, format.bytes + format.parameters.length * storedBytes)])
  if (name === 'concat_ws') return func_variadic === true ? unbounded : sum([...sizes.slice(1), times(text, sizes.length)])
  if ((name === 'left' || name === 'right') && second && count(second) < Infinity && !isNegative(second)) return text.bytes + text.parameters.length * storedBytes < count(second) * 4 ? text : of(count(second) * 4)
  if (keeping.has(name)) return text
  if (joining.has(name)) return sum(sizes)
  if (name === 'repeat') return times(text, count(second))
  if (name === 'lpad' || name === 'rpad') return of(count(second) * 4)
  if (name === 'replace' || name === 'regexp_replace') return largest([text, times(text, filling.bytes + filling.parameters.length * storedBytes)])
  if (name === 'encode') return times(text, 2)
  return unbounded
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
const sum = (sizes: readonly Size[]): Size => ({ bytes: sizes.reduce((total, { bytes }) => total + bytes, 0), parameters: sizes.flatMap(({ parameters }) => parameters) })
const largest = (sizes: readonly Size[]): Size => ({ bytes: Math.max(0, ...sizes.map(({ bytes }) => bytes)), parameters: sizes.flatMap(({ parameters }) => parameters) })
const times = ({ bytes, parameters }: Size, n: number): Size => (parameters.length > 0 && n > 1 ? unbounded : { bytes: n === 0 ? 0 : bytes === 0 ? 0 : bytes * n, parameters })
export const larger = (a: Size, b: Size): Size => largest([a, b])
export const stored: Size = of(storedBytes)
export const endless: Size = unbounded
