/**
 * Refusals: the expected "no" of the product, returned and never thrown. The union is closed: a new slug is a type error in
 * functions/problem.ts until it has a status, a title and a page. RFC 9457.
 */
export const slugs = [
  'invalid-request', 'statement-unparsable', 'unauthenticated', 'denied', 'statement-unsupported', 'approval-rejected', 'not-found', 'policy-moved',
  'request-settled', 'approval-stale', 'idempotency-in-flight', 'approval-expired', 'too-large', 'target-error', 'idempotency-mismatch',
  'rate-limited', 'internal', 'outcome-unknown', 'audit-unavailable', 'policy-unavailable', 'target-unavailable', 'timeout',
] as const
export type Slug = (typeof slugs)[number]

/** What the caller can usefully do: change the statement, ask a person, send it again, or nothing. */
export type Next = 'fix' | 'request' | 'retry' | 'none'

/** Half-open range in the statement the caller sent, in UTF-16 code units (what `sql.slice(start, end)` takes). */
export interface Span { readonly start: number; readonly end: number }

export interface Refusal {
  readonly slug: Slug
  /** A stable machine word in snake_case, e.g. `no_rule`, `denied_by_rule`, `classified_use`, `unknown_function`. */
  readonly reason: string
  /** For the caller: lower case, no full stop, user input in backticks, only what the caller may know. */
  readonly detail: string
  readonly next: Next
  /** `role.rules[n]` of one of the caller's own roles. */
  readonly rule?: string
  readonly action?: string
  readonly resource?: string
  readonly span?: Span
  /** Which statement of a transaction, from 0. */
  readonly statement?: number
  readonly sqlstate?: string
  readonly retryAfterSeconds?: number
  /** For the audit only: the whole reason. Never serialised to the caller. */
  readonly inner?: string
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal }
export const ok = <T>(value: T): Result<T> => ({ ok: true, value })
export const refuse = (refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } => ({ ok: false, refusal })
