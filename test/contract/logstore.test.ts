import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createIds } from '../../functions/aws/ulid.ts'
import type { Head, LogStore } from '../../functions/ports.ts'
import { createMemoryLog } from '../support/log.ts'
import { carriers, createRig } from './rig.ts'
import type { Id } from '../../schema/event.ts'

interface Rig {
  readonly store: LogStore
  other(): LogStore
  /** The next writes of this kind fail: nothing stored, or stored and the answer lost. */
  fail(how: 'not stored' | 'stored'): void
  heal(): void
  close(): Promise<unknown> | void
}
const ids = createIds(Date.now)
const headOf = (revision: number, more: Partial<Head> = {}): Head =>
  ({ revision, size: revision * 3, bundle: `staging/${revision}-aa`, checkpoint: `note ${revision}\n— ü`, at: 1_700_000_000_000, mark: 5, awaited: [{ id: ids('evt'), until: null }, { id: ids('evt'), until: 7 }], ...more })

function logStoreContract(name: string, create: () => Promise<Rig>): void {
  describe(`log store by ${name}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(async () => { await rig.close() })

    test('a head comes back as it was, to everybody; before the first there is none', async () => {
      expect(await rig.store.head()).toBeNull()
      const head = headOf(1)
      expect(await rig.store.advance(head, null)).toBe(true)
      expect(await rig.other().head()).toEqual(head)
    })

    test('of many that swap over one head, one does', async () => {
      let over: Head | null = null
      for (let revision = 1; revision <= 5; revision++) {
        const heads: Head[] = Array.from({ length: 6 }, (_, n) => headOf(revision, { bundle: `staging/${revision}-b${n}` }))
        const answers: boolean[] = await Promise.all(heads.map((head, n) => (n % 2 === 0 ? rig.store : rig.other()).advance(head, over)))
        expect(answers.filter(Boolean)).toHaveLength(1)
        over = heads[answers.indexOf(true)]!
        expect(await rig.store.head()).toEqual(over)
      }
    })

    test('over a head that is no more, or never was, nothing is stored', async () => {
      const [one, two] = [headOf(1), headOf(2)]
      await rig.store.advance(one, null)
      await rig.store.advance(two, one)
      for (const [next, over] of [[headOf(2), one], [headOf(3), null], [headOf(3), { ...two, size: 99 }], [headOf(3), { ...two, checkpoint: 'other' }]] as const) expect(await rig.store.advance(next, over)).toBe(false)
      expect(await rig.store.head()).toEqual(two)
    })

    test('stored, and the answer lost: the same again is true; another\'s is not', async () => {
      const one = headOf(1)
      await rig.store.advance(one, null)
      const two = headOf(2)
      rig.fail('stored')
      await expect(rig.store.advance(two, one)).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      expect(await rig.store.head()).toEqual(two)
      expect(await rig.store.advance(two, one)).toBe(true)
      expect(await rig.store.advance(headOf(2), one)).toBe(false)
    })

    test('not stored: says store-unavailable, and the head is where it was', async () => {
      rig.fail('not stored')
      await expect(rig.store.advance(headOf(1), null)).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      expect(await rig.store.head()).toBeNull()
    })

    test('every event has one index, found for hundreds at once', async () => {
      const entries = Array.from({ length: 330 }, (_, index) => ({ id: ids('evt'), index }))
      await rig.store.placed(entries)
      await rig.other().placed(entries)
      const found = await rig.other().where([...entries.map(({ id }) => id), ids('evt'), 'evt_bad' as Id<'evt'>, entries[0]!.id])
      expect(found.size).toBe(330)
      for (const { id, index } of entries) expect(found.get(id)).toBe(index)
      await expect(rig.store.placed([{ id: ids('evt'), index: 400 }, { id: entries[7]!.id, index: 8 }])).rejects.toMatchObject({ code: 'internal' })
      expect((await rig.store.where([entries[7]!.id])).get(entries[7]!.id)).toBe(7)
      expect((await rig.store.where([])).size).toBe(0)
      await rig.store.placed([])
    })

    test('what is published never goes back', async () => {
      expect(await rig.store.published()).toBeNull()
      const published = (revision: number) => ({ revision, size: revision * 10, checkpoint: `c ${revision}` })
      for (const revision of [2, 1, 2, 9, 10, 3]) await (revision % 2 === 0 ? rig.store : rig.other()).publish(published(revision))
      expect(await rig.other().published()).toEqual(published(10))
    })
  })
}

logStoreContract('memory', async () => {
  const memory = createMemoryLog()
  const { Fault } = await import('../../functions/ports.ts')
  return {
    store: memory.log.store, other: () => memory.log.store, heal: () => { memory.fail = () => {} }, close: () => {},
    fail: (how) => { memory.fail = (_, when) => { if (when === (how === 'stored' ? 'after' : 'before')) throw new Fault('store-unavailable', 'injected') } },
  }
})
for (const carrier of carriers) {
  logStoreContract(`DynamoDB, ${carrier}`, async () => {
    const rig = await createRig(carrier)
    return {
      store: rig.ports.logStore, other: () => rig.other().logStore, heal: rig.heal, close: rig.close,
      fail: (how) => rig.break(how === 'stored' ? { after: 'error' } : { before: 'throttle' }, { operation: 'PutItem' }),
    }
  })
}
