import type { Node, TypeName } from 'libpg-query'
import type { Span } from '../../../schema/refusal.ts'
import { missing, unsupported, type Refused } from '../refused.ts'
import { functionNames, introspection, isTrusted, isTrustedSupport, rowSecurityNames, typeNames } from './builtins.ts'
import type { CatalogFunction, CatalogType, Relation } from './catalog.ts'
import { isSystem, unknownFunction, unknownType, type Findings, type Frame } from './effects.ts'
import { insteadOf } from './instead.ts'

/**
 * Names → objects, as the server looks them up with `search_path` pinned to the frame's path: pg_catalog first, then the path in order, never the
 * temporary schema. Every lookup is noted for the guard, so that an object which shadows another before the statement runs is noticed.
 */
export const strings = (nodes: readonly Node[] | undefined): string[] => (nodes ?? []).map((node) => ('String' in node ? node.String.sval ?? '' : ''))

function schemasOf(found: Findings, frame: Frame, schema: string | undefined): readonly string[] {
  const schemas = schema === undefined ? frame.path : [schema]
  for (const name of schemas) found.names.schemas.add(name)
  return schemas
}

/** Nothing but r, p, v, m, f can be read; another kind of that name hides what comes later in the path, so it counts as missing. */
export function findRelation(found: Findings, frame: Frame, schema: string | undefined, name: string): Relation | null {
  found.names.relations.add(name)
  for (const place of schema === undefined ? ['pg_catalog', ...schemasOf(found, frame, undefined)] : schemasOf(found, frame, schema)) {
    const relation = found.catalog.schemas.get(place)?.relations.get(name)
    if (relation) return 'rpvmf'.includes(relation.kind) ? relation : null
  }
  return null
}
/** Where a name that is nowhere would be: what a rule must cover for its absence to be told. */
export const homeOf = (frame: Frame, schema: string | undefined): string => schema ?? frame.path[0] ?? 'public'

/**
 * A built-in function or type that tells of the server's objects: a call that a rule must name. In row security it is the table owner's, who asks it which
 * rows may come; what it tells does not come out.
 */
export function tell(found: Findings, frame: Frame, name: string, span: Span | null): void {
  if (frame.policy) return
  found.access('call', 'pg_catalog', name, frame, span, false)
}
interface Candidates { readonly builtin: boolean; readonly user: readonly CatalogFunction[] }
/** Every function that could be meant by the name and the number of arguments; the types are the server's to compare. */
export function findFunctions(found: Findings, frame: Frame, names: readonly string[], args: number, span: Span | null): Candidates {
  const name = names.at(-1) ?? ''
  const schema = names.length > 1 ? names.at(-2) : undefined
  if (names.length > 2) throw unsupported('unknown_function', 'a function name has at most a schema before it', span)
  found.names.functions.add(name)
  const user = schemasOf(found, frame, schema).concat(schema === undefined ? ['pg_catalog'] : []).flatMap((place) => found.catalog.schemas.get(place)?.functions.get(name) ?? [])
    .filter((fn) => isMeant(fn, args))
  const builtin = (schema === undefined || schema === 'pg_catalog') && found.catalog.builtinFunctions.has(name)
  if (builtin && introspection.has(name)) tell(found, frame, name, span)
  else if (builtin && !functionNames.has(name) && !(frame.policy && rowSecurityNames.has(name))) throw unknownFunction(name, span)
  if (schema === 'information_schema' && name === '_pg_expandarray') {
    found.access('call', schema, name, frame, span, false)
    return { builtin: true, user }
  }
  if (schema !== undefined && isSystem(schema) && !builtin) throw unknownFunction(name, span)
  if (args === 1 && castByName(found, frame, schema, name, builtin || user.length > 0, span)) return { builtin: true, user }
  if (!builtin && user.length === 0) {
    found.access('call', homeOf(frame, schema), name, frame, span, false)
    const instead = insteadOf(name)
    throw missing('42883', `there is no function \`${name}\` with ${args} ${args === 1 ? 'argument' : 'arguments'}${instead === undefined ? '' : `; here it is ${instead}`}`, span)
  }
  for (const fn of user) found.functions.add(fn.oid)
  return { builtin, user }
}
/** One of the target's own that so many arguments may mean. */
export const isMeant = (fn: CatalogFunction, args: number): boolean => fn.oid >= 16384 && args <= (fn.variadic ? Infinity : fn.args) && args >= fn.args - fn.defaults - (fn.variadic ? 1 : 0)
/** `t(x)` with a type's name is a cast where no function fits exactly. */
function castByName(found: Findings, frame: Frame, schema: string | undefined, name: string, functions: boolean, span: Span | null): boolean {
  if (schema === undefined && found.catalog.builtinTypes.has(name)) {
    if (typeNames.has(name)) return true
    if (introspection.has(name)) { tell(found, frame, name, span); return true }
    throw unknownType(name, span)
  }
  found.names.types.add(name)
  const types = schemasOf(found, frame, schema).flatMap((place) => found.catalog.schemas.get(place)?.types.get(name) ?? []).filter((type) => type.schema !== 'pg_catalog')
  // A cast to a table's row in a function's clothes is as a function that is not there: whether there is such a table is not told.
  const told = types.filter((type) => frame.view || functions || tableOf(found, type) === null)
  for (const type of told) {
    if (!functions) nameType(found, frame, type, 'call', span)   // as a function that is not there
    makeType(found, frame, type.oid, span)
  }
  return told.length > 0
}
export const isFunctionName = (found: Findings, frame: Frame, name: string): boolean =>
  found.catalog.builtinFunctions.has(name) || frame.path.some((place) => found.catalog.schemas.get(place)?.functions.has(name) === true)

/** All of pg_catalog's operators are harmless; one of the same name on the path may be chosen instead, so its function counts as called. */
export function useOperator(found: Findings, frame: Frame, names: readonly string[], span: Span | null): void {
  const name = names.at(-1) ?? ''
  const schema = names.length > 1 ? names.at(-2) : undefined
  found.names.operators.add(name)
  for (const place of schema === undefined ? ['pg_catalog', ...schemasOf(found, frame, undefined)] : schemasOf(found, frame, schema)) {
    for (const operator of found.catalog.schemas.get(place)?.operators.get(name) ?? []) for (const fn of [operator.function, ...operator.twins]) callById(found, frame, fn, span)
  }
}
/**
 * A function reached by its oid: of an operator, a cast, a check, a trigger, a type. Built-in ones are not in the catalog and are harmless in these places.
 * A literal it is given is made a value of the type it takes, and that runs functions too.
 */
export function callById(found: Findings, frame: Frame, oid: number, span: Span | null, seen?: Set<number>): CatalogFunction | null {
  if (oid < 16384) return null
  const fn = found.catalog.functions.get(oid)
  if (!fn) throw unsupported('unknown_function', 'the statement reaches a function the catalog does not have', span)
  found.functions.add(oid)
  if (isTrusted(fn)) return null
  found.call(fn, frame, span)
  for (const type of [...fn.takes, fn.returns]) makeType(found, frame, type, span, true, seen)
  return fn
}

/** A type by name → its oid. Refuses types whose input or output does more than convert. */
export function findType(found: Findings, frame: Frame, type: TypeName | undefined, span: Span | null): number {
  const names = strings(type?.names)
  const name = names.at(-1) ?? ''
  const schema = names.length > 1 ? names.at(-2) : undefined
  const refused = unknownType(name, span)
  if (names.length > 2) throw refused
  if (schema === undefined || schema === 'pg_catalog') {
    if (typeNames.has(name.replace(/^_/, ''))) return found.catalog.builtinTypes.get(name) ?? scalar   // `_text` is `text[]`
    const own = found.catalog.builtinTypes.get(name)
    if (own !== undefined && introspection.has(name)) { tell(found, frame, name, span); return own }
    if (schema === 'pg_catalog' || own !== undefined) throw refused
  }
  found.names.types.add(name)
  for (const place of schemasOf(found, frame, schema)) {
    const known = found.catalog.schemas.get(place)?.types.get(name)
    if (known && known.schema !== 'pg_catalog' && known.kind !== 'p') { rowOf(found, frame, known, span); nameType(found, frame, known, 'select', span); makeType(found, frame, known.oid, span); return known.oid }
    if (known) throw refused
  }
  throw absent(found, frame, schema, name, span)
}
/** A table's row type is told, with its columns, to whoever may name the table; to others it is as one that is not there. */
function rowOf(found: Findings, frame: Frame, type: CatalogType, span: Span | null): void {
  const relation = tableOf(found, type)
  if (!relation || frame.view) return
  if (type.name !== relation.name) throw absent(found, frame, type.schema, type.name, span)   // `_t`, an array by its inner name
  found.access('select', relation.schema, relation.name, frame, span, true)
}
/**
 * A type of the target's own that a statement names is an access, as a missing one is: whether it is there, and what its values are, is not anybody's to know. One that a table
 * in the statement has a column of is known with that table.
 */
function nameType(found: Findings, frame: Frame, type: CatalogType, action: 'select' | 'call', span: Span | null): void {
  if (frame.view || tableOf(found, type) !== null) return
  const { types } = found.catalog
  const core = (oid: number): number => { const element = types.get(oid)?.element ?? 0; return element === 0 ? oid : core(element) }
  const told = [...found.relations.values()].some(({ relation }) => relation.columns.some((column) => core(column.type) === core(type.oid)))
  if (!told) found.access(action, type.schema, type.name, frame, span, action === 'select')
}
/** The table whose rows, or arrays of them, the type is of. */
function tableOf({ catalog }: Findings, type: CatalogType): Relation | null {
  const relation = catalog.relations.get((catalog.types.get(type.element) ?? type).relation)
  return relation && 'rpvmf'.includes(relation.kind) ? relation : null
}
function absent(found: Findings, frame: Frame, schema: string | undefined, name: string, span: Span | null): Refused {
  found.access('select', homeOf(frame, schema), name, frame, span, true)
  return missing('42704', unknownType(name, span).refusal.detail, span)
}

/**
 * A value of the type is made, shown or compared: functions that read and write it, its own casts, what its operator classes sort and compare by, and a
 * domain's checks where one is made, may run. `seen` ends circles of rows, and of functions that take the type they serve.
 */
export function makeType(found: Findings, frame: Frame, oid: number, span: Span | null, made = true, seen = new Set<number>()): void {
  if (oid < 16384 || seen.has(oid)) return
  seen.add(oid)
  const type: CatalogType | undefined = found.catalog.types.get(oid)
  if (!type) throw unsupported('unknown_type', 'the statement reaches a type the catalog does not have', span)
  found.types.add(oid)
  for (const fn of type.functions) support(found, frame, fn, span, seen)
  if (made) for (const fn of type.checks) callById(found, frame, fn, span, seen)
  for (const cast of found.catalog.casts) if (cast.source === oid || cast.target === oid) callById(found, frame, cast.function, span, seen)
  for (const inner of [type.base, type.element, type.subtype]) makeType(found, frame, inner, span, made, seen)
  if (type.kind === 'c') for (const column of found.catalog.relations.get(type.relation)?.columns ?? []) makeType(found, frame, column.type, span, made, seen)
}

/** A function that serves a type or an index: of a trusted extension any that is compiled, whatever it says of its volatility, for nobody calls it by name. */
export function support(found: Findings, frame: Frame, oid: number, span: Span | null, seen?: Set<number>): void {
  const fn = found.catalog.functions.get(oid)
  if (fn && isTrustedSupport(fn)) found.functions.add(oid)
  else callById(found, frame, oid, span, seen)
}

/** The columns of a row type; not knowing them is not the same as there being none. */
export function fieldsOf(found: Findings, type: CatalogType, span: Span | null): Relation['columns'] {
  const relation = found.catalog.relations.get(type.relation)
  if (!relation) throw unsupported('row_shape', `which columns \`${type.name}\` has is not certain`, span)
  return relation.columns
}
const rowTypes: ReadonlySet<number> = new Set([71, 75, 81, 83, 210, 270, 272, 273, 2249, 2287])
/** True when no value of the type can be a row or hold rows: then what it gives is one column, whatever function unpacks it. */
export function isScalar(found: Findings, oid: number, seen = new Set<number>()): boolean {
  if (oid === scalar || oid === array) return true
  if (oid === unknown || seen.has(oid)) return false
  if (oid < 10000) return !rowTypes.has(oid)
  const type = found.catalog.types.get(oid)
  seen.add(oid)
  if (!type) return false
  if (type.kind === 'e') return true
  if (type.kind === 'd') return isScalar(found, type.base, seen)
  if (type.kind === 'b') return type.element === 0 || isScalar(found, type.element, seen)
  return false
}
/** Types of expressions, as far as the analysis follows them: an oid, or one of these. */
export const scalar = -1
/** An array of scalars. */
export const array = -2
export const unknown = 0
