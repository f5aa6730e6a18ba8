import type { Effects } from '../schema/effects.ts'
import type { Id } from '../schema/event.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import { type Asked, createAsk } from './ask.ts'
import { type Asked as Question, decide } from './decide/decide.ts'
import { createDoor, type Admitted, type Knock, type Reply } from './door.ts'
import type { Decision } from './permit.ts'
import type { Ports } from './ports.ts'
import { engineOf } from './protocol/engine.ts'
import type { Masked } from './protocol/protocol.ts'
import type { Story } from './record/story.ts'
import { findConnection } from './resolve/connection.ts'
import { claim } from './resolve/idempotency.ts'
import { findLock } from './resolve/locks.ts'
import { reserve } from './resolve/meter.ts'
import { readQuery } from './resolve/query.ts'
import { createWaits } from './wait.ts'

/** One call as the rim hands it over: nothing in it is trusted yet. `body` is read only after the caller is known. */
export interface Call extends Knock {
  readonly idempotencyKey: string | null
  readonly body: () => Promise<Result<unknown>>
  /** How long the call may be held while people decide, ms. */
  readonly waitMs: number
}
/** `stored`: the serialised answer of an earlier call, given only after the decision was made again. `waiting`: people are asked. */
export type Answer =
  | { readonly masked: Masked; readonly batch: boolean; readonly outcome: Id<'evt'>; readonly keep: (status: number, body: string) => Promise<void> }
  | Asked
export type Considered = Extract<Awaited<ReturnType<Gate['consider']>>, { ok: true }>['value']
type Permitted = Extract<Decision, { kind: 'permit' }>
/** How an intent is stored, where that is more than a record: see Story. */
type Store = Parameters<Story['intend']>[1]

/** Pipeline of CONTRACT.md: authenticate and resolve (door.ts), then the stages below. Comments say what a process that dies right there leaves behind. */
export function createGate(ports: Ports) {
  const { admit, guarded, meanwhile, standing, recorder } = createDoor(ports)
  const waits = createWaits(ports)
  const ask = createAsk(ports, waits, meanwhile)

  async function read(call: Call, story: Story): Promise<Result<Query>> {
    const body = await call.body()
    if (!body.ok) return body
    const query = readQuery(body.value)
    if (query.ok) story.asked(query.value)
    return query
  }

  /** resolve → classify → decide: everything that explain does, and the first half of query. Reads only. */
  async function consider(name: string, query: Query, { policy, locks, caller, session }: Admitted, story: Story, approved?: (effects: Effects) => Question['approved']) {
    const lock = findLock(locks, policy, caller, name, ports.now())
    if (lock) return story.refuse(lock)
    const connection = findConnection(policy, caller, name)
    if (!connection.ok) return story.refuse(connection.refusal)
    const engine = engineOf(ports, connection.value)
    const plan = await engine.classify(connection.value, query, policy.rolesOf(caller.actors[0] ?? caller.subject))
    if (!plan.ok) return story.refuse(plan.refusal)
    const decision = decide(policy, {
      caller, connection: name, effects: plan.value.effects, reveal: query.reveal,
      context: { purpose: query.purpose, session, time: ports.now() }, approved: approved?.(plan.value.effects),
    })
    story.decided(plan.value.effects, decision)
    return ok({ connection: connection.value, engine, plan: plan.value, decision })
  }

  async function explain(call: Call) {
    return guarded(call, async (admitted, story) => {
      const query = await read(call, story)
      if (!query.ok) return query
      const considered = await consider(call.connection, query.value, admitted, story.unrecorded())
      const noticed = await story.explained(considered.ok ? considered.value.decision : considered)   // who only asks is on record too
      return noticed.ok ? considered : noticed
    })
  }

  async function query(call: Call): Promise<Reply<Answer>> {
    return guarded(call, async (admitted, story) => {
      const query = await read(call, story)
      if (!query.ok) return query
      const first = await attempt(call, query.value, admitted, story)
      // An object changed between classify and execute, and nothing ran: decide once more on what is there now. A second change is an answer.
      return first.ok || first.refusal.reason !== 'objects_changed' ? first : attempt(call, query.value, admitted, story)
    })
  }

  async function attempt(call: Call, query: Query, admitted: Admitted, story: Story): Promise<Result<Answer>> {
    const considered = await consider(call.connection, query, admitted, story)
    if (!considered.ok) return considered
    const { connection, plan, decision } = considered.value
    if (decision.kind === 'deny') return story.refuse(decision.refusal)
    if (decision.kind === 'ask') return ask(admitted, call, { connection, effects: plan.effects, ask: decision, query }, story)
    const claimed = await claim(ports, admitted.caller, call, query, decision.permit, story.deadlines())
    if (!claimed.ok) return story.refuse(claimed.refusal)                // dies here: a claim without an intent; it answers `outcome-unknown` after its time
    if (claimed.value.stored) {
      const noticed = await story.notice('repeat', { first: claimed.value.stored.evaluation })   // rows go out, so it is on record first
      return noticed.ok ? ok({ stored: claimed.value.stored }) : noticed
    }
    const late = await meanwhile(admitted, connection.name)              // a slow target may have taken longer than policy and locks at hand are good for
    if (late) return claimed.value.release(await story.refuse(late))
    const done = await perform(considered.value, decision, query, admitted, story)
    if (!done.ok) return done.began === 'unknown' ? done : claimed.value.release(done)   // unknown: the key keeps its claim, it must never run a second time
    return ok({ ...done.value, batch: query.batch, keep: claimed.value.keep })
  }

  /** reserve → intend → execute → settle → mask: for a call that is permitted, and for one that people approved. `began`: whether the target may have an effect of it. */
  async function perform({ connection, engine, plan }: Considered, decision: Permitted, query: Query, { caller }: Admitted, story: Story, store?: Store) {
    const quota = await reserve(ports, caller, connection.name, decision.permit, query)
    if (!quota.ok) return { ...await story.refuse(quota.refusal), began: 'no', outcome: null } as const    // dies here: quota lost for the hour, nothing else
    const intent = await story.intend(decision, store)                   // durable, or nothing is executed
    if (!intent.ok) return { ...intent, began: 'no', outcome: null } as const           // dies here: an intent; the sweeper settles it as unknown
    const executed = await engine.execute(decision.permit, plan, { deadline: intent.value.deadline, rowMode: query.rowMode, maxRows: quota.value.rows })
    quota.value.settle(executed)                                         // dies here or in execute: as above; the target has all of it or nothing
    const outcome = await story.settle(executed)                         // durable, or the caller gets `outcome-unknown` and no rows
    if (!outcome.ok) return { ...outcome, began: 'unknown', outcome: null } as const
    if (executed.status !== 'succeeded') return { ...refuse(executed.refusal), began: executed.status === 'unknown' ? 'unknown' : 'no', outcome: outcome.value } as const
    return { ok: true, value: { masked: engine.mask(decision.permit, plan, executed.rows), outcome: outcome.value, rowCounts: executed.rows.rowCounts } } as const
  }
  return { admit, query, explain, ask, consider, perform, standing, recorder, waits }
}
export type Gate = ReturnType<typeof createGate>
