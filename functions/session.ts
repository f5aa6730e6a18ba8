import type { Event, Id } from '../schema/event.ts'
import { correctionId, mostCorrections, outcomeId } from '../schema/item.ts'
import { createFinder } from './finder.ts'
import { CursorError, Damage, Fault, type Ledger, type Ports } from './ports.ts'

/** `missing`: in the log, and no longer in the record. */
type Page = Awaited<ReturnType<Ledger['list']>> & { readonly missing?: readonly Id<'evt'>[] }
interface Asked { readonly session: string; readonly from: string }
interface Wanted { readonly limit: number; readonly after: string | null }

/**
 * A session's stored events, newest first, as `Ledger.list` gives them and as consistent, without looking through all that came since it began. What is newer than the index's mark comes from the
 * ledger; before it, every event is in the log, so the index knows where. What may still come to an intent of before (its outcome, a correction) the log's head names, and the ledger is asked for it
 * by id. Where the index does not answer, the ledger is looked through as a whole. Throws CursorError, Fault store-unavailable.
 */
export function createSessionPages(ports: Pick<Ports, 'search' | 'ledger' | 'log' | 'now' | 'alarm'>) {
  const { search, ledger, log, alarm } = ports
  const find = createFinder(ports)

  return async (asked: Asked, { limit, after }: Wanted): Promise<Page> => {
    const { part, mark, inner } = after === null ? await begin(asked) : readCursor(after)
    switch (part) {
      case 'all': return next(await ledger.list(asked, { limit, after: inner }), 'all', mark)
      case 'newer': {
        const page = await ledger.list({ ...asked, from: iso(mark) }, { limit, after: inner })
        return page.next === null ? { ...page, next: cursor('older', mark, '') } : next(page, 'newer', mark)
      }
      case 'older': return older(asked, mark, { limit, after: inner })
      case 'scan': return next(await ledger.list({ ...asked, to: iso(mark) }, { limit, after: inner }), 'scan', mark)
    }
  }

  /** Where the index can help: it came further than the session's beginning. */
  async function begin({ from }: Asked): Promise<Place> {
    const indexed = find === null ? null : await search?.indexed().catch((error: unknown) => told(error)) ?? null
    return indexed !== null && indexed.mark > Date.parse(from) ? { part: 'newer', mark: indexed.mark, inner: null } : { part: 'all', mark: 0, inner: null }
  }

  async function older(asked: Asked, mark: number, { limit, after }: Wanted): Promise<Page> {
    const found = await find?.({ ...asked, to: iso(mark) }, { limit, after }).catch((error: unknown) => told(error)) ?? null
    if (found === null || found.mark < mark) {                       // gone, or being made anew: it no longer knows all that it did
      if (after !== null) throw new Fault('store-unavailable', 'the index of the log does not answer')
      return next(await ledger.list({ ...asked, to: iso(mark) }, { limit, after: null }), 'scan', mark)
    }
    const { came, damaged } = await awaited(found.events, found.indexedTo.size)
    const events = [...found.events, ...came].toSorted((a, b) => (a.id < b.id ? 1 : -1))
    return next({ events, next: found.next, ...(found.missing === undefined ? {} : { missing: found.missing }), ...(damaged.length === 0 ? {} : { damaged }) }, 'older', mark)
  }

  /** What came to intents of this page, and is not in the index yet. What cannot be read among it ends nothing: another truth may be stored behind it. */
  async function awaited(events: readonly Event[], size: number): Promise<{ readonly came: readonly Event[]; readonly damaged: readonly Id<'evt'>[] }> {
    const waiting = new Set((await log?.store.head())?.awaited.map(({ id }) => id))
    const came: Event[] = []
    const damaged: Id<'evt'>[] = []
    const take = async (id: Id<'evt'>): Promise<boolean> => {
      try {
        const event = await ledger.get(id)
        if (event !== null) came.push(event)
        return event !== null
      } catch (error) {
        if (!(error instanceof Damage)) throw error
        damaged.push(id)
        return true
      }
    }
    for (const { id } of events.filter((event) => event.kind === 'intent' && waiting.has(event.id))) {
      await take(outcomeId(id))
      for (let n = 1; n <= mostCorrections && await take(correctionId(id, n)); n++);
    }
    const places: ReadonlyMap<Id<'evt'>, number> = await log?.store.where([...came.map(({ id }) => id), ...damaged]) ?? new Map()
    const fresh = (id: Id<'evt'>): boolean => (places.get(id) ?? Infinity) >= size
    return { came: came.filter(({ id }) => fresh(id)), damaged: damaged.filter(fresh) }
  }

  function told(error: unknown): null {
    if (!(error instanceof Fault) || error.code !== 'store-unavailable') throw error
    alarm('the index of the log does not answer', { error: error.message })
    return null
  }
}

/** Of the ledger's own cursors none has a point in it. */
const parts = { all: '', newer: 'n', older: 'o', scan: 's' } as const
type Part = keyof typeof parts
interface Place { readonly part: Part; readonly mark: number; readonly inner: string | null }
const iso = (at: number): string => new Date(at).toISOString()
/** Where the parts meet stays where it was when the first page was read, however far the index is meanwhile. */
const cursor = (part: Part, mark: number, inner: string): string => part === 'all' ? inner : `${parts[part]}${mark}.${inner}`
const next = (page: Page, part: Part, mark: number): Page => page.next === null ? page : { ...page, next: cursor(part, mark, page.next) }
function readCursor(text: string): Place {
  if (!text.includes('.')) return { part: 'all', mark: 0, inner: text }
  const [, letter, mark, inner] = /^([nos])(\d{1,15})\.([\w-]*)$/.exec(text) ?? []
  const part = (Object.keys(parts) as Part[]).find((name) => parts[name] === letter)
  if (part === undefined || inner === undefined || inner === '' && part !== 'older' || Number(mark) > 8e15) throw new CursorError()
  return { part, mark: Number(mark), inner: inner === '' ? null : inner }
}
