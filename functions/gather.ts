import type { Event, Id } from '../schema/event.ts'
import { correctionId, isIntentId, mostCorrections, outcomeId, timeOf } from '../schema/item.ts'
import { abreast } from './abreast.ts'
import type { Committer, Mark } from './commit.ts'
import { leafOf } from './leaf.ts'
import { createOrdering } from './ordering.ts'
import { Damage, type Head, type Ledger, type Ports } from './ports.ts'
import { isSettleable } from './settleable.ts'

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
/** Further back it looks once, piece by piece, and no further than so many events: a clock that was wrong may have set the mark before what was stored after it was set right. */
const astrayMs = [15 * 60_000, 3_600_000, 4 * 3_600_000, 24 * 3_600_000]
const mostAstray = 10_000
/** The least that is worth a second look of its own. */
const stepMs = 60_000
/** Of a minute, so that two looks of a schedule do not overlap: each pass ends at the first part it is through with after its time, and the next look goes on there. */
const budgetMs = 25_000
/** That the head has room for, and that this process remembers beside. */
const mostAwaited = 1000
const mostWaiting = 50_000
const mostOpen = 5000
/** Asked for by name in one look, the others in the next. */
const mostAsked = 1000

/**
 * The slow feed of the log: looks through the ledger itself, so that no stored event is ever left out, whoever wrote it and whoever died. It goes through the record twice, each time from where it stopped: once when it was just
 * written, for what the fast feed (sequence.ts) has lost, and once when nothing more can come to that part, for what came late. So what a look reads grows with what is new, not with what there is. Two looks at once, or one
 * after the other over the same events, add nothing twice: commit.ts asks by id.
 *
 * Why none is left out: the second look reads, with consistent reads, everything that has an id of before T - 30 min, T being a time before it began. Whatever ever has such an id is either stored by then, or belongs to an intent: an outcome, where
 * there is none yet, or a correction, where the sweeper wrote the outcome. Such intents are awaited: asked for by id, and written down in the head, whose mark stays at the first that has no room there. The mark is no further than all that was read is in
 * the log. Nothing rests on the first look but that the log is soon whole.
 *
 * No single item stops a look: what cannot be read is told of and passed by, and which intent an outcome is of is told by its id, whatever it says itself.
 */
export function createGathering({ now, alarm, ledger }: Pick<Ports, 'now' | 'alarm'> & { readonly ledger: Pick<Ledger, 'get' | 'scan'> }, committer: Committer) {
  const { ordered, get } = createOrdering({ ledger, alarm }, committer)
  let latest: Mark = { mark: 0, near: 0, awaited: [] }
  let near: number | null = null
  let doubted = Infinity
  /** How far the second look came, in this process; never behind the mark, where that can be true. */
  let passed: number | null = null
  let astray: readonly number[] = astrayMs
  let lastBegun = 0
  /** No mark up to this is believed: it lay in the future when it was seen. */
  let distrusted = -Infinity
  /** Intents that a first look saw begin and not end, and older ones than `passed` of which more is to come, as in the head. */
  const open = new Set<Id<'evt'>>()
  const waiting = new Map<Id<'evt'>, number | null>()

  /** Gives how many events it added. Throws Fault; what was added stays. */
  async function reconcile(): Promise<number> {
    const begun = now()
    if (begun < lastBegun && passed !== null) [passed, astray] = [Math.min(passed, begun - graceMs), astrayMs]  // the clock was set back: what it said is not to be relied on
    lastBegun = begun
    adopt(await committer.head(), begun - graceMs)
    let [added, failed]: [number, unknown] = [0, null]
    // One that fails keeps none of the others from its work.
    for (const step of [settle, settleOpen, first, behind, second]) await step(begun).then((more) => { added += more }, (error: unknown) => { failed ??= error })
    if (failed !== null) throw failed
    return added
  }

  function adopt(head: Head | null, safe: number): void {
    if (head !== null && head.mark >= latest.mark) latest = { mark: head.mark, near: head.near, awaited: head.awaited }
    if (latest.mark > safe) distrusted = Math.max(distrusted, latest.mark)
    if (latest.mark > safe + graceMs) alarm('the mark of the log lies in the future', { mark: new Date(Math.min(latest.mark, 8e15)).toISOString() })
    if (passed !== null && !(passed < latest.mark && latest.mark <= safe && latest.mark > distrusted)) return
    passed = Math.min(latest.mark, safe)
    for (const { id, until } of latest.awaited) if (isIntentId(id) && !waiting.has(id)) waiting.set(id, until)
  }

  async function first(begun: number): Promise<number> {
    const [from, safe] = [now(), begun - graceMs]
    near = Math.max(safe, Math.min(doubted, near ?? latest.near - backMs))
    doubted = Infinity
    if (near > begun) near = safe                                   // the clock was set back
    let [added, reached, isWhole] = [0, near, true]
    for await (const { events, until } of ledger.scan(near, null)) {
      added += await add(events)
      for (const { id, kind } of events) {
        if (kind === 'intent' && isIntentId(id) && open.size < mostOpen) open.add(id)
        if (kind === 'outcome' && isOutcomeId(id)) open.delete(intentOf(id))
      }
      if (until <= reached) continue                                // there is more of that part
      reached = until
      near = Math.max(near, Math.min(until, begun - soonMs))
      latest = { ...latest, near: Math.max(near, latest.mark) }
      if (now() - from <= budgetMs) continue
      isWhole = false
      break
    }
    if (isWhole) near = Math.max(near, begun - soonMs)              // also where there was nothing
    latest = { ...latest, near: Math.max(near, latest.mark) }
    return added
  }

  async function second(begun: number): Promise<number> {
    const [from, safe] = [now(), begun - graceMs]
    if (passed === null || safe - passed < stepMs) return 0
    let [added, reached] = [0, passed]
    const intents = new Map<Id<'evt'>, number | null>()
    for await (const { events, damaged, until } of ledger.scan(passed, safe)) {
      added += await add(events)
      for (const id of damaged) alarm('an event in the record cannot be read', { id })
      for (const event of events) note(intents, event, begun)
      if (until <= reached) continue
      passed = reached = until
      for (const [id, till] of intents) {
        if (timeOf(id) >= until) continue                           // more of it may be in the next piece
        intents.delete(id)
        if (till === null || till > begun) waiting.set(id, till)
      }
      const next = markOf(passed, waiting)
      if (next.mark >= latest.mark) latest = { ...next, near: Math.max(latest.near, next.mark) }
      if (waiting.size > mostWaiting || now() - from > budgetMs) break
    }
    return added
  }

  /** Once in a process: what lies before all that it would look at. */
  async function behind(begun: number): Promise<number> {
    let [added, read] = [0, 0]
    const end = passed ?? 0
    for (const [n, back] of astray.entries()) {
      const intents = new Map<Id<'evt'>, number | null>()
      for await (const { events } of ledger.scan(end - back, end - (astray[n - 1] ?? 0))) {
        added += await add(events)
        for (const event of events) note(intents, event, begun)
        if ((read += events.length) > mostAstray) break
      }
      for (const [id, till] of intents) if (till === null || till > begun) waiting.set(id, till)
      if (read > mostAstray) break
    }
    astray = []
    return added
  }

  /** What of these the log has not, and what they rest on. */
  async function add(events: readonly Event[]): Promise<number> {
    if (events.length === 0) return 0
    const given = new Map(events.map((event) => [event.id, event]))
    const missing = await committer.fresh([...given.keys()], (id) => { const event = given.get(id); return event === undefined ? null : leafOf(event).entry })
    return put(missing.flatMap((id) => given.get(id) ?? []))
  }
  const put = async (events: readonly Event[]): Promise<number> => events.length === 0 ? 0 : committer.commit((await ordered(events)).map(leafOf), latest)

  /** What awaited intents have got since. */
  async function settle(begun: number): Promise<number> {
    const asked = [...waiting].slice(0, mostAsked)
    const found = await abreast(asked, async ([id, until]) => {
      const outcome = until === null ? await ended(id) : null
      if (outcome === 'damaged') return { id, until: 0, events: [] }
      return { id, until: until ?? (outcome && untilOf(outcome, begun)), events: [...outcome ? [outcome] : [], ...until === null && outcome === null ? [] : await corrections(id)] }
    })
    const added = await put(found.flatMap(({ events }) => events))
    for (const { id, until } of found) {
      waiting.delete(id)
      if (until === null || until > begun) waiting.set(id, until)   // behind all others: the next look asks for those
    }
    return added
  }

  /** What has ended since a first look saw it begin. Older ones are awaited, if at all. */
  async function settleOpen(): Promise<number> {
    for (const id of open) if (timeOf(id) < (passed ?? 0)) open.delete(id)
    const asked = [...open].slice(0, mostAsked)
    const missing = new Set(await committer.fresh(asked.map(outcomeId)))
    const found = await abreast(asked, async (id) => ({ id, ended: !missing.has(outcomeId(id)), outcome: missing.has(outcomeId(id)) ? await get(outcomeId(id)) : null }))
    const added = await put(found.flatMap(({ outcome }) => outcome ?? []))
    for (const { id, ended, outcome } of found) {
      open.delete(id)
      if (!ended && outcome === null) open.add(id)
    }
    return added
  }

  /** What became of an intent. `damaged`: nobody can say any more, and nothing else can come in its place. */
  async function ended(intent: Id<'evt'>): Promise<Event | 'damaged' | null> {
    try {
      return await ledger.get(outcomeId(intent))
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      return 'damaged'                                              // told of where it was come upon
    }
  }

  async function corrections(intent: Id<'evt'>): Promise<readonly Event[]> {
    const found: Event[] = []
    for (let n = 1; n <= mostCorrections; n++) {
      const next = await get(correctionId(intent, n))
      if (next === null) break
      found.push(next)
    }
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

/** Of the id of an outcome: whose it is. */
const intentOf = (outcome: Id<'evt'>): Id<'evt'> => `evt_${outcome.slice(4, -1)}0`
const isOutcomeId = (id: Id<'evt'>): boolean => id === outcomeId(intentOf(id))

/** Into a list of intents, and how long more of each may come: null, until its outcome does. */
function note(intents: Map<Id<'evt'>, number | null>, event: Event, now: number): void {
  if (isSettleable(event) && !intents.has(event.id)) intents.set(event.id, null)
  if (event.kind === 'outcome' && isOutcomeId(event.id)) intents.set(intentOf(event.id), untilOf(event, now))
}

/** How long something may still come after this outcome, epoch ms. Nothing where the gate itself told it. */
const untilOf = (outcome: Event, now: number): number => outcome.kind === 'outcome' && outcome.by === 'sweeper' ? Math.min(Date.parse(outcome.at), now) + correctionMs || 0 : 0

/** The mark that this head can have: its awaited intents are all that there are before it. */
function markOf(passed: number, waiting: ReadonlyMap<Id<'evt'>, number | null>): Pick<Mark, 'mark' | 'awaited'> {
  const awaited = [...waiting].filter(([id]) => timeOf(id) < passed).map(([id, until]) => ({ id, until })).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const first = awaited[mostAwaited]
  return first === undefined ? { mark: passed, awaited } : { mark: timeOf(first.id), awaited: awaited.slice(0, mostAwaited).filter(({ id }) => timeOf(id) < timeOf(first.id)) }
}
