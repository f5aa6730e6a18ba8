import { createHash, randomBytes } from 'node:crypto'
import pg from 'pg'
import { readTarget } from './neon/target.ts'

/** Connection strings of the index: its owner's, for whoever follows the log, and that of a role that only reads it. */
export interface IndexUrls { readonly write: string; readonly read: string }
const statementMs = 8000

/**
 * A database of its own for the index of one record, with two roles of its own, in the server of this machine. Nobody else may enter it, so that no connection of the gate leads there; the
 * passwords are of this run and no secret has them. `record`: the directory the record lies in: another record has another index. Throws the database's error.
 */
export async function makeIndex(superuserUrl: string, record: string): Promise<IndexUrls> {
  const name = `sluice_index_${createHash('sha256').update(record).digest('hex').slice(0, 12)}`
  const [owner, reader] = [{ role: name, password: newPassword() }, { role: `${name}_read`, password: newPassword() }]
  await using(superuserUrl, async (client) => {
    for (const { role, password } of [owner, reader]) {
      const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role])
      await client.query(`${rowCount === 0 ? 'CREATE' : 'ALTER'} ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '${password}' CONNECTION LIMIT 12`)
      await client.query(`ALTER ROLE ${role} SET statement_timeout = ${statementMs}`)
    }
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${name} OWNER ${owner.role}`)
    await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`)
    await client.query(`GRANT CONNECT ON DATABASE ${name} TO ${reader.role}`)
  })
  await using(Object.assign(new URL(superuserUrl), { pathname: name }).href, async (client) => {
    // Whenever the owner makes the tables anew, the reader may read them.
    await client.query(`ALTER DEFAULT PRIVILEGES FOR ROLE ${owner.role} GRANT USAGE ON SCHEMAS TO ${reader.role}`)
    await client.query(`ALTER DEFAULT PRIVILEGES FOR ROLE ${owner.role} GRANT SELECT ON TABLES TO ${reader.role}`)
  })
  const urlOf = ({ role, password }: typeof owner) => Object.assign(new URL(superuserUrl), { pathname: name, username: role, password }).href
  return { write: urlOf(owner), read: urlOf(reader) }
}

const newPassword = (): string => randomBytes(18).toString('hex')

async function using(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client(readTarget(url).config)
  client.on('error', () => {})
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}
