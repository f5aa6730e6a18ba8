import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event, Id } from '../../schema/event.ts'
import { correctionId, outcomeId, timeOf } from '../../schema/item.ts'
import { CursorError, Damage, Fault, type Ledger, type Ports } from '../../functions/ports.ts'
import { createSessionPages } from '../../functions/session.ts'
import { eventsOf } from '../record/log/sample.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'
import { createIndexed } from './world.ts'

let server: TestPostgres
beforeAll(async () => { server = await withPostgres() })
afterAll(() => server.stop())
const newestFirst = (events: readonly Event[]) => events.toSorted((a, b) => (a.id < b.id ? 1 : -1))

/** A record of 400 events of which the log has those of before the mark, and a ledger that tells what it was asked. */
async function record() {
  const world = await createIndexed(server)
  const events = eventsOf(400)
  const session = events[0]?.session ?? ''
  const mark = timeOf(events[300]!.id)
  const stored = new Map(events.map((event) => [event.id, event]))
  const logged = events.filter(({ id }) => timeOf(id) < mark)
  await world.grow(logged, mark)
  await world.catalogue().follow()
  const asked: { from?: string; to?: string }[] = []
  const list: Ledger['list'] = async ({ from = '', to = '9', ...filter }, { limit, after }) => {
    asked.push({ from, to })
    const matching = newestFirst([...stored.values()]).filter((event) => event.session === filter.session && iso(event.id) >= from && iso(event.id) < to && (after === null || event.id < `evt_${after}`))
    return { events: matching.slice(0, limit), next: matching.length > limit ? matching[limit - 1]!.id.slice(4) : null }
  }
  const ledger = { list, get: async (id: Id<'evt'>) => stored.get(id) ?? null } as Ledger
  const alarms: string[] = []
  const ports: Pick<Ports, 'search' | 'ledger' | 'log' | 'now' | 'alarm'> = { search: world.search, ledger, log: world.memory.log, now: () => 0, alarm: (what) => { alarms.push(what) } }
  return { world, events, session, stored, asked, ports, mark, logged, alarms, from: '2026-11-22T08:59:00.000Z' }
}
const iso = (id: string) => new Date(timeOf(id)).toISOString()
async function whole(pages: ReturnType<typeof createSessionPages>, asked: { session: string; from: string }, limit = 37, between: (page: number) => Promise<void> = async () => {}): Promise<readonly Event[]> {
  const events: Event[] = []
  for (let [after, n]: [string | null, number] = [null, 0]; ; n++) {
    const page: Awaited<ReturnType<typeof pages>> = await pages(asked, { limit, after })
    events.push(...page.events)
    if (page.next === null) return events
    after = page.next
    await between(n)
  }
}

test('a session out of ledger and index is the session, and the ledger is looked through for its newest part alone', async () => {
  const { ports, session, from, events, asked, mark } = await record()
  expect(await whole(createSessionPages(ports), { session, from })).toEqual(newestFirst(events))
  expect(asked.map((one) => one.from)).toEqual(asked.map(() => new Date(mark).toISOString()))
})

test('what came to an older intent and is not in the index yet is in it', async () => {
  const { ports, session, from, world, stored } = await record()
  const intent = { ...eventsOf(1, Date.parse('2026-11-22T08:59:30.000Z'))[0]! }
  const lone = await createIndexed(server)
  await lone.grow([intent], Date.parse('2026-11-22T09:30:00.000Z'))
  await lone.catalogue().follow()
  const outcome = { ...intent, kind: 'outcome', id: outcomeId(intent.id), intent: intent.id } as Event
  const correction = { ...outcome, kind: 'correction', id: correctionId(intent.id, 1) } as Event
  for (const event of [intent, outcome, correction]) stored.set(event.id, event)
  const head = await lone.memory.log.store.head()
  Object.assign(lone.memory.log.store, { head: async () => ({ ...head, awaited: [{ id: intent.id, until: null }] }) })
  const pages = createSessionPages({ ...ports, search: lone.search, log: lone.memory.log })
  expect((await whole(pages, { session, from })).map(({ id }) => id)).toEqual([correction.id, outcome.id, intent.id])
  expect(world.alarms).toEqual([])
})

test('what cannot be read of what came to an older intent is named, and the truth behind it given', async () => {
  const { ports, session, from, stored } = await record()
  const intent = { ...eventsOf(1, Date.parse('2026-11-22T08:59:30.000Z'))[0]! }
  const lone = await createIndexed(server)
  await lone.grow([intent], Date.parse('2026-11-22T09:30:00.000Z'))
  await lone.catalogue().follow()
  const [outcome, first] = [outcomeId(intent.id), correctionId(intent.id, 1)]
  const second = { ...intent, kind: 'correction', id: correctionId(intent.id, 2), intent: intent.id } as Event
  for (const event of [intent, second]) stored.set(event.id, event)
  const head = await lone.memory.log.store.head()
  Object.assign(lone.memory.log.store, { head: async () => ({ ...head, awaited: [{ id: intent.id, until: null }] }) })
  const get = async (id: Event['id']) => { if (id === outcome || id === first) throw new Damage('damaged'); return ports.ledger.get(id) }
  const pages = createSessionPages({ ...ports, ledger: { ...ports.ledger, get }, search: lone.search, log: lone.memory.log })
  const newest = await pages({ session, from }, { limit: 500, after: null })
  expect(await pages({ session, from }, { limit: 500, after: newest.next })).toMatchObject({ events: [{ id: second.id }, { id: intent.id }], damaged: [outcome, first] })
})

test('an index that is gone, made anew or unreadable costs time and no event', async () => {
  const { ports, session, from, events, world, alarms } = await record()
  const gone = { ...world.search, indexed: async () => { throw new Fault('store-unavailable', 'gone') } }
  expect(await whole(createSessionPages({ ...ports, search: gone }), { session, from })).toEqual(newestFirst(events))
  expect(await whole(createSessionPages({ ...ports, search: null }), { session, from })).toEqual(newestFirst(events))
  const failing = { ...world.search, find: async () => { throw new Fault('store-unavailable', 'gone') } }
  expect(await whole(createSessionPages({ ...ports, search: failing }), { session, from })).toEqual(newestFirst(events))
  expect(await whole(createSessionPages(ports), { session, from }, 37, async (n) => { if (n === 0) { await world.shelf.clear(); await world.shelf.open() } })).toEqual(newestFirst(events))
  expect(new Set(alarms)).toEqual(new Set(['the index of the log does not answer']))
})

test('what the log has of it and the record no longer is named', async () => {
  const { ports, session, from, logged, stored } = await record()
  const [first] = newestFirst(logged)
  stored.delete(first!.id)
  const newest = await createSessionPages(ports)({ session, from }, { limit: 500, after: null })
  expect(await createSessionPages(ports)({ session, from }, { limit: 5, after: newest.next })).toMatchObject({ missing: [first!.id] })
})

test('an index that is emptied while a session is read is a failure, not the end of the session', async () => {
  const { ports, session, from, world } = await record()
  const read = whole(createSessionPages(ports), { session, from }, 50, async (n) => { if (n === 4) { await world.shelf.clear(); await world.shelf.open() } })
  await expect(read).rejects.toThrow('the index of the log does not answer')
})

test('a cursor of nobody\'s is refused', async () => {
  const { ports, session, from } = await record()
  for (const after of ['x1.y', 'n.', 'n1.', 's1.', 'o1.x', 'o9999999999999999.', 'o1.a.b', '.']) await expect(createSessionPages(ports)({ session, from }, { limit: 3, after })).rejects.toThrow(CursorError)
})
