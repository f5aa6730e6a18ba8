import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createConnection, type Connection } from 'mysql2/promise'
import { NoMariaDb, startMariaDb } from './mariadb.ts'
import { readTarget } from './planetscale/target.ts'
import type { Progress } from './progress.ts'

/** The demo's MySQL server, with billing in it. */
export interface Billing {
  /** Secret name → connection string, with passwords of this run. Empty: there is no server on this machine. */
  readonly secrets: Readonly<Record<string, string>>
  readonly ended: Promise<string>
  stop(): Promise<void>
}
const accounts = { 'billing-write': 'billing_write', 'billing-read': 'billing_read', 'billing-plain': 'billing_plain' } as const
export const noBilling: Billing = { secrets: {}, ended: new Promise<string>(() => {}), stop: async () => {} }

/** MariaDB or MySQL where one is on this machine; else says in one line how to get it, and goes on without. Throws one clear line. */
export async function startBilling(directory: string, progress: Progress, signal: AbortSignal, start = startMariaDb): Promise<Billing> {
  const server = await start({ directory, signal }).catch((error: unknown) => {
    if (!(error instanceof NoMariaDb)) throw error
    progress.warn(`${error.message}; until then connection \`billing\` does not answer`)
    return null
  })
  if (server === null) return noBilling
  const abort = () => { void server.stop().catch(() => {}) }
  signal.addEventListener('abort', abort)
  try {
    signal.throwIfAborted()
    return { secrets: await loadBilling(server.superuserUrl), ended: server.ended, stop: server.stop }
  } catch (error) {
    await server.stop()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/**
 * Sees to it that billing is there, whole. DDL of MySQL is no transaction, so the mark that says which scripts made it is written last: a start that died while loading leaves none, and the next begins anew.
 * Gives the connection strings, with passwords that are new at every start and only in memory.
 */
export async function loadBilling(superuserUrl: string): Promise<Readonly<Record<string, string>>> {
  const texts = await Promise.all(['billing', 'accounts'].map((name) => readFile(join(import.meta.dirname, 'demo', `${name}.sql`), 'utf8')))
  const mark = createHash('sha256').update(texts.join('\0')).digest('hex')
  const { host, port, user, password } = readTarget(superuserUrl)
  const connection = await createConnection({ host, port, user, password, multipleStatements: true, charset: 'utf8mb4_unicode_ci', timezone: 'Z' })
  try {
    if (await markOf(connection) !== mark) {
      await connection.query("DROP DATABASE IF EXISTS billing; CREATE DATABASE IF NOT EXISTS sluice_demo; DROP TABLE IF EXISTS sluice_demo.mark; SET time_zone = '+00:00', foreign_key_checks = 0")
      for (const text of texts) await connection.query(text)
      await connection.query('ANALYZE TABLE billing.customers, billing.invoices, billing.payments; CREATE TABLE sluice_demo.mark (mark char(64)); INSERT INTO sluice_demo.mark VALUES (?)', [mark])
    }
    const secrets: Record<string, string> = {}
    for (const [secret, account] of Object.entries(accounts)) {
      const own = randomBytes(18).toString('hex')
      await connection.query(`ALTER USER '${account}'@'127.0.0.1' IDENTIFIED BY '${own}'`)
      secrets[secret] = `mysql://${account}:${own}@${host}:${port}/billing`
    }
    return secrets
  } finally {
    await connection.end().catch(() => {})
  }
}
async function markOf(connection: Connection): Promise<string | null> {
  const [rows] = await connection.query('SELECT mark FROM sluice_demo.mark').catch(() => [[]])
  const [row] = rows as readonly { readonly mark: string }[]
  return row?.mark ?? null
}
