import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ContentKeys, Slots } from '../../functions/ports.ts'

export interface KeysRig { readonly keys: ContentKeys; /** Another process. */ other(): ContentKeys; close(): Promise<void> }
const sheetOf = (day = '2026-11-22') => `${day}.${randomBytes(12).toString('base64url')}`
const slotsOf = (count: number): Slots => new Map(Array.from({ length: count }, (_, slot) => [slot, new Uint8Array(randomBytes(32))]))
const hex = (slots: Slots) => Object.fromEntries([...slots].map(([slot, key]) => [slot, Buffer.from(key).toString('hex')]))

/** What ContentKeys promises, whoever keeps them. */
export function keysContract(name: string, create: () => Promise<KeysRig>): void {
  describe(`content keys by ${name}`, () => {
    let rig: KeysRig
    beforeEach(async () => { rig = await create() })
    afterEach(() => rig.close())

    test('a sheet is there for every process once it is kept, and kept again it is the same', async () => {
      const [sheet, slots] = [sheetOf(), slotsOf(128)]
      await rig.keys.keep(sheet, slots)
      await rig.keys.keep(sheet, slots)
      expect(hex(await rig.other().read(sheet))).toEqual(hex(slots))
    })

    test('other keys under the same id are refused, and change nothing', async () => {
      const [sheet, slots] = [sheetOf(), slotsOf(4)]
      await rig.keys.keep(sheet, slots)
      await expect(rig.keys.keep(sheet, slotsOf(4))).rejects.toMatchObject({ code: 'internal' })
      expect(hex(await rig.keys.read(sheet))).toEqual(hex(slots))
    })

    test('a sheet that has lost a key is not made whole by keeping it again', async () => {
      const [sheet, slots] = [sheetOf(), slotsOf(4)]
      await rig.keys.keep(sheet, slots)
      await rig.keys.destroy(sheet, [2])
      await expect(rig.keys.keep(sheet, slots)).rejects.toMatchObject({ code: 'internal' })
      expect([...(await rig.keys.read(sheet)).keys()].toSorted()).toEqual([0, 1, 3])
    })

    test('a destroyed key is gone for every process at once, and the others stay', async () => {
      const [sheet, slots] = [sheetOf(), slotsOf(16)]
      await rig.keys.keep(sheet, slots)
      const reader = rig.other()
      await reader.read(sheet)
      await rig.keys.destroy(sheet, [0, 7, 15])
      const left = await reader.read(sheet)
      expect([...left.keys()].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14])
      expect(hex(left)[8]).toBe(hex(slots)[8])
    })

    test('destroying twice, nothing, or what never was does no harm and makes no sheet', async () => {
      const [sheet, none] = [sheetOf(), sheetOf()]
      await rig.keys.keep(sheet, slotsOf(2))
      for (const slots of [[1], [1], [], [99], 'all', 'all', [0]] as const) await rig.keys.destroy(sheet, slots)
      await rig.keys.destroy(none, [0])
      await rig.keys.destroy(none, 'all')
      expect((await rig.keys.read(sheet)).size).toBe(0)
      expect(await rig.keys.sheets('2026-11-22', 10)).toEqual([])
    })

    test('the sheets of a day are those made on it, at most as many as asked for', async () => {
      const mine = [sheetOf('2026-11-21'), sheetOf('2026-11-21'), sheetOf('2026-11-21')]
      for (const sheet of [...mine, sheetOf('2026-11-22')]) await rig.keys.keep(sheet, slotsOf(1))
      expect((await rig.keys.sheets('2026-11-21', 10)).toSorted()).toEqual(mine.toSorted())
      expect((await rig.keys.sheets('2026-11-21', 2)).length).toBe(2)
      expect(await rig.keys.sheets('2026-11-20', 10)).toEqual([])
    })
  })
}
