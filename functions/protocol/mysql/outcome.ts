import type { Refusal } from '../../../schema/refusal.ts'
import { TransportError } from '../post.ts'
import type { Executed, Raw } from '../protocol.ts'
import { transportRefusal, unavailable } from '../trouble.ts'
import { refusalOf } from './diagnose.ts'
import type { Job } from './execute.ts'
import { ServerError, type RawResult } from './transport.ts'

/** Rows in clear, as the server's text. Only mask.ts looks inside, and only through the WeakMap, so that nobody else's object passes for one. */
export interface Clear { readonly results: readonly Fitted[]; readonly rowMode: 'object' | 'array'; readonly maskKey: string | null }
export interface Fitted extends RawResult { readonly rowCount: number; readonly truncated: boolean }
const made = new WeakMap<object, Clear>()
export function rawOf(clear: Clear): Raw {
  const raw = Object.freeze({})
  made.set(raw, clear)
  return { raw, rowCounts: clear.results.map(({ rowCount }) => rowCount), truncated: clear.results.some(({ truncated }) => truncated) }
}
export function clearOf(rows: Raw): Clear {
  const clear = made.get(rows.raw)
  if (clear === undefined) throw new Error('invariant: these rows are not of this engine')
  return clear
}

export type Ran = { readonly ok: true; readonly results: readonly Fitted[] } | { readonly ok: false; readonly executed: Exclude<Executed, { status: 'succeeded' }> }
export const failed = (refusal: Refusal): Ran => ({ ok: false, executed: { status: 'failed', refusal } })
export const late: Refusal = { slug: 'timeout', reason: 'deadline_passed', detail: 'the time in which this could begin has passed, and nothing ran', next: 'retry' }
const changed: Refusal = { slug: 'approval-stale', reason: 'objects_changed', detail: 'an object the statement reaches changed meanwhile, and nothing ran', next: 'retry' }
export const stale = { ok: false, executed: { status: 'stale', refusal: changed } } as const satisfies Ran
export const tooLarge = (reason: string, detail: string): Refusal => ({ slug: 'too-large', reason, detail, next: 'fix' })
export const answerTooLarge = tooLarge('answer_too_large', 'what the statement returns is larger than the limit: return fewer rows or columns; nothing was changed')
/** Where nothing is committed and all is known: thrown inside a transaction to leave it. */
export class Stop { readonly ran: Ran; constructor(ran: Ran) { this.ran = ran } }

/** What failed before anything was committed, as the outcome. Faults of ours are thrown on by whoever made them. */
export function outcomeOf(error: unknown, job: Job, statement: number | null): Ran {
  if (error instanceof Stop) return error.ran
  if (error instanceof TransportError) return failed(transportRefusal(error))
  if (error instanceof ServerError) return failed(refusalOf(error, statement, !job.plan.plain || hasClasses(job)))
  return failed(unavailable('target_unreachable', 'the target cannot be reached', error instanceof Error ? error.name : 'unknown'))
}
/** A relation the plan reaches has a classified column, whether or not the statement names it. Names by their letters, whatever their case: more is closed, never less. */
function hasClasses({ connection, plan }: Job): boolean {
  const classified = Object.entries(connection.classify ?? {}).filter(([, entry]) => (typeof entry === 'string' ? entry : entry.class) !== 'none').map(([column]) => column.toLowerCase())
  return plan.relations.some(({ schema, name }) => classified.some((column) => column.startsWith(`${schema}.${name}.`.toLowerCase())))
}
