import { TransportError } from '../post.ts'
import { maybeStale } from './diagnose.ts'
import type { Job } from './execute.ts'
import { failed, late, stale, Stop } from './outcome.ts'
import { beginStatement, checkedBy, guardStatement, pinStatement, type Pins } from './pins.ts'
import type { Lease, Sessions } from './sessions.ts'
import { ServerError, type Bounds, type RawResult } from './transport.ts'

export interface Entrance {
  readonly sessions: Sessions
  readonly now: () => number
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
}
/** The bounds of an exchange, by what is left of the run's time. Left out: `ownBytes`. */
export type Within = (maxBytes?: number) => Bounds
/** Answers of ours that carry no rows of the caller. */
export const ownBytes = 1024 * 1024
const rollbackMs = 2000

/**
 * Job → a session in the transaction it is to run in: settings as they must be, what is named held, and the deadline not passed by the target's clock once it is. All that is sent here is ours and changes
 * nothing, so where a kept session turns out to be gone, or not to be what it was, a new one costs another try and no more. Throws Stop, or what the target said; then nothing of it is left.
 */
export async function enter(job: Job, way: Entrance, within: Within): Promise<Lease> {
  if (way.now() >= job.deadline) throw new Stop(failed(late))      // as late as can be here; the target judges once more
  const pins: Pins = { flavour: job.flavour, isolation: job.plan.isolation, readOnly: job.plan.readOnly, limits: job.limits, rows: job.maxRows + 1 }
  const text = pinStatement(pins)
  const kept = leavesNothing(job) ? way.sessions.kept(job.url, text) : null
  if (kept) {
    try {
      const checked = await guarded(job, pins, kept, within)
      if (checked === null) return kept
      if (checked === 'late') throw new Stop(failed(late))
      await undo(kept, null)
    } catch (error) {
      await undo(kept, error)
      if (!isGone(error)) throw error
    }
  }
  const lease = way.sessions.open(job.url, text)
  try {
    await lease.session.run(text, within())
    const checked = await guarded(job, pins, lease, within)
    if (checked === null) return lease
    if (checked === 'late') throw new Stop(failed(late))
    way.alarm('setting_not_held', { connection: job.connection.name, setting: checked.setting })
    throw new Stop(failed({ slug: 'target-unavailable', reason: 'setting_not_held', detail: 'the target does not keep the settings that a statement is decided under, so nothing ran', next: 'none', inner: checked.setting }))
  } catch (error) {
    await undo(lease, error)
    throw error
  }
}
async function guarded(job: Job, pins: Pins, { session }: Lease, within: Within): Promise<ReturnType<typeof checkedBy>> {
  const begin = beginStatement(pins)
  if (begin !== null) await session.run(begin, within())
  let told: RawResult
  try {
    told = await session.run(guardStatement(pins.flavour, job.plan.relations.filter(({ named }) => named)), within())
  } catch (error) {
    if (error instanceof ServerError && maybeStale(error)) throw new Stop(stale)
    throw error
  }
  return checkedBy(told.rows, pins, job.deadline)
}
/** The session ended while it rested, by the server's limit, a restart, or whoever stands between. */
export const isGone = (error: unknown): boolean => (error instanceof TransportError && error.kind === 'unreachable') || (error instanceof ServerError && [1053, 1927, 2006, 2013, 4031].includes(error.errno))

/**
 * Reads that call nothing of the target's own: the functions they may use neither keep anything in a session nor tell of one (builtins.ts), user variables and temporary tables have no words here, and what a server
 * remembers of the statement before is of `guardStatement`. One thing does last, the sequence behind RAND(): where it settles an order (total.ts), nobody may have seen what came before.
 */
export const leavesNothing = ({ plan, effects }: Pick<Job, 'plan' | 'effects'>): boolean =>
  plan.readOnly && effects.accesses.every(({ action, system }) => action !== 'call' || system) && plan.statements.every(({ text }) => !/\brand\b/i.test(text))

/** After a lost answer the session may be running still, and is told nothing: it ends by itself, and takes what was not committed with it. */
export async function undo({ session, end }: Lease, error: unknown): Promise<void> {
  if (!(error instanceof TransportError)) await session.run('ROLLBACK', { maxBytes: ownBytes, timeoutMs: rollbackMs }).catch(() => {})
  end()
}
