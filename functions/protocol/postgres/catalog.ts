import { createHash } from 'node:crypto'

/**
 * What the target's catalog says, as the analysis needs it: plain readonly data with indexes by oid and by name. Made from the rows of `snapshotQuery`.
 */
export interface Catalog {
  /** SHA-256 hex of everything in it: equal when nothing changed. */
  readonly fingerprint: string
  /** `server_version_num`, such as 180004. */
  readonly version: number
  /** Which cast and which members of operator families are the newest. */
  readonly made: string
  readonly relations: ReadonlyMap<number, Relation>
  readonly functions: ReadonlyMap<number, CatalogFunction>
  readonly types: ReadonlyMap<number, CatalogType>
  readonly operators: readonly CatalogOperator[]
  readonly casts: readonly Cast[]
  /** Functions of the target's own that built-in types alone may call: casts between two of them, default operator classes for one. */
  readonly ambient: readonly number[]
  readonly schemas: ReadonlyMap<string, SchemaEntry>
  /** Every name in pg_catalog, judged or not: what an unqualified name means before any schema of the path is looked at. */
  readonly builtinFunctions: ReadonlySet<string>
  readonly builtinTypes: ReadonlyMap<string, number>
  /** Of `builtinFunctions`, those that may give several rows. */
  readonly builtinSets: ReadonlySet<string>
}
export interface SchemaEntry {
  readonly oid: number
  readonly version: string
  readonly relations: ReadonlyMap<string, Relation>
  readonly functions: ReadonlyMap<string, readonly CatalogFunction[]>
  readonly operators: ReadonlyMap<string, readonly CatalogOperator[]>
  readonly types: ReadonlyMap<string, CatalogType>
}
export interface Relation {
  readonly oid: number; readonly schema: string; readonly name: string
  /** pg_class.relkind: r table, p partitioned table, v view, m materialized view, f foreign table; others can be named but not read. */
  readonly kind: string
  readonly partition: boolean
  readonly rowType: number
  readonly rowSecurity: boolean
  /** MD5 over the xmins of every catalog row that describes it. */
  readonly print: string
  /** A view's query, every name in it qualified except those of pg_catalog. */
  readonly definition: string | null
  readonly columns: readonly Column[]
  /** Rules other than the one that makes a view. */
  readonly rules: number
  /** Row security, where it is on: what it says of rows, with every name in it qualified except those of pg_catalog. */
  readonly policies: readonly Policy[]
  /** Functions of the target's own that its indexes' and partition keys' operator classes call. */
  readonly supports: readonly number[]
  /** Expressions of its indexes, checks, statistics and partition key that name what is not the server's, spelled as policies are: see planning.ts. */
  readonly planned: readonly string[]
  /** A view that reads with the rights of whoever asks, not of its owner. */
  readonly invoker: boolean
  /** Attribute numbers whose values decide in which partition a row lies; 0 stands for an expression. */
  readonly partitionedBy: readonly number[]
  /** Attribute numbers of a primary key that the server takes for all of a row when it groups: checked at once, of a table that never had children. Empty: there is none. */
  readonly key: readonly number[]
  readonly children: readonly number[]
  readonly parents: readonly number[]
  readonly triggers: readonly Trigger[]
  readonly constraints: readonly Constraint[]
  /** Foreign keys of other tables that point here. */
  readonly referencedBy: readonly Constraint[]
  /** Attribute numbers read together by one unique, exclusion, expression or partial index, one check, or one side of a foreign key. */
  readonly answering: readonly (readonly number[])[]
  /** Attribute numbers read together by one unique or exclusion index, where a new row may run into another by what it leaves out: a default, a NULL that equals NULL, a predicate, an expression. */
  readonly omitting: readonly { readonly columns: readonly number[]; /** What has no default counts as well. */ readonly open: boolean }[]
  /** Attribute numbers whose values lie side by side in one index entry; 0 stands for an expression. */
  readonly entries: readonly (readonly number[])[]
  /** Indexes that give rows in an order: attribute numbers of their keys in turn, and of all that their expressions and predicate read. `alone`: over one column of all rows, so read only for that column. */
  readonly ordering: readonly { readonly keys: readonly number[]; readonly read: readonly number[]; readonly alone: boolean }[]
}
export interface Column {
  readonly attnum: number; readonly name: string; readonly type: number; readonly notNull: boolean
  /** '' or how it is generated: `s` stored, `v` virtual. */
  readonly generated: string
  readonly identity: string
  /** Attribute numbers a generated column is computed from. */
  readonly from: readonly number[]
  /** As `format_type` prints it; empty for system relations. */
  readonly typeName: string
  /** It has a default that two rows may share. */
  readonly filled: boolean
  /** The most bytes a value takes by its declared type; null where nothing bounds it. */
  readonly size: number | null
  /** Of any length, and never moved out of the row. */
  readonly inline: boolean
}
/** `command`: pg_policy.polcmd, which is r select, a insert, w update, d delete, * all. `clauses`: USING and WITH CHECK, those that are there. */
export interface Policy { readonly command: string; readonly clauses: readonly string[] }
export interface Trigger { readonly function: number; /** pg_trigger.tgtype bits: 2 before, 4 insert, 8 delete, 16 update, 32 truncate. */ readonly type: number }
export interface Constraint {
  readonly type: string; readonly name: string; readonly columns: readonly number[]
  readonly references: number; readonly referenced: readonly number[]; readonly onDelete: string; readonly onUpdate: string; readonly relation: number
  /** A check that reads whole rows, beside `columns`. */
  readonly whole: boolean
}
export interface CatalogFunction {
  readonly oid: number; readonly schema: string; readonly name: string; readonly args: number; readonly defaults: number; readonly variadic: boolean
  /** f function, p procedure, a aggregate, w window. */
  readonly kind: string
  readonly set: boolean; readonly returns: number; readonly volatility: string; readonly language: string; readonly extension: string | null
  /** Columns it returns by OUT or TABLE parameters; empty when it has none. */
  readonly outs: readonly { readonly name: string; readonly type: number }[]
  /** Types of the target's own among its arguments: a literal given to it is read by their input functions. */
  readonly takes: readonly number[]
  readonly version: string
}
/** `twins`: functions of its commutator and negator. One of pg_catalog is here only when it has such twins. */
export interface CatalogOperator { readonly oid: number; readonly schema: string; readonly name: string; readonly function: number; readonly twins: readonly number[]; readonly version: string }
export interface Cast { readonly source: number; readonly target: number; readonly function: number }
export interface CatalogType {
  readonly oid: number; readonly schema: string; readonly name: string
  /** b base, c composite, d domain, e enum, m multirange, p pseudo, r range. */
  readonly kind: string
  readonly relation: number; readonly base: number; readonly element: number; readonly subtype: number
  /** Functions that whatever touches a value of it may run: in and out, subscripts, those of its operator classes, a range's canonical and difference functions. */
  readonly functions: readonly number[]
  /** Functions that only making a value of it runs: a domain's checks. */
  readonly checks: readonly number[]
  readonly version: string
}

/** Pooled and embedded servers of other majors may have built-in functions nobody has judged. */
export const majors: readonly number[] = [15, 16, 17, 18]

type Cells = readonly unknown[]
/** JSON prints a bare `oid` as a string: a number that came as one is a query of ours gone wrong, and must not pass for none. */
const num = (value: unknown): number => {
  if (typeof value === 'string' && /^\d+$/.test(value)) throw new Error('a catalog number came as text')
  return typeof value === 'number' ? value : 0
}
const str = (value: unknown): string => (typeof value === 'string' ? value : '')
const nums = (value: unknown): readonly number[] => (Array.isArray(value) ? value.map(num).filter((v) => v !== 0) : [])
const flat = (value: unknown): readonly number[] => (Array.isArray(value) ? value.flatMap((v: unknown) => (Array.isArray(v) ? flat(v) : nums([v]))) : [])
const list = (value: unknown): readonly Cells[] => (Array.isArray(value) ? value.filter((v): v is unknown[] => Array.isArray(v)) : [])

const strings = (value: unknown): ReadonlySet<string> => new Set(Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [])

function outsOf(modes: unknown, names: unknown, types: unknown): CatalogFunction['outs'] {
  if (!Array.isArray(modes) || !Array.isArray(types)) return []
  const outs = modes.flatMap((mode: unknown, i) => (mode === 'o' || mode === 'b' || mode === 't' ? [{ name: str(Array.isArray(names) ? names[i] : ''), type: num(types[i]) }] : []))
  return outs.length === 1 ? outs : outs.map((out, i) => ({ ...out, name: out.name || `column${i + 1}` }))
}
const readColumn = ([attnum, name, type, notNull, generated, identity, from, typeName, filled, size, inline]: Cells): Column => ({
  attnum: num(attnum), name: str(name), type: num(type), notNull: notNull === true, generated: str(generated).trim(), identity: str(identity).trim(), from: nums(from), typeName: str(typeName), filled: filled === true,
  size: typeof size === 'number' ? size : null, inline: inline === true,
})
const readFunction = ([oid, schema, name, args, defaults, variadic, kind, set, returns, volatility, language, extension, modes, names, types, version, takes]: Cells): CatalogFunction => ({
  oid: num(oid), schema: str(schema), name: str(name), args: num(args), defaults: num(defaults), variadic: variadic === true, kind: str(kind), set: set === true, returns: num(returns),
  volatility: str(volatility), language: str(language), extension: typeof extension === 'string' ? extension : null, outs: outsOf(modes, names, types), takes: nums(takes), version: str(version),
})
const readType = ([oid, schema, name, kind, relation, base, element, checks, subtype, functions, version]: Cells): CatalogType => ({
  oid: num(oid), schema: str(schema), name: str(name), kind: str(kind), relation: num(relation), base: num(base), element: num(element), subtype: num(subtype),
  functions: flat(functions).filter((f) => f >= 16384), checks: flat(checks).filter((f) => f !== 0), version: str(version),
})
const readConstraint = ([relation, type, columns, references, referenced, onDelete, onUpdate, name]: Cells): Constraint => ({
  type: str(type), name: str(name), columns: nums(columns), references: num(references), referenced: nums(referenced), onDelete: str(onDelete), onUpdate: str(onUpdate), relation: num(relation),
  whole: Array.isArray(columns) && columns.includes(0),
})

function group<K, V>(items: Iterable<V>, key: (item: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>()
  for (const item of items) {
    const there = groups.get(key(item))
    if (there) there.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}

/** Rows of `snapshotQuery` → the catalog. Throws on a row that is not of its shape: a catalog half understood is none. */
export function readCatalog(rows: readonly Readonly<Record<string, unknown>>[]): Catalog {
  const hash = createHash('sha256')
  const cells = rows.map((row): { kind: string; data: Cells } => {
    hash.update(`${str(row['kind'])}${str(row['data'])}\n`)
    const data: unknown = JSON.parse(str(row['data']))
    if (!Array.isArray(data)) throw new Error('a catalog row is not an array')
    return { kind: str(row['kind']), data }
  })
  const of = (kind: string): Cells[] => cells.filter((c) => c.kind === kind).map((c) => c.data)
  const [server] = of('server')
  if (!server || server[1] !== 'UTF8') throw new Error('the target must be a PostgreSQL server with encoding UTF8')
  const [builtin] = of('builtin')
  const functions = of('function').map(readFunction)
  const operators = of('operator').map(([oid, schema, name, fn, version, twins]): CatalogOperator => ({ oid: num(oid), schema: str(schema), name: str(name), function: num(fn), twins: nums(twins), version: str(version) }))
  const types = of('type').map(readType)
  const relations = readRelations(of)
  const schemas = new Map<string, SchemaEntry>()
  const version = new Map(of('schema').map(([oid, name, xmin]) => [str(name), { oid: num(oid), version: str(xmin) }]))
  const by = { relations: group(relations, (r) => r.schema), functions: group(functions, (f) => f.schema), operators: group(operators, (o) => o.schema), types: group(types, (t) => t.schema) }
  for (const name of new Set([...version.keys(), ...by.relations.keys(), ...by.functions.keys(), ...by.operators.keys(), ...by.types.keys()])) {
    schemas.set(name, {
      ...version.get(name) ?? { oid: 0, version: '' },
      relations: new Map(by.relations.get(name)?.map((r) => [r.name, r])),
      functions: group(by.functions.get(name) ?? [], (f) => f.name),
      operators: group(by.operators.get(name) ?? [], (o) => o.name),
      types: new Map(by.types.get(name)?.map((t) => [t.name, t])),
    })
  }
  return {
    fingerprint: hash.digest('hex'), version: Number(server[0]), made: str(server[3]), schemas, operators, builtinFunctions: strings(builtin?.[0]), builtinTypes: new Map(Object.entries(builtin?.[1] ?? {}).map(([name, oid]) => [name, num(oid)])), builtinSets: strings(builtin?.[2]),
    relations: new Map(relations.map((r) => [r.oid, r])), functions: new Map(functions.map((f) => [f.oid, f])), types: new Map(types.map((t) => [t.oid, t])),
    casts: of('cast').map(([source, target, fn]) => ({ source: num(source), target: num(target), function: num(fn) })), ambient: of('ambient').map(([fn]) => num(fn)),
  }
}

function readRelations(of: (kind: string) => Cells[]): Relation[] {
  const children = group(of('inherit').map(([parent, child]) => ({ parent: num(parent), child: num(child) })), (h) => h.parent)
  const parents = group([...children.values()].flat(), (h) => h.child)
  const triggers = group(of('trigger').map(([relation, fn, type]) => ({ relation: num(relation), function: num(fn), type: num(type) })), (t) => t.relation)
  const all = of('constraint').map(readConstraint)
  const constraints = group(all, (k) => k.relation)
  const referencing = group(all, (k) => k.references)
  const ordering = group(of('ordering').map(([relation, keys, read, whole, alone]) => ({ relation: num(relation), keys: Array.isArray(keys) ? keys.map(num) : [], read: nums(read), whole: whole === true, alone: alone === true })), (i) => i.relation)
  const entries = group(of('entry').map(([relation, columns]) => ({ relation: num(relation), columns: Array.isArray(columns) ? columns.map(num) : [] })), (e) => e.relation)
  const indexes = group(of('index').map(([relation, key, columns, whole, unique, open]) => ({ relation: num(relation), columns: [...nums(key), ...nums(columns)], whole: whole === true, unique: unique === true, open: open === true })), (i) => i.relation)
  return of('relation').map(([id, schema, name, kind, partition, rowType, rowSecurity, print, definition, columns, rules, policies, supports, planned, invoker, partitionedBy, key]): Relation => {
    const oid = num(id)
    const own = list(columns).map(readColumn)
    const every = own.map(({ attnum }) => attnum)
    const read = ({ whole, columns: some }: { readonly whole: boolean; readonly columns: readonly number[] }) => (whole ? every : some)
    return {
      oid, schema: str(schema), name: str(name), kind: str(kind), partition: partition === true, rowType: num(rowType), rowSecurity: rowSecurity === true, print: str(print),
      definition: typeof definition === 'string' ? definition : null, columns: own, rules: num(rules), supports: nums(supports), planned: [...strings(planned)], invoker: invoker === true, partitionedBy: Array.isArray(partitionedBy) ? partitionedBy.map(num) : [], key: nums(key),
      policies: list(policies).map(([command, ...clauses]) => ({ command: str(command), clauses: clauses.filter((c): c is string => typeof c === 'string') })),
      children: (children.get(oid) ?? []).map((h) => h.child), parents: (parents.get(oid) ?? []).map((h) => h.parent),
      triggers: triggers.get(oid) ?? [], constraints: constraints.get(oid) ?? [], referencedBy: referencing.get(oid) ?? [],
      answering: [...(constraints.get(oid) ?? []).map(read), ...(referencing.get(oid) ?? []).map((k) => k.referenced), ...(indexes.get(oid) ?? []).map(read)],
      omitting: (indexes.get(oid) ?? []).filter((i) => i.unique).map((i) => ({ columns: read(i), open: i.open })),
      entries: (entries.get(oid) ?? []).map(({ columns }) => columns),
      ordering: (ordering.get(oid) ?? []).map(({ keys, read: some, whole, alone }) => ({ keys, read: whole ? every : some, alone })),
    }
  })
}
