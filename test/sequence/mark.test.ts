import { describe, expect, test } from 'vitest'
import { createHints } from '../../functions/hint.ts'
import { Fault } from '../../functions/ports.ts'
import type { Event } from '../../schema/event.ts'
import { createComing, expectMark } from './mark.ts'
import { createLogWorld, draws, expectWhole, verifyHistory, verifyLog } from './world.ts'

const minute = 60_000
const turns = async (n: number) => { for (let i = 0; i < n; i++) await new Promise((resolve) => { setImmediate(resolve) }) }

describe('the mark is true', () => {
  test('after every step of sequencers that fail, die and come up, over events and outcomes that come as late as they may', async () => {
    let marks = 0
    for (let seed = 1; seed <= 20; seed++) {
      const world = createLogWorld()
      const draw = draws(seed * 104_729)
      world.memory.fail = () => { if (draw() < 0.01) throw new Fault('store-unavailable', 'injected') }
      const { scan } = world.ledger
      Object.assign(world.ledger, { scan: async function* (...call: Parameters<typeof scan>) {
        for await (const piece of scan(...call)) {
          if (draw() < 0.05) throw new Fault('store-unavailable', 'a page is not to be had')
          yield piece
        }
      } })
      const hints = createHints()
      const come = createComing(world, draw, { mostMs: 29 * minute, hinted: 0.8, hints })
      let runners = [world.sequencer(hints), world.sequencer()]
      for (let n = 0; n < 150; n++) {
        await come()
        await Promise.all(runners.map(async (runner) => {
          for (const turn of [runner.round, runner.reconcile]) if (draw() < 0.7) await turn().catch((error: unknown) => { if (!(error instanceof Fault)) throw error })
        }))
        expectMark(world)
        if (draw() < 0.1) runners = [world.sequencer(hints), runners[0]!]
      }
      marks += new Set(world.memory.heads.map(({ mark }) => mark)).size
      world.memory.fail = () => {}
      Object.assign(world.ledger, { scan })
      for (let n = 0; n < 40; n++) { world.clock.ms += minute; await runners[0]!.reconcile() }
      expectWhole(await verifyLog(world.memory.log), world.stored.values())
      await verifyHistory(world.memory)
    }
    expect(marks).toBeGreaterThan(1000)
  }, 600_000)

  test('after every turn of three sequencers of which each call may fail or freeze for an hour, as a function does that is thawed late', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const world = createLogWorld()
      const draw = draws(seed * 104_729 + 7)
      let step = 0
      const frozen: { until: number; go: () => void }[] = []
      let calm = false
      const maybe = async () => {
        if (calm) return
        if (draw() < 0.004) throw new Fault('store-unavailable', 'injected')
        if (draw() < 0.004) await new Promise<void>((go) => { frozen.push({ until: step + Math.floor(draw() * 60), go }) })
        else if (draw() < 0.05) await turns(1)
      }
      world.memory.fail = maybe
      const { scan, get } = world.ledger
      Object.assign(world.ledger, {
        get: async (id: Event['id']) => { await maybe(); const found = await get(id); await maybe(); return found },
        scan: async function* (...call: Parameters<typeof scan>) { for await (const piece of scan(...call)) { await maybe(); yield piece } },
      })
      const hints = createHints()
      const make = (own = createHints()) => ({ sequencer: world.sequencer(own), look: null as Promise<unknown> | null, round: null as Promise<unknown> | null })
      let runners = [make(hints), make(), make()]
      const come = createComing(world, draw, { mostMs: 25 * minute, hinted: 0.6, hints })
      for (step = 0; step < 220; step++) {
        await come()
        for (const one of frozen.filter(({ until }) => until <= step)) { frozen.splice(frozen.indexOf(one), 1); one.go() }
        const ignore = (error: unknown) => { if (!(error instanceof Fault)) throw error }
        for (const runner of runners) {
          if (draw() < 0.7) runner.round ??= runner.sequencer.round().catch(ignore).finally(() => { runner.round = null })
          if (draw() < 0.7) runner.look ??= runner.sequencer.reconcile().catch(ignore).finally(() => { runner.look = null })
        }
        for (let i = 0; i < 6; i++) { await turns(4); expectMark(world) }
        if (draw() < 0.08) runners = [make(hints), ...runners.slice(0, 2)]
      }
      calm = true
      for (const { go } of frozen) go()
      await turns(50)
      await Promise.all(runners.flatMap(({ look, round }) => [look, round]))
      for (let n = 0; n < 60; n++) { world.clock.ms += minute; await runners[0]!.sequencer.reconcile() }
      expectMark(world)
      expectWhole(await verifyLog(world.memory.log), world.stored.values())
      await verifyHistory(world.memory)
    }
  }, 600_000)
})
