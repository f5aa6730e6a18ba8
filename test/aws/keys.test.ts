import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keysContract } from '../contract/keys.ts'
import { carriers, createRig, type Rig } from '../contract/rig.ts'

for (const carrier of carriers) keysContract(`DynamoDB, ${carrier}`, async () => {
  const rig = await createRig(carrier)
  return { keys: rig.ports.keys, other: () => rig.other().keys, close: rig.close }
})

describe('content keys in DynamoDB', () => {
  let rig: Rig
  beforeEach(async () => { rig = await createRig('signed') })
  afterEach(() => rig.close())
  const sheet = '2026-11-22.AAAAAAAAAAAAAAAA'
  const slots = new Map([[0, new Uint8Array(32).fill(1)], [1, new Uint8Array(32).fill(2)]])

  test('a sheet costs one write, whatever it holds, and a key goes by one', async () => {
    await rig.ports.keys.keep(sheet, slots)
    await rig.ports.keys.destroy(sheet, [0])
    expect(rig.calls()).toEqual(['PutItem', 'UpdateItem'])
  })

  test('kept, and the answer lost: kept again it is the same sheet', async () => {
    rig.break({ after: 'drop' }, { only: 1 })
    await rig.ports.keys.keep(sheet, slots)
    expect((await rig.ports.keys.read(sheet)).size).toBe(2)
  })

  test('a store that does not answer is not a destroyed key', async () => {
    await rig.ports.keys.keep(sheet, slots)
    rig.break({ before: 'throttle' })
    await expect(rig.ports.keys.read(sheet)).rejects.toMatchObject({ code: 'store-unavailable' })
    await expect(rig.ports.keys.destroy(sheet, [0])).rejects.toMatchObject({ code: 'store-unavailable' })
    await expect(rig.ports.keys.keep('2026-11-22.BBBBBBBBBBBBBBBB', slots)).rejects.toMatchObject({ code: 'store-unavailable' })
    rig.heal()
    expect((await rig.ports.keys.read(sheet)).size).toBe(2)
  })

  test('what is no sheet of ours reads and destroys nothing', async () => {
    for (const odd of ['', 'x', '2026-11-22.', '2026-11-22.AAAAAAAAAAAAAAA#', `${sheet}.0`]) {
      await expect(rig.ports.keys.read(odd)).rejects.toMatchObject({ code: 'internal' })
      await expect(rig.ports.keys.destroy(odd, 'all')).rejects.toMatchObject({ code: 'internal' })
    }
  })
})
