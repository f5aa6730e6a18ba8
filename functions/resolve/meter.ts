import { canonicalJson } from '../../schema/bundle.ts'
import type { Caller } from '../../schema/caller.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import type { Query } from '../../schema/request.ts'
import type { Permit } from '../permit.ts'
import type { Ports } from '../ports.ts'
import type { Executed } from '../protocol/protocol.ts'

const hourMs = 3_600_000

export interface Quota {
  /** Rows a statement may return: never more than the limits, the caller's own `maxRows`, or what is left of the hour. */
  readonly rows: number | null
  /** Gives back the rows that were reserved and not used. */
  settle(executed: Executed): void
  /** Nothing was begun, nor ever will be of this: gives back all of it, statements too, and what it was given. */
  release<T>(refused: T): T
}

/**
 * `perHour`, counted per subject and connection over the whole hour of the clock, in the store, before anything runs. Another actor, session or
 * token of the same subject shares the count: otherwise each would be a fresh budget. A statement that failed still counts as one, one that was not
 * begun does not; rows are what came back or was changed.
 */
export async function reserve(ports: Pick<Ports, 'now' | 'meter'>, caller: Caller, connection: string, permit: Permit, query: Query): Promise<Result<Quota>> {
  const { rows, rowsPerHour, statementsPerHour } = permit.obligations.limits
  const now = ports.now()
  const hour = Math.floor(now / hourMs)
  const key = (what: string) => canonicalJson([caller.issuer, caller.subject.id, connection, what])
  const retryAfterSeconds = Math.max(1, Math.ceil(((hour + 1) * hourMs - now) / 1000))
  const count = query.statements.length
  const cap = Math.min(rows, query.maxRows ?? rows)
  if (statementsPerHour !== null) {
    const had = await ports.meter.take(key('statements'), hour, count, statementsPerHour)
    if (had < count) {
      ports.meter.give(key('statements'), hour, had)
      return refuse(exceeded(`${statementsPerHour} statements`, retryAfterSeconds))
    }
  }
  const begunNothing = () => { if (statementsPerHour !== null) ports.meter.give(key('statements'), hour, count) }
  if (rowsPerHour === null) return ok({ rows: cap, settle: () => undefined, release: (refused) => { begunNothing(); return refused } })
  const had = await ports.meter.take(key('rows'), hour, Math.min(cap * count, rowsPerHour), rowsPerHour)
  const each = Math.min(cap, Math.floor(had / count))
  if (each < 1) {
    ports.meter.give(key('rows'), hour, had)
    begunNothing()
    return refuse(exceeded(`${rowsPerHour} rows`, retryAfterSeconds))
  }
  const give = (rows: number) => { ports.meter.give(key('rows'), hour, Math.max(0, had - rows)) }
  return ok({
    rows: each,
    settle(executed) {
      // Of a list nobody knows before its end how many there are.
      if (executed.status === 'succeeded' && executed.rows.counted) void executed.rows.counted.then(give)
      else give(used(executed, had))
    },
    release(refused) {
      begunNothing()
      give(0)
      return refused
    },
  })
}

/** `unknown` may have been all of it. */
function used(executed: Executed, had: number): number {
  switch (executed.status) {
    case 'succeeded': return executed.rows.rowCounts.reduce((sum, rows) => sum + rows, 0)
    case 'unknown': return had
    case 'failed': case 'stale': return 0
  }
}

const exceeded = (budget: string, retryAfterSeconds: number): Refusal => ({
  slug: 'rate-limited', reason: 'hourly_quota', next: 'retry', retryAfterSeconds,
  detail: `the quota of ${budget} an hour on this connection is used up; it is full again in ${retryAfterSeconds} s`,
})
