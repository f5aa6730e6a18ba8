import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Rig } from './rig.ts'

const hour = 494_000

/** What Meter promises, whoever keeps it. */
export function meterContract(name: string, create: () => Promise<Rig>): void {
  describe(`meter by ${name}`, () => {
    let rig: Rig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())

    test('a small budget is exact, over processes and calls at once', async () => {
      const other = rig.other()
      const had = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? other : rig.ports).meter.take('k', hour, 1, 7)))
      expect(had.reduce((sum, one) => sum + one, 0)).toBe(7)
    })

    test('a large budget is never passed, whatever many processes ask at once, and is given out to the end', async () => {
      const processes = [rig.ports, rig.other(), rig.other()]
      const had: number[] = []
      for (let round = 0; round < 12; round++) had.push(...await Promise.all(Array.from({ length: 30 }, (_, i) => processes[i % 3]?.meter.take('k', hour, 1 + (i * 7) % 9, 1000) ?? 0)))
      expect(had.reduce((sum, one) => sum + one, 0)).toBe(1000)
    })

    test('the hot path seldom writes', async () => {
      for (let i = 0; i < 100; i++) expect(await rig.ports.meter.take('k', hour, 1, 1000)).toBe(1)
      expect(rig.calls()).toHaveLength(5)
    })

    test('calls at once in one process fetch once and never spend a unit twice', async () => {
      const had = await Promise.all(Array.from({ length: 20 }, () => rig.ports.meter.take('k', hour, 1, 1000)))
      expect(had).toEqual(Array.from({ length: 20 }, () => 1))
      expect(rig.calls()).toHaveLength(1)
    })

    test('when less is left than wanted, what is left is had, and then nothing, without asking the store again', async () => {
      expect(await rig.ports.meter.take('k', hour, 6, 10)).toBe(6)
      expect(await rig.other().meter.take('k', hour, 6, 10)).toBe(4)
      expect(await rig.ports.meter.take('k', hour, 1, 10)).toBe(0)
      rig.calls()
      expect(await rig.ports.meter.take('k', hour, 1, 10)).toBe(0)
      expect(rig.calls()).toEqual([])
    })

    test('more wanted than the whole budget gets no more than the budget', async () => {
      expect(await rig.ports.meter.take('k', hour, 50, 10)).toBe(10)
      expect(await rig.ports.meter.take('k', hour, 1, 10)).toBe(0)
    })

    test('what is given back is had again, in its own hour only', async () => {
      expect(await rig.ports.meter.take('k', hour, 10, 10)).toBe(10)
      rig.ports.meter.give('k', hour, 4)
      expect(await rig.ports.meter.take('k', hour, 10, 10)).toBe(4)
      expect(await rig.ports.meter.take('k', hour + 1, 10, 10)).toBe(10)
      rig.ports.meter.give('k', hour, 4)
      expect(await rig.ports.meter.take('k', hour + 1, 10, 10)).toBe(0)
    })

    test('a process that dies loses what it held and gives nobody more', async () => {
      expect(await rig.ports.meter.take('k', hour, 1, 500)).toBe(1)
      let had = 0
      for (let one = -1, heir = rig.other(); one !== 0; had += one) one = await heir.meter.take('k', hour, 7, 500)
      expect(had).toBe(490)
    })

    test('an answer lost costs quota and gives none; a store that is down gives none', async () => {
      rig.break({ after: 'drop' }, { only: 1 })
      expect(await rig.ports.meter.take('k', hour, 1, 5)).toBe(1)
      rig.break({ before: 'error' })
      await expect(rig.ports.meter.take('k', hour, 1, 5)).rejects.toMatchObject({ code: 'store-unavailable' })
      rig.heal()
      let had = 0
      for (let one = -1; one !== 0; had += one) one = await rig.ports.meter.take('k', hour, 1, 5)
      expect(had).toBe(3)
    })

    test('a budget that policy lowers holds at once, and keys do not run into each other', async () => {
      expect(await rig.ports.meter.take('k', hour, 1, 1000)).toBe(1)
      expect(await rig.ports.meter.take('k', hour, 1, 10)).toBe(0)
      expect(await rig.ports.meter.take('k#1', hour, 1, 10)).toBe(1)
    })
  })
}
