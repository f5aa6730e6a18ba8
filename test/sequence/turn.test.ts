import { expect, test } from 'vitest'
import { createHints } from '../../functions/hint.ts'
import { Fault } from '../../functions/ports.ts'
import { refusalEvent } from '../contract/ledger.ts'
import { createLogWorld, expectWhole, verifyLog } from './world.ts'

test('a sequencer dies behind its swap before it could say so, and the table of heads is put back in that moment: the log goes on, with no object that two trees want', async () => {
  const world = createLogWorld()
  const { log, rows, places } = world.memory
  await world.ledger.append(refusalEvent(world.ids))
  await world.sequencer().reconcile()
  const before = rows.head
  const dying = { ...log, objects: { ...log.objects, create: async (path: string, bytes: Uint8Array) => { if (path === 'staging/2') throw new Fault('store-unavailable', 'gone'); return log.objects.create(path, bytes) } } }
  world.clock.ms += 1000
  await world.ledger.append(refusalEvent(world.ids))
  await expect(world.sequencer(undefined, dying).reconcile()).rejects.toThrow('gone')
  expect(rows.head).not.toBe(before)
  rows.head = before
  for (const [id, index] of [...places]) if (index > 0) places.delete(id)
  const [event, hints] = [refusalEvent(world.ids), createHints()]
  await world.ledger.append(event)
  hints.hint(event)
  await world.sequencer(hints).round()
  await world.sequencer().reconcile()
  expectWhole(await verifyLog(log), world.stored.values())
})
