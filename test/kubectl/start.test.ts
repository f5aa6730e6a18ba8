import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kubectl, kubectlToTest } from './kubectl.ts'

/** `npm start` as a user has it: the kubeconfig it writes, kubectl's own call of the command in it, the demo's policy. */
const start = join(import.meta.dirname, '../../functions/local/start.ts')
const binary = kubectlToTest()
let directory: string
const children: ChildProcess[] = []
interface Started { readonly said: () => string; readonly ready: Promise<boolean>; stop(): Promise<number | null> }
function run(args: readonly string[]): Started {
  const child = spawn(process.execPath, [start, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', PORT: '0' } })
  children.push(child)
  let text = ''
  const ended = new Promise<number | null>((done) => child.once('close', done))
  const ready = new Promise<boolean>((done) => {
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => { text += part; if (text.includes('Sluice is ready on')) done(true) })
    child.once('close', () => done(false))
  })
  return { said: () => text, ready, stop: () => { child.kill('SIGINT'); return ended } }
}
beforeAll(async () => { directory = await mkdtemp(join(tmpdir(), 'sluice-kubectl-start-')) })
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

describe.skipIf(binary === null)('kubectl with the kubeconfig that npm start writes', () => {
  it('reads masked as the demo\'s agent, asks to scale out and not in, and is the platform under another context', async () => {
    const state = join(directory, 'state')
    const started = run(['--state', state])
    expect([await started.ready, started.said()]).toEqual([true, expect.stringContaining(`kubectl --kubeconfig ${state}/kubeconfig`)])
    expect((await stat(join(state, 'kubeconfig'))).mode & 0o777).toBe(0o600)
    const call = (...args: string[]) => kubectl(binary ?? '', join(state, 'kubeconfig'), directory, args)
    expect((await call('get', 'pods', '-n', 'web', '-o', 'name')).out.trim().split('\n')).toHaveLength(3)
    expect(Buffer.from((await call('get', 'secret', 'front-db', '-n', 'web', '-o', 'jsonpath={.data.password}')).out, 'base64').toString()).toBe('[redacted]')
    expect(await call('scale', 'deployment', 'front', '-n', 'web', '--replicas=1')).toMatchObject({ code: 0, out: expect.stringContaining('scaled') as string })
    expect(await call('scale', 'deployment', 'front', '-n', 'web', '--replicas=3')).toMatchObject({ code: 1, err: expect.stringMatching(/request arq_[0-9A-Z]{26} waits for 1 of support-leads/) as string })
    expect(await call('delete', 'pod', 'any', '-n', 'web')).toMatchObject({ code: 1, err: expect.stringMatching(/Forbidden.*`delete` on `pods`/s) as string })
    expect(await call('exec', 'deploy/front', '-n', 'web', '--', 'id')).toMatchObject({ code: 1, err: expect.stringContaining('no terminals, tunnels or copies') as string })
    expect((await call('get', 'nodes')).code).toBe(1)
    expect((await call('--context', 'cluster-platform', 'get', 'nodes', '-o', 'name')).out).toBe('node/node-1\n')
    const env = { PATH: process.env['PATH'], HOME: directory, SLUICE_URL: /Sluice is ready on (\S+)/.exec(started.said())?.[1] ?? '' }
    const sluice = (args: readonly string[], more = {}) => promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../bin/sluice.js'), ...args], { env: { ...env, ...more } })
    const { stdout: token } = await sluice(['token', '--subject', 'user:piotr@acme.dev', '--group', 'platform'])
    expect((await sluice(['grants', 'cluster'], { SLUICE_TOKEN: token.trim() })).stderr).toContain('have what they need and no more')      // the second wall is as narrow as the policy
    expect(await started.stop()).toBe(0)
  }, 120_000)
})

describe('npm start -- --kubeconfig', () => {
  it('wants to be told who vouches for callers, and says so before anything is started', async () => {
    const file = join(directory, 'real')
    await writeFile(file, '{}')
    const started = run(['--state', join(directory, 'other'), '--kubeconfig', file])
    expect(await started.ready).toBe(false)
    expect(started.said()).toContain('with a cluster that is not the demo\'s, say who vouches for callers: --issuer FILE, or --unsafe-local-identity')
  }, 120_000)
})
