import type { Event, Id } from '../schema/event.ts'
import { abreast } from './abreast.ts'
import type { Committer } from './commit.ts'
import { Damage, type Ledger, type Ports } from './ports.ts'

/** An execution that people approved, and what became of it. */
const restsOnWords = (event: Event): boolean => event.request !== undefined && (event.kind === 'intent' || event.kind === 'outcome' || event.kind === 'correction')

/** What is stored before this event is, by the ids that it names: what became of an intent rests on it, and an execution that people approved on their words. */
function basisOf(event: Event): readonly Id<'evt'>[] {
  if (event.kind === 'intent') return Array.isArray(event.basis) ? event.basis.slice(0, mostWords) : []
  return event.kind === 'outcome' || event.kind === 'correction' ? [event.intent] : []
}
/** More words than any quorum asks for. */
const mostWords = 200

/** `ordered` puts events in the order of the log: each after all that it rests on, which is fetched where the log has it not and another process wrote it. What is named and was never stored keeps nothing out: who reads the log finds that it is missing. */
export function createOrdering({ ledger, alarm }: Pick<Ports, 'alarm'> & { readonly ledger: Pick<Ledger, 'get'> }, committer: Pick<Committer, 'fresh'>) {
  const told = new Set<string>()
  /** What cannot be read is told of once, and is as if it were not there. */
  async function get(id: Id<'evt'>): Promise<Event | null> {
    try {
      return await ledger.get(id)
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      if (!told.has(id)) alarm('an event in the record cannot be read', { id })
      told.add(id)
      return null
    }
  }

  async function ordered(events: readonly Event[]): Promise<readonly Event[]> {
    const given = new Map(events.map((event) => [event.id, event]))
    for (let next = events; next.length > 0;) {
      const wanted = await committer.fresh(next.flatMap(basisOf).filter((id) => !given.has(id)))
      next = (await abreast(wanted, get)).flatMap((event) => event ?? [])
      for (const event of next) given.set(event.id, event)
    }
    // By id an intent is before its outcome and its corrections; words have none of them behind them that is not here.
    return [...given.values()].toSorted((a, b) => Number(restsOnWords(a)) - Number(restsOnWords(b)) || (a.id < b.id ? -1 : 1))
  }
  return { ordered, get }
}
