import type { Context } from 'hono'
import { refuse, type Result } from '../schema/refusal.ts'
import type { Call } from './gate.ts'

/** What every route with a token reads of a request's headers. Nothing in it is trusted yet. */
export const doorOf = (c: Context): Pick<Call, 'authorization' | 'session'> =>
  ({ authorization: c.req.header('authorization') ?? null, session: c.req.header('sluice-session') ?? null })

/** `Prefer: wait=N` (RFC 7240) in ms; at most 55 s, which is under what gateways and clients wait for an answer. What is no number is no preference. */
export function waitOf(c: Context): number {
  const [, seconds] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,4})"?\s*(?:$|[,;])/i.exec(c.req.header('prefer') ?? '') ?? []
  return seconds === undefined ? 0 : Math.min(longestWaitSeconds, Number(seconds)) * 1000
}
const longestWaitSeconds = 55

export function keyOf(c: Context): Result<string | null> {
  const key = c.req.header('idempotency-key')
  if (key === undefined) return { ok: true, value: null }
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return { ok: true, value: key }
  return refuse({ slug: 'invalid-request', reason: 'idempotency_key', next: 'fix', detail: '`idempotency-key` must be 1 to 255 visible ascii characters without spaces, such as a uuid' })
}
