import { expect, test } from 'vitest'
import type { Effects } from '../../schema/effects.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { Fault } from '../../functions/ports.ts'
import { explained } from '../../functions/explanation.ts'
import { namesOf } from '../../functions/names.ts'
import { createGateway, platform, support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import { createWorld } from '../support/ports.ts'

const role = (rules: (PolicyDocument & { kind: 'role' })['rules']): PolicyDocument => ({ version: 1, kind: 'role', name: 'part', members: [{ group: 'part' }], rules })
const part = { subject: 'agent:part', groups: ['part'] }
type Relations = { schema: string; name: string; actions: Record<string, string>; columns: { name: string; readable?: false; masked?: string }[] }[]
const relationsOf = async (documents: Readonly<Record<string, PolicyDocument>>) =>
  (await (await createGateway(createWorld(documents)).as(part)).call('GET', '/v1/connections/shop/schema')).json['relations'] as Relations

test('of a table with some columns allowed, those are shown and no other', async () => {
  const relations = await relationsOf({ ...demo, 'part.yaml': role([{ allow: ['select'], connection: 'shop', on: ['public.customers'], columns: ['id', 'email'] }]) })
  expect(relations).toMatchObject([{ name: 'customers', actions: { select: 'permit' } }])
  expect(relations[0]?.columns.map(({ name, masked }) => [name, masked])).toEqual([['id', undefined], ['email', 'email']])
})

test('a statement that asks what there is gets what the schema shows its caller, from the gate and never from the call', async () => {
  const world = createWorld({ ...demo, 'part.yaml': role([{ allow: ['select'], connection: 'shop', on: ['public.customers'], columns: ['id', 'email'] }, { allow: ['insert'], connection: 'shop', on: ['public.refunds'] }]) })
  const classify = world.engine.classify.bind(world.engine)
  const asked: unknown[] = []
  world.engine.classify = async (connection, query) => {
    const plan = await classify(connection, query)
    asked.push(query.seen)
    return plan.ok && query.seen === undefined ? { ok: true, value: { ...plan.value, wants: 'seen' } } : plan
  }
  const caller = await createGateway(world).as(part)
  await caller.call('POST', '/v1/connections/shop/query', { sql: 'select id from public.customers' })
  expect(asked).toMatchObject([undefined, [{ schema: 'public', name: 'customers', columns: ['id', 'email'] }, { schema: 'public', name: 'refunds' }]])
  expect((await caller.call('POST', '/v1/connections/shop/query', { sql: 'select id from public.customers', seen: [] })).status).toBe(400)
})

test('what may be written and not read says so', async () => {
  const relations = await relationsOf({ ...demo, 'part.yaml': role([{ allow: ['insert'], connection: 'shop', on: ['public.refunds'] }]) })
  expect(relations).toMatchObject([{ name: 'refunds', actions: { insert: 'permit' } }])
  expect(relations[0]?.columns.every((column) => column.readable === false)).toBe(true)
})

test('a rule that wants a purpose shows its table to who gives one', async () => {
  const world = createWorld({ ...demo, 'part.yaml': role([{ allow: ['select'], connection: 'shop', on: ['public.orders'] }, { allow: ['select'], connection: 'shop', on: ['public.refunds'], when: 'context.purpose == "refunds"' }]) })
  const caller = await createGateway(world).as(part)
  expect((await caller.call('GET', '/v1/connections/shop/schema')).text).not.toContain('refunds')
  expect((await caller.call('GET', '/v1/connections/shop/schema?purpose=refunds')).text).toContain('refunds')
})

test('a lock closes the schema and turns explain into a no, and me still answers', async () => {
  const { world, as } = createGateway()
  const agent = await as(support)
  await (await as(platform)).call('PUT', '/v1/locks/connection:shop', {})
  world.clock.ms += 2001
  expect((await agent.call('GET', '/v1/connections/shop/schema')).json).toMatchObject({ status: 403, reason: 'locked' })
  expect((await agent.call('POST', '/v1/connections/shop/explain', { sql: 'select id from public.orders' })).json).toMatchObject({ decision: 'deny', problem: { reason: 'locked' } })
  expect((await agent.call('GET', '/v1/me')).status).toBe(200)
})

test('explain does not tell what a view reads, nor a column only reached through it', () => {
  const effects: Effects = {
    accesses: [
      { action: 'select', resource: 'public.contacts', columns: ['mail'], system: false, via: [], statement: 0, span: null },
      { action: 'select', resource: 'hr.people', columns: ['private_mail'], system: false, via: ['public.contacts'], statement: 0, span: null },
    ],
    shown: [{ dataClass: 'pii.email', resource: 'hr.people', column: 'private_mail', statement: 0, span: null, output: 0 }], used: [], readOnly: true, fingerprint: '',
  }
  const limits = { rows: 1, bytes: 1, timeoutMs: 1, affected: 1, statementsPerHour: null, rowsPerHour: null }
  const decision = { kind: 'ask', demands: [], rules: [], obligations: { masks: ['email'], revealed: [], detect: [], limits }, refusal: { slug: 'denied', reason: 'approval_required', detail: '', next: 'request' } }
  const reply = explained({ evaluation: 'eval_1', session: null, result: { ok: true, value: { plan: { effects, plan: {} }, decision } } } as unknown as Parameters<typeof explained>[0])
  expect(reply).toMatchObject({ result: { ok: true, value: { decision: 'ask', accesses: [{ resource: 'public.contacts' }], masks: [{ output: 0, class: 'pii.email', mask: 'email' }] } } })
  expect(JSON.stringify(reply)).not.toMatch(/hr\.people|private_mail/)
})

test('every name of a policy is looked for where it is meant', () => {
  const shop = demo['shop.yaml']
  if (shop?.kind !== 'connection') throw new Error('no connection')
  const rules = role([
    { allow: ['select'], connection: 'shop', on: ['public.a'], columns: ['x'] }, { deny: ['*'], connection: ['shop', 'hidden'], on: ['public.b'] }, { deny: ['*'], connection: '*', on: ['public.c'] },
    { deny: ['*'], connection: 'shop', on: ['public.d'], optional: true }, { deny: ['*'], connection: 'hidden', on: ['public.e'] }, { deny: ['*'], connection: 'shop' },
  ])
  const names = namesOf({ documents: [{ path: 'part.yaml', document: rules }] }, { ...shop, classify: { 'public.t.c': 'pii.x', 'public.t.d': { class: 'pii.x', optional: true } } })
  expect(names).toEqual([
    { from: 'classify', name: 'public.t.c', optional: false }, { from: 'classify', name: 'public.t.d', optional: true },
    { from: 'on', name: 'public.a', optional: false }, { from: 'columns', name: 'public.a', columns: ['x'], optional: false },
    { from: 'deny', name: 'public.b', optional: false }, { from: 'deny', name: 'public.c', optional: true }, { from: 'deny', name: 'public.d', optional: true },
  ])
})

test('one target down does not take the gate out of service; all down do, and the operator hears which', async () => {
  const { world, app } = createGateway()
  const inspect = world.engine.inspect
  world.engine.inspect = async (connection, names) => { if (connection.name === 'hidden') throw new Error('down'); return inspect(connection, names) }
  expect((await app.request('/readyz')).status).toBe(200)
  expect(world.alarms).toEqual([{ what: 'targets do not answer', detail: { connections: ['hidden'] } }])
  world.engine.down = true
  world.clock.ms += 2001
  const answer = await app.request('/readyz')
  expect([answer.status, await answer.text()]).toEqual([503, '{"ready":false}'])
})

test('a gate that can read its record and not write it is not ready until some seconds after the last call it could not take', async () => {
  const { world, app } = createGateway()
  const call = async () => (await app.request('/v1/connections/shop/explain', { method: 'POST', headers: { authorization: `Bearer ${await world.token(support)}`, 'content-type': 'application/json' }, body: JSON.stringify({ sql: 'select 1' }) })).status
  const readiness = async () => { world.clock.ms += 2001; return (await app.request('/readyz')).status }
  const append = world.ports.ledger.append
  const full = (code: Fault['code']) => Object.assign(world.ports.ledger, { append: async () => { throw new Fault(code, 'no room') } })
  full('internal')                                                   // an event that no store would take: its caller must not put the gate out of service
  expect([await call(), await readiness()]).toEqual([503, 200])
  full('store-unavailable')
  expect([await call(), await readiness()]).toEqual([503, 503])
  expect(world.alarms.at(-1)).toMatchObject({ what: 'cannot record' })
  Object.assign(world.ports.ledger, { append })
  world.clock.ms += 10_000
  expect([await readiness(), await call()]).toEqual([200, 200])
})

test('strangers who ask for readiness all day cause one look in two seconds', async () => {
  const { world, app } = createGateway()
  let looks = 0
  const get = world.ports.ledger.get
  Object.assign(world.ports.ledger, { get: async (id: Parameters<typeof get>[0]) => { looks++; return get(id) } })
  await Promise.all(Array.from({ length: 50 }, () => app.request('/readyz')))
  expect(looks).toBe(1)
  world.clock.ms += 2001
  await app.request('/readyz')
  expect(looks).toBe(2)
})
