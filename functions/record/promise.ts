import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import type { Event, Id, Writer } from '../../schema/event.ts'
import { isEventId } from '../../schema/item.ts'
import { entryOf } from './log/entry.ts'
import { FormatError } from './log/format.ts'
import { leafHash } from './log/tree.ts'
import type { Writing } from './writer.ts'

/**
 * The header `Sluice-Promise`: what a process says of an event the moment it is stored, before the log has it. Seven parts without spaces, in one spelling:
 * `v1.<writer>.<n>.<event>.<leaf>.<by>.<signature>`. `leaf`: the hash that the log's tile of leaves will have for it (RFC 6962, base64url), so that who, what and when are promised in clear and the
 * content by its commitment. `by`: seconds since the epoch by which it is in the log. `signature`: Ed25519 by the writer's key over `sluice-promise`, a newline and all that stands before it, base64url.
 */
export interface Promised { readonly writer: Id<'evt'>; readonly n: number; readonly event: Id<'evt'>; readonly leaf: string; /** Seconds since the epoch. */ readonly by: number; readonly signature: string }

/** So long after an event its log is to have it, ms. The sequencer takes a second; what it did not hear of it finds within half a minute; the rest is for a sequencer that was away. */
export const promiseMs = 15 * 60_000

/** Of an event as it is stored, content sealed. `atMs`: epoch ms, now. Throws RangeError for an event that canonical JSON cannot say. */
export function promiseOf(event: Event & { readonly writer: Writer }, writing: Pick<Writing, 'sign'>, atMs: number): string {
  const said = `v1.${event.writer.id}.${event.writer.n}.${event.id}.${leafHash(entryOf(event)).toString('base64url')}.${Math.ceil((atMs + promiseMs) / 1000)}`
  return `${said}.${writing.sign(Buffer.from(`${opening}${said}`)).toString('base64url')}`
}
const opening = 'sluice-promise\n'

const form = /^v1\.(evt_[0-9A-Z]{26})\.([1-9]\d{0,15})\.(evt_[0-9A-Z]{26})\.([A-Za-z0-9_-]{43})\.([1-9]\d{0,11})\.([A-Za-z0-9_-]{86})$/
/** Throws FormatError for what is not a promise, whoever signed it. */
export function parsePromise(text: string): Promised {
  const [, writer = '', n = '', event = '', leaf = '', by = '', signature = ''] = form.exec(text) ?? []
  if (!isEventId(writer) || !isEventId(event)) throw new FormatError('not a promise: it is the value of the header `sluice-promise`, whole')
  for (const part of [leaf, signature]) if (Buffer.from(part, 'base64url').toString('base64url') !== part) throw new FormatError('a promise has one spelling, and this is another')
  return { writer, n: Number(n), event, leaf, by: Number(by), signature }
}

/** Whether the writer's key signed it. Never throws. */
export function signedByWriter({ writer, n, event, leaf, by, signature }: Promised, key: KeyObject): boolean {
  return verify(null, Buffer.from(`${opening}v1.${writer}.${n}.${event}.${leaf}.${by}`), key, Buffer.from(signature, 'base64url'))
}

/** The key in a `writer` event's `change`, base64url of 32 bytes; null where it is none. */
export function writerKeyOf(text: unknown): KeyObject | null {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(text)) return null
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text }, format: 'jwk' })
  } catch {
    return null
  }
}
