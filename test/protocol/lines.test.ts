import { describe, expect, test } from 'vitest'
import { maskLines } from '../../functions/protocol/lines.ts'
import { detectorNames, type DetectorName } from '../../schema/policy.ts'

function through(text: string | Uint8Array, size = Infinity, names: readonly DetectorName[] = detectorNames) {
  const masker = maskLines(names)
  const bytes = Buffer.from(text)
  const out: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) out.push(Uint8Array.from(masker.write(Uint8Array.from(bytes.subarray(at, at + size)))))
  out.push(masker.end())
  return { bytes: Buffer.concat(out), text: Buffer.concat(out).toString('utf8'), masker }
}
describe('lines of a log', () => {
  const log = 'starting\nlogin of ada@example.com with password=hunter2-XY99z\n\ncard 4111 1111 1111 1111 ok\nlast line'
  test('lose what has the form of a secret, wherever the pieces meet', () => {
    const whole = through(log)
    expect(whole.text).toBe('starting\nlogin of [redacted: email] with password=[redacted: secret]\n\ncard [redacted: credit-card] ok\nlast line')
    for (let size = 1; size < 40; size++) expect(through(log, size).text).toBe(whole.text)
    expect([whole.masker.items, whole.masker.detected]).toEqual([5, { email: 1, secret: 1, 'credit-card': 1 }])
  })
  test('are the same bytes where nothing is found, utf-8 or not', () => {
    const bytes = Buffer.from([0x61, 0xff, 0xfe, 0x0a, 0x00, 0xc3, 0xa9, 0x0a, 0x0d, 0x0a, 0xe2, 0x82])
    for (const size of [1, 3, 100]) expect(through(bytes, size).bytes).toEqual(bytes)
    expect(through(bytes, 5, []).bytes).toEqual(bytes)
  })
  test('that are no utf-8 are looked through as well', () => {
    expect(through(Buffer.concat([Buffer.from([0xff]), Buffer.from(' ada@example.com\n')])).bytes.toString('latin1')).toBe('\u00ff [redacted: email]\n')
  })
  test('of a private key are hidden, all of them', () => {
    const key = `before\n-----BEGIN RSA PRIVATE KEY-----\nMIIEcanary\nMIIEcanary2\n-----END RSA PRIVATE KEY-----\nafter\n`
    for (const size of [1, 9, 1000]) {
      const { text } = through(key, size)
      expect(text).not.toMatch(/canary|MIIE/)
      expect(text).toMatch(/^before\n[^]*\nafter\n$/)
    }
  })
  test.each(['', '2026-11-22T10:00:00.123456789Z '])('of a private key are hidden where the log begins in the middle of it (%s)', (time) => {
    const body = (n: number) => `${time}${'MIIEcanary'.repeat(6)}${n}${'x'.repeat(3)}\n`
    for (const size of [1, 50, 1000]) {
      const { text } = through(`${body(1)}${body(2)}${time}QkFi==\n${time}-----END RSA PRIVATE KEY-----\n${time}after\n${body(3)}`, size)
      expect(text.split('\n').slice(0, 3)).toEqual(Array(3).fill('[redacted: secret]'))
      expect(text).toContain('after')
    }
    expect(through('starting\nready\n').text).toBe('starting\nready\n')
  })
  test('too long to be looked through are withheld, and the next is not', () => {
    const { text, masker } = through(`a\n${'password '.repeat(40_000)}\nb\n`, 10_000)
    expect(text).toBe('a\n[withheld: line too long to inspect]\nb\n')
    expect(masker.items).toBe(3)
    expect(through('x'.repeat(300_000), 5000).text).toBe('[withheld: line too long to inspect]\n')
  })
})
describe('what no detector need read', () => {
  const quiet = `${'\n'.repeat(5000)}${'abc\né\n12345\n'.repeat(500)}`
  test('leaves in one piece, as it came, and is counted', () => {
    const { bytes, masker } = through(quiet)
    expect([bytes.toString() === quiet, masker.items]).toEqual([true, 6500])
    const given = Buffer.from(quiet)
    expect(maskLines(detectorNames).write(given).buffer).toBe(given.buffer)          // not a line of it was taken apart
  })
  test.each(['a@b.cd', '4111111111111111', '078-05-1120', 'DE89370400440532013000', 'password=hunter2-XY99z', '٤111111111111111', 'a@b．cd'])('ends at the shortest that one does: %s', (found) => {
    for (const size of [1, 4, Infinity]) {
      const { text, masker } = through(`${quiet}${found}\n${quiet}${found}`, size)
      expect(text.replace(/\[redacted: [a-z-]+\]/g, '*').replaceAll('password=', '')).toBe(`${quiet}*\n${quiet}*`)
      expect(masker.items).toBe(13_002)
    }
  })
  test('is what it was, behind a key that has no end and lines of one without a beginning', () => {
    const key = `${'QUJD'.repeat(12)}\n`
    expect(through(`${key}a\nb\n\nc\n`).text).toBe(`${'[redacted: secret]\n'.repeat(3)}\nc\n`)
    expect(through(`-----BEGIN PRIVATE KEY-----\n${'a\n'.repeat(300)}`).text).toBe(`${'[redacted: secret]\n'.repeat(201)}${'a\n'.repeat(100)}`)
  })
})
