import { createHash } from 'node:crypto'
import * as z from 'zod'
import { signInMs } from '../../schema/approval.ts'
import type { IssuerDocument } from '../../schema/policy.ts'
import { fetchMetadata, member, trusted } from '../authenticate/metadata.ts'
import { createKeys } from '../authenticate/keys.ts'
import { Fault, type Ports } from '../ports.ts'
import type { Cookies } from './cookie.ts'
import type { PostForm } from './exchange.ts'
import { checkIdentity, noTime } from './identity.ts'
import { random, writePending, writeSession, type Pending } from './session.ts'

/** The client that people sign in through to decide; issuers' documents name it under `people.clients`. */
export const client = 'sluice-console'

/** One issuer a person may sign in at. `audience`: what its access tokens must be made for: the gate. */
export interface Way { readonly name: string; readonly issuer: string; readonly audience: string; readonly local: boolean }
/** `person`: who is signed in by this; absent where the sign-in only goes on. */
export type Begun = { readonly location: string; readonly cookies: readonly string[]; readonly person?: { readonly token: string; readonly signedInAt: string } }
/** Why nobody is signed in now. `words` are the issuer's own. */
export type Failed = { readonly failed: 'over' | 'refused' | 'unproven' | 'timeless' | 'tooOld'; readonly words?: string }

/** The issuers with people who sign in here. A document named `local` is none, as for the gate. */
export function waysOf(issuers: readonly IssuerDocument[], local: Ports['self']['localIssuer']): readonly Way[] {
  const named = issuers.filter((one) => one.people?.clients.includes(client) && one.name !== 'local')
    .map((one) => ({ name: one.name, issuer: one.issuer, audience: [one.audience].flat()[0] ?? '', local: false }))
  return local === null ? named : [...named, { name: local.name, issuer: local.issuer, audience: local.audience, local: true }]
}

const tokenAnswer = z.looseObject({ access_token: z.string().min(1).max(8192), id_token: z.string().min(1), token_type: z.string().regex(/^bearer$/i), expires_in: z.number().positive().optional() })
const toleranceMs = 30_000

/**
 * Authorization code with PKCE (RFC 9700), state and nonce, all of it in one sealed cookie of ten minutes. Each issuer has a redirect address of its
 * own, so that no issuer's answer is taken for another's, also where it does not name itself (RFC 9700 section 4.4.2.2, RFC 9207).
 */
export function createSignIn(ports: Pick<Ports, 'fetchJson' | 'now' | 'self' | 'secrets' | 'alarm'>, post: PostForm) {
  const keys = createKeys(ports)
  const redirect = (way: Way) => `${ports.self.console}/signin/callback/${way.name}`

  async function server(way: Way) {
    const { document } = await fetchMetadata(ports.fetchJson, way.issuer, way.local, null)
    const endpoint = (name: string) => {
      const url = member(document, name)
      if (typeof url !== 'string' || !trusted(url, way.local)) throw new Fault('issuer-unavailable', `the metadata of \`${way.issuer}\` names no usable ${name}`)
      return url
    }
    return { authorize: endpoint('authorization_endpoint'), token: endpoint('token_endpoint'), namesItself: member(document, 'authorization_response_iss_parameter_supported') === true }
  }

  /** `again`: the person must sign in anew, whatever session the issuer has. Changes nothing anywhere but in this browser's cookie. */
  async function begin(cookies: Cookies, way: Way, to: string, again: boolean): Promise<Begun> {
    const { authorize } = await server(way)
    const state = random()
    const nonce = random()
    const verifier = random()
    const url = new URL(authorize)
    const parameters = {
      response_type: 'code', response_mode: 'query', client_id: client, redirect_uri: redirect(way), scope: 'openid', state, nonce, max_age: String(signInMs / 1000),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', resource: way.audience, audience: way.audience,
      ...(again ? { prompt: 'login' } : {}),
    }
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
    return { location: url.href, cookies: writePending(cookies, { state, nonce, verifier, issuer: way.name, to, again }, ports.now()) }
  }

  /** The issuer's answer → a session and where the person wanted to go. A sign-in that is too old is asked for again, once. */
  async function finish(cookies: Cookies, way: Way, pending: Pending | null, answer: URLSearchParams): Promise<Begun | Failed> {
    // Without the cookie of this very sign-in the answer is somebody else's: whoever gets a person to open it would have them act as another.
    if (pending === null || pending.issuer !== way.name || answer.get('state') !== pending.state) return { failed: 'over' }
    if (new Set(answer.keys()).size !== answer.size) return unproven('a parameter came twice')
    const { token, namesItself } = await server(way)
    const issuer = answer.get('iss')
    if (issuer !== null ? issuer !== way.issuer : namesItself) return unproven('the answer names another issuer')
    const error = answer.get('error')
    if (error !== null) return { failed: 'refused', words: answer.get('error_description') ?? error }
    const code = answer.get('code')
    if (code === null) return unproven('the answer carries no one code')
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirect(way), client_id: client, code_verifier: pending.verifier, resource: way.audience }
    const read = tokenAnswer.safeParse(await post(token, form, await credential(way)))
    if (!read.success) return unproven('the token endpoint gave no tokens')
    const now = ports.now()
    const expected = { issuer: way.issuer, client, nonce: pending.nonce, accessToken: read.data.access_token, nowSeconds: now / 1000 }
    const person = await checkIdentity(read.data.id_token, expected, (kid) => keys.of(way.issuer, way.local, kid))
    if (typeof person === 'string') return person === noTime ? { failed: 'timeless' } : unproven(person)
    if (now - person.at > signInMs - toleranceMs) return pending.again ? { failed: 'tooOld' } : begin(cookies, way, pending.to, true)
    const about = { token: read.data.access_token, who: person.name, signedInAt: person.at, tokenEnds: now + (read.data.expires_in ?? 300) * 1000 }
    return { location: pending.to, cookies: [...writeSession(cookies, about, now), ...cookies.clear('signin')], person: { token: about.token, signedInAt: new Date(person.at).toISOString() } }
  }

  /** Issuers that treat the console as a confidential client give it a secret; PKCE stands for it elsewhere. */
  async function credential(way: Way): Promise<string | null> {
    if (way.local) return null
    const secret = await ports.secrets.get(`sluice-console-client-${way.name}`).catch((error: unknown) => {
      if (error instanceof Fault && error.code === 'secret-missing') return null
      throw error
    })
    return secret === null ? null : `Basic ${Buffer.from(`${encodeURIComponent(client)}:${encodeURIComponent(secret)}`).toString('base64')}`
  }

  function unproven(why: string): Failed {
    ports.alarm('a sign-in at the console was refused', { why })
    return { failed: 'unproven' }
  }
  return { begin, finish }
}
