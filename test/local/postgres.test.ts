import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { argumentsOf, birthOf } from '../../functions/local/process.ts'
import { NoPostgres, startPostgres, type Postgres } from '../../functions/local/postgres.ts'

const settings = { fsync: 'off' }
const module = JSON.stringify(new URL('../../functions/local/postgres.ts', import.meta.url).href)
let base: string
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  await chmod(base, 0o711)
})
afterAll(() => rm(base, { recursive: true, force: true }))

const ask = async (url: string, sql: string): Promise<unknown> => {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return Object.values((await client.query({ text: sql, rowMode: 'array' })).rows[0] as unknown[] | undefined ?? [])[0]
  } finally {
    await client.end()
  }
}
/** Starts a server in another process, which is then killed outright. */
async function abandon(directory: string): Promise<number> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', `
    import { startPostgres } from ${module}
    const server = await startPostgres({ directory: ${JSON.stringify(directory)}, settings: { fsync: 'off' } })
    console.log(server.pid)
    setInterval(() => {}, 1000)`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = await new Promise<number>((done) => { child.stdout.once('data', (text: Buffer) => done(Number(text))) })
  const gone = new Promise((done) => child.once('exit', done))
  child.kill('SIGKILL')
  await gone
  return pid
}

describe('a server of our own', () => {
  let server: Postgres
  const directory = () => join(base, 'one')
  beforeAll(async () => { server = await startPostgres({ directory: directory(), settings }) })
  afterAll(() => server.stop())

  it('keeps its rows over a restart, and its password', async () => {
    await ask(server.superuserUrl, 'CREATE TABLE kept AS SELECT 7 AS n')
    const { password } = new URL(server.superuserUrl)
    await server.stop()
    expect(birthOf(server.pid)).toBeNull()
    server = await startPostgres({ directory: directory(), settings })
    expect(await ask(server.superuserUrl, 'SELECT n FROM kept')).toBe(7)
    expect(new URL(server.superuserUrl).password).toBe(password)
  })

  it('answers on 127.0.0.1 alone, and to nobody without the password', async () => {
    const outside = Object.values(networkInterfaces()).flat().find((address) => address && !address.internal && address.family === 'IPv4')?.address
    expect(await ask(server.superuserUrl, 'SHOW listen_addresses')).toBe('127.0.0.1')
    expect(await ask(server.superuserUrl, 'SHOW unix_socket_directories')).toBe('')
    if (outside) await expect(ask(server.superuserUrl.replace('127.0.0.1', outside), 'SELECT 1')).rejects.toThrow()
    await expect(ask(server.superuserUrl.replace(/:[0-9a-f]+@/, ':wrong@'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    await expect(ask(server.superuserUrl.replace(/:[0-9a-f]+@/, '@'), 'SELECT 1')).rejects.toThrow()
    expect(await ask(server.superuserUrl, `SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules`)).toBe('scram-sha-256')
  })

  it('leaves nothing others on the machine may read', async () => {
    const mode = async (name: string) => ((await stat(join(directory(), name))).mode & 0o777).toString(8)
    expect([await mode('.'), await mode('data'), await mode('password'), await mode('log')]).toEqual(['711', '700', '600', '600'])
  })

  it('writes no statement and no value into its log', async () => {
    await expect(ask(server.superuserUrl, `SELECT 'canary-4711'::int`)).rejects.toThrow()
    await expect(ask(server.superuserUrl, `SELECT canary_4712`)).rejects.toThrow()
    expect(await readFile(join(directory(), 'log'), 'utf8')).not.toMatch(/canary/)
  })

  it.skipIf(process.platform !== 'linux')('owns its rows as the account it runs as, which root never is', async () => {
    const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(await readFile(`/proc/${server.pid}/status`, 'utf8'))?.[1])
    expect(uid).toBe(process.getuid?.() === 0 ? 65_534 : process.getuid?.())
    expect((await stat(join(directory(), 'data'))).uid).toBe(uid)
  })

  it('knows upper and lower case beyond ascii', async () => {
    expect(await ask(server.superuserUrl, `SELECT lower('ÄÖŁ')`)).toBe('äöł')
  })

  it('says when it ends without having been asked to', async () => {
    const other = await startPostgres({ directory: join(base, 'ends'), settings })
    process.kill(other.pid, 'SIGQUIT')
    expect(await other.ended).toMatch(/^postgresql ended by itself/)
  })
})

describe.skipIf(process.getuid?.() !== 0)('whoever starts it', () => {
  it('root below a folder only root may enter, and again when the folder is opened', async () => {
    const closed = join(base, 'closed')
    await mkdir(closed, { mode: 0o700 })
    for (const mode of [0o700, 0o711, 0o700]) {
      await chmod(closed, mode)
      const server = await startPostgres({ directory: join(closed, 'pg'), settings })
      expect(await ask(server.superuserUrl, 'SELECT 1')).toBe(1)
      await server.stop()
    }
  })

  it('an account that has no entry in /etc/passwd', async () => {
    const directory = join(base, 'stranger')
    await mkdir(directory)
    await chown(directory, 12_345, 12_345)
    const child = spawn(process.execPath, ['--input-type=module', '-e', `
      import { startPostgres } from ${module}
      const server = await startPostgres({ directory: ${JSON.stringify(directory)}, settings: { fsync: 'off' } })
      await server.stop()`], { uid: 12_345, gid: 12_345, stdio: ['ignore', 'ignore', 'inherit'] })
    expect(await new Promise((done) => child.once('exit', done))).toBe(0)
  })
})

describe('after a start that did not end well', () => {
  it('a server whose parent was killed is stopped and started again', async () => {
    const directory = join(base, 'orphan')
    const orphan = await abandon(directory)
    expect(birthOf(orphan)).not.toBeNull()
    const server = await startPostgres({ directory, settings })
    expect(birthOf(orphan)).toBeNull()
    expect(await ask(server.superuserUrl, 'SELECT 1')).toBe(1)
    await server.stop()
  })

  it('the pid of a process that is not ours is left alone', async () => {
    const directory = join(base, 'stale')
    await (await startPostgres({ directory, settings })).stop()
    const bystander = spawn('sleep', ['60'])
    await writeFile(join(directory, 'data', 'postmaster.pid'), `${bystander.pid}\n${directory}/data\n1\n1\n\n\n\nready\n`)
    const server = await startPostgres({ directory, settings })
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull()
    bystander.kill()
    await server.stop()
  })

  it('half an initdb is thrown away', async () => {
    const directory = join(base, 'half')
    await mkdir(join(directory, 'initdb-dead', 'data'), { recursive: true })
    await writeFile(join(directory, 'initdb-dead', 'data', 'PG_VERSION'), '18\n')
    const server = await startPostgres({ directory, settings })
    expect((await readdir(directory)).toSorted()).toEqual(['data', 'log', 'password'])
    await server.stop()
  })

  it.each([30, 150, 400])('an initdb killed with its parent after %i ms is made anew', async (ms) => {
    const directory = join(base, `killed-${ms}`)
    const child = spawn(process.execPath, ['--input-type=module', '-e', `
      import { startPostgres } from ${module}
      console.log('begun')
      await startPostgres({ directory: ${JSON.stringify(directory)} })`], { stdio: ['ignore', 'pipe', 'ignore'] })
    await new Promise((done) => child.stdout.once('data', done))
    await new Promise((done) => setTimeout(done, ms))
    child.kill('SIGKILL')
    const server = await startPostgres({ directory, settings })
    expect(await ask(server.superuserUrl, 'SELECT 1')).toBe(1)
    await server.stop()
  })

  it('an aborted start leaves no process', async () => {
    for (const ms of [10, 200, 700]) {
      const directory = join(base, `aborted-${ms}`)
      const abort = new AbortController()
      setTimeout(() => abort.abort(new Error('enough')), ms)
      const outcome = await startPostgres({ directory, settings, signal: abort.signal }).then((server) => server.stop().then(() => 'started'), (error: Error) => error.message)
      expect(['enough', 'started']).toContain(outcome)
      const alive = (await readdir('/proc')).filter((pid) => /^\d+$/.test(pid) && argumentsOf(Number(pid))?.includes(directory))
      expect(alive).toEqual([])
    }
  })
})

describe('state that cannot be used', () => {
  const message = (work: Promise<unknown>) => work.then(() => 'it started', (error: Error) => error.message)
  async function broken(name: string, breakIt: (directory: string) => Promise<unknown>): Promise<string> {
    const directory = join(base, name)
    await (await startPostgres({ directory, settings })).stop()
    await breakIt(directory)
    return message(startPostgres({ directory, settings }).then((server) => server.stop()))
  }
  it('is one line that names what to delete', async () => {
    expect(await broken('lost', (directory) => rm(join(directory, 'password')))).toMatch(/^corrupt state: `.*password` is missing or cut short; delete `.*`$/)
    expect(await broken('version', (directory) => writeFile(join(directory, 'data', 'PG_VERSION'), '12\n'))).toMatch(/^corrupt state: .*is of postgresql 12, the server is 18; delete it$/)
    expect(await broken('empty', (directory) => rm(join(directory, 'data', 'PG_VERSION')))).toMatch(/^corrupt state: .*not a postgresql data directory; delete it$/)
    expect(await broken('control', (directory) => rm(join(directory, 'data', 'global', 'pg_control')))).toMatch(/^postgresql did not start: [^\n]+$/)
  })

  it('a port somebody else has is not swapped for another', async () => {
    const server = createServer()
    await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
    const address = server.address()
    const port = typeof address === 'object' ? address?.port ?? 0 : 0
    expect(await message(startPostgres({ directory: join(base, 'busy'), settings, port }))).toMatch(/^postgresql did not start: .*$/)
    server.close()
  })

  it('binaries that are not there are named', async () => {
    expect(await message(startPostgres({ directory: join(base, 'none'), binaries: '/nonexistent/bin' }))).toMatch(/\/nonexistent\/bin/)
    expect(new NoPostgres('x')).toBeInstanceOf(Error)
  })
})
