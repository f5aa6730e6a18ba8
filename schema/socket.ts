import * as z from 'zod'

/**
 * What passes over `WSS /v1/socket`: JSON text frames, one call or one answer each. Bodies are those of the same calls over HTTP, byte limits are those
 * that API Gateway puts on a WebSocket.
 */
export const socketProtocol = 'sluice.v1'
/** Bytes of UTF-8: one message, either way; and one frame of it on the way in. */
export const maxMessageBytes = 128 * 1024
export const maxFrameBytes = 32 * 1024
/** The largest answer that is pushed whole. */
export const maxPushBytes = 100 * 1024
export const idleMs = 10 * 60_000
export const longestMs = 2 * 3600_000

/** The caller's own name for a call, given back with its answer. On one connection it is also the call's idempotency key, so a frame delivered twice runs once. */
export const frameId = z.string().regex(/^[\x21-\x7e]{1,64}$/, '`id` must be 1 to 64 visible ascii characters without spaces')
const connection = z.string().min(1).max(64)
const request = z.string().regex(/^arq_[0-9A-Z]{26}$/, '`request` must be the id of an access request, `arq_…`')
const key = z.string().regex(/^[\x21-\x7e]{1,255}$/, '`idempotencyKey` must be 1 to 255 visible ascii characters without spaces')
const body = z.unknown().refine((value) => value !== undefined, '`body` is missing: what the same call over http has as its body')

export const socketCall = z.discriminatedUnion('action', [
  /** `idempotencyKey`: as the header; send it where the call may have to be repeated on another connection. */
  z.strictObject({ id: frameId, action: z.literal('query'), connection, body, idempotencyKey: key.optional() }),
  /** A command, with the body of `POST /v1/connections/{c}/exec`. */
  z.strictObject({ id: frameId, action: z.literal('exec'), connection, body, idempotencyKey: key.optional() }),
  z.strictObject({ id: frameId, action: z.literal('explain'), connection, body }),
  z.strictObject({ id: frameId, action: z.literal('follow'), request }),
  z.strictObject({ id: frameId, action: z.literal('cancel'), request }),
  z.strictObject({ id: frameId, action: z.literal('ping') }),
])
export type SocketCall = z.infer<typeof socketCall>
