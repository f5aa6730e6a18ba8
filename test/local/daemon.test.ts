import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Account } from '../../functions/local/account.ts'
import { attend, freePort, spawnAs, stopOrphan, type Daemon } from '../../functions/local/daemon.ts'
import { argumentsOf } from '../../functions/local/process.ts'

const account = { wrap: (command: string, args: readonly string[]) => ({ command, args, options: {} }) } as unknown as Account
const daemon: Daemon = { name: 'it', ask: 'SIGINT', askedMs: 200, force: 'SIGKILL', forcedMs: 5000 }
const children: ChildProcess[] = []
afterEach(() => { for (const child of children.splice(0)) child.kill('SIGKILL') })
/** A process that says when it listens to signals. `deaf`: it does not end when it is asked to. `more`: arguments of its own. */
async function started(deaf = false, ...more: readonly string[]): Promise<ChildProcess> {
  const child = spawnAs(account, daemon, process.execPath, ['-e', `${deaf ? "process.on('SIGINT', () => {});" : ''}setInterval(() => {}, 1000); process.stdout.write('ready')`, '--', ...more], { cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  await new Promise<void>((done) => child.stdout?.once('data', () => { done() }))
  return child
}
const silent = (ended: Promise<string>) => Promise.race([ended, new Promise((done) => { setImmediate(() => setImmediate(() => done('nothing'))) })])

test('a server that is stopped says nothing of its end, however often it is stopped', async () => {
  const { stop, ended } = attend(await started(), daemon)
  await Promise.all([stop(), stop()])
  await stop()
  expect(await silent(ended)).toBe('nothing')
})
test('one that does not end when it is asked to is made to', async () => {
  const child = await started(true)
  await attend(child, daemon).stop()
  expect(child.signalCode).toBe('SIGKILL')
})
test('one that ends by itself says how, also where it was gone before anybody looked', async () => {
  const child = await started()
  const { ended } = attend(child, daemon)
  child.kill('SIGTERM')
  expect([await ended, await attend(child, daemon).ended]).toEqual(['it ended by itself (SIGTERM)', 'it ended by itself (at once)'])
})
test('of an earlier start only a process whose arguments say so is stopped, and it is waited for', async () => {
  const [left, other] = [await started(true, '-D', '/some/data', 'x'), await started(false, '-D', '/some/data-2', 'x')]
  await stopOrphan(other.pid ?? 0, '-D /some/data', daemon)
  await stopOrphan(NaN, '-D /some/data', daemon)
  expect([argumentsOf(left.pid ?? 0), argumentsOf(other.pid ?? 0)].map((args) => args !== null)).toEqual([true, true])
  await stopOrphan(left.pid ?? 0, '-D /some/data', daemon)
  expect(argumentsOf(left.pid ?? 0)).toBeNull()
  expect(argumentsOf(other.pid ?? 0)).not.toBeNull()
})
test('one that cannot be stopped is told of by its directory', async () => {
  const left = await started(true, '--datadir=/some/data', 'x')
  await expect(stopOrphan(left.pid ?? 0, '--datadir=/some/data', { ...daemon, force: 'SIGINT', forcedMs: 100 })).rejects.toThrow(/^it \(pid \d+\) from an earlier start holds `\/some\/data` and does not stop$/)
})
test('a port can be listened on', async () => {
  const port = await freePort()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  expect(server.address()).toMatchObject({ port })
  server.close()
})
