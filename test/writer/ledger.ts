import { createIds } from '../../functions/aws/ulid.ts'
import { numbered } from '../../functions/numbering.ts'
import { Fault, type Ledger, type Requests } from '../../functions/ports.ts'
import type { AccessRequest } from '../../schema/approval.ts'
import type { Event, Id, OutcomeEvent, RefusalEvent } from '../../schema/event.ts'
import { firstIdAt, outcomeId } from '../../schema/item.ts'

/** What becomes of one call to the store. `late`: it throws, and what it was to write is written when the test says so. */
export type Fate = 'stored' | 'not stored, and not known' | 'stored, and not known' | 'late'

/** A ledger as aws/ledger.ts promises it: append-only by condition, in memory, and as unreliable as a test wants. Any number of processes share it. */
export function createStore(startMs = Date.parse('2026-11-22T09:00:00.000Z')) {
  const clock = { ms: startMs }
  const ids = createIds(() => clock.ms)
  const events = new Map<string, Event>()
  const late: (() => void)[] = []
  const fates: Fate[] = []
  const down = new Fault('store-unavailable', 'the store does not answer')
  function put(event: Event): 'stored' | 'already' {
    const there = events.get(event.id)
    if (there === undefined) events.set(event.id, event)
    else if (JSON.stringify(there) !== JSON.stringify(event)) {
      if (event.kind === 'outcome' || event.kind === 'correction') return 'already'
      throw new Fault('internal', 'another event has this id')
    }
    return 'stored'
  }
  async function suffer<T>(run: () => T): Promise<T> {
    const fate = fates.shift() ?? 'stored'
    await Promise.resolve()
    switch (fate) {
      case 'stored': return run()
      case 'not stored, and not known': throw down
      case 'stored, and not known': run(); throw down
      case 'late': late.push(() => { try { run() } catch { return } }); throw down
    }
  }
  const ledger: Ledger = {
    append: (event) => suffer(() => put(event)), get: async (id) => events.get(id) ?? null,
    list: async () => ({ events: [...events.values()], next: null }), async *scan() { yield { events: [...events.values()], damaged: [], until: Infinity } }, unsettled: async () => [],
  }
  /** One item with a revision, and the event in the same write. */
  const item = { revision: 0 }
  const requests = {
    create: async (_: AccessRequest, event: Event) => suffer(() => { put(event); return { created: true } as const }),
    swap: async (next: AccessRequest, event: Event | null) => suffer(() => {
      if (next.revision !== item.revision + 1 || event !== null && events.has(event.id)) return false
      if (event) put(event)
      item.revision++
      return true
    }),
  } as unknown as Requests
  const process = () => numbered({ ledger, requests }, { now: () => clock.ms, id: ids, alarm: () => undefined })
  const common = () => { clock.ms += 3; return { id: ids('evt'), at: new Date(clock.ms).toISOString(), evaluation: ids('eval'), session: null, who: null, connection: 'shop', policy: null } as const }
  const refusal = (): RefusalEvent => ({ ...common(), kind: 'refusal', statements: [], purpose: null, accesses: [], refusal: { slug: 'denied', reason: 'no_rule', detail: '', next: 'none' } })
  const intent = (): Event => ({ ...common(), who: { issuer: 'local', subject: 'agent:bot', actors: [], groups: [], roles: [] }, policy: 'f'.repeat(64), kind: 'intent', statements: [], purpose: null, accesses: [], rules: ['bot.rules[0]'], masks: {}, revealed: [], deadline: '2026-11-22T10:00:00.000Z', settleBy: '2026-11-22T10:01:00.000Z' })
  const outcome = (of: Event, by: 'gate' | 'sweeper' = 'gate'): OutcomeEvent => ({ ...common(), id: outcomeId(of.id), evaluation: of.evaluation, who: of.who, kind: 'outcome', intent: of.id, status: by === 'gate' ? 'succeeded' : 'unknown', rowCounts: [], truncated: false, refusal: null, durationMs: 1, by })
  const heartbeat = (): Event => ({ ...common(), id: firstIdAt(clock.ms), kind: 'heartbeat', change: {} })
  return { clock, ids, events, late, fates, ledger, process, refusal, intent, outcome, heartbeat, arrive: () => { for (const one of late.splice(0)) one() } }
}
export type Store = ReturnType<typeof createStore>
/** In the order of the log: by id, an intent before its outcome. */
export const inOrder = (events: Iterable<Event>): readonly Event[] => [...events].toSorted((a, b) => (a.id < b.id ? -1 : 1))
export const settled = async (): Promise<void> => { for (let i = 0; i < 200; i++) await Promise.resolve() }
export const numbersOf = (events: Iterable<Event>, writer: Id<'evt'>): readonly number[] => [...events].filter((event) => event.writer?.id === writer).map((event) => event.writer?.n ?? 0).toSorted((a, b) => a - b)
