import type { Seen } from '../../../schema/request.ts'
import { tableKey, type Catalog, type Column, type ForeignKey, type Index, type Relation } from './catalog.ts'

/**
 * information_schema as one caller may see it: tables, columns, indexes and keys that `/schema` shows, and nothing of what lies beside them. The server's own is that of an account which sees more. What tells of data is empty
 * (row counts, cardinalities, lengths, the next number, times), and so is text that may hold values: defaults, comments, expressions, views' queries.
 */
export type Cell = string | number | null
export interface Page { readonly columns: readonly string[]; readonly rows: readonly (readonly Cell[])[] }
interface Part { readonly relation: Relation; readonly columns: readonly Column[] }

/** What is seen, as it is in this catalog. What one part of the gate knows and the other does not yet is left out. */
export function partsOf(catalog: Catalog, seen: readonly Seen[]): readonly Part[] {
  return seen.flatMap(({ schema, name, columns }) => {
    const relation = catalog.schemas.get(tableKey(catalog, schema))?.relations.get(tableKey(catalog, name))
    return relation ? [{ relation, columns: relation.columns.filter((column) => columns.includes(column.name)) }] : []
  })
}
const has = ({ columns }: Part, names: readonly string[]): boolean => names.every((name) => columns.some((column) => column.name === name))
/** Only those whose every column is seen: the name of one would tell of another. */
export const indexesOf = (part: Part): readonly Index[] => part.relation.indexes.filter((index) => index.plain && has(part, index.columns))
export const keysOf = (part: Part, all: readonly Part[]): readonly ForeignKey[] => part.relation.keys.filter((key) => has(part, key.columns) && all.some((other) => other.relation.schema === key.toSchema && other.relation.name === key.toTable && has(other, key.referenced)))
/** `PRI`, `UNI` or `MUL`, as DESCRIBE has it. */
export function keyOf(part: Part, { name }: Column): '' | 'PRI' | 'UNI' | 'MUL' {
  const leading = indexesOf(part).filter(({ columns }) => columns.includes(name))
  if (leading.some((index) => index.name === 'PRIMARY')) return 'PRI'
  if (leading.some((index) => index.unique && index.columns.length === 1)) return 'UNI'
  return leading.some(({ columns }) => columns[0] === name) ? 'MUL' : ''
}
const numbers: Readonly<Record<string, number>> = { tinyint: 3, smallint: 5, mediumint: 7, int: 10, bigint: 19, float: 12, double: 22 }
/** `varchar(40)` and `decimal(10,2)`: what stands in the parentheses. */
function sizesOf({ type, columnType }: Column): { readonly length: number | null; readonly precision: number | null; readonly scale: number | null; readonly fraction: number | null } {
  const [, first, second] = /^\w+\((\d+)(?:,(\d+))?\)/.exec(columnType) ?? []
  const size = first === undefined ? null : Number(first)
  return {
    length: ['char', 'varchar', 'binary', 'varbinary'].includes(type) ? size : null, precision: type === 'decimal' ? size : numbers[type] ?? null,
    scale: type === 'decimal' ? Number(second ?? 0) : type.endsWith('int') ? 0 : null, fraction: ['datetime', 'timestamp', 'time'].includes(type) ? size ?? 0 : null,
  }
}
const words = (text: string): readonly string[] => text.trim().split(/\s+/)
const plain = ({ relation }: Part) => relation.kind === 'table'
const yes = (value: boolean): string => (value ? 'YES' : 'NO')
const nothing = (count: number): readonly null[] => Array.from({ length: count }, () => null)

type Maker = (parts: readonly Part[]) => readonly (readonly Cell[])[]
const pages: Readonly<Record<string, readonly [columns: readonly string[], rows: Maker]>> = {
  schemata: [words('CATALOG_NAME SCHEMA_NAME DEFAULT_CHARACTER_SET_NAME DEFAULT_COLLATION_NAME SQL_PATH'), (parts) => [...new Set(parts.map(({ relation }) => relation.schema))].sort().map((schema) => ['def', schema, 'utf8mb4', null, null])],
  tables: [words('TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE VERSION ROW_FORMAT TABLE_ROWS AVG_ROW_LENGTH DATA_LENGTH MAX_DATA_LENGTH INDEX_LENGTH DATA_FREE AUTO_INCREMENT CREATE_TIME UPDATE_TIME CHECK_TIME TABLE_COLLATION CHECKSUM CREATE_OPTIONS TABLE_COMMENT'),
    (parts) => parts.map((part) => ['def', part.relation.schema, part.relation.name, plain(part) ? 'BASE TABLE' : 'VIEW', plain(part) ? 'InnoDB' : null, ...nothing(14), '', ''])],
  columns: [words('TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION COLUMN_DEFAULT IS_NULLABLE DATA_TYPE CHARACTER_MAXIMUM_LENGTH CHARACTER_OCTET_LENGTH NUMERIC_PRECISION NUMERIC_SCALE DATETIME_PRECISION CHARACTER_SET_NAME COLLATION_NAME COLUMN_TYPE COLUMN_KEY EXTRA PRIVILEGES COLUMN_COMMENT GENERATION_EXPRESSION SRS_ID'),
    (parts) => parts.flatMap((part) => part.columns.map((column, i) => {
      const { length, precision, scale, fraction } = sizesOf(column)
      return ['def', part.relation.schema, part.relation.name, column.name, i + 1, null, yes(column.nullable), column.type, length, length === null ? null : length * 4, precision, scale, fraction, null, null, column.columnType, keyOf(part, column), column.extra, '', '', '', null]
    }))],
  statistics: [words('TABLE_CATALOG TABLE_SCHEMA TABLE_NAME NON_UNIQUE INDEX_SCHEMA INDEX_NAME SEQ_IN_INDEX COLUMN_NAME COLLATION CARDINALITY SUB_PART PACKED NULLABLE INDEX_TYPE COMMENT INDEX_COMMENT IS_VISIBLE EXPRESSION'),
    (parts) => parts.flatMap((part) => indexesOf(part).flatMap((index) => index.columns.map((name, i) => ['def', part.relation.schema, part.relation.name, index.unique ? 0 : 1, part.relation.schema, index.name, i + 1, name, 'A', null, null, null, part.columns.some((column) => column.name === name && column.nullable) ? 'YES' : '', index.ordered ? 'BTREE' : 'FULLTEXT', '', '', 'YES', null])))],
  key_column_usage: [words('CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION POSITION_IN_UNIQUE_CONSTRAINT REFERENCED_TABLE_SCHEMA REFERENCED_TABLE_NAME REFERENCED_COLUMN_NAME'),
    (parts) => parts.flatMap((part) => [
      ...indexesOf(part).filter(({ unique }) => unique).flatMap((index) => index.columns.map((name, i) => ['def', part.relation.schema, index.name, 'def', part.relation.schema, part.relation.name, name, i + 1, null, null, null, null])),
      ...keysOf(part, parts).flatMap((key) => key.columns.map((name, i) => ['def', part.relation.schema, key.name, 'def', part.relation.schema, part.relation.name, name, i + 1, i + 1, key.toSchema, key.toTable, key.referenced[i] ?? null])),
    ])],
  table_constraints: [words('CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_SCHEMA TABLE_NAME CONSTRAINT_TYPE ENFORCED'),
    (parts) => parts.flatMap((part) => [
      ...indexesOf(part).filter(({ unique }) => unique).map(({ name }) => ['def', part.relation.schema, name, part.relation.schema, part.relation.name, name === 'PRIMARY' ? 'PRIMARY KEY' : 'UNIQUE', 'YES']),
      ...keysOf(part, parts).map(({ name }) => ['def', part.relation.schema, name, part.relation.schema, part.relation.name, 'FOREIGN KEY', 'YES']),
    ])],
  referential_constraints: [words('CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME UNIQUE_CONSTRAINT_CATALOG UNIQUE_CONSTRAINT_SCHEMA UNIQUE_CONSTRAINT_NAME MATCH_OPTION UPDATE_RULE DELETE_RULE TABLE_NAME REFERENCED_TABLE_NAME'),
    (parts) => parts.flatMap((part) => keysOf(part, parts).map((key) => ['def', part.relation.schema, key.name, 'def', key.toSchema, null, 'NONE', key.onUpdate, key.onDelete, part.relation.name, key.toTable]))],
  views: [words('TABLE_CATALOG TABLE_SCHEMA TABLE_NAME VIEW_DEFINITION CHECK_OPTION IS_UPDATABLE DEFINER SECURITY_TYPE CHARACTER_SET_CLIENT COLLATION_CONNECTION'),
    (parts) => parts.filter((part) => !plain(part)).map(({ relation }) => ['def', relation.schema, relation.name, '', 'NONE', 'NO', '', 'DEFINER', null, null])],
}
export const isPage = (name: string): boolean => Object.hasOwn(pages, name.toLowerCase())
/** null: it is not one of those that are told of. */
export function pageOf(name: string, parts: readonly Part[]): Page | null {
  const page = isPage(name) ? pages[name.toLowerCase()] : undefined
  return page ? { columns: page[0], rows: page[1](parts) } : null
}
