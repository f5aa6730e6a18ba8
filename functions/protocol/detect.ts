import type { DetectorName } from '../../schema/policy.ts'
import { detectors, type Hit } from './detectors.ts'
import { fold, hides } from './fold.ts'
import type { Json } from './json.ts'
import { type Traits, traitsOf } from './traits.ts'

/** Counts of what was replaced, for one answer. */
export type Counts = Partial<Record<DetectorName, number>>
/** Longer values are not looked through, and so not shown: the time a value takes has a bound, and what was not inspected is not known to be harmless. */
export const maxValueLength = 1024 * 1024
export const withheld = '[withheld: too large to inspect]'
const maxDepth = 200

/**
 * The second net: data that no policy classified but whose form gives it away is replaced inside the text by `[redacted: <detector>]`. Keys of
 * JSON documents are text too, and so is a number in one that reads as a card's. Fails closed: a detector that throws withholds the value.
 */
export function createDetect(names: readonly DetectorName[], counts: Counts) {
  function text(value: string): string {
    if (value.length > maxValueLength) return withheld
    try {
      return replaced(value, names, counts)
    } catch {
      return withheld
    }
  }
  function json(value: Json, depth = 0): Json {
    if (typeof value === 'string') return text(value)
    if (typeof value === 'number') {
      if (Math.abs(value) < 1e12) return value                      // too short for a card
      const found = text(String(value))
      return found === String(value) ? value : found
    }
    if (value === null || typeof value === 'boolean') return value
    if (depth > maxDepth) return withheld
    if (isList(value)) return value.map((item) => json(item, depth + 1))
    const members = Object.entries(value).map(([key, member]) => [text(key), json(member, depth + 1)] as const)
    return Object.fromEntries(distinct(members))
  }
  /** Nothing can be found in a text of these: no detector needs to read it. */
  const idle = (traits: Traits): boolean => traits.plain && !names.some((name) => detectors[name].may(traits))
  return { text, json, idle }
}
const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

/** Two keys that were redacted to the same words stay two members. */
function distinct<T>(members: readonly (readonly [string, T])[]): (readonly [string, T])[] {
  const used = new Set<string>()
  const next = new Map<string, number>()
  return members.map(([key, member]) => {
    let unique = key
    for (let n = next.get(key) ?? 2; used.has(unique); n++) {
      unique = `${key} (${n})`
      next.set(key, n + 1)
    }
    used.add(unique)
    return [unique, member] as const
  })
}

/** Offsets are those of the value as it came, so that what was folded away goes with its neighbours. */
function hitsOf(value: string, names: readonly DetectorName[]): (Hit & { name: DetectorName })[] {
  const raw = traitsOf(value)
  const readings = raw.plain ? [{ text: value, at: null }] : (hides(value) ? ['', ' '] as const : ['' as const]).map((instead) => fold(value, instead))
  return readings.flatMap(({ text, at }) => {
    const traits = at === null ? raw : traitsOf(text)
    const place = (index: number) => (at === null ? index : at[index] ?? value.length)
    return names.filter((name) => detectors[name].may(traits)).flatMap((name) => detectors[name].find(text, traits).map(({ start, end }) => ({ start: place(start), end: place(end), name })))
  })
}

function replaced(value: string, names: readonly DetectorName[], counts: Counts): string {
  const hits = hitsOf(value, names)
  if (hits.length === 0) return value
  hits.sort((a, b) => a.start - b.start || b.end - a.end)
  const parts: string[] = []
  let done = 0
  for (const { start: from, end: to, name } of hits) {
    if (from >= done) {
      parts.push(value.slice(done, from), `[redacted: ${name}]`)
      counts[name] = (counts[name] ?? 0) + 1
    }
    done = Math.max(done, to)
  }
  parts.push(value.slice(done))
  return parts.join('')
}
