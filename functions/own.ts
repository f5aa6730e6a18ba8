import type { Caller } from '../schema/caller.ts'
import type { Effects } from '../schema/effects.ts'
import type { Id } from '../schema/event.ts'
import { refuse, type Result } from '../schema/refusal.ts'
import { decide } from './decide/decide.ts'
import type { Reply } from './door.ts'
import type { Call, Gate } from './gate.ts'
import type { Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'
import { findLock } from './resolve/locks.ts'

export type Door = Pick<Call, 'authorization' | 'session'>
export type Admitted = Extract<Awaited<ReturnType<Gate['admit']>>, { ok: true }>['value']
export type Story = ReturnType<Gate['recorder']['begin']>
/** What of the gate's own is asked for: `[read] on: [audit]`, `[apply, read] on: [policy]`, `[set, read] on: [locks]`. */
export interface Asked { readonly action: 'read' | 'apply' | 'set'; readonly resource: 'audit' | 'policy' | 'locks' }

/**
 * The gate's own resources, connection `sluice` (CONTRACT.md section 3): admitted, locked, decided and recorded like any target's. Nobody is an
 * administrator by any other way than a rule.
 */
export function createOwn(ports: Ports, gate: Gate) {
  /** A known caller, nothing decided yet. Catches what is thrown below, as the gate does for queries. */
  async function admitted<T>(door: Door, run: (admitted: Admitted, evaluation: Id<'eval'>) => Promise<Result<T>>): Promise<Reply<T>> {
    const evaluation = ports.id('eval')
    let session: Id<'ses'> | null = null
    try {
      const admitted = await gate.admit(door)
      if (!admitted.ok) return { evaluation, session, result: admitted }
      session = admitted.value.session
      return { evaluation, session, result: await run(admitted.value, evaluation) }
    } catch (error) {
      return { evaluation, session, result: refuse(faultRefusal(error, ports.alarm)) }
    }
  }

  /** A caller whom a rule permits one of `asked` (the first that does). Refusals are recorded; what `run` does it records itself. */
  function permitted<T>(door: Door, asked: readonly [Asked, ...Asked[]], run: (admitted: Admitted, story: Story, evaluation: Id<'eval'>) => Promise<Result<T>>): Promise<Reply<T>> {
    return admitted(door, async (admitted, evaluation) => {
      const story = gate.recorder.begin(evaluation, admitted, 'sluice')
      try {
        const { policy, caller } = admitted
        const lock = findLock(ownLocks(admitted.locks, asked), policy, caller, 'sluice', ports.now())
        if (lock) return await story.refuse(lock)
        const judge = (one: Asked) => {
          const effects = effectsOf(one)
          const decision = decide(policy, { caller, connection: 'sluice', effects, reveal: [], context: { purpose: null, session: admitted.session, time: ports.now() } })
          return { effects, decision }
        }
        const first = judge(asked[0])
        const { effects, decision } = first.decision.kind === 'permit' ? first : asked.slice(1).map(judge).find((other) => other.decision.kind === 'permit') ?? first
        story.decided(effects, decision)
        if (decision.kind !== 'permit') return await story.refuse(decision.refusal)
        return await run(admitted, story, evaluation)
      } catch (error) {
        return await story.refuse(faultRefusal(error, ports.alarm))
      }
    })
  }
  return { admitted, permitted }
}
export type Own = ReturnType<typeof createOwn>

/**
 * Locks on subjects and roles hold here as everywhere. A lock on everything stops statements, not the people who must read the record, mend the
 * policy and lift it; and a lock on the gate's own connection must leave its own lifting possible.
 */
function ownLocks(locks: Admitted['locks'], asked: readonly Asked[]): Admitted['locks'] {
  const lifting = asked.some((one) => one.resource === 'locks')
  return locks.filter((lock) => lock.target !== 'everything' && !(lifting && lock.target === 'connection:sluice'))
}

function effectsOf({ action, resource }: Asked): Effects {
  return {
    accesses: [{ action, resource, columns: null, system: false, via: [], statement: 0, span: null }],
    shown: [], used: [], readOnly: action === 'read', fingerprint: '',
  }
}

/** Whose act it is, for a lock or an applied policy: who really calls, and for whom. */
export const byline = (caller: Caller): string => [caller.subject, ...caller.actors].map((principal) => principal.id).join(' by ')
