import { isOpen, type AccessRequest, type Ending, type Status, type Verdict } from '../../schema/approval.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import { met, type Owners } from './eligible.ts'

/** Every move there is. `executing` has no way back: what lost its outcome is `outcome-unknown`, and nothing but a person's look at the data mends that. */
const moves: Readonly<Record<Status, readonly Status[]>> = {
  pending: ['approved', 'rejected', 'expired', 'cancelled', 'stale'],
  // `failed` where nothing ran for another reason than a change: a quota, a missing credential.
  approved: ['executing', 'rejected', 'expired', 'cancelled', 'stale', 'failed'],
  executing: ['succeeded', 'failed', 'outcome-unknown'],
  // A later truth about an outcome that was lost may be told, and no other.
  'outcome-unknown': [], succeeded: [], failed: [], rejected: [], expired: [], cancelled: [], stale: [],
}

/** The request after one step: the next revision. Throws where the code around it asks for a move there is not. */
export function step(request: AccessRequest, to: Status, change: Partial<Pick<AccessRequest, 'verdicts' | 'execution' | 'ending'>>): AccessRequest {
  if (!moves[request.status].includes(to)) throw new Error(`invariant: a request does not go from ${request.status} to ${to}`)
  return { ...request, ...change, status: to, revision: request.revision + 1 }
}

/** Ends a request in one of the ways in which nothing ran. */
export const end = (request: AccessRequest, to: 'rejected' | 'expired' | 'cancelled' | 'stale' | 'failed', at: string, refusal: Refusal | null): AccessRequest =>
  step(request, to, { ending: ending(at, refusal) })

export function ending(at: string, refusal: Refusal | null, ran: Partial<Pick<Ending, 'rowCounts' | 'outcome' | 'promise'>> = {}): Ending {
  const { inner: _inner, ...told } = refusal ?? { inner: '' }
  return { at, refusal: refusal === null ? null : told as Ending['refusal'], rowCounts: ran.rowCounts ?? [], outcome: ran.outcome ?? null, ...(ran.promise === undefined ? {} : { promise: ran.promise }) }
}

/**
 * One person's word. The same word again changes nothing (`request` is then the one given, by identity), but where it is given as what the person is now: of another group, or vouched for otherwise. `missing` counts the person once all the
 * same. A person who approved may still reject; one rejection ends it; the last approval a quorum lacks makes it `approved`.
 */
export function vote(request: AccessRequest, verdict: Verdict, owners: Owners, nowMs: number): Result<AccessRequest> {
  const earlier = request.verdicts.findLast(({ subject }) => subject === verdict.subject)
  const isSaid = request.status !== 'pending' || request.verdicts.some((one) => one.subject === verdict.subject && countsBy(one) === countsBy(verdict))
  if (earlier?.decision === verdict.decision && isSaid && (isOpen(request.status) || request.status === 'succeeded' || request.status === 'rejected')) return ok(request)
  if (request.status !== 'pending' && !(request.status === 'approved' && verdict.decision === 'reject')) return refuse(settledAlready(request.status))
  if (!(nowMs < Date.parse(request.bound.expiresAt))) return refuse(expired)
  const verdicts = [...request.verdicts, verdict]
  if (verdict.decision === 'reject') return ok({ ...step(request, 'rejected', { verdicts }), ending: ending(verdict.at, rejected(verdict)) })
  return ok(met(request.bound, verdicts, owners) ? step(request, 'approved', { verdicts }) : { ...request, verdicts, revision: request.revision + 1 })
}

/** What a demand, and whether a verdict still stands, are judged by; not when it was given. */
const countsBy = ({ decision, issuer, trust, groups }: Verdict): string => JSON.stringify([decision, issuer, trust, groups.toSorted()])

export const settledAlready = (status: Status): Refusal => ({
  slug: 'request-settled', reason: status.replaceAll('-', '_'), next: 'none', detail: `this request is ${said[status]}; nothing more can be decided about it`,
})
const said: Readonly<Record<Status, string>> = {
  pending: 'waiting', approved: 'approved already', executing: 'being executed', succeeded: 'executed already', failed: 'over: it was approved and failed', 'outcome-unknown': 'over: it was started and its outcome was lost',
  rejected: 'rejected already', expired: 'expired', cancelled: 'cancelled by whoever asked', stale: 'stale: what it would do had changed',
}
export const expired: Refusal = { slug: 'approval-expired', reason: 'expired', next: 'retry', detail: 'nobody decided this in time, and nothing ran; the same call may be asked anew a quarter of an hour after that' }
export const rejected = ({ subject, reason }: Pick<Verdict, 'subject' | 'reason'>): Refusal => ({
  slug: 'approval-rejected', reason: 'rejected', next: 'none', inner: `by ${subject}`,
  detail: `an approver said no, and nothing ran${reason === null ? '' : `; their reason: ${JSON.stringify(reason)}`}`,
})
export const lost: Refusal = {
  slug: 'outcome-unknown', reason: 'outcome_unknown', next: 'none',
  detail: 'it was approved and begun, but what became of it could not be established; look at the data before sending a write again',
}
/** Approved, and ended before it began: what it is told as where only the record still says so. */
export const unbegun: Refusal = { slug: 'approval-stale', reason: 'not_begun', next: 'request', detail: 'it was approved and failed before it began, so nothing ran; send the call again to ask anew' }
export const stale = (changes: readonly string[]): Refusal => ({
  slug: 'approval-stale', reason: 'changed', next: 'request',
  detail: `${changes.join(' and ') || 'what was approved'} changed after people approved it, so nothing ran; send the call again to ask for what it would do now`,
})
