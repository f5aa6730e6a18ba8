import { hash } from 'node:crypto'

const blockBytes = 64
const hashBytes = 32
/** What SHA-256 is given, the key first: beyond its 32 bytes these are the pads of RFC 2104 and stay. Longer messages get room of their own. */
const inner = Buffer.alloc(8192, 0x36)
const outer = Buffer.alloc(blockBytes + hashBytes, 0x5c)

/**
 * HMAC-SHA-256 (RFC 2104) under a key of 32 bytes, by two hashes that need no object of OpenSSL's: `createHmac` and its key object cost a record several times as much, most of it when they are
 * collected. 32 bytes. Throws RangeError for a key of another length, which could be another key, padded. test/record/cipher.test.ts holds it against `createHmac`.
 */
export function mac(key: Uint8Array, message: Uint8Array): Buffer {
  if (key.length !== hashBytes) throw new RangeError('a key of 32 bytes is wanted')
  const end = blockBytes + message.length
  const block = end <= inner.length ? inner : Buffer.alloc(end, 0x36)
  for (let i = 0; i < hashBytes; i++) {
    block[i] = (key[i] ?? 0) ^ 0x36
    outer[i] = (key[i] ?? 0) ^ 0x5c
  }
  block.set(message, blockBytes)
  outer.write(hash('sha256', new Uint8Array(block.buffer, block.byteOffset, end), 'binary'), blockBytes, hashBytes, 'latin1')    // as a binary string: a third of what a new buffer costs
  block.fill(0x36, 0, end)                                          // no key and nothing of what was written stays behind here
  const made = Buffer.from(hash('sha256', outer, 'binary'), 'latin1')
  outer.fill(0x5c)
  return made
}

/** The log's commitment to an event's content: HMAC-SHA-256 over its text as UTF-8, 32 bytes. `opening`: the 32 bytes it is keyed by. */
export const commit = (opening: Uint8Array, text: string): Buffer => mac(opening, Buffer.from(text))
