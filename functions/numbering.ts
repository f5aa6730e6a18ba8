import type { Event, Id, Writer } from '../schema/event.ts'
import { timeOf } from '../schema/item.ts'
import { Fault, type Ledger, type Ports, type Requests } from './ports.ts'
import { promiseOf } from './record/promise.ts'
import { createWriting, voidOf, type Writing } from './record/writer.ts'

type Numbered = Event & { readonly writer: Writer }
/** An event of which it is not known, or known not to be, that it is stored. `taken`: its id is somebody else's. `alone`: it was to be stored by itself. `sent`: when, epoch ms. */
interface Doubt { event: Numbered; taken: boolean; readonly alone: boolean; sent: number; /** Not looked at again before, epoch ms. */ again: number }

/** More writes of unknown fate than this, of those that a void can still stand for, and nothing is written until some are known: each later event lists them. */
const mostDoubts = 200
/** How often one is looked for that may still be on its way. */
const lookMs = 10_000
/** Evaluations whose newest event is at hand to be promised: so many of the newest at least, and at most twice as many. */
const mostRecent = 500
/** An event is not sent any more when it is so old (aws/entry.ts refuses it); a void in its place must be in time too. */
const placeableMs = 14 * 60_000
/** After this nothing that was sent arrives any more: 15 minutes until it is refused, 5 while its signed request is good, 10 for clocks that are apart. */
const settledMs = 30 * 60_000

/**
 * Numbers every event of this process, so that the log shows it when one is taken away (docs/audit.md). The one place that does: around the stores, where they are assembled: outside of whoever
 * overhears them, and inside of what seals, so that a number is given to what is stored. No event of this process is stored before the one that certifies its key; where that cannot be stored, neither can anything else, and so nothing executes.
 *
 * A number is used once, and its fate comes to be known: the event is stored; or it is not, and then a `void` is, under the same number. Where it is not known (the store did not answer), the void is
 * written under the event's own id, by the condition that makes every event append-only: either the event is there, or it can never be. What a crash leaves: the numbers that were in flight, which
 * each later event of this process lists as open, and none comes.
 *
 * Heartbeats have no number: any sequencer writes them, all alike under one id, and a number would make as many of them as there are sequencers. Nothing rests on one but that somebody was there; who takes
 * one away takes away a proof of his own, and can do no more than be silent. The sweeper's outcomes are numbered: of two sweepers one has the outcome, the other a void.
 */
export function numbered<S extends { readonly ledger: Ledger; readonly requests: Requests }>(stores: S, { now, id, alarm }: Pick<Ports, 'now' | 'id' | 'alarm'>): S & { readonly promise: NonNullable<Ports['promise']> } {
  const { ledger, requests } = stores
  let recent = new Map<Id<'eval'>, Numbered>()
  let earlier = recent
  const doubts = new Map<number, Doubt>()
  let certified: Promise<Writing> | null = null
  let writing: Writing | null = null
  let mending: Promise<void> | null = null

  /** Durable: the event that holds the key. Dies before: a key nobody knows. Where it is not known whether it is stored, another key is made next time: one without any event more is none's. */
  function certify(): Promise<Writing> {
    certified ??= (async () => {
      const made = createWriting(id('evt'), new Date(now()).toISOString())
      await ledger.append(made.first)
      return writing = made
    })().catch((error: unknown) => { certified = null; throw error })
    return certified
  }

  /** Older ones wait for their time, and must not keep a store that is back from being written. */
  const isFull = (): boolean => doubts.size >= mostDoubts && [...doubts.values()].filter(({ sent }) => now() - sent < placeableMs).length >= mostDoubts

  /** The event with its number. The same event again, of whose first write nothing is known, has the same. */
  async function take(event: Event): Promise<Numbered> {
    const writing = await certify()
    for (const { event: known } of doubts.values()) if (known.id === event.id && JSON.stringify(known) === JSON.stringify({ ...event, writer: known.writer })) return known
    if (isFull()) await mend()
    if (isFull()) throw new Fault('store-unavailable', 'too many writes of which it is not known whether they are stored')
    return { ...event, writer: writing.take() }
  }

  async function write<T>(event: Event, alone: boolean, store: (event: Event) => Promise<T>, isStored: (result: T) => boolean): Promise<T> {
    if (event.kind === 'heartbeat') return store(event)
    const mine = writing !== null && doubts.size === 0 ? { ...event, writer: writing.take() } : await take(event)
    let result: T
    try {
      result = await store(mine)
    } catch (error) {
      doubt(mine, alone, false)
      throw error
    }
    if (isStored(result)) stored(mine)
    else doubt(mine, alone, alone)                                  // `already`: its id is taken. A transaction that lost has written nothing, and its event's id is free
    if (doubts.size > 0) void mend()                                // the store answers: now, and beside the call
    return result
  }

  function stored(event: Numbered): void {
    settle(event.writer.n)
    recent.set(event.evaluation, event)
    if (recent.size < mostRecent) return
    earlier = recent                                                // the oldest all at once: to find each of them among the deleted ones costs more than all else here
    recent = new Map()
  }
  function settle(n: number): void {
    writing?.settle(n)
    doubts.delete(n)
  }
  function doubt(event: Numbered, alone: boolean, taken: boolean): void {
    doubts.set(event.writer.n, { event, alone, taken, sent: now(), again: 0 })
  }

  /** What is in doubt, oldest first, until the store does not answer. Never throws; what is left is tried after the next write. */
  function mend(): Promise<void> {
    mending ??= (async () => {
      for (const one of [...doubts.values()]) if (one.again <= now()) await resolve(one)
    })().catch(() => undefined).finally(() => { mending = null })
    return mending
  }

  async function resolve(one: Doubt): Promise<void> {
    if (!one.taken && await isKnown(one)) return settle(one.event.writer.n)
    if (!one.taken) {
      one.again = now() + lookMs                                    // it may still come
      return
    }
    one.event = voidOf(one.event, id('evt'))                        // drawn once: whether it is stored is then in doubt itself
    ;[one.taken, one.sent] = [false, now()]
    if (await isKnown(one)) settle(one.event.writer.n)
  }

  /** Whether its number is used in the store by now. Sets `taken` where it is certain that it is not, and that the id cannot be used for it. Throws what the ledger throws. */
  async function isKnown(one: Doubt): Promise<boolean> {
    const { event } = one
    const result = event.kind === 'outcome' || event.kind === 'correction'
    // The truth about an intent is worth more than a void, and a void in its place would keep the sweeper's out.
    if (result && one.alone) {
      if (await ledger.append(event) === 'stored') return true
      one.taken = true
      return false
    }
    if (result || now() - timeOf(event.id) > placeableMs) {
      const there = await ledger.get(event.id)
      one.taken = !isOurs(there, event) && (there !== null || now() > Math.max(one.sent, timeOf(event.id)) + settledMs)
      return isOurs(there, event)
    }
    const inPlace = event.kind === 'void' ? event : voidOf(event, event.id)
    const put = await ledger.append(inPlace).catch((error: unknown) => error)
    if (put === 'stored') return true                               // and the event itself never will be
    const there = await ledger.get(event.id)
    if (there === null) throw put
    one.taken = !isOurs(there, event)
    return !one.taken                                               // it was stored after all, or our void was
  }

  return {
    ...stores,
    ledger: { ...ledger, append: (event: Event) => write(event, true, ledger.append, (result) => result === 'stored') },
    requests: {
      ...requests,
      create: (request, event, ...more) => write(event, false, (mine) => requests.create(request, mine, ...more), ({ created }) => created),
      swap: (next, event) => event === null ? requests.swap(next, null) : write(event, false, (mine) => requests.swap(next, mine), (swapped) => swapped),
    },
    promise(evaluation) {
      const event = recent.get(evaluation) ?? earlier.get(evaluation)
      if (event === undefined || writing === null) return null
      recent.delete(evaluation)
      earlier.delete(evaluation)
      try {
        return promiseOf(event, writing, now())
      } catch (error) {
        if (!(error instanceof RangeError)) alarm('an event is not promised', { id: event.id, error: error instanceof Error ? error.message : 'unknown' })
        return null                                                 // what canonical JSON cannot say is in the log as a digest
      }
    },
  }
}
const isOurs = (there: Event | null, { writer }: Numbered): boolean => there?.writer?.id === writer.id && there.writer.n === writer.n
