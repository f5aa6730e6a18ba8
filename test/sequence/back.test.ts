import { expect, test } from 'vitest'
import type { IntentEvent } from '../../schema/event.ts'
import { timeOf } from '../../schema/item.ts'
import { intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import { createLogWorld, expectWhole, verifyLog } from './world.ts'

const minute = 60_000

/**
 * More intents wait than a head has room for, so that its mark stays behind how far the record was read; then the clock turns out to have run ahead. Those that wait and lie beyond what the right clock has read are no
 * reason to move the mark to them: what stands before them is read once more, because by the right clock events may still come there.
 */
test('a clock that is set back takes the mark no further than it has read, whatever waits beyond', async () => {
  const world = createLogWorld()
  const sequencer = world.sequencer()
  const begin = async (): Promise<IntentEvent> => { const intent = intentEvent(world.ids); await world.ledger.append(intent); return intent }
  const early: IntentEvent[] = []
  for (let i = 0; i < 1000; i++) early.push(await begin())
  const late: IntentEvent[] = []
  for (let i = 0; i < 600; i++) { world.clock.ms += minute / 10; late.push(await begin()) }
  const first = timeOf(late[0]!.id)
  world.clock.ms = first + 100 * minute
  for (let i = 0; i < 3; i++) { await world.ledger.append(refusalEvent(world.ids)); await sequencer.reconcile(); world.clock.ms += minute }
  expect(world.memory.heads.at(-1)?.mark).toBe(first)
  for (const intent of early.slice(0, 400)) await world.ledger.append(outcomeEvent(world.ids, intent))

  world.clock.ms = first + 40 * minute
  for (let i = 0; i < 10; i++) {
    await sequencer.reconcile()
    world.clock.ms += minute
    await world.ledger.append(refusalEvent(world.ids))
    const { mark, awaited } = world.memory.heads.at(-1)!
    expect(mark).toBeLessThanOrEqual(world.clock.ms - 30 * minute)
    expect(awaited.filter(({ id }) => timeOf(id) >= mark)).toEqual([])
  }
  expect(world.memory.heads.at(-1)?.mark).toBeGreaterThan(first)             // it moves all the same

  for (let i = 0; i < 8; i++) { world.clock.ms += 10 * minute; await sequencer.reconcile() }
  expectWhole(await verifyLog(world.memory.log), world.stored.values())
})
