import type { Event, Id } from '../schema/event.ts'
import { Damage, type Ports, type SearchFilter } from './ports.ts'

const abreast = 16

/**
 * How far what was found reaches. `behind`: entries that are in the log and not yet in the index, so that nobody takes silence for absence. `completeBefore`: ISO 8601, what
 * an id dates before it is in the index for certain, only an outcome or a correction may still come.
 */
export interface Reach { readonly size: number; readonly at: string; readonly completeBefore: string; readonly behind: number; readonly opaque: number }
export interface Found { readonly events: readonly Event[]; readonly next: string | null; readonly indexedTo: Reach; /** In the log, and no longer in the record. */ readonly missing?: readonly Id<'evt'>[] }

/**
 * Finds in the index and shows from the record: what the index holds decides where to look, and no word of an answer is its own. Null where there is no index. Throws CursorError,
 * Fault store-unavailable.
 */
export function createFinder({ search, ledger, log, now, alarm }: Pick<Ports, 'search' | 'ledger' | 'log' | 'now' | 'alarm'>) {
  return search === null ? null : async (filter: SearchFilter, page: { readonly limit: number; readonly after: string | null }): Promise<Found & { readonly mark: number }> => {
    const at = now()
    const published = await log?.store.published() ?? null            // before the index: it may be further meanwhile, never less
    const { ids, next, indexedTo: { size, at: read, mark, opaque } } = await search.find(filter, page)
    const behind = Math.max(0, (published?.size ?? 0) - size)
    const found = await eventsOf(ledger, ids)
    const missing = ids.filter((id) => !found.has(id))
    if (missing.length > 0) alarm('events of the log are not in the record', { count: missing.length, first: missing[0] })
    return {
      events: ids.flatMap((id) => found.get(id) ?? []), next, mark, indexedTo: { size, at: new Date(behind === 0 ? at : read).toISOString(), completeBefore: new Date(mark).toISOString(), behind, opaque },
      ...(missing.length === 0 ? {} : { missing }),
    }
  }
}

async function eventsOf(ledger: Ports['ledger'], ids: readonly Id<'evt'>[]): Promise<ReadonlyMap<Id<'evt'>, Event>> {
  const found = new Map<Id<'evt'>, Event>()
  const next = ids.values()
  await Promise.all(Array.from({ length: abreast }, async () => {
    for (const id of next) {
      const event = await ledger.get(id).catch((error: unknown) => {
        if (error instanceof Damage) return null                     // what was in the log is not in the record: another text lies there
        throw error
      })
      if (event !== null) found.set(id, event)
    }
  }))
  return found
}
