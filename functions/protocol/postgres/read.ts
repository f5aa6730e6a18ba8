import { transportRefusal } from '../trouble.ts'
import { bindText } from './bind.ts'
import { cappedText, ownError, readyOf, type Job } from './frame.ts'
import { costed, costIn, costing, tooCostly } from './cost.ts'
import { serverError } from './diagnose.ts'
import { confirmed, failed, maybeStale, outcomeOf, stale, type Clear, type Ran } from './outcome.ts'
import { TransportError } from '../post.ts'
import type { Batch, RawResult, Sql, Transport } from './port.ts'

export interface Way { readonly batch: Transport['batch']; readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void }
/** How much longer than the target's own limit we wait for its answer. */
export const graceMs = 2000
const maxPlanBytes = 8 * 1024 * 1024

/**
 * A read: one batch of the transport, one read-only transaction at read committed. First one statement that judges the deadline by the target's clock, holds
 * what the statements name, compares it with what was decided on, and pins the settings (frame.ts); only then the statements. An error in
 * one of them stops all that follow.
 */
export async function runRead(job: Job, { batch, alarm }: Way): Promise<Ran> {
  const capped = job.plan.statements.map((statement, index) => cappedText(job, statement, index))
  const before: readonly Sql[] = [readyOf(job)]
  const statements = [...before, ...job.plan.statements.map((statement, index) => ({ text: capped[index]?.text ?? '', values: statement.params.map(bindText) }))]
  const costs = job.limits.cost === undefined ? [] : job.plan.statements.flatMap((statement, index) => costed(statement) ? [{ text: `${costing}${capped[index]?.text ?? ''}`, values: statement.params.map(bindText) }] : [])
  let prefix = ''
  const bounds = { url: job.url, maxBytes: job.limits.bytes + job.spareBytes, timeoutMs: job.limits.timeoutMs + graceMs }
  try {
    if (costs.length > 0) {                                         // a request of its own: nothing may run before the answer is looked at
      prefix = costing
      const { results } = await batch({ ...bounds, maxBytes: maxPlanBytes, statements: [...before, ...costs] })
      if (results.slice(before.length).reduce((sum, result) => sum + costIn(result), 0) > (job.limits.cost ?? Infinity)) return failed(tooCostly(null))
      prefix = ''
    }
    const { results, cut, bytes } = await batch({ ...bounds, statements })
    const own = results.slice(before.length)
    const refusal = confirmed(job, own, alarm)
    if (refusal) return failed(refusal)
    const fitted = fit(own, job, cut || bytes > job.limits.bytes ? job.limits.bytes : Infinity, cut)
    return fitted ? { ok: true, results: fitted } : failed(transportRefusal(new TransportError('too-large', 'before its last statement')))   // the same words, wherever it was cut
  } catch (error) {
    if (maybeStale(error) && await changedSince(job, { batch }, bounds)) return stale
    const [only] = job.plan.statements
    // Of several statements in one request the server does not say which one failed, so their positions say nothing.
    const place = job.plan.statements.length === 1 && only ? { statement: null, original: job.originals[0] ?? '', text: only.text, prefix: prefix + (capped[0]?.prefix ?? '') } : null
    return outcomeOf(error, job, place)
  }
}

/** Asks the guard alone: after an error about names, whether it is ours (an object went after classify) or the caller's. */
export async function changedSince(job: Job, { batch }: Pick<Way, 'batch'>, bounds: Omit<Batch, 'statements'>): Promise<boolean> {
  try {
    await batch({ ...bounds, statements: [readyOf({ ...job, plan: { ...job.plan, readOnly: true } }, { held: false })] })
    return false
  } catch (error) {
    return ownError(serverError(error)?.text ?? '', job.nonce) === 'stale'
  }
}

/**
 * Rows and bytes are budgets of the answer, spent in order. Each result keeps whole rows and says when some are missing; a later result of which
 * nothing was read would be missing unsaid, so then there is no answer (null).
 */
export function fit(results: readonly RawResult[], { maxRows, masked }: Pick<Job, 'maxRows' | 'masked'>, maxBytes: number, cut: boolean): Clear['results'] | null {
  let [rowsLeft, bytesLeft] = [maxRows, maxBytes]
  const fitted: (RawResult & { truncated: boolean })[] = []
  for (const [index, result] of results.entries()) {
    let rows = result.rows.slice(0, Math.max(0, rowsLeft))
    if (maxBytes !== Infinity) {
      let count = 0
      for (; count < rows.length; count++) {
        bytesLeft -= bytesOf(rows[count] ?? [], masked[index] ?? [])
        if (bytesLeft < 0) break
      }
      rows = rows.slice(0, count)
    }
    rowsLeft -= rows.length
    const truncated = rows.length < result.rows.length || (cut && index === results.length - 1)
    if (bytesLeft < 0 && index < results.length - 1) return null
    fitted.push({ ...result, rows, rowCount: result.fields.length > 0 || truncated ? rows.length : result.rowCount, truncated })
  }
  return fitted
}
/**
 * As JSON writes them, and no more than that, so that what fits by the body's bytes fits here too. A value that comes masked counts the same
 * whatever it is: beside a text of the caller's choice, whether the two fit would tell its length.
 */
const bytesOf = (row: readonly (string | null)[], masked: readonly boolean[]) =>
  row.reduce((sum, cell, index) => sum + (masked[index] ? shortest : cell === null ? 5 : Buffer.byteLength(JSON.stringify(cell)) + 1), 2)
/** Of a cell in the body: two quotes and a comma. */
const shortest = 3
