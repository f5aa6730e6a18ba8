import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection, type Connection } from 'mysql2/promise'
import { findServer, howToInstall, startMariaDb } from '../../functions/local/mariadb.ts'
import { readTarget } from '../../functions/local/planetscale/target.ts'

/** The server that tests find, or why they skip. `SLUICE_TEST_MYSQL` names another: a path of `mariadbd` or `mysqld`, its installer beside it or in `../bin`. */
export const mysqlServer = process.env['SLUICE_TEST_MYSQL'] ?? await findServer()
export const whyNot = mysqlServer === null ? ` (skipped: no mariadb or mysql server; ${howToInstall})` : ''

/** A server of the test's own with these statements run on it; gone with `stop`. */
export async function startServer(sql: string, settings: Readonly<Record<string, string>> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-mysql-'))
  const server = await startMariaDb({ directory, settings, ...(mysqlServer === null ? {} : { binary: mysqlServer }) })
  const { host, port, user, password } = readTarget(server.superuserUrl)
  const admin: Connection = await createConnection({ host, port, user, password, multipleStatements: true })
  const other: Connection = await createConnection({ host, port, user, password })
  await admin.query(sql)
  return {
    server, admin, /** Beside it, for when the first one waits. */ other,
    urlOf: (account: string, secret: string, database: string) => `mysql://${account}:${secret}@127.0.0.1:${port}/${database}`,
    stop: async () => {
      await admin.end()
      await other.end()
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
