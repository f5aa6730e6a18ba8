import pg from 'pg'

/** One statement of a `/sql` body, as the driver sends it. */
export interface Statement { readonly query: string; readonly params: readonly unknown[]; readonly arrayMode: boolean }
export interface Result { readonly rowAsArray: boolean; readonly fields: readonly object[]; readonly rows: readonly unknown[]; readonly command: string; readonly rowCount: number | null }

export const maxBytes = 10 * 1024 * 1024
export class TooLarge extends Error {}
export class Malformed extends Error {}

/** Reads the body of `/sql`: one statement, or the statements of a batch. Throws Malformed. */
export function readBody(text: string, arrayMode: boolean): { readonly batch: boolean; readonly statements: readonly Statement[] } {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new Malformed('the body is not json')
  }
  if (!isObject(body)) throw new Malformed('the body is not an object')
  const list = body['queries']
  if (list === undefined) return { batch: false, statements: [readStatement(body, arrayMode)] }
  if (!Array.isArray(list)) throw new Malformed('`queries` is not a list')
  return { batch: true, statements: list.map((entry: unknown) => readStatement(isObject(entry) ? entry : {}, arrayMode)) }
}

function readStatement(body: Readonly<Record<string, unknown>>, arrayMode: boolean): Statement {
  const { query, params = [], arrayMode: own = arrayMode } = body
  if (typeof query !== 'string' || !Array.isArray(params) || typeof own !== 'boolean') throw new Malformed('a statement is `query`, a string, and `params`, a list')
  // The wire protocol ends a string at a zero byte and counts parameters in 16 bits: past either, the server reads another message than we wrote.
  if (query.includes('\0') || params.some((param) => typeof param === 'string' && param.includes('\0'))) throw new Malformed('a zero byte in a statement or a parameter')
  if (params.length > 65_535) throw new Malformed('more than 65535 parameters')
  return { query, params, arrayMode: own }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)
const raw = { getTypeParser: () => (text: string) => text }

/** Bytes of rows still allowed in this answer. */
export interface Budget { left: number }

/**
 * Runs one statement by the extended protocol, which takes one statement and no more, and returns every value as the server wrote it.
 * Throws the server's error, or TooLarge: the connection then has unread rows on it and must be dropped.
 */
export function runStatement(client: pg.Client, { query, params, arrayMode }: Statement, budget: Budget): Promise<Result> {
  const config = { text: query, values: [...params], rowMode: 'array', queryMode: 'extended', types: raw } as unknown as pg.QueryConfig
  const rows: (string | null)[][] = []
  return new Promise((done, fail) => {
    const running = new pg.Query(config)
    running.on('row', (row: unknown) => {
      const cells = row as (string | null)[]
      for (const cell of cells) budget.left -= cell === null ? 4 : Buffer.byteLength(cell)
      if (budget.left < 0) fail(new TooLarge(`response is too large (max is ${maxBytes} bytes)`))
      else rows.push(cells)
    })
    running.on('error', fail)
    running.on('end', (result) => {
      const fields = result.fields.map(({ name, dataTypeID, tableID, columnID, dataTypeSize, dataTypeModifier, format }) => ({ name, dataTypeID, tableID, columnID, dataTypeSize, dataTypeModifier, format }))
      done({
        rowAsArray: arrayMode, fields, command: result.command ?? '', rowCount: result.rowCount ?? null,
        rows: arrayMode ? rows : rows.map((row) => Object.fromEntries(row.map((cell, index) => [fields[index]?.name ?? '', cell]))),
      })
    })
    client.query(running)
  })
}

const levels: Readonly<Record<string, string>> = { ReadUncommitted: 'READ UNCOMMITTED', ReadCommitted: 'READ COMMITTED', RepeatableRead: 'REPEATABLE READ', Serializable: 'SERIALIZABLE' }

/** The BEGIN a batch's headers ask for; throws Malformed on a level nobody knows. */
export function beginOf(headers: NodeJS.Dict<string | string[]>): string {
  const level = headers['neon-batch-isolation-level']
  const isolation = level === undefined ? undefined : levels[String(level)]
  if (level !== undefined && isolation === undefined) throw new Malformed('unknown `Neon-Batch-Isolation-Level`')
  const on = (name: string) => headers[name] === 'true'
  return ['BEGIN', isolation && `ISOLATION LEVEL ${isolation}`, on('neon-batch-read-only') && 'READ ONLY', on('neon-batch-deferrable') && 'DEFERRABLE'].filter(Boolean).join(' ')
}

const errorFields = ['message', 'severity', 'code', 'detail', 'hint', 'position', 'internalPosition', 'internalQuery', 'where', 'schema', 'table', 'column', 'dataType', 'constraint', 'file', 'line', 'routine'] as const
/** The body of a 400, as Neon writes it: every field the server sent. */
export function errorBody(error: pg.DatabaseError): Record<string, string | null> {
  return Object.fromEntries(errorFields.map((field) => [field, error[field] ?? null]))
}
