import { type AccessRequest, isOpen, type Status } from '../schema/approval.ts'
import type { Event, Id } from '../schema/event.ts'
import { correctionId, outcomeId } from '../schema/item.ts'
import { type Conclusion, fateOf, toldAt } from './conclude.ts'
import type { Ports, Requests } from './ports.ts'
import { eventOf } from './vouch.ts'

/** Ends of which one event tells, each. What is `stale` may say that it failed before it began. */
const ends: Readonly<Partial<Record<Event['kind'], Status>>> = { rejection: 'rejected', cancellation: 'cancelled', expiry: 'expired' }
const outcomes = { succeeded: 'succeeded', failed: 'failed', unknown: 'outcome-unknown' } as const satisfies Readonly<Record<string, Status>>

/**
 * The request as it ended on record. Receives one as its row has it; gives it back where it waits or runs, or the record has that end too. Whoever can write requests alone could else have what ran told as taken back or refused, and the
 * same call asked anew, approved by people who know nothing of the first, and run twice. A row that says otherwise comes to what the record says, with an alarm. Costs up to four reads of the record. Throws Fault store-unavailable.
 */
export function createBelief({ ledger }: Pick<Ports, 'ledger'>, requests: Requests, { recall, annul, finish }: Conclusion) {
  return async function believed(request: AccessRequest): Promise<AccessRequest> {
    if (isOpen(request.status)) return request
    const fate = await fateOf(requests, request.id)
    if (await agrees(request, fate)) return request
    if (fate !== null) await recall(request, fate)
    else if (saysRan(request)) await recall(request, 'damaged')           // the record may have been put back to before that: whether it ran nobody knows
    else await annul(request)
    const now = await requests.get(request.id) ?? request
    if (now.status !== 'executing') return now
    await finish(now)
    return await requests.get(request.id) ?? now
  }

  async function agrees({ id, status }: AccessRequest, fate: Id<'evt'> | 'damaged' | null): Promise<boolean> {
    // The least that can be told, and what is told where the record says nothing.
    if (fate === null || fate === 'damaged') return status === 'outcome-unknown'
    const event = await eventOf(ledger, fate)
    if (event?.request !== id) return status === 'outcome-unknown'
    if (event.kind === 'stale') return status === (event.change['status'] === 'failed' ? 'failed' : 'stale')
    if (event.kind !== 'intent') return ends[event.kind] === status
    const first = await said(outcomeId(fate), 'outcome', id)
    // Its process was slower than the sweeper, and lived: what it knew lies beside.
    return first === status || (first === 'outcome-unknown' && await said(correctionId(fate, 1), 'correction', id) === status)
  }

  /** As `finish` takes it; of an end that is not there nothing can be told but that. */
  async function said(id: Id<'evt'>, kind: 'outcome' | 'correction', request: Id<'arq'>): Promise<Status> {
    const event = await toldAt(ledger, id, kind, request)
    return event === null || event === 'odd' ? 'outcome-unknown' : outcomes[event.status]
  }
}

const saysRan = ({ status, execution }: AccessRequest): boolean => status === 'succeeded' || (status === 'failed' && execution !== null)
