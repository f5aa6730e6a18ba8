import { describe, expect, test } from 'vitest'
import { createHints } from '../../functions/hint.ts'
import type { Head } from '../../functions/ports.ts'
import { intentEvent, outcomeEvent, refusalEvent } from '../contract/ledger.ts'
import type { Event } from '../../schema/event.ts'
import { createMemoryLog } from '../support/log.ts'
import { createLogWorld, expectWhole, type LogWorld, verifyHistory, verifyLog } from './world.ts'

async function stored(world: LogWorld): Promise<Event> {
  const event = refusalEvent(world.ids)
  await world.ledger.append(event)
  return event
}

describe('the sequencer', () => {
  test('puts every stored event into the log once, found by looking or by hints', async () => {
    const world = createLogWorld()
    const sequencer = world.sequencer(world.hints)
    for (let i = 0; i < 700; i++) {
      world.clock.ms += i % 50
      const event = refusalEvent(world.ids)
      await world.ledger.append(event)
      if (i % 3 === 0) world.hints.hint(event)
      if (i % 40 === 0) await sequencer.round()
      if (i % 190 === 0) await sequencer.reconcile()
    }
    await sequencer.reconcile()
    await sequencer.round()
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
    await verifyHistory(world.memory)
    expect(await sequencer.reconcile()).toBe(0)
    expect([...world.memory.objects.keys()].filter((path) => /^staging\/\d+-/.test(path))).toHaveLength(1)
    expect([...world.memory.objects.keys()].filter((path) => /\/(?:0|entries)\/00[01]\.p\//.test(path))).toEqual([])
  })

  test.each([['hinted at', true], ['looked for', false]])('an event is kept out by no row that was there before it: %s, nothing is committed before the row is gone, and then nothing is missing', async (_, hinted) => {
    for (const index of [0, 3, 700, -1, NaN]) {
      const world = createLogWorld()
      const sequencer = world.sequencer(world.hints)
      for (let i = 0; i < 3; i++) await stored(world)
      if (index !== 0) await sequencer.reconcile()
      const event = await stored(world)
      world.memory.places.set(event.id, index)
      if (hinted) world.hints.hint(event)
      await expect(hinted ? sequencer.round() : sequencer.reconcile(), `${index}`).rejects.toMatchObject({ code: 'internal' })
      expect(world.alarms).toContain('an index that the log never gave')
      world.memory.places.delete(event.id)
      await sequencer.reconcile()
      expectWhole(await verifyLog(world.memory.log), world.stored.values())
    }
  })

  test.each([['hinted at', true], ['looked for', false]])('a row that leads an event to another\'s place is told of once: %s', async (_, hinted) => {
    const world = createLogWorld()
    const sequencer = world.sequencer(world.hints)
    for (let i = 0; i < 3; i++) await stored(world)
    await sequencer.reconcile()
    const event = await stored(world)
    world.memory.places.set(event.id, 1)
    if (hinted) { world.hints.hint(event); await sequencer.round() }
    await sequencer.reconcile()
    await sequencer.reconcile()
    expect(world.alarms.filter((what) => what === 'the log has something else in the place of an event')).toHaveLength(1)
    await world.sequencer(world.hints).reconcile()
    expect(world.alarms).toHaveLength(2)
  })

  test('an outcome is never before its intent, although nobody hinted at that', async () => {
    const world = createLogWorld()
    const intent = intentEvent(world.ids)
    const outcome = outcomeEvent(world.ids, intent)
    for (const event of [intent, outcome]) await world.ledger.append(event)
    world.hints.hint(outcome)
    await world.sequencer(world.hints).round()
    expect((await verifyLog(world.memory.log)).map(({ id }) => id)).toEqual([intent.id, outcome.id])
  })

  test('an event that canonical json cannot say goes in by its digest, and holds up nobody', async () => {
    const world = createLogWorld()
    await world.ledger.append(refusalEvent(world.ids, { connection: 'lone \ud800 surrogate' }))
    await world.ledger.append(refusalEvent(world.ids))
    await world.sequencer().reconcile()
    const entries = await verifyLog(world.memory.log)
    expect(entries.map(({ whole }) => whole)).toEqual([false, true])
  })

  test('an event over what an entry may hold goes in by its digest', async () => {
    const world = createLogWorld()
    await world.ledger.append(intentEvent(world.ids, { rules: ['x'.repeat(64_000)] }))
    await world.sequencer().reconcile()
    expect((await verifyLog(world.memory.log))[0]).toMatchObject({ whole: false, kind: 'intent' })
  })

  test('a hint dropped is found by the look that it makes due', async () => {
    const world = createLogWorld()
    const hints = createHints()
    const sequencer = world.sequencer(hints)
    await sequencer.reconcile()
    for (let i = 0; i < 5100; i++) { const event = refusalEvent(world.ids); await world.ledger.append(event); hints.hint(event) }
    await sequencer.round()
    expect(sequencer.isBehind()).toBe(true)
    await sequencer.reconcile()
    expect(sequencer.isBehind()).toBe(false)
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('silence is told every ten minutes, once, by any number of sequencers', async () => {
    const world = createLogWorld()
    const sequencers = [world.sequencer(), world.sequencer()]
    for (let minute = 0; minute < 60; minute++) {
      for (const sequencer of sequencers) await sequencer.round()
      world.clock.ms += 60_000
    }
    const entries = await verifyLog(world.memory.log)
    expect(entries.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'heartbeat'))
    expectWhole(entries, world.stored.values())
    const first = world.memory.heads[0]!
    expect(world.memory.heads.at(-1)!.checkpoint).not.toBe(first.checkpoint)
  })

  test('a head that goes back is an alarm, and nothing is signed', async () => {
    const world = createLogWorld()
    const real = world.memory.log
    const shown: { head: Head | null } = { head: null }
    const sequencer = world.sequencer(createHints(), { ...real, store: { ...real.store, head: async () => shown.head ?? await real.store.head() } })
    const add = async () => { await world.ledger.append(refusalEvent(world.ids)); return sequencer.reconcile() }
    await add()
    await add()
    shown.head = world.memory.heads[0]!
    await expect(add()).rejects.toMatchObject({ code: 'internal' })
    expect(world.alarms).toContain('the log went back')
    expect(world.memory.heads).toHaveLength(2)
    shown.head = null
    expect(await add()).toBe(2)
  })

  test.each([[1, 1], [40, 1], [3, 2], [700, 400]])('heads put back from a backup are not continued by a process that never saw the later ones: %i events, %i of them forgotten', async (count, back) => {
    const world = createLogWorld()
    Object.assign(world.memory.log.objects, { forget: async () => {} })        // as a bucket, which lets go of them after days
    const sequencer = world.sequencer(world.hints)
    for (let i = 0; i < count; i++) {
      world.clock.ms += 1
      world.hints.hint(await stored(world))
      await sequencer.round()
    }
    const { log, heads, objects } = world.memory
    const restored = createMemoryLog(log.signer)
    for (const [path, bytes] of objects) if (back < 300 || !/^staging\/\d+$/.test(path)) restored.objects.set(path, bytes)
    const old = heads.at(-1 - back) ?? null
    if (old !== null) await restored.log.store.advance(old, null)
    let signed = 0
    const deaf = { ...restored.log, signer: { ...log.signer, sign: async (message: Uint8Array) => { signed++; return log.signer.sign(message) } } }
    await stored(world)
    await expect(world.sequencer(createHints(), deaf).reconcile()).rejects.toMatchObject({ code: 'internal' })
    expect(signed).toBe(0)
    expect(await world.sequencer().reconcile()).toBe(1)               // the true one goes on
  })

  test('a head that is gone is not the beginning of another log', async () => {
    const world = createLogWorld()
    await world.ledger.append(refusalEvent(world.ids))
    await world.sequencer().reconcile()
    let signed = 0
    const { signer, objects, store } = world.memory.log
    const lost = { signer: { ...signer, sign: async (message: Uint8Array) => { signed++; return signer.sign(message) } }, objects, store: { ...store, head: async () => null, where: async () => new Map() } }
    await expect(world.sequencer(createHints(), lost).reconcile()).rejects.toMatchObject({ code: 'internal' })
    expect(signed).toBe(0)
    expect(world.alarms).toContain('the head of the log is gone')
  })

  test('twenty thousand events over three days are caught up in bundles, whole', async () => {
    const world = createLogWorld()
    world.clock.ms -= 3 * 86_400_000
    for (let i = 0; i < 10_000; i++) {
      world.clock.ms += i % 7 === 0 ? 180_000 : 3
      const intent = intentEvent(world.ids)
      await world.ledger.append(intent)
      await world.ledger.append(outcomeEvent(world.ids, intent))
    }
    await world.sequencer().reconcile()
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
    expect(world.memory.heads.length).toBeGreaterThan(15)
    expect(world.memory.heads.length).toBeLessThan(200)
  }, 120_000)
})
