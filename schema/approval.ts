import * as z from 'zod'
import type { Principal } from './caller.ts'
import type { DetectorName, MaskName } from './policy.ts'
import type { Demand, Limits, Target } from './effects.ts'
import type { Id } from './event.ts'
import type { Next, Refusal, Slug, Span } from './refusal.ts'
import type { Query } from './request.ts'

/**
 * An access request (AuthZEN Access Request and Approval): one call that waits for people. CONTRACT.md section 5.
 *
 * `pending → approved → executing → succeeded | failed | outcome-unknown`, and from `pending` or `approved` also `rejected`, `expired`, `cancelled`,
 * `stale`. There is no way back from `executing`: whatever lost its outcome is `outcome-unknown` and never runs again by itself.
 */
export const statuses = ['pending', 'approved', 'executing', 'succeeded', 'failed', 'outcome-unknown', 'rejected', 'expired', 'cancelled', 'stale'] as const
export type Status = (typeof statuses)[number]
export const openStatuses = ['pending', 'approved', 'executing'] as const satisfies readonly Status[]
export const isOpen = (status: Status): boolean => (openStatuses as readonly Status[]).includes(status)

/** What the digest is taken over: everything an approver says yes to. What runs must hash to it. */
export interface Bound {
  readonly version: 1
  readonly issuer: string
  /** SHA-256 hex of the issuer's document: who it vouches for, and for which groups. `local` for the local provider. */
  readonly trust: string
  readonly subject: Principal
  readonly actors: readonly Principal[]
  /** Of the verified token, the claims that conditions of the policy read, and no other. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly connection: string
  readonly purpose: string | null
  readonly query: Omit<Query, 'purpose'>
  readonly accesses: readonly { readonly action: string; readonly resource: string; readonly columns: readonly string[] | null; readonly via: readonly string[]; readonly statement: number; readonly target?: BoundTarget }[]
  /** Classified columns that come out: masked, or in clear where `mask` is null. */
  readonly shown: readonly { readonly statement: number; readonly output: number; readonly resource: string; readonly column: string; readonly dataClass: string; readonly mask: MaskName | null }[]
  /** Classified columns used in any other way, and how. */
  readonly used: readonly { readonly statement: number; readonly resource: string; readonly column: string; readonly dataClass: string; readonly how: string }[]
  readonly obligations: { readonly revealed: readonly string[]; readonly detect: readonly DetectorName[]; readonly limits: Limits }
  /** Each `by` must reach its own quorum. `rule`: names of the rules that ask. */
  readonly demands: readonly Demand[]
  /** Rules that took part, by content: SHA-256 hex of their canonical JSON. */
  readonly rules: readonly { readonly name: string; readonly content: string }[]
  /** Over the definitions of the objects reached. */
  readonly fingerprint: string
  /** ISO 8601. */
  readonly expiresAt: string
  /**
   * Random. The digest over all this stays in the log for ever, and without it whoever knows the rest could try what was asked until the digest fits, also after its content is erased. It is gone with
   * the request. Left out in requests of an earlier version.
   */
  readonly salt?: string
}

/** Of a cluster: where, which, and what pod templates in the object may do. The objects themselves are bound by `fingerprint`. */
export type BoundTarget = Pick<Target, 'namespace' | 'name' | 'needs'>

/** One person's word, with what their token proved when it was given. */
export interface Verdict {
  readonly decision: 'approve' | 'reject'
  readonly issuer: string
  /** The issuer's document when the word was given, by content; see Bound. */
  readonly trust: string
  readonly subject: string
  readonly groups: readonly string[]
  /** When the person signed in; at most 15 min before `at`. ISO 8601. */
  readonly signedInAt: string
  readonly at: string
  readonly reason: string | null
  readonly evaluation: Id<'eval'>
}

/** What became of it, as far as it came. `refusal`: why it failed, is stale, or was refused when decided again; without `inner`. */
export interface Ending {
  readonly at: string
  readonly refusal: Omit<Refusal, 'inner'> | null
  /** Rows of each statement, for whoever may not see the rows. */
  readonly rowCounts: readonly number[]
  /** The outcome's event; null where nothing ran. */
  readonly outcome: Id<'evt'> | null
  /** That the outcome's event will be in the log, by the process that ran it (`Sluice-Promise`, docs/audit.md): whoever asks for the answer gets it from another. Left out where nothing is promised. */
  readonly promise?: string
}

/** How telling people went, for one destination. */
export interface Notice { readonly to: string; readonly at: string; readonly sent: boolean; readonly attempts: number; /** Where it can be updated: a Slack channel and message. */ readonly place?: { readonly channel: string; readonly message: string } }

export interface AccessRequest {
  readonly id: Id<'arq'>
  readonly status: Status
  /** SHA-256 hex over `canonicalJson(bound)`. */
  readonly digest: string
  /** SHA-256 hex of `bound` without rules, demands, obligations' limits, fingerprint and expiry: equal for a repeated call. */
  readonly callKey: string
  readonly bound: Bound
  readonly createdAt: string
  readonly evaluation: Id<'eval'>
  readonly session: Id<'ses'> | null
  /** Version of the policy that asked; recorded, not bound. */
  readonly policy: string
  /** What the target said it would change when it was asked: masked, unified diff lines. Not bound: what it is made from is, by `fingerprint`; and its digest is on record. */
  readonly diff?: string
  readonly verdicts: readonly Verdict[]
  /** The events by which it was asked and people gave their word, each stored in one write with what it tells. */
  readonly told: readonly Id<'evt'>[]
  readonly notices: readonly Notice[]
  /** The evaluation that executes, and its intent; set by the one write that lets execution begin. */
  readonly execution: { readonly evaluation: Id<'eval'>; readonly intent: Id<'evt'>; readonly at: string } | null
  readonly ending: Ending | null
  /** Counts the writes; a change is stored only over the revision it was made from. */
  readonly revision: number
}

/**
 * Whether a repeated call is answered by this request, instead of asking anew: while it is open, and for `repeatMs` after its end. Not where nothing ran for a reason that is not
 * the call's own (taken back, changed meanwhile, a quota, a target that did not answer): that answer is soon untrue.
 */
export function answersRepeat({ status, ending, bound }: AccessRequest, nowMs: number): boolean {
  if (isOpen(status)) return true
  if (status === 'cancelled' || status === 'stale') return false
  if (status === 'failed' && (ending?.refusal?.next === 'retry' || ending?.refusal?.next === 'request')) return false
  return nowMs - Date.parse(ending?.at ?? bound.expiresAt) < repeatMs
}
/** Whether an Idempotency-Key that led to this request still does: for its whole day where anything may have run or somebody said no, else as long as it answers repeats. */
export const bindsKey = (request: AccessRequest, nowMs: number): boolean =>
  request.status === 'succeeded' || request.status === 'outcome-unknown' || request.status === 'rejected' || (request.status === 'failed' && answersRepeat(request, Date.parse(request.ending?.at ?? ''))) || answersRepeat(request, nowMs)

/** How long after its end a repeated call is answered by the request itself. */
export const repeatMs = 15 * 60_000
/** How long a result is kept for the requester. */
export const resultMs = 24 * 3600_000
/** A person's sign-in counts for deciding this long. */
export const signInMs = 15 * 60_000

/**
 * A request as `GET /v1/requests/{id}` gives it: to its requester, and to those who may decide it, who see all that the digest binds. The requester does not
 * learn what the policy and the target's definitions say: `via` is empty, and `trust`, `claims`, `ruleContents` and `fingerprint` are null.
 */
export interface RequestView {
  readonly id: Id<'arq'>
  readonly status: Status
  readonly digest: string
  /** Groups and `user:` subjects of all demands together, sorted; `quorum` is the largest. `demands` has each with what it still lacks. */
  readonly approvers: readonly string[]
  readonly quorum: number
  readonly demands: readonly { readonly by: readonly string[]; readonly quorum: number; readonly withinMs: number; readonly rule: string; readonly missing: number }[]
  readonly createdAt: string
  readonly expiresAt: string
  /** The approver's page. */
  readonly url: string
  readonly connection: string
  readonly purpose: string | null
  readonly subject: string
  readonly actors: readonly string[]
  readonly issuer: string
  /** SHA-256 hex of the issuer's document, or the name of one that is implied. */
  readonly trust: string | null
  /** The subject, then the actors, each with the groups the decision rests on. */
  readonly principals: readonly Principal[]
  /** Of the token, the claims that the policy's conditions read. */
  readonly claims: Readonly<Record<string, unknown>> | null
  readonly batch: boolean
  readonly isolation: string
  readonly statements: readonly { readonly sql: string; readonly params: readonly unknown[] }[]
  /** Classes the call asks to see in clear. */
  readonly reveal: readonly string[]
  readonly rowMode: Query['rowMode']
  readonly maxRows: number | null
  /** Each once. `via`: the views or parents it goes through, outermost first. `statements`: which ones do it, from 0. */
  readonly accesses: readonly { readonly action: string; readonly resource: string; readonly columns: readonly string[] | null; readonly via: readonly string[]; readonly statements: readonly number[]; /** Of a cluster. */ readonly target?: BoundTarget }[]
  readonly classified: readonly {
    readonly resource: string; /** With its table. */ readonly column: string; readonly class: string; /** `masked (email)`, `in clear`, or how it is used. */ readonly use: string
    readonly statement: number; /** Which column of the answer, from 0; null where it does not come out as itself. */ readonly output: number | null
  }[]
  /** Classes that come in clear. */
  readonly revealed: readonly string[]
  /** What is looked for, and hidden, in text that no class covers. */
  readonly detect: readonly DetectorName[]
  readonly limits: Limits
  readonly rules: readonly string[]
  /** SHA-256 hex of each of `rules`, in their order. */
  readonly ruleContents: readonly string[] | null
  /** Over the definitions of the objects reached. */
  readonly fingerprint: string | null
  readonly policy: string
  readonly decisions: readonly { readonly subject: string; readonly decision: 'approve' | 'reject'; readonly at: string; readonly reason: string | null }[]
  readonly notices: readonly { readonly to: string; readonly sent: boolean; readonly attempts: number; readonly at: string }[]
  readonly ending: EndingView | null
  /** Until when whoever asked may fetch the rows of an execution that succeeded; null for everybody else, and where there is none. */
  readonly resultUntil: string | null
  /** Whether the caller asked it, and whether the caller's word would count now. */
  readonly mine: boolean
  readonly mayDecide: boolean
  /** The target's own guess of rows for each statement, EXPLAIN without execution; only for those who may decide; null where it has none. */
  /** What the target said the write would change: when it was asked, and as it is now where those who may decide look and it differs. */
  readonly diff?: string
  readonly diffNow?: string
  readonly estimate?: readonly ({ readonly rows: number; readonly cost: number } | null)[]
}

/** How it ended, in the words in which the call itself is answered. */
export interface EndingView {
  readonly at: string
  readonly slug: Slug | null
  readonly reason: string | null
  readonly detail: string | null
  readonly next: Next | null
  readonly rule?: string
  readonly action?: string
  readonly resource?: string
  readonly span?: Span
  readonly statement?: number
  readonly sqlstate?: string
  readonly rowCounts: readonly number[]
  readonly outcome: string | null
  readonly promise?: string
  /** Until then the same call is answered by this end; null where it asks anew at once. */
  readonly answersUntil: string | null
}

/** A request in a list: enough to find it and to see what it is about. To decide on it, it is read whole. */
export interface RequestSummary extends Pick<RequestView, 'id' | 'status' | 'digest' | 'approvers' | 'quorum' | 'demands' | 'createdAt' | 'expiresAt' | 'url' | 'connection' | 'purpose' | 'subject' | 'actors' | 'issuer' | 'batch' | 'decisions' | 'notices' | 'ending' | 'mine' | 'mayDecide'> {
  readonly summary: true
  /** Left out: that it was asked, by whom it says and in these words, is on record, or it ended. false: it is not, so it cannot be approved and nothing of it runs; its words are left out. */
  readonly onRecord?: false
  /** The first few. `sql`: its first 500 characters, with a mark where it goes on; `missing`: how many characters are left out; `params`: how many it has. */
  readonly statements: readonly { readonly sql: string; readonly missing: number; readonly params: number }[]
  readonly moreStatements: number
  /** The first few, what changes something before what reads. */
  readonly accesses: readonly { readonly action: string; readonly resource: string; readonly target?: BoundTarget }[]
  readonly moreAccesses: number
}

/** Body of `POST /v1/requests/{id}/decision`. */
export const decisionBody = z.strictObject({
  decision: z.enum(['approve', 'reject']), reason: z.string().min(1).max(500).optional(),
  digest: z.string().regex(/^[0-9a-f]{64}$/, 'the digest is 64 lower-case hex characters, as the request shows it'),
})
