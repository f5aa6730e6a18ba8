import { ok, type Result } from '../../schema/refusal.ts'
import type { Trust } from './issuer.ts'
import { invalidToken } from './token.ts'

type Claims = Readonly<Record<string, unknown>>
const maxGroupLength = 250
/** Control, format (bidirectional and zero-width among them), lone surrogate, private, unassigned, every kind of separator but the plain space. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u

/**
 * The groups a claims set carries, cut down to those its issuer's document accepts, each once, sorted: no provider promises an order, and a renewed token must not make another call of the same one. No
 * claim: no groups.
 *
 * A claim that cannot be read, and the markers an issuer leaves when the groups did not fit (Entra ID: `_claim_names`, `hasgroups`, `groups:src1`),
 * refuse the whole token. Going on without groups would look like less, but rules may deny by group: whoever can join groups at will could shed a
 * deny by joining two hundred more.
 */
export function readGroups(claims: Claims, trust: Trust): Result<readonly string[]> {
  const claim = trust.document?.groups.claim ?? 'groups'
  if (overage(claims, claim)) return invalidToken('the groups did not fit into the token (overage)', overageDetail)
  if (!Object.hasOwn(claims, claim)) return ok([])
  const value = claims[claim]
  const list: readonly unknown[] | null = typeof value === 'string' ? [value] : Array.isArray(value) ? value : null
  if (!list) return invalidToken(`\`${claim}\` is no list of strings`)
  const groups = new Set<string>()
  for (const group of list) {
    if (typeof group !== 'string') return invalidToken(`\`${claim}\` is no list of strings`)
    if (group !== '' && group.length <= maxGroupLength && !unprintable.test(group) && accepted(group, trust)) groups.add(group)
  }
  return ok([...groups].sort())
}

const overageDetail = 'your groups did not fit into the access token, so what you may do cannot be told; the issuer has to send fewer groups to this audience'

function overage(claims: Claims, claim: string): boolean {
  if (Object.hasOwn(claims, `${claim}:src1`) || claims['hasgroups'] === true || claims['hasgroups'] === 'true') return true
  const names = claims['_claim_names']
  return names !== null && typeof names === 'object' && Object.hasOwn(names, claim)
}

function accepted(group: string, trust: Trust): boolean {
  return trust.document === null || trust.document.groups.accept.some((pattern) => matches(pattern, group))
}

/** `*` stands for any run of characters, everything else for itself. Linear: greedy with one point to go back to. */
export function matches(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  let star = -1
  let from = 0
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      from = t
    } else if (p < pattern.length && pattern[p] === text[t]) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++from
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
