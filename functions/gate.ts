import type { Id } from '../schema/event.ts'
import { ok, refuse, type Refusal, type Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import { decide } from './decide/decide.ts'
import { createDoor, type Admitted, type Knock, type Reply } from './door.ts'
import type { Ports } from './ports.ts'
import type { Masked } from './protocol/protocol.ts'
import type { Story } from './record/story.ts'
import { findConnection } from './resolve/connection.ts'
import { claim } from './resolve/idempotency.ts'
import { findLock } from './resolve/locks.ts'
import { reserve } from './resolve/meter.ts'
import { readQuery } from './resolve/query.ts'

/** One call as the rim hands it over: nothing in it is trusted yet. `body` is read only after the caller is known. */
export interface Call extends Knock {
  readonly idempotencyKey: string | null
  readonly body: () => Promise<Result<unknown>>
}
/** `stored`: the serialised answer of an earlier call with the same Idempotency-Key, given only after the decision was made again. */
export type Answer =
  | { readonly masked: Masked; readonly batch: boolean; readonly outcome: Id<'evt'>; readonly keep: (status: number, body: string) => Promise<void> }
  | { readonly stored: { readonly status: number; readonly body: string } }

/** Pipeline of CONTRACT.md: authenticate and resolve (door.ts), then the stages below. Comments say what a process that dies right there leaves behind. */
export function createGate(ports: Ports) {
  const { admit, guarded, standing, recorder } = createDoor(ports)

  async function read(call: Call, story: Story): Promise<Result<Query>> {
    const body = await call.body()
    if (!body.ok) return body
    const query = readQuery(body.value)
    if (query.ok) story.asked(query.value)
    return query
  }

  /** resolve → classify → decide: everything that explain does, and the first half of query. Reads only. */
  async function consider(call: Call, query: Query, { policy, locks, caller, session }: Admitted, story: Story) {
    const lock = findLock(locks, policy, caller, call.connection, ports.now())
    if (lock) return story.refuse(lock)
    const connection = findConnection(policy, caller, call.connection)
    if (!connection.ok) return story.refuse(connection.refusal)
    const engine = ports.engines[connection.value.engine]
    const plan = await engine.classify(connection.value, query)
    if (!plan.ok) return story.refuse(plan.refusal)
    const decision = decide(policy, {
      caller, connection: call.connection, effects: plan.value.effects, reveal: query.reveal,
      context: { purpose: query.purpose, session, time: ports.now() },
    })
    story.decided(plan.value.effects, decision)
    return ok({ connection: connection.value, engine, plan: plan.value, decision })
  }

  async function explain(call: Call) {
    return guarded(call, async (admitted, story) => {
      const query = await read(call, story)
      if (!query.ok) return query
      const considered = await consider(call, query.value, admitted, story.unrecorded())
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
    const considered = await consider(call, query, admitted, story)
    if (!considered.ok) return considered
    const { connection, engine, plan, decision } = considered.value
    if (decision.kind === 'deny') return story.refuse(decision.refusal)
    if (decision.kind === 'ask') return story.refuse(nobodyToAsk(decision.refusal))   // the seam for approvals: an access request is made here
    const claimed = await claim(ports, admitted.caller, call, query, decision.permit, story.deadlines(connection))
    if (!claimed.ok) return story.refuse(claimed.refusal)                // dies here: a claim without an intent; it answers `outcome-unknown` after its time
    if (claimed.value.stored) {
      const noticed = await story.notice('repeat', { first: claimed.value.stored.evaluation })   // rows go out, so it is on record first
      return noticed.ok ? ok({ stored: claimed.value.stored }) : noticed
    }
    const quota = await reserve(ports, admitted.caller, connection.name, decision.permit, query)
    if (!quota.ok) return claimed.value.release(await story.refuse(quota.refusal)) // dies here: quota lost for the hour, nothing else
    const intent = await story.intend(decision)                          // durable, or nothing is executed
    if (!intent.ok) return claimed.value.release(intent)                 // dies here: an intent; the sweeper settles it as unknown
    const executed = await engine.execute(decision.permit, plan, { deadline: intent.value.deadline, rowMode: query.rowMode, maxRows: quota.value.rows })
    quota.value.settle(executed)                                         // dies here or in execute: as above; the target has all of it or nothing
    const outcome = await story.settle(executed)                         // durable, or the caller gets `outcome-unknown` and no rows
    if (!outcome.ok) return outcome
    if (executed.status === 'unknown') return refuse(executed.refusal)   // the key keeps its claim: it must never run a second time
    if (executed.status !== 'succeeded') return claimed.value.release(refuse(executed.refusal))
    const masked = engine.mask(decision.permit, plan, executed.rows)
    return ok({ masked, batch: query.batch, outcome: outcome.value, keep: claimed.value.keep })
  }
  return { admit, query, explain, standing, recorder }
}
/** True while this gate cannot collect approvals: an agent that waits for a person would wait for ever. */
const nobodyToAsk = (refusal: Refusal): Refusal => ({ ...refusal, next: 'none', detail: `${refusal.detail}, which this gate cannot ask for yet` })
export type Gate = ReturnType<typeof createGate>
