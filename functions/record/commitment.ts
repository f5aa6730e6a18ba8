import { hash } from 'node:crypto'

/** A key of 32 bytes as HMAC-SHA-256 (RFC 2104) uses it: XORed with its two pads, a block each. */
export interface MacKey { readonly inner: Buffer; readonly outer: Buffer }
const blockBytes = 64
const hashBytes = 32

/** Throws RangeError for another length, which could be another key, padded. */
export function macKey(bytes: Uint8Array): MacKey {
  if (bytes.length !== hashBytes) throw new RangeError('a key of 32 bytes is wanted')
  const inner = Buffer.alloc(blockBytes, 0x36)
  const outer = Buffer.alloc(blockBytes, 0x5c)
  for (let i = 0; i < hashBytes; i++) {
    inner[i] = (inner[i] ?? 0) ^ (bytes[i] ?? 0)
    outer[i] = (outer[i] ?? 0) ^ (bytes[i] ?? 0)
  }
  return { inner, outer }
}

/**
 * HMAC-SHA-256 by two hashes that need no object of OpenSSL's: `createHmac` and its key object cost a record several times as much, most of it when they are collected. 32 bytes; the text as
 * UTF-8. test/record/content.test.ts holds it against `createHmac`.
 */
export function mac({ inner, outer }: MacKey, text: string): Buffer {
  const length = Buffer.byteLength(text)
  const message = Buffer.allocUnsafe(blockBytes + length)
  message.set(inner)
  message.write(text, blockBytes, length, 'utf8')
  const last = Buffer.allocUnsafe(blockBytes + hashBytes)
  last.set(outer)
  last.set(hash('sha256', message, 'buffer'), blockBytes)
  return hash('sha256', last, 'buffer')
}

/** The log's commitment to an event's content: HMAC-SHA-256 over its text, 32 bytes. `opening`: the 32 bytes it is keyed by. */
export const commit = (opening: Uint8Array, text: string): Buffer => mac(macKey(opening), text)
