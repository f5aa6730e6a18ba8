import type { Event, Id } from '../schema/event.ts'
import type { Committer } from './commit.ts'
import type { Ledger } from './ports.ts'

/** An execution that people approved, and what became of it. */
const restsOnWords = (event: Event): boolean => event.request !== undefined && (event.kind === 'intent' || event.kind === 'outcome' || event.kind === 'correction')

/** What is stored before this event is, by the ids that it names: what became of an intent rests on it, and an execution that people approved on their words. */
function basisOf(event: Event): readonly Id<'evt'>[] {
  if (event.kind === 'intent') return event.basis ?? []
  return event.kind === 'outcome' || event.kind === 'correction' ? [event.intent] : []
}

/**
 * Puts events in the order of the log: each after all that it rests on, which is fetched where the log has it not and another process wrote it. What is named and was never stored keeps nothing out: who reads the
 * log finds that it is missing.
 */
export function createOrdering(ledger: Pick<Ledger, 'get'>, committer: Pick<Committer, 'fresh'>) {
  return async function ordered(events: readonly Event[]): Promise<readonly Event[]> {
    const given = new Map(events.map((event) => [event.id, event]))
    for (let next = events; next.length > 0;) {
      const wanted = await committer.fresh(next.flatMap(basisOf).filter((id) => !given.has(id)))
      const found: Event[] = []
      for (const id of wanted) {
        const event = await ledger.get(id)
        if (event) found.push(event)
      }
      for (const event of found) given.set(event.id, event)
      next = found
    }
    // By id an intent is before its outcome and its corrections; words have none of them behind them that is not here.
    return [...given.values()].toSorted((a, b) => Number(restsOnWords(a)) - Number(restsOnWords(b)) || (a.id < b.id ? -1 : 1))
  }
}
