import { expect, test } from 'vitest'
import { unstick } from '../../functions/stuck.ts'
import { support } from '../support/caller.ts'
import { asked, createApproving, lead, refund, say } from '../support/approvals.ts'

/** Requests put back to a moment at which one was approved and had not run (docs/deploy.md, "A table put back"). It has run since, and nothing in its table says so. */
async function putBack(locked: boolean) {
  const at = createApproving()
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request)
  const then = await at.memory.requests.get(request.id)
  await at.approver.proceed(request.id)
  expect(at.world.engine.ran).toEqual([refund.sql])
  at.memory.stored.set(request.id, then!)
  if (locked) await at.ports.policies.lock({ target: 'everything', by: 'user:x', at: '', reason: 'a table is put back', until: null })
  at.world.clock.ms += 60_000
  await unstick(at.ports, { announce: async () => {}, proceed: (id) => at.approver.proceed(id), tell: async () => {} })
  return { ran: at.world.engine.ran.length, status: (await at.memory.requests.get(request.id))?.status }
}

test('without a lock a sweeper runs a second time what ran since: nothing else stops it', async () => {
  expect(await putBack(false)).toEqual({ ran: 2, status: 'succeeded' })
})
test('under the lock on everything that the guide takes first it ends it, and runs nothing', async () => {
  expect(await putBack(true)).toEqual({ ran: 1, status: 'stale' })
})
