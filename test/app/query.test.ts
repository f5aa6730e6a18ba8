import { expect, test } from 'vitest'
import { Fault } from '../../functions/ports.ts'
import type { Refusal } from '../../schema/refusal.ts'
import { analyst, createGateway, support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import { createWorld } from '../support/ports.ts'
import { canary } from '../support/tables.ts'

const path = '/v1/connections/shop/query'
const read = { sql: 'select id from public.orders order by id' }
const key = { 'idempotency-key': 'k-1' }

test('a repeat with the same key runs once and gives the same answer', async () => {
  const { world, as } = createGateway()
  const agent = await as(support)
  const first = await agent.call('POST', path, read, key)
  const second = await agent.call('POST', path, read, key)
  expect([first.status, second.status]).toEqual([200, 200])
  expect(second.text).toBe(first.text)
  expect(second.headers.get('content-type')).toBe('application/json')
  expect(world.engine.ran).toHaveLength(1)
})

test('a key is the caller\'s own: another with the same key runs', async () => {
  const { world, as } = createGateway()
  await (await as(support)).call('POST', path, read, key)
  await (await as({ ...support, subject: 'agent:other' })).call('POST', path, read, key)
  await (await as({ ...support, actor: 'agent:actor' })).call('POST', path, read, key)
  expect(world.engine.ran.length).toBeGreaterThanOrEqual(2)
})

test('a stored answer is not given to who may not have it any more', async () => {
  const { world, as } = createGateway()
  const agent = await as(support)
  expect((await agent.call('POST', path, { sql: 'select name from public.customers' }, key)).status).toBe(200)
  await world.ports.policies.lock({ target: 'subject:agent:support-bot', by: 'user:x', at: '', reason: null, until: null })
  world.clock.ms += 3000
  const again = await agent.call('POST', path, { sql: 'select name from public.customers' }, key)
  expect(again.status).toBe(403)
  expect(again.text).not.toContain('Jane')
})

test('a stored answer in clear does not outlive the rule that revealed it', async () => {
  const { world, as } = createGateway()
  const reveal: typeof demo[string] = { version: 1, kind: 'role', name: 'revealer', members: [{ group: 'support-agents' }], rules: [{ allow: ['select'], reveal: ['pii.email'], connection: 'shop', on: ['public.customers'] }] }
  const apply = async (documents: Readonly<Record<string, typeof demo[string]>>) => {
    const from = world.pointer()?.version ?? null
    await world.ports.policies.apply({ documents: Object.entries(documents).map(([at, document]) => ({ path: at, document: document! })) }, { from, by: 'user:x', at: '', commit: null })
    world.clock.ms += 3000
  }
  await apply({ ...demo, 'roles/revealer.yaml': reveal })
  const agent = await as(support)
  const emails = { sql: 'select email from public.customers' }
  expect((await agent.call('POST', path, emails, key)).text).toContain(canary.email)
  await apply(demo)
  const again = await agent.call('POST', path, emails, key)
  expect(again.status).toBe(403)
  expect(again.json).toMatchObject({ type: '/problems/denied', reason: 'answer_withheld', next: 'none' })
  expect(again.text).not.toContain(canary.email)
  expect(world.engine.ran).toHaveLength(1)
  expect((await agent.call('POST', path, { sql: 'select name from public.customers' }, key)).status).toBe(422)
})

test('rows given again are on record again, and are not given where they cannot be', async () => {
  const { world, as } = createGateway()
  const agent = await as(support)
  const first = await agent.call('POST', path, read, key)
  await agent.call('POST', path, read, key)
  expect(world.events.map(({ kind }) => kind)).toEqual(['intent', 'outcome', 'repeat'])
  expect(world.events[2]).toMatchObject({ who: { subject: 'agent:support-bot' }, connection: 'shop', change: { first: first.json['evaluation'] } })
  world.broken.add('ledger')
  const lost = await agent.call('POST', path, read, key)
  expect([lost.status, lost.json['type']]).toEqual([503, '/problems/audit-unavailable'])
})

test('while one is in flight, a repeat is told to wait', async () => {
  const { world, as } = createGateway()
  const agent = await as(support)
  const execute = world.engine.execute.bind(world.engine)
  let go = () => {}
  const held = new Promise<void>((resolve) => { go = resolve })
  world.engine.execute = async (...args) => { await held; return execute(...args) }
  const first = agent.call('POST', path, read, key)
  await expect.poll(() => world.events.map(({ kind }) => kind), { interval: 5 }).toContain('intent')
  const second = await agent.call('POST', path, read, key)
  expect(second.status).toBe(409)
  expect(second.json['type']).toBe('/problems/idempotency-in-flight')
  expect(second.headers.get('retry-after')).toMatch(/^\d+$/)
  go()
  expect((await first).status).toBe(200)
})

test('an answer that cannot be kept is given all the same', async () => {
  const { world, as } = createGateway()
  const settle = world.ports.idempotency.settle
  Object.assign(world.ports.idempotency, { settle: async () => { throw new Fault('store-unavailable', 'down') } })
  expect((await (await as(support)).call('POST', path, read, key)).status).toBe(200)
  Object.assign(world.ports.idempotency, { settle })
})

test.each([
  ['a lost answer', { slug: 'outcome-unknown', reason: 'connection_lost', detail: 'the answer was lost', next: 'none', inner: 'COMMIT sent to 10.1.2.3' }, 'unknown', 502],
  ['a statement stopped at its time', { slug: 'timeout', reason: 'statement_timeout', detail: 'it ran too long', next: 'fix', sqlstate: '57014' }, 'failed', 504],
  ['a refusal of the target', { slug: 'target-error', reason: 'undefined_column', detail: 'no such column', next: 'fix', sqlstate: '42703', span: { start: 7, end: 9 }, inner: 'column "x"' }, 'failed', 422],
  ['a target gone', { slug: 'target-unavailable', reason: 'unreachable', detail: 'does not answer', next: 'retry', retryAfterSeconds: 0.2 }, 'failed', 503],
] as const)('%s is told with its status and recorded as an outcome', async (_name, refusal: Refusal, status, code) => {
  const { world, as } = createGateway()
  world.engine.next = { status: status === 'unknown' ? 'unknown' : 'failed', refusal }
  const answer = await (await as(support)).call('POST', path, read)
  expect(answer.status).toBe(code)
  expect(answer.json).toMatchObject({ type: `/problems/${refusal.slug}`, reason: refusal.reason, next: refusal.next })
  expect(answer.json['sqlstate']).toBe(refusal.sqlstate)
  expect(answer.text).not.toMatch(/10\.1\.2\.3|column "x"|inner/)
  if (refusal.retryAfterSeconds !== undefined) expect(answer.headers.get('retry-after')).toBe('1')
  expect(world.events.map((event) => event.kind)).toEqual(['intent', 'outcome'])
  expect(world.events[1]).toMatchObject({ status })
})

test('the hour\'s statements run out: 429, and when to come back', async () => {
  const shop = { ...demo['shop.yaml'], limits: { perHour: { statements: 2 } } }
  const { as } = createGateway(createWorld({ ...demo, 'shop.yaml': shop as typeof demo[string] }))
  const agent = await as(support)
  const statuses = [await agent.call('POST', path, read), await agent.call('POST', path, read), await agent.call('POST', path, read)]
  expect(statuses.map(({ status }) => status)).toEqual([200, 200, 429])
  expect(Number(statuses[2]?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(statuses[2]?.json['type']).toBe('/problems/rate-limited')
})

test('a record that does not answer uses up nothing of the hour: nothing ran', async () => {
  const shop = { ...demo['shop.yaml'], limits: { perHour: { statements: 2, rows: 10 } } }
  const { world, as } = createGateway(createWorld({ ...demo, 'shop.yaml': shop as typeof demo[string] }))
  const agent = await as(support)
  world.broken.add('ledger')
  for (let i = 0; i < 5; i++) expect((await agent.call('POST', path, read)).json).toMatchObject({ status: 503, next: 'retry' })
  world.broken.delete('ledger')
  expect([(await agent.call('POST', path, read)).status, world.engine.ran.length]).toEqual([200, 1])
})

test('a bug in the engine is a 500 without a word of it, on record, and the gate goes on', async () => {
  const { world, as } = createGateway()
  const agent = await as(support)
  const classify = world.engine.classify
  world.engine.classify = async () => { throw new Error(`row ${canary.ssn} of /home/sluice/x.ts`) }
  const answer = await agent.call('POST', path, read)
  expect(answer.status).toBe(500)
  expect(answer.text).not.toMatch(/078-05|\.ts|row/)
  expect(JSON.stringify([world.events, world.alarms])).not.toContain(canary.ssn)
  expect(world.events.map(({ kind }) => kind)).toEqual(['refusal'])
  world.engine.classify = classify
  expect((await agent.call('POST', path, read)).status).toBe(200)
})

test('a masked value is nowhere: not in the answer, a header, the record, an alarm', async () => {
  const { world, as } = createGateway()
  const agent = await as(analyst)
  const answers = [
    await agent.call('POST', path, { sql: 'select * from public.customers' }), await agent.call('POST', path, { sql: 'select ssn from public.customers', rowMode: 'array' }),
    await agent.call('POST', path, { sql: `select id from public.customers where ssn = $1`, params: ['x'] }), await agent.call('POST', path, { sql: 'select salary from payroll.salaries' }),
    await agent.call('POST', '/v1/connections/shop/explain', { sql: 'select * from public.customers' }), await agent.call('GET', '/v1/connections/shop/schema'),
  ]
  const seen = JSON.stringify([answers.map(({ text, headers }) => [text, [...headers]]), world.events, world.alarms])
  for (const value of Object.values(canary)) expect(seen).not.toContain(value)
})

test('a connection name of kilobytes does not reach the record', async () => {
  const { world, as } = createGateway()
  expect((await (await as(support)).call('POST', `/v1/connections/${'x'.repeat(4000)}/query`, read)).status).toBe(404)
  expect(JSON.stringify(world.events).length).toBeLessThan(3000)
})

test.each(['%2e%2e', '..%2fshop', 'shop%00', 'SHOP', 'shop%20', '%ff', 'constructor', '__proto__'])('connection %s is none', async (name) => {
  const { world, as } = createGateway()
  expect((await (await as(support)).call('POST', `/v1/connections/${name}/query`, read)).status).toBe(404)
  expect(world.engine.ran).toEqual([])
})

test('nothing is read of a stranger\'s body', async () => {
  const { app } = createGateway()
  let pulled = 0
  const body = new ReadableStream({ pull(controller) { pulled++; controller.enqueue(new Uint8Array(1024)) } }, { highWaterMark: 0 })
  const init = { method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer nonsense' }, body, duplex: 'half' }
  expect((await app.request(path, init as RequestInit)).status).toBe(401)
  expect(pulled).toBe(0)
})
