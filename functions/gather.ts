import type { Event, Id } from '../schema/event.ts'
import { correctionId, outcomeId, timeOf } from '../schema/item.ts'
import { leafOf, type Committer, type Leaf, type Mark } from './commit.ts'
import type { Head, Ledger, Ports } from './ports.ts'

/**
 * How long after the time in its id an event may still appear: 15 minutes until it is sent (aws/entry.ts refuses it later), 5 while its signed request is good, and 10 for clocks
 * that are apart. Outcomes and corrections, which carry their intent's time, are awaited one by one instead.
 */
const graceMs = 30 * 60_000
/** A correction follows an outcome that the sweeper wrote, within this time of it: whoever was thought dead tells as soon as it wakes. */
const correctionMs = 24 * 3_600_000
/** A process that comes up looks back further than it must: it costs little, once, and finds what a clock set wrong has put where nobody looks. */
const firstLookMs = 24 * 3_600_000
const mostAwaited = 1000
/** What is held at once: a slice of the ledger is at most one page of it, which then costs one query a partition. */
const mostLeaves = 500
const mostBytes = 16 * 1024 * 1024
const widest = 2 ** 45

type Bound = ReadonlySet<Id<'evt'>>
interface Found { leaves: Leaf[]; later: Leaf[]; readonly seen: Set<Id<'evt'>>; oldestLeft: number; awaited: Head['awaited'] }

/**
 * The slow feed of the log: looks through the ledger itself, so that no stored event is ever left out, whoever wrote it and whoever died. Two looks at once, or one
 * after the other over the same events, add nothing twice: commit.ts asks by id.
 *
 * Why none is left out: a look begun at T reads everything from the head's mark on, with consistent reads. What has an id of before T - 30 min is either stored by
 * then, or belongs to an intent: an outcome, where there is none yet, or a correction, where the sweeper wrote the outcome. Such intents are written down in the head as awaited, and each look
 * asks for theirs by id. So the mark may move to T - 30 min once everything that was read is in the log; where more are awaited than the head should hold, it stays at the first that
 * found no room.
 *
 * Why nothing comes before what it rests on: by id an intent is before its outcome and corrections, and all of them lie in one slice. An execution that people
 * approved is put into the log only by a look that began after it was seen to be stored; what approved it was stored before it, so that look finds it, or an earlier one did.
 */
export function createGathering({ now, ledger }: Pick<Ports, 'now'> & { readonly ledger: Pick<Ledger, 'get' | 'list'> }, committer: Committer) {
  let bound: Bound = new Set()
  let widthMs = 3_600_000
  let looked = false
  let latest: Mark = { mark: 0, awaited: [] }

  /** Gives how many events it added. Throws Fault; what was added stays. */
  async function reconcile(): Promise<number> {
    const first = await look()
    return bound.size === 0 ? first : first + await look()           // what waited for a look that began after it
  }

  async function look(): Promise<number> {
    const begun = now()
    const head = await committer.head()
    const safe = begun - graceMs
    const from = Math.max(0, Math.min(head?.mark ?? 0, safe) - (looked ? 0 : firstLookMs))
    const found: Found = { leaves: [], later: [], seen: new Set(), oldestLeft: Infinity, awaited: [] }
    let added = await settleAwaited(head?.awaited ?? [], begun, found)
    for (let at = from; ;) {
      const to = at + widthMs > begun ? null : at + widthMs
      if (!await readSlice(at, to, begun, found)) continue           // too much at once: again, half as wide
      added += await flush(found, 'leaves')
      if (found.later.length > mostLeaves) added += await flush(found, 'later', at - graceMs)
      if (to === null) break
      at = to
    }
    added += await flush(found, 'later')
    bound = found.seen
    latest = markOf(Math.min(safe, found.oldestLeft), found.awaited)
    looked = true
    return added
  }

  /** Everything whose id carries a time from `from` to `to` (null: and later, should a clock run ahead). false: it is more than may be held; nothing was taken. */
  async function readSlice(from: number, to: number | null, begun: number, found: Found): Promise<boolean> {
    const leaves: Leaf[] = []
    const later: Leaf[] = []
    const intents = new Map<Id<'evt'>, Event | null>()
    let [bytes, count, read] = [0, 0, 0]
    const left: Id<'evt'>[] = []
    for (let after: string | null = null; ;) {
      const { events, next }: Awaited<ReturnType<Ledger['list']>> = await ledger.list({ from: iso(from), ...(to === null ? {} : { to: iso(to) }) }, { limit: mostLeaves, after })
      read += events.length
      const given = new Map(events.map((event) => [event.id, event]))
      const missing = new Set(await committer.fresh([...given.keys()], (id) => { const event = given.get(id); return event === undefined ? null : leafOf(event).entry }))
      for (const event of events) {
        note(intents, event)
        if (!missing.has(event.id)) continue
        const leaf = leafOf(event)
        const rests = restsOnOthers(event)
        if (rests && !bound.has(event.id)) left.push(event.id)
        else (rests ? later : leaves).push(leaf)
        bytes += leaf.entry.length
        if ((++count > mostLeaves || bytes > mostBytes) && (to ?? begun) - from > 1) {
          const [newest = event, oldest = event] = [events[0], events.at(-1)]                       // as dense as here, so many fit
          widthMs = Math.max(1, Math.floor(Math.min((to ?? begun) - from, timeOf(newest.id) - timeOf(oldest.id)) / 2))
          return false
        }
      }
      if (next === null) break
      after = next
    }
    found.leaves.push(...leaves.toReversed())
    found.later.push(...later.toReversed())
    for (const id of left) {
      found.seen.add(id)
      found.oldestLeft = Math.min(found.oldestLeft, timeOf(id))
    }
    found.awaited = [...found.awaited, ...[...intents].flatMap(([id, outcome]) => awaiting(id, outcome, begun))]
    if (read < mostLeaves / 4) widthMs = Math.min(widest, widthMs * 2)
    else if (read > mostLeaves) widthMs = Math.max(1, Math.floor(widthMs / 2))
    return true
  }

  /** What awaited intents have got since. */
  async function settleAwaited(awaited: Head['awaited'], begun: number, found: Found): Promise<number> {
    const leaves: Leaf[] = []
    for (const { id, until } of awaited) {
      const outcome = until === null ? await ledger.get(outcomeId(id)) : null
      if (outcome) leaves.push(leafOf(outcome))
      if (until !== null || outcome) leaves.push(...await corrections(id))
      found.awaited = [...found.awaited, ...until === null ? awaiting(id, outcome, begun) : until > begun ? [{ id, until }] : []]
    }
    return committer.commit(leaves, latest)
  }

  async function corrections(intent: Id<'evt'>): Promise<readonly Leaf[]> {
    const leaves: Leaf[] = []
    for (let next = await ledger.get(correctionId(intent, 1)); next !== null; next = await ledger.get(correctionId(intent, leaves.length + 1))) leaves.push(leafOf(next))
    return leaves
  }

  async function flush(found: Found, which: 'leaves' | 'later', before = Infinity): Promise<number> {
    const due = found[which].filter(({ id }) => timeOf(id) < before)
    found[which] = found[which].filter(({ id }) => timeOf(id) >= before)
    return committer.commit(due.toSorted((a, b) => (a.id < b.id ? -1 : 1)), latest)
  }
  return { reconcile, mark: () => latest }
}

const iso = (at: number): string => new Date(at).toISOString()
/** An execution that people approved, and what became of it. */
export const restsOnOthers = (event: Event): boolean => event.request !== undefined && (event.kind === 'intent' || event.kind === 'outcome' || event.kind === 'correction')

function note(intents: Map<Id<'evt'>, Event | null>, event: Event): void {
  if (event.kind === 'intent') intents.set(event.id, intents.get(event.id) ?? null)
  if (event.kind === 'outcome') intents.set(event.intent, event)
}

/** What may still come of an intent. Nothing any more where the gate itself told its outcome, or a correction had its time. */
function awaiting(id: Id<'evt'>, outcome: Event | null, now: number): Head['awaited'] {
  if (outcome === null) return [{ id, until: null }]
  const until = Date.parse(outcome.at) + correctionMs
  return outcome.kind === 'outcome' && outcome.by === 'sweeper' && until > now ? [{ id, until }] : []
}

/** Only what is older than the mark needs to be awaited by name: the rest is looked at again anyway. */
function markOf(mark: number, awaited: Head['awaited']): Mark {
  const older = [...new Map(awaited.map((one) => [one.id, one])).values()].filter(({ id }) => timeOf(id) < mark).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const first = older[mostAwaited]
  return first === undefined ? { mark, awaited: older } : { mark: timeOf(first.id), awaited: older.slice(0, mostAwaited).filter(({ id }) => timeOf(id) < timeOf(first.id)) }
}
