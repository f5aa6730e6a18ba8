import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import ssh2 from 'ssh2'

/** OpenSSH's own server, where this machine has one. */
export const sshd = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path)) ?? null
export const noSshd = 'no sshd on this machine: apt-get install openssh-server'
/** Whoever runs the tests: a server that is not root lets nobody else in. */
export const me = userInfo().username

export interface Sshd {
  readonly port: number
  readonly hostKey: string
  /** The value of a connection's secret, as the authority or as the login's own key. */
  readonly certified: string; readonly keyed: string
  /** What sshd wrote of its logins. */
  log(): string
  stop(): Promise<void>
  start(): Promise<void>
}

/** A server of its own with a key of its own, which trusts one authority and one key. `lines`: more of its configuration. */
export async function startSshd(lines: readonly string[] = []): Promise<Sshd> {
  if (sshd === null) throw new Error(noSshd)
  const directory = mkdtempSync(join(tmpdir(), 'sluice-sshd-'))
  const port = await freePort()
  const keygen = (name: string): string => { execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(directory, name)]); return readFileSync(join(directory, `${name}.pub`), 'utf8') }
  const [hostKey] = [keygen('host'), keygen('authority')]
  const own = ssh2.utils.generateKeyPairSync('ed25519')
  writeFileSync(join(directory, 'authorized_keys'), `restrict ${own.public}\n`)
  const log = join(directory, 'log')
  writeFileSync(log, '')
  writeFileSync(join(directory, 'config'), [
    `Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${join(directory, 'host')}`, `PidFile ${join(directory, 'pid')}`, `TrustedUserCAKeys ${join(directory, 'authority.pub')}`, `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
    'StrictModes no', 'UsePAM no', 'PermitRootLogin yes', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'LogLevel VERBOSE', 'MaxStartups 100:30:200', ...lines, '',
  ].join('\n'))
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  let child: ReturnType<typeof spawn> | null = null
  const start = async (): Promise<void> => {
    child = spawn(sshd, ['-D', '-f', join(directory, 'config'), '-E', log], { stdio: 'ignore' })
    for (let waited = 0; !readFileSync(log, 'utf8').includes('Server listening'); waited++) {
      if (child.exitCode !== null || waited > 200) throw new Error(`sshd did not start: ${readFileSync(log, 'utf8')}`)
      await pause(25)
    }
  }
  const stop = async (): Promise<void> => {
    const ending = child
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return
    await new Promise<void>((resolve) => { ending.once('exit', () => { resolve() }); ending.kill('SIGKILL') })
  }
  await start()
  const url = `ssh://${me}@127.0.0.1:${port}`
  return {
    port, hostKey, certified: JSON.stringify({ url, hostKeys: hostKey, authority: readFileSync(join(directory, 'authority'), 'utf8') }), keyed: JSON.stringify({ url, hostKeys: [hostKey], privateKey: own.private }),
    log: () => readFileSync(log, 'utf8'), start,
    stop: async () => { await stop(); rmSync(directory, { recursive: true, force: true }) },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => { const address = server.address(); server.close(() => { resolve(typeof address === 'object' && address !== null ? address.port : 0) }) })
  })
}
