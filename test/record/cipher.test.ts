import fc from 'fast-check'
import { createHmac, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { contentKey, disclose, open } from '../../functions/record/cipher.ts'
import { commit } from '../../functions/record/commitment.ts'
import { entryOf } from '../../functions/record/log/entry.ts'
import type { Event } from '../../schema/event.ts'
import { events } from './export/events.ts'
import { intent, key, sealed, withoutContent } from './sealed.ts'

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
