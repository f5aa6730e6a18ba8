import { expect, test } from 'vitest'
import { CursorError, Damage, Fault } from '../../functions/ports.ts'
import { auditor, createGateway, support } from '../support/caller.ts'

const denied = { sql: 'select salary from payroll.salaries' }

test('a page read is on record before it is shown, with what was looked for', async () => {
  const { world, as } = createGateway()
  const page = await (await as(auditor)).call('GET', '/v1/audit/events?subject=agent:support-bot&limit=5')
  expect(page.status).toBe(200)
  expect(page.json['events']).toEqual([])
  expect(world.events).toMatchObject([{ kind: 'audit-read', who: { subject: 'user:aki@acme.dev' }, connection: 'sluice', change: { subject: 'agent:support-bot', limit: 5 } }])
})

test('what cannot be recorded is not read', async () => {
  const { world, as } = createGateway()
  await (await as(support)).call('POST', '/v1/connections/shop/query', denied)
  const append = world.ports.ledger.append
  Object.assign(world.ports.ledger, { append: async () => { throw new Error('full') } })
  for (const path of ['/v1/audit/events', `/v1/audit/events/${world.events[0]?.id}`]) {
    const page = await (await as(auditor)).call('GET', path)
    expect([page.status, page.text.includes('salaries')]).toEqual([503, false])
  }
  Object.assign(world.ports.ledger, { append })
})

test('who may not read it is on record as refused', async () => {
  const { world, as } = createGateway()
  expect((await (await as(support)).call('GET', '/v1/audit/events')).status).toBe(403)
  expect(world.events).toMatchObject([{ kind: 'refusal', connection: 'sluice', refusal: { slug: 'denied' } }])
})

test('a cursor of another filter is the caller\'s mistake', async () => {
  const { world, as } = createGateway()
  Object.assign(world.ports.ledger, { list: async () => { throw new CursorError() } })
  const page = await (await as(auditor)).call('GET', '/v1/audit/events?after=abc')
  expect([page.status, page.json['reason']]).toEqual([400, 'cursor'])
  expect(world.alarms).toEqual([])
})

test('times are one form in the filter, whatever zone they came in', async () => {
  const { world, as } = createGateway()
  await (await as(auditor)).call('GET', '/v1/audit/events?from=2026-11-22T10:00:00%2B01:00&to=2026-11-23')
  expect(world.events[0]).toMatchObject({ change: { from: '2026-11-22T09:00:00.000Z', to: '2026-11-23T00:00:00.000Z' } })
})

test('an event that cannot be read is neither missing nor out of reach: its reader is told that it was written over, and which entry of the log it is', async () => {
  const { world, as } = createGateway()
  await (await as(support)).call('POST', '/v1/connections/shop/query', denied)
  const id = world.events[0]!.id
  const reader = await as(auditor)
  Object.assign(world.ports.ledger, { get: async () => { throw new Damage('event is damaged') } })
  const page = await reader.call('GET', `/v1/audit/events/${id}`)
  expect([page.status, page.json['type'], page.json['reason'], page.json['next']]).toEqual([503, '/problems/audit-unavailable', 'event_damaged', 'none'])
  expect(page.json['detail']).toContain(id)
  expect(page.headers.get('retry-after')).toBeNull()
  Object.assign(world.ports, { log: { store: { where: async () => new Map([[id, 41]]) } } })
  expect((await reader.call('GET', `/v1/audit/events/${id}`)).json['detail']).toContain('entry 41 of the log')
  Object.assign(world.ports, { log: { store: { where: async () => { throw new Fault('store-unavailable', 'x') } } } })
  expect((await reader.call('GET', `/v1/audit/events/${id}`)).json['reason']).toBe('event_damaged')
  Object.assign(world.ports.ledger, { get: async () => { throw new Fault('store-unavailable', 'no answer') } })
  expect((await reader.call('GET', `/v1/audit/events/${id}`)).json).toMatchObject({ reason: 'store_unavailable', next: 'retry' })
  expect(world.alarms).toEqual([])
})
