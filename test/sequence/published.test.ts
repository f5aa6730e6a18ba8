import { beforeEach, describe, expect, test } from 'vitest'
import { createLogReader } from '../../functions/log.ts'
import { Fault, type Log } from '../../functions/ports.ts'
import { checkpointPath, checkpoints, openCheckpoint, parseCheckpointPath } from '../../functions/record/log/checkpoint.ts'
import { keyOf } from '../../functions/record/log/note.ts'
import { publishing } from '../../functions/publish.ts'
import { refusalEvent } from '../contract/ledger.ts'
import { createLogWorld, expectWhole, verifyHistory, verifyLog, type LogWorld } from './world.ts'

/** What is published, and what rows that were lost, put back or written by somebody else can do to it: nothing to readers, and to the sequencer that it stops and says so. */
let world: LogWorld
beforeEach(() => { world = createLogWorld() })
const add = async (count: number) => {
  for (let i = 0; i < count; i++) { world.clock.ms += 5; await world.ledger.append(refusalEvent(world.ids)) }
  return world.sequencer().reconcile()
}
const paths = () => [...world.memory.objects.keys()].filter((path) => path.startsWith(checkpoints)).toSorted()
const shown = async () => (await world.memory.log.store.published())?.size
const wentBack = { code: 'internal' }

describe('what is published', () => {
  test('is one object for each head, signed, of the size of its name, and everything it covers is there', async () => {
    for (let i = 0; i < 5; i++) await add(70)
    expect(paths().map(parseCheckpointPath)).toEqual(world.memory.heads.map(({ size }) => size))
    const keys = [keyOf(world.memory.log.signer.name, await world.memory.log.signer.publicKey())]
    for (const [at, path] of paths().entries()) {
      const note = Buffer.from(world.memory.objects.get(path)!)
      expect(note.toString()).toBe(world.memory.heads[at]?.checkpoint)
      expect(openCheckpoint(note, keys).checkpoint.size).toBe(parseCheckpointPath(path))
    }
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
  })

  test('dying at any step, and every call failing before or after it was done: a checkpoint is an object only when what it covers can be read, and in the end all of it is published', async () => {
    for (const when of ['before', 'after'] as const) for (let at = 1; ; at++) {
      world = createLogWorld()
      await add(300)
      let calls = 0
      world.memory.fail = (_, now) => { if (now === when && ++calls >= at) throw new Fault('store-unavailable', 'killed') }
      await add(5).catch(() => undefined)
      world.memory.fail = () => {}
      await verifyLog(world.memory.log)
      await add(3)
      expectWhole(await verifyLog(world.memory.log), world.stored.values())
      await verifyHistory(world.memory)
      expect(paths().map(parseCheckpointPath)).toEqual(world.memory.heads.map(({ size }) => size))
      expect(world.alarms.filter((what) => what !== 'a superfluous object stays')).toEqual([])
      if (calls < at) break
    }
  }, 60_000)

  test('by two sequencers at once: every head\'s once, in the order of heads', async () => {
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 40; i++) { world.clock.ms += 5; await world.ledger.append(refusalEvent(world.ids)) }
      await Promise.all([world.sequencer().reconcile(), world.sequencer().reconcile(), world.sequencer().reconcile()])
    }
    expect(paths().map(parseCheckpointPath)).toEqual(world.memory.heads.map(({ size }) => size))
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
    expect(world.alarms).toEqual([])
  })
})

describe('an attacker who may write to the table', () => {
  test.each<[string, (world: LogWorld) => void]>([
    ['deletes the row', ({ memory }) => { memory.rows.hint = null }],
    ['writes an older checkpoint into it', ({ memory }) => { memory.rows.hint = memory.heads[0]!.size }],
    ['writes one that never was into it', ({ memory }) => { memory.rows.hint = 7 }],
    ['writes one to come into it', ({ memory }) => { memory.rows.hint = 2 ** 53 - 1 }],
    ['empties the table', ({ memory }) => { Object.assign(memory.rows, { head: null, hint: null, lengthened: null }); memory.places.clear() }],
    ['puts an older head in its place', ({ memory }) => { memory.rows.head = JSON.stringify(memory.heads[1]) }],
  ])('%s: readers are shown the newest all the same', async (_, attack) => {
    for (let i = 0; i < 4; i++) await add(30)
    const newest = world.memory.heads.at(-1)!
    attack(world)
    expect(await world.memory.log.store.published()).toEqual({ size: newest.size, checkpoint: newest.checkpoint })
    const reader = createLogReader({ log: world.memory.log } as never, { permitted: async (_door: unknown, _accesses: unknown, run: (...args: unknown[]) => unknown) => run(null, null) } as never)
    expect(await reader.checkpoint(null as never)).toMatchObject({ ok: true, value: { body: newest.checkpoint } })
  })

  test('writes a head that nobody signed: no object is written for it, and put back it goes on as before', async () => {
    for (let i = 0; i < 3; i++) await add(30)
    const [head, objects] = [world.memory.rows.head!, new Set(world.memory.objects.keys())]
    const forged = JSON.parse(head) as { revision: number; size: number; checkpoint: string }
    for (const size of [forged.size + 1, 5_000_000]) {
      world.memory.rows.head = JSON.stringify({ ...forged, revision: forged.revision + 1, size, checkpoint: forged.checkpoint.replace(`\n${forged.size}\n`, `\n${size}\n`) })
      for (const who of [world.sequencer(), world.sequencer()]) await expect(who.reconcile()).rejects.toThrow()
      expect([...world.memory.objects.keys()].filter((path) => !objects.has(path))).toEqual([])
    }
    world.memory.rows.head = head
    await add(5)
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
    expect(await shown()).toBe(world.stored.size)
  })

  test('puts an older head in its place: nothing is signed any more, by who was there and by who comes up, and an alarm says so', async () => {
    const there = world.sequencer()
    for (let i = 0; i < 4; i++) { await add(30); await there.reconcile() }
    for (const old of [0, 1, 2]) {
      world.memory.rows.head = JSON.stringify(world.memory.heads[old])
      world.memory.rows.hint = world.memory.heads[old]!.size
      const before = paths()
      for (const sequencer of [there, world.sequencer()]) {
        await world.ledger.append(refusalEvent(world.ids))
        await expect(sequencer.reconcile()).rejects.toMatchObject(wentBack)
      }
      expect(paths()).toEqual(before)
    }
    expect(new Set(world.alarms)).toEqual(new Set(['the log went back']))
    expect(await shown()).toBe(120)
  })

  test('so too where every sign of that head among what passes is gone: only what is published says it', async () => {
    for (let i = 0; i < 4; i++) await add(3)
    for (const path of [...world.memory.objects.keys()]) if (/^staging\/\d+$/.test(path)) world.memory.objects.delete(path)
    world.memory.rows.head = JSON.stringify(world.memory.heads[2])
    world.memory.rows.hint = null
    await world.ledger.append(refusalEvent(world.ids))
    await expect(world.sequencer().reconcile()).rejects.toMatchObject(wentBack)
    expect(world.alarms).toEqual(['the log went back'])
    expect(world.memory.heads).toHaveLength(4)
  })

  test('deletes the table and the sign that there was a log: it is not begun anew', async () => {
    await add(30)
    Object.assign(world.memory.rows, { head: null, hint: null })
    world.memory.places.clear()
    world.memory.objects.delete('begun')
    await expect(world.sequencer().reconcile()).rejects.toMatchObject(wentBack)
    expect(world.alarms).toEqual(['the head of the log is gone'])
    expect(paths()).toHaveLength(1)
  })

  test('and whoever could write objects: of a size that was published another is a fault, and garbage is no checkpoint to anybody', async () => {
    await add(30)
    const { store, objects } = world.memory.log
    const [published] = [await store.published()]
    await expect(store.publish({ size: 30, checkpoint: `${published?.checkpoint}— another.name AAAAAAAA\n` })).rejects.toMatchObject({ code: 'internal' })
    await objects.create(checkpointPath(31), Buffer.from('garbage'))
    await expect(store.published()).rejects.toMatchObject({ code: 'internal' })
    world.memory.objects.set(checkpointPath(31), Buffer.from(published!.checkpoint))
    await expect(store.published()).rejects.toMatchObject({ code: 'internal' })
  })
})

describe('a sequencer that was away for long', () => {
  test('goes on where the staged object and all that was staged before is gone: what is published is in effect', async () => {
    await add(300)
    await add(7)
    for (const path of [...world.memory.objects.keys()]) if (path.startsWith('staging/')) world.memory.objects.delete(path)
    world.clock.ms += 20 * 86_400_000
    await add(5)
    expectWhole(await verifyLog(world.memory.log), world.stored.values())
    await verifyHistory(world.memory)
    expect(world.alarms).toEqual([])
  })
  test('does not where the head was not published: half of it may be missing', async () => {
    await add(10)
    world.memory.fail = (call, when) => { if (call === 'placed' && when === 'before' && world.memory.heads.length === 2) throw new Fault('store-unavailable', 'killed') }
    await add(5).catch(() => undefined)
    world.memory.fail = () => {}
    for (const path of [...world.memory.objects.keys()]) if (path.startsWith('staging/')) world.memory.objects.delete(path)
    await expect(world.sequencer().reconcile()).rejects.toThrow('the staged object of the head is missing')
  })
  test('costs one list and no search where the row is right, however long the log is', async () => {
    for (let i = 0; i < 12; i++) await add(3)
    const calls: string[] = []
    world.memory.fail = (call, when) => { if (when === 'before') calls.push(call) }
    const log: Pick<Log, 'store'> = { store: publishing(world.memory.log.objects, { ...world.memory.log.store, hint: async () => {}, hinted: async () => 36 }) }
    expect((await log.store.published())?.size).toBe(36)
    expect(calls.toSorted()).toEqual(['after', 'get'])
  })
})
