import type { Event, Id } from '../schema/event.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import { timeOf } from '../schema/item.ts'
import type { Reply } from './door.ts'
import type { Door, Own } from './own.ts'
import { CursorError, type EventFilter, type Ports } from './ports.ts'
import { destroy, keysOf, livingOf, namesOf } from './record/erase.ts'

export const sessionErasureFilters = ['after'] as const
export const erasureFilters = ['subject', 'before', 'after'] as const
type Search<Name extends string> = Readonly<Partial<Record<Name, string>>>
/** One call looks through so much, so that what it is about to destroy fits one event; `next` goes on. */
const most = { events: 1000, page: 100, ms: 10_000 }
/** A session's id carries when it began; another process's clock may have been a little behind. */
const skewMs = 60_000

/** `erased`: keys destroyed by this call. `next`: more is to be looked through; null: all of it is erased. `event`: the erasure on record. `damaged`: events that cannot be read, so that nobody knows what sealed them. */
export interface Erased { readonly erased: number; readonly next: string | null; readonly event: string; readonly damaged?: readonly Id<'evt'>[] }

/**
 * Erases content by destroying its keys, for those whom a rule permits `delete` on `audit`, by that name. First the event that says who erases what and names the keys, durable; then the keys. Dies in
 * between: an erasure on record whose keys are there still; the same call again does the rest, and says so. Nothing of ledger or log is changed: both hold the ciphertext's commitment for ever.
 */
export function createErasure(ports: Pick<Ports, 'now' | 'ledger' | 'keys'>, own: Own) {
  const session = (door: Door, id: string, { after }: Search<(typeof sessionErasureFilters)[number]>): Promise<Reply<Erased>> => {
    const from = startOf(id)
    if (from === null) return erase(door, null, {}, null)
    return erase(door, { session: id, from: new Date(Math.max(0, from - skewMs)).toISOString() }, { session: id }, after ?? null)
  }

  /** Everything a subject wrote before a time (ISO 8601), and what the same sessions wrote under the same keys, within an hour of it. */
  const subject = (door: Door, { subject: who, before, after }: Search<(typeof erasureFilters)[number]>): Promise<Reply<Erased>> => {
    const to = before === undefined || !time.test(before) ? Number.NaN : Date.parse(before)
    if (who === undefined || !/^(user|agent):\S{1,250}$/.test(who) || Number.isNaN(to)) return erase(door, null, {}, null)
    const until = new Date(to).toISOString()
    return erase(door, { subject: who, to: until }, { subject: who, before: until }, after ?? null)
  }
  return { session, subject }

  /** `filter` null: what was asked for is nothing that can be erased. Said only to whom a rule permits it. */
  function erase(door: Door, filter: EventFilter | null, about: Readonly<Record<string, string>>, after: string | null): Promise<Reply<Erased>> {
    return own.permitted<Erased>(door, [{ action: 'delete', resource: 'audit' }], async (_, story) => {
      if (filter === null) return nothing
      if (after !== null && (after.length === 0 || after.length > 2000)) return badCursor
      const found = await collect(filter, after)
      if (!found.ok) return found
      const damaged = found.value.damaged.length === 0 ? {} : { damaged: found.value.damaged }
      const doomed = await livingOf(ports.keys, keysOf(found.value.events))
      const names = namesOf(doomed)
      const noticed = await story.notice('erasure', { ...about, keys: names, ...damaged, ...(after === null ? {} : { continued: true }) })
      if (!noticed.ok) return noticed                                // not on record, so not done
      await destroy(ports.keys, doomed)
      return ok({ erased: names.length, next: found.value.next, event: noticed.value, ...damaged })
    })
  }

  async function collect(filter: EventFilter, after: string | null): Promise<Result<{ readonly events: readonly Event[]; readonly damaged: readonly Id<'evt'>[]; readonly next: string | null }>> {
    const events: Event[] = []
    const damaged: Id<'evt'>[] = []
    const until = ports.now() + most.ms
    let next = after
    try {
      do {
        const page = await ports.ledger.list(filter, { limit: most.page, after: next })
        events.push(...page.events)
        damaged.push(...page.damaged ?? [])
        next = page.next
      } while (next !== null && events.length + damaged.length < most.events && ports.now() < until)
    } catch (error) {
      if (error instanceof CursorError) return badCursor
      throw error
    }
    return ok({ events, damaged, next })
  }
}

const time = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/
/** Epoch ms; null: not the id of a session. */
const startOf = (id: string): number | null => /^ses_[0-7][0-9A-HJKMNP-TV-Z]{25}[A-Za-z0-9_-]{0,64}$/.test(id) ? timeOf(`evt_${id.slice(4, 30)}`) : null
const nothing = refuse({ slug: 'invalid-request', reason: 'erasure', next: 'fix', detail: 'name a session as `ses_…` in the path, or `subject=user:…` with `before=2026-11-22T09:00:00Z`' })
const badCursor = refuse({ slug: 'invalid-request', reason: 'cursor', next: 'fix', detail: '`after` is not a cursor of this erasure; give `next` of the call before, or leave it out and begin again' })
