/** A column's description as Vitess writes it (query.proto, `Field`), in proto3 JSON: what is zero or empty is left out. */
export interface Field {
  readonly name?: string; readonly type?: string; readonly table?: string; readonly orgTable?: string; readonly database?: string; readonly orgName?: string
  readonly columnLength?: number; readonly charset?: number; readonly decimals?: number; readonly flags?: number
}
/** What the wire says of a column: the names that mysql2's types leave out. */
export interface Column {
  readonly name: string; readonly table: string; readonly orgTable: string; readonly schema: string; readonly orgName: string
  readonly columnType: number; readonly columnLength: number; readonly characterSet: number; readonly decimals: number; readonly flags: number | string[]
  readonly extendedFormat?: string
}

const unsigned = 32
const binary = 128
const enumerated = 256
const set = 2048
const binaryCharset = 63

/** Wire type → Vitess' type, where flags do not change it. */
const types: Readonly<Record<number, string>> = {
  0: 'DECIMAL', 4: 'FLOAT32', 5: 'FLOAT64', 6: 'NULL_TYPE', 7: 'TIMESTAMP', 10: 'DATE', 11: 'TIME', 12: 'DATETIME', 13: 'YEAR', 14: 'DATE', 16: 'BIT', 17: 'TIMESTAMP', 18: 'DATETIME', 19: 'TIME', 245: 'JSON', 246: 'DECIMAL', 247: 'ENUM', 248: 'SET', 255: 'GEOMETRY',
}
const integers: Readonly<Record<number, string>> = { 1: '8', 2: '16', 3: '32', 8: '64', 9: '24' }
const texts: Readonly<Record<number, readonly [text: string, bytes: string]>> = {
  15: ['VARCHAR', 'VARBINARY'], 249: ['TEXT', 'BLOB'], 250: ['TEXT', 'BLOB'], 251: ['TEXT', 'BLOB'], 252: ['TEXT', 'BLOB'], 253: ['VARCHAR', 'VARBINARY'], 254: ['CHAR', 'BINARY'],
}

export function fieldOf(column: Column): Field {
  const flags = typeof column.flags === 'number' ? column.flags : 0
  const type = typeOf(column, flags)
  const all = {
    name: column.name, type: type === 'NULL_TYPE' ? '' : type, table: column.table, orgTable: column.orgTable, database: column.schema, orgName: column.orgName,
    columnLength: column.columnLength >>> 0, charset: column.characterSet, flags, decimals: column.decimals,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== '' && value !== 0))
}

function typeOf({ columnType, characterSet, extendedFormat }: Column, flags: number): string {
  const width = integers[columnType]
  if (width !== undefined) return `${(flags & unsigned) === 0 ? 'INT' : 'UINT'}${width}`
  if (extendedFormat === 'json') return 'JSON'                     // MariaDB's documents are text with a mark
  if ((flags & enumerated) !== 0) return 'ENUM'
  if ((flags & set) !== 0) return 'SET'
  const [text, bytes] = texts[columnType] ?? []
  if (text === undefined) return types[columnType] ?? 'BLOB'
  return (flags & binary) !== 0 && characterSet === binaryCharset ? bytes ?? text : text
}
