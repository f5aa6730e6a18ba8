import { createHash } from 'node:crypto'
import { digestOf } from './guard.ts'
import { inOrder, type Flavour } from './snapshot.ts'

/** What the target's information_schema says, as the analysis needs it: plain readonly data, made from the rows of snapshot.ts. */
export interface Catalog extends Flavour {
  /** SHA-256 hex of everything in it: equal when nothing changed. */
  readonly fingerprint: string
  /** As the server tells it, such as `10.11.6-MariaDB` and `8.0.39`. */
  readonly version: string
  /** Names of tables, schemas and aliases: 0 as they are, 1 lower case, 2 as they are and compared without case. */
  readonly lowerCase: 0 | 1 | 2
  readonly schemas: ReadonlyMap<string, SchemaEntry>
}
/** By name as the server compares it (`tableKey`), routines by lower case. */
export interface SchemaEntry { readonly name: string; readonly relations: ReadonlyMap<string, Relation>; readonly functions: ReadonlyMap<string, Routine>; readonly procedures: ReadonlyMap<string, Routine> }
export interface Relation {
  readonly schema: string; readonly name: string
  /** `other`: what can be named and neither read nor written here, such as a sequence or a table of an engine that reaches elsewhere. */
  readonly kind: 'table' | 'view' | 'other'
  readonly transactional: boolean
  readonly columns: readonly Column[]
  /** A view's query; null of a table, and where the account may not see it. */
  readonly definition: string | null
  /** A view that reads with the rights of whoever asks. */
  readonly invoker: boolean
  /** null: the account may not see them. */
  readonly triggers: readonly Trigger[] | null
  readonly indexes: readonly Index[]
  /** Columns read together by one unique index or one check. */
  readonly answering: readonly (readonly string[])[]
  readonly keys: readonly ForeignKey[]
  /** Foreign keys of other tables that point here. */
  readonly referencedBy: readonly ForeignKey[]
  /** Columns that decide in which partition a row lies. */
  readonly partitionedBy: readonly string[]
  /** `digestOf` the rows that describe it. */
  readonly print: string
  readonly rows: readonly (readonly [string, string])[]
}
export interface Column {
  readonly name: string; readonly type: string; readonly columnType: string; readonly nullable: boolean; readonly generated: boolean; readonly invisible: boolean
  /** Columns it is computed from, as a generated one or by its default. */
  readonly from: readonly string[]
  /** It has a default that two rows may share. */
  readonly filled: boolean
  /** Set by the server when another column of the row really changes. */
  readonly moves: boolean
  readonly json: boolean
  /** What the server adds by itself, in its words: `auto_increment`, `STORED GENERATED`. */
  readonly extra: string
}
export interface Trigger { readonly schema: string; readonly name: string; readonly event: 'insert' | 'update' | 'delete'; readonly before: boolean }
export interface Index { readonly name: string; readonly unique: boolean; readonly columns: readonly string[]; /** It gives rows in its order. */ readonly ordered: boolean; /** Of columns alone, none of them an expression. */ readonly plain: boolean }
export interface ForeignKey { readonly name: string; readonly schema: string; readonly table: string; readonly columns: readonly string[]; readonly toSchema: string; readonly toTable: string; readonly referenced: readonly string[]; readonly onUpdate: string; readonly onDelete: string }
export interface Routine { readonly schema: string; readonly name: string; readonly procedure: boolean; readonly print: string; readonly rows: readonly (readonly [string, string])[] }

/** Rows of `serverQuery` and `snapshotQueries`, as objects of text. */
export type SnapshotRow = Readonly<Record<string, string | null>>
type Cells = readonly unknown[]
interface Row { readonly kind: string; readonly schema: string; readonly name: string; readonly data: string; readonly cells: Cells }

const str = (value: unknown): string => (typeof value === 'string' ? value : value === null || value === undefined ? '' : String(value))
export const systemSchemas: ReadonlySet<string> = new Set(['information_schema', 'performance_schema', 'mysql', 'sys'])
/** Engines that keep a table's rows themselves; others read other tables, files or servers. Only the first rolls back. */
const engines: ReadonlySet<string> = new Set(['innodb', 'aria', 'myisam', 'memory', 'rocksdb'])
const rollsBack: ReadonlySet<string> = new Set(['innodb', 'rocksdb'])

/**
 * Names that differ in case alone, as the server folds them: character by character (JavaScript makes of `Σ` at a word's end another letter than elsewhere), and `İ` to `i` (where JavaScript makes two characters of it). Some
 * hundred letters fold here and not there: such names are taken for one, and then printed as one of them.
 */
export const fold = (name: string): string => { let folded = ''; for (const character of name) folded += character === 'İ' ? 'i' : character.toLowerCase(); return folded }
export const tableKey = ({ lowerCase }: Pick<Catalog, 'lowerCase'>, name: string): string => (lowerCase === 0 ? name : fold(name))
export const columnKey = (name: string): string => fold(name)

/** Throws on a row that is not of its shape: a catalog half understood is none. */
export function readServer(row: SnapshotRow | undefined): Flavour & { readonly version: string; readonly lowerCase: 0 | 1 | 2; readonly account: string } {
  const [version, lower, account] = parseRow(row ?? {}).cells
  const lowerCase = Number(lower)
  if (lowerCase !== 0 && lowerCase !== 1 && lowerCase !== 2) throw new Error('lower_case_table_names is not one that is known')
  const text = str(version)
  const mariadb = /mariadb/i.test(text)
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(text) ?? []
  if (Number(major) < (mariadb ? 10 : 8) || (mariadb && Number(major) === 10 && Number(minor) < 6)) throw new Error('the target must be MySQL 8 or later, or MariaDB 10.6 or later')
  return { mariadb, version: text, lowerCase, account: str(account) }
}
function parseRow(row: SnapshotRow): Row {
  const data = row['data'] ?? ''
  const cells: unknown = JSON.parse(data)
  if (!Array.isArray(cells)) throw new Error('a catalog row is not an array')
  return { kind: row['kind'] ?? '', schema: row['in_schema'] ?? '', name: row['name'] ?? '', data, cells }
}

export function readCatalog(server: ReturnType<typeof readServer>, rows: readonly SnapshotRow[]): Catalog {
  const hash = createHash('sha256').update(JSON.stringify([server.version, server.lowerCase]))
  const parsed = rows.map(parseRow)
  for (const line of parsed.map(({ kind, schema, name, data }) => JSON.stringify([kind, schema, name, data])).sort()) hash.update(line)
  const objects = new Map<string, Row[]>()
  const rights: Row[] = []
  for (const row of parsed) {
    if (row.kind === 'right') { rights.push(row); continue }
    const key = JSON.stringify([row.schema, row.name, row.kind === 'routine'])
    const there = objects.get(key)
    if (there) there.push(row)
    else objects.set(key, [row])
  }
  const sees = triggersSeen(server.account, rights)
  const schemas = new Map<string, { name: string; relations: Map<string, Relation>; functions: Map<string, Routine>; procedures: Map<string, Routine> }>()
  for (const own of objects.values()) {
    const [first] = own
    if (!first || systemSchemas.has(first.schema.toLowerCase())) continue
    const key = tableKey(server, first.schema)
    const entry = schemas.get(key) ?? { name: first.schema, relations: new Map<string, Relation>(), functions: new Map<string, Routine>(), procedures: new Map<string, Routine>() }
    schemas.set(key, entry)
    if (first.kind === 'routine') readRoutines(own, entry)
    else if (own.some(({ kind }) => kind === 'table')) entry.relations.set(tableKey(server, first.name), readRelation(own, sees(first.schema, first.name)))
  }
  return { mariadb: server.mariadb, version: server.version, lowerCase: server.lowerCase, fingerprint: hash.digest('hex'), schemas }
}
const printed = (own: readonly Row[]) => { const rows = inOrder(own.map(({ kind, data }) => [kind, data] as const)); return { rows, print: digestOf([rows]) } }

/** A function and a procedure may share a name; together they are one thing to compare. */
function readRoutines(own: readonly Row[], entry: { functions: Map<string, Routine>; procedures: Map<string, Routine> }): void {
  for (const { schema, name, cells } of own) {
    const procedure = str(cells[0]) === 'PROCEDURE';
    (procedure ? entry.procedures : entry.functions).set(name.toLowerCase(), { schema, name, procedure, ...printed(own) })
  }
}
function readRelation(own: readonly Row[], seen: boolean): Relation {
  const of = (kind: string): readonly Cells[] => own.filter((row) => row.kind === kind).map(({ cells }) => cells)
  const [first] = own
  const [type, engine] = (of('table')[0] ?? []).map(str)
  const [view] = of('view')
  const columns = readColumns(of('column'))
  const names = columns.map(({ name }) => name)
  const indexes = readIndexes(of('index'), names)
  const checks = of('check').filter(([, clause]) => !isJsonCheck(str(clause))).map(([, clause]) => mentioned(str(clause), names))
  const kind = type === 'VIEW' && view ? 'view' : (type === 'BASE TABLE' || type === 'SYSTEM VERSIONED') && engines.has((engine ?? '').toLowerCase()) ? 'table' : 'other'
  return {
    schema: first?.schema ?? '', name: first?.name ?? '', kind, transactional: rollsBack.has((engine ?? '').toLowerCase()),
    columns: columns.map((column) => (column.type === 'json' || of('check').some(([, clause]) => str(clause).toLowerCase() === `json_valid(\`${column.name.toLowerCase()}\`)`) ? { ...column, json: true } : column)),
    definition: view ? str(view[0]) || null : null, invoker: str(view?.[1]) === 'INVOKER',
    triggers: seen ? of('trigger').map(readTrigger) : null, indexes, answering: [...indexes.filter(({ unique }) => unique).map((index) => index.columns), ...checks],
    keys: readKeys(of('key')), referencedBy: readKeys(of('referenced')),
    partitionedBy: of('partition').flatMap(([, by, sub]) => [by, sub]).flatMap((text) => worded(str(text), names)), ...printed(own),
  }
}
function readColumns(rows: readonly Cells[]): readonly Column[] {
  const names = rows.map(([, name]) => str(name))
  return [...rows].sort(([a], [b]) => Number(a) - Number(b)).map(([, name, type, columnType, nullable, extra, preset, expression]): Column => {
    const more = str(extra).toLowerCase()
    const generated = /(virtual|stored|persistent) generated/.test(more)
    return {
      name: str(name), type: str(type).toLowerCase(), columnType: str(columnType), nullable: str(nullable) === 'YES', generated, invisible: /\binvisible\b/.test(more),
      from: [...new Set(mentioned(`${str(expression)} ${str(preset)}`, names))], filled: preset !== null && preset !== undefined && str(preset).toUpperCase() !== 'NULL',
      moves: more.includes('on update') || (generated && /current|now|timestamp|row (start|end)/i.test(str(expression))), json: false, extra: str(extra),
    }
  })
}
/** Prefixes, whole columns and expressions alike: whatever the index reads. A full-text, spatial or hash index gives no order. */
function readIndexes(rows: readonly Cells[], names: readonly string[]): readonly Index[] {
  const groups = new Map<string, Cells[]>()
  for (const row of rows) groups.set(str(row[0]), [...groups.get(str(row[0])) ?? [], row])
  return [...groups].map(([name, parts]) => ({
    name, unique: parts.every(([, nonUnique]) => Number(nonUnique) === 0), ordered: parts.every(([, , , , type]) => !['FULLTEXT', 'SPATIAL'].includes(str(type).toUpperCase())),
    plain: parts.every(([, , , column]) => column !== null && column !== undefined),
    columns: parts.sort((a, b) => Number(a[2]) - Number(b[2])).flatMap(([, , , column, , expression]) => (column === null || column === undefined ? mentioned(str(expression), names) : [str(column)])),
  }))
}
const readTrigger = ([schema, name, event, timing]: Cells): Trigger => {
  const what = str(event).toLowerCase()
  if (what !== 'insert' && what !== 'update' && what !== 'delete') throw new Error('a trigger of an event that is not known')
  return { schema: str(schema), name: str(name), event: what, before: str(timing) === 'BEFORE' }
}
function readKeys(rows: readonly Cells[]): readonly ForeignKey[] {
  const groups = new Map<string, Cells[]>()
  for (const row of rows) { const key = JSON.stringify(row.slice(0, 3)); groups.set(key, [...groups.get(key) ?? [], row]) }
  return [...groups.values()].flatMap((parts) => {
    const [first] = parts.sort((a, b) => Number(a[3]) - Number(b[3]))
    if (!first) return []
    return [{ name: str(first[2]), schema: str(first[4]), table: str(first[1]), columns: parts.map((p) => str(p[5])), toSchema: str(first[6]), toTable: str(first[7]), referenced: parts.map((p) => str(p[8])), onUpdate: str(first[9]), onDelete: str(first[10]) }]
  })
}
/** Columns that an expression names, as the server prints it: in backticks. More than it means, never less. */
const mentioned = (expression: string, names: readonly string[]): readonly string[] => {
  const quoted = new Set([...expression.matchAll(/`((?:[^`]|``)+)`/g)].map(([, name = '']) => columnKey(name.replaceAll('``', '`'))))
  return names.filter((name) => quoted.has(columnKey(name)))
}
/** The same where the server may leave the backticks out. */
const worded = (expression: string, names: readonly string[]): readonly string[] => names.filter((name) => columnKey(expression).includes(columnKey(name)))
const isJsonCheck = (clause: string): boolean => /^\(?json_valid\(`(?:[^`]|``)+`\)\)?$/i.test(clause)

/** Whether the account is shown the triggers of a table: it holds TRIGGER on it, its database or everywhere. A right that comes by a role is not counted. */
function triggersSeen(account: string, rights: readonly Row[]): (schema: string, table: string) => boolean {
  const at = account.lastIndexOf('@')
  const grantee = `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`
  const own = rights.filter(({ cells }) => str(cells[0]) === grantee)
  const like = (pattern: string): RegExp => new RegExp(`^${pattern.replace(/\\([_%])|[_%]|[.*+?^${}()|[\]\\]/g, (sign, escaped: string | undefined) => (escaped !== undefined ? escaped : sign === '%' ? '.*' : sign === '_' ? '.' : `\\${sign}`))}$`, 's')
  return (schema, table) => own.some((right) => (right.schema === '' && right.name === '') || (right.name === '' ? like(right.schema).test(schema) : right.schema === schema && right.name === table))
}
