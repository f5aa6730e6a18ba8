import type { KeyObject } from 'node:crypto'
import { isEventId } from '../../../schema/item.ts'
import type { Entry } from '../log/entry.ts'
import { promiseMs, writerKeyOf } from '../promise.ts'
import { createDates, timeAt, timeIn } from './dates.ts'
import type { Finding } from './finding.ts'
import { list, object } from './json.ts'

/** One process: the number after its highest, and those below that were not seen yet; until when (ISO 8601) a gap may still be of its first events, which were removed. */
interface Seen { next: number; readonly missing: Map<number, Gap>; /** Of those, the ones that every later event so far lists as open: so few that each event may look at all of them. */ readonly untold: Set<number>; leads: string; key: KeyObject | null; /** The newest time of its events so far, and of the one with the highest number. */ newest: string; last: { readonly n: number; readonly at: string } }
/** `told`: the first later event that says it is stored; null: all later ones say that it is open. `leading`: nothing of its process that is clearly older is here. */
interface Gap { told: Told | null; readonly leading: boolean }
interface Told { readonly index: number; readonly id: string; readonly at: string }
/** What one log may leave open at any moment before it is taken for an attack on whoever reads it. */
const mostMissing = 1_000_000
/** Two events of a process may come into the log in another order than they were numbered, so far apart (functions/gather.ts). */
const reorderMs = 30 * 60_000
const putBackMs = 24 * 3_600_000

/**
 * The counters of the processes that wrote a log (schema/event.ts, Writer). A number may be missing only where every later event of its process lists it as open: it was in flight when the process
 * died; the first cannot be, because it is stored before any other is numbered. So whoever takes a stored event out of the ledger or the log, and not all that came after it, is seen. The end of a log is not judged for as long as an event may take to get into it
 * (`promiseMs` before its newest time); of a process's very last events nothing later speaks, and the promises that it gave for them do.
 *
 * Heartbeats have no number, and anybody who can write to the ledger can write one of any time. So their times show no promise to be late and nothing to be old; they say that the log went on, where it is silent.
 */
export function createWriters() {
  const writers = new Map<string, Seen>()
  let missing = 0
  let reach = ''
  let [earliest, unnumbered]: [string, Told | null] = ['', null]
  let pruned = ''
  let beat = ''
  const dates = createDates()

  function take(entry: Entry, index: number): readonly string[] {
    const wrong = dates.take(entry, index)
    const counted = entry.kind === 'heartbeat' ? alive(entry) : place(entry, index)
    return wrong.length === 0 ? counted : [...wrong, ...counted]
  }

  /** As every sequencer writes it. */
  function alive({ id, at, event }: Entry): readonly string[] {
    if (event['writer'] !== undefined) return ['a heartbeat has no number']
    if (event['who'] !== null || event['session'] !== null || timeAt(at) !== timeIn(id)) return ['a heartbeat is nobody\'s, and of the time in its id']
    beat = at
    return []
  }

  function place({ id, kind, at, event }: Entry, index: number): readonly string[] {
    if (at > reach) reach = at
    const given = event['writer']
    if (given === undefined) return bare({ index, id, at })
    const { id: writer, n, open } = object(given)
    const listed = open === undefined ? [] : list(open)
    if (typeof writer !== 'string' || !isEventId(writer) || !isCount(n) || (open !== undefined && !Array.isArray(open)) || !ascending(listed, n)) return ['its number among the events of its process is none']
    const wrong: string[] = []
    if ((kind === 'writer') !== (n === 1) || (n === 1 && writer !== id)) wrong.push('the first event of a process, and no other, holds its key')
    const seen = writers.get(writer) ?? { next: 1, missing: new Map(), untold: new Set(), leads: new Date(Date.parse(at) + reorderMs).toISOString(), key: null, newest: at, last: { n, at } }
    writers.set(writer, seen)
    if (kind === 'writer' && writer === id) {
      seen.key = writerKeyOf(object(event['change'])['key'])
      if (seen.key === null) wrong.push('it holds no key')
      if (earliest === '' || bornIn(id) < earliest) earliest = bornIn(id)
    }
    wrong.push(...inTime(seen, n, at))
    if (wrong.length === 0 && n === seen.next && seen.missing.size === 0) {
      seen.next++                                                   // as nearly always
      return wrong
    }
    return [...wrong, ...fill(seen, n, new Set(listed), { index, id, at })]
  }

  /** A process dates an event before it numbers it: one that has a higher number is no day older. */
  function inTime(seen: Seen, n: number, at: string): readonly string[] {
    const later = n >= seen.last.n
    const wrong = later ? apart(seen.newest, at) : apart(at, seen.last.at)
    if (later) seen.last = { n, at }
    if (at > seen.newest || wrong) seen.newest = at
    return wrong ? [later ? 'it is dated more than a day before what its process numbered earlier' : 'it is dated more than a day after what its process numbered later'] : none
  }

  /** An event without a number, such as those of a log from before there were any. */
  function bare(told: Told): readonly string[] {
    if (earliest !== '' && bornIn(told.id) >= earliest) return [numberless]
    if (unnumbered === null || bornIn(told.id) > bornIn(unnumbered.id)) unnumbered = told
    return []
  }

  function fill(seen: Seen, n: number, open: ReadonlySet<unknown>, told: Told): readonly string[] {
    if (n < seen.next && !seen.missing.has(n)) return [`number ${n} of its process is there twice`]
    if (missing + n - seen.next > mostMissing) {
      seen.next = Math.max(seen.next, n + 1)
      return ['so many numbers of processes are missing before it that they are not counted one by one']
    }
    for (; seen.next < n; seen.next++) {
      seen.missing.set(seen.next, { told: null, leading: told.at <= seen.leads })
      seen.untold.add(seen.next)
      missing++
    }
    if (seen.next === n) seen.next++
    if (seen.missing.delete(n)) missing--
    seen.untold.delete(n)
    for (const number of seen.untold) {
      const gap = seen.missing.get(number)
      if (gap === undefined || number > n || open.has(number)) continue
      gap.told = told
      seen.untold.delete(number)
    }
    return []
  }

  /** Entries before this time (ISO 8601) were removed as the log itself says: a process that is older may lack its first numbers, and no others. */
  const removed = (before: string): void => { pruned = before }

  /** Epoch ms: what is younger may still lack something. NaN: the log says nothing of times. */
  function until(): number {
    return (dates.stray()?.since ?? Date.parse(beat > reach ? beat : reach)) - promiseMs
  }

  /** When all of the log was taken. `lost`: numbers of what was in flight when its process died. */
  function end(): { readonly findings: readonly Finding[]; readonly lost: number } {
    const findings: Finding[] = []
    const judged = until()
    let lost = 0
    for (const [writer, { missing: numbers }] of writers) for (const [n, { told, leading }] of numbers) {
      if (told === null) lost++
      else if (timeAt(told.at) <= judged && !(leading && pruned !== '' && timeIn(writer) < Date.parse(pruned))) findings.push({ index: told.index, id: told.id, reason: `event number ${n} of its process (${writer}) is missing, and this one says that it is stored` })
    }
    if (earliest !== '' && unnumbered !== null && bornIn(unnumbered.id) >= earliest) findings.push({ index: unnumbered.index, id: unnumbered.id, reason: numberless })
    const stray = dates.stray()
    if (stray !== null) findings.push({ index: stray.index, id: stray.id, reason: 'it is dated more than a month after everything that follows it' })
    return { findings, lost }
  }
  return {
    take, removed, end, until, /** ISO 8601; '': nothing was removed. */ before: () => pruned,
    /** Of a process whose first event is in the log. */
    keyOf: (writer: string): KeyObject | null => writers.get(writer)?.key ?? null,
    /** The newest time in the log so far, ISO 8601. */
    reach: () => reach, count: () => writers.size,
  }
}

/** Whether a time is later than another by so much that no clock of a process is put back so far. */
const apart = (late: string, early: string): boolean => late > early && timeAt(late) - timeAt(early) > putBackMs

const none: readonly string[] = []
const numberless = 'it has no number, and processes number their events here'
const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 1
const ascending = (open: readonly unknown[], n: number): boolean => open.every((one, i) => isCount(one) && one > 1 && one < n && (i === 0 || one > (open[i - 1] as number)))
/** The time in an id, as ids compare. */
const bornIn = (id: string): string => id.slice(4, 14)
