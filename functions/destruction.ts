import type { Bundle, Destroys } from '../schema/policy.ts'
import type { ContentKeys } from './ports.ts'
import { daysOver, shorteningsOf, type Kept, type Shortening } from './record/retain.ts'

/** What a policy destroys that the one before kept, and when. `was` null: for ever. `sheets`: keys of content by then, each of 16 to 128 sessions; left out where they were not counted. `more`: at least so many. */
export interface Destruction { readonly what: Shortening['what']; readonly age: string; readonly was: string | null; readonly from: string; readonly sheets?: number; readonly more?: true }

/** What is looked at to be counted: no plan waits for ten years of days. */
const most = { days: 400, sheets: 1000 }
const abreast = 8

/** `destroys`: the times in `to` as it would be applied. `keys` null: nothing is counted. Throws Fault store-unavailable. */
export async function destructionOf(keys: Pick<ContentKeys, 'sheets'> | null, from: Bundle, to: Bundle, destroys: Destroys | undefined): Promise<readonly Destruction[]> {
  const found: Destruction[] = []
  for (const { what, age, was } of shorteningsOf(from, to)) {
    const at = destroys?.[what] ?? ''
    found.push({ what, age: age.word, was: was?.word ?? null, from: at, ...(keys !== null && what === 'content' ? await count(keys, Date.parse(at), age, was) : {}) })
  }
  return found
}

/** The newest days that are over by then, and would not be by the age before. */
async function count(keys: Pick<ContentKeys, 'sheets'>, at: number, age: Kept, was: Kept | null): Promise<{ readonly sheets: number; readonly more?: true }> {
  const gone = new Set(was === null ? [] : daysOver(at, was))
  const days = daysOver(at, age).filter((day) => !gone.has(day)).toReversed()
  const next = days.slice(0, most.days).values()
  let sheets = 0
  await Promise.all(Array.from({ length: abreast }, async () => {
    for (const day of next) {
      if (sheets >= most.sheets) return
      const there = await keys.sheets(day, most.sheets)
      sheets += there.length
    }
  }))
  return { sheets: Math.min(sheets, most.sheets), ...(sheets >= most.sheets || days.length > most.days ? { more: true } : {}) }
}

/** One line, for who plans, who is asked and who is refused. */
export const destructionWords = ({ what, age, was, from, sheets, more }: Destruction): string =>
  `destroys for good ${what === 'content' ? 'content' : 'entries of the log'} older than ${age} from ${from} on${sheets === undefined ? '' : `, ${more ? 'at least ' : ''}${sheets} ${sheets === 1 ? 'sheet' : 'sheets'} of keys by then`} (was: ${was === null ? 'kept for ever' : `kept ${was}`})`
