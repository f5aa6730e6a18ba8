import { describe, expect, test } from 'vitest'
import { createHints, type Hints } from '../../functions/hint.ts'
import { Fault } from '../../functions/ports.ts'
import { createSequencer } from '../../functions/sequence.ts'
import { refusalEvent } from '../contract/ledger.ts'
import { createLogWorld, expectWhole, verifyHistory, verifyLog, type LogWorld } from './world.ts'

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

describe('the next batch is prepared while the head before it is brought into effect, and moved only then', () => {
  /** Gives what the stream would tell of them. */
  async function events(world: LogWorld, count: number): Promise<Hints> {
    const hints = createHints()
    for (let i = 0; i < count; i++) {
      const event = refusalEvent(world.ids)
      await world.ledger.append(event)
      hints.hint(event)
    }
    return hints
  }
  async function whole(world: LogWorld, heads: number): Promise<void> {
    expect(world.memory.heads).toHaveLength(heads)
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
    await verifyHistory(world.memory)
    expect(world.alarms).toEqual([])
  }

  test('by whoever is not the one at it', async () => {
    const world = createLogWorld()
    let [wake, isAsleep] = [() => {}, false]
    const asleep = new Promise<void>((resolve) => { wake = resolve })
    await events(world, 300)
    world.memory.fail = async (what, when) => {
      if (what !== 'placed' || when !== 'before' || isAsleep) return
      isAsleep = true
      await asleep
    }
    const first = world.sequencer().reconcile()
    await expect.poll(() => isAsleep).toBe(true)
    const hints = await events(world, 300)
    const { log } = world.memory
    const seen: number[] = []
    const second = world.sequencer(hints, { ...log, objects: { ...log.objects, async create(path, bytes) {
      const made = await log.objects.create(path, bytes)
      if (!path.startsWith('staging/2-')) return made
      expect(await log.store.published()).toBeNull()
      for (let turns = 0; turns < 50; turns++) { seen.push(world.memory.heads.length); await new Promise((resolve) => { setImmediate(resolve) }) }
      wake()
      return made
    } } }).round()
    expect(await Promise.all([first, second])).toEqual([300, 300])
    expect([seen.length, ...new Set(seen)]).toEqual([50, 1])
    await whole(world, 2)
  })

  test.each(['create', 'placed', 'publish', 'hint'])('also where whoever was at it died at its %s: then the next one does that first', async (call) => {
    for (let nth = 1; nth < 8; nth++) {
      const world = createLogWorld()
      await events(world, 300)
      let calls = 0
      world.memory.fail = (what, when) => { if (what === call && when === 'before' && world.memory.heads.length === 1 && ++calls >= nth) throw new Fault('store-unavailable', 'gone') }
      await world.sequencer().reconcile().catch(() => {})
      world.memory.fail = () => {}
      world.alarms.splice(0)                                         // of objects that could not be let go of
      expect(await world.sequencer(await events(world, 300)).round()).toBe(300)
      await whole(world, 2)
    }
  })

  test('a row that says it is published already is not believed', async () => {
    const world = createLogWorld()
    await events(world, 300)
    world.memory.fail = (what) => { if (what === 'placed') throw new Fault('store-unavailable', 'gone') }
    await world.sequencer().reconcile().catch(() => {})
    world.memory.fail = () => {}
    world.memory.rows.hint = 300
    expect(await world.sequencer(await events(world, 300)).round()).toBe(300)
    await whole(world, 2)
  })

  test('one that failed while it was at it goes on with it itself, in its next batch', async () => {
    const world = createLogWorld()
    const hints = createHints()
    const sequencer = world.sequencer(hints)
    await events(world, 10)
    world.memory.fail = (what) => { if (what === 'placed') throw new Fault('store-unavailable', 'gone') }
    await expect(sequencer.reconcile()).rejects.toThrow('gone')
    world.memory.fail = () => {}
    await events(world, 10)
    expect(await sequencer.reconcile()).toBe(10)
    await whole(world, 2)
  })

  test('what another sequencer has added in two heads meanwhile is not added again', async () => {
    const world = createLogWorld()
    const slow = world.sequencer()
    await events(world, 10)
    await slow.reconcile()
    let [wake, isAsleep] = [() => {}, false]
    const asleep = new Promise<void>((resolve) => { wake = resolve })
    await events(world, 10)
    world.memory.fail = async (what, when) => {
      if (what !== 'advance' || when !== 'before' || isAsleep) return
      isAsleep = true
      await asleep
    }
    const late = slow.reconcile()
    await expect.poll(() => isAsleep).toBe(true)
    for (let i = 0; i < 2; i++) {
      await world.sequencer().reconcile()
      await events(world, 1)
    }
    wake()
    expect(await late).toBe(0)
    await slow.reconcile()
    await whole(world, 4)
  })

  test('whoever writes the table of heads makes one wait, and puts the head back behind it: no second tree of a size is put there', async () => {
    const world = createLogWorld()
    const { log, rows } = world.memory
    const gate = () => { let open = () => {}; const opened = new Promise<void>((resolve) => { open = resolve }); return { open, opened } }
    const [placing, staged, hidden] = [gate(), gate(), gate()]
    let isFirst = true
    world.memory.fail = async (what, when) => {
      if (what !== 'placed' || when !== 'before' || !isFirst) return
      isFirst = false
      await placing.opened
    }
    const hints = await events(world, 10)
    const first = world.sequencer(hints)
    const one = first.round()
    await expect.poll(() => world.memory.heads.length).toBe(1)
    const slow = createSequencer({
      now: world.ids.now, ledger: world.ledger, alarm: (what) => { world.alarms.push(what) }, pause: () => hidden.opened,
      log: { ...log, store: { ...log.store, hinted: async () => null }, objects: { ...log.objects, async create(path, bytes) { const made = await log.objects.create(path, bytes); if (path.startsWith('staging/2-')) staged.open(); return made } } },
    }, await events(world, 10))
    const other = slow.round()
    await staged.opened
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => { setImmediate(resolve) })
    const before = rows.head
    placing.open()
    await one
    for (const event of [refusalEvent(world.ids), refusalEvent(world.ids)]) { await world.ledger.append(event); hints.hint(event) }
    await first.round()
    const [after, shown] = [rows.head, (await log.store.published())?.checkpoint]
    rows.head = before
    hidden.open()
    await expect(other).rejects.toThrow('the head of the log is older than one that was')
    expect(world.alarms).toEqual(['the log went back'])
    expect([rows.head, (await log.store.published())?.checkpoint]).toEqual([before, shown])
    rows.head = after
    world.alarms.splice(0)
    await world.sequencer().reconcile()
    await whole(world, 3)
  })
})
