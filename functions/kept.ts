import type { Id } from '../schema/event.ts'
import type { Refusal } from '../schema/refusal.ts'
import { rowsBody } from './answer.ts'
import { enclose } from './envelope.ts'
import type { Masked } from './protocol/protocol.ts'

/** Of an answer that goes on, an approved call keeps this much of its beginning; nobody sits before it. Bytes, ms. */
const mostBytes = 4 * 1024 * 1024
const longestMs = 30_000

/** What an approved call leaves for whoever asked. `refusal`: the target, answering in its own protocol, said no; its words are in `body` all the same. */
export interface Kept { readonly body: string; readonly refusal: Refusal | null }

export async function keptOf(masked: Masked, batch: boolean, about: { readonly evaluation: Id<'eval'>; readonly session: Id<'ses'> | null; readonly event: Id<'evt'> }, cut: AbortController): Promise<Kept> {
  const { answer } = masked
  if (answer === undefined) return { body: rowsBody(masked, batch, about), refusal: null }
  const bytes = answer.body instanceof Uint8Array ? answer.body : await beginning(answer.body, cut)
  const { status, headers } = answer
  return { body: enclose({ status, type: headers['content-type'] ?? 'application/json', bytes }), refusal: status < 400 ? null : { slug: 'target-error', reason: `status_${status}`, next: status >= 500 ? 'retry' : 'fix', detail: `the target answered ${status}` } }
}

/** As it came until then; what breaks off is kept as far as it is. */
async function beginning(stream: ReadableStream<Uint8Array>, cut: AbortController): Promise<Uint8Array> {
  const reader = stream.getReader()
  const parts: Uint8Array[] = []
  const timer = setTimeout(() => { cut.abort(new Error('kept long enough')); void reader.cancel().catch(() => {}) }, longestMs)
  try {
    for (let bytes = 0; bytes < mostBytes;) {
      const part = await reader.read()
      if (part.done) break
      bytes += part.value.byteLength
      parts.push(part.value)
    }
  } catch { /* the target broke off: the record says so */ } finally {
    clearTimeout(timer)
    cut.abort(new Error('kept'))
    void reader.cancel().catch(() => {})
  }
  return Buffer.concat(parts).subarray(0, mostBytes)
}
