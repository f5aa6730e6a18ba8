import { describe, expect, test } from 'vitest'
import { createHints } from '../../functions/hint.ts'
import type { Event, IntentEvent } from '../../schema/event.ts'
import { correctionId, timeOf } from '../../schema/item.ts'
import { common, intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import { createLogWorld, expectWhole, verifyLog, type LogWorld } from './world.ts'

const minute = 60_000
const hour = 60 * minute
const approvalEvent = (ids: LogWorld['ids'], request: `arq_${string}`): Event => ({ ...common(ids), kind: 'approval', request, change: {} })
const correctionEvent = (ids: LogWorld['ids'], intent: IntentEvent): Event => ({ ...outcomeEvent(ids, intent), id: correctionId(intent.id, 1), kind: 'correction' })

describe('no stored event is left out', () => {
  test('an outcome a minute, an hour, two days after its intent; corrections behind the sweeper', async () => {
    const world = createLogWorld()
    const sequencer = world.sequencer()
    const intents: IntentEvent[] = []
    for (let i = 0; i < 6; i++) { const intent = intentEvent(world.ids); intents.push(intent); await world.ledger.append(intent) }
    const [a, b, c, d, e] = intents as [IntentEvent, IntentEvent, IntentEvent, IntentEvent, IntentEvent]
    async function pass(ms: number, ...events: (() => Event)[]): Promise<void> {
      for (let at = 0; at < ms; at += 20 * minute) { world.clock.ms += Math.min(20 * minute, ms - at); await world.ledger.append(refusalEvent(world.ids)); await sequencer.reconcile() }
      for (const event of events) await world.ledger.append(event())
      await sequencer.reconcile()
    }
    await pass(minute, () => outcomeEvent(world.ids, a))
    await pass(hour, () => outcomeEvent(world.ids, b, 'sweeper'), () => outcomeEvent(world.ids, c, 'sweeper'))
    await pass(minute, () => correctionEvent(world.ids, b))
    await pass(20 * hour, () => correctionEvent(world.ids, c))
    await pass(48 * hour, () => outcomeEvent(world.ids, d), () => outcomeEvent(world.ids, e, 'sweeper'))
    await pass(3 * hour, () => correctionEvent(world.ids, e))
    await pass(hour)
    const entries = await verifyLog(world.memory.log)
    expectWhole(entries, world.stored.values())
    expect(entries.filter(({ kind }) => kind === 'correction')).toHaveLength(3)
    const { mark, awaited } = world.memory.heads.at(-1)!
    expect(world.clock.ms - mark).toBeLessThan(hour)
    expect(awaited.map(({ id }) => id).toSorted()).toEqual([e.id, intents[5]!.id].toSorted())
  })

  test('what another process awaited is not lost with it', async () => {
    const world = createLogWorld()
    const intent = intentEvent(world.ids)
    await world.ledger.append(intent)
    for (let i = 0; i < 40; i++) { world.clock.ms += 2 * hour; await world.ledger.append(refusalEvent(world.ids)); await world.sequencer().reconcile() }
    await world.ledger.append(outcomeEvent(world.ids, intent))
    await world.sequencer().reconcile()
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('an event that appears as late as it may, by a clock that is behind as far as it may', async () => {
    const world = createLogWorld()
    const sequencer = world.sequencer()
    await world.ledger.append(refusalEvent(world.ids))
    await sequencer.reconcile()
    for (let i = 0; i < 40; i++) {
      const late = refusalEvent(world.ids)
      for (let n = 0; n < 29; n++) { world.clock.ms += minute; await world.ledger.append(refusalEvent(world.ids)); await sequencer.reconcile() }
      await world.ledger.append(late)
      await sequencer.reconcile()
    }
    for (let n = 0; n < 3; n++) { world.clock.ms += minute; await sequencer.reconcile() }
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('clocks that run ahead, and one that is set back a week', async () => {
    const world = createLogWorld()
    const sequencer = world.sequencer()
    const add = async (n = 3) => { for (let i = 0; i < n; i++) await world.ledger.append(refusalEvent(world.ids)) }
    world.clock.ms += 7 * 24 * hour
    await add()
    await sequencer.reconcile()
    await add()
    await sequencer.reconcile()
    world.clock.ms -= 7 * 24 * hour
    const back = createLogWorld().ids
    for (let i = 0; i < 5; i++) { await world.ledger.append({ ...refusalEvent(world.ids), id: back.id('evt') }); await sequencer.reconcile() }
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('more awaited intents than the head holds: the mark stays before the first without a place', async () => {
    const world = createLogWorld()
    const sequencer = world.sequencer()
    const intents: IntentEvent[] = []
    for (let i = 0; i < 1500; i++) { world.clock.ms += 10; const intent = intentEvent(world.ids); intents.push(intent); await world.ledger.append(intent) }
    for (let i = 0; i < 4; i++) { world.clock.ms += hour; await world.ledger.append(refusalEvent(world.ids)); await sequencer.reconcile() }
    expect(world.memory.heads.at(-1)!.awaited.length).toBeLessThanOrEqual(1000)
    expect(JSON.stringify(world.memory.heads.at(-1)).length).toBeLessThan(100_000)
    for (const intent of intents) await world.ledger.append(outcomeEvent(world.ids, intent))
    for (let i = 0; i < 2; i++) await sequencer.reconcile()          // a thousand are asked for in one look, the others in the next
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('over midnight, over a month without events', async () => {
    const world = createLogWorld()
    world.clock.ms = Date.parse('2026-11-22T23:59:59.990Z')
    const sequencer = world.sequencer()
    for (let i = 0; i < 40; i++) { world.clock.ms++; await world.ledger.append(refusalEvent(world.ids)); if (i % 7 === 0) await sequencer.reconcile() }
    world.clock.ms += 40 * 24 * hour
    await world.ledger.append(refusalEvent(world.ids))
    await world.sequencer().reconcile()
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('the ledger down for a while: what was stored before and after is there', async () => {
    const world = createLogWorld()
    const sequencer = world.sequencer()
    await world.ledger.append(refusalEvent(world.ids))
    world.state.broken = true
    await expect(sequencer.reconcile()).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(sequencer.isBehind()).toBe(true)
    world.state.broken = false
    await world.ledger.append(refusalEvent(world.ids))
    await sequencer.reconcile()
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })
})

describe('nothing comes before what it rests on', () => {
  test('an approved execution that was hinted at brings the words of people, whose clock ran ahead, and goes in at once', async () => {
    const world = createLogWorld()
    const hints = createHints()
    const sequencer = world.sequencer(hints)
    await sequencer.reconcile()
    const request = world.ids.id('arq')
    const asked: Event = { ...common(world.ids), kind: 'request', request, change: {} }
    world.clock.ms += 20_000
    const approval = approvalEvent(world.ids, request)
    world.clock.ms -= 20_000
    const intent = { ...intentEvent({ now: world.ids.now, id: createLogWorld().ids.id }), request, basis: [asked.id, approval.id] }
    const outcome = { ...outcomeEvent(world.ids, intent), request }
    expect(intent.id < approval.id).toBe(true)
    for (const event of [asked, approval, intent, outcome]) await world.ledger.append(event)
    hints.hint(outcome)
    await sequencer.round()
    const entries = await verifyLog(world.memory.log)
    expectWhole(entries, world.stored.values())
    expect(entries.map(({ kind }) => kind)).toEqual(['request', 'approval', 'intent', 'outcome'])
  })

  test('words that are stored behind a look that then meets the execution still come first', async () => {
    const world = createLogWorld()
    const request = world.ids.id('arq')
    const approval = approvalEvent(world.ids, request)
    for (let i = 0; i < 1200; i++) { world.clock.ms += 10; await world.ledger.append(refusalEvent(world.ids)) }
    const intent = { ...intentEvent(world.ids), request, basis: [approval.id] }
    const { scan } = world.ledger
    Object.assign(world.ledger, { scan: async function* (...call: Parameters<typeof scan>) {
      for await (const piece of scan(...call)) {
        if (piece.until <= timeOf(approval.id) || world.stored.has(intent.id)) { yield piece; continue }
        for (const event of [approval, intent]) await world.ledger.append(event)
        yield { ...piece, events: [...piece.events, intent] }
      }
    } })
    await world.sequencer().reconcile()
    expect(world.stored.has(intent.id)).toBe(true)
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('words that are named and are nowhere keep nothing out of the log: its reader finds that they are missing', async () => {
    const world = createLogWorld()
    const request = world.ids.id('arq')
    const intent = { ...intentEvent(world.ids), request, basis: [world.ids.id('evt'), 'evt_no' as const] }
    await world.ledger.append(intent)
    await world.sequencer().reconcile()
    expect((await verifyLog(world.memory.log)).map(({ id }) => id)).toEqual([intent.id])
  })
})
