import { expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import { createApprover } from '../../functions/approver.ts'
import { createGate } from '../../functions/gate.ts'
import { numbered } from '../../functions/numbering.ts'
import { entryOf } from '../../functions/record/log/entry.ts'
import { leafHash } from '../../functions/record/log/tree.ts'
import { parsePromise, promiseMs, signedByWriter, writerKeyOf } from '../../functions/record/promise.ts'
import type { Event } from '../../schema/event.ts'
import { auditor, createGateway, support } from '../support/caller.ts'
import { createWorld } from '../support/ports.ts'
import { demo } from '../support/policy.ts'
import { createMemoryRequests } from '../support/requests.ts'

/** A gate that promises, with people to ask. */
function createPromising() {
  const world = createWorld(demo)
  const { requests } = createMemoryRequests({ now: world.ports.now, events: world.events })
  const counted = numbered({ ledger: world.ports.ledger, requests }, world.ports)
  const ports = { ...world.ports, ledger: counted.ledger, promise: counted.promise, approvals: { requests: counted.requests, workflow: { start: async () => {}, wake: async () => {} }, post: { slack: null, mail: null } } }
  const gate = createGate(ports)
  return { ...createGateway({ ...world, ports }, createApp(ports, gate)), approver: createApprover(ports, gate) }
}
const path = '/v1/connections/shop/query'
const promisedIn = (headers: Headers, events: readonly Event[]) => promisedBy(headers.get('sluice-promise') ?? '', events)
function promisedBy(promise: string, events: readonly Event[]) {
  const promised = parsePromise(promise)
  const event = events.find(({ id }) => id === promised.event)!
  const first = events.find(({ id }) => id === promised.writer)
  const key = writerKeyOf(first && 'change' in first ? first.change['key'] : null)!
  expect(signedByWriter(promised, key)).toBe(true)
  expect(promised).toMatchObject({ n: event.writer?.n, writer: event.writer?.id, leaf: leafHash(entryOf(event)).toString('base64url') })
  return { promised, event }
}

test('rows, a refusal, a request that waits, what the gate says of itself: each answer promises the event that it put on record', async () => {
  const { world, as } = createPromising()
  const agent = await as(support)
  const rows = await agent.call('POST', path, { sql: 'select id from public.orders' })
  expect(rows.status).toBe(200)
  const { event, promised } = promisedIn(rows.headers, world.events)
  expect(event).toMatchObject({ kind: 'outcome', id: (rows.json['receipt'] as { event: string }).event })
  expect(promised.by).toBe(Math.ceil((world.clock.ms + promiseMs) / 1000))
  expect(promisedIn((await agent.call('POST', path, { sql: 'select name from payroll.salaries' })).headers, world.events).event.kind).toBe('refusal')
  const waiting = await agent.call('POST', path, { sql: 'insert into public.refunds (order_id) values ($1)', params: [7] })
  expect(waiting.status).toBe(202)
  expect(promisedIn(waiting.headers, world.events).event.kind).toBe('request')
  expect(promisedIn((await agent.call('POST', '/v1/connections/shop/explain', { sql: 'select id from public.orders' })).headers, world.events).event.kind).toBe('explain')
  expect(promisedIn((await (await as(auditor)).call('GET', '/v1/audit/events')).headers, world.events).event.kind).toBe('audit-read')
})
test('what is not on record is not promised: a stranger, what could not be recorded, what answers without an event', async () => {
  const { world, as, app } = createPromising()
  expect((await app.request(path, { method: 'POST' })).headers.has('sluice-promise')).toBe(false)
  const agent = await as(support)
  expect((await agent.call('GET', '/v1/me')).headers.has('sluice-promise')).toBe(false)
  world.broken.add('ledger')
  const refused = await agent.call('POST', path, { sql: 'select id from public.orders' })
  expect(refused.status).toBe(503)
  expect(refused.headers.has('sluice-promise')).toBe(false)
})
test('the outcome of what people approved is promised to whoever asks for its answer, also where the target refused', async () => {
  for (const fails of [false, true]) {
    const { world, as, approver } = createPromising()
    const agent = await as(support)
    const { request } = (await agent.call('POST', path, { sql: 'insert into public.refunds (order_id) values ($1)', params: [7] })).json as { request: { id: `arq_${string}`; digest: string } }
    expect((await (await as({ subject: 'user:lena@acme.dev', groups: ['support-leads'], claims: { auth_time: Math.floor(world.clock.ms / 1000) } })).call('POST', `/v1/requests/${request.id}/decision`, { decision: 'approve', digest: request.digest })).status).toBe(200)
    if (fails) world.engine.down = true
    await approver.proceed(request.id).catch(() => {})
    world.engine.down = false
    const { json } = await agent.call('GET', `/v1/requests/${request.id}`)
    const { ending } = json['request'] as { ending: { outcome: string; promise: string } | null }
    if (fails && ending === null) continue
    expect(promisedBy(ending!.promise, world.events).event).toMatchObject({ kind: 'outcome', id: ending!.outcome })
  }
})
test('a gate without a log promises nothing', async () => {
  const { as } = createGateway()
  expect((await (await as(support)).call('POST', path, { sql: 'select id from public.orders' })).headers.has('sluice-promise')).toBe(false)
})
