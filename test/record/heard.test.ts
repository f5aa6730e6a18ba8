import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createHearing, type Part } from '../../functions/record/heard.ts'
import { maxEventBytes } from '../../schema/item.ts'

function listening() {
  const parts: Part[] = []
  return { parts, hearing: createHearing(async (part) => { parts.push(part) }) }
}
const bytesOf = (parts: readonly Part[], stream: Part['stream']) => Buffer.concat(parts.filter((part) => part.stream === stream).map(({ text, base64 }) => (text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text))))
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('what a command writes', () => {
  test('stands in its outcome where it is short', async () => {
    const { parts, hearing } = listening()
    await hearing.hear('stdout', Buffer.from('hel'))
    await hearing.hear('stderr', Buffer.from('oh'))
    await hearing.hear('stdout', Buffer.from('lo\n'))
    expect([await hearing.end(), parts]).toEqual([{ stdout: 'hello\n', stderr: 'oh' }, []])
  })
  test('is in parts where it is long: each fits an event, together they are all of it, and the outcome binds them', async () => {
    const { parts, hearing } = listening()
    const all = Buffer.from(Array.from({ length: 60_000 }, (_, n) => `line ${n} é€😀\n`).join(''))
    for (let at = 0; at < all.length; at += 32_001) await hearing.hear('stdout', all.subarray(at, at + 32_001))
    await hearing.hear('stderr', Buffer.from('done'))
    const said = await hearing.end()
    expect(bytesOf(parts, 'stdout').equals(all)).toBe(true)
    expect(said).toEqual({ parts: parts.length, stdout: { bytes: all.length, sha256: sha256(all) }, stderr: { bytes: 4, sha256: sha256(Buffer.from('done')) } })
    expect(parts.map(({ part }) => part)).toEqual(parts.map((_, at) => at + 1))
    for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(maxEventBytes - 4000)
    expect(parts.every(({ text }) => text !== undefined)).toBe(true)
  })
  test('costs no more in bytes than in pages: it is not copied again for each of them', async () => {
    const { parts, hearing } = listening()
    const all = Buffer.from(Array.from({ length: 60_000 }, (_, n) => `line ${n}\n`).join(''))
    const { concat } = Buffer
    let copied = 0
    Buffer.concat = (list, total) => { const made = concat(list, total); copied += made.length; return made }
    try {
      for (let at = 0; at < all.length; at++) await hearing.hear('stdout', all.subarray(at, at + 1))
    } finally {
      Buffer.concat = concat
    }
    await hearing.end()
    expect(bytesOf(parts, 'stdout').equals(all)).toBe(true)
    expect(copied).toBeLessThan(2 * all.length)
  })
  test.each<[string, Buffer]>([['no text', Buffer.alloc(400_000, 0xff)], ['controls, which JSON writes six times as long', Buffer.alloc(400_000, 0x01)], ['one line without an end', Buffer.from('é'.repeat(300_000))], ['short, and no text', Buffer.from([0x61, 0xff])]])('is kept byte for byte: %s', async (_, all) => {
    const { parts, hearing } = listening()
    await hearing.hear('stderr', all)
    await hearing.end()
    expect(bytesOf(parts, 'stderr').equals(all)).toBe(true)
    for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(maxEventBytes - 4000)
  })
  test('loses what opens a door, also where a part would end inside it', async () => {
    for (const before of [0, 170_000, 179_000, 184_200, 184_300]) {
      const { parts, hearing } = listening()
      const key = `-----BEGIN PRIVATE KEY-----\n${'Q0FOQVJZQ0FOQVJZ\n'.repeat(300)}-----END PRIVATE KEY-----\n`
      const all = Buffer.from(`${'x'.repeat(99)}\n`.repeat(Math.floor(before / 100)) + key + `${'y'.repeat(99)}\n`.repeat(3000))
      for (let at = 0; at < all.length; at += 30_000) await hearing.hear('stdout', all.subarray(at, at + 30_000))
      await hearing.end()
      const kept = bytesOf(parts, 'stdout').toString()
      expect([kept.includes('Q0FOQVJZ'), kept.includes('[redacted: private key]'), kept.endsWith('y\n')], String(before)).toEqual([false, true, true])
    }
  })
  test('that cannot be stored is an error of whoever tells it', async () => {
    const hearing = createHearing(async () => { throw new Error('no store') })
    await expect(hearing.hear('stdout', Buffer.alloc(200_000, 'a'))).rejects.toThrow('no store')
  })
})
