import { execFile, execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { startNeon, type NeonOptions } from '../../functions/local/neon.ts'
import { startPostgres } from '../../functions/local/postgres.ts'

const debian15 = '/usr/lib/postgresql/15/bin'
/** Folders with the binaries of other servers, `:` between them. */
const named = (process.env['SLUICE_TEST_POSTGRES'] ?? '').split(':').filter((folder) => folder !== '')
const majorOf = (folder: string): number => Number(/\(PostgreSQL\) (\d+)/.exec(execFileSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' }))?.[1])
/** undefined: the npm package's own. */
const binaries: ReadonlyMap<number, string | undefined> = new Map<number, string | undefined>(named.length > 0 ? named.map((folder) => [majorOf(folder), folder]) : [[18, undefined], ...(existsSync(join(debian15, 'postgres')) ? [[15, debian15] as const] : [])])
/** Majors to test on: those SLUICE_TEST_POSTGRES names, else the npm package's and, where it is installed, Debian's. */
export const majors: readonly number[] = [...binaries.keys()]

export interface TestDatabase {
  readonly name: string
  /** As the superuser; put another user and password with `as`. */
  readonly url: string
  as(user: string, password: string): string
  /** As the superuser, straight to the server. Several statements in one string are fine without parameters. */
  query(sql: string, params?: readonly unknown[]): Promise<pg.QueryResult>
}
export interface TestPostgres {
  readonly superuserUrl: string
  readonly neonUrl: string
  readonly major: number
  readonly port: number
  readonly pid: number
  /** A new empty database in this server, with `sql` run in it. Roles belong to the whole server. */
  createDatabase(sql?: string): Promise<TestDatabase>
  stop(): Promise<void>
}

/**
 * A server of its own for a test file: `beforeAll(async () => { server = await withPostgres() })`, `afterAll(() => server.stop())`.
 * About 0.3 s; the first one on a machine 1.5 s, which leaves a template behind in node_modules/.cache.
 */
export async function withPostgres(options: { readonly major?: number; readonly settings?: Readonly<Record<string, string>>; readonly neon?: NeonOptions } = {}): Promise<TestPostgres> {
  const { major = 18 } = options
  const folder = binaries.get(major) ?? (major === 15 ? debian15 : undefined)
  if (folder === undefined && major !== 18) throw new Error(`no PostgreSQL ${major} here: name its folder of binaries in SLUICE_TEST_POSTGRES`)
  const own = folder === undefined ? {} : { binaries: folder }
  const directory = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  await promisify(execFile)('cp', ['-a', `${await template(major, own)}/.`, directory])
  const server = await startPostgres({ directory, ...own, settings: { fsync: 'off', max_connections: '60', ...options.settings } })
  const neon = await startNeon(options.neon)
  const open: pg.Client[] = []
  let count = 0

  async function connect(url: string): Promise<pg.Client> {
    const client = new pg.Client(url)
    client.on('error', () => {})
    await client.connect()
    return client
  }
  return {
    superuserUrl: server.superuserUrl, neonUrl: neon.url, major: server.major, port: server.port, pid: server.pid,
    async createDatabase(sql) {
      const name = `test_${++count}`
      const admin = await connect(server.superuserUrl)
      await admin.query(`CREATE DATABASE ${name}`)
      await admin.end()
      const url = new URL(server.superuserUrl)
      url.pathname = name
      const client = await connect(url.href)
      open.push(client)
      if (sql) await client.query(sql)
      return {
        name, url: url.href,
        as: (user, password) => Object.assign(new URL(url.href), { username: user, password }).href,
        query: (text, params) => client.query(text, params && [...params]),
      }
    },
    async stop() {
      await neon.close()
      await Promise.all(open.map((client) => client.end().catch(() => {})))
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** An initialised, cleanly stopped cluster to copy. Made whole elsewhere and renamed, so that files running at once cannot see half of one. */
async function template(major: number, own: { binaries?: string }): Promise<string> {
  const cache = join(import.meta.dirname, '../../node_modules/.cache/sluice')
  const path = join(cache, `postgres-${major}-${process.getuid?.() ?? 'user'}`)
  if (await stat(path).then(() => true, () => false)) return path
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'making-'))
  await (await startPostgres({ directory: work, ...own, settings: { fsync: 'off' } })).stop()
  await rename(work, path).catch(() => rm(work, { recursive: true, force: true }))
  return path
}
