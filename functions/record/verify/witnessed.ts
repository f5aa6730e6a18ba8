import { cosignedBy, type Key, type Note } from '../log/note.ts'
import type { Finding } from './finding.ts'

/** Who must have seen the very tree that is verified. `quorum`: how many of them; `maxAgeMs`: how long ago at most, null: at any time. `nowMs`: epoch ms. */
export interface Witnesses { readonly keys: readonly Key[]; readonly quorum: number; readonly maxAgeMs: number | null; readonly nowMs: number }
/** Two clocks may be so far apart, ms; a cosignature of later than that is of no time. */
const skewMs = 5 * 60_000

/**
 * Counts witnesses whose cosignature (c2sp.org/tlog-cosignature) is on this checkpoint: each once, however many names or signatures it has. `notes`: the log's own, and those that were kept of the
 * same text. A witness of a smaller tree has not seen what came after it, and does not count. Throws FormatError for a signature by a known witness that does not hold.
 */
export function countWitnesses(notes: readonly Note[], { keys, quorum, maxAgeMs, nowMs }: Witnesses): { readonly count: number; readonly findings: readonly Finding[] } {
  const last = new Map<string, { readonly name: string; readonly seconds: number }>()
  for (const note of notes) for (const { key, seconds } of cosignedBy(note, keys)) {
    const who = Buffer.from(key.publicKey).toString('base64')      // one key under two names is one witness
    last.set(who, { name: key.name, seconds: Math.max(seconds, last.get(who)?.seconds ?? 0) })
  }
  const seen = [...last.values()]
  const old = seen.filter(({ seconds }) => maxAgeMs !== null && nowMs - seconds * 1000 > maxAgeMs)
  const early = seen.filter(({ seconds }) => seconds * 1000 - nowMs > skewMs)
  const count = seen.length - old.length - early.length
  const why = [
    ...old.map(({ name, seconds }) => `${name} saw it last at ${timeOf(seconds)}`), ...early.map(({ name, seconds }) => `${name} says that it saw it at ${timeOf(seconds)}, which is not yet`),
    ...keys.filter(({ publicKey }) => !last.has(Buffer.from(publicKey).toString('base64'))).map(({ name }) => `${name} has not cosigned this tree`),
  ]
  return { count, findings: count >= quorum ? [] : [{ path: 'checkpoint', reason: `${count} of the ${quorum} witnesses that are demanded have cosigned it in time: ${why.join('; ')}` }] }
}
const timeOf = (seconds: number): string => seconds > 8.64e12 ? 'no time' : new Date(seconds * 1000).toISOString()
