import type { Event } from '../../schema/event.ts'
import type { ContentKeys } from '../ports.ts'
import { readKeyId } from './keyring.ts'

/** Content keys by sheet: slot numbers. What an event names that is no key of ours is left out: there is nothing to destroy. */
export type KeySet = ReadonlyMap<string, ReadonlySet<number>>

export function keysOf(events: readonly Event[]): KeySet {
  const found = new Map<string, Set<number>>()
  for (const { content } of events) {
    const place = content === undefined ? null : readKeyId(content.key)
    if (place !== null) found.set(place.sheet, (found.get(place.sheet) ?? new Set()).add(place.slot))
  }
  return found
}

/** Those of them that are there still. Throws Fault store-unavailable. */
export async function livingOf(keys: Pick<ContentKeys, 'read'>, wanted: KeySet): Promise<KeySet> {
  const living = new Map<string, ReadonlySet<number>>()
  for (const [sheet, slots] of wanted) {
    const there = await keys.read(sheet)
    const left = new Set([...slots].filter((slot) => there.has(slot)))
    if (left.size > 0) living.set(sheet, left)
  }
  return living
}

/** Gone for good when it returns. Dies in between, or throws Fault store-unavailable: some are gone, and doing it again does the rest. */
export async function destroy(keys: Pick<ContentKeys, 'destroy'>, doomed: KeySet): Promise<void> {
  for (const [sheet, slots] of doomed) await keys.destroy(sheet, [...slots])
}

export const namesOf = (keys: KeySet): readonly string[] => [...keys].flatMap(([sheet, slots]) => [...slots].map((slot) => `${sheet}.${slot}`))
