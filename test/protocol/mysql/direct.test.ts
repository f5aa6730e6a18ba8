import dns from 'node:dns'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { keepAuthority, type Authority } from '../../../functions/local/tls.ts'
import { readTarget } from '../../../functions/local/planetscale/target.ts'
import { createDirect } from '../../../functions/protocol/mysql/direct.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'

const bounds = { maxBytes: 1e6, timeoutMs: 5000 }
const schema = `CREATE DATABASE d; USE d; CREATE TABLE t (x int) ENGINE=InnoDB; INSERT INTO t VALUES (0); CREATE USER app@'%' IDENTIFIED BY 'pass-7c1f'; GRANT ALL ON d.* TO app@'%';
  CREATE PROCEDURE twice() BEGIN SELECT 1; SELECT 2; END;`
const servers: Server[] = []

describe.skipIf(mysqlServer === null)(`MySQL's own protocol${whyNot}`, () => {
  let directory = ''
  let [plain, sealed] = [null, null] as unknown as [Awaited<ReturnType<typeof startServer>>, Awaited<ReturnType<typeof startServer>>]
  let authority: Authority
  let [port, sealedPort] = [0, 0]
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-mysql-tls-'))
    authority = await keepAuthority(null, Date.now)
    const { key, cert } = authority.issue('mysql')
    await chmod(directory, 0o755)
    await chmod(directory, 0o755)
    for (const [name, text] of [['key', key], ['cert', cert], ['ca', authority.certificate]] as const) await writeFile(join(directory, name), text, { mode: 0o644 })
    plain = await startServer(schema)
    sealed = await startServer(schema, { ssl_key: join(directory, 'key'), ssl_cert: join(directory, 'cert'), ssl_ca: join(directory, 'ca') })
    ;[port, sealedPort] = [plain, sealed].map(({ server }) => readTarget(server.superuserUrl).port) as [number, number]
  }, 120_000)
  afterEach(() => { for (const server of servers.splice(0)) server.close(); vi.restoreAllMocks() })
  afterAll(async () => {
    await plain?.stop()
    await sealed?.stop()
    await rm(directory, { recursive: true, force: true })
  }, 60_000)

  const url = (host = `127.0.0.1:${port}`, more = '') => `mysql://app:pass-7c1f@${host}/d${more}`
  const secret = (address: string, ca = authority.certificate) => JSON.stringify({ url: address, ca })
  async function one(with_: string, sql: string) {
    const session = createDirect(() => {})(with_)
    try { return (await session.run(sql, bounds)).rows } finally { session.end?.() }
  }
  /** Passes on both ways, and shows what was sent; `pass` may do otherwise. */
  async function relay(to: number, sent: Buffer[], pass: (near: Socket, far: Socket, data: Buffer) => void = (_, far, data) => far.write(data)): Promise<number> {
    const server = createServer((near) => {
      const far = connect(to, '127.0.0.1')
      far.on('error', () => near.destroy()).on('data', (data) => near.write(data)).on('close', () => near.destroy())
      near.on('error', () => {}).on('data', (data) => { sent.push(data); pass(near, far, data) }).on('close', () => far.destroy())
    })
    servers.push(server)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    return (server.address() as AddressInfo).port
  }
  const named = (name: string) => vi.spyOn(dns, 'lookup').mockImplementation(((host: string, options: { all?: boolean }, done: (error: Error | null, ...more: unknown[]) => void) =>
    (![name, 'localhost', '127.0.0.1'].includes(host) ? done(new Error('no such host')) : options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4))) as unknown as typeof dns.lookup)
  const processes = async () => ((await plain.admin.query("SELECT ID, INFO FROM information_schema.PROCESSLIST WHERE USER = 'app'"))[0] as { ID: number; INFO: string | null }[])
  const nobody = () => expect.poll(processes).toEqual([])

  it('is TLS to the name and the authority in the secret', async () => {
    named('db.internal')
    expect(await one(secret(url(`localhost:${sealedPort}`)), "SHOW SESSION STATUS LIKE 'Ssl_version'")).toEqual([['Ssl_version', 'TLSv1.3']])
    expect(await one(secret(url(`localhost:${sealedPort}`, '?ssl-mode=VERIFY_IDENTITY')), 'SELECT 1')).toEqual([['1']])
  })
  it('is none to another authority, another name, an address, or a server without TLS; and none of them learns who wanted in', async () => {
    named('db.internal')
    const sent: Buffer[] = []
    const [at, plainly] = [await relay(sealedPort, sent), await relay(port, sent)]
    for (const one_ of [secret(url(`localhost:${at}`), (await keepAuthority(null, Date.now)).certificate), secret(url(`db.internal:${at}`)), secret(url(`127.0.0.1:${at}`)), secret(url(`localhost:${plainly}`)), url(`db.internal:${at}`), url(`localhost:${plainly}`)]) {
      await expect(one(one_, 'SELECT 1')).rejects.toMatchObject({ name: 'TransportError', kind: 'unreachable' })
    }
    expect(sent.length).toBeGreaterThan(2)
    expect(Buffer.concat(sent).includes('app')).toBe(false)
  })
  it.each([['?ssl-mode=DISABLED'], ['?ssl=%7B%22rejectUnauthorized%22%3Afalse%7D'], ['?multipleStatements=true'], ['?flags=%2BLOCAL_FILES'], ['?ssl-mode=VERIFY_IDENTITY&ssl-mode=PREFERRED'], ['?socketPath=/tmp/x']])('refuses a secret with %s', async (more) => {
    const error = await one(url(undefined, more), 'SELECT 1').then(() => null, (thrown: Error) => thrown)
    expect(error?.name).toBe('TransportError')
    expect(String(error?.stack)).not.toContain('7c1f')
  })
  it('gives no file, whether the statement asks for one or the server does', async () => {
    await expect(one(url(), "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE d.t")).rejects.toMatchObject({ name: 'ServerError' })
    const sent: Buffer[] = []
    let asked = false
    const at = await relay(port, sent, (near, far, data) => {
      if (!data.includes('SELECT 42')) { if (!asked) far.write(data); return }
      asked = true
      const name = Buffer.from('/etc/passwd')
      near.write(Buffer.concat([Buffer.from([name.length + 1, 0, 0, 1, 0xfb]), name]))
      setTimeout(() => near.destroy(), 200)
    })
    await expect(one(url(`127.0.0.1:${at}`), 'SELECT 42')).rejects.toThrow()
    expect(asked).toBe(true)
    const after = Buffer.concat(sent.slice(sent.findIndex((data) => data.includes('SELECT 42')) + 1))
    expect(after.includes('root:')).toBe(false)
    expect(after.length).toBeLessThanOrEqual(4)                      // an empty packet, which says that there is none
  })
  it('takes one statement a text, and puts nothing into it', async () => {
    await expect(one(url(), 'SELECT 1; SELECT 2')).rejects.toMatchObject({ name: 'ServerError', errno: 1064 })
    expect(await one(url(), "SELECT '?', '??', ':name', '%s', '\\\\'")).toEqual([['?', '??', ':name', '%s', '\\']])
    await expect(one(url(), 'SELECT ?')).rejects.toMatchObject({ errno: 1064 })
    await expect(one(url(), 'CALL d.twice()')).rejects.toMatchObject({ errno: 1235 })
  })
  it('makes no code of a column\'s name', async () => {
    const name = '\'"+process.exit(7)+"`;//\\\\n'
    const session = createDirect(() => {})(url())
    const { fields, rows } = await session.run(`SELECT 1 AS \`${name.replaceAll('`', '``')}\``, bounds)
    session.end?.()
    expect([fields[0]?.name, rows]).toEqual([name, [['1']]])
  })
  it('leaves nothing to the next: variables, settings, locks by name, temporary tables, a transaction', async () => {
    const open = createDirect(() => {})
    const left = open(url())
    for (const text of ["SET @left = 'x'", "SET sql_mode = ''", "SELECT GET_LOCK('it', 0)", 'CREATE TEMPORARY TABLE d.t AS SELECT 99 AS x', "PREPARE p FROM 'SELECT 1'", 'SET autocommit = 0', 'START TRANSACTION', 'SET SESSION TRANSACTION READ WRITE']) await left.run(text, bounds)
    const [[id]] = (await left.run('SELECT CONNECTION_ID()', bounds)).rows as [[string]]
    left.end?.()
    await expect(left.run('SELECT 1', bounds)).rejects.toMatchObject({ name: 'TransportError' })
    const next = open(url())
    const { rows: [row] } = await next.run("SELECT CONNECTION_ID(), @left, @@autocommit, (SELECT x FROM d.t), @@sql_mode = ''", bounds)
    next.end?.()
    expect(row?.[0]).not.toBe(id)
    expect(row?.slice(1)).toEqual([null, '1', '0', '0'])
    await nobody()
    expect((await plain.admin.query("SELECT IS_FREE_LOCK('it') AS free"))[0]).toEqual([{ free: 1 }])
  })
  it('stops the statement in the server at the end of the time, before the caller hears of it, and what it changed is undone', async () => {
    const session = createDirect(() => {})(url())
    await session.run('START TRANSACTION', bounds)
    await session.run('UPDATE d.t SET x = 7', bounds)
    await expect(session.run('SELECT SLEEP(60)', { ...bounds, timeoutMs: 300 })).rejects.toMatchObject({ kind: 'timeout' })
    await expect.poll(async () => (await processes()).filter(({ INFO }) => INFO?.includes('SLEEP'))).toEqual([])
    await nobody()
    expect((await plain.admin.query('SELECT x FROM d.t FOR UPDATE'))[0]).toEqual([{ x: 0 }])
  })
  it('stops it where it runs, though its name leads elsewhere by then', async () => {
    const spy = named('nowhere')
    const session = createDirect(() => {})(secret(url(`localhost:${sealedPort}`)))
    await session.run('SELECT 1', bounds)
    spy.mockImplementation(((_: string, options: { all?: boolean }, done: (error: Error | null, ...more: unknown[]) => void) => (options.all ? done(null, [{ address: '127.0.0.9', family: 4 }]) : done(null, '127.0.0.9', 4))) as unknown as typeof dns.lookup)
    await expect(session.run('SELECT SLEEP(61)', { ...bounds, timeoutMs: 300 })).rejects.toMatchObject({ kind: 'timeout' })
    spy.mockRestore()
    await expect.poll(async () => JSON.stringify((await sealed.admin.query("SELECT INFO FROM information_schema.PROCESSLIST WHERE USER = 'app'"))[0])).not.toContain('SLEEP')
  })
  it('says no number of its own to another server behind the same address, where it is somebody else\'s, and says that it did not', async () => {
    const sent: Buffer[] = []
    const ports = [port, sealedPort]
    const server = createServer((near) => {
      const far = connect(ports.shift() ?? sealedPort, '127.0.0.1')
      far.on('error', () => near.destroy()).on('data', (data) => near.write(data)).on('close', () => near.destroy())
      near.on('error', () => {}).on('data', (data) => { sent.push(data); far.write(data) }).on('close', () => far.destroy())
    })
    servers.push(server)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const alarms: unknown[] = []
    const session = createDirect((what, detail) => { alarms.push([what, detail]) })(url(`127.0.0.1:${(server.address() as AddressInfo).port}`))
    await session.run('SELECT 1', bounds)
    await expect(session.run('SELECT SLEEP(1)', { ...bounds, timeoutMs: 300 })).rejects.toMatchObject({ kind: 'timeout' })
    expect([ports.length, Buffer.concat(sent).includes('KILL'), alarms]).toEqual([0, false, [['a cut was not said', { why: 'another server answered' }]]])
    await nobody()
  })
  it('runs nothing once it is ended, also where it was still on its way in', async () => {
    const session = createDirect(() => {})(url())
    const ran = session.run('INSERT INTO d.t VALUES (8)', bounds)
    session.end?.()
    await expect(ran).rejects.toMatchObject({ kind: 'unreachable' })
    await nobody()
    expect((await plain.admin.query('SELECT x FROM d.t WHERE x = 8'))[0]).toEqual([])
  })
  it('cuts off an enormous value as it comes, and ends the connection', async () => {
    await expect(one(url(), "SELECT REPEAT('x', 15000000)")).rejects.toMatchObject({ kind: 'too-large' })
    await nobody()
  })
  it('passes on that the server does not let us in, and nothing of why a way failed', async () => {
    await expect(one(url().replace('pass-7c1f', 'wrong'), 'SELECT 1')).rejects.toMatchObject({ errno: 1045 })
    const error = await one('mysql://app:pass-7c1f@127.0.0.1:1/d', 'SELECT 1').then(() => null, (thrown: Error) => thrown)
    expect([error?.name, error?.message]).toEqual(['TransportError', 'the connection failed'])
  })
  it('opens at most eight connections to one secret at once', async () => {
    const open = createDirect(() => {})
    const held = Array.from({ length: 8 }, () => open(url()))
    await Promise.all(held.map((session) => session.run('SELECT 1', bounds)))
    await expect(open(url()).run('SELECT 1', { ...bounds, timeoutMs: 50 })).rejects.toMatchObject({ kind: 'unreachable' })
    const waits = open(url())
    const ran = waits.run('SELECT 1', bounds)
    held[0]?.end?.()
    expect((await ran).rows).toEqual([['1']])
    for (const session of [...held, waits]) session.end?.()
    await nobody()
  })
})
