import { ok, type Result } from '../../schema/refusal.ts'
import type { Trust } from './issuer.ts'
import { invalidToken, type Token } from './token.ts'

/** How far the issuer's clock may be from ours. */
export const toleranceSeconds = 30
/** The longest that a common provider gives (Entra ID with continuous access evaluation): a token nobody can call back should not outlive it. */
export const maxLifetimeSeconds = 28 * 3600

/** Members only an ID or logout token has. Where `typ` does not tell, they do: an ID token is meant for the client, and says so to the gate too. */
const foreign = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'] as const

/**
 * Checks the registered claims (RFC 9068 section 2.2) before any key is looked for, so that an expired token costs neither a fetch nor a signature.
 * `nowSeconds`: epoch seconds. Returns the expiry in epoch ms.
 */
export function checkClaims(token: Token, trust: Trust, nowSeconds: number): Result<{ readonly expiresAt: number }> {
  const { payload } = token
  if (!trust.types.includes(token.typ)) return invalidToken(`a \`typ\` the issuer's document does not accept: ${token.typ}`)
  if (token.typ !== 'at+jwt') {
    for (const name of foreign) if (Object.hasOwn(payload, name)) return invalidToken(`\`${name}\`: not an access token`)
  }
  if (typeof payload['sub'] !== 'string' || payload['sub'] === '') return invalidToken('no `sub`')
  const exp = readTime(payload['exp'])
  const iat = readTime(payload['iat'])
  if (exp === null || iat === null) return invalidToken('no usable `exp` and `iat`')
  if (exp <= nowSeconds - toleranceSeconds) return invalidToken('expired')
  if (iat > nowSeconds + toleranceSeconds) return invalidToken('`iat` in the future')
  if (exp <= iat || exp - iat > maxLifetimeSeconds) return invalidToken('a lifetime out of bounds')
  if (Object.hasOwn(payload, 'nbf')) {
    const nbf = readTime(payload['nbf'])
    if (nbf === null || nbf > nowSeconds + toleranceSeconds) return invalidToken('not valid yet')
  }
  return ok({ expiresAt: Math.floor(exp * 1000) })
}

/** Finite or not, large or not: the comparisons above bound it from both sides. */
function readTime(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 ? value : null
}
