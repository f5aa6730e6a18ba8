import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { chmod, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chooseAccount, give, type Account } from './account.ts'
import { findBinaries, type Binaries } from './binaries.ts'
import { attend, freePort, spawnAs, stopOrphan, type Attended, type Daemon } from './daemon.ts'

export interface PostgresOptions {
  /** Holds `data/`, `password` and `log`; made when missing. The caller is its only user. */
  readonly directory: string
  /** Folder with `initdb` and `postgres`; default: those of the npm package for this platform. */
  readonly binaries?: string
  readonly port?: number
  /** Settings beyond ours, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
  /** Aborted: whatever was started is stopped, and startPostgres throws. */
  readonly signal?: AbortSignal
}
export interface Postgres extends Attended {
  readonly port: number
  /** `postgres://postgres:…@127.0.0.1:port/postgres` */
  readonly superuserUrl: string
  readonly binaries: string
  readonly major: number
  readonly pid: number
}
export class NoPostgres extends Error {}
/** Fast shutdown, then an immediate one: the next start replays the write-ahead log. */
const daemon: Daemon = { name: 'postgresql', ask: 'SIGINT', askedMs: 5000, force: 'SIGQUIT', forcedMs: 4000 }

/**
 * Starts a real PostgreSQL that listens on 127.0.0.1 only, with SCRAM and a generated password. A data directory appears whole or not at all,
 * and a server that a killed parent left behind is stopped first. Throws one clear line; NoPostgres where no binaries exist for this platform.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const directory = resolve(options.directory)
  const binaries = await findBinaries(options.binaries)
  if (binaries === null) throw new NoPostgres(`no postgresql for ${process.platform}-${process.arch} is installed`)
  await mkdir(directory, { recursive: true, mode: 0o711 })
  await chmod(directory, 0o711)                                   // the server's account must pass through; what is in it is closed
  const account = await chooseAccount([binaries.bin, directory])
  const password = await keepPassword(directory)
  const data = join(directory, 'data')
  await stopOrphan(Number((await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]), `-D ${data}`, daemon)
  await create(data, binaries, account, password, options.signal)
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? await freePort()
    const started = await launch(data, binaries, account, port, options.settings ?? {}, options.signal)
    if ('child' in started) return { port, superuserUrl: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`, binaries: binaries.bin, major: binaries.major, pid: started.child.pid ?? 0, ...attend(started.child, daemon) }
    // A free port may be taken between our look and the server's bind; a port somebody asked for may not be swapped.
    if (options.port !== undefined || attempt === 3 || !started.failure.includes('could not bind')) throw new Error(`postgresql did not start: ${started.failure}`)
  }
}

/** Written before the cluster that wants it, so that no crash leaves a cluster with a password nobody knows. */
async function keepPassword(directory: string): Promise<string> {
  const path = join(directory, 'password')
  const kept = await readFile(path, 'utf8').catch(() => '')
  if (kept.length >= 32) return kept
  if (await exists(join(directory, 'data'))) throw new Error(`corrupt state: \`${path}\` is missing or cut short; delete \`${directory}\``)
  const password = randomBytes(24).toString('hex')
  await writeFile(`${path}.new`, password, { mode: 0o600 })
  await rename(`${path}.new`, path)
  return password
}

/**
 * initdb into a folder of its own, then one rename: killed in between, the next start finds no `data` and begins anew. The leftover is removed
 * only then; an initdb that outlived its parent dies when its folder goes.
 */
async function create(data: string, { bin, major }: Binaries, account: Account, password: string, signal?: AbortSignal): Promise<void> {
  const parent = resolve(data, '..')
  for (const entry of await readdir(parent)) if (entry.startsWith('initdb-')) await rm(join(parent, entry), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }).catch(() => {})
  if (await exists(data)) {
    const version = await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => '')
    if (version.trim() !== String(major)) throw new Error(`corrupt state: \`${data}\` is ${version.trim() ? `of postgresql ${version.trim()}, the server is ${major}` : 'not a postgresql data directory'}; delete it`)
    return give(data, account.owner)
  }
  const work = join(parent, `initdb-${randomBytes(4).toString('hex')}`)
  await mkdir(work, { mode: 0o711 })
  await writeFile(join(work, 'password'), password, { mode: 0o600 })
  await give(work, account.owner)
  await give(join(work, 'password'), account.owner)
  const locale = major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'] : ['--locale=C']
  const child = spawnAs(account, daemon, join(bin, 'initdb'), ['-D', join(work, 'data'), '-U', 'postgres', '-E', 'UTF8', ...locale, '--auth=scram-sha-256', `--pwfile=${join(work, 'password')}`,
    '--wal-segsize=4', '--no-sync', '--no-instructions'], { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })
  const abort = () => child.kill()
  signal?.addEventListener('abort', abort)
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => { said += text })
  const code = await new Promise((done) => child.once('close', done).once('error', (error) => { said += error.message; done(-1) }))
  signal?.removeEventListener('abort', abort)
  signal?.throwIfAborted()
  if (code !== 0) throw new Error(`initdb failed: ${/No space left on device/.test(said) ? `no space left for \`${parent}\`` : lastLine(said)}`)
  await rename(join(work, 'data'), data)
  await rm(work, { recursive: true, force: true })
}

const settings = (port: number, more: Readonly<Record<string, string>>): readonly string[] => Object.entries({
  port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '',
  max_connections: '100', shared_buffers: '16MB', wal_level: 'minimal', max_wal_senders: '0', min_wal_size: '32MB', max_wal_size: '256MB',
  max_worker_processes: '2', max_parallel_workers: '0', max_parallel_workers_per_gather: '0', autovacuum_max_workers: '1', jit: 'off', checkpoint_timeout: '15min',
  client_connection_check_interval: '500ms',
  // Server messages of level ERROR quote values, and the statement beside them its literals: neither may land in a log file.
  log_min_messages: 'log', log_min_error_statement: 'panic', log_checkpoints: 'off', lc_messages: 'C',
  ...more,
}).flatMap(([name, value]) => ['-c', `${name}=${value}`])

async function launch(data: string, { bin, major }: Binaries, account: Account, port: number, more: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<{ child: ChildProcess } | { failure: string }> {
  signal?.throwIfAborted()
  const logPath = join(data, '..', 'log')
  const log = openSync(logPath, 'w', 0o600)
  const args = ['-D', data, ...settings(port, { ...(major >= 18 ? { io_method: 'sync' } : {}), ...more })]
  const child = spawnAs(account, daemon, join(bin, 'postgres'), args, { cwd: '/', stdio: ['ignore', 'ignore', log] })
  closeSync(log)
  const end: { how: string | null } = { how: null }
  child.once('error', (error) => { end.how = error.message })
  child.once('exit', (code, by) => { end.how ??= by ?? `exit code ${code}` })
  // The last line of postmaster.pid turns to `ready`; the pid proves it is this server's file and not a leftover.
  for (let waited = 0; end.how === null; waited += 10) {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return { child }
    if (signal?.aborted || waited > 60_000) child.kill('SIGQUIT')
    await sleep(10)
  }
  signal?.throwIfAborted()
  return { failure: lastLine(await readFile(logPath, 'utf8').catch(() => '')) || end.how }
}

const exists = (path: string) => stat(path).then(() => true, () => false)
const lastLine = (text: string) => (text.trim().split('\n').findLast((line) => /FATAL|error:|PANIC/.test(line)) ?? text.trim().split('\n').at(-1) ?? '').replace(/^.*?(FATAL|PANIC|error):\s*/, '')
