import { compactVerify } from 'jose'
import type { Caller } from '../../schema/caller.ts'
import type { IssuerDocument } from '../../schema/policy.ts'
import { ok, type Result } from '../../schema/refusal.ts'
import type { Ports } from '../ports.ts'
import { readCaller } from './actor.ts'
import { createCache } from './cache.ts'
import { checkClaims } from './claims.ts'
import { findIssuer, type Trust } from './issuer.ts'
import { createKeys } from './keys.ts'
import type { KeySet } from './keyset.ts'
import { invalidToken, remember, type Token } from './token.ts'

/**
 * Receives a token of the right form and the issuers of the policy in force; proves who calls (RFC 9068 section 4): issuer, audience, times, signature,
 * then names and groups as the issuer's document says. Refuses with 401 and one text for all. Throws Fault issuer-unavailable when keys cannot be had.
 */
export function createAuthenticator(ports: Pick<Ports, 'fetchJson' | 'now' | 'self'>): (token: Token, issuers: readonly IssuerDocument[]) => Promise<Result<Caller>> {
  const keys = createKeys(ports)
  const cache = createCache()

  return async (token, issuers) => {
    // Everything that needs no key comes first: a stranger's token must not make us fetch or compute anything.
    const trust = findIssuer(token, issuers, ports.self.localIssuer)
    if (!trust) return invalidToken('no issuer document for its `iss` and `aud`')
    const claims = checkClaims(token, trust, ports.now() / 1000)
    if (!claims.ok) return claims
    // Also for a token already known: this is where a key taken back at the issuer is noticed.
    const set = await keys.of(trust.issuer, trust.issuer === ports.self.localIssuer?.issuer, token.kid)
    const known = cache.get(token.digest, trust.source, set, ports.now())
    if (known) return ok(known)
    const caller = await verify(token, trust, set, claims.value.expiresAt)
    if (caller.ok) {
      cache.put(token.digest, { caller: caller.value, source: trust.source, keys: set })
      remember(token)                                                // its payload is frozen now
    }
    return caller
  }
}

async function verify(token: Token, trust: Trust, set: KeySet, expiresAt: number): Promise<Result<Caller>> {
  const key = set.find(token.kid, token.algorithm)
  if (!key) return invalidToken('no key of that `kid` for that algorithm')
  try {
    await compactVerify(token.raw, await key, { algorithms: [token.algorithm] })
  } catch (error) {
    return invalidToken(`the signature does not verify: ${error instanceof Error ? error.message : 'unknown'}`)
  }
  const caller = readCaller(token.payload, trust)
  // Frozen, because one object serves every request with this token.
  return caller.ok ? ok(freeze({ ...caller.value, claims: token.payload, expiresAt })) : caller
}

function freeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (member !== null && typeof member === 'object') freeze(member)
  return Object.freeze(value)
}
