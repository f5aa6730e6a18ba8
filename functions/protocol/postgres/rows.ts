import type { FuncCall, Node, RangeFunction } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import { unsupported } from '../refused.ts'
import type { Size } from '../size.ts'
import { populating } from './builtins.ts'
import type { CatalogFunction } from './catalog.ts'
import { cast, expression, type Analysis } from './expression.ts'
import { sizeOf } from './heavy.ts'
import { array, fieldsOf, findFunctions, findType, isScalar, scalar, strings, unknown } from './names.ts'
import { nameOf } from './naming.ts'
import { renamed, type Col, type Item, type Scope } from './scope.ts'

/**
 * Functions in FROM. Their columns must be known by number and name: with one too many or too few, names after them would mean other columns than
 * the server's, and a classified one could pass under another's name. What is not certain is refused.
 */
interface Shape { readonly columns: readonly { readonly name: string; readonly type: number }[]; readonly single: boolean }

export function functionItem(a: Analysis, node: RangeFunction, scope: Scope): Item {
  const [shapes, texts] = a.found.textsOf(() => (node.functions ?? []).flatMap((entry) => {
    const [call, defs] = 'List' in entry ? entry.List.items ?? [] : []
    if (!call) throw unsupported('unknown_syntax', 'this kind of FROM item is not supported through the gate', null)
    const definitions = node.coldeflist ?? (defs && 'List' in defs ? defs.List.items : undefined)
    return shapesOf(a, call, definitions, scope)
  }))
  const alias = node.alias?.aliasname
  const columns = shapes.flatMap((shape) => shape.columns.map(({ name, type }) => ({ name: shape.single && shapes.length === 1 && alias !== undefined ? alias : name, type })))
  if (node.ordinality) columns.push({ name: 'ordinality', type: 20 })
  const size = sizeOfOne(a, node, scope)
  const cols = columns.map((column): Col => ({ ...column, tags: [], derived: [], origin: null, touch: null, texts, ...(size && columns.length === 1 ? { size } : {}) }))
  const [first] = columns
  return {
    alias: alias ?? first?.name ?? '', named: true, bare: true, cols: renamed(cols, strings(node.alias?.colnames), null), oid: null, relation: null, handle: null, system: [], reached: [],
    ...(alias === undefined ? { alias: functionName(node) } : {}),
  }
}
/** Of one call that gives one value (`websearch_to_tsquery('fox') as query`): as large as it is in a select list. What gives rows may give any. */
function sizeOfOne(a: Analysis, { functions: [only, another] = [], coldeflist }: RangeFunction, scope: Scope): Size | null {
  const [call, defs] = only && 'List' in only ? only.List.items ?? [] : []
  if (another || coldeflist || !call || (defs && 'List' in defs) || !('FuncCall' in call) || a.found.catalog.builtinSets.has(strings(call.FuncCall.funcname).at(-1) ?? '')) return null
  return sizeOf(a.found, call, scope)
}
function functionName(node: RangeFunction): string {
  const [entry] = node.functions ?? []
  const [call] = entry && 'List' in entry ? entry.List.items ?? [] : []
  return nameOf(call)
}

function shapesOf(a: Analysis, call: Node, definitions: readonly Node[] | undefined, scope: Scope): Shape[] {
  const one = (name: string, type: number): Shape => ({ columns: [{ name, type }], single: true })
  if (!('FuncCall' in call)) return [one(nameOf(call), scalarOr(a, expression(a, call, scope, null), null))]
  const span = scope.frame.span(call.FuncCall.location)
  const names = strings(call.FuncCall.funcname)
  const name = names.at(-1) ?? ''
  const args = call.FuncCall.args ?? []
  if (name === 'unnest' && args.length > 1) {   // ROWS FROM(unnest(a), unnest(b)) in the server's words
    findFunctions(a.found, scope.frame, names, args.length, span)
    return args.map((arg) => one(name, scalarOr(a, expression(a, arg, scope, 'as an argument of unnest()'), span)))
  }
  const type = expression(a, call, scope, null)
  if (definitions) return [{ columns: definitions.map((definition) => defined(a, definition, scope)), single: false }]
  const { builtin, user } = findFunctions(a.found, scope.frame, names, args.length, span)
  const shapes = [...user.map((fn) => declared(a, fn, span)), ...(builtin ? [ofBuiltin(a, call.FuncCall, name, type, scope, span)] : [])]
  const [shape, ...others] = shapes
  const form = (s: Shape) => JSON.stringify([s.single, s.columns.map((c) => c.name)])
  if (!shape || others.some((other) => form(other) !== form(shape))) throw unsupported('row_shape', `which columns \`${name}\` gives is not certain; call it in the select list`, span)
  return [others.length === 0 ? shape : { ...shape, columns: shape.columns.map((c) => ({ ...c, type: [shape, ...others].every((s) => s.columns.every((one) => isScalar(a.found, one.type))) ? scalar : unknown })) }]
}
function scalarOr(a: Analysis, type: number, span: Span | null): number {
  if (!isScalar(a.found, type)) throw unsupported('row_shape', 'which columns this function gives is not certain; cast its argument to an array of a plain type', span)
  return type
}
function defined(a: Analysis, definition: Node, scope: Scope): { name: string; type: number } {
  if (!('ColumnDef' in definition)) throw unsupported('unknown_syntax', 'a column definition is a name and a type', null)
  return { name: definition.ColumnDef.colname ?? '', type: cast(a, definition.ColumnDef.typeName, scope) }
}
/** By its OUT parameters, the row type it returns, or else one column of its own name. */
function declared(a: Analysis, fn: CatalogFunction, span: Span | null): Shape {
  if (fn.outs.length > 1) return { columns: fn.outs, single: false }
  const [out] = fn.outs
  if (out) return { columns: [{ name: out.name || fn.name, type: out.type }], single: out.name === '' }
  const type = a.found.catalog.types.get(fn.returns)
  if (type?.kind === 'c') return { columns: fieldsOf(a.found, type, span), single: false }
  if (!isScalar(a.found, fn.returns)) throw unsupported('row_shape', `which columns \`${fn.name}\` gives is not certain`, span)
  return { columns: [{ name: fn.name, type: fn.returns }], single: true }
}

function ofBuiltin(a: Analysis, call: FuncCall, name: string, type: number, scope: Scope, span: Span | null): Shape {
  if (populating.has(name)) {
    const [row] = call.args ?? []
    const known = row && 'TypeCast' in row && !row.TypeCast.typeName?.arrayBounds ? findType(a.found, scope.frame, row.TypeCast.typeName, span) : 0
    const relation = a.found.catalog.types.get(known)
    if (relation?.kind !== 'c') throw unsupported('row_shape', `the first argument of \`${name}\` must be \`null::\` and a table's or row type's name`, span)
    return { columns: fieldsOf(a.found, relation, span), single: false }
  }
  if (name === 'unnest') return { columns: [{ name, type: unnested(a, call, scope, type, span) }], single: true }
  const overloads = (a.found.catalog.schemas.get('pg_catalog')?.functions.get(name) ?? []).filter((fn) => fn.oid < 16384 && fn.outs.length > 0)
  const [first] = overloads
  if (first) {
    const columns = first.outs.map((out) => ({ name: out.name, type: scalar }))
    if (overloads.some((fn) => fn.outs.map((out) => out.name).join() !== columns.map((c) => c.name).join())) throw unsupported('row_shape', `which columns \`${name}\` gives is not certain`, span)
    return { columns, single: false }
  }
  if (/_to_record(set)?$/.test(name)) throw unsupported('row_shape', `\`${name}\` in FROM needs a column definition list`, span)
  return { columns: [{ name, type: type === unknown ? scalarOr(a, type, span) : type }], single: true }
}

/** `unnest(tsvector)` gives three columns and an array of rows as many as the row has; an array of scalars gives one. */
const arrayMakers: ReadonlySet<string> = new Set(['string_to_array', 'regexp_split_to_array', 'regexp_match', 'array_agg', 'array_remove', 'array_append', 'array_prepend', 'array_cat', 'array_replace', 'array_fill',
  'array_positions', 'tsvector_to_array', 'parse_ident', 'xpath', 'trim_array', 'enum_range', 'current_schemas'])
function unnested(a: Analysis, call: FuncCall, scope: Scope, type: number, span: Span | null): number {
  const [arg] = call.args ?? []
  const made = arg && 'FuncCall' in arg && arrayMakers.has(strings(arg.FuncCall.funcname).at(-1) ?? '')
  const given = arg ? expression(a, arg, scope, 'as an argument of unnest()') : unknown
  if (given !== array && given <= 0 && !made) throw unsupported('row_shape', 'which columns `unnest` gives is not certain; cast its argument to an array of a plain type', span)
  if (given === 3614) throw unsupported('row_shape', '`unnest` of a tsvector is not supported in FROM; use `tsvector_to_array`', span)
  return scalarOr(a, type, span)
}
