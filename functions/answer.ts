import type { Context } from 'hono'
import { challenge } from './authenticate/challenge.ts'
import { problemOf, statusOf } from './problem.ts'
import type { Masked } from './protocol/protocol.ts'
import { resultsText } from './record/result.ts'
import type { Refusal } from '../schema/refusal.ts'

/** What a reply says about itself beside its body. `url` is the gate's public base URL, for the challenge of a 401. */
export interface Frame { readonly url: string; readonly evaluation: string | null; readonly session: string | null }

/** Every answer leaves through here: never cached, never sniffed, the caller's trace given back when it is one. */
export function send(c: Context, status: number, type: string, body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null, extra: Readonly<Record<string, string>> = {}): Response {
  const trace = c.req.header('traceparent')
  return new Response(body, {
    status,
    headers: {
      'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer',
      ...(trace !== undefined && /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(trace) ? { traceparent: trace } : {}),
      ...extra,
    },
  })
}

export function sendJson(c: Context, frame: Frame, status: number, body: unknown, extra: Readonly<Record<string, string>> = {}): Response {
  return send(c, status, 'application/json', JSON.stringify(body), { ...sessionHeader(frame), ...extra })
}

/** RFC 9457, with the headers the status owes: a challenge, when to come back, what is allowed instead. */
export function sendProblem(c: Context, frame: Frame, refusal: Refusal, extra: Readonly<Record<string, string>> = {}): Response {
  return send(c, statusOf(refusal), 'application/problem+json', JSON.stringify(problemOf(refusal, frame.evaluation)), {
    ...sessionHeader(frame),
    ...(refusal.slug === 'unauthenticated' ? { 'www-authenticate': challenge(refusal, frame.url) } : {}),
    ...(refusal.retryAfterSeconds === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(refusal.retryAfterSeconds))) }),
    ...extra,
  })
}

const sessionHeader = (frame: Frame): Record<string, string> => frame.session === null ? {} : { 'sluice-session': frame.session }

/** Rows → the body of a 200. Takes `Masked` and nothing else, so that rows in clear have no way out. `receipt.event` is the outcome's id. */
export function rowsBody(masked: Masked, batch: boolean, about: { readonly evaluation: string; readonly session: string | null; readonly event: string }): string {
  const tail = { evaluation: about.evaluation, session: about.session, receipt: { event: about.event } }
  const results = resultsText(masked)                              // as the record has it, and not written a second time
  const one = masked.results.length === 1 ? results.slice(1, -1) : JSON.stringify(masked.results[0] ?? {})
  const [body, rest] = [batch ? `{"results":${results}}` : one, JSON.stringify(tail)]
  return body.length > 2 ? `${body.slice(0, -1)},${rest.slice(1)}` : rest
}
