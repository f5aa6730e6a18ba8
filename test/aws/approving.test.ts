import { afterEach, beforeEach, expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import { createApprover } from '../../functions/approver.ts'
import { createGate } from '../../functions/gate.ts'
import type { Ports } from '../../functions/ports.ts'
import { createRig, type Rig } from '../contract/rig.ts'
import { asked, lead, path, refund, say } from '../support/approvals.ts'
import { createGateway, support } from '../support/caller.ts'
import { createWorld } from '../support/ports.ts'

let rig: Rig
beforeEach(async () => { rig = await createRig('signed') })
afterEach(() => rig.close())

/** A gate, and the approver of another process, over one DynamoDB. */
function replicas() {
  const world = createWorld()
  const over = (stores: Rig['ports']): Ports => ({
    ...world.ports, ledger: stores.ledger, now: () => world.clock.ms, approvals: { requests: stores.requests, workflow: { start: async () => undefined, wake: async () => undefined }, post: { slack: null, mail: null } },
  })
  const ports = over(rig.ports)
  const gate = createGate(ports)
  const { as } = createGateway({ ...world, ports }, createApp(ports, gate))
  return { as, world, approver: () => { const its = over(rig.other()); return createApprover(its, createGate(its)) } }
}
const story = async (request: string) => (await rig.ports.ledger.list({}, { limit: 50, after: null })).events.filter((event) => event.request === request).map(({ kind }) => kind).toReversed()

test('asked, approved, run by one of many replicas at once, and given to its requester: all of it on record', async () => {
  const { as, world, approver } = replicas()
  const agent = await as(support)
  const request = await asked(agent)
  expect((await asked(agent)).id).toBe(request.id)
  expect((await say(await as(lead), 'approve', request)).status).toBe(200)
  await Promise.all(Array.from({ length: 6 }, () => approver().proceed(request.id)))
  expect(world.engine.ran).toEqual([refund.sql])
  const again = await agent.call('POST', path, refund)
  expect([again.status, again.json['rowCount']]).toEqual([200, 1])
  expect(await story(request.id)).toEqual(['request', 'approval', 'intent', 'outcome'])
})

test('the write that begins is stored and its answer lost: nothing runs, then or later, and the intent is there to be settled', async () => {
  const { as, world, approver } = replicas()
  const request = await asked(await as(support))
  await say(await as(lead), 'approve', request)
  rig.break({ after: 'error' }, { operation: 'TransactWriteItems' })
  await approver().proceed(request.id).catch(() => undefined)
  rig.heal()
  expect(world.engine.ran).toEqual([])
  const stored = await rig.ports.requests.get(request.id)
  expect(stored?.status).toBe('executing')
  expect(await rig.ports.ledger.get(stored?.execution?.intent ?? 'evt_')).toMatchObject({ kind: 'intent', request: request.id })
  for (let i = 0; i < 3; i++) await approver().proceed(request.id)
  expect(world.engine.ran).toEqual([])
})
