/**
 * The queries behind the catalog: each row is what it is about (`kind`), the table or routine it describes, and the rest as a JSON array. They read information_schema alone, every name qualified, and tell
 * definitions only: no row counts, no auto_increment, nothing that changes while nobody changes an object. MariaDB and MySQL differ in four columns.
 *
 * information_schema shows what the account has some right on, so what it hides is asked for as well: without TRIGGER a table's triggers are unknown, without SHOW VIEW a view's text is empty.
 */
export interface Flavour { readonly mariadb: boolean }

const user = (column: string): string => `${column} NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')`
interface Part { readonly kind: string; readonly from: string; readonly schema: string; readonly name: string; readonly data: readonly string[]; readonly where?: string }

/** `schema` and `name` say which object a row describes. A foreign key is told for both of its sides. */
function parts({ mariadb }: Flavour): readonly Part[] {
  const key = 'k.CONSTRAINT_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION, k.TABLE_SCHEMA, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE'.split(', ')
  const keys = 'information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME'
  return [
    { kind: 'table', from: 'information_schema.TABLES t', schema: 't.TABLE_SCHEMA', name: 't.TABLE_NAME', data: ['t.TABLE_TYPE', 't.ENGINE'] },
    { kind: 'column', from: 'information_schema.COLUMNS c', schema: 'c.TABLE_SCHEMA', name: 'c.TABLE_NAME', data: ['c.ORDINAL_POSITION', 'c.COLUMN_NAME', 'c.DATA_TYPE', 'c.COLUMN_TYPE', 'c.IS_NULLABLE', 'c.EXTRA', 'c.COLUMN_DEFAULT', 'c.GENERATION_EXPRESSION', 'c.COLLATION_NAME'] },
    { kind: 'view', from: 'information_schema.VIEWS v', schema: 'v.TABLE_SCHEMA', name: 'v.TABLE_NAME', data: ['v.VIEW_DEFINITION', 'v.SECURITY_TYPE', 'v.CHECK_OPTION', 'v.DEFINER'] },
    { kind: 'trigger', from: 'information_schema.TRIGGERS g', schema: 'g.EVENT_OBJECT_SCHEMA', name: 'g.EVENT_OBJECT_TABLE', data: ['g.TRIGGER_SCHEMA', 'g.TRIGGER_NAME', 'g.EVENT_MANIPULATION', 'g.ACTION_TIMING', 'MD5(g.ACTION_STATEMENT)', 'g.DEFINER'] },
    { kind: 'index', from: 'information_schema.STATISTICS s', schema: 's.TABLE_SCHEMA', name: 's.TABLE_NAME', data: ['s.INDEX_NAME', 's.NON_UNIQUE', 's.SEQ_IN_INDEX', 's.COLUMN_NAME', 's.INDEX_TYPE', mariadb ? 'NULL' : 's.EXPRESSION'] },
    { kind: 'key', from: keys, schema: 'k.TABLE_SCHEMA', name: 'k.TABLE_NAME', data: key, where: 'k.REFERENCED_TABLE_NAME IS NOT NULL' },
    { kind: 'referenced', from: keys, schema: 'k.REFERENCED_TABLE_SCHEMA', name: 'k.REFERENCED_TABLE_NAME', data: key, where: 'k.REFERENCED_TABLE_NAME IS NOT NULL' },
    mariadb
      ? { kind: 'check', from: 'information_schema.CHECK_CONSTRAINTS h', schema: 'h.CONSTRAINT_SCHEMA', name: 'h.TABLE_NAME', data: ['h.CONSTRAINT_NAME', 'h.CHECK_CLAUSE'] }
      : { kind: 'check', from: 'information_schema.CHECK_CONSTRAINTS h JOIN information_schema.TABLE_CONSTRAINTS j ON j.CONSTRAINT_SCHEMA = h.CONSTRAINT_SCHEMA AND j.CONSTRAINT_NAME = h.CONSTRAINT_NAME AND j.CONSTRAINT_TYPE = \'CHECK\'', schema: 'j.TABLE_SCHEMA', name: 'j.TABLE_NAME', data: ['h.CONSTRAINT_NAME', 'h.CHECK_CLAUSE'] },
    { kind: 'partition', from: 'information_schema.PARTITIONS p', schema: 'p.TABLE_SCHEMA', name: 'p.TABLE_NAME', data: ['p.PARTITION_NAME', 'p.PARTITION_EXPRESSION', 'p.SUBPARTITION_EXPRESSION', 'p.PARTITION_DESCRIPTION'], where: 'p.PARTITION_NAME IS NOT NULL' },
    { kind: 'routine', from: 'information_schema.ROUTINES o', schema: 'o.ROUTINE_SCHEMA', name: 'o.ROUTINE_NAME', data: ['o.ROUTINE_TYPE', 'o.DATA_TYPE', 'o.SECURITY_TYPE', 'o.SQL_DATA_ACCESS', 'o.DEFINER', 'MD5(o.ROUTINE_DEFINITION)', 'o.LAST_ALTERED'] },
  ]
}
const select = ({ kind, from, schema, name, data, where }: Part, only: string): string =>
  `SELECT '${kind}' AS kind, ${schema} AS in_schema, ${name} AS name, JSON_ARRAY(${data.join(', ')}) AS data FROM ${from} WHERE ${only}${where === undefined ? '' : ` AND ${where}`}`

/** Which server it is, how it spells tables, and what the account is shown. One row: `data` of kind `server`. */
export const serverQuery = 'SELECT \'server\' AS kind, \'\' AS in_schema, \'\' AS name, JSON_ARRAY(VERSION(), @@lower_case_table_names, CURRENT_USER()) AS data'
/** Everything of the target's own databases. */
export const snapshotQueries = (flavour: Flavour): readonly string[] => [...parts(flavour).map((part) => select(part, user(part.schema))), ...['USER_PRIVILEGES', 'SCHEMA_PRIVILEGES', 'TABLE_PRIVILEGES'].map((table) => {
  const place = table === 'USER_PRIVILEGES' ? ['\'\'', '\'\''] : table === 'SCHEMA_PRIVILEGES' ? ['x.TABLE_SCHEMA', '\'\''] : ['x.TABLE_SCHEMA', 'x.TABLE_NAME']
  return `SELECT 'right' AS kind, ${place[0]} AS in_schema, ${place[1]} AS name, JSON_ARRAY(x.GRANTEE, x.PRIVILEGE_TYPE) AS data FROM information_schema.${table} x WHERE x.PRIVILEGE_TYPE = 'TRIGGER'`
})]

/** The same rows of these tables, views and routines, in whatever order, each with the place of its object in the list. Names as the catalog has them. null: of none. */
export function objectsQuery(flavour: Flavour, objects: readonly { readonly schema: string; readonly name: string; readonly routine: boolean }[]): string | null {
  // Compared as information_schema does, which an index of it serves, and then byte for byte: `Users` is not `users` where the server tells them apart.
  const is = (column: string, text: string): string => `${column} = ${quoted(text)} AND BINARY ${column} = ${quoted(text)}`
  const all = parts(flavour)
  const queries = objects.flatMap(({ schema, name, routine }, place) => all.filter(({ kind }) => (kind === 'routine') === routine).map(({ kind, from, data, where, ...part }) =>
    `SELECT ${place} AS place, '${kind}' AS kind, JSON_ARRAY(${data.join(', ')}) AS data FROM ${from} WHERE ${is(part.schema, schema)} AND ${is(part.name, name)}${where === undefined ? '' : ` AND ${where}`}`))
  return queries.length === 0 ? null : queries.join(' UNION ALL ')
}
/** One order for the rows of an object, whatever order they came in. */
export const inOrder = (rows: readonly (readonly [kind: string, data: string])[]): readonly (readonly [string, string])[] =>
  [...rows].sort(([kindA, dataA], [kindB, dataB]) => Buffer.compare(Buffer.from(kindA), Buffer.from(kindB)) || Buffer.compare(Buffer.from(dataA), Buffer.from(dataB)))

/** Plain where every character is harmless in every mode and character set. */
const quoted = (text: string): string => (/^[A-Za-z0-9_$ -]*$/.test(text) ? `'${text}'` : `_utf8mb4 X'${Buffer.from(text).toString('hex').toUpperCase()}'`)
