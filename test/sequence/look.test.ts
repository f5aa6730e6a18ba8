import { describe, expect, test } from 'vitest'
import { createHints } from '../../functions/hint.ts'
import { Fault } from '../../functions/ports.ts'
import type { IntentEvent } from '../../schema/event.ts'
import { intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import { expectMark } from './mark.ts'
import { createLogWorld, expectWhole, verifyLog, type LogWorld } from './world.ts'

const minute = 60_000

/** Everything that a scan of this world gives from now on. */
function heard(world: LogWorld): string[] {
  const { scan } = world.ledger
  const ids: string[] = []
  Object.assign(world.ledger, { scan: async function* (...call: Parameters<typeof scan>) {
    for await (const piece of scan(...call)) { ids.push(...piece.events.map(({ id }) => id)); yield piece }
  } })
  return ids
}

describe('a look reads what is new', () => {
  test('of two hours with a look a minute no event is read more than three times, and none that is in the log when both looks have passed it', async () => {
    const world = createLogWorld()
    const sequencer = world.sequencer()
    const read = heard(world)
    for (let n = 0; n < 120; n++) {
      for (let i = 0; i < 20; i++) { world.clock.ms += 3000; await world.ledger.append(refusalEvent(world.ids)) }
      await sequencer.reconcile()
    }
    const times = Map.groupBy(read, (id) => id)
    expect(times.size).toBe(2400)
    expect(Math.max(...[...times.values()].map(({ length }) => length))).toBeLessThanOrEqual(3)
    read.splice(0)
    world.clock.ms += 10 * minute
    await world.sequencer().reconcile()                              // another process goes on where this one stopped
    expect(Math.max(...[...Map.groupBy(read, (id) => id).values()].map(({ length }) => length))).toBe(1)
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('an outcome that nobody hinted at is found by the next look, however long its call took', async () => {
    const world = createLogWorld()
    const sequencer = world.sequencer()
    const intents: IntentEvent[] = []
    for (let i = 0; i < 5; i++) { const intent = intentEvent(world.ids); intents.push(intent); await world.ledger.append(intent) }
    for (const [n, intent] of intents.entries()) {
      world.clock.ms += (n + 1) * 2 * minute
      await sequencer.reconcile()
      await world.ledger.append(outcomeEvent(world.ids, intent))
      await sequencer.reconcile()
      expectWhole(await verifyLog(world.memory.log), world.stored.values())
    }
  })

  test('whoever has rounds to do looks where nobody has for some minutes, and not where another did', async () => {
    const world = createLogWorld()
    const [hints, others] = [createHints(), createHints()]
    const [busy, other] = [world.sequencer(hints), world.sequencer(others)]
    await busy.reconcile()
    async function pass(): Promise<boolean> { world.clock.ms += minute; const event = refusalEvent(world.ids); await world.ledger.append(event); hints.hint(event); await busy.round(); return busy.isBehind() }
    expect([await pass(), await pass(), await pass(), await pass()]).toEqual([false, false, true, true])
    await busy.reconcile()
    expect(await pass()).toBe(false)
    for (let n = 0; n < 6; n++) {
      await other.reconcile()
      const event = refusalEvent(world.ids)
      await world.ledger.append(event)
      others.hint(event)
      await other.round()
      expect(await pass()).toBe(false)
    }
    world.clock.ms += 30 * 60 * minute                               // a day without events
    expect(busy.isBehind()).toBe(true)
    await busy.reconcile()
    expect(busy.isBehind()).toBe(false)
  })

  test('what a round could not put into the log is where the next look begins', async () => {
    const world = createLogWorld()
    const hints = createHints()
    const sequencer = world.sequencer(hints)
    const old = refusalEvent(world.ids)
    world.clock.ms += 10 * minute
    await world.ledger.append(refusalEvent(world.ids))
    await sequencer.reconcile()
    await world.ledger.append(old)                                   // it took its time to be stored
    hints.hint(old)
    world.memory.fail = () => { throw new Fault('store-unavailable', 'away') }
    await expect(sequencer.round()).rejects.toThrow('away')
    expect(sequencer.isBehind()).toBe(true)
    world.memory.fail = () => {}
    await sequencer.reconcile()
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('a look that has more to do than its time goes on where it stopped, in another process too', async () => {
    const world = createLogWorld()
    for (let i = 0; i < 4000; i++) { world.clock.ms += 1000; await world.ledger.append(i % 5 === 0 ? intentEvent(world.ids) : refusalEvent(world.ids)) }
    world.clock.ms += 2 * 60 * minute
    const { scan } = world.ledger
    Object.assign(world.ledger, { scan: async function* (...call: Parameters<typeof scan>) {
      for await (const piece of scan(...call)) { if (piece.events.length > 0) world.clock.ms += 6000; yield piece }
    } })
    const sizes: number[] = []
    for (let n = 0; n < 12; n++) {
      await world.sequencer().reconcile()
      expectMark(world)
      sizes.push(world.memory.heads.at(-1)?.size ?? 0)
    }
    expect(sizes[0]).toBeLessThan(2500)
    expect(sizes.at(-1)).toBe(4000)
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })
})
