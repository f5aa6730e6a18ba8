import { execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** OpenSSH's own server, where this machine has one. */
export const sshd = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path)) ?? null
export const noSshd = 'no sshd on this machine: apt-get install openssh-server'
/** Whoever runs the tests: a server that is not root lets nobody else in. */
export const me = userInfo().username

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa'
/** Somebody else with a shell, whom a server of root's lets in with rights of their own; null: nobody. */
export const somebody = process.getuid?.() !== 0 ? null : readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':')).find(([, , uid, , , , shell]) => Number(uid) > 0 && /\/(?:ba|da)?sh$/.test(shell ?? ''))?.[0] ?? null

export interface Sshd {
  readonly port: number
  /** Of it: its configuration, its keys, and whatever a test lays there. */
  readonly directory: string
  /** A line each, as `hostKeys` of a secret takes them. */
  readonly hostKey: string
  /** The value of a connection's secret, as the authority or as the login's own key. */
  readonly certified: string; readonly keyed: string
  /** What sshd wrote of its logins. */
  log(): string
  stop(): Promise<void>
  start(): Promise<void>
  /** The server and everybody who is logged in, at once, as a host that loses its power. */
  kill(): Promise<void>
}
/** `hosts`: its host keys; `own`: the kind of the login's own key. */
interface Kinds { readonly hosts?: readonly KeyType[]; readonly own?: KeyType }

/** A server of its own with a key of its own, which trusts one authority and one key. `lines`: more of its configuration. */
export async function startSshd(lines: readonly string[] = [], { hosts = ['ed25519'], own: ownType = 'ed25519' }: Kinds = {}): Promise<Sshd> {
  if (sshd === null) throw new Error(noSshd)
  const directory = mkdtempSync(join(tmpdir(), 'sluice-sshd-'))
  const port = await freePort()
  const keygen = (name: string, type: KeyType): string => { execFileSync('ssh-keygen', ['-q', '-t', type, ...(type === 'rsa' ? ['-b', '2048'] : []), '-N', '', '-C', name, '-f', join(directory, name)]); return readFileSync(join(directory, `${name}.pub`), 'utf8') }
  const hostKey = hosts.map((type) => keygen(`host-${type}`, type)).join('')
  keygen('authority', 'ed25519')
  const ownPublic = keygen('own', ownType)
  writeFileSync(join(directory, 'authorized_keys'), `restrict ${ownPublic}`)
  chmodSync(directory, 0o711)                                         // sshd reads it as whoever logs in
  const log = join(directory, 'log')
  writeFileSync(log, '')
  writeFileSync(join(directory, 'config'), [
    ...lines,                                                          // the first of a name counts
    `Port ${port}`, 'ListenAddress 127.0.0.1', ...hosts.map((type) => `HostKey ${join(directory, `host-${type}`)}`), `PidFile ${join(directory, 'pid')}`, `TrustedUserCAKeys ${join(directory, 'authority.pub')}`, `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
    'StrictModes no', 'UsePAM no', 'PermitRootLogin yes', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'LogLevel VERBOSE', 'MaxStartups 100:30:200',
    'SetEnv SHLVL=2', '',                                              // bash reads no `.bashrc` of whoever runs the tests, which may write what it likes,
  ].join('\n'))
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  let child: ReturnType<typeof spawn> | null = null
  const start = async (): Promise<void> => {
    // It ends with whoever started it, whatever becomes of them: a shell waits for the end of its input.
    child = spawn('sh', ['-c', '"$@" & server=$!; read -r _; kill -9 $server; wait $server', 'sh', sshd, '-D', '-f', join(directory, 'config'), '-E', log], { stdio: ['pipe', 'ignore', 'ignore'] })
    for (let waited = 0; !readFileSync(log, 'utf8').includes('Server listening'); waited++) {
      if (waited > 200) { child.stdin?.end(); throw new Error(`sshd did not start: ${readFileSync(log, 'utf8')}`) }
      await pause(25)
    }
  }
  const stop = async (): Promise<void> => {
    const ending = child
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return
    await new Promise<void>((resolve) => { ending.once('exit', () => { resolve() }); ending.stdin?.end() })
  }
  await start()
  const url = `ssh://${me}@127.0.0.1:${port}`
  return {
    port, directory, hostKey, certified: JSON.stringify({ url, hostKeys: hostKey, authority: readFileSync(join(directory, 'authority'), 'utf8') }), keyed: JSON.stringify({ url, hostKeys: [hostKey], privateKey: readFileSync(join(directory, 'own'), 'utf8') }),
    log: () => readFileSync(log, 'utf8'), start,
    async kill() {
      const within = childrenOf(child?.pid ?? 0)
      await stop()
      for (const pid of within) try { process.kill(pid, 'SIGKILL') } catch { /* it is gone */ }
      writeFileSync(log, '')
    },
    stop: async () => { await stop(); rmSync(directory, { recursive: true, force: true }) },
  }
}

/** And theirs. Debian's sshd forks one for each login, and one more with the login's rights. */
function childrenOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((one) => one !== '').map(Number)
  return children.flatMap((child) => [child, ...childrenOf(child)])
}

/** Below those that the kernel gives to whoever asks for any: of these nobody takes it before sshd does. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + randomInt(12_000)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => { resolve(false) })
      server.listen(port, '127.0.0.1', () => { server.close(() => { resolve(true) }) })
    })
    if (free) return port
  }
}
