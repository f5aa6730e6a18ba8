import type { Event, Id } from '../schema/event.ts'
import { correctionId, outcomeId, timeOf } from '../schema/item.ts'
import { leafOf, type Committer, type Mark } from './commit.ts'
import { createOrdering } from './ordering.ts'
import type { Head, Ledger, Ports } from './ports.ts'

/**
 * How long after the time in its id an event may still appear: 15 minutes until it is sent (aws/entry.ts refuses it later), 5 while its signed request is good, and 10 for clocks
 * that are apart. Outcomes and corrections, which carry their intent's time, are awaited one by one instead.
 */
const graceMs = 30 * 60_000
/** A correction follows an outcome that the sweeper wrote, within this time of it: whoever was thought dead tells as soon as it wakes. */
const correctionMs = 24 * 3_600_000
/** Events are stored moments after their id's time: what comes later than this waits for the second look. */
const soonMs = 10_000
/** A process that comes up looks back further than the last look came, because what that one saw begin is not written down. */
const backMs = 2 * 60_000
/** A mark of the future was set by a clock that was wrong. Then nothing is known of what was stored since, so a process that comes up looks back so far. */
const astrayMs = 24 * 3_600_000
/** The least that is worth a second look of its own. */
const stepMs = 60_000
/** Of a minute, so that two looks of a schedule do not overlap: each of the two passes ends at the first part it is through with after its time, and the next look goes on there. */
const budgetMs = 25_000
const mostAwaited = 1000
const mostOpen = 5000

/**
 * The slow feed of the log: looks through the ledger itself, so that no stored event is ever left out, whoever wrote it and whoever died. It goes through the record twice, each time from where it stopped: once when it was just
 * written, for what the fast feed (sequence.ts) has lost, and once when nothing more can come to that part, for what came late. So what a look reads grows with what is new, not with what there is. Two looks at once, or one
 * after the other over the same events, add nothing twice: commit.ts asks by id.
 *
 * Why none is left out: the second look reads, with consistent reads, everything that has an id of before T - 30 min, T being a time before it began. Whatever ever has such an id is either stored by then, or belongs to an intent: an outcome, where
 * there is none yet, or a correction, where the sweeper wrote the outcome. Such intents are written down in the head as awaited, and each look asks for theirs by id. So the mark may move to the end of a part once all that was read of it
 * is in the log; where more are awaited than the head should hold, it stays at the first that found no room. Nothing rests on the first look but that the log is soon whole.
 */
export function createGathering({ now, ledger }: Pick<Ports, 'now'> & { readonly ledger: Pick<Ledger, 'get' | 'scan'> }, committer: Committer) {
  const ordered = createOrdering(ledger, committer)
  let latest: Mark = { mark: 0, near: 0, awaited: [] }
  let near: number | null = null
  let doubted = Infinity
  /** How far the second look came, where the head's mark is of no use. */
  let passed: number | null = null
  /** Intents that a first look saw begin and not end. */
  const open = new Set<Id<'evt'>>()

  /** Gives how many events it added. Throws Fault; what was added stays. */
  async function reconcile(): Promise<number> {
    const begun = now()
    const head = await committer.head()
    if (head !== null && head.mark >= latest.mark) latest = { mark: head.mark, near: head.near, awaited: head.awaited }
    const awaited = await settleAwaited(begun)
    return awaited + await first(begun) + await second(begun)
  }

  async function first(begun: number): Promise<number> {
    const safe = begun - graceMs
    let added = await settleOpen()
    near = Math.max(safe, Math.min(doubted, near ?? latest.near - backMs))
    doubted = Infinity
    if (near > begun) near = safe                                   // the clock was set back
    let reached = near
    for await (const { events, until } of ledger.scan(near, null)) {
      added += await add(events)
      for (const event of events) {
        if (event.kind === 'intent' && open.size < mostOpen) open.add(event.id)
        if (event.kind === 'outcome') open.delete(event.intent)
      }
      if (until <= reached) continue                                // there is more of that part
      reached = until
      near = Math.max(near, Math.min(until, begun - soonMs))
      latest = { ...latest, near: Math.max(near, latest.mark) }
      if (now() - begun > budgetMs) break
    }
    return added
  }

  async function second(begun: number): Promise<number> {
    const safe = begun - graceMs
    const from = latest.mark <= safe ? latest.mark : Math.min(safe, passed ?? (latest.mark > begun ? safe - astrayMs : safe))
    if (safe - from < stepMs) return 0
    let [added, reached] = [0, from]
    const intents = new Map<Id<'evt'>, Event | null>()
    for await (const { events, until } of ledger.scan(from, safe)) {
      added += await add(events)
      for (const event of events) note(intents, event)
      if (until <= reached) continue
      reached = until
      const awaited = [...intents].flatMap(([id, outcome]) => awaiting(id, outcome, begun))
      intents.clear()
      const next = markOf(until, [...latest.awaited, ...awaited])
      passed = next.mark
      if (next.mark >= latest.mark) latest = { ...next, near: Math.max(latest.near, next.mark) }
      if (next.mark < until || now() - begun > 2 * budgetMs) break // what found no room is looked through again when others have ended
    }
    return added
  }

  /** What of these the log has not, and what they rest on. */
  async function add(events: readonly Event[]): Promise<number> {
    if (events.length === 0) return 0
    const given = new Map(events.map((event) => [event.id, event]))
    const missing = await committer.fresh([...given.keys()], (id) => { const event = given.get(id); return event === undefined ? null : leafOf(event).entry })
    return committer.commit((await ordered(missing.flatMap((id) => given.get(id) ?? []))).map(leafOf), latest)
  }

  /** What awaited intents have got since. */
  async function settleAwaited(begun: number): Promise<number> {
    const [found, awaited]: [Event[], Head['awaited'][number][]] = [[], []]
    for (const { id, until } of latest.awaited) {
      const outcome = until === null ? await ledger.get(outcomeId(id)) : null
      if (outcome) found.push(outcome)
      if (until !== null || outcome) found.push(...await corrections(id))
      awaited.push(...until === null ? awaiting(id, outcome, begun) : until > begun ? [{ id, until }] : [])
    }
    const added = await committer.commit((await ordered(found)).map(leafOf), latest)
    latest = { ...latest, awaited }
    return added
  }

  /** What has ended since a first look saw it begin. */
  async function settleOpen(): Promise<number> {
    const found: Event[] = []
    for (const id of open) if (timeOf(id) < latest.mark) open.delete(id)                             // awaited, if at all
    const waiting = new Set(await committer.fresh([...open].map(outcomeId)))
    for (const id of open) {
      const outcome = waiting.has(outcomeId(id)) ? await ledger.get(outcomeId(id)) : null
      if (outcome) found.push(outcome)
    }
    const added = await committer.commit((await ordered(found)).map(leafOf), latest)
    for (const { id } of found) waiting.delete(id)
    for (const id of open) if (!waiting.has(outcomeId(id))) open.delete(id)
    return added
  }

  async function corrections(intent: Id<'evt'>): Promise<readonly Event[]> {
    const found: Event[] = []
    for (let next = await ledger.get(correctionId(intent, 1)); next !== null; next = await ledger.get(correctionId(intent, found.length + 1))) found.push(next)
    return found
  }
  return {
    reconcile, mark: () => latest,
    /** These were to be in the log and may not be: the next look begins at them. */
    doubt(events: readonly Event[]): void {
      doubted = events.reduce((at, { id }) => Math.min(at, timeOf(id)), doubted)
    },
  }
}

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

function markOf(mark: number, awaited: Head['awaited']): Pick<Mark, 'mark' | 'awaited'> {
  const older = [...new Map(awaited.map((one) => [one.id, one])).values()].filter(({ id }) => timeOf(id) < mark).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const first = older[mostAwaited]
  return first === undefined ? { mark, awaited: older } : { mark: timeOf(first.id), awaited: older.slice(0, mostAwaited).filter(({ id }) => timeOf(id) < timeOf(first.id)) }
}
