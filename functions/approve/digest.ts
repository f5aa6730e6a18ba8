import { createHash } from 'node:crypto'
import type { AccessRequest, Bound, BoundTarget } from '../../schema/approval.ts'
import { canonicalJson } from '../../schema/bundle.ts'
import type { Caller } from '../../schema/caller.ts'
import type { Effects, Obligations, Demand, Target } from '../../schema/effects.ts'
import type { Query } from '../../schema/request.ts'

/** What of the policy an approval binds. */
export interface Standing {
  readonly claimsRead: readonly string[]
  ruleContent(name: string): string | null
  trustOf(issuer: string): string | null
}
export interface Decided { readonly effects: Effects; readonly obligations: Obligations; readonly rules: readonly string[]; readonly demands: readonly Demand[] }

/**
 * The whole decision in one value: made when a call asks and again before it runs, and only where both give the same digest does it run. All that
 * an approver is shown is in here, so that what they read is what they say yes to. Left out on purpose: spans and evaluation ids, which change nothing.
 */
export function bind(policy: Standing, caller: Caller, connection: string, query: Query, { effects, obligations, rules, demands }: Decided, expiresAt: string, salt?: string): Bound {
  const { purpose, ...asked } = query
  const { masks, ...rest } = obligations
  return {
    version: 1, issuer: caller.issuer, trust: policy.trustOf(caller.issuer) ?? '', subject: caller.subject, actors: caller.actors, claims: claimsOf(caller, policy.claimsRead), connection, purpose, query: asked,
    accesses: effects.accesses.map(({ action, resource, columns, via, statement, target }) => ({ action, resource, columns, via, statement, ...(target ? { target: boundTarget(target) } : {}) })),
    shown: effects.shown.map(({ statement, output, resource, column, dataClass }, i) => ({ statement, output, resource, column, dataClass, mask: masks[i] ?? null })),
    used: effects.used.map(({ statement, resource, column, dataClass, how }) => ({ statement, resource, column, dataClass, how })),
    obligations: rest, demands,
    // A rule that is not there any more has no content, which no rule's content equals.
    rules: rules.map((name) => ({ name, content: policy.ruleContent(name) ?? '' })),
    // Approvers are shown it, and it may be over an object whose values they may not see: salted, nobody can try out what the value is.
    fingerprint: salted(effects.fingerprint, salt), expiresAt, ...(salt === undefined ? {} : { salt }),
  }
}

const salted = (fingerprint: string, salt: string | undefined): string => (salt === undefined ? fingerprint : hash([salt, fingerprint]))

/** Never the objects: what people approve is bound by what it was made of, which the fingerprint covers, and a request is no place for an object's secrets. */
const boundTarget = ({ namespace, name, needs }: Target): BoundTarget => ({ namespace, name, needs: [...needs].sort() })

/** SHA-256, lower-case hex, of the RFC 8785 form. */
export const digestOf = (bound: Bound): string => hash(bound)

/** Of what people are shown that the target would change, by which it is known again in the record; lower-case hex. Salted as the digest is: what an object holds is not to be tried out from a log. undefined: they are shown nothing. */
export const diffDigestOf = ({ bound: { salt }, diff }: Pick<AccessRequest, 'bound' | 'diff'>): string | undefined => (diff === undefined ? undefined : hash([salt ?? null, diff]))

/** The same for every repeat of a call: what rules, objects, the clock and each token's issue add is left out, and limits are rules'. `runs`: of a command, the fingerprint of its effects: as another user, or on another host, it is another call. */
export function callKeyOf({ trust: _trust, rules: _rules, demands: _demands, fingerprint: _fingerprint, expiresAt: _expiresAt, salt: _salt, obligations: { limits: _limits, ...obligations }, claims, ...call }: Bound, runs?: string): string {
  return hash({ ...call, claims: lastingOf(claims), obligations, ...(runs === undefined ? {} : { runs }) })
}

const hash = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex')

/** Whether a command would still run as whom and where this request says: else what it wrote is not the answer to the same command now. Of all else that is not asked. */
export const answersStill = ({ query, fingerprint, salt }: Bound, effects: Effects): boolean => query.form !== 'ssh' || salted(effects.fingerprint, salt) === fingerprint

function claimsOf({ claims }: Caller, read: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(read.filter((name) => Object.hasOwn(claims, name)).sort().map((name) => [name, claims[name]]))
}

/** Differ from token to token of one sign-in or renewal: registered claims, OpenID Connect's, and those of Entra ID (`aio`, `xms_…`) and Okta. */
const perToken = /^(?:exp|iat|nbf|jti|auth_time|sid|nonce|at_hash|c_hash|rt_hash|uti|rh|aio|acrs|xms_.*)$/
/** What of the claims a renewed token has as well. No provider promises the order of a list, such as `groups` or `amr`. */
function lastingOf(claims: Bound['claims']): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !perToken.test(name)).map(([name, value]) => [name, Array.isArray(value) ? value.toSorted(byText) : value]))
}
const byText = (a: unknown, b: unknown): number => { const [x, y] = [canonicalJson(a), canonicalJson(b)]; return x < y ? -1 : x > y ? 1 : 0 }

/** What changed between what was approved and what would run now, in words for the requester and the approver. */
export function differenceOf(approved: Bound, now: Bound): readonly string[] {
  const parts: readonly (readonly [keyof Bound, string])[] = [
    ['fingerprint', 'an object it reaches'], ['rules', 'a rule that took part'], ['demands', 'who must approve'], ['accesses', 'what it accesses'], ['shown', 'what it shows'], ['used', 'what it uses'],
    ['obligations', 'its limits'], ['trust', 'what is trusted of its issuer'], ['claims', 'a claim'], ['query', 'the call'],
  ]
  return parts.flatMap(([part, name]) => (canonicalJson(approved[part]) === canonicalJson(now[part]) ? [] : [name]))
}
