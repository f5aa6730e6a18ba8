import { spawn, type ChildProcess } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { argumentsOf, birthOf } from '../../functions/local/process.ts'
import { openState } from '../../functions/local/state.ts'

const start = join(import.meta.dirname, '../../functions/local/start.ts')
let base: string
let ready: string                                             // a state directory with the demo in it, cleanly stopped
const children: ChildProcess[] = []

interface Started { readonly child: ChildProcess; readonly said: () => string; readonly url: () => string; readonly ready: Promise<boolean>; readonly ended: Promise<number | null> }
function run(args: readonly string[], env: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [start, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', PORT: '0', ...env } })
  children.push(child)
  let text = ''
  const ended = new Promise<number | null>((done) => child.once('close', done))
  const up = new Promise<boolean>((done) => {
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => {
      text += part
      if (text.includes('Sluice is ready on')) done(true)
    })
    child.once('close', () => done(false))
  })
  return { child, said: () => text, url: () => /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] ?? '', ready: up, ended }
}
const status = (url: string, headers: Record<string, string> = {}): Promise<number> => new Promise((done) => {
  request(url, { headers, agent: false }, (response) => {
    response.resume()
    done(response.statusCode ?? 0)
  }).on('error', () => done(0)).end()
})
/** Processes whose arguments name the state directory: PostgreSQL, initdb, and ours. */
async function alive(state: string): Promise<number[]> {
  if (process.platform !== 'linux') return []
  return (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && pid !== process.pid && (argumentsOf(pid)?.includes(state) ?? false))
}
async function folder(name: string): Promise<string> {
  await mkdir(join(base, name))
  return join(base, name)
}
async function stop({ child, ended }: Started, signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
  child.kill(signal)
  return ended
}

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  await chmod(base, 0o711)
  ready = join(base, 'ready')
  const first = run(['--state', ready])
  expect([await first.ready, first.said()]).toEqual([true, expect.anything()])
  expect(await stop(first)).toBe(0)
})
afterEach(() => { for (const child of children.splice(0)) child.kill('SIGKILL') })
afterAll(() => rm(base, { recursive: true, force: true }))

describe('npm start', () => {
  it('ends its words with where it is ready and four commands', async () => {
    const one = run(['--state', ready])
    await one.ready
    await expect.poll(() => (one.said().split('Sluice is ready on')[1] ?? '').split('\n').filter((line) => line.includes('npx sluice')).length).toBe(4)
    expect(one.said().trim().split('\n').at(-6)).toBe(`Sluice is ready on ${one.url()}`)
    expect([await status(one.url(), { accept: 'text/html' }), await status(one.url())]).toEqual([302, 404])    // a browser is led to the pages
    await expect.poll(() => status(`${one.url()}/readyz`)).toBe(200)      // a busy machine may be late with a target's answer
    await stop(one)
  })

  it('keeps its state closed to others on the machine', async () => {
    expect((await stat(ready)).mode & 0o777).toBe(0o711)
    for (const entry of await readdir(ready, { withFileTypes: true })) {
      const mode = (await stat(join(ready, entry.name))).mode & 0o777
      expect([entry.name, entry.isDirectory() ? [0o700, 0o711].includes(mode) : mode === 0o600]).toEqual([entry.name, true])
      if (entry.isDirectory() && mode === 0o711) for (const inner of await readdir(join(ready, entry.name))) expect([inner, (await stat(join(ready, entry.name, inner))).mode & 0o077]).toEqual([inner, 0])
    }
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('on %s stops every child and exits 0', async (signal) => {
    const state = ready
    const one = run(['--state', state])
    await one.ready
    expect(await alive(state)).not.toEqual([])
    expect(await stop(one, signal)).toBe(0)
    expect(await alive(state)).toEqual([])
    await (await openState(state)).release()                      // nobody holds it
  })

  it('interrupted while it starts leaves no child', async () => {
    for (const ms of [50, 400, 1200]) {
      const state = join(base, `interrupted-${ms}`)
      const one = run(['--state', state])
      await new Promise((done) => setTimeout(done, ms))
      await stop(one)
      expect(await alive(state)).toEqual([])
    }
  })

  it('stops when npm is killed outright', async () => {
    const state = ready
    const npm = spawn('sh', ['-c', `PORT=0 npm_lifecycle_event=start "${process.execPath}" "${start}" --state "${state}"; true`], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(npm)
    await new Promise<void>((done) => npm.stdout.on('data', (text: Buffer) => { if (text.includes('ready on')) done() }))
    npm.kill('SIGKILL')
    await expect.poll(() => alive(state)).toEqual([])
  })

  it('killed outright comes up again by itself, the orphaned database first stopped', async () => {
    const state = ready
    const one = run(['--state', state])
    await one.ready
    await stop(one, 'SIGKILL')
    const orphans = await alive(state)
    expect(orphans).not.toEqual([])
    const two = run(['--state', state])
    expect([await two.ready, two.said()]).toEqual([true, expect.not.stringContaining('making the demo')])
    expect(orphans.map(birthOf).every((birth) => birth === null)).toBe(true)
    await stop(two)
    expect(await alive(state)).toEqual([])
  })

  it('killed while it loads the demo loads it anew, whole', async () => {
    const state = join(base, 'loading')
    await mkdir(state)
    const one = run(['--state', state])
    await expect.poll(() => one.said(), { timeout: 50_000, interval: 10 }).toContain('making the demo')
    await stop(one, 'SIGKILL')
    const two = run(['--state', state])
    expect(await two.ready).toBe(true)
    expect(two.said()).toContain('making the demo')
    await stop(two)
    const three = run(['--state', state])
    expect(await three.ready).toBe(true)
    expect(three.said()).not.toContain('making the demo')
    await stop(three)
  }, 180_000)

  it('a second time says that the first is running, and where', async () => {
    const one = run(['--state', ready])
    await one.ready
    const two = run(['--state', ready])
    expect(await two.ended).toBe(1)
    expect(two.said()).toContain(`sluice is already running on ${one.url()} (pid ${one.child.pid})`)
    expect(await status(`${one.url()}/healthz`)).toBe(200)
    await stop(one)
  })

  it('of one run keeps nothing', async () => {
    const before = new Set(await readdir(tmpdir()))
    const one = run(['--ephemeral'])
    expect(await one.ready).toBe(true)
    await stop(one)
    expect((await readdir(tmpdir())).filter((name) => /^sluice-[A-Za-z0-9]{6}$/.test(name) && !before.has(name))).toEqual([])
  })

  it('answers to a loopback name only, so that no page reaches the identity provider by a name of its own', async () => {
    const one = run(['--state', ready])
    await one.ready
    const port = new URL(one.url()).port
    expect(await status(`${one.url()}/healthz`, { host: 'rebound.example' })).toBe(421)
    expect(await status(`${one.url()}/dev/oidc/jwks`, { host: `rebound.example:${port}` })).toBe(421)
    expect(await status(`${one.url()}/dev/oidc/jwks`, { host: `127.0.0.1.rebound.example:${port}` })).toBe(421)
    expect(await status(`${one.url()}/dev/oidc/jwks`, { host: `localhost:${port}` })).toBe(200)
    await stop(one)
  })
})

describe('what cannot start', () => {
  const refusal = async (args: readonly string[], env?: Record<string, string>): Promise<string> => {
    const one = run(args, env)
    expect(await one.ended).toBe(1)
    return one.said().trim()
  }
  const sample = async (name: string): Promise<string> => {
    const policy = join(base, name)
    await mkdir(policy, { recursive: true })
    await writeFile(join(policy, 'role.yaml'), 'version: 1\nkind: role\nname: all\nmembers:\n  - everyone: true\nrules: []\n')
    return policy
  }

  it('says one line: a busy port, wrong options, a cluster', async () => {
    const taken = createServer()
    await new Promise<void>((done) => { taken.listen(0, '127.0.0.1', done) })
    const address = taken.address()
    const port = String(typeof address === 'object' ? address?.port : 0)
    expect(await refusal(['--state', ready], { PORT: port })).toBe(`sluice: port ${port} is in use by another program; PORT=… chooses others: that one and the two after it`)
    taken.close()
    expect(await refusal(['--state', base], { PORT: 'http' })).toBe('sluice: PORT is `http`, which is no port')
    expect(await refusal(['--state', base, '--kubeconfig', 'x'])).toMatch(/^sluice: with a cluster that is not the demo's, say who vouches for callers/)
    expect(await refusal(['--state', base, '--kubeconfig', join(base, 'nowhere'), '--unsafe-local-identity'])).toMatch(/--kubeconfig: `.*nowhere` cannot be read \(ENOENT\)$/)
    expect(await refusal(['--ephemeral', '--state', 'x'])).toMatch(/^sluice: --ephemeral keeps nothing/)
    expect(await refusal(['--policy', join(base, 'nowhere'), '--unsafe-local-identity'])).toMatch(/^sluice: there is no policy directory `.*nowhere`$/)
    expect(await refusal(['--unknown'])).toMatch(/^sluice: .*--unknown.*\nnpm start -- /)
    await writeFile(join(base, 'plain'), '')
    expect(await refusal(['--state', join(base, 'plain/x')])).toMatch(/^sluice: the state directory `.*plain\/x` cannot be made or changed \(ENOTDIR\); --state DIR names another$/)
    const asked = run(['--help'])
    expect([await asked.ended, asked.said()]).toEqual([0, expect.stringMatching(/^npm start -- .*--reindex/)])
  })

  it('says one line where the state is corrupt, and what to delete', async () => {
    const state = await folder('corrupt')
    await mkdir(join(state, 'postgres', 'data'), { recursive: true })
    await writeFile(join(state, 'postgres', 'password'), 'x'.repeat(48))
    await writeFile(join(state, 'postgres', 'data', 'PG_VERSION'), '9\n')
    expect(await refusal(['--state', state])).toMatch(/^sluice: corrupt state: `.*` is of postgresql 9, the server is 18; delete it$/)
    expect(await alive(state)).toEqual([])
    const keys = await folder('keys')
    await writeFile(join(keys, 'keys.json'), '{')
    expect(await refusal(['--state', keys])).toMatch(/^sluice: `.*keys.json` is not a json object of strings$/)
  })

  it('wants to know who vouches for callers as soon as it is not the demo alone', async () => {
    const policy = await sample('wants')
    expect(await refusal(['--state', ready, '--policy', policy])).toMatch(/another policy than the demo's, say who vouches.*--issuer FILE.*--unsafe-local-identity/)
    expect(await refusal(['--state', ready], { SLUICE_SECRET_SHOP_READ: 'postgres://a:b@db.example/c' })).toMatch(/a secret that is not the demo's/)
    const state = await folder('foreign')
    await writeFile(join(state, 'secrets.json'), '{"other": "postgres://a:b@db.example/c"}')
    expect(await refusal(['--state', state])).toMatch(/a secret that is not the demo's/)
  })

  it('with a real issuer has no local identity; with --unsafe-local-identity says so, here and on record', async () => {
    const policy = await sample('issuers')
    const issuer = join(base, 'okta.yaml')
    await writeFile(issuer, 'version: 1\nkind: issuer\nname: okta\nissuer: https://acme.okta.com\naudience: https://sluice.acme.dev\ngroups: { claim: groups, accept: [analysts] }\nagents: { subject: "agent:{sub}" }\n')
    const state = ready
    const real = run(['--state', state, '--policy', policy, '--issuer', issuer])
    expect([await real.ready, real.said()]).toEqual([true, expect.anything()])
    expect(await status(`${real.url()}/dev/oidc/jwks`)).toBe(404)
    await expect.poll(() => real.said()).toMatch(/npx sluice login\n[^]*npx sluice audit list/)
    expect(real.said().split('Sluice is ready on')[1]).toContain(`export SLUICE_URL=${real.url()}\n`)
    expect(real.said().split('Sluice is ready on')[1]).not.toMatch(/sluice token|CONNECTION|customers/)
    await stop(real)
    const unsafe = run(['--state', state, '--policy', policy, '--unsafe-local-identity'])
    expect(await unsafe.ready).toBe(true)
    expect(unsafe.said()).toContain('! --unsafe-local-identity: whoever reaches this port can be anybody')
    expect(unsafe.said()).toMatch(/is not the one in force \([0-9a-f]{12}\); to put it in force: npx sluice policy apply/)
    expect(await status(`${unsafe.url()}/dev/oidc/jwks`)).toBe(200)
    await stop(unsafe)
    expect((await readdir(state)).filter((name) => name.startsWith('dynamodb')).length).toBe(2)   // another policy's record is not the demo's
  })
})
