import type { AccessRequest } from '../../schema/approval.ts'
import type { Caller, Principal } from '../../schema/caller.ts'
import type { Effects } from '../../schema/effects.ts'
import type { ApprovalEvent, ChangeEvent, Event, Id, IntentEvent, NoticeEvent } from '../../schema/event.ts'
import { correctionId, maxEventBytes, outcomeId } from '../../schema/item.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import type { Query } from '../../schema/request.ts'
import type { Decision } from '../permit.ts'
import { Fault, type Ports } from '../ports.ts'
import type { Executed, Masked } from '../protocol/protocol.ts'
import { type Common, fits, intentOf, iso, openly, outcomeOf, type Permitted, quotedIn, refusalOf, statementsOf, toldOf, whoOf } from './draft.ts'
import { createHearing, type Stream } from './heard.ts'
import { redactValue } from './redact.ts'
import { resultOf } from './result.ts'
import { saidOf } from './said.ts'

/** Milliseconds. Execution never begins later than `beginMs` after the intent; `skewMs` is how far two clocks may be apart. */
const beginMs = 5_000
const skewMs = 30_000
const longestMs = 3_600_000
/** What stands between a claim and its outcome beside the execution: the other writes and their retries. */
const storesMs = 15_000

export interface Admitted {
  readonly caller: Caller
  readonly policy: { readonly version: string; rolesOf(principal: Principal): readonly string[]; /** By name. */ readonly connections?: ReadonlyMap<string, { readonly record?: 'results' | 'none' | undefined }>; /** What of a resource may be kept in clear. */ readonly told?: (connection: string, resource: string, took: readonly string[] | null) => string }
  readonly session: Id<'ses'> | null
}
type Refused = { readonly ok: false; readonly refusal: Refusal }

/** One evaluation's record, from the question to its outcome. */
export interface Story {
  asked(query: Query): void
  /** `diff`: what the target said it would change, masked. */
  decided(effects: Effects, decision: Decision, diff?: string | null): void
  /** `settleBy` (epoch ms): from then on an answer that is not there will never come. */
  deadlines(): { readonly evaluation: Id<'eval'>; readonly settleBy: number }
  /** Records the refusal and gives it back; `audit-unavailable` when it cannot be recorded. With an intent open it settles that as unknown instead. */
  refuse(refusal: Refusal): Promise<Refused>
  /**
   * Durable when it returns ok. `deadline`: epoch ms. Refusals: too-large, audit-unavailable. `store`: writes the intent together with what it begins, in one
   * write; `lost` where somebody else began it, and then nothing is stored.
   */
  intend(decision: Permitted, store?: (intent: IntentEvent) => Promise<'stored' | 'lost'>): Promise<Result<{ readonly deadline: number }>>
  /** What a command writes, masked, as it comes; resolves when there is room for more. Throws Fault where it cannot be recorded: then the command must end. */
  hear(stream: Stream, bytes: Uint8Array): Promise<void>
  /** The outcome's id, durable; `outcome-unknown` when it cannot be recorded. `masked`: the answer its caller is about to get, kept unless the connection says `record: none`. */
  settle(executed: Executed, masked?: Masked | null): Promise<Result<Id<'evt'>>>
  /** A change of the gate's own state. `audit-unavailable` when it is not recorded: then do not make it. */
  change(kind: ChangeEvent['kind'], change: ChangeEvent['change']): Promise<Result<Id<'evt'>>>
  notice(kind: NoticeEvent['kind'], change: NoticeEvent['change']): Promise<Result<Id<'evt'>>>
  /** A step of an access request, to be stored with the state it tells of. */
  step(kind: ApprovalEvent['kind'], request: Id<'arq'>, change: ApprovalEvent['change']): ApprovalEvent
  /** What `explain` was asked and answered; nothing runs. `audit-unavailable` when it is not recorded, `too-large` over 288 KB. */
  explained(about: Pick<Decision, 'kind' | 'rules'> | Refused): Promise<Result<Id<'evt'>>>
  /** The same story whose refusals are not recorded: `explain` executes nothing and asks only what would be. */
  unrecorded(): Story
}

/** Of an access request: which, and the events that told of it. */
type Asked = Pick<AccessRequest, 'id' | 'told'>
type Desk = Pick<Ports, 'now' | 'id' | 'ledger' | 'alarm'>
type Losing = (error: unknown) => void

export function createRecorder(ports: Desk) {
  let lost: number | null = null
  // Only what the store could not take: an event that it will never take says nothing of the next one, or a caller could put the gate out of service with it.
  const losing: Losing = (error) => { if (error instanceof Fault && error.code === 'store-unavailable') lost = ports.now() }
  return {
    /** Epoch ms of the last event of a call that this process could not store; null: there was none. */
    lost: () => lost,
    /** `request`: the access request whose execution this is. */
    begin: (evaluation: Id<'eval'>, admitted: Admitted, connection: string, request: Asked | null = null): Story => createStory(ports, losing, evaluation, admitted, connection, request),
    /** What the process itself has to say, before anyone called. Throws Fault store-unavailable. */
    async notice(kind: NoticeEvent['kind'], change: NoticeEvent['change']): Promise<Id<'evt'>> {
      const id = ports.id('evt')
      await ports.ledger.append({ id, at: iso(ports.now()), evaluation: ports.id('eval'), session: null, who: null, connection: null, policy: null, kind, change: redactValue(change) as NoticeEvent['change'] })
      return id
    },
  }
}

function createStory(ports: Desk, losing: Losing, evaluation: Id<'eval'>, { caller, policy, session }: Admitted, connection: string, request: Asked | null): Story {
  let query: Query | null = null
  let effects: Effects | null = null
  let changes: string | null = null
  let limitMs: number | null = null
  let revealed: readonly string[] | null = null
  let open: { readonly id: Id<'evt'>; readonly at: number } | null = null
  const who = whoOf(caller, (principal) => policy.rolesOf(principal))
  const common = (id: Id<'evt'>): Common => ({ id, at: iso(ports.now()), evaluation, session, who, connection, policy: policy.version, ...(request === null ? {} : { request: request.id }) })

  const keeps = policy.connections?.get(connection)?.record !== 'none'
  const hearing = createHearing(async (part) => {
    if (!open) throw new TypeError('output without an intent')
    await ports.ledger.append({ ...common(ports.id('evt')), kind: 'output', change: { intent: open.id, ...part } })
  })
  const alarmed = (event: Event, error: unknown) => {
    losing(error)
    ports.alarm('event not recorded', { evaluation, kind: event.kind, error: error instanceof Error ? error.message : 'unknown' })
  }
  async function keep(event: Event, lost: Refusal): Promise<Result<Id<'evt'>>> {
    try {
      await ports.ledger.append(event)
      return ok(event.id)
    } catch (error) {
      alarmed(event, error)
      return refuse(lost)
    }
  }

  const clear = (resource: string, took: readonly string[] | null): string => policy.told?.(connection, resource, took) ?? resource

  async function refused(refusal: Refusal): Promise<Refused> {
    if (open) {
      const settled = await settle({ status: 'unknown', refusal })
      return settled.ok ? refuse(unknown(refusal.reason)) : settled
    }
    const named = refusal.resource === undefined ? refusal : { ...refusal, resource: openly(refusal.action, clear(refusal.resource, null)) }
    const stored = await keep(refusalOf(common(ports.id('evt')), query, effects, named), unavailable(refusal.reason))
    return stored.ok ? refuse(refusal) : stored
  }

  async function intend(decision: Permitted, store: (intent: IntentEvent) => Promise<'stored' | 'lost'> = ledgered): Promise<Result<{ readonly deadline: number }>> {
    if (!query || !effects) throw new TypeError('an intent without a question')
    const at = ports.now()
    const deadline = at + beginMs
    const event = intentOf({ ...common(ports.id('evt')), ...(request === null ? {} : { basis: request.told }) }, query, effects, decision, changes, { deadline, settleBy: deadline + skewMs + targetMs(decision.permit.obligations.limits.timeoutMs, query) })
    if (!fits(event)) return refused(tooLarge)
    try {
      if (await store(event) === 'lost') return refuse(begunElsewhere)
    } catch (error) {
      alarmed(event, error)
      void abandon(event.id, at)
      return refuse(unavailable('intent'))
    }
    open = { id: event.id, at }
    return ok({ deadline })
  }
  const ledgered = async (event: Event): Promise<'stored' | 'lost'> => {
    await ports.ledger.append(event)
    return 'stored'
  }

  /** The intent's write failed and may have been stored all the same: then say that nothing ran; a `void` may have its place by now, and then nothing can arrive. What arrives still later is the sweeper's. */
  async function abandon(intent: Id<'evt'>, at: number): Promise<void> {
    try {
      if ((await ports.ledger.get(intent))?.kind === 'intent') await conclude(intent, at, { status: 'failed', refusal: unavailable('intent') })
    } catch {
      return                                                        // the store is down: the sweeper finds it
    }
  }

  /** The outcome, or beside an outcome somebody else wrote first (the sweeper, when we were slow) a correction. Throws what the ledger throws. */
  async function conclude(intent: Id<'evt'>, at: number, executed: Executed, masked: Masked | null = null): Promise<Id<'evt'>> {
    const said = keeps && query ? await saidOf(query, masked, hearing) : null
    const result = keeps && masked && revealed ? resultOf(masked, revealed) : null
    const kept = { ...(result ? { result } : {}), ...(said ? { said } : {}) }
    const outcome = outcomeOf(common(outcomeId(intent)), intent, executed, ports.now() - at, kept)
    if (await ports.ledger.append(outcome) === 'stored') return outcome.id
    const correction = { ...outcome, id: correctionId(intent, 1), kind: 'correction' as const }
    await ports.ledger.append(correction)
    return correction.id
  }

  async function settle(executed: Executed, masked: Masked | null = null): Promise<Result<Id<'evt'>>> {
    if (!open) throw new TypeError('an outcome without an intent')
    const { id, at } = open
    try {
      const outcome = await conclude(id, at, executed, masked)
      open = null
      return ok(outcome)
    } catch (error) {
      losing(error)
      open = null                                                   // the sweeper settles it; a second try from here could only repeat this one
      ports.alarm('outcome not recorded', { evaluation, intent: id, status: executed.status, error: error instanceof Error ? error.message : 'unknown' })
      return refuse(unknown('outcome_not_recorded'))
    }
  }

  const story: Story = {
    asked: (asked) => { query = asked },
    decided: (found, decision, diff = null) => {
      effects = toldOf(found, (resource) => clear(resource, decision.kind === 'deny' ? null : decision.rules))
      changes = diff
      limitMs = decision.kind === 'permit' ? decision.permit.obligations.limits.timeoutMs : null
      revealed = decision.kind === 'permit' ? decision.permit.obligations.revealed : null
    },
    deadlines: () => ({ evaluation, settleBy: ports.now() + storesMs + beginMs + skewMs + targetMs(limitMs ?? longestMs, query) }),
    refuse: refused, intend, settle, hear: async (stream, bytes) => { if (keeps) await hearing.hear(stream, bytes) },
    change: (kind, change) => keep({ ...common(ports.id('evt')), kind, change: redactValue(change) as ChangeEvent['change'] }, unavailable(kind)),
    step: (kind, id, change) => ({ ...common(ports.id('evt')), kind, request: id, change: redactValue(typeof change['detail'] === 'string' ? { ...change, detail: quotedIn(query, change['detail']) } : change) as ApprovalEvent['change'] }),
    notice: (kind, change) => keep({ ...common(ports.id('evt')), kind, change: redactValue(change) as NoticeEvent['change'] }, unavailable(kind)),
    async explained(about) {
      const answered = 'kind' in about ? { decision: about.kind, rules: about.rules } : { decision: 'deny', reason: about.refusal.reason, ...(about.refusal.rule === undefined ? {} : { rules: [about.refusal.rule] }) }
      const change = redactValue({ statements: query ? statementsOf(query).map(({ sql }) => sql) : [], purpose: query?.purpose ?? null, ...answered }) as NoticeEvent['change']
      const event: NoticeEvent = { ...common(ports.id('evt')), kind: 'explain', change }
      return Buffer.byteLength(JSON.stringify(event)) > maxEventBytes ? refuse(tooLarge) : keep(event, unavailable('explain'))
    },
    unrecorded: () => ({ ...story, refuse: async (refusal) => refuse(refusal) }),
  }
  return story
}

/** The target's own time: every statement of a batch may take the whole timeout. */
const targetMs = (timeoutMs: number, query: Query | null): number => Math.min(longestMs, timeoutMs * Math.max(1, query?.statements.length ?? 1))

const tooLarge: Refusal = {
  slug: 'too-large', reason: 'intent_too_large', next: 'fix',
  detail: 'the call with its parameters is over 288 KB, and what cannot be recorded whole is not executed; send it in smaller pieces',
}
const begunElsewhere: Refusal = { slug: 'request-settled', reason: 'begun_elsewhere', next: 'none', detail: 'another process has begun this already' }
const unavailable = (inner: string): Refusal => ({
  slug: 'audit-unavailable', reason: 'not_recorded', next: 'retry', retryAfterSeconds: 2, inner,
  detail: 'the gate could not record this call, and what it cannot record it does not do; nothing was executed, send it again in a few seconds',
})
const unknown = (inner: string): Refusal => ({
  slug: 'outcome-unknown', reason: 'outcome_unknown', next: 'none', inner,
  detail: 'the statement was sent to the target, but what became of it could not be established or recorded; look at the data before sending a write again',
})
