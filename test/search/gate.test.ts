import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHints } from '../../functions/hint.ts'
import { createCatalogue } from '../../functions/catalogue.ts'
import { createSearch } from '../../functions/aws/search.ts'
import { createShelf } from '../../functions/aws/shelf.ts'
import { makeIndex } from '../../functions/local/search.ts'
import { Fault } from '../../functions/ports.ts'
import { createSequencer } from '../../functions/sequence.ts'
import { createConsole } from '../cli/console.ts'
import { auditor, createGateway, support } from '../support/caller.ts'
import { createMemoryLog } from '../support/log.ts'
import { createWorld } from '../support/ports.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
beforeAll(async () => { server = await withPostgres() })
afterAll(() => server.stop())

/** A gate with a log and a real index of it. */
async function indexed(record: string) {
  const world = createWorld()
  const memory = createMemoryLog()
  const urls = await makeIndex(server.superuserUrl, record)
  const endpoint = { http: `${server.neonUrl}/sql`, websocket: '' }
  const search = createSearch({ url: urls.read, endpoint })
  Object.assign(world.ports, { log: memory.log, search })
  const gateway = createGateway(world)
  const hints = createHints()
  const sequencer = createSequencer({ ...world.ports, log: memory.log }, hints)
  const catalogue = createCatalogue({ ...world.ports, log: memory.log, shelf: createShelf({ url: urls.write, endpoint }) })
  const [bot, person] = [await gateway.as(support), await gateway.as(auditor)]
  return {
    ...gateway, memory, search, bot, person, console: createConsole(world, gateway.app),
    sequence: async () => { for (const event of world.events) hints.hint(event); await sequencer.round() },
    follow: () => catalogue.follow(),
    list: async (query: string) => person.call('GET', `/v1/audit/events?${query}`),
  }
}
const kinds = (json: Record<string, unknown>) => (json['events'] as { kind: string }[]).map(({ kind }) => kind)

test('what was done to a table is found by the table, the action, the decision and the rule, and the answer says how far it looked', async () => {
  const { bot, list, sequence, follow, world } = await indexed('gate')
  await bot.call('POST', '/v1/connections/shop/query', { sql: 'select id from public.orders limit 1' })
  await bot.call('POST', '/v1/connections/shop/query', { sql: 'select amount from payroll.salaries' })
  await sequence()
  await follow()
  const size = world.events.length
  const orders = await list('object=public.orders')
  expect([orders.status, kinds(orders.json)]).toEqual([200, ['outcome', 'intent']])
  expect(orders.json['indexedTo']).toMatchObject({ size, behind: 0, opaque: 0 })
  expect(kinds((await list('object=payroll.*&decision=deny')).json)).toEqual(['refusal'])
  expect(kinds((await list('action=select&decision=succeeded')).json)).toEqual(['outcome'])
  const rule = (world.events.find(({ kind }) => kind === 'intent') as unknown as { rules: string[] }).rules[0] ?? ''
  expect(kinds((await list(`rule=${encodeURIComponent(rule)}&decision=permit`)).json)).toEqual(['intent'])
  expect(world.events.at(-1)).toMatchObject({ kind: 'audit-read', change: { rule, decision: 'permit' } })
})

test('a filter that the ledger can answer alone never waits for the index', async () => {
  const { bot, list, search } = await indexed('ledger')
  Object.assign(search, { find: async () => { throw new Error('asked') } })
  await bot.call('POST', '/v1/connections/shop/query', { sql: 'select amount from payroll.salaries' })
  const found = await list('subject=agent:support-bot&kind=refusal&connection=shop')
  expect([found.status, kinds(found.json), found.json['indexedTo']]).toEqual([200, ['refusal'], undefined])
})

test('an index that is behind says by how much, on the command line too', async () => {
  const { bot, list, sequence, follow, console } = await indexed('behind')
  await bot.call('POST', '/v1/connections/shop/query', { sql: 'select amount from payroll.salaries' })
  await sequence()
  await follow()
  await bot.call('POST', '/v1/connections/shop/query', { sql: 'select amount from payroll.salaries' })
  await sequence()
  expect((await list('object=payroll.salaries')).json).toMatchObject({ events: [{}], indexedTo: { size: 1, behind: 1 } })
  const { code, err } = await console.sluice(['audit', 'list', '--object', 'payroll.salaries'], { as: auditor })
  expect([code, err]).toEqual([0, expect.stringMatching(/the index is \d+ entr(y|ies) behind the log: what came after \S+ is not among these/)])
})

test('an index that does not answer is said so, not an empty page', async () => {
  const { list, search, world } = await indexed('gone')
  expect(await list('object=public.orders')).toMatchObject({ status: 503, json: { reason: 'index_unavailable', next: 'retry' } })
  Object.assign(search, { find: async () => { throw new Fault('store-unavailable', 'secret of the database') } })
  const { status, text } = await list('object=public.orders')
  expect([status, text.includes('secret')]).toEqual([503, false])
  expect(world.alarms.map(({ what }) => what)).toContain('the index of the log does not answer')
  const without = createGateway()
  expect((await (await without.as(auditor)).call('GET', '/v1/audit/events?object=public.orders')).json).toMatchObject({ status: 503, reason: 'no_index' })
})

test('a cursor of the index is no cursor of the ledger, nor of another filter', async () => {
  const { bot, list, sequence, follow } = await indexed('cursor')
  for (let i = 0; i < 3; i++) await bot.call('POST', '/v1/connections/shop/query', { sql: 'select amount from payroll.salaries' })
  await sequence()
  await follow()
  const first = await list('object=payroll.salaries&limit=2')
  const next = String(first.json['next'])
  expect((await list(`object=payroll.salaries&limit=2&after=${next}`)).json).toMatchObject({ events: [{}], next: null })
  expect((await list(`object=payroll.other&limit=2&after=${next}`)).json).toMatchObject({ status: 400, reason: 'cursor' })
  expect((await list('object=')).status).toBe(400)
  expect((await list('decision=maybe')).json).toMatchObject({ status: 400, reason: 'decision' })
  expect((await list(`object=${'*x'.repeat(160)}`)).status).toBe(400)
})

test('who may not read the audit learns nothing of the index, not even whether there is one', async () => {
  const { bot } = await indexed('stranger')
  const other = await createGateway().as(support)
  const [here, there] = [await bot.call('GET', '/v1/audit/events?object=public.orders'), await other.call('GET', '/v1/audit/events?object=public.orders')]
  expect([here.status, here.json['reason'], here.json['detail']]).toEqual([there.status, there.json['reason'], there.json['detail']])
  expect(here.status).toBe(403)
})
