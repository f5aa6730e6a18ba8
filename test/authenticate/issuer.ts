import { createPrivateKey, generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from 'node:crypto'
import { createAuthenticator } from '../../functions/authenticate/authenticate.ts'
import { bearer } from '../../functions/authenticate/token.ts'
import type { Ports, Self } from '../../functions/ports.ts'
import type { Caller } from '../../schema/caller.ts'
import { issuerDocument, type IssuerDocument } from '../../schema/policy.ts'
import type { Result } from '../../schema/refusal.ts'

/** An issuer in memory: keys, metadata, a count of what was fetched, and a clock. */
export const url = 'https://id.acme.dev'
export const audience = 'https://sluice.acme.dev'
export const start = 1_800_000_000

export const document: IssuerDocument = issuerDocument.parse({
  version: 1, kind: 'issuer', name: 'acme', issuer: url, audience,
  groups: { claim: 'groups', accept: ['support-*', 'analysts'] },
  people: { clients: ['sluice-console'], subject: 'user:{email}' },
  agents: { subject: 'agent:{sub}' },
})

export interface Key { readonly kid: string; readonly alg: string; readonly private: KeyObject; readonly public: JsonWebKey & Record<string, unknown> }
export function makeKey(kid: string, alg = 'ES256'): Key {
  const pair = alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : alg === 'ES384' ? generateKeyPairSync('ec', { namedCurve: 'P-384' })
      : alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid, alg, private: pair.privateKey, public: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } }
}

const b64 = (bytes: string | Buffer): string => Buffer.from(bytes).toString('base64url')
/** Signs header and payload text as they are, however odd. */
export function signText(key: Key, header: string, payload: string): string {
  const input = `${b64(header)}.${b64(payload)}`
  const bytes = Buffer.from(input)
  const options = { key: key.private, dsaEncoding: 'ieee-p1363' as const }
  const signature = key.alg === 'EdDSA' ? sign(null, bytes, key.private)
    : key.alg === 'PS256' ? sign('sha256', bytes, { key: key.private, padding: 6, saltLength: 32 })
      : sign(key.alg === 'ES384' ? 'sha384' : 'sha256', bytes, options)
  return `${input}.${b64(signature)}`
}
export const header = (key: Key, more: Record<string, unknown> = {}): Record<string, unknown> => ({ alg: key.alg, typ: 'at+jwt', kid: key.kid, ...more })
export const claims = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  iss: url, sub: 'support-bot', aud: audience, iat: start, exp: start + 900, client_id: 'bot-runner', groups: ['support-agents', 'finance'], ...more,
})
export const mint = (key: Key, more: Record<string, unknown> = {}, head: Record<string, unknown> = {}): string =>
  signText(key, JSON.stringify(header(key, head)), JSON.stringify(claims(more)))

export function world(keys: Key[], options: { readonly documents?: readonly IssuerDocument[]; readonly local?: Self['localIssuer'] } = {}) {
  const state = {
    now: start * 1000 + 1000, keys, fetched: [] as string[], down: false, metadata: {} as Record<string, unknown>, documents: options.documents ?? [document],
    jwks: null as unknown, oauthOnly: false, hold: null as Promise<void> | null,
  }
  const ports: Pick<Ports, 'fetchJson' | 'now' | 'self'> = {
    now: () => state.now,
    self: { url: audience, console: audience, localIssuer: options.local ?? null },
    fetchJson: async (from) => {
      state.fetched.push(from)
      await new Promise((resolve) => setImmediate(resolve))
      if (state.hold) await state.hold
      if (state.down) throw new Error('down')
      const base = from.replace(/\/\.well-known\/(openid-configuration|oauth-authorization-server)/, '')
      const known = from.includes(state.oauthOnly ? '/oauth-authorization-server' : '/openid-configuration')
      if (known) return { issuer: base, jwks_uri: `${base}/keys`, ...state.metadata }
      if (from.endsWith('/keys')) return state.jwks ?? { keys: state.keys.map((key) => key.public) }
      throw new Error('404')
    },
  }
  const authenticate = createAuthenticator(ports)
  async function call(token: string): Promise<Result<Caller>> {
    const read = bearer(`Bearer ${token}`)
    return read.ok ? authenticate(read.value, state.documents) : read
  }
  return { state, call }
}

export const toPrivate = (key: Key): JsonWebKey => createPrivateKey(key.private.export({ type: 'pkcs8', format: 'pem' })).export({ format: 'jwk' })
