import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keptFile, storedToken } from '../../functions/cli/kept.ts'
import { login } from '../../functions/cli/login.ts'
import { exit, Stop, type Terminal } from '../../functions/cli/terminal.ts'
import { token } from '../../functions/cli/token.ts'
import { raw, signIn, stand } from '../local/stand.ts'

let here: Awaited<ReturnType<typeof stand>>
let home: string
beforeAll(async () => {
  here = await stand()
  home = await mkdtemp(join(tmpdir(), 'login-'))
})
afterAll(async () => {
  await here.close()
  await rm(home, { recursive: true })
})

function terminal(url = here.url) {
  const written = { out: '', err: '' }
  const end: Terminal = {
    out: (text) => void (written.out += text), err: (text) => void (written.err += text), input: async () => '',
    env: { SLUICE_URL: url, XDG_CONFIG_HOME: home }, columns: null, color: false,
  }
  return { written, terminal: end, world: { terminal: end, gate: () => Promise.reject(new Error('no gate is needed')) } }
}
const until = async <T>(read: () => T | undefined): Promise<T> => {
  for (;;) {
    const value = read()
    if (value !== undefined) return value
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
const shown = (written: { readonly err: string }) => until(() => /http:\S+\/auth\?\S+/.exec(written.err)?.[0])

test('a person signs in through a browser and the token is kept, for this gate and this user only', async () => {
  const { written, world } = terminal()
  const done = login.run([], world)
  const page = await shown(written)
  const callback = await signIn(page, { person: 'user:omar@acme.dev' })
  // Somebody else's page tries first: another state, another host, another path. None of it ends the sign-in.
  const wrong = new URL(callback)
  wrong.searchParams.set('state', 'x')
  expect((await raw(wrong.href, {})).status).toBe(404)
  expect((await raw(callback, { host: 'evil.example' })).status).toBe(404)
  expect((await raw(callback, {}, 'POST')).status).toBe(404)
  expect((await fetch(callback)).status).toBe(200)
  expect(await done).toBe(exit.done)
  const kept = await storedToken(here.url, world.terminal.env)
  expect(JSON.parse(Buffer.from(kept?.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({ sub: 'user:omar@acme.dev', groups: ['support-leads'], aud: here.url })
  expect(written.err + written.out).not.toContain(kept)
  expect((await stat(keptFile(world.terminal.env))).mode & 0o777).toBe(0o600)
  expect((await stat(join(home, 'sluice'))).mode & 0o777).toBe(0o700)
  expect(await storedToken('https://other.dev', world.terminal.env)).toBeNull()
  expect(await storedToken(here.url, world.terminal.env, Date.now() + 3600_000)).toBeNull()
})

test('what the issuer refuses is told, and the exit code says denied', async () => {
  const { written, world } = terminal()
  const done = login.run([], world).catch((error: unknown) => error)
  const page = new URL(await shown(written))
  const back = new URL(page.searchParams.get('redirect_uri') ?? '')
  for (const [name, value] of [['state', page.searchParams.get('state') ?? ''], ['iss', `${here.url}/dev/oidc`], ['error', 'access_denied'], ['error_description', 'no \u001b[31m way']] as const) back.searchParams.set(name, value)
  await fetch(back)
  const error = await done
  expect(error).toBeInstanceOf(Stop)
  expect(error).toMatchObject({ code: exit.denied })
  expect((error as Stop).message).not.toContain('\u001b')
})

test('an answer of another issuer is not redeemed', async () => {
  const { written, world } = terminal()
  const done = login.run([], world).catch((error: unknown) => error)
  const page = new URL(await shown(written))
  const back = new URL(page.searchParams.get('redirect_uri') ?? '')
  for (const [name, value] of [['state', page.searchParams.get('state') ?? ''], ['iss', 'https://evil.example'], ['code', 'x']] as const) back.searchParams.set(name, value)
  await fetch(back)
  expect(await done).toMatchObject({ message: 'the answer came from another issuer than was asked' })
})

/** A gate that says what it likes. */
async function gate(answer: (url: string) => RequestListener) {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.on('request', answer(url))
  return { url, close: () => server.close() }
}
test.each([
  ['names another resource', (url: string) => ({ resource: 'https://other.dev', authorization_servers: [`${url}/dev/oidc`] }), /says it is `https:\/\/other.dev`/],
  ['names an issuer in clear', (url: string) => ({ resource: url, authorization_servers: ['http://id.acme.dev'] }), /the issuer is not https/],
  ['names several issuers', (url: string) => ({ resource: url, authorization_servers: ['https://a.dev', 'https://b.dev'] }), /--issuer one of/],
  ['names none', (url: string) => ({ resource: url, authorization_servers: [] }), /does not say who issues/],
  ['says something else', () => 'hello', /does not say who issues/],
])('a gate that %s gets no sign-in', async (_name, metadata, words) => {
  const other = await gate((url) => (_req, res) => void res.end(JSON.stringify(metadata(url))))
  try {
    await expect(login.run([], terminal(other.url).world)).rejects.toThrow(words)
  } finally {
    other.close()
  }
})

test('metadata whose issuer is another is not used', async () => {
  const other = await gate((url) => (req, res) => void res.end(JSON.stringify(req.url?.includes('protected') ? { resource: url, authorization_servers: [url] }
    : { issuer: 'https://evil.example', authorization_endpoint: `${url}/a`, token_endpoint: `${url}/t` })))
  try {
    await expect(login.run([], terminal(other.url).world)).rejects.toThrow(/no usable metadata/)
  } finally {
    other.close()
  }
})

test('a broken file of tokens is named, not overwritten', async () => {
  const { world } = terminal()
  const file = keptFile(world.terminal.env)
  const before = await readFile(file, 'utf8')
  await writeFile(file, '{"x":1}')
  await expect(storedToken(here.url, world.terminal.env)).rejects.toThrow(/delete it and sign in again/)
  await writeFile(file, before)
})

test('sluice token prints a token and nothing else', async () => {
  const { written, world } = terminal()
  expect(await token.run(['--subject', 'agent:support-bot', '--group', 'support-agents', '--group', 'analysts', '--actor', 'agent:a', '--actor', 'agent:b', '--actor-group', 'g', '--ttl', '5m', '--claim', 'level=3', '--claim', 'name=a=b'], world)).toBe(exit.done)
  expect(written.out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  expect(written.err).toBe('')
  const payload = JSON.parse(Buffer.from(written.out.split('.')[1] ?? '', 'base64url').toString()) as { iat: number; exp: number }
  expect(payload).toMatchObject({ sub: 'agent:support-bot', groups: ['support-agents', 'analysts'], act: { sub: 'agent:a', groups: ['g'], act: { sub: 'agent:b' } }, level: 3, name: 'a=b' })
  expect(payload.exp - payload.iat).toBe(300)
})

test.each([
  [[], exit.invalid], [['--subject', 'lena'], exit.invalid], [['--subject', 'agent:a', '--ttl', 'long'], exit.invalid], [['--subject', 'agent:a', '--claim', 'x'], exit.invalid],
  [['--subject', 'agent:a', '--claim', 'exp=1'], exit.invalid], [['--subjet', 'agent:a'], exit.invalid],
])('sluice token %j is exit code %i', async (args, code) => {
  await expect(token.run(args, terminal().world)).rejects.toMatchObject({ code })
})

test('a gate elsewhere is never asked to make tokens', async () => {
  await expect(token.run(['--subject', 'agent:a'], terminal('https://sluice.acme.dev').world)).rejects.toThrow(/sluice login/)
})

test('a gate without a local provider is said to be one', async () => {
  const other = await gate(() => (_req, res) => void res.writeHead(404).end('{}'))
  try {
    await expect(token.run(['--subject', 'agent:a'], terminal(other.url).world)).rejects.toThrow(/no local identity provider/)
  } finally {
    other.close()
  }
})
