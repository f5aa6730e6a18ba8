import type { Connection } from 'mysql2'
import { fieldOf, type Column, type Field } from '../../protocol/mysql/field.ts'

/** As PlanetScale answers, in proto3 JSON: 64-bit numbers are strings, bytes base64, and what is zero or empty is left out. A length of -1 is NULL. */
export interface Result {
  readonly rowsAffected?: string
  readonly insertId?: string
  readonly fields?: readonly Field[]
  readonly rows?: readonly { readonly lengths: readonly string[]; readonly values?: string }[]
}
export interface Ran { readonly result: Result; /** null: the answer did not say: rows came. */ readonly inTransaction: boolean | null; readonly autocommit: boolean | null }
export class TooLarge extends Error {}
/** The cap of an answer, and of a request. */
export const maxBytes = 16 * 1024 * 1024
const [inTransaction, autocommit] = [1, 2]

/** One text by the text protocol, which takes one statement and no more. Every value as the server wrote it. Throws the server's error, or TooLarge: the connection then has unread rows on it and must be dropped. */
export function runStatement(connection: Connection, text: string): Promise<Ran> {
  let ended: (error: Error) => void = () => {}
  return new Promise<Ran>((done, fail) => {
    connection.once('error', ended = fail)   // of a connection that is over the driver tells nobody else
    const rows: { lengths: string[]; values?: string }[] = []
    let [fields, header, budget, results]: [readonly Field[] | null, Header | null, number, number] = [null, null, maxBytes, 0]
    const query = connection.query({ sql: text, rowsAsArray: true, typeCast: (field) => field.buffer() } as Parameters<Connection['query']>[0])
    query.on('error', fail)
    query.on('fields', (columns: readonly Column[] | undefined) => {
      if (columns) { fields = columns.map(fieldOf); results++ }
    })
    query.on('result', (row: readonly (Buffer | null)[] | Header) => {
      if (!Array.isArray(row)) { header = row as Header; return }
      const made = rowOf(row as readonly (Buffer | null)[])
      budget -= (made.values?.length ?? 0) + made.lengths.length * 4
      if (budget < 0) { query.removeAllListeners('result'); fail(new TooLarge(`the answer is larger than ${maxBytes} bytes`)); return }
      rows.push(made)
    })
    query.on('end', () => {
      if (results > 1) return fail(new Several('a procedure that returns several results is not supported'))
      const says = (bit: number) => (header?.serverStatus === undefined ? null : (header.serverStatus & bit) !== 0)
      done({ result: resultOf(fields, rows, header), inTransaction: says(inTransaction), autocommit: says(autocommit) })
    })
  }).finally(() => connection.off('error', ended))
}
/** As Vitess has it: one result a statement. */
export class Several extends Error {}
interface Header { readonly affectedRows?: number; readonly insertId?: number | string; readonly serverStatus?: number }

function rowOf(row: readonly (Buffer | null)[]) {
  const bytes = Buffer.concat(row.filter((cell): cell is Buffer => cell !== null))
  return { lengths: row.map((cell) => String(cell === null ? -1 : cell.length)), ...(bytes.length > 0 ? { values: bytes.toString('base64') } : {}) }
}
function resultOf(fields: readonly Field[] | null, rows: NonNullable<Result['rows']>, header: Header | null): Result {
  if (fields) return { fields, ...(rows.length > 0 ? { rows } : {}) }
  const { affectedRows = 0, insertId = 0 } = header ?? {}
  return { ...(affectedRows === 0 ? {} : { rowsAffected: String(affectedRows) }), ...(Number(insertId) === 0 ? {} : { insertId: String(insertId) }) }
}
