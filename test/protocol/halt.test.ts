import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDirect as createMySql } from '../../functions/protocol/mysql/direct.ts'
import { createDirect as createPostgres } from '../../functions/protocol/postgres/direct.ts'
import { mysqlServer, startServer, whyNot } from '../local/server.mysql.ts'
import { withPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'

/** A cut, as the servers' own protocols carry it: at whatever moment it comes, the server is told to end it before the caller hears, and does; nothing of it stays, and no place is lost. */
interface Session { run(text: string, cut: AbortSignal): Promise<unknown>; end(): void }
interface Way { session(cut: AbortSignal): Promise<Session>; /** Statements with this in them, and connections of the account. */ busy(text: string): Promise<number>; open(): Promise<number>; count(): Promise<number>; readonly begin: string; readonly sleep: string; readonly insert: string }
const bounds = { maxBytes: 1_000_000, timeoutMs: 60_000 }
const reason = { kind: 'cut', message: 'locked' }

let [postgres, database] = [null, null] as unknown as [TestPostgres, TestDatabase]
let mysql: Awaited<ReturnType<typeof startServer>> | null = null
beforeAll(async () => {
  postgres = await withPostgres()
  database = await postgres.createDatabase("CREATE TABLE t (x int); CREATE ROLE app LOGIN PASSWORD 'p'; GRANT SELECT, INSERT ON t TO app; CREATE TABLE slow (x int); GRANT INSERT ON slow TO app; CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'; CREATE CONSTRAINT TRIGGER late AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nap()")
  if (mysqlServer !== null) mysql = await startServer("CREATE DATABASE d; CREATE TABLE d.t (x int); CREATE USER app@'127.0.0.1' IDENTIFIED BY 'p'; GRANT SELECT, INSERT ON d.* TO app@'127.0.0.1'")
}, 120_000)
afterAll(async () => { await mysql?.stop(); await postgres?.stop() })
const direct = createPostgres(() => {})
const openMySql = createMySql(() => {})
const people = async () => ((await mysql?.admin.query('SHOW FULL PROCESSLIST') ?? [[]])[0] as { readonly User: string; readonly Info: string | null }[]).filter(({ User }) => User === 'app')
const counted = async (text: string) => Number((await database.query(text)).rows[0].n)
const ways: readonly (readonly [string, boolean, Way])[] = [
  ['PostgreSQL', false, {
    begin: 'BEGIN', sleep: 'SELECT pg_sleep(60)', insert: 'INSERT INTO t VALUES (1)',
    async session(cut) { const one = await direct.take(database.as('app', 'p'), 10_000, cut); return { run: (text) => one.run({ text, values: [] }, bounds), end: () => { one.destroy() } } },
    busy: (text) => counted(`SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'app' AND state = 'active' AND query LIKE '%${text}%'`), open: () => counted("SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'app'"), count: () => counted('SELECT count(*) AS n FROM t'),
  }],
  [`MySQL${whyNot}`, mysqlServer === null, {
    begin: 'START TRANSACTION', sleep: 'SELECT SLEEP(60)', insert: 'INSERT INTO d.t VALUES (1)',
    async session() { const one = openMySql(mysql?.urlOf('app', 'p', 'd') ?? ''); return { run: (text, cut) => one.run(text, { ...bounds, cut }), end: () => { one.end?.() } } },
    busy: async (text) => (await people()).filter(({ Info }) => Info?.toLowerCase().includes(text)).length, open: async () => (await people()).length, count: async () => ((await mysql?.admin.query('SELECT count(*) AS n FROM d.t FOR UPDATE') ?? [[{ n: 0 }]])[0] as { n: number }[])[0]?.n ?? -1,
  }],
]

describe.each(ways)('a cut, on %s', (_, skipped, way) => {
  const patient = { timeout: 20_000, interval: 50 }
  const told = () => { const control = new AbortController(); return { signal: control.signal, cut: () => { control.abort(new Error('locked')) } } }
  const gone = () => expect.poll(way.open, patient).toBe(0)
  test.skipIf(skipped)('of what runs ends it at the server, and with it the transaction', async () => {
    const { signal, cut } = told()
    const session = await way.session(signal)
    await session.run(way.begin, signal)
    await session.run(way.insert, signal)
    const running = session.run(way.sleep, signal)
    running.catch(() => {})
    await expect.poll(() => way.busy('sleep'), patient).toBe(1)
    cut()
    await expect(running).rejects.toMatchObject(reason)
    await expect.poll(() => way.busy('sleep'), patient).toBe(0)    // a server ends it a moment after it took the order
    await gone()
    expect(await way.count()).toBe(0)
    await expect(session.run(way.insert, signal)).rejects.toMatchObject({ name: 'TransportError' })
  })
  test.skipIf(skipped)('between two statements keeps the second from being sent, and undoes the first', async () => {
    const { signal, cut } = told()
    const session = await way.session(signal)
    await session.run(way.begin, signal)
    await session.run(way.insert, signal)
    cut()
    await expect(session.run('COMMIT', signal)).rejects.toMatchObject(reason)
    await gone()
    expect(await way.count()).toBe(0)
  })
  test.skipIf(skipped)('before anything leaves no connection', async () => {
    const { signal, cut } = told()
    cut()
    await expect(way.session(signal).then((session) => session.run(way.sleep, signal))).rejects.toMatchObject(reason)
    await gone()
  })
  test.skipIf(skipped)('takes no place with it: after more of them than there are places the next is let in', async () => {
    for (let i = 0; i < 10; i++) {
      const { signal, cut } = told()
      const session = await way.session(signal)
      const running = session.run(way.sleep, signal)
      running.catch(() => {})
      await expect.poll(() => way.busy('sleep'), patient).toBe(1)
      cut()
      await expect(running).rejects.toMatchObject(reason)
    }
    const { signal } = told()
    const session = await way.session(signal)
    await session.run(way.begin, signal)
    session.end()
    await gone()
  }, 60_000)
})
test('of a COMMIT that does work ends it: it is not known whether it is there, and it is not', async () => {
  const control = new AbortController()
  const session = await direct.take(database.as('app', 'p'), 10_000, control.signal)
  for (const text of ['BEGIN', 'INSERT INTO slow VALUES (1)']) await session.run({ text, values: [] }, bounds)
  const running = session.run({ text: 'COMMIT', values: [] }, bounds)
  running.catch(() => {})
  await expect.poll(() => counted("SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'app' AND state = 'active' AND query = 'COMMIT'")).toBe(1)
  control.abort(new Error('locked'))
  await expect(running).rejects.toMatchObject(reason)
  expect(await counted('SELECT count(*) AS n FROM slow')).toBe(0)
})
