import { describe, expect, test } from 'vitest'
import { createFinder, createKeyring, readKeyId, sheetMs } from '../../functions/record/keyring.ts'
import { createMemoryKeys } from '../support/keys.ts'

describe('a process\'s keys', () => {
  const clock = { ms: Date.parse('2026-11-22T09:00:00.000Z') }
  const session = (n: number) => `ses_${String(n).padStart(26, '0')}`
  function ring() {
    const keys = createMemoryKeys()
    return { keys, ring: createKeyring({ keys, now: () => clock.ms }) }
  }

  test('one for each session, kept before it is used, in few writes', async () => {
    const { keys, ring: mine } = ring()
    const taken = new Set<string>()
    for (let n = 0; n < 400; n++) {
      const { id } = await mine.take(session(n))
      expect(await createFinder(keys)(id)).not.toBeNull()
      taken.add(id)
    }
    expect(taken.size).toBe(400)
    expect([...keys.rows.values()].map(({ size }) => size)).toEqual([16, 32, 64, 128, 128, 128])
    expect((await mine.take(session(7))).id).toBe((await mine.take(session(7))).id)
  })

  test('many at once take different slots of one sheet', async () => {
    const { keys, ring: mine } = ring()
    const ids = await Promise.all(Array.from({ length: 16 }, async (_, n) => (await mine.take(session(n))).id))
    expect(new Set(ids).size).toBe(16)
    expect(keys.rows.size).toBe(1)
  })

  test('two processes never share one', async () => {
    const keys = createMemoryKeys()
    const [a, b] = [createKeyring({ keys, now: () => clock.ms }), createKeyring({ keys, now: () => clock.ms })]
    expect((await a.take(session(1))).id).not.toBe((await b.take(session(1))).id)
  })

  test('an hour later a session gets another, of a sheet of that hour, so that a sheet\'s day bounds the age of all it sealed', async () => {
    const { ring: mine } = ring()
    const first = (await mine.take(session(1))).id
    clock.ms += sheetMs
    const second = (await mine.take(session(1))).id
    expect(readKeyId(second)!.sheet).not.toBe(readKeyId(first)!.sheet)
  })

  test('a sheet that could not be kept seals nothing, and the next ask makes another', async () => {
    const { keys, ring: mine } = ring()
    keys.state.broken = true
    await expect(mine.take(session(1))).rejects.toMatchObject({ code: 'store-unavailable' })
    keys.state.broken = false
    expect(await createFinder(keys)((await mine.take(session(1))).id)).not.toBeNull()
  })

  test('what this process destroys it seals nothing under any more, at once; other sessions keep theirs', async () => {
    const { keys, ring: mine } = ring()
    const [first, second] = [(await mine.take(session(1))).id, (await mine.take(session(2))).id]
    const { sheet, slot } = readKeyId(first)!
    mine.drop(sheet, [slot])
    await keys.destroy(sheet, [slot])
    const again = (await mine.take(session(1))).id
    expect([again === first, (await mine.take(session(2))).id]).toEqual([false, second])
    expect(await createFinder(keys)(again)).not.toBeNull()
    mine.drop(readKeyId(again)!.sheet, 'all')
    expect(readKeyId((await mine.take(session(3))).id)!.sheet).not.toBe(sheet)
  })

  test.each([['a key', (sheet: string, slot: number) => [sheet, [slot]] as const], ['a whole sheet', (sheet: string) => [sheet, 'all'] as const]])('%s that another process destroyed seals nothing after a minute, by one read a minute', async (_, doomed) => {
    const { keys, ring: mine } = ring()
    const [first, second] = [(await mine.take(session(1))).id, (await mine.take(session(2))).id]
    const { sheet, slot } = readKeyId(first)!
    const [, slots] = doomed(sheet, slot)
    await keys.destroy(sheet, slots)
    clock.ms += 60_000
    const again = await Promise.all([mine.take(session(1)), mine.take(session(1)), mine.take(session(2)), mine.take(session(3))])
    for (const { id } of again) expect(await createFinder(keys)(id), id).not.toBeNull()
    expect([again[0].id === first, again[1].id === again[0].id, again[2].id === second]).toEqual([false, true, slots !== 'all'])
    const reads = keys.state.reads
    for (let n = 0; n < 100; n++) await mine.take(session(n % 4))
    expect(keys.state.reads).toBe(reads)
  })

  test('a key that somebody put another in the place of seals nothing: nobody could open it', async () => {
    const { keys, ring: mine } = ring()
    const { sheet, slot } = readKeyId((await mine.take(session(1))).id)!
    keys.rows.get(sheet)!.set(slot, new Uint8Array(32).fill(1))
    clock.ms += 60_000
    expect((await mine.take(session(1))).id).not.toBe(`${sheet}.${slot}`)
  })

  test('where the store does not say, a key is used five minutes more and not longer, and it is asked again', async () => {
    const { keys, ring: mine } = ring()
    const first = (await mine.take(session(1))).id
    keys.state.broken = true
    for (let minute = 1; minute < 5; minute++) {
      clock.ms += 60_000
      expect((await mine.take(session(1))).id).toBe(first)
      expect((await mine.take(session(1))).id).toBe(first)
    }
    clock.ms += 60_000
    await expect(mine.take(session(1))).rejects.toMatchObject({ code: 'store-unavailable' })
    await expect(mine.take(session(9))).rejects.toMatchObject({ code: 'store-unavailable' })
    keys.state.broken = false
    expect((await mine.take(session(1))).id).toBe(first)
  })

  test('a process that slept looks before it seals, however long', async () => {
    const { keys, ring: mine } = ring()
    const { sheet } = readKeyId((await mine.take(session(1))).id)!
    clock.ms += sheetMs - 1
    await keys.destroy(sheet, 'all')
    expect(await createFinder(keys)((await mine.take(session(1))).id)).not.toBeNull()
  })

  test('no key is in memory when it is destroyed or its hour is over, and what was about to seal still does', async () => {
    const views: Uint8Array[] = []
    const keys = createMemoryKeys()
    const mine = createKeyring({ keys: { read: keys.read, keep: async (id, slots) => { views.push(...slots.values()); await keys.keep(id, slots) } }, now: () => clock.ms })
    const held = await mine.take(session(1))
    const { sheet, slot } = readKeyId(held.id)!
    mine.drop(sheet, [slot])
    expect(views.map((bytes) => bytes.every((byte) => byte === 0)).filter(Boolean)).toEqual([true])
    expect(Buffer.from(held.secret)).toEqual(Buffer.from(keys.rows.get(sheet)!.get(slot)!))
    clock.ms += sheetMs
    await mine.take(session(2))
    expect(views.slice(0, 16).every((bytes) => bytes.every((byte) => byte === 0))).toBe(true)
    expect(views.slice(16).some((bytes) => bytes.every((byte) => byte === 0))).toBe(false)
  })

  test('what is no key id of ours is none', async () => {
    for (const odd of ['', 'x', '2026-11-22.AAAAAAAAAAAAAAAA', '2026-11-22.AAAAAAAAAAAAAAAA.', '2026-11-22.AAAAAAAAAAAAAAAA.1000', '2026-11-22.AAAAAAAAAAAAAAAA.-1', '../2026-11-22.AAAAAAAAAAAAAAAA.1']) {
      expect(readKeyId(odd), odd).toBeNull()
      expect(await createFinder(createMemoryKeys())(odd)).toBeNull()
    }
  })
})
