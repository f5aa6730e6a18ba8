import { expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import { createGateway, support } from '../support/caller.ts'
import { createWorld } from '../support/ports.ts'

const ask = (authorization: string | null) => ({ method: 'POST', headers: { 'content-type': 'application/json', ...(authorization === null ? {} : { authorization }) }, body: JSON.stringify({ sql: 'select id from public.orders' }) })

test('callers without a token that holds are counted by reason, and the sums go on record once a minute', async () => {
  const world = createWorld()
  const app = createApp(world.ports)
  for (let n = 0; n < 30; n++) await app.request('/v1/connections/shop/query', ask(n % 3 === 0 ? null : 'Bearer a.b.c'))
  expect(world.events).toEqual([])
  world.clock.ms += 61_000
  await app.request('/v1/connections/shop/query', ask(null))
  await app.request('/v1/connections/shop/query', ask(null))
  expect(world.events.map(({ kind }) => kind)).toEqual(['unauthenticated'])
  expect(world.events[0]).toMatchObject({ change: { counts: { no_token: 11, invalid_token: 20 } } })
})

test('a stranger is refused the same when the sums cannot be recorded', async () => {
  const world = createWorld()
  const app = createApp(world.ports)
  await app.request('/v1/connections/shop/query', ask(null))
  world.clock.ms += 61_000
  world.broken.add('ledger')
  expect((await app.request('/v1/connections/shop/query', ask(null))).status).toBe(401)
  await new Promise((resolve) => { setImmediate(resolve) })
  expect(world.alarms.map(({ what }) => what)).toEqual(['count of unauthenticated calls not recorded'])
})

test('who only asks what would be decided is on record, and is told nothing when the record is down', async () => {
  const world = createWorld()
  const app = createApp(world.ports)
  const authorization = `Bearer ${await world.token({ subject: 'agent:support-bot', groups: ['support-agents'] })}`
  const request = { ...ask(authorization), body: JSON.stringify({ sql: 'select amount from payroll.salaries' }) }
  expect((await app.request('/v1/connections/shop/explain', request)).status).toBe(200)
  expect(world.events).toMatchObject([{ kind: 'explain', who: { subject: 'agent:support-bot' }, change: { statements: ['select amount from payroll.salaries'], decision: 'deny' } }])
  world.broken.add('ledger')
  expect((await app.request('/v1/connections/shop/explain', request)).status).toBe(503)
})

test.each(['lock', 'policy'] as const)('a %s that comes while the target is being looked at holds for the statement', async (what) => {
  const world = createWorld()
  const { classify } = world.engine
  world.engine.classify = async (connection, query) => {
    if (what === 'lock') await world.ports.policies.lock({ target: 'connection:shop', by: 'user:x', at: '', reason: null, until: null })
    else await world.ports.policies.apply({ documents: [] }, { from: world.pointer()?.version ?? null, by: 'user:x', at: '', commit: null })
    world.clock.ms += 2500
    return classify(connection, query)
  }
  const { as } = createGateway(world)
  const reply = await (await as(support)).call('POST', '/v1/connections/shop/query', { sql: 'select id from public.orders' })
  expect([reply.status, reply.json['reason'], world.engine.ran]).toEqual(what === 'lock' ? [403, 'locked', []] : [409, 'policy_moved', []])
})
