import { transportRefusal, unavailable } from '../trouble.ts'
import { bindText } from './bind.ts'
import { costed, costIn, costing, tooCostly } from './cost.ts'
import { serverError, type Place } from './diagnose.ts'
import { cappedText, guardOf, holdOf, late, pinsOf, type Job } from './frame.ts'
import { confirmed, failed, maybeStale, outcomeOf, stale, tooLarge, type Clear, type Ran } from './outcome.ts'
import type { PlannedStatement } from './plan.ts'
import { changedSince, fit, graceMs, type Way } from './read.ts'
import { TransportError } from '../post.ts'
import type { RawResult, Session, Sql } from './port.ts'

export interface WriteWay extends Way { readonly take: (url: string, timeoutMs: number) => Promise<Session>; readonly now: () => number }
/** Answers of ours that carry no rows of the caller. */
const ownBytes = 1024 * 1024
const rollbackMs = 2000
const say = (text: string, values: Sql['values'] = []): Sql => ({ text, values })
class Stop { readonly ran: Ran; constructor(ran: Ran) { this.ran = ran } }

/**
 * A write, or a batch that wants more than read committed: one session, one explicit transaction, and nothing of it stays unless every check
 * held before COMMIT. Until COMMIT is sent, whatever goes wrong is `failed`: a connection that breaks rolls back. From then on only the server
 * knows, so a lost answer is `unknown`, and nothing is ever sent twice.
 */
export async function runWrite(job: Job, way: WriteWay): Promise<Ran> {
  const until = way.now() + job.limits.timeoutMs + graceMs
  let session: Session
  try {
    session = await begun(job, way, until)
  } catch (error) {
    return error instanceof Stop ? error.ran : outcomeOf(error, job, null)
  }
  const left = () => Math.max(1, until - way.now())
  const run = (sql: Sql, maxBytes = ownBytes) => session.run(sql, { maxBytes, timeoutMs: left() })
  let results: Clear['results']
  try {
    results = await inside(job, way, run)
  } catch (error) {
    await undo(session)
    if (error instanceof TransportError && error.kind === 'too-large') return failed({ ...answerTooLarge, inner: error.message })   // as when it came whole and was counted
    return error instanceof Stop ? error.ran : outcomeOf(error, job, null)
  }
  return commit(job, session, results, left())
}
type Run = (sql: Sql, maxBytes?: number) => Promise<RawResult>

/**
 * BEGIN is also the test of a kept connection: when it fails there, nothing has run, and the next one is tried, until a new one. The deadline is
 * looked at right before; the target looks again.
 */
async function begun(job: Job, { take, now }: WriteWay, until: number): Promise<Session> {
  for (;;) {
    const session = await take(job.url, Math.max(1, until - now()))
    if (now() >= job.deadline) {
      session.release()
      throw new Stop(failed(late))
    }
    try {
      await session.run(say(`BEGIN ISOLATION LEVEL ${isolation[job.plan.isolation]} ${job.plan.readOnly ? 'READ ONLY' : 'READ WRITE'}`), { maxBytes: ownBytes, timeoutMs: Math.max(1, until - now()) })
      return session
    } catch (error) {
      session.destroy()
      const gone = error instanceof TransportError ? error.kind === 'unreachable' : serverError(error)?.severity !== 'ERROR'
      if (!session.kept || !gone) throw error
    }
  }
}
const isolation = { 'read committed': 'READ COMMITTED', 'repeatable read': 'REPEATABLE READ', serializable: 'SERIALIZABLE' } as const

/** Everything between BEGIN and COMMIT. Throws Stop with the outcome, or the failure. */
async function inside(job: Job, way: WriteWay, run: Run): Promise<Clear['results']> {
  await run(pinsOf(job))
  await guarded(job, way, run)
  const written = job.plan.relations.filter((relation) => relation.written).map(({ oid }) => oid)
  const before = job.plan.readOnly ? 0 : await changedRows(run, written)
  const results: RawResult[] = []
  let affected = 0
  for (const [index, statement] of job.plan.statements.entries()) {
    const result = await runOne(job, way, run, statement, index)
    results.push(result)
    affected += changes(statement) ? result.rowCount ?? 0 : 0
    // Checked after each, so that a batch does not go on once it is too much.
    if (affected > job.limits.affected) throw new Stop(failed(tooManyAffected(job, index)))
  }
  if (!job.plan.readOnly && await changedRows(run, written) - before > job.limits.affected) throw new Stop(failed(tooManyAffected(job, null)))
  const refusal = confirmed(job, results, way.alarm)
  if (refusal) throw new Stop(failed(refusal))
  const fitted = fit(results, job, job.limits.bytes, false)
  // What a write returns is the record of what it did: a part of it is no answer. Nor is one that has rows left out by their bytes, because past the cap nothing would come.
  const byBytes = fitted?.some(({ rows }, index) => rows.length < Math.min(job.maxRows, results[index]?.rows.length ?? 0)) ?? true
  if (!fitted || (job.plan.readOnly ? job.plan.statements.length === 1 && byBytes : fitted.some(({ truncated }) => truncated))) throw new Stop(failed(answerTooLarge))
  return fitted
}

/**
 * Holds and compares. A write is held by explaining it: EXPLAIN takes the locks of the statement itself (ROW EXCLUSIVE on what it writes, which
 * keeps triggers and constraints as they are), wants exactly its privileges, and runs nothing of it. Above read committed the transaction's
 * snapshot is older than the hold, so the comparison is made over another connection, while the hold is had.
 */
async function guarded(job: Job, way: WriteWay, run: Run): Promise<void> {
  try {
    const hold = holdOf(job)
    if (hold && !job.plan.statements.every(explainable)) await run(hold)
    for (const [index, statement] of job.plan.statements.entries()) {
      if (explainable(statement)) await atStatement(job, way, statement, index, explain, () => run(say(`${explain}${statement.text}`, statement.params.map(bindText))))
    }
    if (job.plan.isolation === 'read committed') await run(guardOf(job))
    else if (await changedSince(job, way, bounds(job))) throw new Stop(stale)
    if (job.limits.cost !== undefined) await affordable(job, way, run, job.limits.cost)
  } catch (error) {
    if (await isStale(error, job, way)) throw new Stop(stale)
    throw error
  }
}
/** After the hold and the comparison, before anything ran. */
async function affordable(job: Job, way: WriteWay, run: Run, most: number): Promise<void> {
  let total = 0
  for (const [index, statement] of job.plan.statements.entries()) {
    if (!costed(statement)) continue
    const { text, prefix } = cappedText(job, statement, index)
    total += costIn(await atStatement(job, way, statement, index, costing + prefix, () => run(say(`${costing}${text}`, statement.params.map(bindText)))))
    if (total > most) throw new Stop(failed(tooCostly(job.plan.statements.length > 1 ? index : null)))
  }
}
const isStale = async (error: unknown, job: Job, way: Way) => maybeStale(error) && changedSince(job, way, bounds(job))
const bounds = (job: Job) => ({ url: job.url, maxBytes: ownBytes, timeoutMs: job.limits.timeoutMs })
const explain = 'EXPLAIN (COSTS OFF) '

async function runOne(job: Job, way: Way, run: Run, statement: PlannedStatement, index: number): Promise<RawResult> {
  const { text, prefix } = cappedText(job, statement, index)
  return atStatement(job, way, statement, index, prefix, () => run(say(text, statement.params.map(bindText)), job.limits.bytes + job.spareBytes + ownBytes))
}
/** A refusal of the server inside a statement of the caller is told as one of that statement. */
async function atStatement<T>(job: Job, way: Way, statement: PlannedStatement, index: number, prefix: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (serverError(error) === null) throw error
    if (prefix === explain && await isStale(error, job, way)) throw new Stop(stale)
    const place: Place = { statement: job.plan.statements.length > 1 ? index : null, original: job.originals[index] ?? '', text: statement.text, prefix }
    throw new Stop(outcomeOf(error, job, place))
  }
}

/**
 * Rows changed so far in this transaction in the relations the plan writes, by the server's own counters: also by a CTE that writes, or a
 * cascade, which a command tag does not tell. A kept session may carry counts of its last transaction, so only a difference means something.
 */
async function changedRows(run: Run, oids: readonly number[]): Promise<number> {
  if (oids.length === 0) return 0
  const counters = ['inserted', 'updated', 'deleted'].map((what) => `pg_catalog.pg_stat_get_xact_tuples_${what}(o.oid)`)
  const { rows } = await run(say(`SELECT coalesce(sum(${counters.join(' + ')}), 0) FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS o(oid)`, [`{${oids.join(',')}}`]))
  return Number(rows[0]?.[0] ?? 0)
}

async function commit(job: Job, session: Session, results: Clear['results'], timeoutMs: number): Promise<Ran> {
  try {
    const { command } = await session.run(say('COMMIT'), { maxBytes: ownBytes, timeoutMs })
    if (command === 'COMMIT') {
      session.release()
      return { ok: true, results }
    }
    session.destroy()                                                // ROLLBACK: the transaction was no longer one that could be committed
    return failed(unavailable('rolled_back', 'the target rolled the transaction back', `answer to commit: ${command}`))
  } catch (error) {
    session.destroy()
    const server = serverError(error)
    // A deferred constraint or a conflict is an answer: rolled back. A server that goes down may have committed before it said so.
    if (server && server.severity === 'ERROR' && !/^(08|57|53|58|XX)/.test(server.code)) return outcomeOf(error, job, null)
    if (job.plan.readOnly) return outcomeOf(error, job, null)
    const inner = error instanceof TransportError ? transportRefusal(error).inner ?? error.kind : server?.code ?? 'lost'
    return { ok: false, executed: { status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'commit_lost', detail: 'the answer to the commit was lost: the change may or may not be there', next: 'none', inner } } }
  }
}

async function undo(session: Session): Promise<void> {
  try {
    await session.run(say('ROLLBACK'), { maxBytes: ownBytes, timeoutMs: rollbackMs })
    session.release()
  } catch {
    session.destroy()                                                // the server rolls back when it sees the connection gone
  }
}

const answerTooLarge = tooLarge('answer_too_large', 'what the statement returns is larger than the limit: return fewer rows or columns; nothing was changed')
const tooManyAffected = ({ limits, plan }: Job, index: number | null) => ({
  ...tooLarge('too_many_affected', `the statement would change more than \`${limits.affected}\` rows: narrow it; nothing was changed`),
  ...(index !== null && plan.statements.length > 1 ? { statement: index } : {}),
})

function changes({ kind }: PlannedStatement): boolean {
  switch (kind) {
    case 'insert': case 'update': case 'delete': case 'merge': return true
    case 'select': case 'explain': case 'show': case 'truncate': case 'ddl': case 'call': case 'lock': return false
  }
}
function explainable({ kind }: PlannedStatement): boolean {
  switch (kind) {
    case 'select': case 'insert': case 'update': case 'delete': case 'merge': return true
    case 'explain': case 'show': case 'truncate': case 'ddl': case 'call': case 'lock': return false
  }
}
