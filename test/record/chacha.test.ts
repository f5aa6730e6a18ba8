import fc from 'fast-check'
import { createCipheriv } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { chacha, wordsOf } from '../../functions/record/chacha.ts'
import { contentKey, open, seal } from '../../functions/record/cipher.ts'
import { split } from '../../schema/content.ts'
import { events } from './export/events.ts'

function ours(key: Uint8Array, nonce: Uint8Array, text: Uint8Array): Buffer {
  const words = new Uint32Array(Math.ceil(text.length / 64) * 16)
  const bytes = Buffer.from(words.buffer)
  bytes.set(text)
  chacha(wordsOf(key), nonce, words, text.length)
  return bytes.subarray(0, text.length)
}
const theirs = (key: Uint8Array, nonce: Uint8Array, text: Uint8Array): Buffer => createCipheriv('chacha20', key, Buffer.concat([Buffer.alloc(4), nonce])).update(text)

describe('ChaCha20', () => {
  test.each([
    ['of zeros (RFC 8439, A.1, 1)', '00'.repeat(32), '00'.repeat(12), '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586'],
    ['with the last bit of the nonce (A.1, 5)', '00'.repeat(32), `${'00'.repeat(11)}02`, 'c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c78a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d'],
  ])('gives the keystream %s', (_, key, nonce, stream) => {
    expect(ours(Buffer.from(key, 'hex'), Buffer.from(nonce, 'hex'), Buffer.alloc(64)).toString('hex')).toBe(stream)
  })

  test('is what OpenSSL does, for any key, nonce and length', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ minLength: 12, maxLength: 12 }), fc.uint8Array({ maxLength: 700, size: 'max' }), (key, nonce, text) => {
      expect(ours(key, nonce, text).equals(theirs(key, nonce, text))).toBe(true)
    }))
  })

  test('takes no other key, no other nonce, and no text without room for whole blocks', () => {
    const [key, nonce, text] = [new Uint32Array(8), new Uint8Array(12), new Uint32Array(16)]
    expect(() => chacha(new Uint32Array(4), nonce, text, 64)).toThrow(RangeError)
    expect(() => chacha(key, new Uint8Array(16), text, 64)).toThrow(RangeError)
    expect(() => chacha(key, nonce, text, 65)).toThrow(RangeError)
    expect(() => chacha(key, nonce, new Uint32Array(15), 60)).toThrow(RangeError)
  })
})

test('content opens at every length around where another implementation takes over, and leaves nothing behind for the next', () => {
  const key = contentKey('2026-11-22.AAAAAAAAAAAAAAAA.3', new Uint8Array(32).fill(7))
  const first = seal(key, split(events.intent).open, { purpose: 'first' })
  for (const length of [0, 1, 40, 4000, 4080, 4081, 4082, 4083, 4084, 4085, 4096, 4097, 9000, 3]) {
    const content = { purpose: 'é'.repeat(length % 2) + 'x'.repeat(length) }
    const sealed = seal(key, split(events.intent).open, content)
    expect(open(key, sealed), String(length)).toMatchObject(content)
    expect(Buffer.from(sealed.content!.text!, 'base64').includes('xxxx')).toBe(false)
  }
  expect(seal(key, split(events.intent).open, { purpose: 'first' })).toEqual(first)
})

test('what is stored is ChaCha20 under the beginning of the commitment, so that whoever has the key needs nothing of ours to open it', () => {
  for (const length of [10, 9000]) {
    const key = contentKey('2026-11-22.AAAAAAAAAAAAAAAA.3', new Uint8Array(32).fill(7))
    const { content } = seal(key, split(events.intent).open, { purpose: 'x'.repeat(length) })
    const [encryption, nonce] = [new Uint8Array(key.encryption.buffer), Buffer.from(content!.commitment, 'hex').subarray(0, 12)]
    expect(theirs(encryption, nonce, Buffer.from(content!.text!, 'base64')).toString()).toBe(JSON.stringify({ purpose: 'x'.repeat(length) }))
  }
})
