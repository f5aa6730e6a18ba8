import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createIds } from '../../functions/aws/ulid.ts'
import type { Head, LogRows, LogStore } from '../../functions/ports.ts'
import { publishing } from '../../functions/publish.ts'
import { createMemoryLog } from '../support/log.ts'
import { carriers, createRig } from './rig.ts'
import type { Id } from '../../schema/event.ts'

interface Rig {
  readonly store: LogStore
  other(): LogStore
  /** The same objects over a store of rows that was emptied, or says what it is told to. */
  over(hint: number | null): LogStore
  /** The next writes of this kind fail: nothing stored, or stored and the answer lost. */
  fail(how: 'not stored' | 'stored'): void
  heal(): void
  close(): Promise<unknown> | void
}
const ids = createIds(Date.now)
const headOf = (revision: number, more: Partial<Head> = {}): Head =>
  ({ revision, size: revision * 3, bundle: `staging/${revision}-aa`, checkpoint: `note ${revision}\n— ü`, at: 1_700_000_000_000, mark: 5, near: 6, awaited: [{ id: ids('evt'), until: null }, { id: ids('evt'), until: 7 }], ...more })

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

    const published = (size: number) => ({ size, checkpoint: `sluice.test/log\n${size}\n${Buffer.alloc(32, size % 256).toString('base64')}\n\n— sluice.test/log AAAAAAAA\n` })
    test('what is published never goes back', async () => {
      expect(await rig.store.published()).toBeNull()
      for (const size of [2, 1, 2, 9, 10, 3]) await (size % 2 === 0 ? rig.store : rig.other()).publish(published(size))
      expect(await rig.other().published()).toEqual(published(10))
    })

    test('the newest checkpoint is found among the objects, whatever the row says: gone, put back, ahead, of a size that never was', async () => {
      const sizes = [1, 2, 3, 7, 8, 100, 256, 4096, 4097, 65_535, 1_000_003]
      for (const [at, size] of sizes.entries()) {
        await rig.store.publish(published(size))
        for (const hint of [null, 0, 1, 5, sizes[at - 1] ?? 0, size, size + 1, 2 ** 53 - 1]) expect(await rig.over(hint).published(), `${size} by ${hint}`).toEqual(published(size))
      }
    })

    test('of one size another checkpoint is not published: that would be a fork', async () => {
      await rig.store.publish(published(7))
      await rig.other().publish(published(7))
      await expect(rig.other().publish({ ...published(7), checkpoint: published(7).checkpoint.replace('AAAAAAAA', 'BBBBBBBB') })).rejects.toMatchObject({ code: 'internal' })
      expect(await rig.store.published()).toEqual(published(7))
    })

    test('a row that cannot be written leaves what was published published', async () => {
      await rig.store.publish(published(7))
      rig.fail('not stored')
      await expect(rig.store.publish(published(9))).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      expect([published(7), published(9)]).toContainEqual(await rig.store.published())
      await rig.store.publish(published(9))
      expect(await rig.other().published()).toEqual(published(9))
    })

    test('how far locks were lengthened is kept as it was said last', async () => {
      expect(await rig.store.lengthened()).toBeNull()
      for (const after of ['', 'tile/0/007', null]) {
        await rig.store.progress({ goal: '7y', since: 1_700_000_000_000, after })
        expect(await rig.other().lengthened()).toEqual({ goal: '7y', since: 1_700_000_000_000, after })
      }
    })
  })
}

logStoreContract('memory', async () => {
  const memory = createMemoryLog()
  const { Fault } = await import('../../functions/ports.ts')
  return {
    store: memory.log.store, other: () => memory.log.store, over: (hint) => { memory.rows.hint = hint; return memory.log.store }, heal: () => { memory.fail = () => {} }, close: () => {},
    fail: (how) => { memory.fail = (_, when) => { if (when === (how === 'stored' ? 'after' : 'before')) throw new Fault('store-unavailable', 'injected') } },
  }
})
for (const carrier of carriers) {
  logStoreContract(`DynamoDB, ${carrier}`, async () => {
    const rig = await createRig(carrier)
    const { objects } = createMemoryLog().log
    const whole = (rows: LogRows) => publishing(objects, rows)
    return {
      store: whole(rig.ports.logStore), other: () => whole(rig.other().logStore), over: (hint) => whole({ ...rig.other().logStore, hinted: async () => hint }), heal: rig.heal, close: rig.close,
      fail: (how) => rig.break(how === 'stored' ? { after: 'error' } : { before: 'throttle' }, { operation: 'PutItem' }),
    }
  })
}
