import { createHash, randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { RequestSummary, RequestView } from '../../schema/approval.ts'
import type { IssuerDocument } from '../../schema/policy.ts'
import { ok, refuse, type Refusal } from '../../schema/refusal.ts'
import { createConsole, type Desk } from '../../functions/console.ts'
import type { Played } from '../../functions/console/replay.ts'
import { Fault } from '../../functions/ports.ts'

export const home = 'https://console.test'
export const id = 'arq_01HZZZZZZZZZZZZZZZZZZZZZZZ'
export const digest = 'a'.repeat(64)
export const start = Date.parse('2026-11-22T10:00:00Z')

export const request = (change: Partial<RequestView> = {}): RequestView => ({
  id, status: 'pending', digest, approvers: ['support-leads'], quorum: 1, demands: [{ by: ['support-leads'], quorum: 1, withinMs: 1_800_000, rule: 'support-agent.rules[2]', missing: 1 }],
  createdAt: '2026-11-22T09:58:00.000Z', expiresAt: '2026-11-22T10:28:00.000Z', url: `${home}/requests/${id}`, connection: 'shop', purpose: 'refund a late parcel', subject: 'agent:support-bot', actors: [],
  issuer: 'okta', trust: 'e'.repeat(64), principals: [{ id: 'agent:support-bot', kind: 'agent', groups: ['support-agents'] }], claims: {}, batch: false, isolation: 'read committed', reveal: [], rowMode: 'object', maxRows: null, statements: [{ sql: 'insert into public.refunds (order_id, amount, reason) values ($1, $2, $3)', params: [1, '5.00', 'late'] }],
  accesses: [{ action: 'insert', resource: 'public.refunds', columns: null, via: [], statements: [0] }], classified: [], revealed: [], detect: [],
  limits: { rows: 1000, bytes: 1_048_576, timeoutMs: 10_000, affected: 100, statementsPerHour: null, rowsPerHour: null },
  rules: ['support-agent.rules[2]'], ruleContents: ['c'.repeat(64)], fingerprint: 'b'.repeat(64), policy: 'f'.repeat(64), decisions: [], notices: [], ending: null, resultUntil: null,
  mine: false, mayDecide: true, estimate: [{ rows: 1, cost: 0.01 }], ...change,
})

export const issuerDocument = (name: string, audience = 'https://gate.test'): IssuerDocument => ({
  version: 1, kind: 'issuer', name, issuer: `https://${name}.test`, audience, groups: { claim: 'groups', accept: ['*'] },
  people: { clients: ['sluice-console'], subject: 'user:{email}' }, agents: { subject: 'agent:{sub}' },
})

type Claims = Record<string, unknown>
/** An identity provider that answers as it is told to; by default as a right one does. */
export async function createIssuer(name: string, now: () => number) {
  const issuer = `https://${name}.test`
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const key = { ...await exportJWK(publicKey), kid: `${name}-1`, alg: 'ES256', use: 'sig' }
  const codes = new Map<string, { nonce: string; challenge: string; redirect: string; claims: Claims }>()
  const redeemed: Record<string, string>[] = []
  const sign = (claims: Claims, header: Claims = {}, by = privateKey) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: `${name}-1`, typ: 'JWT', ...header }).sign(by)
  return {
    issuer, key, redeemed, sign, tell: { metadata: {} as Claims, answer: null as unknown, token: 'the-access-token' },
    /** What the person's browser brings back from the authorization page. */
    authorize(location: string, claims: Claims = {}): URLSearchParams {
      const asked = new URL(location).searchParams
      const code = randomBytes(16).toString('hex')
      codes.set(code, { nonce: asked.get('nonce') ?? '', challenge: asked.get('code_challenge') ?? '', redirect: asked.get('redirect_uri') ?? '', claims })
      return new URLSearchParams({ code, state: asked.get('state') ?? '', iss: issuer })
    },
    async redeem(form: Record<string, string>, token: string): Promise<unknown> {
      redeemed.push(form)
      const held = codes.get(form['code'] ?? '')
      codes.delete(form['code'] ?? '')
      if (!held || held.redirect !== form['redirect_uri'] || createHash('sha256').update(form['code_verifier'] ?? '').digest('base64url') !== held.challenge) return { error: 'invalid_grant' }
      const at = Math.floor(now() / 1000)
      const claims = { iss: issuer, aud: 'sluice-console', sub: 'omar', email: 'omar@acme.dev', nonce: held.nonce, iat: at, exp: at + 300, auth_time: at, ...held.claims }
      return { access_token: token, id_token: await sign(claims), token_type: 'Bearer', expires_in: 3600 }
    },
  }
}
type Issuer = Awaited<ReturnType<typeof createIssuer>>

export async function createWorld(options: { readonly issuers?: readonly string[]; readonly console?: string } = {}) {
  const names = options.issuers ?? ['okta']
  let time = start
  const clock = { now: () => time, pass: (ms: number) => { time += ms } }
  const issuers = new Map<string, Issuer>()
  for (const name of names) issuers.set(name, await createIssuer(name, clock.now))
  const documents = new Map<string, unknown>()
  const posted: { url: string; form: Record<string, string>; authorization: string | null }[] = []
  const alarms: unknown[] = []
  const logons: Parameters<Desk['logon']>[0][] = []
  const calls: { what: string; authorization: string | null; body?: unknown }[] = []
  const state = { view: request(), recorded: true, refusal: null as Refusal | null, decide: null as Refusal | null, played: { session: 'ses_01HZZZZZZZZZZZZZZZZZZZZZZZ', steps: [], next: null } as Played, list: [] as (RequestView | RequestSummary)[] }
  const reply = <T>(value: T) => ({ evaluation: 'eval_1' as const, session: null, result: state.refusal ? refuse(state.refusal) : ok(value) })
  const desk: Desk = {
    async logon(logon) { logons.push(logon); return state.recorded },
    async list(door) { calls.push({ what: 'list', authorization: door.authorization }); return reply({ requests: state.list }) },
    async replay(door) { calls.push({ what: 'replay', authorization: door.authorization }); return reply(state.played) },
    async show(door) { calls.push({ what: 'show', authorization: door.authorization }); return reply({ request: state.view }) },
    async decide(door, _id, body) {
      const read = await body()
      calls.push({ what: 'decide', authorization: door.authorization, body: read.ok ? read.value : null })
      return state.decide ? { evaluation: 'eval_1', session: null, result: refuse(state.decide) } : reply({ request: state.view })
    },
  }
  const secrets: Record<string, string> = { 'sluice-console-key': randomBytes(32).toString('base64') }
  const policy = { issuers: names.map((name) => issuerDocument(name)) }
  const app = createConsole({
    now: clock.now, alarm: (what, detail) => { alarms.push([what, detail]) }, self: { url: 'https://gate.test', console: options.console ?? home, localIssuer: null },
    secrets: { async get(name) { const value = secrets[name]; if (value === undefined) throw new Fault('secret-missing', name); return value } },
    async fetchJson(url) {
      const given = documents.get(url)
      if (given !== undefined) return given
      const issuer = issuers.get(new URL(url).hostname.replace('.test', ''))
      if (!issuer) throw new Error(`nothing at ${url}`)
      if (url.endsWith('/keys')) return { keys: [issuer.key] }
      if (!url.endsWith('/.well-known/openid-configuration')) throw new Error('404')
      return { issuer: issuer.issuer, authorization_endpoint: `${issuer.issuer}/authorize`, token_endpoint: `${issuer.issuer}/token`, jwks_uri: `${issuer.issuer}/keys`, ...issuer.tell.metadata }
    },
  }, desk, { current: async () => ok({ policy }) }, async (url, form, authorization) => {
    posted.push({ url, form: { ...form }, authorization })
    const issuer = issuers.get(new URL(url).hostname.replace('.test', ''))
    return issuer?.tell.answer ?? issuer?.redeem({ ...form }, issuer.tell.token)
  })
  const issuer = (name = 'okta'): Issuer => issuers.get(name) ?? (() => { throw new Error(name) })()
  return { app, clock, issuer, documents, posted, alarms, calls, logons, state, secrets, policy, browser: () => createBrowser(app, options.console ?? home) }
}
export type World = Awaited<ReturnType<typeof createWorld>>

/** A browser's part: it keeps cookies and says where a request comes from. */
export function createBrowser(app: { request: (url: string, init?: RequestInit) => Response | Promise<Response> }, at: string) {
  const jar = new Map<string, string>()
  const send = async (path: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Response> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await app.request(`${at}${path}`, { ...init, headers: { ...(cookie ? { cookie } : {}), ...init.headers } })
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/Max-Age=0/.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }
  return {
    jar, get: (path: string, headers: Record<string, string> = {}) => send(path, { headers }), send,
    post: (path: string, form: Record<string, string>, headers: Record<string, string> = {}) => {
      const body = new URLSearchParams(form).toString()
      return send(path, { method: 'POST', body, headers: { origin: at, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length), ...headers } })
    },
  }
}
export type Browser = ReturnType<typeof createBrowser>

/** Through the sign-in page and back; gives the last answer. */
export async function signIn(world: World, browser: Browser, claims: Record<string, unknown> = {}, to = `/requests/${id}`, name = 'okta'): Promise<Response> {
  const begun = await browser.get(`/signin?to=${encodeURIComponent(to)}&issuer=${name}`)
  const answer = world.issuer(name).authorize(begun.headers.get('location') ?? '', claims)
  return browser.get(`/signin/callback/${name}?${answer}`)
}
export async function signedIn(world: World): Promise<Browser> {
  const browser = world.browser()
  const answer = await signIn(world, browser)
  if (answer.status !== 303) throw new Error(`not signed in: ${answer.status} ${await answer.text()}`)
  return browser
}
export const proofIn = (page: string): string => /name="proof" value="([^"]+)"/.exec(page)?.[1] ?? ''
