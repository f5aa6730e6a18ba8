import type { Bound } from '../schema/approval.ts'
import type { Caller } from '../schema/caller.ts'
import type { Effects } from '../schema/effects.ts'
import type { Id } from '../schema/event.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import type { Asked as Asks } from './ask.ts'
import { type Asked as Question, decide } from './decide/decide.ts'
import type { Reply } from './door.ts'
import type { Call, Gate } from './gate.ts'
import type { Ask } from './permit.ts'
import type { Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'
import { findLock } from './resolve/locks.ts'

export type Door = Pick<Call, 'authorization' | 'session'>
export type Admitted = Extract<Awaited<ReturnType<Gate['admit']>>, { ok: true }>['value']
export type Story = ReturnType<Gate['recorder']['begin']>
/** What of the gate's own is asked for: `[read, delete] on: [audit]`, `[apply, read] on: [policy]`, `[set, read] on: [locks]`. */
export interface Asked { readonly action: 'read' | 'apply' | 'set' | 'delete'; readonly resource: 'audit' | 'policy' | 'locks' }

/**
 * The gate's own resources, connection `sluice` (CONTRACT.md section 3): admitted, locked, decided and recorded like any target's. Nobody is an
 * administrator by any other way than a rule.
 */
export function createOwn(ports: Ports, gate: Gate) {
  /** A known caller, nothing decided yet. Catches what is thrown below, as the gate does for queries. */
  async function withCaller<T>(door: Door, run: (admitted: Admitted, evaluation: Id<'eval'>) => Promise<Result<T>>): Promise<Reply<T>> {
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

  /**
   * A caller whom a rule permits one of `asked` (the first that does). Refusals are recorded; what `run` does it records itself. `chore`: what people are asked to
   * permit, where a rule says that they must; without it such a rule refuses. `beside`: what must be permitted as well, for what this very call would do; looked at only where the first is not denied.
   */
  function permitted<T>(door: Door, asked: readonly [Asked, ...Asked[]], run: Run<T>): Promise<Reply<T>>
  function permitted<T>(door: Door, asked: readonly [Asked, ...Asked[]], run: Run<T>, chore: (admitted: Admitted) => Promise<Result<Chore>>, beside?: () => Promise<Beside | null>): Promise<Reply<T | Waiting>>
  function permitted<T>(door: Door, asked: readonly [Asked, ...Asked[]], run: Run<T>, chore?: (admitted: Admitted) => Promise<Result<Chore>>, beside?: () => Promise<Beside | null>): Promise<Reply<T | Waiting>> {
    return withCaller<T | Waiting>(door, async (admitted, evaluation) => {
      const story = gate.recorder.begin(evaluation, admitted, 'sluice')
      try {
        const { policy, caller } = admitted
        const lock = findLock(ownLocks(admitted.locks, asked), policy, caller, 'sluice', ports.now())
        if (lock) return await story.refuse(lock)
        const judge = (one: Asked) => judgeOwn(admitted, one, ports.now())
        const first = judge(asked[0])
        const alone = first.decision.kind === 'permit' ? first : asked.slice(1).map(judge).find((other) => other.decision.kind === 'permit') ?? first
        const more = alone.decision.kind === 'deny' ? null : await beside?.() ?? null
        const { effects, decision } = more === null ? alone : judgeOwn(admitted, [asked[0], more.asked], ports.now())
        story.decided(effects, decision)
        if (more !== null && decision.kind === 'deny') return await story.refuse({ ...decision.refusal, detail: `${more.why}: ${decision.refusal.detail}` })
        if (decision.kind === 'ask' && chore) return await asks(admitted, effects, decision, story, chore)
        if (decision.kind !== 'permit') return await story.refuse(decision.refusal)
        return await run(admitted, story, evaluation)
      } catch (error) {
        return await story.refuse(faultRefusal(error, ports.alarm))
      }
    })
  }
  return { admitted: withCaller, permitted }

  async function asks(admitted: Admitted, effects: Effects, decision: Ask, story: Story, chore: (admitted: Admitted) => Promise<Result<Chore>>): Promise<Result<Waiting>> {
    const wanted = await chore(admitted)
    if (!wanted.ok) return wanted
    const query = queryOf(wanted.value)
    story.asked(query)
    const asked = await gate.ask(admitted, { connection: 'sluice', idempotencyKey: null, waitMs: 0 }, { connection: { name: 'sluice' }, effects: { ...effects, fingerprint: wanted.value.reaches ?? '' }, ask: decision, query, diff: wanted.value.diff }, story)
    return asked.ok ? ok(new Waiting(asked.value)) : asked
  }
}
type Run<T> = (admitted: Admitted, story: Story, evaluation: Id<'eval'>) => Promise<Result<T>>
/** `why` it is asked for, for whoever is refused. */
interface Beside { readonly asked: Asked; readonly why: string }
/**
 * A change of the gate's own state as people are asked about it: what it is, in words whose first line says which, and what it is made from. `reaches`: what of that state it was asked over, which must be the same when it is done;
 * `diff`: that in words, for those who decide and not for whoever asks.
 */
export interface Chore { readonly words: string; readonly body: unknown; readonly reaches?: string; readonly diff?: string }
/** People are asked, or were: what a route gives where it would give its own answer. */
export class Waiting {
  readonly asked: Asks
  constructor(asked: Asks) { this.asked = asked }
}
const queryOf = ({ words, body }: Chore): Query =>
  ({ statements: [{ sql: words, params: [body as Query['statements'][number]['params'][number]] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null })

/** The same decision that a route makes, and that is made again before what people approved is done, over what it `reaches` by then. */
export function judgeOwn({ policy, caller, session }: Admitted, asked: Asked | readonly Asked[], time: number, approved?: (effects: Effects) => Question['approved'], reaches = '') {
  const effects = { ...effectsOf([asked].flat()), fingerprint: reaches }
  return { effects, decision: decide(policy, { caller, connection: 'sluice', effects, reveal: [], context: { purpose: null, session, time }, approved: approved?.(effects) }) }
}
export type Own = ReturnType<typeof createOwn>

/**
 * Locks on subjects and roles hold here as everywhere. A lock on everything stops statements, not the people who must read the record, mend the
 * policy and lift it; and a lock on the gate's own connection must leave its own lifting possible.
 */
function ownLocks(locks: Admitted['locks'], asked: readonly Pick<Asked, 'resource'>[]): Admitted['locks'] {
  const lifting = asked.some((one) => one.resource === 'locks')
  return locks.filter((lock) => lock.target !== 'everything' && !(lifting && lock.target === 'connection:sluice'))
}

/** The locks that matter to a request: on the gate's own resources the same as for a call that nobody had to permit. */
export const locksOn = (locks: Admitted['locks'], { connection, accesses }: Pick<Bound, 'connection' | 'accesses'>): Admitted['locks'] =>
  connection === 'sluice' ? ownLocks(locks, accesses.map(({ resource }) => ({ resource: resource === 'locks' ? 'locks' : 'policy' }))) : locks

function effectsOf(asked: readonly Asked[]): Effects {
  return {
    accesses: asked.map(({ action, resource }) => ({ action, resource, columns: null, system: false, via: [], statement: 0, span: null })),
    shown: [], used: [], readOnly: asked.every(({ action }) => action === 'read'), fingerprint: '',
  }
}

/** Whose act it is, for a lock or an applied policy: who really calls, and for whom. */
export const byline = (caller: Caller): string => [caller.subject, ...caller.actors].map((principal) => principal.id).join(' by ')
