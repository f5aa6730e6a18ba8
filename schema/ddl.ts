import { is, SQL } from 'drizzle-orm'
import { getTableConfig, IndexedColumn, PgDialect } from 'drizzle-orm/pg-core'
import { events, eventAccesses, eventActors, eventRules, position } from './audit.ts'

/** The tables of schema/audit.ts as SQL, one statement a line. What it cannot write it throws at, so that nothing of the shape is left out unseen. */
export function auditSql(): string {
  return `${['create schema audit', ...[position, events, eventActors, eventAccesses, eventRules].flatMap(statementsOf)].map((statement) => `${statement};`).join('\n')}\n`
}

const dialect = new PgDialect()
const quoted = (name: string): string => dialect.escapeName(name)

function statementsOf(table: typeof position | typeof events | typeof eventActors | typeof eventAccesses | typeof eventRules): readonly string[] {
  const { name, schema, columns, indexes, primaryKeys, checks, uniqueConstraints, foreignKeys, policies } = getTableConfig(table)
  if (schema === undefined || uniqueConstraints.length + foreignKeys.length + policies.length > 0) throw new Error(`table ${name} has what schema/ddl.ts does not write`)
  const full = `${quoted(schema)}.${quoted(name)}`
  const parts = [
    ...columns.map((column) => {
      if (column.isUnique || column.generated !== undefined || column.default !== undefined && typeof column.default !== 'boolean') throw new Error(`column ${column.name} has what schema/ddl.ts does not write`)
      return [quoted(column.name), column.getSQLType(), column.primary ? 'primary key' : column.notNull ? 'not null' : '', column.default === undefined ? '' : `default ${column.default}`].filter(Boolean).join(' ')
    }),
    ...primaryKeys.map((key) => `primary key (${key.columns.map((column) => quoted(column.name)).join(', ')})`),
    ...checks.map((check) => `constraint ${quoted(check.name)} check (${dialect.sqlToQuery(check.value).sql})`),
  ]
  return [`create table ${full} (${parts.join(', ')})`, ...indexes.map(({ config }) => {
    if (config.unique || config.where !== undefined || config.method !== 'btree' || config.name === undefined) throw new Error(`index ${config.name} has what schema/ddl.ts does not write`)
    return `create index ${quoted(config.name)} on ${full} (${config.columns.map((column) => {
      if (is(column, SQL) || !is(column, IndexedColumn) || column.name === undefined) throw new Error(`index ${config.name} is on an expression`)
      return quoted(column.name)
    }).join(', ')})`
  })]
}
