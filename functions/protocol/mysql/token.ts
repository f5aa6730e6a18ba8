import type { Refusal, Span } from '../../../schema/refusal.ts'

/** The smallest pieces of a statement, each with its half-open place in the caller's text (UTF-16 offsets). */
export type Token =
  /** `word`: as written; `lower` decides. `quoted`: backticks taken off. `string`: escapes read the MySQL default way, always printed so that no setting matters. */
  | { readonly kind: 'word'; readonly text: string; readonly lower: string; readonly start: number; readonly end: number }
  | { readonly kind: 'quoted' | 'string' | 'number'; readonly text: string; readonly start: number; readonly end: number }
  /** Upper-case hex. */
  | { readonly kind: 'bytes'; readonly text: string; readonly hybrid: boolean; readonly start: number; readonly end: number }
  | { readonly kind: 'symbol'; readonly text: string; readonly start: number; readonly end: number }
  | { readonly kind: 'end'; readonly text: ''; readonly start: number; readonly end: number }

export const unsupported = (reason: string, detail: string, span: Span): Refusal => ({ slug: 'statement-unsupported', reason, detail, next: 'fix', span })
export const unparsable = (reason: string, detail: string, span?: Span): Refusal => ({ slug: 'statement-unparsable', reason, detail, next: 'fix', ...(span ? { span } : {}) })

/** Of an alias; the names of tables and columns are shorter, which the catalog knows. */
export const maxNameLength = 256
