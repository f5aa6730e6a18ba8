import type { ChildProcess, StdioOptions } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, chmod, constants, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { chooseAccount, give, type Account } from './account.ts'
import { attend, freePort, spawnAs, stopOrphan, type Attended, type Daemon } from './daemon.ts'

export interface MariaDbOptions {
  /** Holds `data/` and `log`; made when missing. The caller is its only user. */
  readonly directory: string
  /** Path of `mariadbd` or `mysqld`; default: the first on PATH or where packages put it. */
  readonly binary?: string
  /** Settings beyond ours, as on its command line without the dashes. */
  readonly settings?: Readonly<Record<string, string>>
  /** Aborted: whatever was started is stopped, and startMariaDb throws. */
  readonly signal?: AbortSignal
}
export interface MariaDb extends Attended {
  readonly port: number
  /** `mysql://sluice:…@127.0.0.1:port/mysql`: may do everything; the password is of this start. */
  readonly superuserUrl: string
  readonly binary: string
  readonly pid: number
}
export class NoMariaDb extends Error {}
/** SIGKILL: the next start recovers from its log. */
const daemon: Daemon = { name: 'mariadb', ask: 'SIGTERM', askedMs: 10_000, force: 'SIGKILL', forcedMs: 2000 }
const stdio: StdioOptions = ['ignore', 'pipe', 'pipe']
/** For whoever lacks one. */
export const howToInstall = process.platform === 'darwin' ? 'brew install mariadb' : 'apt-get install mariadb-server'

/**
 * Starts a real MariaDB or MySQL that listens on 127.0.0.1 only. A data directory appears whole or not at all, and a server that a killed parent left behind is stopped first. Throws one clear line;
 * NoMariaDb where there is no server on this machine.
 */
export async function startMariaDb(options: MariaDbOptions): Promise<MariaDb> {
  const directory = resolve(options.directory)
  const binary = options.binary ?? await findServer()
  if (binary === null) throw new NoMariaDb(`no mariadb or mysql server is installed: ${howToInstall}`)
  await mkdir(directory, { recursive: true, mode: 0o711 })
  await chmod(directory, 0o711)                                   // the server's account must pass through; what is in it is closed
  const account = await chooseAccount([directory])
  const data = join(directory, 'data')
  await stopOrphan(Number((await readFile(join(data, 'server.pid'), 'utf8').catch(() => '')).trim()), `--datadir=${data}`, daemon)
  await create(data, binary, account, options.signal)
  const password = randomBytes(18).toString('hex')
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const started = await launch({ data, binary, account, port, password, more: options.settings ?? {} }, options.signal)
    if ('child' in started) return { port, superuserUrl: `mysql://sluice:${password}@127.0.0.1:${port}/mysql`, binary, pid: started.child.pid ?? 0, ...attend(started.child, daemon) }
    if (attempt === 3 || !/bind|in use/i.test(started.failure)) throw new Error(`mariadb did not start: ${started.failure}`)   // the free port may be taken between our look and its bind
  }
}

const folders = ['/usr/sbin', '/usr/libexec', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin', '/usr/local/mysql/bin']
/** null: none on this machine. */
export async function findServer(): Promise<string | null> {
  const all = [...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...folders]
  for (const name of ['mariadbd', 'mysqld']) for (const folder of all) if (await runs(join(folder, name))) return join(folder, name)
  return null
}
const runs = (path: string) => access(path, constants.X_OK).then(() => true, () => false)

/** Into a folder of its own, then one rename: killed in between, the next start finds no `data` and begins anew. */
async function create(data: string, binary: string, account: Account, signal?: AbortSignal): Promise<void> {
  const parent = resolve(data, '..')
  for (const entry of await readdir(parent)) if (entry.startsWith('install-')) await rm(join(parent, entry), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }).catch(() => {})
  if (await stat(data).then(() => true, () => false)) {
    if (!await stat(join(data, 'mysql')).then(() => true, () => false)) throw new Error(`corrupt state: \`${data}\` is no data directory of mariadb; delete it`)
    return give(data, account.owner)
  }
  await install(parent, data, binary, account, signal).catch((error: unknown) => {
    signal?.throwIfAborted()
    if (!(error instanceof Unmade)) throw error
    return install(parent, data, binary, account, signal)             // it starts a server to do it, which a busy machine may refuse once
  })
}
class Unmade extends Error {}
async function install(parent: string, data: string, binary: string, account: Account, signal?: AbortSignal): Promise<void> {
  const work = join(parent, `install-${randomBytes(4).toString('hex')}`)
  await mkdir(work, { mode: 0o711 })
  await mkdir(join(work, 'data'), { mode: 0o700 })
  await give(work, account.owner)
  const installer = await findInstaller(binary)
  const args = installer === null ? ['--no-defaults', '--initialize-insecure', `--datadir=${join(work, 'data')}`, ownIo]
    : ['--no-defaults', `--datadir=${join(work, 'data')}`, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve', '--innodb-log-file-size=16M', ownIo]
  const child = spawnAs(account, daemon, installer ?? binary, args, { cwd: work, stdio })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-8192) })
  const code = await new Promise((done) => {
    const abort = () => { child.kill('SIGKILL'); done(-1) }         // the script's own server may live a moment longer; the next start removes what it makes
    signal?.addEventListener('abort', abort)
    child.once('close', (it) => { signal?.removeEventListener('abort', abort); done(it) }).once('error', (error) => { said += error.message; done(-1) })
  })
  signal?.throwIfAborted()
  if (code !== 0) throw new Unmade(`making the data directory failed: ${lastLine(said)}`)
  await rename(join(work, 'data'), data)
  await rm(work, { recursive: true, force: true })
}
/** The kernel's queues for it are few, and of all processes on the machine together: with none left a server does not start. */
const ownIo = '--innodb-use-native-aio=0'
/** MariaDB has a script for it, beside its server or one folder over; MySQL's server does it itself. */
async function findInstaller(binary: string): Promise<string | null> {
  for (const name of ['mariadb-install-db', 'mysql_install_db']) {
    for (const folder of [dirname(binary), join(dirname(binary), '../bin'), join(dirname(binary), '../scripts'), '/usr/bin']) if (await runs(join(folder, name))) return join(folder, name)
  }
  return null
}

interface Start { readonly data: string; readonly binary: string; readonly account: Account; readonly port: number; readonly password: string; readonly more: Readonly<Record<string, string>> }
const settings = ({ data, port, more }: Start, init: string): readonly string[] => ['--no-defaults', `--datadir=${data}`, ...Object.entries({
  port: String(port), 'bind-address': '127.0.0.1', socket: 's.sock', 'pid-file': 'server.pid', 'init-file': init, 'skip-name-resolve': '1', 'max-connections': '150',
  'innodb-buffer-pool-size': '32M', 'innodb-log-file-size': '16M', 'skip-log-bin': '1', 'local-infile': '0', 'character-set-server': 'utf8mb4', 'collation-server': 'utf8mb4_unicode_ci', 'secure-file-priv': join(data, '../files'),
  tmpdir: join(data, '../tmp'),                                    // its temporary tables are named by its pid, which in a namespace of its own another server has too
  'innodb-use-native-aio': '0', ...more,
}).map(([name, value]) => `--${name}=${value}`)]

/** The account that may do everything is made before the first connection is taken, and no other way in stays open: the file that names its password is gone when the server is up. */
async function launch(start: Start, signal?: AbortSignal): Promise<{ child: ChildProcess } | { failure: string }> {
  signal?.throwIfAborted()
  const { data, binary, account, port, password } = start
  const [init, files, temporary] = [join(data, '../init.sql'), join(data, '../files'), join(data, '../tmp')]
  for (const folder of [files, temporary]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await give(folder, account.owner)
  }
  await writeFile(init, [`CREATE USER IF NOT EXISTS 'sluice'@'127.0.0.1'`, `ALTER USER 'sluice'@'127.0.0.1' IDENTIFIED BY '${password}'`, `GRANT ALL ON *.* TO 'sluice'@'127.0.0.1' WITH GRANT OPTION`,
    `ALTER USER 'root'@'localhost' ACCOUNT LOCK`, `DROP USER IF EXISTS ''@'localhost', ''@'127.0.0.1', 'root'@'127.0.0.1', 'root'@'::1'`].map((line) => `${line};\n`).join(''), { mode: 0o600 })
  await give(init, account.owner)
  const child = spawnAs(account, daemon, binary, settings(start, init), { cwd: data, stdio })
  const end: { how: string | null } = { how: null }
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-8192) })
  child.once('error', (error) => { end.how = error.message })
  child.once('exit', (code, by) => { end.how ??= by ?? `exit code ${code}` })
  try {
    for (let waited = 0; end.how === null; waited += 20) {
      if (await answers(port, password)) return { child }
      if (signal?.aborted || waited > 60_000) child.kill('SIGKILL')
      await sleep(20)
    }
  } finally {
    await rm(init, { force: true })
  }
  signal?.throwIfAborted()
  return { failure: lastLine(said) || end.how }
}
async function answers(port: number, password: string): Promise<boolean> {
  try {
    const connection = await createConnection({ host: '127.0.0.1', port, user: 'sluice', password, connectTimeout: 2000 })
    await connection.end()
    return true
  } catch {
    return false
  }
}

const lastLine = (text: string) => (text.trim().split('\n').findLast((line) => /\[ERROR\]|FATAL/.test(line) && !/Aborting$/.test(line)) ?? text.trim().split('\n').at(-1) ?? '').replace(/^.*?\[ERROR\]\s*/, '')
