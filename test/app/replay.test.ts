import { expect, test } from 'vitest'
import { Damage, Fault } from '../../functions/ports.ts'
import { asked, createApproving } from '../support/approvals.ts'
import { analyst, auditor, createGateway, support } from '../support/caller.ts'

const query = '/v1/connections/shop/query'
async function played() {
  const gateway = createGateway()
  const bot = await gateway.as(support)
  const first = await bot.call('POST', query, { sql: 'select id, email from public.customers order by id limit 2', purpose: 'a look' })
  const session = first.headers.get('sluice-session') ?? ''
  await bot.call('POST', query, { sql: 'select amount from payroll.salaries' }, { 'sluice-session': session })
  return { ...gateway, bot, session, path: `/v1/audit/sessions/${session}` }
}
const kinds = (json: Readonly<Record<string, unknown>>) => (json['events'] as readonly { kind: string }[]).map(({ kind }) => kind)

test('a session is given in order, whole, to whom a rule lets read the audit', async () => {
  const { as, path, session } = await played()
  const { status, json } = await (await as(auditor)).call('GET', path)
  expect([status, kinds(json), json['session'], json['next'], json['requests']]).toEqual([200, ['intent', 'outcome', 'refusal'], session, null, []])
})
test('reading it is on record first, and what cannot be recorded is not read', async () => {
  const { as, path, session, world } = await played()
  const reader = await as(auditor)
  await reader.call('GET', path)
  expect(world.events.at(-1)).toMatchObject({ kind: 'audit-read', who: { subject: auditor.subject }, change: { session } })
  Object.assign(world.ports.ledger, { append: async () => { throw new Error('full') } })
  const page = await reader.call('GET', path)
  expect([page.status, page.text.includes('customers')]).toEqual([503, false])
})
test('nobody else reads it: neither its own agent, nor another, nor with its very id', async () => {
  const { as, bot, path, session } = await played()
  for (const caller of [bot, await as(analyst)]) {
    const page = await caller.call('GET', path)
    expect([page.status, page.json['type'], page.text.includes('customers')]).toEqual([403, '/problems/denied', false])
  }
  const stolen = await (await as(auditor)).call('GET', '/v1/audit/events', undefined, { 'sluice-session': session })
  expect([stolen.status, stolen.json['reason']]).toEqual([404, 'session_not_found'])
})
test('a session there is not, and nonsense, answer alike', async () => {
  const { as } = createGateway()
  const reader = await as(auditor)
  const missing = await reader.call('GET', `/v1/audit/sessions/ses_01KAR0V2G00000000000000000${'a'.repeat(43)}`)
  for (const id of ['nonsense', 'evt_01KAR0V2G00000000000000000', 'ses_!', `ses_${'a'.repeat(3000)}`, '..%2Fevents']) {
    const page = await reader.call('GET', `/v1/audit/sessions/${id}`)
    expect([page.status, page.json['reason'], page.json['detail']]).toEqual([404, missing.json['reason'], missing.json['detail']])
  }
  expect(missing.json['reason']).toBe('no_session')
})
test.each([['limit=0', 'limit'], ['limit=1001', 'limit'], ['limit=1e2', 'limit'], ['after=', 'cursor'], ['until=x', 'unknown_parameter']])('%s is the caller\'s mistake', async (search, reason) => {
  const { as, path } = await played()
  const page = await (await as(auditor)).call('GET', `${path}?${search}`)
  expect([page.status, page.json['reason']]).toEqual([400, reason])
})

test('ten thousand events come in bounded parts, the newest first, that make one whole', async () => {
  const { world, as, path } = await played()
  const [intent] = world.events
  if (!intent) throw new Error('no intent')
  const since = Date.parse(intent.at)
  world.events.length = 0
  for (let i = 0; i < 10_000; i++) world.events.push({ ...intent, id: world.ports.id('evt'), at: new Date(since + i).toISOString() })
  const reader = await as(auditor)
  const seen: string[] = []
  let [next, parts]: [unknown, number] = [undefined, 0]
  do {
    const part = await reader.call('GET', `${path}?limit=1000${typeof next === 'string' ? `&after=${encodeURIComponent(next)}` : ''}`)
    const events = part.json['events'] as readonly { at: string; session: string }[]
    expect(events.length).toBeLessThanOrEqual(1000)
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted())
    seen.unshift(...events.map(({ at }) => at))
    next = part.json['next']
    parts++
  } while (typeof next === 'string' && parts < 50)
  expect([seen.length, new Set(seen).size, seen.join() === seen.toSorted().join()]).toEqual([10_000, 10_000, true])
})
test('large events make short parts', async () => {
  const { world, as, path } = await played()
  const [intent] = world.events
  if (!intent || intent.kind !== 'intent') throw new Error('no intent')
  for (let i = 0; i < 200; i++) world.events.push({ ...intent, id: world.ports.id('evt'), statements: [{ sql: 'x'.repeat(250_000), params: [] }] })
  const part = await (await as(auditor)).call('GET', `${path}?limit=1000`)
  expect(part.text.length).toBeLessThan(12 * 1024 * 1024)
  expect(typeof part.json['next']).toBe('string')
})
test('a store that takes long gives a short part, not a call that never ends', async () => {
  const { world, as, path } = await played()
  const list = world.ports.ledger.list
  let looks = 0
  Object.assign(world.ports.ledger, { list: async (...[filter]: Parameters<typeof list>) => { looks++; world.clock.ms += 6000; return { events: (await list(filter, { limit: 1, after: null })).events, next: 'more' } } })
  const part = await (await as(auditor)).call('GET', path)
  expect([part.status, part.json['next'], looks]).toEqual([200, 'more', 2])
})
test('a session that says it began in the far future is none', async () => {
  const { as } = createGateway()
  expect((await (await as(auditor)).call('GET', `/v1/audit/sessions/ses_7${'Z'.repeat(25)}`)).status).toBe(404)
})

/** Somebody who is not the gate wrote over events and requests of the record. */
test('what of a session cannot be read is named, and the rest of it given', async () => {
  const { world, as, path } = await played()
  const { list } = world.ports.ledger
  const lost = world.ports.id('evt')
  Object.assign(world.ports.ledger, { list: async (...page: Parameters<typeof list>) => ({ ...await list(...page), damaged: [lost] }) })
  const [intent, outcome] = world.events
  world.events[1] = { ...outcome!, who: 'nobody', status: 5 } as never
  const page = await (await as(auditor)).call('GET', path)
  expect([page.status, kinds(page.json), page.json['damaged']]).toEqual([200, [intent!.kind, 'refusal'], [outcome!.id, lost]])
})
test('a session of which nothing can be read is not one there is none of', async () => {
  const { world, as, path } = await played()
  const lost = world.ports.id('evt')
  Object.assign(world.ports.ledger, { list: async () => ({ events: [], next: null, damaged: [lost] }) })
  expect(await (await as(auditor)).call('GET', path)).toMatchObject({ status: 200, json: { events: [], damaged: [lost] } })
})
test('a request that cannot be read is named as well, and its session is given; a store that does not answer is no damage', async () => {
  const at = createApproving()
  const { id } = await asked(await at.as(support))
  const { session } = at.world.events.find(({ kind }) => kind === 'request')!
  const reader = await at.as(auditor)
  const read = () => reader.call('GET', `/v1/audit/sessions/${session}`)
  const { get } = at.memory.requests
  Object.assign(at.ports.approvals.requests, { get: async (one: typeof id) => { if (one === id) throw new Damage('damaged'); return get(one) } })
  expect(await read()).toMatchObject({ status: 200, json: { events: [{ kind: 'request' }], requests: [], damaged: [id] } })
  Object.assign(at.ports.approvals.requests, { get: async () => { throw new Fault('store-unavailable', 'no answer') } })
  expect((await read()).status).toBe(503)
})
