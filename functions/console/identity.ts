import { createHash } from 'node:crypto'
import { compactVerify } from 'jose'
import { bearer, type Algorithm } from '../authenticate/token.ts'
import type { KeySet } from '../authenticate/keyset.ts'

/** Who signed in and when, as an ID token proves it to this client. `name` is for showing alone; who a person is to the gate its own token says. */
export interface SignedIn { readonly at: number; readonly name: string }
export interface Expected { readonly issuer: string; readonly client: string; readonly nonce: string; readonly accessToken: string; readonly nowSeconds: number }

const toleranceSeconds = 30
/** Made for this sign-in a moment ago: anything older is one that lay around. */
const freshSeconds = 600

/**
 * Checks an ID token (OpenID Connect Core 3.1.3.7): form as strict as an access token's, issuer, audience, nonce, times, signature, and the access token
 * beside it by `at_hash` where there is one. `auth_time` is required, as `max_age` was asked for (3.1.2.1). Gives a word that says what is wrong, for
 * the operator alone.
 */
export async function checkIdentity(raw: string, expected: Expected, keys: (kid: string) => Promise<KeySet>): Promise<SignedIn | string> {
  const read = bearer(`Bearer ${raw}`)
  if (!read.ok) return `id token: ${read.refusal.inner ?? read.refusal.reason}`
  const { payload, typ, kid, algorithm } = read.value
  if (typ === 'at+jwt') return 'an access token in place of an id token'
  const problem = checkClaims(payload, expected) ?? checkHash(payload['at_hash'], expected.accessToken, algorithm)
  if (problem !== null) return problem
  const key = (await keys(kid)).find(kid, algorithm)
  if (!key) return 'no key of that `kid`'
  try {
    await compactVerify(raw, await key, { algorithms: [algorithm] })
  } catch {
    return 'the signature does not verify'
  }
  const at = payload['auth_time']
  if (typeof at !== 'number' || !(at >= 0) || at > expected.nowSeconds + toleranceSeconds) return noTime
  return { at: Math.min(at, expected.nowSeconds) * 1000, name: nameOf(payload) }
}
export const noTime = 'no usable `auth_time`'

function checkClaims(claims: Readonly<Record<string, unknown>>, { issuer, client, nonce, nowSeconds }: Expected): string | null {
  const { iss, aud, azp, exp, iat, sub } = claims
  if (iss !== issuer) return 'another issuer'
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!audiences.includes(client)) return 'another audience'
  if ((audiences.length > 1 && azp === undefined) || (azp !== undefined && azp !== client)) return 'another authorized party'
  if (typeof claims['nonce'] !== 'string' || claims['nonce'] !== nonce) return 'another nonce'
  if (typeof sub !== 'string' || sub === '') return 'no `sub`'
  if (typeof exp !== 'number' || exp <= nowSeconds - toleranceSeconds) return 'expired'
  if (typeof iat !== 'number' || iat > nowSeconds + toleranceSeconds || iat < nowSeconds - freshSeconds) return 'made at another time'
  return null
}

const hashes: Readonly<Record<Algorithm, string>> = { RS256: 'sha256', PS256: 'sha256', ES256: 'sha256', ES384: 'sha384', EdDSA: 'sha512' }
function checkHash(hash: unknown, accessToken: string, algorithm: Algorithm): string | null {
  if (hash === undefined) return null
  const whole = createHash(hashes[algorithm]).update(accessToken, 'ascii').digest()
  return hash === whole.subarray(0, whole.length / 2).toString('base64url') ? null : 'another access token'
}

function nameOf(claims: Readonly<Record<string, unknown>>): string {
  const found = ['email', 'preferred_username', 'name', 'sub'].map((claim) => claims[claim]).find((value) => typeof value === 'string' && value !== '')
  return String(found).slice(0, 250)
}
