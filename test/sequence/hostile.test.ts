import { describe, expect, test } from 'vitest'
import { createIds } from '../../functions/aws/ulid.ts'
import { Damage } from '../../functions/ports.ts'
import type { Event, IntentEvent } from '../../schema/event.ts'
import { correctionId, mostCorrections, outcomeId } from '../../schema/item.ts'
import { intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import { createLogWorld, expectWhole, verifyLog, type LogWorld } from './world.ts'

const minute = 60_000
const hour = 60 * minute
/** Ids as a process makes them that has just come up, by this world's clock or another. */
const fresh = (world: LogWorld, now = () => world.clock.ms) => ({ now, id: createIds(now) })

describe('clocks that were wrong', () => {
  test('two hours ahead when a machine came up, then put right: what a dead process stored since is in the log, also where the false mark is past by now', async () => {
    const world = createLogWorld()
    const real = world.clock.ms
    world.clock.ms = real + 2 * hour
    const one = world.sequencer()
    for (let n = 0; n < 3; n++) { world.clock.ms += minute; await world.ledger.append(refusalEvent(world.ids)); await one.reconcile() }
    world.clock.ms = real + minute
    await one.reconcile()
    await world.ledger.append(refusalEvent(fresh(world)))            // and dies
    for (let n = 0; n < 5; n++) {
      world.clock.ms = real + (3 + n) * hour
      await world.ledger.append(refusalEvent(fresh(world)))
      await world.sequencer().reconcile()
    }
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('25 minutes ahead, put right while the sequencer runs: an event eleven minutes late is found', async () => {
    const world = createLogWorld()
    const real = world.clock.ms
    const one = world.sequencer()
    for (let n = 0; n < 3; n++) { world.clock.ms = real + (25 + n) * minute; await world.ledger.append(refusalEvent(fresh(world, () => real - 10 * minute))); await one.reconcile() }
    world.clock.ms = real + minute
    await one.reconcile()
    world.clock.ms = real + 5 * minute
    await world.ledger.append(refusalEvent(fresh(world, () => real - 6 * minute)))
    for (let n = 0; n < 30; n++) { world.clock.ms += 5 * minute; await world.ledger.append(refusalEvent(fresh(world))); await one.reconcile() }
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('a mark of the future: an intent that goes on for long is awaited all the same', async () => {
    const world = createLogWorld()
    const real = world.clock.ms
    const one = world.sequencer()
    world.clock.ms = real + 3 * hour
    await world.ledger.append(refusalEvent(world.ids))
    await one.reconcile()
    world.clock.ms = real
    const slow = intentEvent(fresh(world))
    await world.ledger.append(slow)
    async function pass(minutes: number): Promise<void> { for (let n = 0; n < minutes; n++) { world.clock.ms += minute; await world.ledger.append(refusalEvent(fresh(world))); await one.reconcile() } }
    await pass(50)
    await world.ledger.append(outcomeEvent(fresh(world), slow))
    await pass(20)
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })
})

describe('many that wait', () => {
  test('more intents that the sweeper settled than the head has room for: what came late behind them is found in its time', async () => {
    const world = createLogWorld()
    const one = world.sequencer()
    const intents: IntentEvent[] = []
    for (let n = 0; n < 1700; n++) { world.clock.ms += 10; const intent = intentEvent(world.ids); intents.push(intent); await world.ledger.append(intent) }
    await one.reconcile()
    world.clock.ms += 2 * minute
    for (const intent of intents) await world.ledger.append(outcomeEvent(world.ids, intent, 'sweeper'))
    const at = world.clock.ms
    await one.reconcile()
    world.clock.ms += 10 * minute
    await one.reconcile()
    await world.ledger.append(refusalEvent(fresh(world, () => at)))
    for (let n = 0; n < 3; n++) { world.clock.ms += 15 * minute; await world.ledger.append(refusalEvent(world.ids)); await one.reconcile() }
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('a store that takes its time over each intent that is open: both looks go on', async () => {
    const world = createLogWorld()
    const { get } = world.ledger
    Object.assign(world.ledger, { get: async (id: Event['id']) => { world.clock.ms += 45; return get(id) } })
    const one = world.sequencer()
    for (let n = 0; n < 4500; n++) { if (n % 10 === 0) world.clock.ms += 10; await world.ledger.append(intentEvent(world.ids)) }
    for (let n = 0; n < 60; n++) {
      world.clock.ms += minute
      for (let i = 0; i < 3; i++) { world.clock.ms += 20; await world.ledger.append(refusalEvent(world.ids)) }
      await one.reconcile()
      expectWhole(await verifyLog(world.memory.log), world.stored.values())
    }
  }, 240_000)
})

describe('what somebody wrote into the record who is not the gate stops no look', () => {
  const of = (world: LogWorld, intent: IntentEvent, more: Partial<Event>): Event => ({ ...outcomeEvent(world.ids, intent), ...more } as Event)
  const written: Readonly<Record<string, (world: LogWorld, intent: IntentEvent) => readonly Event[]>> = {
    'an intent whose id does not end in 0': (_, intent) => [{ ...intent, id: `evt_${intent.id.slice(4, -1)}7` }],
    'an outcome of what is no id': (world, intent) => [of(world, intent, { intent: 'x' as never })],
    'every correction that there can be': (world, intent) => [intent, outcomeEvent(world.ids, intent, 'sweeper'), ...Array.from({ length: mostCorrections }, (_, n) => of(world, intent, { kind: 'correction', id: correctionId(intent.id, n + 1) }))],
    'an outcome of no time': (world, intent) => [intent, of(world, intent, { at: 'never', by: 'sweeper' } as Partial<Event>)],
    'an intent without content': (_, intent) => [{ ...intent, content: null as never }],
    'a key of the log that says nothing': (world) => [{ ...refusalEvent(world.ids), kind: 'log-key' } as never],
    'a kind that is half a character, and one that is too long': (world) => [{ ...refusalEvent(world.ids), kind: '\ud800' as never }, { ...refusalEvent(world.ids), kind: 'x'.repeat(70_000) as never }],
    'a number that is no number': (world) => [{ ...refusalEvent(world.ids), at: 1 as never, writer: { n: '\ud800', id: 'x'.repeat(70_000) } as never }],
    'what is nested deeper than anything can write': (world) => [{ ...refusalEvent(world.ids), accesses: JSON.parse('['.repeat(4000) + ']'.repeat(4000)) }],
    'ids that are lists': (world, intent) => [of(world, intent, { intent: [intent.id] as never }), { ...intentEvent(world.ids), request: world.ids.id('arq'), basis: [[intent.id]] as never }],
    'an execution whose basis is no list': (world, intent) => [{ ...intent, request: world.ids.id('arq'), basis: 'x' as never }],
  }
  test.each(Object.entries(written))('%s', async (_, make) => {
    const world = createLogWorld()
    const one = world.sequencer()
    await one.reconcile()
    for (const event of make(world, intentEvent(world.ids))) await world.ledger.append(event)
    for (let n = 0; n < 70; n++) { world.clock.ms += minute; await world.ledger.append(refusalEvent(world.ids)); await one.reconcile() }
    await world.sequencer().reconcile()
    expectWhole((await verifyLog(world.memory.log)).filter(({ kind }) => kind === 'refusal'), [...world.stored.values()].filter(({ kind }) => kind === 'refusal'))
    expect(world.clock.ms - world.memory.heads.at(-1)!.mark).toBeLessThan(35 * minute)
  })

  test('a text that is no event: told of once by each look of a process that comes to it, and passed by', async () => {
    const world = createLogWorld()
    const { scan, get } = world.ledger
    const [intent, other] = [intentEvent(world.ids), intentEvent(world.ids)]
    for (const event of [intent, other, outcomeEvent(world.ids, intent)]) await world.ledger.append(event)
    const broken = new Set<string>([outcomeId(intent.id), other.id])
    Object.assign(world.ledger, {
      get: async (id: Event['id']) => { if (broken.has(id)) throw new Damage('damaged'); return get(id) },
      scan: async function* (...call: Parameters<typeof scan>) {
        for await (const piece of scan(...call)) yield { ...piece, events: piece.events.filter(({ id }) => !broken.has(id)), damaged: piece.events.map(({ id }) => id).filter((id) => broken.has(id)) }
      },
    })
    const one = world.sequencer()
    for (let n = 0; n < 70; n++) { world.clock.ms += minute; await world.ledger.append(refusalEvent(world.ids)); await one.reconcile() }
    expectWhole(await verifyLog(world.memory.log), [...world.stored.values()].filter(({ id }) => !broken.has(id)))
    expect(new Set(world.alarms)).toEqual(new Set(['an event in the record cannot be read']))
    expect(world.alarms.length).toBeLessThan(6)
  })

  test('an outcome under another id than its intent gives takes nothing from that intent', async () => {
    const world = createLogWorld()
    const one = world.sequencer()
    const slow = intentEvent(world.ids)
    for (const event of [slow, of(world, slow, { id: world.ids.id('evt') }), of(world, slow, { id: `evt_${world.ids.id('evt').slice(4, -1)}1` }), of(world, slow, { id: correctionId(slow.id, 5) })]) await world.ledger.append(event)
    async function pass(minutes: number): Promise<void> { for (let n = 0; n < minutes; n++) { world.clock.ms += minute; await world.ledger.append(refusalEvent(world.ids)); await one.reconcile() } }
    await pass(50)
    await world.ledger.append(outcomeEvent(world.ids, slow))
    await pass(3)
    expect(world.memory.places.has(outcomeId(slow.id))).toBe(true)
  })
})
