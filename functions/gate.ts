import type { Id } from '../schema/event.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import { createAgain } from './again.ts'
import { type Asked, createAsk } from './ask.ts'
import { type Considered, createConsider } from './consider.ts'
import { createDoor, type Admitted, type Knock, type Reply } from './door.ts'
import type { Decision } from './permit.ts'
import type { Ports } from './ports.ts'
import type { Masked } from './protocol/protocol.ts'
import type { Story } from './record/story.ts'
import { claim } from './resolve/idempotency.ts'
import { reserve } from './resolve/meter.ts'
import { createStreams, type Place } from './stream.ts'
import { createWaits } from './wait.ts'

/** One call as the rim hands it over: nothing in it is trusted yet. */
export interface Call extends Knock {
  readonly idempotencyKey: string | null
  /** Reads what is asked, in the route's own language, and only after the caller is known. */
  readonly question: () => Promise<Result<Query>>
  /** Also what cannot be read as a question is on record: its caller may be a program nobody watches. */
  readonly strict?: true
  /** How long the call may be held while people decide, ms. */
  readonly waitMs: number
  /** Epoch ms: the way of the answer is closed after it, so nothing runs for longer. */
  readonly until?: number
  /** Whoever asked has hung up: nothing is tried again for them. */
  readonly gone?: () => boolean
}
/** `stored`: the serialised answer of an earlier call, given only after the decision was made again. `waiting`: people are asked. */
export type Answer =
  | { readonly masked: Masked; readonly batch: boolean; readonly outcome: Id<'evt'>; readonly keep: (status: number, body: string | null) => Promise<void> }
  | Asked
type Permitted = Extract<Decision, { kind: 'permit' }>
/** `store`: how an intent is stored, where that is more than a record: see Story. `cut`: ends an answer that streams, or what is run. `during`: runs what takes as long as it likes, judged meanwhile. */
interface Manner { readonly store?: Parameters<Story['intend']>[1]; readonly cut?: AbortSignal; readonly during?: Place['during']; readonly until?: number | undefined }

/** Pipeline of CONTRACT.md: authenticate and resolve (door.ts), then the stages below. Comments say what a process that dies right there leaves behind. */
export function createGate(ports: Ports) {
  const { admit, guarded, meanwhile, standing, recorder } = createDoor(ports)
  const waits = createWaits(ports)
  const ask = createAsk(ports, waits, meanwhile)
  const consider = createConsider(ports)
  const streams = createStreams(ports, { admit, consider })
  const again = createAgain(ports, meanwhile)

  async function read(call: Call, story: Story): Promise<Result<Query>> {
    const query = await call.question()
    if (query.ok) story.asked(query.value)
    return query.ok || !call.strict ? query : story.refuse(query.refusal)
  }

  async function explain(call: Call) {
    return guarded(call, async (admitted, story) => {
      const query = await read(call, story)
      if (!query.ok) return query
      const asking = { call, admitted, query: query.value, story: story.unrecorded() }
      const considered = await streams.hold(asking, () => consider(call.connection, query.value, admitted, asking.story))   // it may look at the target
      const noticed = await story.explained(considered.ok ? considered.value.decision : considered)   // who only asks is on record too
      return noticed.ok ? considered : noticed
    })
  }

  async function query(call: Call): Promise<Reply<Answer>> {
    return guarded(call, async (admitted, story) => {
      const query = await read(call, story)
      if (!query.ok) return query
      const asking = { call, admitted, query: query.value, story }
      return streams.hold(asking, (place) => again(asking, () => attempt(call, query.value, admitted, story, place)))
    })
  }

  async function attempt(call: Call, asked: Query, admitted: Admitted, story: Story, place: Place): Promise<Result<Answer>> {
    const considered = await consider(call.connection, asked, admitted, story)
    if (!considered.ok) return considered
    const { connection, plan, decision } = considered.value
    const query = plan.told ? { ...asked, told: plan.told } : asked      // what the connection classifies is known only now
    if (plan.told) story.asked(query)
    if (decision.kind === 'deny') return story.refuse(decision.refusal)
    if (decision.kind === 'ask') return ask(admitted, call, { connection, effects: plan.effects, diff: plan.diff, fails: plan.fails, ask: decision, query }, story)
    const claimed = await claim(ports, admitted.caller, { ...call, connection }, query, decision.permit, story.deadlines())
    if (!claimed.ok) return story.refuse(claimed.refusal)                // dies here: a claim without an intent; it answers `outcome-unknown` after its time
    if (claimed.value.stored) {
      const noticed = await story.notice('repeat', { first: claimed.value.stored.evaluation })   // rows go out, so it is on record first
      return noticed.ok ? ok({ stored: claimed.value.stored }) : noticed
    }
    const late = await meanwhile(admitted, connection.name)              // a slow target may have taken longer than policy and locks at hand are good for
    if (late) return claimed.value.release(await story.refuse(late))
    const done = await perform(considered.value, decision, query, admitted, story, { ...place, until: call.until })
    if (!done.ok) return done.began === 'unknown' ? done : claimed.value.release(done)   // unknown: the key keeps its claim, it must never run a second time
    return ok({ ...place.follow(done.value, considered.value), batch: query.batch, keep: claimed.value.keep })
  }

  /** reserve → intend → execute → mask → settle: for a call that is permitted, and for one that people approved. `began`: whether the target may have an effect of it. */
  async function perform(considered: Considered, decision: Permitted, query: Query, { caller }: Admitted, story: Story, { store, cut, during, until }: Manner = {}) {
    const { connection, engine, plan } = considered
    const quota = await reserve(ports, caller, connection.name, decision.permit, query)
    if (!quota.ok) return { ...await story.refuse(quota.refusal), began: 'no', outcome: null } as const    // dies here: quota lost for the hour, nothing else
    const intent = await story.intend(decision, store)                   // durable, or nothing is executed. Dies after: an intent; the sweeper settles it as unknown
    if (!intent.ok) return quota.value.release({ ...intent, began: 'no', outcome: null } as const)   // nothing runs, so nothing is used up: a minute without the record must not cost the hour
    const run = () => engine.execute(decision.permit, plan, { deadline: intent.value.deadline, rowMode: query.rowMode, maxRows: quota.value.rows, heard: story.hear, whose: `${caller.issuer} ${caller.subject.id}`, ...(store ? { agreed: true as const } : {}), ...(cut ? { cut } : {}), ...(until === undefined ? {} : { until }) })
    const executed = await (plan.lasting && during ? during(considered, run) : run())
    quota.value.settle(executed)                                         // dies here or in execute: as above; the target has all of it or nothing
    const done = executed.status === 'succeeded' ? { ...executed, masked: engine.mask(decision.permit, plan, executed.rows) } : { ...executed, masked: null }
    const outcome = await story.settle(executed, done.masked)            // durable, or the caller gets `outcome-unknown` and no rows
    if (!outcome.ok) return { ...outcome, began: 'unknown', outcome: null } as const
    if (done.status !== 'succeeded') return { ...refuse(done.refusal), began: done.status === 'unknown' ? 'unknown' : 'no', outcome: outcome.value } as const
    return { ok: true, value: { masked: done.masked, outcome: outcome.value, rowCounts: done.rows.rowCounts, ended: done.rows.ended } } as const
  }
  return { admit, query, explain, ask, consider, perform, standing, recorder, waits, streams }
}
export type Gate = ReturnType<typeof createGate>
