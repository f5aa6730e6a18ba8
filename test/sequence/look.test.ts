import { describe, expect, test } from 'vitest'
import { createHints } from '../../functions/hint.ts'
import { Fault } from '../../functions/ports.ts'
import { decodeStage } from '../../functions/record/log/stage.ts'
import type { Event, IntentEvent } from '../../schema/event.ts'
import { correctionId, timeOf } from '../../schema/item.ts'
import { intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import { createLogWorld, draws, expectWhole, verifyHistory, verifyLog, type LogWorld } from './world.ts'

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

const turns = async (n: number) => { for (let i = 0; i < n; i++) await new Promise((resolve) => { setImmediate(resolve) }) }

/** What Head promises of `mark`, held against all that is stored: older events are in the log, or belong to an intent that is awaited. */
function expectMark({ memory, stored }: LogWorld): void {
  const head = memory.heads.at(-1)
  if (head === undefined) return
  const awaited = new Map(head.awaited.map(({ id, until }) => [id, until]))
  const bytes = memory.objects.get(head.bundle)                     // committed, and perhaps not brought into effect; let go of where it is
  const places = new Set([...memory.places.keys(), ...bytes ? decodeStage(head.bundle, bytes).ids : []])
  for (const event of stored.values()) {
    if (places.has(event.id) || timeOf(event.id) >= head.mark) continue
    const until = event.kind === 'outcome' || event.kind === 'correction' ? awaited.get(event.intent) : undefined
    expect(until === null || (event.kind === 'correction' && until !== undefined), `${event.kind} ${event.id} is older than the mark, not in the log, and not awaited`).toBe(true)
  }
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

describe('the mark is true', () => {
  test('after every step of sequencers that fail, die and come up, over events and outcomes that come as late as they may', async () => {
    let marks = 0
    for (let seed = 1; seed <= 20; seed++) {
      const world = createLogWorld()
      const draw = draws(seed * 104_729)
      const coming: { readonly at: number; readonly event: () => Event }[] = []
      const come = (most: number, event: () => Event): void => { coming.push({ at: world.clock.ms + Math.floor(draw() ** 3 * most), event }) }
      world.memory.fail = () => { if (draw() < 0.01) throw new Fault('store-unavailable', 'injected') }
      const { scan } = world.ledger
      Object.assign(world.ledger, { scan: async function* (...call: Parameters<typeof scan>) {
        for await (const piece of scan(...call)) {
          if (draw() < 0.05) throw new Fault('store-unavailable', 'a page is not to be had')
          yield piece
        }
      } })
      const hints = createHints()
      let runners = [world.sequencer(hints), world.sequencer()]
      for (let step = 0; step < 150; step++) {
        for (let i = Math.floor(draw() * 6); i > 0; i--) {
          const event = draw() < 0.5 ? refusalEvent(world.ids) : intentEvent(world.ids)
          come(29 * minute, () => event)
          if (event.kind !== 'intent' || draw() < 0.1) continue
          const late = draw() < 0.3
          come((late ? 300 : 3) * minute, () => outcomeEvent(world.ids, event, late ? 'sweeper' : 'gate'))
          if (late) come(20 * 60 * minute, () => ({ ...outcomeEvent(world.ids, event), id: correctionId(event.id, 1), kind: 'correction' }))
        }
        world.clock.ms += Math.floor(draw() * 3 * minute)
        for (const due of coming.filter(({ at }) => at <= world.clock.ms)) {
          const event = due.event()
          // A correction is told beside an outcome, and an outcome after its intent.
          const before = event.kind === 'outcome' ? event.intent : event.kind === 'correction' ? `${event.id.slice(0, -1)}1` : null
          if (before !== null && !world.stored.has(before)) continue
          coming.splice(coming.indexOf(due), 1)
          if (await world.ledger.append(event) === 'stored' && draw() < 0.8) hints.hint(event)
        }
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
  }, 240_000)

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
      const coming: { at: number; event: () => Event }[] = []
      const come = (most: number, event: () => Event) => { coming.push({ at: world.clock.ms + Math.floor(draw() ** 3 * most), event }) }
      for (step = 0; step < 220; step++) {
        for (let i = Math.floor(draw() * 6); i > 0; i--) {
          const event = draw() < 0.5 ? refusalEvent(world.ids) : intentEvent(world.ids)
          come(25 * minute, () => event)
          if (event.kind !== 'intent' || draw() < 0.1) continue
          const late = draw() < 0.3
          come((late ? 300 : 3) * minute, () => outcomeEvent(world.ids, event, late ? 'sweeper' : 'gate'))
          if (late) come(20 * 60 * minute, () => ({ ...outcomeEvent(world.ids, event), id: correctionId(event.id, 1), kind: 'correction' }))
        }
        world.clock.ms += Math.floor(draw() * 3 * minute)
        for (const due of coming.filter(({ at }) => at <= world.clock.ms)) {
          const event = due.event()
          const before = event.kind === 'outcome' ? event.intent : event.kind === 'correction' ? `${event.id.slice(0, -1)}1` : null
          if (before !== null && !world.stored.has(before)) continue
          coming.splice(coming.indexOf(due), 1)
          if (await world.ledger.append(event) === 'stored' && draw() < 0.6) hints.hint(event)
        }
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
  }, 200_000)
})
