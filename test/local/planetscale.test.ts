import { connect, type Connection } from '@planetscale/database'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPlanetScale, type PlanetScale } from '../../functions/local/planetscale.ts'
import { usernameOf, readTarget } from '../../functions/local/planetscale/target.ts'
import { mysqlServer, startServer, whyNot } from './server.mysql.ts'

const schema = `
CREATE DATABASE d; CREATE USER 'w'@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON d.* TO 'w'@'127.0.0.1'; USE d;
CREATE TABLE t (id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, big bigint, name varchar(50), raw varbinary(10), price decimal(10,2), at datetime(3), kind enum('a','b'), doc json, note text, f double);
INSERT INTO t VALUES (1, 9223372036854775807, 'Zoë', x'00ff', 1.50, '2026-01-02 03:04:05.006', 'a', '{"a": [1]}', NULL, 0.1);
CREATE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END;
CREATE PROCEDURE done() UPDATE t SET note = 'done';`

describe.skipIf(mysqlServer === null)(`PlanetScale's endpoint on this machine, with its own driver${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let endpoint: PlanetScale
  beforeAll(async () => {
    db = await startServer(schema)
    endpoint = await startPlanetScale({ sessions: { size: 3, waitMs: 20_000 } })
  }, 120_000)
  afterAll(async () => {
    await endpoint?.close()
    await db?.stop()
  }, 60_000)
  const open = (password = 'secret', url = endpoint.url): Connection => connect({
    host: new URL(url).host, username: usernameOf(readTarget(db.urlOf('w', password, 'd'))), password, fetch: (to: string, init: object) => fetch(to.replace('https:', 'http:'), init),
  } as Parameters<typeof connect>[0])
  const code = (work: Promise<unknown>) => work.then(() => 'done', (error: { status?: number; body?: { code?: string; message?: string } }) => `${error.status} ${error.body?.code} ${error.body?.message}`)

  it('gives values and metadata as the driver casts them', async () => {
    const { rows, fields } = await open().execute('SELECT id, big, name AS who, raw, price, at, kind, doc, note, f, id + 1 AS next FROM t AS x')
    expect(rows).toEqual([{ id: 1, big: '9223372036854775807', who: 'Zoë', raw: new Uint8Array([0, 255]), price: '1.50', at: '2026-01-02 03:04:05.006', kind: 'a', doc: { a: [1] }, note: null, f: 0.1, next: '2' }])
    expect(fields.map(({ type }) => type)).toEqual(['UINT32', 'INT64', 'VARCHAR', 'VARBINARY', 'DECIMAL', 'DATETIME', 'ENUM', 'JSON', 'TEXT', 'FLOAT64', 'UINT64'])
    expect(fields[2]).toMatchObject({ name: 'who', table: 'x', orgTable: 't', database: 'd', orgName: 'name', columnLength: 200 })
    expect(fields[10]).not.toHaveProperty('orgTable')
  })
  it('counts what a write changed, and tells the new key', async () => {
    const conn = open()
    expect(await conn.execute('INSERT INTO t (name) VALUES (?)', ['it\'s'])).toMatchObject({ rowsAffected: 1, insertId: '2', rows: [] })
    expect(await conn.execute('UPDATE t SET name = ? WHERE id = 2', ['it\'s'])).toMatchObject({ rowsAffected: 0 })
    expect(await conn.execute('DELETE FROM t WHERE id = 2')).toMatchObject({ rowsAffected: 1 })
  })
  it('says what the server refuses with its number and state, and the session goes on', async () => {
    const conn = open()
    expect(await code(conn.execute('SELECT nothing FROM t'))).toMatch(/^400 INVALID_ARGUMENT .*Unknown column.*\(errno 1054\) \(sqlstate 42S22\)$/)
    expect((await conn.execute("SELECT 'still' AS here")).rows).toEqual([{ here: 'still' }])
  })
  it('takes one statement a text', async () => {
    expect(await code(open().execute('SELECT 1; DELETE FROM t'))).toMatch(/errno 1064/)
    expect((await open().execute('SELECT id FROM t')).size).toBe(1)
  })
  it('keeps a transaction to its session, and rolls it back', async () => {
    const [one, other] = [open(), open()]
    await one.execute('BEGIN')
    await one.execute('UPDATE t SET note = \'mine\'')
    expect((await other.execute('SELECT note FROM t')).rows).toEqual([{ note: null }])
    await one.execute('ROLLBACK')
    expect((await one.execute('SELECT note FROM t')).rows).toEqual([{ note: null }])
    await expect(open().transaction(async (tx) => { await tx.execute('UPDATE t SET note = \'x\''); throw new Error('no') })).rejects.toThrow('no')
    expect((await other.execute('SELECT note FROM t')).rows).toEqual([{ note: null }])
  })
  it('keeps what SET says to its session alone', async () => {
    const conn = open()
    await conn.execute('SET SESSION group_concat_max_len = 77')
    expect((await conn.execute('SELECT @@group_concat_max_len AS n')).rows).toEqual([{ n: '77' }])
    for (let n = 0; n < 4; n++) expect(((await open().execute('SELECT @@group_concat_max_len AS n')).rows[0] as { n: string }).n).not.toBe('77')
  })
  it('serves more callers without a session than it has connections, and more sessions at rest', async () => {
    expect((await Promise.all(Array.from({ length: 30 }, async () => (await open().execute('SELECT id FROM t')).size))).every((size) => size === 1)).toBe(true)
    for (let n = 0; n < 8; n++) await open().execute('SET SESSION group_concat_max_len = 99')
    expect(endpoint.held()).toBeLessThanOrEqual(3)
    expect((await open().execute('SELECT id FROM t')).size).toBe(1)
  })
  it('ends a transaction that rests too long, and says that it is gone', async () => {
    const hurried = await startPlanetScale({ sessions: { restMs: 1500 } })
    try {
      const conn = open('secret', hurried.url)
      await conn.execute('BEGIN')
      await conn.execute('UPDATE t SET note = \'lost\'')
      await expect.poll(() => hurried.held()).toBe(0)
      expect(await code(conn.execute('COMMIT'))).toMatch(/^404 NOT_FOUND/)
      expect((await open().execute('SELECT note FROM t')).rows).toEqual([{ note: null }])
    } finally {
      await hurried.close()
    }
  })
  it('stops a statement whose caller hung up, and rolls its transaction back', async () => {
    const conn = open()
    await conn.execute('BEGIN')
    await conn.execute('UPDATE t SET note = \'half\'')
    const { session } = conn as unknown as { session: unknown }
    const abort = new AbortController()
    const username = usernameOf(readTarget(db.urlOf('w', 'secret', 'd')))
    const slow = fetch(`${endpoint.url}/psdb.v1alpha1.Database/Execute`, { method: 'POST', signal: abort.signal, headers: { authorization: `Basic ${btoa(`${username}:secret`)}` }, body: JSON.stringify({ query: 'SELECT SLEEP(60)', session }) }).catch(() => null)
    await expect.poll(async () => JSON.stringify((await db.admin.query('SHOW PROCESSLIST'))[0])).toContain('SLEEP(60)')
    abort.abort()
    await slow
    await expect.poll(async () => JSON.stringify((await db.admin.query('SHOW PROCESSLIST'))[0])).not.toContain('SLEEP(60)')
    expect((await open().execute('SELECT note FROM t FOR UPDATE')).rows).toEqual([{ note: null }])
  })
  it('lets nobody in without the account\'s password, and nobody use another\'s session', async () => {
    expect(await code(open('wrong').execute('SELECT 1'))).toMatch(/^401 UNAUTHENTICATED/)
    const mine = open()
    await mine.execute('BEGIN')
    const other = open('wrong') as unknown as { session: unknown }
    other.session = (mine as unknown as { session: unknown }).session
    expect(await code((other as unknown as Connection).execute('COMMIT'))).toMatch(/^404 NOT_FOUND/)
    await mine.execute('ROLLBACK')
  })
  it('reaches only what it may, and serves programs of this machine only', async () => {
    const closed = await startPlanetScale({ allow: () => false })
    expect(await code(open('secret', closed.url).execute('SELECT 1'))).toMatch(/^403 PERMISSION_DENIED/)
    await closed.close()
    const post = (headers: Record<string, string>, path = 'Execute') => fetch(`${endpoint.url}/psdb.v1alpha1.Database/${path}`, { method: 'POST', headers, body: '{"query":"SELECT 1"}' }).then(({ status }) => status)
    expect(await post({ origin: 'https://evil.example' })).toBe(403)
    expect(await post({})).toBe(401)
    expect(await post({}, 'Shutdown')).toBe(404)
  })
  it('gives one result a statement', async () => {
    expect(await code(open().execute('CALL two()'))).toMatch(/^400 UNIMPLEMENTED/)
    expect(await code(open().execute('CALL done()'))).toBe('done')
    await db.admin.query('UPDATE d.t SET note = NULL')
  })
})
