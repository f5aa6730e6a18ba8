import { Fault, type Ports } from './ports.ts'
import type { Refusal, Slug } from '../schema/refusal.ts'

/**
 * Refusal → RFC 9457. The only place that sets the HTTP status of a refusal. What a refusal is worth to whom: `owner` says who can do
 * something about it, so that an operator is not woken for a client's typing error.
 */
export interface Kind { readonly status: Status; readonly title: string; readonly owner: 'client' | 'policy' | 'platform' | 'target' }
type Status = 400 | 401 | 403 | 404 | 405 | 409 | 410 | 413 | 422 | 429 | 500 | 502 | 503 | 504

/** Closed over the slugs: a new one is a type error here until it has a status, a title and an owner. */
export const kinds: Readonly<Record<Slug, Kind>> = {
  'invalid-request': { status: 400, title: 'The request is not valid', owner: 'client' },
  'statement-unparsable': { status: 400, title: 'The statement cannot be parsed', owner: 'client' },
  unauthenticated: { status: 401, title: 'Who is calling is not proven', owner: 'client' },
  denied: { status: 403, title: 'The policy does not permit this', owner: 'policy' },
  'statement-unsupported': { status: 403, title: 'The gate cannot vouch for this statement', owner: 'client' },
  'approval-rejected': { status: 403, title: 'An approver said no', owner: 'policy' },
  'not-found': { status: 404, title: 'There is no such thing, or none you may know of', owner: 'client' },
  'policy-moved': { status: 409, title: 'What this was based on has changed since', owner: 'client' },
  'request-settled': { status: 409, title: 'The request is settled already', owner: 'client' },
  'approval-stale': { status: 409, title: 'What was approved is not what would run now', owner: 'policy' },
  'idempotency-in-flight': { status: 409, title: 'A call with this key is still running', owner: 'client' },
  'approval-expired': { status: 410, title: 'Nobody decided in time', owner: 'policy' },
  'too-large': { status: 413, title: 'Too large', owner: 'client' },
  'target-error': { status: 422, title: 'The target refused the statement', owner: 'target' },
  'idempotency-mismatch': { status: 422, title: 'This key belongs to another body', owner: 'client' },
  'rate-limited': { status: 429, title: 'Too much, for now', owner: 'policy' },
  internal: { status: 500, title: 'The gate failed', owner: 'platform' },
  'outcome-unknown': { status: 502, title: 'Whether it happened is not known', owner: 'platform' },
  'audit-unavailable': { status: 503, title: 'The gate cannot record, so it does nothing', owner: 'platform' },
  'policy-unavailable': { status: 503, title: 'The gate cannot decide, so it does nothing', owner: 'platform' },
  'target-unavailable': { status: 503, title: 'The target does not answer', owner: 'target' },
  timeout: { status: 504, title: 'It took too long and was stopped', owner: 'target' },
}

export const isSlug = (text: string): text is Slug => Object.hasOwn(kinds, text)

/** A method the path does not know is an invalid request with a status and an `Allow` of its own (RFC 9110, 15.5.6). */
export const statusOf = (refusal: Refusal): Status =>
  refusal.slug === 'invalid-request' && refusal.reason === 'method_not_allowed' ? 405 : kinds[refusal.slug].status

/** Characters. A command may have 64 KB, and whoever sent it has it. */
const longestResource = 400
/**
 * The members a caller may see, named one by one: `inner`, and whatever a refusal may grow tomorrow, stays inside until it is listed here.
 * `type` is relative to the gate and opens as a page.
 */
export function problemOf(refusal: Refusal, evaluation: string | null): Record<string, unknown> {
  const { slug, reason, detail, next, rule, action, resource, span, statement, sqlstate, retryAfterSeconds } = refusal
  return {
    type: `/problems/${slug}`, title: kinds[slug].title, status: statusOf(refusal), detail, reason, next,
    ...(evaluation === null ? {} : { evaluation }),
    ...(rule === undefined ? {} : { rule }),
    ...(action === undefined ? {} : { action }),
    ...(resource === undefined ? {} : { resource: resource.length > longestResource ? `${resource.slice(0, longestResource).toWellFormed()}…` : resource }),
    ...(span === undefined ? {} : { span: { start: span.start, end: span.end } }),
    ...(statement === undefined ? {} : { statement }),
    ...(sqlstate === undefined ? {} : { sqlstate }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfter: retryAfterSeconds }),
  }
}

/**
 * A thrown error → what the caller hears of it. Nothing of the error's text goes out, and into the alarm only where our own code wrote it:
 * a driver's message may quote a row.
 */
export function faultRefusal(error: unknown, alarm: Ports['alarm']): Refusal {
  if (!(error instanceof Fault)) {
    alarm('unexpected error', traceOf(error))
    return internal
  }
  switch (error.code) {
    case 'store-unavailable':
      return {
        slug: 'audit-unavailable', reason: 'store_unavailable', next: 'retry', retryAfterSeconds: 2, inner: error.message,
        detail: 'the gate could not reach the store that holds its record, and without a record it runs nothing; send the same call again in a few seconds',
      }
    case 'policy-corrupt':
      alarm('policy corrupt', traceOf(error))
      return {
        slug: 'policy-unavailable', reason: 'policy_corrupt', next: 'none', inner: error.message,
        detail: 'the policy in force cannot be read whole, so nothing can be decided; its operator has been told',
      }
    case 'target-unavailable':
      return {
        slug: 'target-unavailable', reason: 'target_unavailable', next: 'retry', retryAfterSeconds: 5, inner: error.message,
        detail: 'the connection\'s target does not answer; nothing of this call was executed, so it may be sent again',
      }
    case 'secret-missing':
      alarm('secret missing', traceOf(error))
      return {
        slug: 'target-unavailable', reason: 'credential_missing', next: 'none', inner: error.message,
        detail: 'the gate has no credential for this connection; only its operator can change that',
      }
    case 'issuer-unavailable':
      return {
        slug: 'policy-unavailable', reason: 'issuer_unavailable', next: 'retry', retryAfterSeconds: 5, inner: error.message,
        detail: 'the identity provider that signed the token does not answer, so the token cannot be checked; send the same call again in a few seconds',
      }
    case 'internal':
      alarm('internal fault', traceOf(error))
      return internal
  }
}

const internal: Refusal = {
  slug: 'internal', reason: 'internal', next: 'none',
  detail: 'the gate failed on its own account; quote the evaluation id to its operator, and look in the audit before sending a write again',
}

/** Errors of the language itself quote names of ours; any other thrown thing may quote data, so only its kind and where it came from are kept. */
function traceOf(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { thrown: typeof error }
  const ours = error instanceof Fault || [TypeError, RangeError, ReferenceError].some((kind) => error.constructor === kind) || error.name === 'AssertionError'
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)).slice(0, 12)
  return { name: error.name, ...code, ...(ours ? { message: error.message } : {}), frames, ...(error.cause === undefined || depth === 3 ? {} : { cause: traceOf(error.cause, depth + 1) }) }
}
