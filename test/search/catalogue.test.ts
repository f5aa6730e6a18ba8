import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event, NoticeEvent } from '../../schema/event.ts'
import { firstIdAt } from '../../schema/item.ts'
import { createShelf } from '../../functions/aws/shelf.ts'
import { Fault, type Shelf } from '../../functions/ports.ts'
import { entriesOf, eventsOf } from '../record/log/sample.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'
import { createIndexed, type Indexed } from './world.ts'

let server: TestPostgres
beforeAll(async () => { server = await withPostgres() })
afterAll(() => server.stop())
const tables = ['position', 'events', 'event_actors', 'event_accesses', 'event_rules']

/** Every row there is, without the time it was read at. */
async function dump({ urls }: Pick<Indexed, 'urls'>): Promise<Record<string, unknown[]>> {
  const client = new pg.Client(urls.write)
  await client.connect()
  const all: Record<string, unknown[]> = {}
  for (const table of tables) all[table] = (await client.query(`SELECT * FROM audit.${table} ORDER BY 1, 2, ${table === 'event_accesses' ? 3 : 1}`)).rows
  await client.end()
  return all
}

test('a rebuilt index is the followed one, whatever the log grew by', async () => {
  const world = await createIndexed(server)
  const events = eventsOf(1500)
  const follower = world.catalogue()
  for (const [from, to] of [[0, 1], [1, 255], [255, 256], [256, 700], [700, 1500]] as const) {
    await world.grow(events.slice(from, to), to)
    expect(await follower.follow()).toBe(to - from)
    expect(await follower.follow()).toBe(0)
  }
  const followed = await dump(world)
  expect(followed['events']).toHaveLength(1500)
  expect(followed['position']).toMatchObject([{ size: '1500', mark: '1500', opaque: 0 }])
  await world.shelf.clear()
  expect(await world.catalogue().follow()).toBe(1500)
  expect(await dump(world)).toEqual(followed)
})

test('an outcome has the accesses and rules of its intent, in whatever batch either came', async () => {
  const world = await createIndexed(server)
  const events = eventsOf(40)
  const at = events.findIndex(({ kind }) => kind === 'outcome')
  const follower = world.catalogue()
  await world.grow(events.slice(0, at))
  await follower.follow()
  await world.grow(events.slice(at))
  await follower.follow()
  const outcomes = events.filter(({ kind }) => kind === 'outcome' || kind === 'correction')
  const { ids } = await world.search.find({ object: 'public.orders', rule: 'support-agents.rules[0]' }, { limit: 200, after: null })
  expect(outcomes.map(({ id }) => id).filter((id) => !ids.includes(id))).toEqual([])
})

test('two followers at once write every entry once', async () => {
  const world = await createIndexed(server)
  await world.grow(eventsOf(4000))
  const added = await Promise.all([world.catalogue(), world.catalogue(), world.catalogue()].map(({ follow }) => follow()))
  await world.catalogue().follow()
  const { events, position } = await dump(world)
  expect(events?.map((row) => Number((row as { index: string }).index)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 4000 }, (_, i) => i))
  expect(position).toMatchObject([{ size: '4000' }])
  expect(added.reduce((sum, one) => sum + one, 0)).toBe(4000)
  expect(world.alarms).toEqual([])
})

test('a follower whose answer is lost goes on from where it really stands', async () => {
  const world = await createIndexed(server)
  await world.grow(eventsOf(3000))
  const lossy: Shelf = { ...world.shelf, add: async (...args) => { await world.shelf.add(...args); throw new Fault('store-unavailable', 'lost') } }
  const follower = world.catalogue(lossy)
  await expect(follower.follow()).rejects.toThrow('lost')
  await expect(follower.follow()).rejects.toThrow('lost')
  expect(await world.catalogue().follow()).toBe(3000 - 2048)
  expect((await dump(world))['events']).toHaveLength(3000)
})

test('a follower that meets a faster one never takes the log for one that went back', async () => {
  const world = await createIndexed(server)
  const events = eventsOf(600)
  await world.grow(events.slice(0, 300))
  await world.catalogue().follow()
  let raced = false
  world.memory.fail = async (call, when) => {
    if (call !== 'published' || when !== 'after' || raced) return
    raced = true
    await world.grow(events.slice(300))
    await world.catalogue().follow()
  }
  expect(await world.catalogue().follow()).toBe(0)
  expect(world.alarms).toEqual([])
})

test('a log that went back, was rewritten or is another stops it, and leaves the index as it was', async () => {
  for (const [entries, what] of [
    [entriesOf(eventsOf(200)), 'the log went back behind its index'],
    [entriesOf(eventsOf(400, 1)), 'the log is not the one the index was made from'],
    [entriesOf([...eventsOf(399), ...eventsOf(1, 1), ...eventsOf(300, 2)]), 'the log is not the one the index was made from'],
  ] as const) {
    const world = await createIndexed(server)
    await world.grow(eventsOf(400))
    await world.catalogue().follow()
    const before = await dump(world)
    await world.replace(entries)
    await expect(world.catalogue().follow()).rejects.toThrow(what)
    expect(world.alarms).toEqual([what])
    expect(await dump(world)).toEqual(before)
  }
})

test('entries that are not those the checkpoint signs are not indexed, wherever in the log they stand', async () => {
  for (const [path, size] of [['tile/entries/000', '0'], ['tile/entries/004', '1024'], ['tile/entries/011.p/184', '2048']] as const) {
    const world = await createIndexed(server)
    await world.grow(eventsOf(3000))
    const tile = world.memory.objects.get(path)!
    world.memory.objects.set(path, Buffer.from(Buffer.from(tile).toString('latin1').replace('agent:support-bot', 'agent:support-b0t'), 'latin1'))
    await expect(world.catalogue().follow()).rejects.toThrow('the log is not the one its checkpoint signs')
    expect((await dump(world))['position']).toMatchObject([{ size }])
  }
})

test('what a caller may write in a name neither stops the index nor hides the event', async () => {
  const world = await createIndexed(server)
  const [first, ...rest] = eventsOf(30)
  const names = ['zero\0byte', 'x'.repeat(6000), `\u{1f600}`.repeat(200), "'; drop schema audit cascade; --", '"', '\\', '%', '$1', 'a\u0001b', '\u2028']
  const strange = names.map((name, i) => ({ id: rest[i]!.id, at: rest[i]!.at, evaluation: rest[i]!.evaluation, kind: 'refusal' as const, statements: [], purpose: null, accesses: [{ action: name, resource: name }], refusal: { slug: 'denied' as const, reason: 'x', detail: 'x', next: 'none' as const, rule: name }, who: { issuer: name, subject: name, actors: [name, name, 'b'], groups: [], roles: [] }, session: `ses_${name}` as const, connection: name, policy: name }))
  await world.grow([first!, ...strange])
  await world.catalogue().follow()
  for (const [i, name] of names.entries()) {
    for (const filter of [{ subject: name }, { object: name }, { action: name }, { rule: name }, { actor: name }, { connection: name }]) {
      const given = Object.fromEntries(Object.entries(filter).map(([key, value]) => [key, value.slice(0, 300)]))
      const { ids } = await world.search.find(given, { limit: 10, after: null })
      expect([name.slice(0, 20), ids]).toEqual([name.slice(0, 20), [strange[i]!.id]])
    }
  }
})

test('an event that lies in the log by its digest is indexed from the record only where that makes this very entry', async () => {
  const world = await createIndexed(server)
  const [intent] = eventsOf(1)
  const long = { ...intent!, accesses: [...Array.from({ length: 2000 }, (_, i) => ({ action: 'select', resource: `public.partition_${i}` })), { action: 'select', resource: 'public.orders' }] }
  await world.grow([long as Event])
  await world.catalogue().follow()
  expect(await world.search.find({ object: 'public.orders' }, { limit: 5, after: null })).toMatchObject({ ids: [long.id], indexedTo: { opaque: 0 } })
  await world.shelf.clear()
  world.record.set(long.id, { ...long, accesses: [{ action: 'select', resource: 'public.forged' }] } as Event)
  await world.catalogue().follow()
  expect(await world.search.find({ object: 'public.*' }, { limit: 5, after: null })).toMatchObject({ ids: [], indexedTo: { opaque: 1 } })
  expect(await world.search.find({ kind: 'intent' }, { limit: 5, after: null })).toMatchObject({ ids: [long.id] })
})

test('an event that lies in the log by its digest, and is damaged in the record, is indexed by what the log says, and holds up nothing behind it', async () => {
  const world = await createIndexed(server)
  const [intent, ...others] = eventsOf(6)
  const long = { ...intent!, accesses: Array.from({ length: 2000 }, (_, i) => ({ action: 'select', resource: `public.partition_${i}` })) } as Event
  await world.grow([long, ...others])
  world.record.set(long.id, 'damaged')
  expect(await world.catalogue().follow()).toBe(6)
  expect(await world.search.find({ object: 'public.partition_7' }, { limit: 5, after: null })).toMatchObject({ ids: [], indexedTo: { size: 6, opaque: 1 } })
  expect((await dump(world))['events']).toHaveLength(6)
})

test('a record that does not answer is no damage: what it would tell is not left out', async () => {
  const world = await createIndexed(server)
  const [intent] = eventsOf(1)
  await world.grow([{ ...intent!, accesses: Array.from({ length: 2000 }, (_, i) => ({ action: 'select', resource: `public.partition_${i}` })) } as Event])
  world.record.set(intent!.id, 'unavailable')
  await expect(world.catalogue().follow()).rejects.toMatchObject({ code: 'store-unavailable' })
  expect((await dump(world))['events']).toEqual([])
})

test('tables of another shape are made anew, by one of those that find them so', async () => {
  const world = await createIndexed(server)
  await world.grow(eventsOf(10))
  await world.catalogue().follow()
  const client = new pg.Client(world.urls.write)
  await client.connect()
  await client.query(`UPDATE audit.position SET shape = 'older'`)
  expect(await world.search.indexed()).toBe(null)
  const endpoint = { http: `${server.neonUrl}/sql`, websocket: '' }
  const opened = await Promise.all(Array.from({ length: 6 }, () => createShelf({ url: world.urls.write, endpoint }).open()))
  expect(opened.map(({ size }) => size)).toEqual([0, 0, 0, 0, 0, 0])
  await world.catalogue().follow()
  expect((await dump(world))['events']).toHaveLength(10)
  await client.end()
})

describe('entries that were removed when their time was over', () => {
  const old = eventsOf(700, Date.parse('2019-01-01T00:00:00.000Z'))
  const prune = (last: number): NoticeEvent => ({
    id: firstIdAt(Date.parse('2026-11-22T10:00:00.000Z') + last), at: '2026-11-22T10:00:00.000Z', evaluation: eventsOf(1)[0]!.evaluation, session: null, who: null, connection: null, policy: null,
    kind: 'prune', change: { first: 0, last, before: '2019-01-01T00:01:00.000Z', retention: '5y' },
  })
  const indexes = async (world: Indexed) => ((await dump(world))['events'] as { index: string }[]).map(({ index }) => Number(index)).toSorted((a, b) => a - b)
  const from = (first: number, to: number) => Array.from({ length: to - first }, (_, i) => first + i)

  test('are found no longer, in the followed index and in one made anew', async () => {
    const world = await createIndexed(server)
    const follower = world.catalogue()
    await world.grow(old)
    await follower.follow()
    await world.grow([prune(511), ...eventsOf(20)])
    await follower.follow()
    expect(await indexes(world)).toEqual(from(512, 721))
    const actual = await dump(world)
    for (const index of [0, 1]) world.memory.objects.delete(`tile/entries/00${index}`)
    await world.shelf.clear()
    expect(await world.catalogue().follow()).toBe(721)
    expect(await indexes(world)).toEqual(from(512, 721))
    expect((await dump(world))['position']).toEqual(actual['position'])
    for (const table of ['event_accesses', 'event_rules'] as const) {
      const ids = new Set(((await dump(world))['events'] as { id: string }[]).map(({ id }) => id))
      expect((actual[table] as { event: string }[]).filter(({ event }) => !ids.has(event))).toEqual([])
    }
  })

  test('are found as before where what says so is not true of them: whoever writes events hides none', async () => {
    for (const lie of [{ before: '2019-01-01T00:00:00.500Z' }, { last: 1023 }, { retention: '9y' }]) {
      const world = await createIndexed(server)
      await world.grow([...old, { ...prune(511), change: { ...prune(511).change, ...lie } } as Event])
      expect(await world.catalogue().follow()).toBe(701)
      expect(await indexes(world), JSON.stringify(lie)).toEqual(from(0, 701))
      expect(world.alarms).toEqual(['entries are said to be removed, and are not as old as that'])
    }
  })
  test('and that nothing in the log says were removed are missing, which stops it', async () => {
    const world = await createIndexed(server)
    await world.grow([...old, { ...prune(255), change: { ...prune(255), before: '2026-01-01T00:00:00.000Z' } } as Event])
    world.memory.objects.delete('tile/entries/000')
    await expect(world.catalogue().follow()).rejects.toThrow('tile/entries/000 is missing')
    const more = await createIndexed(server)
    await more.grow([...old, prune(255)])
    more.memory.objects.delete('tile/entries/001')
    await expect(more.catalogue().follow()).rejects.toThrow('tile/entries/001 is missing')
  })
})
