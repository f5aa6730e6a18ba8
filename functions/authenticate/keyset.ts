import { hash } from 'node:crypto'
import { importJWK, type CryptoKey, type JWK } from 'jose'
import type { Algorithm } from './token.ts'

const maxKeys = 100

/** One issuer's published keys at one time. The object is its own version: the same keys fetched again keep it, other keys make a new one. */
export interface KeySet {
  readonly digest: string
  has(kid: string): boolean
  /** The key of that id that may be used with that algorithm, or null: also when two would fit. */
  find(kid: string, algorithm: Algorithm): Promise<CryptoKey> | null
}

/** null when the document is no key set. Single entries that are of no use to us are skipped: issuers publish encryption keys beside. */
export function readKeySet(document: unknown): KeySet | null {
  if (document === null || typeof document !== 'object' || !('keys' in document) || !Array.isArray(document.keys) || document.keys.length > maxKeys) return null
  const entries: readonly unknown[] = document.keys
  const keys = entries.filter(usable)
  const kids = new Set(keys.map((key) => key.kid))
  const imported = new Map<string, Promise<CryptoKey>>()
  return {
    digest: hash('sha256', JSON.stringify(entries), 'base64'),
    has: (kid) => kids.has(kid),
    find(kid, algorithm) {
      const fitting = keys.filter((key) => key.kid === kid && fits(key, algorithm))
      const [key] = fitting
      if (!key || fitting.length > 1) return null
      // Also by algorithm: an imported RSA key verifies RS256 or PS256, never both.
      const use = `${algorithm} ${kid}`
      const known = imported.get(use) ?? importKey(key, algorithm)
      imported.set(use, known)
      return known
    },
  }
}

/** Only the public numbers go in: nothing else an entry says can widen what the key is used for. */
async function importKey({ kty, crv, n, e, x, y }: JWK, algorithm: Algorithm): Promise<CryptoKey> {
  const bare = Object.fromEntries(Object.entries({ kty, crv, n, e, x, y }).filter(([, value]) => value !== undefined))
  const key = await importJWK(bare as JWK, algorithm)
  if (key instanceof Uint8Array) throw new TypeError('a symmetric key')
  return key
}

function usable(entry: unknown): entry is JWK & { kid: string } {
  if (entry === null || typeof entry !== 'object') return false
  const key = entry as Readonly<Record<string, unknown>>
  // A private part that was published belongs to everybody: nothing signed with it proves anything.
  if (typeof key['kid'] !== 'string' || Object.hasOwn(key, 'd') || Object.hasOwn(key, 'k')) return false
  if (key['use'] !== undefined && key['use'] !== 'sig') return false
  return key['key_ops'] === undefined || (Array.isArray(key['key_ops']) && key['key_ops'].includes('verify'))
}

/** Binds the algorithm to the kind of key, so that a token cannot choose how a key is read (RFC 8725 section 3.1). */
function fits(key: JWK, algorithm: Algorithm): boolean {
  if (key.alg !== undefined && key.alg !== algorithm && !(algorithm === 'EdDSA' && key.alg === 'Ed25519')) return false
  switch (algorithm) {
    case 'RS256':
    case 'PS256':
      return key.kty === 'RSA'
    case 'ES256':
      return key.kty === 'EC' && key.crv === 'P-256'
    case 'ES384':
      return key.kty === 'EC' && key.crv === 'P-384'
    case 'EdDSA':
      return key.kty === 'OKP' && key.crv === 'Ed25519'
  }
}
