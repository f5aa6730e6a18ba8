import fc from 'fast-check'
import { createHmac, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createIds } from '../../functions/aws/ulid.ts'
import type { Ledger, Requests } from '../../functions/ports.ts'
import { contentKey, disclose, open, seal } from '../../functions/record/cipher.ts'
import { commit } from '../../functions/record/commitment.ts'
import { sealing } from '../../functions/record/content.ts'
import { createFinder, createKeyring, readKeyId, sheetMs } from '../../functions/record/keyring.ts'
import { entryOf } from '../../functions/record/log/entry.ts'
import { join, openOf, split } from '../../schema/content.ts'
import type { Event, Id } from '../../schema/event.ts'
import { events } from './export/events.ts'
import { createMemoryKeys } from '../support/keys.ts'

const key = contentKey('2026-11-22.AAAAAAAAAAAAAAAA.3', new Uint8Array(32).fill(7))
const sealed = (event: Event, under = key): Event => {
  const { open: rest, content } = split(event)
  return content === null ? event : seal(under, rest, content)
}
const withoutContent = ({ content: _content, ...event }: Event) => event
const all = Object.values(events)
const intent = events.intent as Event & { kind: 'intent' }

describe('what is content', () => {
  test.each(all.map((event) => [event.kind, event] as const))('a %s is whole again after it was sealed and opened', (_, event) => {
    expect(withoutContent(open(key, sealed(event)) ?? event)).toEqual(event)
  })

  test('what a caller or a person wrote, what a target said, and digests over it are in no sealed event', () => {
    const marked = (text: string) => JSON.parse(JSON.stringify(all).replaceAll(/"(sql|purpose|detail|inner|reason|callKey)":"[^"]*"/g, (_, name: string) => `"${name}":"${text}"`)) as Event[]
    const canary = 'canary-8d1f'
    for (const event of marked(canary)) {
      const kept = JSON.stringify(sealed({ ...event, ...('refusal' in event && event.refusal ? { refusal: { ...event.refusal, reason: 'no_rule' } } : {}), ...(event.kind === 'stale' || event.kind === 'lock' ? { change: { ...event.change, reason: 'r', set: null } } : {}) } as Event))
      expect(kept, event.kind).not.toContain(canary)
    }
  })

  test('who, what was accessed, rules, masks, counts, times and a refusal\'s slug stay in clear', () => {
    for (const event of all) {
      const kept = sealed(event) as unknown as Record<string, unknown>
      for (const member of ['id', 'at', 'kind', 'who', 'session', 'evaluation', 'connection', 'policy', 'accesses', 'rules', 'masks', 'rowCounts', 'durationMs', 'intent', 'request', 'deadline']) expect(kept[member], `${event.kind} ${member}`).toEqual((event as unknown as Record<string, unknown>)[member])
      const { refusal } = event as { refusal?: { slug: string; reason: string } | null }
      if (refusal) expect(kept['refusal']).toMatchObject({ slug: refusal.slug, reason: refusal.reason })
    }
  })

  test('the log\'s leaf is the same, whoever brings the event: as it was stored, opened, or erased', () => {
    for (const event of all) {
      const kept = sealed(event)
      const leaf = entryOf(kept)
      expect(Buffer.from(entryOf(open(key, kept) ?? kept)).equals(leaf), event.kind).toBe(true)
      if (kept.content !== undefined) for (const state of ['erased', 'damaged'] as const) expect(Buffer.from(entryOf(join(kept, state))).equals(leaf), event.kind).toBe(true)
      expect(Buffer.from(leaf).toString()).not.toContain(kept.content?.text ?? 'no ciphertext')
    }
  })

  test('an event of a kind that nobody has said the content of is whole in clear rather than half', () => {
    const odd = { ...intent, kind: 'toString' } as unknown as Event
    expect(split(odd)).toEqual({ open: odd, content: null })
  })
})

describe('sealing', () => {
  test('commitments are HMAC-SHA-256 as everybody else computes it', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.string({ unit: 'binary', maxLength: 300 }), (opening, text) => {
      expect(commit(opening, text).equals(createHmac('sha256', opening).update(text).digest())).toBe(true)
    }))
  })

  test('a commitment to long content is one too, and leaves nothing behind that changes the next', () => {
    const opening = randomBytes(32)
    for (const length of [0, 1, 8127, 8128, 8129, 300_000, 8128, 8127, 3]) {
      const text = 'x'.repeat(length)
      expect(commit(opening, text).toString('hex')).toBe(createHmac('sha256', opening).update(text).digest('hex'))
    }
  })

  test('any content opens as it was, under its own key, event and bytes alone', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 3 }), fc.string({ unit: 'grapheme' }), (param, sql) => {
      const event = { ...intent, statements: [{ sql, params: [JSON.parse(JSON.stringify(param)) as never] }] }
      expect(withoutContent(open(key, sealed(event))!)).toEqual(event)
    }))
  })

  test('half characters, which canonical json cannot say, are kept', () => {
    const event = { ...intent, purpose: 'lone \ud800 surrogate' }
    expect(open(key, sealed(event))).toMatchObject({ purpose: 'lone \ud800 surrogate' })
    expect(commit(Buffer.from(disclose(key, event)!.opening, 'hex'), disclose(key, event)!.text).toString('hex')).toBe(sealed(event).content?.commitment)
  })

  test('the same event twice is the same bytes, so that a write sent again knows itself', () => {
    expect(sealed(intent)).toEqual(sealed({ ...intent }))
  })

  test('the same content under two events, or of two sessions, shows nowhere that it is the same', () => {
    const twin = { ...intent, id: events.refusal.id }
    const other = contentKey('2026-11-22.AAAAAAAAAAAAAAAA.4', new Uint8Array(32).fill(8))
    const [a, b, c] = [sealed(intent), sealed(twin), sealed(intent, other)].map(({ content }) => content!)
    expect(new Set([a!.commitment, b!.commitment, c!.commitment]).size).toBe(3)
    expect(new Set([a!.text, b!.text, c!.text]).size).toBe(3)
  })

  test('every changed byte, another event\'s content, another key and no text do not open', () => {
    const kept = sealed(intent)
    const bytes = Buffer.from(kept.content!.text!, 'base64')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1 << at % 8
      expect(open(key, { ...kept, content: { ...kept.content!, text: changed.toString('base64') } })).toBeNull()
    }
    expect(open(key, { ...kept, id: events.refusal.id })).toBeNull()
    expect(open(contentKey(key.id, randomBytes(32)), kept)).toBeNull()
    for (const text of [undefined, '', 'AAAA', '*']) expect(open(key, { ...kept, content: { key: key.id, commitment: kept.content!.commitment, ...(text === undefined ? {} : { text }) } })).toBeNull()
    for (const commitment of ['', 'ff', 'f'.repeat(64), `${kept.content!.commitment.slice(0, 63)}g`]) expect(open(key, { ...kept, content: { ...kept.content!, commitment } })).toBeNull()
  })

  test('content changed after it was opened does not disclose as what was committed to', () => {
    const read = open(key, sealed(intent))!
    const forged = disclose(key, { ...read, purpose: 'another purpose' } as Event)!
    expect(commit(Buffer.from(forged.opening, 'hex'), forged.text).toString('hex')).not.toBe(read.content?.commitment)
  })

  test('an opening key says nothing of another event\'s commitment, and only 32 bytes are one', () => {
    const { opening, text } = disclose(key, intent)!
    const twin = sealed({ ...intent, id: events.refusal.id })
    expect(commit(Buffer.from(opening, 'hex'), text).toString('hex')).not.toBe(twin.content?.commitment)
    for (const length of [0, 31, 33, 64]) expect(() => commit(new Uint8Array(length), text)).toThrow(RangeError)
  })

  test('a million guesses need the key: the leaf of a one-word content differs from every unkeyed digest of it', () => {
    const leaf = Buffer.from(entryOf(sealed({ ...intent, purpose: 'yes', statements: [] }))).toString()
    expect(leaf).not.toContain('"yes"')
    expect(JSON.parse(leaf)).toMatchObject({ event: { content: { commitment: expect.stringMatching(/^[0-9a-f]{64}$/) } } })
  })
})

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

describe('the rim', () => {
  function rim() {
    const stored = new Map<string, Event>()
    const given: (Event | null)[] = []
    const ledger: Ledger = {
      append: async (event) => { stored.set(event.id, event); return 'stored' }, get: async (id) => stored.get(id) ?? null,
      list: async () => ({ events: [...stored.values()], next: null }), unsettled: async () => [...stored.values()].filter((event) => event.kind === 'intent'),
    }
    const requests = { create: async (...[, event]: Parameters<Requests['create']>) => { given.push(event); return { created: true as const } }, swap: async (...[, event]: Parameters<Requests['swap']>) => { given.push(event); return true } }
    const keys = createMemoryKeys()
    return { stored, given, keys, rim: sealing({ ledger, requests }, keys, () => Date.parse('2026-11-22T09:00:00.000Z')) }
  }

  test('no event passes it in clear, by whichever way it is stored, and each comes back whole', async () => {
    const { stored, given, rim: mine } = rim()
    for (const event of all) {
      await mine.ledger.append(event)
      await mine.requests.create({} as never, event, 0)
      await mine.requests.swap({} as never, event)
      expect(withoutContent((await mine.ledger.get(event.id))!)).toEqual(event)
    }
    await mine.requests.swap({} as never, null)
    for (const event of [...stored.values(), ...given]) if (event !== null) expect(split(event).content, event.kind).toBeNull()
    expect(given.at(-1)).toBeNull()
    expect((await mine.ledger.list({}, { limit: 100, after: null })).events.map(withoutContent)).toEqual(all)
    expect((await mine.ledger.unsettled(0, 1)).map(withoutContent)).toEqual([events.intent])
  })

  test('without keys nothing with content is stored, and what has none needs no key', async () => {
    const { stored, keys, rim: mine } = rim()
    keys.state.broken = true
    await expect(mine.ledger.append(events.intent)).rejects.toMatchObject({ code: 'store-unavailable' })
    await expect(mine.requests.swap({} as never, events.request)).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(stored.size).toBe(0)
    for (const event of all) if (split(event).content === null) await mine.ledger.append(event)
    expect(stored.size).toBeGreaterThan(5)
  })

  test('destroyed is destroyed for a process that has used the key, at its next look', async () => {
    const { keys, rim: mine } = rim()
    await mine.ledger.append(events.intent)
    expect(await mine.ledger.get(events.intent.id)).toMatchObject({ purpose: intent.purpose })
    for (const sheet of keys.rows.keys()) await keys.destroy(sheet, 'all')
    const gone = await mine.ledger.get(events.intent.id)
    expect(gone).toMatchObject({ accesses: intent.accesses, content: { state: 'erased' } })
    expect(gone).not.toHaveProperty('statements')
    expect(openOf(gone!).content).not.toHaveProperty('state')
  })

  test('what is written after an erasure can be read, by whom the session goes on with', async () => {
    const { keys, rim: mine } = rim()
    await mine.ledger.append(events.intent)
    const { sheet, slot } = readKeyId((await mine.ledger.get(events.intent.id))!.content!.key)!
    keys.state.broken = true
    await expect(mine.keys.destroy(sheet, [slot])).rejects.toMatchObject({ code: 'store-unavailable' })
    keys.state.broken = false
    await mine.keys.destroy(sheet, [slot])
    const after = { ...intent, id: createIds(Date.now)('evt') }
    await mine.ledger.append(after)
    expect(await mine.ledger.get(events.intent.id)).toMatchObject({ content: { state: 'erased' } })
    expect(await mine.ledger.get(after.id)).toMatchObject({ purpose: intent.purpose })
  })

  test('a store of keys that does not answer is no erasure', async () => {
    const { keys, rim: mine } = rim()
    await mine.ledger.append(events.intent)
    keys.state.broken = true
    await expect(mine.ledger.get(events.intent.id)).rejects.toMatchObject({ code: 'store-unavailable' })
    await expect(mine.ledger.list({}, { limit: 1, after: null })).rejects.toMatchObject({ code: 'store-unavailable' })
  })

  test('ids of keys come with the event, so that whoever erases knows what to destroy', async () => {
    const { rim: mine } = rim()
    const id = createIds(Date.now)('evt') as Id<'evt'>
    await mine.ledger.append({ ...intent, id })
    expect(readKeyId((await mine.ledger.get(id))!.content!.key)).not.toBeNull()
  })
})
