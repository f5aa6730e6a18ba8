import type { AccessRequest, Verdict } from '../schema/approval.ts'
import type { Event, Id } from '../schema/event.ts'
import type { Refusal } from '../schema/refusal.ts'
import { diffDigestOf, digestOf } from './approve/digest.ts'
import { Damage, type Ports } from './ports.ts'

/**
 * Whether the record vouches for it that this was asked, by whom it says and in the words it says: the first of the events a request names was stored in one write with it, has its digest, names its caller and session, and knows what people are shown that it would change. The digest covers groups and
 * claims too. Whoever can write requests alone can copy one under another subject, or with a group more, and make a digest that fits; people would give true words for a wish that nobody had. Costs a read of the record. Throws Fault store-unavailable.
 */
export async function wished({ ledger }: Pick<Ports, 'ledger'>, request: AccessRequest): Promise<boolean> {
  const { id, digest, bound, session, told } = request
  const first = told?.[0]
  if (first === undefined || digestOf(bound) !== digest) return false
  const event = await eventOf(ledger, first)
  if (event?.kind !== 'request' || event.request !== id || event.change['digest'] !== digest || event.change['diffDigest'] !== diffDigestOf(request) || event.session !== session || event.who === null) return false
  const { issuer, subject, actors } = event.who
  return issuer === bound.issuer && subject === bound.subject.id && actors.length === bound.actors.length && actors.every((actor, n) => actor === bound.actors[n]?.id)
}

/** How many are remembered, so that a list that is looked at again costs no reads. */
const mostKnown = 2000
/** `wished`, of requests that still wait, for whoever only shows them: once it was so it stays so, for the record forgets nothing and the digest is taken anew each time. Alarms once of one that was not. */
export function createWishes(ports: Pick<Ports, 'ledger' | 'alarm'>) {
  const known = new Set<string>()
  const alarmed = new Set<string>()
  const remember = (set: Set<string>, key: string) => { if (set.size >= mostKnown) set.clear(); set.add(key) }
  return async function isWished(request: AccessRequest): Promise<boolean> {
    const { id, digest, bound, session, told: [first] = [] } = request
    const key = `${id} ${digest} ${first} ${session} ${diffDigestOf(request)}`
    if (known.has(key) && digestOf(bound) === digest) return true
    const isSo = await wished(ports, request)
    if (isSo) remember(known, key)
    else if (!alarmed.has(key)) { remember(alarmed, key); ports.alarm('a request is not on record', { request: id }) }
    return isSo
  }
}

/** Of what somebody wrote over, nothing vouches for anything, and it stays so. Throws Fault store-unavailable for a record that does not answer. */
export async function eventOf(ledger: Ports['ledger'], id: Id<'evt'>): Promise<Event | null> {
  try {
    return await ledger.get(id)
  } catch (error) {
    if (error instanceof Damage) return null
    throw error
  }
}

/** What people who would decide it are told, and how it ends where it is approved. */
export const unwished: Refusal = {
  slug: 'approval-stale', reason: 'not_on_record', next: 'request', detail: 'that anybody asked for this, as it stands here, is not on record, so nobody is asked and nothing runs; send the call again to ask for it',
}

/**
 * The approvals among a request's verdicts that the record vouches for. Each was stored in one write with the event that tells of it, and the request names those events in the order of its verdicts, behind the one by which it was asked.
 * Whoever can write requests alone can add a verdict, give its person another group, or have other words approved than people read, and has no event of it; whoever can write the record too leaves one for good, which names a person who
 * can be asked. Costs a read of the record for each approval, and one of the keys of its content. Throws Fault store-unavailable.
 */
export async function vouched({ ledger }: Pick<Ports, 'ledger'>, request: AccessRequest): Promise<ReadonlySet<Verdict>> {
  const [, ...told] = request.told ?? []                             // left out by a version before this one: then nobody vouches
  const approvals = await Promise.all(request.verdicts.map(async (verdict, n) => {
    const id = told[n]
    return verdict.decision === 'approve' && id !== undefined && tells(await eventOf(ledger, id), verdict, request) ? [verdict] : []
  }))
  return new Set(approvals.flat())
}

/** What a verdict counts by, and nothing of its content: that may be erased meanwhile. */
function tells(event: Event | null, { issuer, subject, groups, signedInAt, evaluation }: Verdict, { id, digest }: AccessRequest): boolean {
  if (event?.kind !== 'approval' || event.request !== id || event.evaluation !== evaluation || event.who === null) return false
  const { who, change } = event
  return change['digest'] === digest && change['signedInAt'] === signedInAt && who.issuer === issuer && who.subject === subject && who.actors.length === 0
    && who.groups.length === groups.length && who.groups.every((group, n) => group === groups[n])
}
