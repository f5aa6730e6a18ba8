import { randomInt } from 'node:crypto'
import { canonicalJson } from '../../../schema/bundle.ts'
import type { Entry } from '../log/entry.ts'

/** What an intent and what became of it say alike: who called, in which session, which call it was, and where. */
export const alike = ['connection', 'evaluation', 'session', 'who'] as const

/** Drawn anew for each verification: whoever writes a log cannot look for two callers that come out the same. */
const seed = randomInt(2 ** 32 - 1)
const factor = 2 * randomInt(2 ** 31) + 1

/** Goes on over a member's value as canonical JSON spells it, so that it is the same over an entry's bytes and over what was read from them. `start` and `end` alike: it has none. */
export function mix(hash: number, bytes: DataView, start: number, end: number): number {
  let mixed = hash ^ (end - start)
  let at = start
  for (; at + 4 <= end; at += 4) mixed = turn(mixed ^ bytes.getInt32(at, true))
  for (; at < end; at++) mixed = turn(mixed ^ bytes.getUint8(at))
  return turn(mixed)
}
/** The shift comes first: a highest bit would pass a multiplication as it is, and another of the next word undo it. */
const turn = (mixed: number): number => Math.imul(mixed ^ mixed >>> 15, factor)
export const opened = seed | 0
/** 1 to 2^26 - 1: so much room has an id in seen.ts. */
export const closed = (hash: number): number => (hash ^ hash >>> 15) >>> 6 || 1

/** Of an entry that was read. 0: it lies in the log as a digest, and nothing can be said. */
export function whoseOf({ whole, event }: Entry): number {
  if (!whole) return 0
  let hash = opened
  for (const name of alike) {
    const bytes = event[name] === undefined ? none : Buffer.from(canonicalJson(event[name]))
    hash = mix(hash, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length)
  }
  return closed(hash)
}
const none = Buffer.alloc(0)
