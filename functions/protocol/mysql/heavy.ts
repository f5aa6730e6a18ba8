import { endless, fixedBytes, largest, parameterSize, repeated, sized, sizeOfCommon, sizeOnce, storedBytes, sum, type Size } from '../size.ts'
import type { Call, CastType, Expression } from './ast.ts'
import { spanIn, type Findings } from './effects.ts'
import { resolve, type Col, type Scope } from './scope.ts'

/**
 * What no limit of time stops. The server looks at `max_statement_time` and at KILL between rows, and a few functions compare every part of one value with every part of another, or move the rest of it for each part they find: on
 * MariaDB 10.11 `locate(concat(repeat('a', 500000), 'b'), repeat('a', 4000000))` was still at it long after, with 10^12 comparisons to make, and no table or rule is needed to write it. So each of them is asked how large
 * its operands may become: constants as they are, columns by their declared type or as the largest that usual data has, parameters by the call. What grows without a bound that the text shows (`repeat` by a column, an
 * aggregate) may stand on one side only, where the other is small. What is so was measured (docs/mysql.md); the same rule as PostgreSQL's.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

/** Types of columns whose values may be long. */
const longTypes = words('char varchar tinytext text mediumtext longtext binary varbinary tinyblob blob mediumblob longblob json enum set geometry point linestring polygon multipoint multilinestring multipolygon geometrycollection')
/** What gives no more than it is given first. */
const keeping = words('lower lcase upper ucase ltrim rtrim reverse substring substr mid left right substring_index soundex unhex from_base64 regexp_substr json_extract json_unquote json_value json_query json_compact json_remove json_type any_value')
/** As much as all that is given. */
const joining = words('concat concat_ws insert make_set json_merge_patch json_merge_preserve json_array_append json_array_insert json_insert json_set json_replace')
/** One of what is given. */
const choosing = words('coalesce if ifnull nullif nvl nvl2 elt greatest least max min first_value last_value nth_value lag lead')
/** Where JSON is written anew. */
const written = words('json_array json_object json_quote quote hex to_base64 json_detailed json_pretty json_loose json_keys json_search')
const short = words(`ascii bin bit_count bit_length char_length character_length length octet_length field find_in_set instr locate ord oct position regexp_instr regexp_like strcmp md5 sha sha1 sha2 crc32
  abs acos asin atan atan2 ceil ceiling conv cos cot degrees exp floor ln log log10 log2 mod pi pow power radians rand round sign sin sqrt tan truncate isnull format
  addtime convert_tz curdate current_date current_time current_timestamp curtime date datediff day dayname dayofmonth dayofweek dayofyear from_days from_unixtime hour last_day localtime localtimestamp
  makedate maketime microsecond minute month monthname now period_add period_diff quarter sec_to_time second str_to_date subtime sysdate time time_to_sec timediff timestamp to_days to_seconds
  unix_timestamp utc_date utc_time utc_timestamp week weekday weekofyear year yearweek json_contains json_contains_path json_depth json_exists json_length json_overlaps json_valid
  inet6_aton inet6_ntoa inet_aton inet_ntoa is_ipv4 is_ipv6 is_uuid bin_to_uuid uuid_to_bin grouping charset coercibility collation
  avg bit_and bit_or bit_xor count std stddev stddev_pop stddev_samp sum var_pop var_samp variance cume_dist dense_rank ntile percent_rank rank row_number`)

/** Where the first two arguments are compared part by part. */
const products = words('locate instr replace substring_index')
/** Where all that is given is compared with itself, or its rest moved for each part that is found. */
const squares = words('replace regexp_replace json_keys json_contains json_overlaps json_search json_merge_patch json_merge_preserve json_set json_insert json_replace json_remove json_object')

type Weighed = Extract<Expression, { readonly kind: 'call' | 'like' | 'trim' | 'regexp' | 'between' | 'in' | 'cast' | 'transcode' | 'case' | 'binary' }>
/** Refuses what could run past every limit. `found.scales` keeps what depends on parameters. */
export function weigh(found: Findings, node: Weighed, scope: Scope): void {
  if (scope.frame.view) return                           // what a view says, its owner wrote
  const span = spanIn(scope.frame, node.span)
  const size = (one: Expression) => sizeOf(found, one, scope)
  found.scales.over(operandsOf(node).flatMap((one) => (one.kind === 'row' ? one.items : [one])).map(size), span)
  if (node.kind === 'like') return found.scales.pair([size(node.operand), size(node.pattern)], '`like`', span)
  // From the end it looks for where characters begin, each time from the start.
  if (node.kind === 'trim' && node.remove !== null && node.side !== 'leading') return found.scales.pair([size(node.operand), size(node.operand)], 'trim()', span)
  if (node.kind !== 'call' || node.schema !== null) return
  const name = node.name.text.toLowerCase()
  const sizes = node.arguments.map(size)
  const [first, second] = sizes
  if (products.has(name) && first && second) found.scales.pair([first, second], `${name}()`, span)
  if (squares.has(name) && first) { const all = name === 'replace' || name === 'regexp_replace' || name === 'json_keys' ? first : sum(sizes); found.scales.pair([all, all], `${name}()`, span) }
}
/** What it goes through. Arithmetic looks at the beginning of a text alone. */
function operandsOf(node: Weighed): readonly Expression[] {
  switch (node.kind) {
    case 'call': return node.arguments
    case 'like': case 'regexp': return [node.operand, node.pattern]
    case 'between': return [node.operand, node.low, node.high]
    case 'in': return [node.operand, ...node.list]
    case 'case': return node.operand === null ? [] : [node.operand, ...node.branches.map((branch) => branch.when)]
    case 'binary': return compares.has(node.operator) ? [node.left, node.right] : []
    case 'trim': case 'cast': case 'transcode': return [node.operand]
  }
}
const compares = words('= <=> <> != < <= > >=')

/** Of a table's column, by its type. */
export function declared(type: string, columnType: string): Size {
  if (!longTypes.has(type)) return sized(fixedBytes)
  const length = /^(?:var)?(?:char|binary)\((\d+)\)/.exec(columnType)?.[1]
  return sized(length === undefined ? storedBytes : Math.min(storedBytes, Number(length) * 4))
}
const sizeOfColumn = ({ size }: Col): Size => size ?? endless

/** How large the value of an expression may be: never less than it can be, `endless` for whatever is not known here. */
export function sizeOf(found: Findings, node: Expression, scope: Scope): Size {
  return sizeOnce(found.sizes, node, () => measured(found, node, scope))
}
function measured(found: Findings, node: Expression, scope: Scope): Size {
  const size = (inner: Expression) => sizeOf(found, inner, scope)
  switch (node.kind) {
    case 'null': case 'boolean': case 'temporal': case 'is': case 'exists': case 'in': case 'inQuery': case 'between': case 'quantified': case 'logical': case 'like': case 'regexp': case 'match': case 'unary': case 'binary': case 'extract': case 'timestampdiff': case 'shift':
      return sized(fixedBytes)
    case 'number': return sized(Math.max(fixedBytes, node.text.length))
    case 'string': return sized(Buffer.byteLength(node.value))
    case 'bytes': return sized(node.hex.length / 2)
    case 'parameter': return parameterSize(node.index)
    case 'column': { const { col, others } = resolve(found, scope, node); return largest([col, ...others].map(sizeOfColumn)) }
    case 'collate': case 'transcode': case 'trim': return size(node.operand)
    case 'cast': return largest([size(node.operand), padded(node.type)])
    case 'case': return largest([...node.branches.map(({ result }) => size(result)), ...node.otherwise === null ? [] : [size(node.otherwise)]])
    case 'call': return sizeOfCall(node, size)
    case 'default': case 'inserted': case 'subquery': case 'row': case 'groupConcat': return endless
  }
}
/** To a length that is said, with zeros. */
const padded = ({ name, size }: CastType): Size => (name === 'binary' || name === 'char' ? sized(name === 'binary' ? size ?? 0 : 0) : sized(fixedBytes))

function sizeOfCall({ schema, name: { text: called }, arguments: args }: Call, size: (node: Expression) => Size): Size {
  const name = called.toLowerCase()
  if (schema !== null) return endless
  if (short.has(name)) return sized(fixedBytes)
  const sizes = args.map(size)                           // each once: calls stand in calls
  const [text = endless] = sizes
  const second = args[1]
  const common = sizeOfCommon(name, sizes, second ? count(second) : Infinity)
  if (common) return common
  if (name === 'space') return sized(args[0] ? count(args[0]) : 0)
  if (keeping.has(name)) return text
  if (choosing.has(name)) return largest(sizes)
  if (joining.has(name)) return sum(sizes)
  if (written.has(name)) return repeated(sum(sizes), 6)
  if (name === 'date_format' || name === 'time_format') return second ? repeated(size(second), 32) : endless
  if (name === 'char' || name === 'chr') return sized(fixedBytes * args.length)
  return endless
}
/** A number that is written out; Infinity for any other. */
const count = (node: Expression): number => (node.kind === 'number' && /^\d+$/.test(node.text) ? Number(node.text) : node.kind === 'unary' && node.operator === '-' && node.operand.kind === 'number' ? 0 : Infinity)
