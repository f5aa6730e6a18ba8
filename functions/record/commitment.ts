import { createHmac, createSecretKey } from 'node:crypto'

/** The log's commitment to an event's content: HMAC-SHA-256 over its text, 32 bytes. `opening`: the 32 bytes it is keyed by; of another length they could be another key, padded. */
export function commit(opening: Uint8Array, text: string): Buffer {
  if (opening.length !== 32) throw new RangeError('an opening key has 32 bytes')
  return createHmac('sha256', createSecretKey(opening)).update(text).digest()
}
