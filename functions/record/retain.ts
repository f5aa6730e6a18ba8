import { ageMs } from '../../schema/age.ts'
import type { Bundle, Destroys } from '../../schema/policy.ts'
import { FormatError } from './log/format.ts'
import { readEntry } from './log/entry.ts'
import { sheetMs } from './keyring.ts'

const dayMs = 86_400_000

/** How long the record is kept, by the policy: the word of it, and milliseconds. null: for ever. */
export interface Kept { readonly word: string; readonly ms: number }
export interface Retention { readonly content: Kept | null; readonly entries: Kept | null }

/** `90d`, `7y` (schema/age.ts). null: not an age. */
export function ageOf(word: string): Kept | null {
  const ms = ageMs(word)
  return ms === null ? null : { word, ms }
}

export function retentionOf({ documents }: Bundle): Retention {
  const said = documents.map(({ document }) => document).find((document) => document.kind === 'audit')?.retention
  return { content: said?.content === undefined ? null : ageOf(said.content), entries: said?.entries === undefined ? null : ageOf(said.entries) }
}

/** What a policy that keeps the record less long destroys, and nothing before this is over: a day in which whoever reads of it can have it taken back. */
export const graceMs = dayMs
const parts = ['content', 'entries'] as const
/** `was` null: it was kept for ever. */
export interface Shortening { readonly what: (typeof parts)[number]; readonly age: Kept; readonly was: Kept | null }

/** What `to` keeps less long than `from` does. */
export function shorteningsOf(from: Bundle, to: Bundle): readonly Shortening[] {
  const [before, after] = [retentionOf(from), retentionOf(to)]
  return parts.flatMap((what) => {
    const [was, age] = [before[what], after[what]]
    return age !== null && (was === null || age.ms < was.ms) ? [{ what, age, was }] : []
  })
}

/** From when on the policy `bundle`, applied then, destroys what is over its age, epoch ms. Only what shortens it begins a new day of grace: a policy that is applied every day would else never destroy anything. */
export const destroysFrom = ({ destroys }: Bundle, appliedAt: string, what: (typeof parts)[number]): number => Date.parse(destroys?.[what] ?? '') || Date.parse(appliedAt) + graceMs

/** The times that go into a bundle that is applied now (epoch ms) over `from`. undefined: it keeps everything. */
export function destroysOf(from: Bundle, appliedAt: string, to: Bundle, now: number): Destroys | undefined {
  const shortened = new Set(shorteningsOf(from, to).map(({ what }) => what))
  const kept = retentionOf(to)
  const times = parts.flatMap((what) => {
    const at = shortened.has(what) ? now + graceMs : destroysFrom(from, appliedAt, what)
    return kept[what] === null || Number.isNaN(at) ? [] : [[what, new Date(at).toISOString()] as const]
  })
  return times.length === 0 ? undefined : Object.fromEntries(times)
}

const entries = /^tile\/entries\//
/**
 * Until when (epoch ms) the store of objects locks what lies under `path`: bundles of entries for as long as the policy keeps entries, everything else for ever, and a lock never ends later than `mostMs` from
 * now, because there is no way back from one: it is lengthened in time instead. `made`: epoch ms. `kept` null: entries stay for ever.
 */
export const lockOf = (path: string, made: number, kept: Kept | null, now: number, mostMs: number): number =>
  Math.min(entries.test(path) && kept !== null ? made + kept.ms : Infinity, now + mostMs)

/** The first day on which there can be a sheet of keys. */
const since = '2026-11-01'
/** The days, oldest first, whose sheets have sealed nothing that is younger than `kept`: a sheet made in a day's last moment seals for an hour more. */
export function daysOver(now: number, { ms }: Kept): readonly string[] {
  const days: string[] = []
  for (let at = Date.parse(since); at + dayMs + sheetMs + ms <= now; at += dayMs) days.push(new Date(at).toISOString().slice(0, 10))
  return days
}

/** The newest time in a bundle, ISO 8601, where all of it is older than `kept`; null where it is not, or an entry cannot be read: then nobody can say how old it is. */
export function overBy(entries: readonly Uint8Array[], now: number, { ms }: Kept): string | null {
  let newest = ''
  try {
    for (const entry of entries) {
      const { at } = readEntry(entry)
      if (at > newest) newest = at
    }
  } catch (error) {
    if (error instanceof FormatError) return null
    throw error
  }
  return newest !== '' && Date.parse(newest) + ms <= now ? newest : null
}

/**
 * What a `prune` event says: entries from the log's first to `last` are removed, or may be; none was younger than `before`, and that is `retention` ago. Always from the first, so that the newest
 * one tells of all of them, also when earlier ones are themselves removed.
 */
export interface Prune { readonly first: 0; readonly last: number; readonly before: string; readonly retention: string }

/** null: not a prune that anybody should believe: too young for what it says itself, or not whole bundles. */
export function readPrune({ change, at }: { readonly change: unknown; readonly at: string }): Prune | null {
  const { first, last, before, retention } = (typeof change === 'object' && change !== null ? change : {}) as Partial<Record<keyof Prune, unknown>>
  if (first !== 0 || !Number.isSafeInteger(last) || Number(last) < 0 || (Number(last) + 1) % 256 !== 0 || typeof before !== 'string' || typeof retention !== 'string') return null
  const kept = ageOf(retention)
  return kept !== null && Date.parse(before) + kept.ms <= Date.parse(at) ? { first, last: Number(last), before, retention } : null
}
