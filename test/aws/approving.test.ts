import { afterEach, beforeEach, expect, test } from 'vitest'
import { createRig, type Rig } from '../contract/rig.ts'
import { asked, lead, path, refund, say } from '../support/approvals.ts'
import { support } from '../support/caller.ts'
import { createReplicas } from '../support/replicas.ts'

let rig: Rig
beforeEach(async () => { rig = await createRig('signed') })
afterEach(() => rig.close())

test('asked, approved, run by one of many replicas at once, and given to its requester: all of it on record', async () => {
  const { as, world, process, story } = createReplicas(rig)
  const agent = await as(support)
  const request = await asked(agent)
  expect((await asked(agent)).id).toBe(request.id)
  expect((await say(await as(lead), 'approve', request)).status).toBe(200)
  await Promise.all(Array.from({ length: 6 }, () => process().approver.proceed(request.id)))
  expect(world.engine.ran).toEqual([refund.sql])
  const again = await agent.call('POST', path, refund)
  expect([again.status, again.json['rowCount']]).toEqual([200, 1])
  expect(await story(request.id)).toEqual(['request', 'approval', 'intent', 'outcome'])
})

test('the write that begins is stored and its answer lost: nothing runs, then or later, and the intent is there to be settled', async () => {
  const { as, world, process } = createReplicas(rig)
  const request = await asked(await as(support))
  await say(await as(lead), 'approve', request)
  rig.break({ after: 'error' }, { operation: 'TransactWriteItems' })
  await process().approver.proceed(request.id).catch(() => undefined)
  rig.heal()
  expect(world.engine.ran).toEqual([])
  const stored = await rig.ports.requests.get(request.id)
  expect(stored?.status).toBe('executing')
  expect(await rig.ports.ledger.get(stored?.execution?.intent ?? 'evt_')).toMatchObject({ kind: 'intent', request: request.id })
  for (let i = 0; i < 3; i++) await process().approver.proceed(request.id)
  expect(world.engine.ran).toEqual([])
})
