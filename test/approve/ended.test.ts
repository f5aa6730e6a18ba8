import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Item } from '../../functions/aws/dynamo.ts'
import { Damage } from '../../functions/ports.ts'
import { unstick } from '../../functions/stuck.ts'
import type { AccessRequest } from '../../schema/approval.ts'
import type { Event } from '../../schema/event.ts'
import { outcomeId, tables } from '../../schema/item.ts'
import { createRig, type Rig } from '../contract/rig.ts'
import { asked, createApproving, lead, otherLead, path, refund, say } from '../support/approvals.ts'
import { support } from '../support/caller.ts'
import { createReplicas } from '../support/replicas.ts'
import { refunds, withRules } from './rules.ts'

/** Somebody who may write the table of requests past the gate, and not the record: rows written over as ended, or as begun. */
const otherwise = 'a request ended otherwise than the record says'
const hourMs = 3_600_000

async function approved(documents?: Parameters<typeof createApproving>[0]) {
  const at = createApproving(documents)
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request)
  const row = async (): Promise<AccessRequest> => (await at.memory.requests.get(request.id))!
  const forge = async (change: Partial<AccessRequest>) => { at.memory.stored.set(request.id, { ...await row(), ...change }) }
  const told = async () => { const { json } = await (await at.as(support)).call('GET', `/v1/requests/${request.id}`); return (json as { request: { status: string } }).request.status }
  const alarms = () => at.world.alarms.map(({ what }) => what)
  const sweeps = () => unstick(at.ports, { announce: async () => undefined, proceed: (id) => at.approver.proceed(id), tell: async () => undefined })
  return { ...at, request, row, forge, told, alarms, sweeps }
}
const over = (at: string, reason: string | null = null): AccessRequest['ending'] => ({ at, rowCounts: [], outcome: null, refusal: reason === null ? null : { slug: 'target-error', reason, detail: 'it did not answer', next: 'retry' } })

describe('what ran, and whose row says otherwise', () => {
  test.each<[AccessRequest['status'], string | null]>([['cancelled', null], ['rejected', null], ['expired', null], ['stale', null], ['failed', 'unreachable'], ['outcome-unknown', null]])('as %s, is told as what it came to, to everybody, and is not run again by the same call', async (status, reason) => {
    for (const first of ['its requester', 'the same call', 'an approver', 'a process'] as const) {
      const at = await approved()
      await at.approver.proceed(at.request.id)
      const { ending } = await at.row()
      await at.forge({ status, ending: over(ending!.at, reason) })
      if (first === 'its requester') expect(await at.told()).toBe('succeeded')
      if (first === 'an approver') expect((await say(await at.as(otherLead), 'reject', at.request)).json['reason']).toBe('succeeded')
      if (first === 'a process') expect(await at.approver.proceed(at.request.id)).toBe('succeeded')
      expect((await (await at.as(support)).call('POST', path, refund)).status).toBe(200)
      expect([(await at.row()).status, at.world.engine.ran.length, at.alarms()]).toEqual(['succeeded', 1, [otherwise]])
    }
  })

  test('under an idempotency key leads to its own end all the same', async () => {
    const at = createApproving()
    const call = async () => (await at.as(support)).call('POST', path, refund, { 'idempotency-key': 'k' })
    const { request } = (await call()).json as { request: Awaited<ReturnType<typeof asked>> }
    await say(await at.as(lead), 'approve', request)
    await at.approver.proceed(request.id)
    at.memory.stored.set(request.id, { ...(await at.memory.requests.get(request.id))!, status: 'cancelled' })
    expect([(await call()).status, at.world.engine.ran.length]).toEqual([200, 1])
  })
})

test.each<[string, Partial<AccessRequest>, string]>([
  ['succeeded', { status: 'succeeded' }, 'outcome-unknown'], ['cancelled', { status: 'cancelled' }, 'stale'], ['failed before it began', { status: 'failed' }, 'stale'], ['rejected', { status: 'rejected' }, 'stale'],
])('what is not over, and whose row says that it %s, is not told as that: nothing ran, and nothing runs', async (_, change, comes) => {
  const at = await approved()
  await at.forge({ ...change, ending: over('2026-11-22T09:00:00.000Z') })
  expect([await at.told(), at.world.engine.ran]).toEqual([comes, []])
  expect(at.alarms()).toHaveLength(1)
})

test('what ended as its row says is believed, and nobody is alarmed', async () => {
  const lock = { target: 'connection:shop', by: 'user:x', at: '', reason: null, until: null }
  for (const [status, end] of [
    ['succeeded', async (at) => at.approver.proceed(at.request.id)], ['rejected', async (at) => say(await at.as(otherLead), 'reject', at.request)], ['cancelled', async (at) => (await at.as(support)).call('DELETE', `/v1/requests/${at.request.id}`)],
    ['expired', async (at) => { at.world.clock.ms += hourMs; await at.approver.proceed(at.request.id) }], ['stale', async (at) => { await at.ports.policies.lock(lock); at.world.clock.ms += 3000; await at.approver.proceed(at.request.id); await at.ports.policies.unlock(lock.target); at.world.clock.ms += 3000 }],
  ] as readonly (readonly [string, (at: Awaited<ReturnType<typeof approved>>) => Promise<unknown>])[]) {
    const at = await approved()
    await end(at)
    const { revision } = await at.row()
    expect([await at.told(), (await at.row()).revision, at.alarms()]).toEqual([status, revision, []])
  }
})

test('what failed before it began is on record as over: its row put back, it does not run', async () => {
  const at = await approved(withRules([{ ...refunds, limits: { perHour: { statements: 1, rows: 20_000 } } }]))
  const other = await asked(await at.as(support), { ...refund, params: [8] })
  await say(await at.as(lead), 'approve', other)
  await at.approver.proceed(other.id)
  const was = await at.row()
  expect(await at.approver.proceed(at.request.id)).toBe('failed')
  expect([await at.told(), at.alarms()]).toEqual(['failed', []])
  at.memory.stored.set(was.id, was)
  at.world.clock.ms += 25 * 60_000                                        // in another hour, and before its time is over
  await at.sweeps()
  expect([await at.told(), at.world.engine.ran.length, at.alarms()]).toEqual(['failed', 1, ['a request came back from before its end']])
})

describe('a row that says it executes, and not what', () => {
  test.each<[string, AccessRequest['execution']]>([['nothing', null], ['no intent', { evaluation: 'eval_1', intent: 'evt_x', at: '' }], ['nothing, and later than now', { evaluation: 'eval_1', intent: 'evt_x', at: '2999-01-01T00:00:00.000Z' }]])('and never began, comes to an end in which nothing ran: %s', async (_, execution) => {
    const at = await approved()
    await at.forge({ status: 'executing', execution })
    at.world.clock.ms += 60_000
    await at.sweeps()
    expect([await at.told(), at.world.engine.ran, at.alarms()]).toEqual(['stale', [], [otherwise]])
  })
  test('and ran, comes to what it came to', async () => {
    const at = await approved()
    await at.approver.proceed(at.request.id)
    await at.forge({ status: 'executing', execution: null, ending: null })
    at.world.clock.ms += 60_000
    for (let i = 0; i < 2; i++) { await at.sweeps(); at.world.clock.ms += 60_000 }
    expect([await at.told(), at.world.engine.ran.length]).toEqual(['succeeded', 1])
  })
})

describe('in DynamoDB, what cannot be read', () => {
  let rig: Rig
  beforeEach(async () => { rig = await createRig('signed') })
  afterEach(() => rig.close())
  const { name: TableName } = tables.requests
  const item = async (pk: string): Promise<Item> => (await rig.dynamo('GetItem', { TableName, Key: { pk: { S: pk } } })).Item!
  async function written(runs: boolean) {
    const at = createReplicas(rig)
    rig.clock.ms = at.world.clock.ms
    const request = await asked(await at.as(support))
    if (runs) { await say(await at.as(lead), 'approve', request); await at.process().approver.proceed(request.id) }
    return { ...at, request, alarms: () => at.world.alarms.map(({ what }) => what), call: async () => (await at.as(support)).call('POST', path, refund) }
  }

  test.each([true, false])('a request that ran (%s) does not hold its call for good, and what ran is told as not known until then', async (runs) => {
    const at = await written(runs)
    await rig.dynamo('PutItem', { TableName, Item: { ...await item(at.request.id), request: { S: '{}' } } })
    const soon = await at.call()
    expect([soon.status, soon.json['reason']]).toEqual(runs ? [502, 'outcome_unknown'] : [202, undefined])
    at.world.clock.ms += hourMs
    rig.clock.ms += hourMs
    if (runs) expect((await at.call()).status).toBe(202)
    expect(at.alarms()).toContain('a request cannot be read')
  })

  test('an answer that was kept, and does not open, leaves its request to be read', async () => {
    const at = await written(true)
    await rig.dynamo('PutItem', { TableName, Item: { ...await item(`result#${at.request.id}`), piece: { S: 'AAAA' } } })
    const shown = await (await at.as(support)).call('GET', `/v1/requests/${at.request.id}`)
    expect([shown.status, (shown.json as { request: { status: string } }).request.status, shown.json['result']]).toEqual([200, 'succeeded', undefined])
    expect([(await at.call()).json['reason'], at.alarms()]).toEqual(['answer_not_kept', ['a kept answer does not open', 'a kept answer does not open']])
  })
})

describe('what lies where its outcome was, and is not it,', () => {
  const odd: readonly (readonly [string, (event: Event) => Event])[] = [
    ['cannot be read', () => { throw new Damage('damaged') }], ['is of another kind', (event) => ({ ...event, kind: 'refusal' }) as Event], ['is another request\'s', (event) => ({ ...event, request: 'arq_01KXXXXXXXXXXXXXXXXXXXXXXX' }) as Event],
  ]
  test.each(odd.flatMap(([what, make]) => [true, false].map((ended) => [what, ended, make] as const)))('%s (its row ended: %s): it is told once as not known, and nothing changes with every look', async (_, ended, make) => {
    const at = await approved()
    const { swap } = at.memory.requests
    if (!ended) Object.assign(at.memory.requests, { swap: async (...[next, event]: Parameters<typeof swap>) => { if (event === null && next.status !== 'executing') throw new Error('died'); return swap(next, event) } })
    await at.approver.proceed(at.request.id).catch(() => undefined)
    Object.assign(at.memory.requests, { swap })
    const { status, execution } = await at.row()
    expect(status).toBe(ended ? 'succeeded' : 'executing')
    const { get } = at.ports.ledger
    const at0 = outcomeId(execution!.intent)
    Object.assign(at.ports.ledger, { get: async (id: Event['id']) => { const event = await get(id); return id === at0 && event ? make(event) : event } })
    at.world.clock.ms += hourMs
    await at.approver.proceed(at.request.id)
    expect(await at.told()).toBe('outcome-unknown')
    const { revision } = await at.row()
    for (let look = 0; look < 3; look++) {
      at.world.clock.ms += hourMs
      expect(await at.approver.proceed(at.request.id)).toBe('outcome-unknown')
      expect(await at.told()).toBe('outcome-unknown')
    }
    expect((await at.row()).revision).toBe(revision)
    expect(at.world.engine.ran).toHaveLength(1)
  })
})
