import { signInMs, type Bound, type Verdict } from '../../schema/approval.ts'
import type { Caller } from '../../schema/caller.ts'
import type { Demand } from '../../schema/effects.ts'
import type { Refusal } from '../../schema/refusal.ts'

/** Who belongs to whom, as the policy in force has it. */
export interface Owners { ownersOf(principal: string): ReadonlySet<string> }
/** What the policy says of an issuer's sign-ins. */
export interface SignIns { signsInByIat(issuer: string): boolean }

/**
 * May this caller say yes or no to this request? Receives who the token proves; refuses everyone who is not a person signed in a short while ago,
 * named by a demand, and no party to the request. null: yes.
 */
export function ineligible(bound: Bound, caller: Caller, owners: Owners & SignIns, nowMs: number): Refusal | null {
  if (!isPerson(caller)) return no('not_a_person', 'only a person who signed in may decide a request; a token of an agent, or one that acts for somebody, never does')
  if (isParty(bound, caller.subject.id, owners)) return no('own_request', 'whoever asks, acts in the call or owns the agent that asks does not decide it')
  if (!bound.demands.some((demand) => names(demand, caller.subject))) return no('not_an_approver', `this request is decided by ${[...new Set(bound.demands.flatMap(({ by }) => by))].map((name) => `\`${name}\``).join(', ')}`)
  const signedIn = signedInMs(caller, owners)
  if (signedIn === null) return no('sign_in_unknown', 'the token does not say when you signed in (`auth_time`), and deciding needs a sign-in of the last 15 minutes; see docs/issuers.md')
  if (nowMs - signedIn > signInMs || signedIn - nowMs > toleranceMs) return no('sign_in_too_old', 'deciding needs a sign-in of the last 15 minutes; sign in again and decide then')
  return null
}

/** Whether the request may be shown to this caller as one that is theirs to decide. The age of the sign-in does not matter for looking. */
export const concerns = (bound: Bound, caller: Caller, owners: Owners): boolean =>
  isPerson(caller) && !isParty(bound, caller.subject.id, owners) && bound.demands.some((demand) => names(demand, caller.subject))

/** The same subject through the same actors, of the same issuer: what one agent asked for a person is not another agent's to read. */
export const isRequester = (caller: Caller, bound: Pick<Bound, 'issuer' | 'subject' | 'actors'>): boolean =>
  caller.issuer === bound.issuer && caller.subject.id === bound.subject.id && caller.actors.length === bound.actors.length && caller.actors.every(({ id }, i) => id === bound.actors[i]?.id)

const isPerson = (caller: Caller): boolean => caller.person && caller.actors.length === 0 && caller.subject.kind === 'user'

/**
 * Epoch ms of the sign-in itself (`auth_time`, OpenID Connect Core 2): a token that was only renewed is no sign-in, and its `iat` says nothing of one. `iat` counts where the
 * issuer's document says so. null: the token does not say.
 */
export function signedInMs({ claims, issuer }: Caller, policy: SignIns): number | null {
  const at = Object.hasOwn(claims, 'auth_time') ? claims['auth_time'] : policy.signsInByIat(issuer) ? claims['iat'] : null
  return typeof at === 'number' && Number.isFinite(at) ? at * 1000 : null
}
/** How far the issuer's clock may be before ours. */
const toleranceMs = 30_000

/** The subject, whoever acts for it, and the owners of each of them. */
function isParty(bound: Bound, person: string, owners: Owners): boolean {
  const parties = [bound.subject.id, ...bound.actors.map(({ id }) => id)]
  return parties.some((id) => same(id, person) || [...owners.ownersOf(id)].some((owner) => same(owner, person)))
}

/** Whoever owns a party to the request, as the policy has it now: who therefore does not decide it, on record so that it can be told later. Sorted. */
export const ownersOf = (owners: Owners, bound: Pick<Bound, 'subject' | 'actors'>): readonly string[] =>
  [...new Set([bound.subject, ...bound.actors].flatMap(({ id }) => [...owners.ownersOf(id)]))].toSorted()

/** A name with other capitals, or in another Unicode form, is no second person. There and back, for letters of which one case has two (ς and σ, ß and ss). */
const fold = (id: string): string => id.normalize('NFKC').toLowerCase().toUpperCase()
const same = (a: string, b: string): boolean => fold(a) === fold(b)

/** `user:…` names one person; anything else is a group. */
const names = ({ by }: Pick<Demand, 'by'>, person: { readonly id: string; readonly groups: readonly string[] }): boolean =>
  by.some((name) => (/^(user|agent):/.test(name) ? name.startsWith('user:') && name === person.id : person.groups.includes(name)))

/** Distinct people still missing to a demand's quorum. `counts`: whether a verdict still counts, by policy and locks as they are. */
export function missing(demand: Pick<Demand, 'by' | 'quorum'>, verdicts: readonly Verdict[], counts: (verdict: Verdict) => boolean = () => true): number {
  const people = new Set(verdicts.filter((verdict) => verdict.decision === 'approve' && names(demand, { id: verdict.subject, groups: verdict.groups }) && counts(verdict)).map(({ subject }) => fold(subject)))
  return Math.max(0, demand.quorum - people.size)
}

/** Every demand has its quorum, of people who are no party to the request. */
export const met = (bound: Bound, verdicts: readonly Verdict[], owners: Owners, counts: (verdict: Verdict) => boolean = () => true): boolean =>
  bound.demands.length > 0 && !verdicts.some(({ decision }) => decision === 'reject')
  && bound.demands.every((demand) => missing(demand, verdicts, (verdict) => !isParty(bound, verdict.subject, owners) && counts(verdict)) === 0)

const no = (reason: string, detail: string): Refusal => ({ slug: 'denied', reason, next: reason === 'sign_in_too_old' ? 'fix' : 'none', detail })
