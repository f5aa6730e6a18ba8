import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthenticator } from '../../functions/authenticate/authenticate.ts'
import { bearer } from '../../functions/authenticate/token.ts'
import type { Caller } from '../../schema/caller.ts'
import { loadKey } from '../../functions/local/identity/key.ts'
import { createProvider } from '../../functions/local/identity/provider.ts'
import type { Result } from '../../schema/refusal.ts'
import { createBrowser, raw, signIn, stand } from './stand.ts'

let here: Awaited<ReturnType<typeof stand>>
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'identity-'))
  here = await stand(directory)
})
afterAll(async () => {
  await here.close()
  await rm(directory, { recursive: true })
})

const json = { 'content-type': 'application/json' }
const post = (body: unknown, headers: Record<string, string> = {}) => raw(`${here.url}/dev/token`, { ...json, ...headers }, 'POST', typeof body === 'string' ? body : JSON.stringify(body))
const minted = async (body: object): Promise<string> => (JSON.parse((await post(body)).body) as { access_token: string }).access_token

/** The gate's own authenticator, fetching over http as the gate does. */
async function admit(token: string, at = here): Promise<Result<Caller>> {
  const fetchJson = async (from: string): Promise<unknown> => (await fetch(from)).json()
  const read = bearer(`Bearer ${token}`)
  return read.ok ? createAuthenticator({ now: Date.now, self: { url: at.url, console: at.url, localIssuer: at.identity.issuer }, fetchJson })(read.value, []) : read
}

test('a minted token is one the gate admits, with groups, actors and claims', async () => {
  const token = await minted({ subject: 'agent:support-bot', groups: ['support-agents'], actor: { subject: 'agent:planner', groups: ['g'], actor: { subject: 'agent:root' } }, claims: { tier: 2 } })
  expect(await admit(token)).toMatchObject({
    ok: true, value: {
      issuer: 'local', person: false, subject: { id: 'agent:support-bot', kind: 'agent', groups: ['support-agents'] },
      actors: [{ id: 'agent:planner', groups: ['g'] }, { id: 'agent:root', groups: [] }], claims: { tier: 2 },
    },
  })
  expect(await admit(await minted({ subject: 'user:lena@acme.dev', ttl: '8h' }))).toMatchObject({ ok: true, value: { person: true } })
})

test('a restart does not end minted tokens', async () => {
  const token = await minted({ subject: 'agent:support-bot' })
  const again = await stand(directory)
  try {
    const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }
    expect(await (await fetch(`${again.url}/dev/oidc/jwks`)).json()).toMatchObject({ keys: [{ kid }] })
  } finally {
    await again.close()
  }
})

test('the key file is 0600 again at every start, and the key set has no private part', async () => {
  const file = join(directory, 'identity.json')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  await chmod(file, 0o644)
  await (await stand(directory)).close()
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const { key } = JSON.parse(await readFile(file, 'utf8')) as { key: { d: string } }
  expect(await (await fetch(`${here.url}/dev/oidc/jwks`)).text()).not.toContain(key.d)
})

test.each(['', '{}', '{"key":{}}', 'x', '{"key":{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAA","d":"AAAAAAAAAAAAAAAAAAAA"},"cookieSecret":"AAAAAAAAAAAAAAAAAAAA"}'])('a key file that holds %j stops the start in one line', async (content) => {
  const broken = await mkdtemp(join(tmpdir(), 'identity-'))
  await writeFile(join(broken, 'identity.json'), content)
  await expect(stand(broken)).rejects.toThrow(/^corrupt state: `.*identity\.json` holds no usable key; delete it.*$/)
  await rm(broken, { recursive: true })
})

test.each([
  ['no subject', {}], ['a subject of no kind', { subject: 'lena' }], ['a subject with a space', { subject: 'agent:a b' }], ['an unknown member', { subject: 'agent:a', admin: true }],
  ['groups as text', { subject: 'agent:a', groups: 'x' }], ['a ttl of two days', { subject: 'agent:a', ttl: '48h' }], ['a ttl without unit', { subject: 'agent:a', ttl: '10' }],
  ['an actor of no kind', { subject: 'agent:a', actor: 'root' }], ['a claim that is the provider\'s', { subject: 'agent:a', claims: { sub: 'user:lena' } }],
  ['iss among the claims', { subject: 'agent:a', claims: { iss: 'https://okta' } }], ['act among the claims', { subject: 'agent:a', claims: { act: null } }],
  ['exp among the claims', { subject: 'agent:a', claims: { exp: 9e9 } }], ['a token over 8 KB', { subject: 'agent:a', claims: { pad: 'x'.repeat(8000) } }], ['not json', '{'],
])('%s: no token', async (_name, body) => {
  const { status, body: answer } = await post(body)
  expect(status).toBe(400)
  expect(answer).not.toContain('access_token')
})

test.each([
  ['a form of another page', { 'content-type': 'text/plain' }, 415],
  ['urlencoded', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ['a page of another origin', { origin: 'https://evil.example' }, 403],
  ['a page without an origin', { origin: 'null' }, 403],
  ['another port of this machine', { origin: 'http://127.0.0.1:1' }, 403],
  ['a name rebound to this machine', { host: 'evil.example' }, 403],
  ['a name that begins like loopback', { host: '127.0.0.1.evil.example' }, 403],
  ['a host that is none', { host: '[' }, 403],
])('%s gets no token', async (_name, headers, status) => {
  const answer = await post({ subject: 'user:lena@acme.dev' }, headers)
  expect(answer.status).toBe(status)
  expect(answer.headers['access-control-allow-origin']).toBeUndefined()
})

test('every page of the provider refuses a rebound name', async () => {
  for (const path of ['/dev/oidc/jwks', '/dev/oidc/auth', '/dev/oidc/.well-known/openid-configuration']) {
    expect((await raw(`${here.url}${path}`, { host: 'evil.example' })).status).toBe(403)
  }
})

test('GET makes no token, a body over 64 KB none either', async () => {
  expect((await raw(`${here.url}/dev/token`, json)).status).toBe(405)
  expect((await post('x'.repeat(70_000))).status).toBe(413)
})

const verifier = randomBytes(32).toString('base64url')
const authorization = (more: Record<string, string | undefined> = {}): string => {
  const url = new URL(`${here.url}/dev/oidc/auth`)
  const parameters = {
    client_id: 'sluice-cli', response_type: 'code', scope: 'openid', redirect_uri: 'http://127.0.0.1:9/callback', state: 's', resource: here.url,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...more,
  }
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}
const redeem = (callback: string, more: Record<string, string> = {}) => fetch(`${here.url}/dev/oidc/token`, {
  method: 'POST',
  body: new URLSearchParams({ grant_type: 'authorization_code', client_id: 'sluice-cli', code: new URL(callback).searchParams.get('code') ?? '', redirect_uri: 'http://127.0.0.1:9/callback', code_verifier: verifier, ...more }),
})

test('a person of the cast signs in by code and PKCE and is a person to the gate', async () => {
  const callback = await signIn(authorization(), { person: 'user:omar@acme.dev' })
  const answer = await (await redeem(callback)).json() as { access_token: string }
  expect(await admit(answer.access_token)).toMatchObject({ ok: true, value: { person: true, subject: { id: 'user:omar@acme.dev', groups: ['support-leads'] } } })
})

test('somebody else may be typed, but never an agent', async () => {
  const callback = await signIn(authorization(), { name: 'agent:x', groups: 'a, b' })
  const answer = await (await redeem(callback)).json() as { access_token: string }
  expect(await admit(answer.access_token)).toMatchObject({ ok: true, value: { subject: { id: 'user:agent:x', kind: 'user', groups: ['a', 'b'] } } })
})

test('a code is worth nothing without its verifier, and once only', async () => {
  const stolen = await signIn(authorization(), { person: 'user:omar@acme.dev' })
  expect((await redeem(stolen, { code_verifier: randomBytes(32).toString('base64url') })).status).toBe(400)
  const callback = await signIn(authorization(), { person: 'user:omar@acme.dev' })
  expect((await redeem(callback)).status).toBe(200)
  expect((await redeem(callback)).status).toBe(400)
})

test.each([
  ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }], ['a plain challenge', { code_challenge_method: 'plain' }],
  ['another place to go', { redirect_uri: 'https://evil.example/callback' }], ['another client', { client_id: 'evil' }], ['another resource', { resource: 'https://other.dev' }],
])('%s: no sign-in page', async (_name, more) => {
  const response = await fetch(authorization(more), { redirect: 'manual' })
  expect(response.headers.get('location') ?? '').not.toContain('/interaction/')
})

test('the page says that it protects nothing, runs no script and escapes what it shows', async () => {
  const begun = await fetch(authorization(), { redirect: 'manual' })
  const page = new URL(begun.headers.get('location') ?? '', here.url).href
  const cookie = begun.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ')
  const shown = await fetch(page, { headers: { cookie } })
  expect(await shown.text()).toContain('This page protects nothing')
  expect(shown.headers.get('content-security-policy')).toContain("default-src 'none'")
  const wrong = await raw(page, { cookie, 'content-type': 'application/x-www-form-urlencoded' }, 'POST', 'name=%3Cscript%3E%20x')
  expect(wrong.status).toBe(400)
  expect(wrong.body).not.toContain('<script')
  expect((await raw(page, { cookie, 'content-type': 'application/x-www-form-urlencoded', origin: 'https://evil.example' }, 'POST', 'person=user%3Apetra%40acme.dev')).status).toBe(403)
  expect((await raw(page, { 'content-type': 'application/x-www-form-urlencoded' }, 'POST', 'person=user%3Apetra%40acme.dev')).status).toBe(400)
})

test('what is served of the metadata without the provider is what the provider says', async () => {
  const light = await (await fetch(`${here.url}/dev/oidc/.well-known/openid-configuration`)).json() as Record<string, unknown>
  const provider = createProvider(await loadKey(directory), here.identity.issuer, here.url)
  const server = createServer((req, res) => void provider(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const address = server.address()
    const own = JSON.parse((await raw(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/dev/oidc/.well-known/openid-configuration`, { host: new URL(here.url).host })).body) as Record<string, unknown>
    expect(own).toMatchObject(light)
  } finally {
    server.close()
  }
})

test('the same browser may be another person a minute later', async () => {
  const browse = createBrowser()
  for (const person of ['user:omar@acme.dev', 'user:lena@acme.dev']) {
    let at = authorization()
    for (let step = 0; step < 8 && new URL(at).pathname !== '/callback'; step++) {
      const answer = await browse(at, new URL(at).pathname.includes('/interaction/') ? { person } : undefined)
      at = new URL(answer.headers.get('location') ?? 'none:', at).href
    }
    const { access_token } = await (await redeem(at)).json() as { access_token: string }
    expect(await admit(access_token)).toMatchObject({ ok: true, value: { subject: { id: person } } })
  }
})

test('the token of a person says when they signed in', async () => {
  const { access_token } = await (await redeem(await signIn(authorization(), { person: 'user:omar@acme.dev' }))).json() as { access_token: string }
  const { auth_time, iat } = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as { auth_time: number; iat: number }
  expect(Math.abs(iat - auth_time)).toBeLessThan(60)
})
