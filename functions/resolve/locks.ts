import type { Caller } from '../../schema/caller.ts'
import type { Refusal } from '../../schema/refusal.ts'
import type { Lock } from '../ports.ts'
import { rolesOf, type Membership } from './roles.ts'

/**
 * The first lock that stops this call, or null. A lock on a subject also stops whoever acts for it or through it. `nowMs`: epoch ms. A lock
 * whose end cannot be read has none.
 */
export function findLock(
  locks: readonly Lock[], policy: Membership & { reaches(caller: Caller, connection: string): boolean }, caller: Caller, connection: string, nowMs: number,
): Refusal | null {
  const live = locks.filter((lock) => lock.until === null || !(Date.parse(lock.until) <= nowMs))
  if (live.length === 0) return null
  const stopped = new Set(['everything', ...[caller.subject, ...caller.actors].map((principal) => `subject:${principal.id}`), ...rolesOf(policy, caller).map((role) => `role:${role}`)])
  // a locked connection the caller may not know of must look like one that is not there
  if (policy.reaches(caller, connection)) stopped.add(`connection:${connection}`)
  const found = live.filter((lock) => stopped.has(lock.target)).sort((a, b) => latest(b) - latest(a))[0]
  return found ? refusal(found, nowMs) : null
}

/** Of several locks the longest is the one to tell of. */
const latest = (lock: Lock): number => {
  const until = lock.until === null ? NaN : Date.parse(lock.until)
  return Number.isNaN(until) ? Infinity : until
}

/** The reason a person wrote is for the record, not for whoever was locked out. */
function refusal(lock: Lock, nowMs: number): Refusal {
  const until = latest(lock)
  const inner = `${lock.target} locked by ${lock.by} at ${lock.at}: ${lock.reason ?? 'no reason given'}`
  if (until === Infinity) return { slug: 'denied', reason: 'locked', next: 'none', detail: `\`${lock.target}\` is locked until somebody lifts the lock`, inner }
  const retryAfterSeconds = Math.ceil((until - nowMs) / 1000)
  return { slug: 'denied', reason: 'locked', next: 'retry', retryAfterSeconds, detail: `\`${lock.target}\` is locked until ${new Date(until).toISOString()}`, inner }
}
