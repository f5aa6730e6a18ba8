import { describe, expect, test } from 'vitest'
import { createHints } from '../../functions/hint.ts'
import { Fault } from '../../functions/ports.ts'
import { intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import { createLogWorld, draws, expectWhole, verifyHistory, verifyLog, type LogWorld } from './world.ts'

async function settle(world: LogWorld): Promise<void> {
  world.memory.fail = () => {}
  const last = world.sequencer()
  await last.reconcile()
  await last.round()
  expectWhole(await verifyLog(world.memory.log), world.stored.values())
  await verifyHistory(world.memory)
  expect(world.alarms).toEqual([])
}

describe('sequencers beside each other', () => {
  for (const count of [2, 3]) {
    test(`${count} at once: no event lost, none twice, every head an extension of the one before`, async () => {
      for (let seed = 1; seed <= 25; seed++) {
        const world = createLogWorld()
        const draw = draws(seed * 7919 + count)
        // Every call of a port may let the others run first.
        world.memory.fail = async () => { for (let turns = Math.floor(draw() * 4); turns > 0; turns--) await new Promise((resolve) => { setImmediate(resolve) }) }
        const hints = Array.from({ length: count }, () => createHints())
        const runners = hints.map((own) => world.sequencer(own))
        for (let round = 0; round < 12; round++) {
          for (let i = Math.floor(draw() * 40); i > 0; i--) {
            world.clock.ms += Math.floor(draw() * 5)
            const event = draw() < 0.5 ? refusalEvent(world.ids) : intentEvent(world.ids)
            await world.ledger.append(event)
            if (draw() < 0.7) hints[Math.floor(draw() * count)]!.hint(event)
            if (event.kind === 'intent' && draw() < 0.8) {
              const outcome = outcomeEvent(world.ids, event)
              await world.ledger.append(outcome)
              for (const own of hints) if (draw() < 0.4) own.hint(outcome)
            }
          }
          await Promise.all(runners.flatMap((runner) => [...draw() < 0.4 ? [runner.reconcile()] : [], runner.round()]))
        }
        await settle(world)
      }
    }, 120_000)
  }

  test('whatever call fails, stored or not stored, nothing is lost and nothing is there twice', async () => {
    let failed = 0
    for (let seed = 1; seed <= 60; seed++) {
      const world = createLogWorld()
      const draw = draws(seed)
      world.memory.fail = () => {
        if (draw() > 0.06) return
        failed++
        throw new Fault('store-unavailable', 'injected')
      }
      let runners = [world.sequencer(), world.sequencer()]
      for (let round = 0; round < 20; round++) {
        world.clock.ms += 1000
        for (let i = Math.floor(draw() * 30); i > 0; i--) await world.ledger.append(refusalEvent(world.ids))
        await Promise.all(runners.map((runner) => runner.reconcile().catch((error: unknown) => { if (!(error instanceof Fault) || error.code !== 'store-unavailable') throw error })))
        if (draw() < 0.2) runners = [world.sequencer(), runners[0]!]     // one died, and one came up
      }
      world.alarms.splice(0)                                           // of objects that could not be let go of
      await settle(world)
    }
    expect(failed).toBeGreaterThan(300)
  }, 120_000)

  test('a sequencer that stops after the commit point leaves everything to whoever comes next', async () => {
    for (const [call, nth] of [['create', 2], ['create', 3], ['placed', 1], ['publish', 1], ['forget', 1]] as const) {
      const world = createLogWorld()
      for (let i = 0; i < 300; i++) await world.ledger.append(refusalEvent(world.ids))
      let calls = 0
      world.memory.fail = (what, when) => { if (what === call && when === 'before' && ++calls >= nth) throw new Fault('store-unavailable', 'gone') }
      await world.sequencer().reconcile().catch(() => {})
      world.memory.fail = () => {}
      world.alarms.splice(0)
      const committed = world.memory.heads.length
      expect(committed).toBe(1)
      expect(await world.sequencer().round()).toBe(0)
      expect(world.memory.heads).toHaveLength(1)
      expectWhole(await verifyLog(world.memory.log), world.stored.values())
    }
  })

  test('an answer to the swap that is lost is neither yes nor no: the head says', async () => {
    for (const when of ['before', 'after'] as const) {
      const world = createLogWorld()
      await world.ledger.append(refusalEvent(world.ids))
      const sequencer = world.sequencer()
      world.memory.fail = (what, at) => { if (what === 'advance' && at === when) throw new Fault('store-unavailable', 'no answer') }
      await expect(sequencer.reconcile()).rejects.toThrow('no answer')
      world.memory.fail = () => {}
      await sequencer.reconcile()
      expect(world.memory.heads).toHaveLength(1)
      await settle(world)
    }
  })

  test('a slow one that wakes behind three others changes nothing', async () => {
    const world = createLogWorld()
    let wake: () => void = () => {}
    const asleep = new Promise<void>((resolve) => { wake = resolve })
    await world.ledger.append(refusalEvent(world.ids))
    let first = true
    world.memory.fail = async (what, when) => {
      if (what !== 'placed' || when !== 'before' || !first) return
      first = false
      await asleep
    }
    const slow = world.sequencer().reconcile()
    for (let i = 0; i < 3; i++) {
      for (let n = 0; n < 300; n++) await world.ledger.append(refusalEvent(world.ids))
      await world.sequencer().reconcile()
    }
    wake()
    await slow
    expect((await world.memory.log.store.published())?.size).toBe(901)
    expect(world.memory.heads).toHaveLength(4)
    await settle(world)
  })
})
