import type { Connection } from 'mysql2/promise'
import type { Effects } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Param } from '../../../schema/request.ts'
import { createClassifier } from '../../../functions/protocol/mysql/classify.ts'

const textOf = (value: unknown): string | null => (value === null || value === undefined ? null : Buffer.isBuffer(value) ? value.toString() : value instanceof Date ? value.toISOString() : typeof value === 'object' ? JSON.stringify(value) : String(value))
export async function rowsOf(connection: Connection, sql: string): Promise<{ readonly names: readonly string[]; /** `schema.table.column`, as the server reports where each comes from. */ readonly origins: readonly string[]; readonly rows: readonly (readonly (string | null)[])[] }> {
  const [rows, fields] = await connection.query({ sql, rowsAsArray: true, dateStrings: true, supportBigNumbers: true, bigNumberStrings: true } as { sql: string })
  const told = (fields ?? []) as readonly { readonly name: string; readonly schema?: string; readonly orgTable?: string; readonly orgName?: string }[]
  return { names: told.map(({ name }) => name), origins: told.map(({ schema, orgTable, orgName }) => `${schema}.${orgTable}.${orgName}`), rows: Array.isArray(rows) ? (rows as unknown[][]).map((row) => row.map(textOf)) : [] }
}

/** The analysis over a real server, and what it needs of it. `whole`: for a caller who may see all there is. */
export function analysisOf(admin: Connection, connection: ConnectionDocument, whole = false) {
  const read = async (_: ConnectionDocument, sql: string) => {
    const { names, rows } = await rowsOf(admin, sql)
    return rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])))
  }
  const classifier = createClassifier({ read, now: Date.now })
  const asked = async (statements: readonly { readonly sql: string; readonly params: readonly Param[] }[]) => {
    const seen = whole ? [...(await classifier.catalog(connection)).schemas.values()].flatMap(({ relations }) => [...relations.values()].map(({ schema, name, columns }) => ({ schema, name, columns: columns.map((column) => column.name) }))) : undefined
    return classifier.classify(connection, { ...(seen ? { seen } : {}), statements, batch: statements.length > 1, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null })
  }
  return { classifier, asked, ask: (sql: string, ...params: Param[]) => asked([{ sql, params }]) }
}

export interface Rules { readonly readable: ReadonlySet<string>; readonly writable: ReadonlySet<string>; readonly callable?: ReadonlySet<string> }
/** null: permitted, with every shown class masked. Otherwise why not. Nothing is revealed, so a use refuses; what a view reads comes with the view. */
export function refusedBy({ accesses, used: [used] }: Effects, { readable, writable, callable }: Rules): string | null {
  for (const { action, resource, via } of accesses) {
    const allowed = action === 'select' ? readable.has(resource) || via.length > 0 : action === 'call' ? callable?.has(resource) === true : ['insert', 'update', 'delete'].includes(action) && writable.has(resource)
    if (!allowed) return `${action} on ${resource}`
  }
  return used ? `${used.dataClass} of ${used.resource}.${used.column} ${used.how}` : null
}
