import { type AccessRequest, isOpen, type Status } from '../schema/approval.ts'
import type { ApprovalEvent, Event, Id, OutcomeEvent } from '../schema/event.ts'
import { isIntentId, outcomeId } from '../schema/item.ts'
import type { Refusal } from '../schema/refusal.ts'
import { ending, expired, lost, rejected, stale, step, unbegun } from './approve/step.ts'
import { Damage, type Ports, type Requests } from './ports.ts'
import { eventOf } from './vouch.ts'

const tries = 20
/** From its outcome on record to the answer kept, a living process takes no longer, ms. */
const keepingMs = 30_000

/** How a request that began comes to its end, by what the record says of it. `ring`: whoever waits for it in this process looks again. */
export function createConclusion(ports: Pick<Ports, 'now' | 'id' | 'ledger' | 'alarm'>, requests: Requests, ring: (id: Id<'arq'>) => void) {
  const now = (): string => new Date(ports.now()).toISOString()

  async function store(next: AccessRequest, event: ApprovalEvent | null): Promise<boolean> {
    const stored = await requests.swap(next, event)
    if (stored) ring(next.id)
    return stored
  }

  /** From `executing` to its end. Notices may have been written meanwhile, so the step is taken on what is stored. */
  async function conclude(id: Id<'arq'>, to: 'succeeded' | 'failed' | 'outcome-unknown', refusal: Refusal | null, ran: Parameters<typeof ending>[2]): Promise<void> {
    for (let i = 0; i < tries; i++) {
      const request = await requests.get(id)
      if (request?.status !== 'executing') return
      if (await store(step(request, to, { ending: ending(now(), refusal, ran) }), null)) return
    }
  }

  /** An `executing` request whose process is gone: its intent's outcome, the gate's or the sweeper's, says how it ended. null: it has none yet. */
  async function finish(request: AccessRequest): Promise<Status | null> {
    const { execution } = request
    // Row and intent are one write, so nobody of us wrote this.
    if (execution === null || !isIntentId(execution.intent)) return resume(request)
    const outcome = await toldAt(ports.ledger, outcomeId(execution.intent), 'outcome', request.id)
    if (outcome === null || outcome === 'odd') {
      const intent = outcome === null ? await eventOf(ports.ledger, execution.intent) : null
      if (intent?.kind === 'intent' && intent.request === request.id) return null
      // Row and intent were one write. So the record was put back to before it, and nothing will ever settle it; or somebody wrote another's intent here, whose outcome says nothing of this one; or over what told of its end.
      const fate = await fateOf(requests, request.id)
      return fate === null || fate === execution.intent ? lose(request, execution) : resume(request)
    }
    // A living process keeps the answer after its outcome: ended before that, the requester would be told for good that there are no rows.
    if (outcome.status === 'succeeded' && ports.now() - Date.parse(outcome.at) <= keepingMs && await requests.kept(request.id) === null) return null
    if (outcome.status === 'unknown') return lose(request, execution, outcome)
    await conclude(request.id, outcome.status, outcome.refusal ? because(outcome.refusal) : null, { rowCounts: outcome.rowCounts, outcome: outcome.id })
    return outcome.status
  }

  /** It is said to execute, and not what: the record says what it came to; where it says nothing, nothing ran, and nothing will. */
  async function resume(request: AccessRequest): Promise<Status | null> {
    const fate = await fateOf(requests, request.id)
    if (fate === null) await annul(request)
    else await recall(request, fate)
    return (await requests.get(request.id))?.status ?? null
  }

  /** The record has nothing of what its row says it came to. It ends here, for good, also where its row is put back. */
  async function annul(request: AccessRequest): Promise<void> {
    const stored = await store(came(request, 'stale', now(), notSo), tells(request, 'stale', { digest: request.digest, reason: notSo.reason, detail: notSo.detail }))
    if (stored) ports.alarm('a request ended otherwise than the record says', { request: request.id, said: request.status })
  }

  /** What became of it nobody knows. `outcome`: the event that says so; null: there is none of it. */
  async function lose({ id }: AccessRequest, { evaluation }: NonNullable<AccessRequest['execution']>, outcome: OutcomeEvent | null = null): Promise<Status> {
    ports.alarm('the outcome of an approved request is not known', { request: id, evaluation })
    await conclude(id, 'outcome-unknown', outcome?.refusal ? because(outcome.refusal) : lost, { rowCounts: outcome?.rowCounts ?? [], outcome: outcome?.id ?? null })
    return 'outcome-unknown'
  }

  /**
   * It began or ended, and its row was put back to before that, or written over: nothing runs, and it comes to what it came to. No event: the one that tells of it is on record. What was kept of an answer was in the same table, and is gone with
   * what was put back.
   */
  async function recall(request: AccessRequest, fate: Id<'evt'> | 'damaged'): Promise<void> {
    // Somebody wrote over what tells of its end, and it may have run. It ends as that, or it would answer every repeat of its call as one that is open, for good.
    if (fate === 'damaged') {
      if (await store(came(request, 'outcome-unknown', now(), lost), null)) ports.alarm('the outcome of an approved request is not known', { request: request.id, evaluation: request.evaluation })
      return
    }
    const first = await eventOf(ports.ledger, fate)
    if (!await store(cameTo(request, fate, first?.request === request.id ? first : null), null)) return
    if (isOpen(request.status)) ports.alarm('a request came back from before its end', { request: request.id, event: fate })
    else ports.alarm('a request ended otherwise than the record says', { request: request.id, said: request.status, event: fate })
  }

  function cameTo(request: AccessRequest, fate: Id<'evt'>, first: Event | null): AccessRequest {
    if (first?.kind === 'rejection') return came(request, 'rejected', first.at, rejected({ subject: first.who?.subject ?? '', reason: typeof first.change['reason'] === 'string' ? first.change['reason'] : null }))
    if (first?.kind === 'cancellation') return came(request, 'cancelled', first.at, null)
    if (first?.kind === 'expiry') return came(request, 'expired', first.at, expired)
    if (first?.kind === 'stale') return first.change['status'] === 'failed' ? came(request, 'failed', first.at, unbegun) : came(request, 'stale', first.at, stale([]))
    // Of an event that is no intent of this request either it is not known whether it ran, and `finish` says so.
    return { ...request, status: 'executing', ending: null, execution: { evaluation: first?.evaluation ?? request.evaluation, intent: fate, at: first?.at ?? now() }, revision: request.revision + 1 }
  }

  /** An event of nobody in particular: the gate found it so. */
  function tells({ id, bound, policy, session }: AccessRequest, kind: ApprovalEvent['kind'], change: ApprovalEvent['change']): ApprovalEvent {
    return { id: ports.id('evt'), at: now(), evaluation: ports.id('eval'), session, who: null, connection: bound.connection, policy, kind, request: id, change }
  }

  return { store, recall, resume, annul, finish, conclude, tells }
}
export type Conclusion = ReturnType<typeof createConclusion>

/** No step of step.ts: what the record says it came to, whatever its row said before. */
const came = (request: AccessRequest, status: Status, at: string, refusal: Refusal | null): AccessRequest => ({ ...request, status, execution: status === 'outcome-unknown' ? request.execution : null, ending: ending(at, refusal), revision: request.revision + 1 })
const notSo: Refusal = { slug: 'approval-stale', reason: 'end_not_on_record', next: 'request', detail: 'what became of this stood here otherwise than on record, and nothing of it ran; send the call again to ask for it' }

/** What the record says a request came to; null: nothing yet. `damaged`: what lies there is no event of ours, and stays so. Throws Fault store-unavailable. */
export async function fateOf(requests: Pick<Requests, 'fate'>, id: Id<'arq'>): Promise<Id<'evt'> | 'damaged' | null> {
  try {
    return await requests.fate(id)
  } catch (error) {
    if (error instanceof Damage) return 'damaged'
    throw error
  }
}

/** What lies at an id where only this request's outcome may, or the correction of it. `odd`: something else, or nothing that can be read: what became of it nobody can say any more. Throws Fault store-unavailable. */
export async function toldAt<K extends 'outcome' | 'correction'>(ledger: Pick<Ports['ledger'], 'get'>, id: Id<'evt'>, kind: K, request: Id<'arq'>): Promise<Extract<Event, { readonly kind: K }> | 'odd' | null> {
  try {
    const event = await ledger.get(id)
    if (event === null) return null
    return event.kind === kind && event.request === request ? event as Extract<Event, { readonly kind: K }> : 'odd'
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    return 'odd'
  }
}

/** What a target that speaks HTTP says where an object is not what it was. */
export const conflict = 'status_409'

/** Decided again and refused: told as what it is, a change since the approval, with the present reason. */
export function because(refusal: Omit<Refusal, 'inner'> & { readonly inner?: string }): Refusal {
  if (refusal.reason === conflict) return { ...refusal, slug: 'approval-stale', next: 'request', detail: 'the object changed after people had approved this, so the cluster refused it and nothing changed; send the call again to ask for what it would do now' }
  if (refusal.slug === 'target-error' || refusal.slug === 'outcome-unknown' || refusal.slug === 'timeout' || refusal.slug === 'too-large' || refusal.slug === 'target-unavailable' || refusal.slug === 'audit-unavailable') return refusal
  return { ...refusal, slug: 'approval-stale', next: 'request', detail: `it was approved, and what holds now does not let it run: ${refusal.detail}` }
}
