import type { Executed, Raw } from '../protocol.ts'
import type { Refusal } from '../../../schema/refusal.ts'
import { transportRefusal, unavailable } from '../trouble.ts'
import { disagreement } from './confirm.ts'
import { changed, late, ownError, type Job } from './frame.ts'
import { refusalOf, serverError, type Place } from './diagnose.ts'
import { TransportError } from '../post.ts'
import type { RawResult } from './port.ts'

/** Rows in clear, as the server's text. Only mask.ts looks inside, and only through the WeakMap, so that nobody else's object passes for one. */
export interface Clear { readonly results: readonly (RawResult & { readonly truncated: boolean })[]; readonly rowMode: 'object' | 'array'; readonly maskKey: string | null }
const made = new WeakMap<object, Clear>()
export function rawOf(clear: Clear): Raw {
  const raw = Object.freeze({})
  made.set(raw, clear)
  return { raw, rowCounts: clear.results.map(({ rowCount, rows }) => rowCount ?? rows.length), truncated: clear.results.some(({ truncated }) => truncated) }
}
export function clearOf(rows: Raw): Clear {
  const clear = made.get(rows.raw)
  if (clear === undefined) throw new Error('invariant: these rows are not of this engine')
  return clear
}

export type Ran = { readonly ok: true; readonly results: Clear['results'] } | { readonly ok: false; readonly executed: Exclude<Executed, { status: 'succeeded' }> }
export const failed = (refusal: Refusal): Ran => ({ ok: false, executed: { status: 'failed', refusal } })
export const stale = { ok: false, executed: { status: 'stale', refusal: changed } } as const satisfies Ran
export const tooLarge = (reason: string, detail: string): Refusal => ({ slug: 'too-large', reason, detail, next: 'fix' })

/**
 * Columns and origins of every result, else the refusal. Called before COMMIT and before anything leaves. `alarm` says where, never what.
 */
export function confirmed(job: Job, results: readonly RawResult[], alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void): Refusal | null {
  for (const [index, statement] of job.plan.statements.entries()) {
    const where = disagreement(statement, results[index]?.fields ?? [], job.withheld[index])
    if (where === null) continue
    alarm('origin_mismatch', { connection: job.connection.name, statement: index, where })
    return { slug: 'denied', reason: 'origin_mismatch', detail: 'the target reports other columns than the analysis found, so nothing of them leaves', next: 'none', statement: index, inner: where }
  }
  return null
}

/** What failed before anything was committed, as the outcome. Faults of ours are thrown on. */
export function outcomeOf(error: unknown, job: Job, place: Place | null): Ran {
  if (error instanceof TransportError) return failed(transportRefusal(error))
  const server = serverError(error)
  if (server === null) return failed(unavailable('target_unreachable', 'the target cannot be reached', String((error as Error).name)))
  const own = ownError(server.text, job.nonce)
  if (own === 'late') return failed(late)
  if (own === 'stale') return stale
  return failed(refusalOf(server, place, !job.plan.plain || hasClasses(job)))
}
/** A relation the plan reaches has a classified column, whether or not the statement names it. */
function hasClasses({ connection, plan }: Job): boolean {
  const classified = Object.entries(connection.classify ?? {}).filter(([, entry]) => (typeof entry === 'string' ? entry : entry.class) !== 'none').map(([column]) => column)
  return plan.relations.some(({ schema, name }) => classified.some((column) => column.startsWith(`${schema}.${name}.`)))
}
/** Codes that say an object is not what it was; whether it changed, or never was so, only the guard can tell. */
export const maybeStale = (error: unknown) => /^(42P01|42703|42704|42883|42809|3F000|XX000)$/.test(serverError(error)?.code ?? '')
