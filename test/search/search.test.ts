import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSearch } from '../../functions/aws/search.ts'
import { createFinder } from '../../functions/finder.ts'
import { CursorError, Damage, Fault, type Ports } from '../../functions/ports.ts'
import { entriesOf, eventsOf, origin, signerOf, writeLog } from '../record/log/sample.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'
import { createIndexed, type Indexed } from './world.ts'

let server: TestPostgres
let world: Indexed
const events = eventsOf(900)
beforeAll(async () => {
  server = await withPostgres()
  world = await createIndexed(server)
  await world.grow(events, Date.parse('2026-11-22T09:00:03.000Z'))
  await world.catalogue().follow()
})
afterAll(() => server.stop())
const idsOf = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id).toSorted().toReversed()
const all = async (filter: Parameters<Indexed['search']['find']>[0], limit = 70): Promise<string[]> => {
  const ids: string[] = []
  for (let after: string | null = null; ;) {
    const page: Awaited<ReturnType<Indexed['search']['find']>> = await world.search.find(filter, { limit, after })
    expect(page.ids.length).toBeLessThanOrEqual(limit)
    ids.push(...page.ids)
    if (page.next === null) return ids
    after = page.next
  }
}

test('every filter finds what its members say, newest first, however long the pages are', async () => {
  const of = (keep: (event: (typeof events)[number]) => boolean) => idsOf(events.filter(keep))
  const middle = '2026-11-22T09:00:02.000Z'
  expect(await all({})).toEqual(idsOf(events))
  expect(await all({ kind: 'refusal' }, 7)).toEqual(of(({ kind }) => kind === 'refusal'))
  expect(await all({ decision: 'deny' })).toEqual(of(({ kind }) => kind === 'refusal'))
  expect(await all({ decision: 'permit' })).toEqual(of(({ kind }) => kind === 'intent'))
  expect(await all({ decision: 'ask' })).toEqual(of(({ kind }) => kind === 'request'))
  expect(await all({ decision: 'unknown' })).toEqual(of((event) => event.kind === 'outcome' && event.status === 'unknown'))
  expect(await all({ subject: 'user:ann@acme.dev' })).toEqual(of(({ who }) => who?.subject === 'user:ann@acme.dev'))
  expect(await all({ session: events[0]!.session ?? '', connection: 'shop', action: 'select' })).toEqual(await all({ object: 'public.orders' }))
  expect(await all({ rule: 'support-agents.rules[1]' })).toEqual(of(({ kind }) => kind === 'request'))
  const [before, since] = [await all({ to: middle }), await all({ from: middle })]
  expect([...since, ...before]).toEqual(idsOf(events))
  expect(before.length * since.length).toBeGreaterThan(0)
  expect(await all({ evaluation: events[5]!.evaluation, decision: 'ask' })).toEqual([])
  expect(await all({ evaluation: events[5]!.evaluation })).toEqual(events.filter(({ evaluation }) => evaluation === events[5]!.evaluation).map(({ id }) => id).toSorted().toReversed())
})

test('a star stands for any text, and nothing else does', async () => {
  const orders = await all({ object: 'public.orders' })
  expect(orders.length).toBeGreaterThan(100)
  for (const glob of ['public.*', '*.orders', '*', 'p*c.ord*s', '**orders']) expect(await all({ object: glob })).toEqual(orders)
  for (const glob of ['public.order_', 'public.%', 'public', 'PUBLIC.orders', 'public.orders ', 'public\\.orders', '*payroll*']) expect(await all({ object: glob })).toEqual([])
})

test('action and object are of one access', async () => {
  const mixed = await createIndexed(server)
  const [intent] = events
  await mixed.grow([{ ...intent!, accesses: [{ action: 'select', resource: 'public.a' }, { action: 'insert', resource: 'public.b' }] } as typeof events[number]])
  await mixed.catalogue().follow()
  const found = async (action: string, object: string) => (await mixed.search.find({ action, object }, { limit: 5, after: null })).ids.length
  expect([await found('select', 'public.a'), await found('insert', 'public.b'), await found('insert', 'public.a'), await found('select', 'public.*')]).toEqual([1, 1, 0, 1])
})

test('a cursor belongs to its filter', async () => {
  const { next } = await world.search.find({ kind: 'intent' }, { limit: 3, after: null })
  await expect(world.search.find({ kind: 'outcome' }, { limit: 3, after: next })).rejects.toThrow(CursorError)
  for (const cursor of ['x', Buffer.from("' or 1=1 --").toString('base64url'), Buffer.from(`${Buffer.from(next ?? '', 'base64url').toString().slice(0, 16)}evt_x`).toString('base64url')]) {
    await expect(world.search.find({ kind: 'intent' }, { limit: 3, after: cursor })).rejects.toThrow(CursorError)
  }
})

const finder = (parts: Partial<Ports> = {}) => {
  const alarms: string[] = []
  const ports = { search: world.search, log: world.memory.log, now: () => 5_000_000, alarm: (what: string) => { alarms.push(what) }, ledger: { get: async (id: (typeof events)[number]['id']) => world.record.get(id) ?? null } as Ports['ledger'], ...parts }
  return { find: createFinder(ports)!, alarms }
}

test('says how far it came: what is in the log and not in the index is counted, and silence about it means nothing', async () => {
  const late = await createIndexed(server)
  await late.grow(events.slice(0, 100))
  await late.catalogue().follow()
  await late.grow(events.slice(100, 160), 77_000)
  const { find } = finder({ search: late.search, log: late.memory.log })
  expect((await find({ object: 'public.*' }, { limit: 1, after: null })).indexedTo).toEqual({ size: 100, at: new Date(1_000_000).toISOString(), completeBefore: new Date(0).toISOString(), behind: 60, opaque: 0 })
  await late.catalogue().follow()
  expect((await find({ object: 'public.*' }, { limit: 1, after: null })).indexedTo).toEqual({ size: 160, at: new Date(5_000_000).toISOString(), completeBefore: new Date(77_000).toISOString(), behind: 0, opaque: 0 })
})

test('what the log has and is damaged in the record is named as well, and hides nothing else', async () => {
  const { find, alarms } = finder({ ledger: { get: async (id: (typeof events)[number]['id']) => { if (id.endsWith('0')) throw new Damage('damaged'); return world.record.get(id) ?? null } } as Ports['ledger'] })
  const found = await find({ object: 'public.orders' }, { limit: 50, after: null })
  expect(found.missing?.length).toBeGreaterThan(0)
  expect(found.events.length).toBeGreaterThan(0)
  expect(found.events.length + (found.missing?.length ?? 0)).toBe(50)
  expect(alarms).toHaveLength(1)
})

test('what the log has and the record no longer is named, not left out', async () => {
  const { find, alarms } = finder({ ledger: { get: async (id: (typeof events)[number]['id']) => id.endsWith('0') ? null : world.record.get(id) ?? null } as Ports['ledger'] })
  const found = await find({ object: 'public.orders' }, { limit: 50, after: null })
  expect(found.missing?.length).toBeGreaterThan(0)
  expect(found.events.length + (found.missing?.length ?? 0)).toBe(50)
  expect(alarms).toEqual(['events of the log are not in the record'])
})

test('shows the record, whatever the index was made to say', async () => {
  const forged = await createIndexed(server)
  await forged.grow(events.slice(0, 4))
  await forged.catalogue().follow()
  const client = new pg.Client(forged.urls.write)
  await client.connect()
  await client.query(`UPDATE audit.events SET subject = 'user:innocent@acme.dev'`)
  await client.end()
  const { find } = finder({ search: forged.search, log: forged.memory.log })
  const { events: shown } = await find({ subject: 'user:innocent@acme.dev' }, { limit: 5, after: null })
  expect(shown.map(({ who }) => who?.subject)).toEqual(idsOf(events.slice(0, 4)).map(() => 'agent:support-bot'))
})

test('an index that is gone, or answers too late, is a failure and never an empty page', async () => {
  const endpoint = { http: 'http://127.0.0.1:1/sql', websocket: '' }
  await expect(createSearch({ url: world.urls.read, endpoint }).find({}, { limit: 5, after: null })).rejects.toThrow(Fault)
  const cleared = await createIndexed(server)
  await expect(cleared.search.find({}, { limit: 5, after: null })).rejects.toThrow('the index is not made yet')
  const client = new pg.Client(world.urls.write)
  await client.connect()
  await client.query('BEGIN; LOCK audit.events IN ACCESS EXCLUSIVE MODE')
  const hurried = createSearch({ url: world.urls.read, endpoint: { http: `${server.neonUrl}/sql`, websocket: '' }, timeoutMs: 300 })
  await expect(hurried.find({}, { limit: 5, after: null })).rejects.toThrow('the index does not answer')
  await client.query('ROLLBACK')
  await client.end()
})

test('nobody enters the index but its two roles, and who asks cannot write', async () => {
  const database = await server.createDatabase(`CREATE ROLE gate_role LOGIN PASSWORD 'x'`)
  const enter = async (url: string, statement: string) => {
    const client = new pg.Client(url)
    try {
      await client.connect()
      await client.query(statement)
      return 'done'
    } catch (error) {
      return (error as { code?: string }).code
    } finally {
      await client.end().catch(() => {})
    }
  }
  const asGate = Object.assign(new URL(database.as('gate_role', 'x')), { pathname: new URL(world.urls.read).pathname }).href
  expect(await enter(asGate, 'select 1')).toBe('42501')
  const other = await createIndexed(server)
  expect(await enter(Object.assign(new URL(other.urls.write), { pathname: new URL(world.urls.read).pathname }).href, 'select 1')).toBe('42501')
  expect(await enter(world.urls.read, 'select 1 from audit.events limit 1')).toBe('done')
  for (const statement of [`update audit.position set size = 0`, `delete from audit.events`, `insert into audit.event_rules values ('a', 'b')`, 'drop schema audit cascade', 'create table audit.x (a int)', 'create schema x', 'create table public.x (a int)', 'create temp table x (a int)']) expect([statement, await enter(world.urls.read, statement)]).toEqual([statement, '42501'])
  expect(await enter(world.urls.write, `copy audit.events to program 'true'`)).toBe('42501')
})

test('killed at any write, again and again, and two at once, it ends as if nothing had happened', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-follow-'))
  const signer = signerOf(origin, 'index')
  await writeLog(directory, entriesOf(eventsOf(6_000)), signer)
  const killed = await createIndexed(server)
  const round = (deadly: number) => new Promise<string>((done) => {
    const child = fork(join(import.meta.dirname, 'follower.child.ts'), [directory, killed.urls.write, server.neonUrl], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    let said = ''
    child.stdout?.on('data', (text: Buffer) => {
      said += text.toString()
      if (said.split('at\n').length > deadly) setTimeout(() => child.kill('SIGKILL'), deadly * 3)
    })
    child.once('exit', () => done(said))
  })
  const early = [await round(2), ...await Promise.all([round(1), round(3)]), await round(1)]
  expect(await killed.search.indexed()).not.toMatchObject({ size: 6_000 })
  const last = await Promise.all([round(1000), round(1000)])
  expect([...early, ...last].join('')).not.toContain('alarm')
  await round(1000)
  const client = new pg.Client(killed.urls.write)
  await client.connect()
  const { rows } = await client.query(`SELECT count(*)::int AS rows, count(DISTINCT index)::int AS places, max(index)::int AS last, (SELECT size::int FROM audit.position) AS size FROM audit.events`)
  await client.end()
  expect(rows).toEqual([{ rows: 6_000, places: 6_000, last: 5_999, size: 6_000 }])
  rmSync(directory, { recursive: true, force: true })
}, 300_000)                                                             // nine processes, one after another on a busy machine
