import type { KeyObject } from 'node:crypto'
import { timeOf } from '../../../schema/item.ts'
import { leafHash } from '../log/tree.ts'
import { signedByWriter, type Promised } from '../promise.ts'
import type { Finding } from './finding.ts'

/** Of the log, when all of it was taken. `reachMs`: epoch ms of its newest time; `removed`: entries before this time (ISO 8601) were removed by its own word, null: none. */
interface Log { readonly keyOf: (writer: string) => KeyObject | null; readonly reachMs: number; readonly removed: string | null }
/** Where a promised event was found, and the newest time in the log before it. */
interface Place { readonly index: number; readonly leaf: string; readonly before: string }

/**
 * Whether a log keeps the promises that were given of it. A promise is broken where its event is not in the log by its time, is another, or came later; and where the process that gave it is none the
 * log certifies. Its time is over when the log itself goes on to after it, or the clock of whoever verifies does: a log that is held back keeps nothing.
 */
export function createPromises(promises: readonly Promised[], nowMs: number) {
  const wanted = new Set<string>(promises.map(({ event }) => event))
  const places = new Map<string, Place>()
  const leaves = new Set<string>(promises.map(({ leaf }) => leaf))
  const gone = new Set<string>()

  /** Whether one of them is of this event. */
  const wants = (id: string): boolean => wanted.size > 0 && wanted.has(id)
  /** Of an event that is wanted. `before`: the newest time in the log so far, ISO 8601. */
  function take(id: string, index: number, entry: Uint8Array, before: string): void {
    if (!places.has(id)) places.set(id, { index, leaf: leafHash(entry).toString('base64url'), before })
  }

  /** An entry that was removed when its time was over. Its hash stays, so what was promised and never came does not pass for removed. */
  function passed(leaf: Uint8Array): void {
    if (leaves.size === 0) return
    const text = Buffer.from(leaf).toString('base64url')
    if (leaves.has(text)) gone.add(text)
  }

  function judge(promised: Promised, { keyOf, reachMs, removed }: Log): string | 'kept' | 'due' | 'removed' {
    const isRemoved = (id: string): boolean => removed !== null && new Date(timeOf(id)).toISOString() <= removed
    const by = new Date(promised.by * 1000).toISOString()
    const over = Math.max(reachMs, nowMs) > promised.by * 1000
    const key = keyOf(promised.writer)
    if (key === null && !isRemoved(promised.writer)) return over ? `the process that promised it, ${promised.writer}, is not certified in the log` : 'due'
    if (key !== null && !signedByWriter(promised, key)) return `the promise is not signed by the process it names, ${promised.writer}`
    if (!places.has(promised.event) && gone.has(promised.leaf)) return 'removed'
    const place = places.get(promised.event)
    if (place === undefined) return over ? `it was promised to be in the log by ${by}, and is not${isRemoved(promised.event) ? ', nor among what was removed' : ''}` : 'due'
    if (place.leaf !== promised.leaf) return 'what was promised is another event than the log has under this id'
    return place.before > by ? `it was promised to be in the log by ${by}, and came into it after events of ${place.before}` : 'kept'
  }

  return {
    wants, take, passed,
    /** When all of the log was taken. `due`: promises whose time is not over; `removed`: those of events so old that the log no longer has them, by its own word. */
    end(log: Log): { readonly kept: number; readonly due: number; readonly removed: number; readonly findings: readonly Finding[] } {
      const judged = promises.map((promised) => ({ promised, word: judge(promised, log) }))
      const count = (word: string): number => judged.filter((one) => one.word === word).length
      return {
        kept: count('kept'), due: count('due'), removed: count('removed'),
        findings: judged.flatMap(({ promised, word }) => word === 'kept' || word === 'due' || word === 'removed' ? [] : [{ ...(places.has(promised.event) ? { index: places.get(promised.event)?.index ?? 0 } : {}), id: promised.event, path: 'promise', reason: word }]),
      }
    },
  }
}
