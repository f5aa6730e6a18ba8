import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadBilling, startBilling } from '../../functions/local/billing.ts'
import { NoMariaDb, startMariaDb } from '../../functions/local/mariadb.ts'
import { readTarget } from '../../functions/local/planetscale/target.ts'
import type { Progress } from '../../functions/local/progress.ts'
import { mysqlServer, whyNot } from './server.mysql.ts'

let base: string
beforeAll(async () => { base = await mkdtemp(join(tmpdir(), 'sluice-mariadb-')) })
afterAll(async () => { await rm(base, { recursive: true, force: true, maxRetries: 30, retryDelay: 100 }) })        // an aborted install's own server may write for a moment longer
const asked = async (url: string, sql: string) => {
  const { host, port, user, password } = readTarget(url)
  const connection = await createConnection({ host, port, user, password })
  try {
    return (await connection.query(sql))[0] as unknown
  } finally {
    await connection.end()
  }
}

it('says in one line how to get a server where there is none, and goes on without', async () => {
  const said: string[] = []
  const progress = { warn: (line: string) => said.push(line) } as unknown as Progress
  const none = await startBilling(base, progress, new AbortController().signal, async () => { throw new NoMariaDb('no mariadb or mysql server is installed: apt-get install mariadb-server') })
  expect([none.secrets, said]).toEqual([{}, ['no mariadb or mysql server is installed: apt-get install mariadb-server; until then connection `billing` does not answer']])
  await none.stop()
  await expect(startBilling(base, progress, new AbortController().signal, async () => { throw new Error('broken') })).rejects.toThrow('broken')
})

describe.skipIf(mysqlServer === null)(`a server of our own${whyNot}`, () => {
  it('keeps its data over a stop, under a password that is new at every start, and lets nobody else in', async () => {
    const directory = join(base, 'kept')
    const first = await startMariaDb({ directory })
    await asked(first.superuserUrl, 'CREATE DATABASE mine')
    for (const url of [`mysql://root:@127.0.0.1:${first.port}/mysql`, `mysql://root:x@127.0.0.1:${first.port}/mysql`, `mysql://nobody:@127.0.0.1:${first.port}/mysql`]) await expect(asked(url.replace(':@', ':%20@'), 'SELECT 1')).rejects.toThrow()
    await expect(createConnection({ host: '127.0.0.1', port: first.port, user: 'root' })).rejects.toThrow(/denied|locked/i)
    expect(await readdir(directory)).not.toContain('init.sql')
    await first.stop()
    const second = await startMariaDb({ directory })
    expect(await asked(second.superuserUrl, "SHOW DATABASES LIKE 'mine'")).toHaveLength(1)
    await expect(asked(first.superuserUrl.replace(`:${first.port}`, `:${second.port}`), 'SELECT 1')).rejects.toThrow(/denied/i)
    await second.stop()
  })
  it('stops a server that an earlier start left behind, and no other', async () => {
    const directory = join(base, 'orphan')
    const [left, other] = [await startMariaDb({ directory }), await startMariaDb({ directory: join(base, 'other') })]
    const next = await startMariaDb({ directory })
    expect(await left.ended).toMatch(/^mariadb ended by itself/)
    expect(await asked(next.superuserUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(await asked(other.superuserUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await Promise.all([next.stop(), other.stop()])
  })
  it('says so of a directory that is no data directory, and makes a half-made one anew', async () => {
    await mkdir(join(base, 'corrupt/data'), { recursive: true })
    await expect(startMariaDb({ directory: join(base, 'corrupt') })).rejects.toThrow(/^corrupt state: `.*\/corrupt\/data` is no data directory of mariadb; delete it$/)
    await mkdir(join(base, 'half/install-1234/data/mysql'), { recursive: true })
    const server = await startMariaDb({ directory: join(base, 'half') })
    await server.stop()
    expect((await readdir(join(base, 'half'))).filter((name) => name.startsWith('install-'))).toEqual([])
    expect((await stat(join(base, 'half/data'))).mode & 0o007).toBe(0)
  })
  it('stops what it started when it is aborted', async () => {
    const abort = new AbortController()
    const starting = startMariaDb({ directory: join(base, 'aborted'), signal: abort.signal })
    setTimeout(() => abort.abort(new Error('enough')), 50)
    await expect(starting).rejects.toThrow('enough')
  })
  it('loads billing whole or anew: a load that died leaves no mark', async () => {
    const server = await startMariaDb({ directory: join(base, 'billing') })
    const first = await loadBilling(server.superuserUrl)
    await asked(server.superuserUrl, 'DELETE FROM billing.payments')
    const kept = await loadBilling(server.superuserUrl)
    expect(await asked(kept['billing-read'] ?? '', 'SELECT COUNT(*) AS n FROM billing.payments')).toEqual([{ n: 0 }])
    await expect(asked(first['billing-read'] ?? '', 'SELECT 1')).rejects.toThrow(/denied/i)
    await asked(server.superuserUrl, 'DROP TABLE sluice_demo.mark')
    const anew = await loadBilling(server.superuserUrl)
    expect(await asked(anew['billing-read'] ?? '', 'SELECT COUNT(*) AS n FROM billing.payments')).not.toEqual([{ n: 0 }])
    await expect(asked(anew['billing-plain'] ?? '', 'SELECT email FROM billing.customers')).rejects.toThrow(/denied/i)
    await expect(asked(anew['billing-read'] ?? '', 'UPDATE billing.invoices SET total = 0')).rejects.toThrow(/denied/i)
    await expect(asked(anew['billing-write'] ?? '', 'DROP TABLE billing.journal')).rejects.toThrow(/denied/i)
    await server.stop()
  })
})
