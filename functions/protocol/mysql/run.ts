import type { Refusal } from '../../../schema/refusal.ts'
import { cutShort } from '../halt.ts'
import { TransportError } from '../post.ts'
import { expected, planned } from './estimate.ts'
import type { Job } from './execute.ts'
import { enter, leavesNothing, ownBytes, undo, type Entrance, type Within } from './enter.ts'
import { digestOfSet } from './guard.ts'
import { answerTooLarge, failed, late, outcomeOf, stale, Stop, tooLarge, type Fitted, type Ran } from './outcome.ts'
import type { PlannedStatement } from './plan.ts'
import { disagreement, fit } from './rows.ts'
import type { Lease } from './sessions.ts'
import { ServerError, type Bounds, type RawResult } from './transport.ts'

export interface Way extends Entrance {
  readonly look: (sql: string) => Promise<readonly (readonly (string | null)[])[]>
  /** `Run.cut`. */
  readonly cut?: AbortSignal | undefined
  /** `Run.whose`. */
  readonly whose?: string | undefined
}
/** How much longer than the target's own limit we wait for its answer. */
const graceMs = 2000
type Say = (text: string, maxBytes?: number) => Promise<RawResult>

/**
 * One session, one explicit transaction, and nothing of it stays unless every check held before COMMIT. Until COMMIT is sent, whatever goes wrong is `failed`: the target rolls back a session that says nothing
 * more. From then on only the target knows, so a lost answer is `unknown`, and nothing is ever sent twice.
 */
export async function runPlan(job: Job, way: Way): Promise<Ran> {
  const until = way.now() + job.limits.timeoutMs + graceMs
  const within: Within = (maxBytes = ownBytes) => ({ maxBytes, timeoutMs: Math.max(1, until - way.now()), cut: way.cut, whose: way.whose })
  let lease: Lease | null = null
  let results: readonly Fitted[]
  try {
    const { session } = lease = await enter(job, way, within)
    const say: Say = (text, maxBytes) => session.run(text, within(maxBytes))
    await ready(job, way, say)
    results = await inside(job, way, say)
  } catch (error) {
    if (lease) await undo(lease, error)
    if (error instanceof TransportError && error.kind === 'too-large') return failed({ ...answerTooLarge, inner: error.message })
    return outcomeOf(error, job, null)
  }
  return commit(job, lease, results, within())
}

/** In a session that is entered: comparison, and what it may cost. The clock is looked at last, because all before it may have waited. */
async function ready(job: Job, way: Way, say: Say): Promise<void> {
  if (await differs(job, way)) throw new Stop(stale)
  if (job.limits.cost !== undefined) await affordable(job, say, job.limits.cost)
  if (way.now() >= job.deadline) throw new Stop(failed(late))
}
/** Reads the catalog as it stays until the transaction ends, over another session, with the credential the decision's catalog was read with: information_schema shows each account something else. */
const differs = async ({ plan: { guard } }: Job, { look }: Way): Promise<boolean> => digestOfSet(guard.query === null ? [] : await look(guard.query)) !== guard.expected

/** After the hold and the comparison, before anything ran. A plan that cannot be read costs too much. */
async function affordable({ plan: { statements } }: Job, say: Say, most: number): Promise<void> {
  let total = 0
  for (const [index, statement] of statements.entries()) {
    if (!planned(statement)) continue
    total += expected(await say(`EXPLAIN ${statement.text}`))?.cost ?? Infinity
    if (total > most) throw new Stop(failed({ ...tooCostly, ...(statements.length > 1 ? { statement: index } : {}) }))
  }
}
const tooCostly: Refusal = {
  slug: 'too-large', reason: 'too_costly', next: 'fix',
  detail: 'the target expects to look at more rows for this statement than the limit allows, and nothing ran: read fewer rows by a filter on an indexed column, join on keys, or use a smaller `limit`',
}

/** Everything between the checks and COMMIT. Throws Stop with the outcome, or the failure. */
async function inside(job: Job, way: Way, say: Say): Promise<readonly Fitted[]> {
  const results: RawResult[] = []
  let [affected, rows] = [0, 0]
  const calls = job.effects.accesses.some(({ action }) => action === 'call')
  const before = calls && !job.plan.readOnly ? await changedRows(job, say) : null
  for (const [index, statement] of job.plan.statements.entries()) {
    const result = await runOne(job, say, statement, index, Math.max(0, job.maxRows - rows) + 1)
    const where = disagreement(statement, result.fields, job.connection.classify)
    if (where !== null) {
      way.alarm('origin_mismatch', { connection: job.connection.name, statement: index, where })
      throw new Stop(failed({ slug: 'denied', reason: 'origin_mismatch', detail: 'the target reports other columns than the analysis found, so nothing of them leaves', next: 'none', statement: index, inner: where }))
    }
    results.push(result)
    rows += result.rows.length
    affected += result.affected
    // What triggers and procedures change is in no statement's count, but the session has one of its own.
    if (before !== null) affected = Math.max(affected, await changedRows(job, say) - before)
    // Checked after each, so that a batch does not go on once it is too much.
    if (!job.plan.readOnly && affected > job.limits.affected) throw new Stop(failed(tooManyAffected(job, index)))
  }
  // A routine is held only from its use on, so it is compared once more while it is: nothing of one that was changed in between stays, or leaves.
  if (calls && await differs(job, way)) throw new Stop(stale)
  const fitted = fit(results, job)
  // What a write returns is the record of what it did: a part of it is no answer.
  if (!fitted || !job.plan.readOnly && fitted.some(({ truncated }) => truncated)) throw new Stop(failed(answerTooLarge))
  return fitted
}
/** Rows that this session wrote, by the server's own counters. Cascades are made below them, and Vitess has none: 0. On MySQL rows of temporary tables count as well, so it is more there, never less. */
async function changedRows({ flavour }: Job, say: Say): Promise<number> {
  if (flavour === 'vitess') return 0
  const { rows } = await say("SHOW SESSION STATUS WHERE Variable_name IN ('Handler_write', 'Handler_update', 'Handler_delete')")
  return rows.reduce((sum, [, value]) => sum + Number(value ?? 0), 0)
}
async function runOne(job: Job, say: Say, statement: PlannedStatement, index: number, rows: number): Promise<RawResult> {
  if (statement.answer) return answered(statement.answer)
  try {
    // Locked and counted before they change: how many really change would tell which of them held the new value already.
    const found = statement.counted ? (await say(statement.counted(job.limits.affected + 1))).rows.length : null
    if (found !== null && found > job.limits.affected) throw new Stop(failed(tooManyAffected(job, index)))
    const result = await say(statement.capped?.(rows) ?? statement.text, job.limits.bytes * 2 + job.maskedBytes(rows))
    return found === null ? result : { ...result, affected: found }
  } catch (error) {
    if (error instanceof ServerError) throw new Stop(outcomeOf(error, job, job.plan.statements.length > 1 ? index : null))
    throw error
  }
}
const answered = ({ columns, rows }: NonNullable<PlannedStatement['answer']>): RawResult => ({ fields: columns.map((name) => ({ name, type: 'VARCHAR', charset: 45 })), rows, affected: 0 })

async function commit(job: Job, lease: Lease, results: readonly Fitted[], bounds: Bounds): Promise<Ran> {
  if (lease.session.over?.()) {                                      // told to stop, and answered before it heard: no COMMIT was sent, so the target rolls back
    lease.end()
    return outcomeOf(bounds.cut?.aborted ? cutShort(bounds.cut) : new TransportError('unreachable', 'the connection was cut'), job, null)
  }
  try {
    await lease.session.run('COMMIT', bounds)
    if (leavesNothing(job)) lease.rest()
    else lease.end()
    return { ok: true, results }
  } catch (error) {
    lease.end()
    // A conflict is an answer: rolled back. Anything else may have come after it was committed.
    if (job.plan.readOnly || error instanceof ServerError && rolledBack.has(error.errno)) return outcomeOf(error, job, null)
    const inner = error instanceof TransportError ? error.kind : error instanceof ServerError ? `errno ${error.errno}` : 'lost'
    return { ok: false, executed: { status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'commit_lost', detail: 'the answer to the commit was lost: the change may or may not be there', next: 'none', inner } } }
  }
}
/** Deadlock, lock wait, a transaction that changed rows another changed (Galera, snapshot isolation): said by a server that has rolled back. */
const rolledBack: ReadonlySet<number> = new Set([1205, 1213, 1020])

const tooManyAffected = ({ limits, plan }: Job, index: number) => ({
  ...tooLarge('too_many_affected', `the statement would change more than \`${limits.affected}\` rows: narrow it; nothing was changed`),
  ...(plan.statements.length > 1 ? { statement: index } : {}),
})
