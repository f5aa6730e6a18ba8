import { expect, test } from 'vitest'
import { createWaits, maxHeldEach } from '../functions/wait.ts'
import { asked, createApproving } from './support/approvals.ts'
import { support } from './support/caller.ts'

test('who repeats one call without end is let go, and others are held as ever; a place that is left is free again', async () => {
  const at = createApproving()
  const [mine, theirs] = [await asked(await at.as(support)), await asked(await at.as({ ...support, subject: 'agent:other' }))]
  const waits = createWaits(at.ports)
  const until = at.world.clock.ms + 60_000
  let ended = 0
  const wait = (id: typeof mine.id) => waits.settled(id, until).then((request) => { ended++; return request?.status })
  const held = Array.from({ length: maxHeldEach }, () => wait(mine.id))
  expect([await wait(mine.id), await wait(mine.id), ended]).toEqual(['pending', 'pending', 2])
  const other = wait(theirs.id)
  await (await at.as(support)).call('DELETE', `/v1/requests/${mine.id}`)
  waits.ring(mine.id)
  expect(new Set(await Promise.all(held))).toEqual(new Set(['cancelled']))
  expect(ended).toBe(maxHeldEach + 2)                                     // the other one is still held
  const again = await asked(await at.as(support), { sql: 'insert into public.refunds (order_id) values ($1)', params: [8] })
  const anew = wait(again.id)
  await Promise.resolve()
  for (const [who, id] of [[support, again.id], [{ ...support, subject: 'agent:other' }, theirs.id]] as const) { await (await at.as(who)).call('DELETE', `/v1/requests/${id}`); waits.ring(id) }
  expect([await anew, await other]).toEqual(['cancelled', 'cancelled'])
})
