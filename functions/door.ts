import type { Id } from '../schema/event.ts'
import { ok, refuse, type Refusal, type Result } from '../schema/refusal.ts'
import { createAuthenticator } from './authenticate/authenticate.ts'
import { bearer } from './authenticate/token.ts'
import { prepare } from './decide/policy.ts'
import type { Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'
import { createRecorder, type Story } from './record/story.ts'
import { findLock } from './resolve/locks.ts'
import { createSessions } from './resolve/session.ts'
import { createStanding } from './resolve/standing.ts'

export interface Knock { readonly authorization: string | null; readonly session: string | null; readonly connection: string }
export interface Reply<T> { readonly evaluation: Id<'eval'>; readonly session: Id<'ses'> | null; readonly result: Result<T> }

/** The first two stages, which every route that wants a token shares, and the one place that catches. */
export function createDoor(ports: Ports) {
  const standing = createStanding(ports, prepare)
  const authenticate = createAuthenticator(ports)
  const sessions = createSessions(ports)
  const recorder = createRecorder(ports)
  const turnedAway = createTally(ports)

  /** Token → policy in force → caller → session. */
  async function admit(call: Pick<Knock, 'authorization' | 'session'>) {
    const token = bearer(call.authorization)                   // structure only: garbage costs no read and no signature check
    if (!token.ok) return turnedAway(token)
    const current = await standing.current()                   // the freshness read, when the copy at hand is older than 2 s
    if (!current.ok) return current
    const caller = await authenticate(token.value, current.value.policy.issuers)
    if (!caller.ok) return turnedAway(caller)
    const session = await sessions.open(caller.value, call.session)
    if (!session.ok) return session
    return ok({ ...current.value, caller: caller.value, session: session.value })
  }

  /** A thrown fault becomes a refusal, is recorded where it can be, and never tells what threw. */
  async function guarded<T>(call: Knock, run: (admitted: Admitted, story: Story) => Promise<Result<T>>): Promise<Reply<T>> {
    const evaluation = ports.id('eval')
    let session: Id<'ses'> | null = null
    try {
      const admitted = await admit(call)
      if (!admitted.ok) return { evaluation, session, result: admitted }
      session = admitted.value.session
      const story = recorder.begin(evaluation, admitted.value, call.connection)
      try {
        return { evaluation, session, result: await run(admitted.value, story) }
      } catch (error) {
        return { evaluation, session, result: await story.refuse(faultRefusal(error, ports.alarm)) }
      }
    } catch (error) {
      return { evaluation, session, result: refuse(faultRefusal(error, ports.alarm)) }
    }
  }

  /** What came since the caller was admitted and stops the call: a lock, another policy. Costs a read only where the copy at hand is older than 2 s. */
  async function meanwhile({ policy, locks, caller }: Admitted, connection: string): Promise<Refusal | null> {
    const still = await standing.current()
    if (!still.ok) return still.refusal
    if (still.value.policy.version !== policy.version) return moved
    return still.value.locks === locks ? null : findLock(still.value.locks, policy, caller, connection, ports.now())
  }
  return { admit, guarded, meanwhile, standing, recorder }
}
const moved: Refusal = { slug: 'policy-moved', reason: 'policy_moved', next: 'retry', retryAfterSeconds: 1, detail: 'the policy changed while this was being decided, and nothing ran; send it again' }
export type Door = ReturnType<typeof createDoor>
export type Admitted = Extract<Awaited<ReturnType<Door['admit']>>, { ok: true }>['value']

const tellEveryMs = 60_000
/**
 * Callers without a token that holds are counted by reason, not recorded one by one: anybody can send them, and a record each would let a stranger
 * fill the audit. The sums so far go on record with the first of them a minute after the last sums, in the background: a stranger's refusal never
 * waits for a store, and one lost sum loses no decision.
 */
function createTally(ports: Ports) {
  let since: number | null = null
  let sums: Record<string, number> = {}
  return <T extends { readonly ok: false; readonly refusal: { readonly reason: string } }>(refused: T): T => {
    const now = ports.now()
    since ??= now
    sums[refused.refusal.reason] = (sums[refused.refusal.reason] ?? 0) + 1
    if (now - since >= tellEveryMs) {
      const change = { from: new Date(since).toISOString(), counts: sums }
      since = now
      sums = {}
      ports.ledger.append({ id: ports.id('evt'), at: new Date(now).toISOString(), evaluation: ports.id('eval'), session: null, who: null, connection: null, policy: null, kind: 'unauthenticated', change })
        .catch((error: unknown) => ports.alarm('count of unauthenticated calls not recorded', { error: error instanceof Error ? error.message : 'unknown' }))
    }
    return refused
  }
}
