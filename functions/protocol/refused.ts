import type { Refusal, Span } from '../../schema/refusal.ts'

/**
 * Thrown inside one statement's analysis and caught in an engine's classify.ts alone: the analysis is a recursive walk, and a refusal ends all of it at once.
 * `missing`: the name does not exist here. The accesses found so far, the missing one among them, are decided first, so that who may not name it hears the same as for one that exists; only who may hears `target-error`.
 */
export class Refused extends Error {
  readonly refusal: Refusal
  readonly missing: boolean
  constructor(refusal: Refusal, missing = false) {
    super(refusal.detail)
    this.refusal = refusal
    this.missing = missing
  }
}
const spanned = (span: Span | null): { span?: Span } => (span ? { span } : {})
export const unsupported = (reason: string, detail: string, span: Span | null): Refused => new Refused({ slug: 'statement-unsupported', reason, detail, next: 'fix', ...spanned(span) })
export const missing = (sqlstate: string, detail: string, span: Span | null): Refused => new Refused({ slug: 'target-error', reason: 'undefined_name', detail, next: 'fix', sqlstate, ...spanned(span) }, true)
/** Told like a missing name, to whoever may have what was found so far: what a table has is not anybody's to know. */
export const withheld = (reason: string, detail: string, span: Span | null): Refused => new Refused({ slug: 'statement-unsupported', reason, detail, next: 'fix', ...spanned(span) }, true)
