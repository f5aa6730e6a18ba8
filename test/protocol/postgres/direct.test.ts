import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { keepAuthority, type Authority } from '../../../functions/local/tls.ts'
import { createDirect } from '../../../functions/protocol/postgres/direct.ts'
import type { Sql } from '../../../functions/protocol/postgres/port.ts'
import { openTarget } from '../../contract/target.ts'
import { withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'

const bounds = { maxBytes: 1e6, timeoutMs: 5000 }
const say = (text: string, values: Sql['values'] = []): Sql => ({ text, values })
const cancelCode = Buffer.from([0x04, 0xd2, 0x16, 0x2e])
const servers: Server[] = []
let [postgres, database, authority] = [null as unknown as TestPostgres, null as unknown as TestDatabase, null as unknown as Authority]
beforeAll(async () => {
  postgres = await withPostgres()
  database = await postgres.createDatabase("CREATE TABLE t (x int); INSERT INTO t VALUES (0); CREATE ROLE app LOGIN PASSWORD 'pass-7c1f'; GRANT ALL ON t TO app; GRANT TEMP ON DATABASE test_1 TO app")
  authority = await keepAuthority(null, Date.now)
  const { key, cert } = authority.issue('postgres')
  for (const [file, text] of [['server.key', key], ['server.crt', cert]] as const) await database.query(`COPY (SELECT line FROM unnest(string_to_array('${text.trim()}', E'\\n')) line) TO PROGRAM 'umask 077; cat > ${file}'`)
  await database.query('ALTER SYSTEM SET ssl = on')
  await database.query('SELECT pg_reload_conf()')
  while ((await database.query('SHOW ssl')).rows[0].ssl !== 'on') await new Promise((done) => setTimeout(done, 20))
})
afterEach(() => { for (const server of servers.splice(0)) server.close() })
afterAll(() => postgres.stop())

const url = (more = '', host = `127.0.0.1:${postgres.port}`) => `postgres://app:pass-7c1f@${host}/${database.name}${more}`
const sealed = (address = url(), ca = authority.certificate) => JSON.stringify({ url: address, ca })
const one = async (secret: string, sql: string) => (await createDirect(() => {}).batch({ url: secret, statements: [say(sql)], ...bounds })).results[0]?.rows
async function listen(answer: (socket: Socket) => void, host = '127.0.0.1'): Promise<string> {
  const server = createServer((socket) => { socket.on('error', () => {}); answer(socket) })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, host, done))
  return `${host}:${(server.address() as AddressInfo).port}`
}
/** Passes on both ways, and shows what was sent. */
const relay = (sent: Buffer[] = [], host?: string, pass: (near: Socket, far: Socket, data: Buffer) => void = (_, far, data) => far.write(data)) => listen((near) => {
  const far = connect(postgres.port, '127.0.0.1')
  far.on('error', () => near.destroy()).on('data', (data) => near.write(data)).on('close', () => near.destroy())
  near.on('data', (data) => { sent.push(data); pass(near, far, data) }).on('close', () => far.destroy())
}, host)
const running = async () => (await database.query("SELECT pid, state FROM pg_stat_activity WHERE usename = 'app'")).rows as { pid: number; state: string }[]
const nobody = async () => { while ((await running()).length > 0) await new Promise((done) => setTimeout(done, 10)) }

describe('the way to the server', () => {
  test('is TLS to whom the authority in the secret vouches for', async () => {
    expect(await one(sealed(), 'SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).toEqual([['t', 'TLSv1.3']])
    expect(await one(sealed(url('?sslmode=verify-full')), 'SELECT 1')).toEqual([['1']])
  })
  test('is none to a server of another authority, or of another name, and neither learns the password', async () => {
    const sent: Buffer[] = []
    const other = await keepAuthority(null, Date.now)
    const elsewhere = await relay(sent, '127.0.0.2')                 // the certificate is of 127.0.0.1
    for (const secret of [sealed(url(), other.certificate), sealed(url('', elsewhere))]) {
      await expect(one(secret, 'SELECT 1')).rejects.toMatchObject({ name: 'TransportError', kind: 'unreachable' })
    }
    expect(sent.length).toBeGreaterThan(1)
    expect(Buffer.concat(sent).includes('app')).toBe(false)          // not even who wanted to come in
  })
  test.each([['says no to TLS', 'N'], ['sends more than its yes, which somebody on the way may have put there', 'SE\0\0\0\x08x'], ['hangs up', ''], ['speaks plainly at once', 'R\0\0\0\x08\0\0\0\x03']])('ends at a server that %s', async (_, answer) => {
    const sent: Buffer[] = []
    const at = await listen((socket) => { socket.on('data', (data) => { sent.push(data); socket.end(answer, 'latin1') }) })
    await expect(one(sealed(url('', at)), 'SELECT 1')).rejects.toMatchObject({ name: 'TransportError' })
    expect(Buffer.concat(sent).subarray(0, 8)).toEqual(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]))
    expect(Buffer.concat(sent).includes('pass-7c1f')).toBe(false)
  })
  test.each([
    ['sslmode weaker', '?sslmode=require'], ['no TLS', '?sslmode=disable'], ['a file as authority', '?sslrootcert=/etc/passwd'], ['another host', '?host=evil.example'], ['options', '?options=-csearch_path%3Devil'], ['the driver\'s own switch', '?ssl=no-verify'], ['sslmode twice', '?sslmode=verify-full&sslmode=disable'],
  ])('a secret that asks for %s is refused, not followed', async (_, more) => {
    await expect(one(url(more), 'SELECT 1')).rejects.toMatchObject({ name: 'TransportError', kind: 'unreachable' })
  })
  test('what is wrong with a secret is said without a word of it', async () => {
    const wrong = ['', 'pass-7c1f', '{"url":"pass-7c1f"', '{"url":"postgres://app:pass-7c1f@h/d"}', '{"url":"postgres://app:pass-7c1f@h/d","ca":"pass-7c1f"}', '{"url":"postgres://app:pass-7c1f@h/d","ca":"-----BEGIN CERTIFICATE-----\\npass-7c1f"}', JSON.stringify({ url: url(), ca: authority.certificate, rejectUnauthorized: false }),
      'mysql://app:pass-7c1f@127.0.0.1/d', 'postgres://app@127.0.0.1/d', 'postgres://app:pass-7c1f@127.0.0.1', 'postgres://app:pass%-7c1f@127.0.0.1/d', 'postgres://app:pass-7c1f@%2Ftmp/d', 'postgres://app:pass-7c1f%00@127.0.0.1/d']
    for (const secret of wrong) {
      const error = await one(secret, 'SELECT 1').then(() => null, (thrown: Error) => thrown)
      expect([secret, error?.name]).toEqual([secret, 'TransportError'])
      expect(`${error?.stack} ${String(error?.cause)}`).not.toContain('7c1f')
    }
  })
  test('the operator hears of it once a secret, and why', async () => {
    const heard: unknown[] = []
    const transport = createDirect((what, detail) => { heard.push([what, detail]) })
    for (let n = 0; n < 3; n++) await expect(transport.take(url('?sslmode=require'), 1000)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(heard).toEqual([['a secret cannot be used', { why: 'the secret\'s url asks for another `sslmode` than `verify-full`: certificates are always checked' }]])
  })
  test('takes nothing from the environment', async () => {
    const env = { PGOPTIONS: '-c work_mem=77MB', PGAPPNAME: 'evil', PGSSLMODE: 'disable', PGPASSWORD: 'x', PGREPLICATION: 'database', PGSSLNEGOTIATION: 'direct', PGHOST: 'evil.example', NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    Object.assign(process.env, env)
    try {
      expect(await one(sealed(), "SELECT current_setting('work_mem') <> '77MB', application_name, ssl FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) WHERE pid = pg_backend_pid()")).toEqual([['t', 'sluice', 't']])
      await expect(one(sealed(url(), (await keepAuthority(null, Date.now)).certificate), 'SELECT 1')).rejects.toMatchObject({ kind: 'unreachable' })
    } finally {
      for (const name of Object.keys(env)) delete process.env[name]
    }
  })
  test('the server\'s refusal to let us in is passed on as what it is', async () => {
    await expect(one(url().replace('pass-7c1f', 'wrong'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  })
})

describe('a session', () => {
  test('leaves nothing to the next: settings, seed, locks, temporary tables, prepared statements, cursors, channels, placeholders', async () => {
    const transport = createDirect(() => {})
    const leaves = ["SET search_path = evil", "SELECT set_config('my.note', 'left', false)", 'SELECT setseed(0.5)', 'SELECT pg_advisory_lock(7)', 'CREATE TEMP TABLE t AS SELECT 99 AS x', 'PREPARE p AS SELECT 1', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'LISTEN secrets', "SET SESSION AUTHORIZATION app", 'SET default_transaction_read_only = off']
    const left = await transport.take(url(), 5000)
    for (const text of leaves) await left.run(say(text), bounds)
    const [[before]] = (await left.run(say('SELECT pg_backend_pid()::text'), bounds)).rows as [[string]]
    left.release()
    const next = await transport.take(url(), 5000)
    const { rows: [row] } = await next.run(say("SELECT pg_backend_pid()::text, current_setting('my.note', true), (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors WHERE name <> ''), (SELECT count(*) FROM pg_listening_channels()), (SELECT x FROM t), current_setting('search_path')"), bounds)
    expect(row?.[0]).not.toBe(before)
    expect(row?.slice(1)).toEqual([null, '0', '0', '0', '0', '"$user", public'])
    expect(next.kept).toBe(false)
    next.release()
    await nobody()
    expect((await database.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")).rowCount).toBe(0)
  })
  test('takes one statement a text, and none with a zero byte', async () => {
    const session = await createDirect(() => {}).take(url(), 5000)
    await expect(session.run(say('SELECT 1; SELECT 2'), bounds)).rejects.toMatchObject({ code: '42601' })
    await expect(session.run(say('SELECT 1\0; DROP TABLE t'), bounds)).rejects.toThrow()
    session.destroy()
    await expect(session.run(say('SELECT 1'), bounds)).rejects.toMatchObject({ name: 'TransportError' })
  })
  test('a text that copies neither reads from us nor hangs', async () => {
    const session = await createDirect(() => {}).take(url(), 5000)
    await expect(session.run(say('COPY t FROM STDIN'), { ...bounds, timeoutMs: 300 })).rejects.toMatchObject({ kind: 'timeout' })
    session.destroy()
  })
  test('an answer of one enormous value is cut off as it comes', async () => {
    const session = await createDirect(() => {}).take(url(), 5000)
    await expect(session.run(say("SELECT repeat('x', 100000000)"), { maxBytes: 1e6, timeoutMs: 20_000 })).rejects.toMatchObject({ kind: 'too-large' })
    const { results, cut } = await createDirect(() => {}).batch({ url: url(), statements: [say("SELECT 1 AS n, repeat('x', 100000000)")], maxBytes: 1e6, timeoutMs: 20_000 })
    expect([cut, results[0]?.rows, results[0]?.rowCount, results[0]?.fields[0]?.name]).toEqual([true, [], null, 'n'])
    await nobody()
  })
  test('a batch that a statement of it ends or commits goes no further', async () => {
    for (const text of ['COMMIT', 'ROLLBACK', 'COMMIT AND CHAIN', 'END']) {
      const ran = createDirect(() => {}).batch({ url: url(), statements: [say('SELECT 1'), say(text), say('UPDATE t SET x = 5')], ...bounds })
      await expect(ran).rejects.toThrow()
    }
    expect((await database.query('SELECT x FROM t')).rows).toEqual([{ x: 0 }])
  })
  test('nothing that was to happen at the commit of a read happens', async () => {
    const listener = new pg.Client(database.url)
    const heard: (string | undefined)[] = []
    listener.on('notification', ({ payload }) => heard.push(payload))
    await listener.connect()
    await listener.query('LISTEN said')
    await createDirect(() => {}).batch({ url: url(), statements: [say("SELECT pg_notify('said', 'by a read')")], ...bounds })
    await nobody()
    await database.query("SELECT pg_notify('said', 'the last')")
    while (!heard.includes('the last')) await new Promise((done) => setTimeout(done, 10))
    await listener.end()
    expect(heard).toEqual(['the last'])
  })
  test('at most eight are open to one secret; who finds none in time is told', async () => {
    const transport = createDirect(() => {})
    const held = await Promise.all(Array.from({ length: 8 }, () => transport.take(url(), 5000)))
    await expect(transport.take(url(), 50)).rejects.toMatchObject({ kind: 'unreachable' })
    const waits = transport.take(url(), 5000)
    held[0]?.release()
    for (const session of [...held.slice(1), await waits]) session.destroy()
    await nobody()
    ;(await transport.take(url(), 5000)).release()
  })
})

describe('the end of the time', () => {
  test('stops the statement in the server, over TLS where the session is', async () => {
    const sent: Buffer[] = []
    const session = await createDirect(() => {}).take(sealed(url('', await relay(sent))), 5000)
    await expect(session.run(say('SELECT pg_sleep(60)'), { ...bounds, timeoutMs: 300 })).rejects.toMatchObject({ kind: 'timeout' })
    await nobody()
    expect(sent.filter((data) => data.subarray(4, 8).equals(Buffer.from([0x04, 0xd2, 0x16, 0x2f]))).length).toBe(2)
    expect(Buffer.concat(sent).includes(cancelCode)).toBe(false)
  })
  test('is told to the server before the caller hears of it, so that a process frozen then leaves nothing running', async () => {
    const session = await createDirect(() => {}).take(url(), 5000)
    await session.run(say("SET statement_timeout = 0"), bounds)
    await session.run(say('BEGIN'), bounds)
    await session.run(say('UPDATE t SET x = 7'), bounds)
    await expect(session.run(say('SELECT pg_sleep(60)'), { ...bounds, timeoutMs: 200 })).rejects.toMatchObject({ kind: 'timeout' })
    await nobody()
    expect((await database.query('SELECT x FROM t')).rows).toEqual([{ x: 0 }])
  })
  test('a read is bounded by the server too, whatever the role may', async () => {
    expect(await one(url(), 'SHOW statement_timeout')).toEqual([['5s']])
  })
})

describe('a way that fails', () => {
  const target = async (pass: (near: Socket, far: Socket, data: Buffer) => void) => {
    const opened = openTarget({ url: url('', await relay([], '127.0.0.1', pass)), admin: database.url, transport: createDirect(() => {}) })
    return { opened, plan: await opened.draw([{ sql: 'UPDATE t SET x = x + 1' }], { written: ['public.t'] }) }
  }
  const value = async () => (await database.query('SELECT x FROM t')).rows[0].x as number
  test('before COMMIT came: failed by its own words, and rolled back', async () => {
    const before = await value()
    const { opened, plan } = await target((near, far, data) => { if (data.includes('UPDATE t') && !data.includes('EXPLAIN')) { near.destroy(); far.destroy() } else far.write(data) })
    expect(await opened.run(plan)).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    expect(await value()).toBe(before)
  })
  test('with the answer to COMMIT: unknown, and never sent again', async () => {
    const before = await value()
    let commits = 0
    const { opened, plan } = await target((near, far, data) => { far.write(data); if (data.includes('COMMIT\0')) { commits++; near.pause(); far.removeAllListeners('data'); setTimeout(() => near.destroy(), 50) } })
    expect(await opened.run(plan)).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'commit_lost' } })
    expect([commits, await value()]).toEqual([1, before + 1])
  })
  test('in the middle of rows: no part of an answer passes for all of it', async () => {
    const at = await listen((near) => {
      const far = connect(postgres.port, '127.0.0.1')
      let came = 0
      far.on('error', () => {}).on('data', (data) => { came += data.length; if (came > 200_000) { near.destroy(); far.destroy() } else near.write(data) })
      near.on('data', (data) => far.write(data)).on('close', () => far.destroy())
    })
    await expect(one(url('', at), "SELECT repeat('y', 100) FROM generate_series(1, 50000)")).rejects.toMatchObject({ kind: 'unreachable' })
  })
})
