import { hash } from 'node:crypto'
import { ok, refuse, type Result } from '../../schema/refusal.ts'
import { readObject } from './json.ts'

/**
 * First step of the gate. Receives the Authorization header; proves only structure (RFC 6750 section 2.1, RFC 7515 section 7.1); refuses before any
 * read, signature check or key fetch, so that garbage costs microseconds. What jose lets pass is refused here: padding, spaces, non-canonical
 * base64url, members named twice.
 */
export const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const
export type Algorithm = (typeof algorithms)[number]

/** A token of the right form. Nothing in it is trusted until `authenticate` has checked the signature. */
export interface Token {
  /** Exactly the three parts; at most 8 KB. */
  readonly raw: string
  /** SHA-256 of `raw`, base64. */
  readonly digest: string
  readonly algorithm: Algorithm
  readonly kid: string
  /** `absent` is accepted only where the issuer's document says so. */
  readonly typ: TokenType
  readonly payload: Readonly<Record<string, unknown>>
}
export type TokenType = 'at+jwt' | 'JWT' | 'absent'

export const maxTokenBytes = 8 * 1024
const maxKidLength = 256
const scheme = /^bearer(?: |$)/i
const threeParts = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
/** Members through which a token would bring its own key, change what is signed, or ask for processing we do not do. */
const forbidden = ['crit', 'jwk', 'jku', 'x5u', 'x5c', 'b64', 'enc', 'zip'] as const

/** Takes the header as it came. Refuses with `no_token` when no bearer token came at all (bare challenge), else with `invalid_token`. */
export function bearer(authorization: string | null): Result<Token> {
  if (authorization === null || !scheme.test(authorization)) return noToken
  const raw = authorization.slice('bearer '.length)
  if (raw === '') return noToken
  if (raw.length > maxTokenBytes) return invalidToken('longer than 8 KB')
  // Also refuses two tokens in one header, quotes, padding, white space and everything that is not ASCII.
  if (!threeParts.test(raw)) return invalidToken('not three base64url parts')
  const [head = '', body = '', signature = ''] = raw.split('.')
  if (!canonical(head) || !canonical(body) || !canonical(signature)) return invalidToken('a part is not canonical base64url')
  const digest = hash('sha256', raw, 'base64')
  const known = seen.get(digest)
  if (known) return ok({ raw, digest, ...known })
  const header = readHeader(readObject(Buffer.from(head, 'base64url')))
  if (!header.ok) return header
  const payload = readObject(Buffer.from(body, 'base64url'))
  if (!payload) return invalidToken('the payload is not one JSON object with distinct members')
  return ok({ raw, digest, ...header.value, payload })
}

/**
 * What tokens whose signature was once verified say, by the hash of the whole token, so that one used again is not taken apart again. It saves the
 * reading alone: every check of times, audience, keys and signature is made as for a new one. Only `authenticate` adds to it, so no stranger can
 * fill it. The token itself is not kept.
 */
const seen = new Map<string, Omit<Token, 'raw' | 'digest'>>()
const maxSeen = 2000
export function remember({ digest, algorithm, kid, typ, payload }: Token): void {
  if (seen.size >= maxSeen) seen.clear()
  seen.set(digest, { algorithm, kid, typ, payload })
}

function readHeader(header: Readonly<Record<string, unknown>> | null): Result<Pick<Token, 'algorithm' | 'kid' | 'typ'>> {
  if (!header) return invalidToken('the header is not one JSON object with distinct members')
  for (const name of forbidden) if (Object.hasOwn(header, name)) return invalidToken(`the header has \`${name}\``)
  // Asymmetric only: an HS256 made with the public key as its secret, and `none`, end here (RFC 8725 section 3.1).
  const algorithm = algorithms.find((name) => name === header['alg'])
  if (!algorithm) return invalidToken('an algorithm that is not allowed')
  const kid = header['kid']
  if (typeof kid !== 'string' || kid === '' || kid.length > maxKidLength) return invalidToken('no `kid`')
  const typ = readType(header)
  if (!typ) return invalidToken('a `typ` that is no access token')
  return ok({ algorithm, kid, typ })
}

/**
 * RFC 9068 asks for `at+jwt`; Auth0 by default, Entra ID and Keycloak send `JWT`; Okta and Cognito send none at all. Everything else, such as
 * `logout+jwt`, `dpop+jwt` or `oauth-authz-req+jwt`, is a token made for another purpose (RFC 8725 section 3.11).
 */
function readType(header: Readonly<Record<string, unknown>>): TokenType | null {
  if (!Object.hasOwn(header, 'typ')) return 'absent'
  const typ = header['typ']
  if (typeof typ !== 'string') return null
  const media = typ.toLowerCase()
  if (media === 'at+jwt' || media === 'application/at+jwt') return 'at+jwt'
  return media === 'jwt' ? 'JWT' : null
}

/** Unused low bits of the last digit must be zero: otherwise one signature has up to sixteen spellings, and a cache or a lock-out by hash misses. */
function canonical(part: string): boolean {
  const rest = part.length % 4
  if (rest === 0) return true
  if (rest === 1) return false
  const last = part.charCodeAt(part.length - 1)
  const digit = last === 0x5f ? 63 : last === 0x2d ? 62 : last <= 0x39 ? last + 4 : last <= 0x5a ? last - 65 : last - 71
  return (digit & (rest === 2 ? 0b1111 : 0b11)) === 0
}

const noToken: Result<never> = refuse({
  slug: 'unauthenticated', reason: 'no_token', next: 'none',
  detail: 'this needs an access token: send `Authorization: Bearer <token>`; the resource metadata named in WWW-Authenticate says who issues them',
})
const invalidDetail = 'the access token is not valid here: it may be expired, malformed, for another audience or from an issuer not accepted; get a new one and send it again'
/** One answer for every way a token is wrong: which check failed helps only whoever is forging. `inner` is for the operator, `detail` only for what a
 * caller with a good signature can do something about. */
export function invalidToken(inner: string, detail: string = invalidDetail): ReturnType<typeof refuse> {
  return refuse({ slug: 'unauthenticated', reason: 'invalid_token', next: 'none', inner, detail })
}
