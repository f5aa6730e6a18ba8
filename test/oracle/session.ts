import pg from 'pg'
import { ServerError, type Notice, type Ran, type Session } from '../support/oracle.ts'

export interface Opened extends Session {
  /** The classifier's `read`: rows as objects of text. */
  read(connection: unknown, sql: string, params?: readonly unknown[]): Promise<Record<string, string | null>[]>
  close(): Promise<void>
}
const asText = { getTypeParser: () => (value: string) => value }

/** Everything as text, as the wire has it. Of several statements in one string, the last one's rows. */
export async function openSession(url: string): Promise<Opened> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  async function ask(query: { text: string; queryMode?: 'extended' }): Promise<Ran> {
    const notices: Notice[] = []
    const listen = (notice: { readonly message?: string | undefined; readonly detail?: string | undefined }) => { notices.push({ message: notice.message ?? '', detail: notice.detail ?? '' }) }
    client.on('notice', listen)
    try {
      const result: unknown = await client.query({ ...query, types: asText })
      const last: unknown = Array.isArray(result) ? result.at(-1) : result
      return { rows: (last as pg.QueryResult<Record<string, string | null>>).rows, notices }
    } catch (error) {
      if (error instanceof pg.DatabaseError) throw new ServerError(error.code ?? 'XX000', error.message)
      throw error
    } finally {
      client.off('notice', listen)
    }
  }
  return {
    run: (sql) => ask({ text: sql }),
    one: (sql) => ask({ text: sql, queryMode: 'extended' }),
    async read(_connection, sql, params = []) {
      return (await client.query<Record<string, string | null>>({ text: sql, values: [...params], types: asText })).rows
    },
    close: () => client.end(),
  }
}
