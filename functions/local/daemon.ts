import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Account } from './account.ts'
import { argumentsOf } from './process.ts'

/** A database server as a child of ours: how it is asked to end, and how it is made to where it does not. Ms. */
export interface Daemon {
  readonly name: string
  readonly ask: NodeJS.Signals; readonly askedMs: number
  readonly force: NodeJS.Signals; readonly forcedMs: number
}
/** What is left of a server to whoever started it. */
export interface Attended {
  /** Resolves when the server is gone. May be called twice. */
  stop(): Promise<void>
  /** Resolves with a sentence when the server ends without having been asked to. */
  readonly ended: Promise<string>
}

export function spawnAs(account: Account, { ask }: Daemon, command: string, args: readonly string[], { cwd, stdio }: { readonly cwd: string; readonly stdio: StdioOptions }): ChildProcess {
  const it = account.wrap(command, args)
  const child = spawn(it.command, [...it.args], { ...it.options, cwd, stdio, env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' } })
  // However this process ends, short of SIGKILL: the child hears of it. After SIGKILL the next start finds the orphan.
  const orphaned = () => { child.kill(ask) }
  process.once('exit', orphaned)
  child.once('exit', () => process.off('exit', orphaned))
  return child
}

export function attend(child: ChildProcess, { name, ask, askedMs, force }: Daemon): Attended {
  let stopping = false
  const gone = new Promise<string>((done) => {
    if (child.exitCode !== null || child.signalCode !== null) done('at once')
    child.once('exit', (code, signal) => done(signal ?? `exit code ${code}`))
  })
  async function stop(): Promise<void> {
    stopping = true
    child.kill(ask)
    const hard = setTimeout(() => child.kill(force), askedMs)
    await gone
    clearTimeout(hard)
  }
  async function end(): Promise<string> {
    const how = await gone
    return stopping ? new Promise<never>(() => {}) : `${name} ended by itself (${how})`
  }
  return { stop, ended: end() }
}

/** A server whose parent was killed holds the data directory. Only one whose arguments say that it does, by `mark`, is ours to stop: the number may be another process's by now. */
export async function stopOrphan(pid: number, mark: string, { name, ask, askedMs, force, forcedMs }: Daemon): Promise<void> {
  const ours = () => argumentsOf(pid)?.includes(` ${mark} `) ?? false
  if (!pid || !ours()) return
  for (const [signal, patienceMs] of [[ask, askedMs], [force, forcedMs]] as const) {
    try { process.kill(pid, signal) } catch { return }
    for (let waited = 0; waited < patienceMs; waited += 20) {
      if (!ours()) return
      await sleep(20)
    }
  }
  throw new Error(`${name} (pid ${pid}) from an earlier start holds \`${mark.replace(/^.*?[ =]/, '')}\` and does not stop`)
}

/** Free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}
