import type { KeyObject } from 'node:crypto'
import { isEventId } from '../../../schema/item.ts'
import type { Entry } from '../log/entry.ts'
import { promiseMs, writerKeyOf } from '../promise.ts'
import type { Finding } from './finding.ts'
import { list, object } from './json.ts'

/** One process: the number after its highest, and those below that were not seen yet; until when (ISO 8601) a gap may still be of its first events, which were removed. */
interface Seen { next: number; readonly missing: Map<number, Gap>; /** Of those, the ones that every later event so far lists as open: so few that each event may look at all of them. */ readonly untold: Set<number>; leads: string; key: KeyObject | null }
/** `told`: the first later event that says it is stored; null: all later ones say that it is open. `leading`: nothing of its process that is clearly older is here. */
interface Gap { told: Told | null; readonly leading: boolean }
interface Told { readonly index: number; readonly id: string; readonly at: string }
/** What one log may leave open at any moment before it is taken for an attack on whoever reads it. */
const mostMissing = 1_000_000
/** Two events of a process may come into the log in another order than they were numbered, so far apart (functions/gather.ts). */
const reorderMs = 30 * 60_000

/**
 * The counters of the processes that wrote a log (schema/event.ts, Writer). A number may be missing only where every later event of its process lists it as open: it was in flight when the process
 * died. So whoever takes a stored event out of the ledger or the log, and not all that came after it, is seen. The end of a log is not judged for as long as an event may take to get into it
 * (`promiseMs` before its newest time); of a process's very last events nothing later speaks, and the promises that it gave for them do.
 */
export function createWriters() {
  const writers = new Map<string, Seen>()
  let missing = 0
  let reach = ''
  let [earliest, unnumbered]: [string, Told | null] = ['', null]
  let pruned = ''

  function take({ id, kind, at, event }: Entry, index: number): readonly string[] {
    if (at > reach) reach = at
    const given = event['writer']
    if (given === undefined) return kind === 'heartbeat' ? [] : bare({ index, id, at })
    const { id: writer, n, open } = object(given)
    const listed = open === undefined ? [] : list(open)
    if (typeof writer !== 'string' || !isEventId(writer) || !isCount(n) || (open !== undefined && !Array.isArray(open)) || !ascending(listed, n)) return ['its number among the events of its process is none']
    const wrong: string[] = []
    if ((kind === 'writer') !== (n === 1) || (n === 1 && writer !== id)) wrong.push('the first event of a process, and no other, holds its key')
    const seen = writers.get(writer) ?? { next: 1, missing: new Map(), untold: new Set(), leads: new Date(Date.parse(at) + reorderMs).toISOString(), key: null }
    writers.set(writer, seen)
    if (kind === 'writer' && writer === id) {
      seen.key = writerKeyOf(object(event['change'])['key'])
      if (seen.key === null) wrong.push('it holds no key')
      if (earliest === '' || timeIn(id) < earliest) earliest = timeIn(id)
    }
    if (wrong.length === 0 && n === seen.next && seen.missing.size === 0) {
      seen.next++                                                   // as nearly always
      return wrong
    }
    return [...wrong, ...place(seen, n, new Set(listed), { index, id, at })]
  }

  /** An event without a number, such as those of a log from before there were any. */
  function bare(told: Told): readonly string[] {
    if (earliest !== '' && timeIn(told.id) >= earliest) return [numberless]
    if (unnumbered === null || timeIn(told.id) > timeIn(unnumbered.id)) unnumbered = told
    return []
  }

  function place(seen: Seen, n: number, open: ReadonlySet<unknown>, told: Told): readonly string[] {
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

  /** When all of the log was taken. `lost`: numbers of what was in flight when its process died. */
  function end(): { readonly findings: readonly Finding[]; readonly lost: number } {
    const until = reach === '' ? '' : new Date(Date.parse(reach) - promiseMs).toISOString()
    const findings: Finding[] = []
    let lost = 0
    for (const [writer, { missing: numbers }] of writers) for (const [n, { told, leading }] of numbers) {
      if (told === null) lost++
      else if (told.at <= until && !(leading && pruned !== '' && timeOf(writer) < pruned)) findings.push({ index: told.index, id: told.id, reason: `event number ${n} of its process (${writer}) is missing, and this one says that it is stored` })
    }
    if (earliest !== '' && unnumbered !== null && timeIn(unnumbered.id) >= earliest) findings.push({ index: unnumbered.index, id: unnumbered.id, reason: numberless })
    return { findings, lost }
  }
  return { take, removed, end, /** Of a process whose first event is in the log. */ keyOf: (writer: string): KeyObject | null => writers.get(writer)?.key ?? null, reach: () => reach, count: () => writers.size }
}

const numberless = 'it has no number, and processes number their events here'
const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 1
const ascending = (open: readonly unknown[], n: number): boolean => open.every((one, i) => isCount(one) && one < n && (i === 0 || one > (open[i - 1] as number)))
const timeIn = (id: string): string => id.slice(4, 14)
const symbols = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const timeOf = (id: string): string => new Date([...timeIn(id)].reduce((at, symbol) => at * 32 + symbols.indexOf(symbol), 0)).toISOString()
