import { describe, expect, test } from 'vitest'
import { createIds } from '../../functions/aws/ulid.ts'
import type { Ledger, Requests } from '../../functions/ports.ts'
import { open } from '../../functions/record/cipher.ts'
import { sealing } from '../../functions/record/content.ts'
import { readKeyId } from '../../functions/record/keyring.ts'
import { entryOf } from '../../functions/record/log/entry.ts'
import { join, openOf, split } from '../../schema/content.ts'
import type { Event, Id } from '../../schema/event.ts'
import { events } from './export/events.ts'
import { createMemoryKeys } from '../support/keys.ts'
import { all, intent, key, sealed, withoutContent } from './sealed.ts'

describe('what is content', () => {
  test.each(all.map((event) => [event.kind, event] as const))('a %s is whole again after it was sealed and opened', (_, event) => {
    const kept = sealed(event)
    const back = kept.content === undefined ? kept : open(key, kept)          // some kinds have nothing to seal
    expect(back && withoutContent(back)).toEqual(event)
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

describe('the rim', () => {
  function rim() {
    const stored = new Map<string, Event>()
    const given: (Event | null)[] = []
    const ledger: Ledger = {
      append: async (event) => { stored.set(event.id, event); return 'stored' }, get: async (id) => stored.get(id) ?? null,
      list: async () => ({ events: [...stored.values()], next: null }), async *scan() { yield { events: [...stored.values()], damaged: [], until: Infinity } }, unsettled: async () => [...stored.values()].filter((event) => event.kind === 'intent'),
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

  test('one event whose sealing is none is told as damaged, and hides neither the others of its page nor an intent from the sweeper', async () => {
    const { stored, keys, rim: mine } = rim()
    await mine.ledger.append(events.intent)
    const { content, ...open } = stored.get(events.intent.id)!
    const commitment = 'a'.repeat(64)
    const key = content?.key ?? ''
    const odd = [null, 7, 'x', [], {}, { key: null }, { key: 5 }, { key: [key] }, { key: { toString: 1 } }, { key, text: 5, commitment }, { key, text: null, commitment }, { key, text: {}, commitment: [commitment] }, { key, text: content?.text, commitment: [content?.commitment] },
      { key: `${key}\n`, text: content?.text, commitment: content?.commitment }]
    for (const one of odd) {
      const id = createIds(Date.now)('evt')
      stored.set(id, { ...open, id, content: one } as unknown as Event)
    }
    const { events: page } = await mine.ledger.list({}, { limit: 100, after: null })
    expect(page.map((event) => event.content?.state)).toEqual([undefined, ...odd.map(() => 'damaged')])
    expect(await mine.ledger.unsettled(0, 100)).toHaveLength(1 + odd.length)
    for (const id of stored.keys()) expect(await mine.ledger.get(id as Id<'evt'>)).toMatchObject({ kind: 'intent', content: { key: expect.any(String) as string } })
    keys.state.broken = true
    await expect(mine.ledger.list({}, { limit: 1, after: null })).rejects.toMatchObject({ code: 'store-unavailable' })
  })

  test('a key whose bytes are none is damage, and no fault of the store', async () => {
    const { stored, keys, rim: mine } = rim()
    await mine.ledger.append(events.intent)
    for (const sheet of keys.rows.values()) for (const slot of sheet.keys()) sheet.set(slot, null as unknown as Uint8Array)
    expect(await mine.ledger.get(events.intent.id)).toMatchObject({ content: { state: 'damaged' } })
    expect(stored.size).toBe(1)
  })

  test('ids of keys come with the event, so that whoever erases knows what to destroy', async () => {
    const { rim: mine } = rim()
    const id = createIds(Date.now)('evt') as Id<'evt'>
    await mine.ledger.append({ ...intent, id })
    expect(readKeyId((await mine.ledger.get(id))!.content!.key)).not.toBeNull()
  })
})
