import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAccountCheck, mayWrite, powersOf, readAccount, accountQuery } from '../../../functions/protocol/mysql/role.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { createConnection } from 'mysql2/promise'
import { readTarget } from '../../../functions/local/planetscale/target.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'

/** What an account may do, as it is told itself: all of it, or enough to refuse it. */
const schema = `CREATE DATABASE d; USE d; CREATE TABLE t(id int, name varchar(20));
${['direct', 'roled', 'columns', 'lesser'].map((name) => `CREATE USER ${name}@'127.0.0.1' IDENTIFIED BY '${name}';`).join(' ')}
GRANT SELECT ON d.* TO lesser@'127.0.0.1'; GRANT SELECT ON d.* TO columns@'127.0.0.1'; GRANT UPDATE (name) ON d.t TO columns@'127.0.0.1'; GRANT SELECT, INSERT ON d.t TO direct@'127.0.0.1';
CREATE ROLE boss; GRANT ALL ON *.* TO boss WITH GRANT OPTION; GRANT boss TO roled@'127.0.0.1'; SET DEFAULT ROLE boss FOR roled@'127.0.0.1';`

describe.skipIf(mysqlServer === null)(`accounts on a real server${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  beforeAll(async () => { db = await startServer(schema) }, 120_000)
  afterAll(() => db?.stop(), 60_000)
  async function asked(account: string, sql: string) {
    const { host, port } = readTarget(db.server.superuserUrl)
    const connection = await createConnection({ host, port, user: account, password: account })
    try { return (await connection.query({ sql, rowsAsArray: true }))[0] as unknown as (string | null)[][] } finally { await connection.end() }
  }
  const account = async (name: string) => readAccount(await asked(name, accountQuery))

  test('a role that comes with the login is a power, because its rights are not told', async () => {
    expect(powersOf(await account('roled'))).toContain('A ROLE')
    expect(powersOf(await account('lesser'))).toEqual([])
    const check = createAccountCheck({ ask: asked, now: Date.now, alarm: () => {} })
    const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'x', engine: 'mysql', secret: 'roled' }
    expect(await check(connection, 'roled', 'mariadb')).toMatchObject({ ok: false, refusal: { reason: 'owner_or_superuser' } })
    expect(await check(connection, 'lesser', 'mariadb')).toMatchObject({ ok: true })
  })
  test('a right on a single column is a right to write', async () => {
    expect([mayWrite(await account('columns')), mayWrite(await account('direct')), mayWrite(await account('lesser'))]).toEqual([true, true, false])
  })
})
