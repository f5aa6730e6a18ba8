import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

/** bin/sluice.js as npm runs it: by this node, and by one that says it is old and must hand over to the one installed beside it. */
const root = join(import.meta.dirname, '../..')
const launcher = join(root, 'bin/sluice.js')
const old = ['--import', 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.19.0"})']
const packaged = existsSync(join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin/node'))

function start(nodeArguments: readonly string[], args: readonly string[]) {
  const child = spawn(process.execPath, [...nodeArguments, launcher, ...args], { env: { PATH: process.env['PATH'], HOME: '/nowhere', SLUICE_TOKEN: 'x', SLUICE_URL: 'http://127.0.0.1:9' }, stdio: ['pipe', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString() })
  const ended = new Promise<{ code: number | null; signal: string | null; out: string; err: string }>((resolve) => child.on('close', (code, signal) => resolve({ code, signal, out, err })))
  return { child, ended }
}

describe.each([['a node that reads TypeScript', []], ['an older node', old]])('by %s', (_name, nodeArguments) => {
  test.skipIf(nodeArguments.length > 0 && !packaged)('the exit code is the command\'s', async () => {
    expect(await start(nodeArguments, ['--help']).ended).toMatchObject({ code: 0, out: expect.stringContaining('sluice COMMAND') })
    expect(await start(nodeArguments, ['nonsense']).ended).toMatchObject({ code: 3, out: '' })
    expect(await start(nodeArguments, ['me']).ended).toMatchObject({ code: 1, err: expect.stringMatching(/does not answer \((ECONNREFUSED|bad port)\)/) })
  })

  test.skipIf((nodeArguments.length > 0 && !packaged) || !existsSync('/dev/full'))('what a full disk does not take is a failure', async () => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [...nodeArguments, launcher, '--help'], { env: { PATH: process.env['PATH'], HOME: '/nowhere' }, stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    let err = ''
    child.stderr?.on('data', (chunk: Buffer) => { err += chunk.toString() })
    expect([await new Promise((resolve) => child.on('close', resolve)), err]).toEqual([1, 'standard output cannot be written (ENOSPC)\n'])
  })

  test.skipIf(nodeArguments.length > 0 && !packaged)('a signal ends the command and shows as one', async () => {
    const { child, ended } = start(nodeArguments, ['query', 'shop', '--file', '-'])
    await new Promise((resolve) => setTimeout(resolve, 700))
    child.kill('SIGTERM')
    const { code, signal } = await ended
    expect([null, 143]).toContain(code)
    expect(signal ?? 'SIGTERM').toBe('SIGTERM')
  })
})
