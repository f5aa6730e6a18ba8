import { randomBytes } from 'node:crypto'
import { type AccessRequest, answersRepeat, bindsKey, isOpen, repeatMs } from '../schema/approval.ts'
import type { Effects } from '../schema/effects.ts'
import { maxEventBytes } from '../schema/item.ts'
import type { ConnectionDocument } from '../schema/policy.ts'
import { ok, refuse, type Refusal, type Result } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import { canonicalJson } from '../schema/bundle.ts'
import { answersStill, bind, callKeyOf, diffDigestOf, digestOf } from './approve/digest.ts'
import { isRequester, ownersOf } from './approve/eligible.ts'
import { resultKeySecret, unseal } from './approve/seal.ts'
import { expired, lost, rejected, settledAlready, stale } from './approve/step.ts'
import { createBelief } from './believe.ts'
import { createConclusion } from './conclude.ts'
import type { Admitted } from './door.ts'
import { createLead, isLost } from './lead.ts'
import type { Ask } from './permit.ts'
import { type Approvals, Damage, Fault, type Ports } from './ports.ts'
import { accessesOf, masksOf, statementsOf, toldOf } from './record/draft.ts'
import type { Story } from './record/story.ts'
import { claimRequest } from './resolve/idempotency.ts'
import type { Waits } from './wait.ts'

/** Requests of one subject that may wait on one connection, where the connection says nothing. */
const usualPending = 20
/** How often in an hour each of those places may be filled anew. */
const asksPerPlace = 6
const hourMs = 3_600_000
export interface Asking { readonly connection: Pick<ConnectionDocument, 'name' | 'limits'>; readonly effects: Effects; readonly ask: Ask; readonly query: Query; /** `Plan.diff`. */ readonly diff?: string | undefined; /** `Plan.fails`. */ readonly fails?: Refusal | undefined }
/** Of the call, what matters here. */
export interface Calling { readonly connection: string; readonly idempotencyKey: string | null; readonly waitMs: number }
/** `waiting`: nobody has decided yet. `stored`: the serialised answer of its execution. */
export type Asked = { readonly waiting: AccessRequest } | { readonly stored: { readonly status: number; readonly body: string } }

/**
 * A decision that needs people becomes an access request. Receives what was decided a moment ago; the request and its event are one write, then the
 * state machine is started. Dies in between: a request that nobody was told of; the sweeper starts it. The same call again finds the request it made.
 */
export function createAsk(ports: Ports, waits: Waits, meanwhile: (admitted: Admitted, connection: string) => Promise<Refusal | null>) {
  const office = ports.approvals && officeOf(ports, ports.approvals, waits)

  return async function ask(admitted: Admitted, call: Calling, asking: Asking, story: Story): Promise<Result<Asked>> {
    if (office === null) return story.refuse(nobodyToAsk(asking.ask.refusal))
    const { lead, believed } = office
    const claimed = await claimRequest(ports, admitted.caller, call, asking.query, story.deadlines())
    if (!claimed.ok) return story.refuse(claimed.refusal)
    const until = ports.now() + call.waitMs
    const earlier = await lead(claimed.value.earlier, ({ bound }) => isRequester(admitted.caller, bound) && bound.connection === call.connection && canonicalJson({ ...bound.query, purpose: bound.purpose }) === canonicalJson(asking.query))
    if (isLost(earlier)) return refuse(lost)
    const tied = earlier !== null && bindsKey(earlier, ports.now())
    const made = tied ? ok(earlier) : await make(admitted, asking, story, office)
    if (!made.ok) return claimed.value.earlier === null ? claimed.value.release(made) : made
    if (!tied) await claimed.value.keep(made.value.id)                     // dies before: the call key finds the request, and the next call with the key ties it
    const mine = made.value
    const found = isOpen(mine.status) && call.waitMs > 0 ? await believed(await waits.settled(mine.id, until) ?? mine) : mine
    if (found.status !== 'executing' && isOpen(found.status) && ports.now() >= Date.parse(found.bound.expiresAt)) return refuse(over(found, ports.now()))
    if (isOpen(found.status)) return ok({ waiting: found })
    if (!answersStill(found.bound, asking.effects)) return story.refuse(moved)
    const ended = await answerOf(ports, found)
    if (!ended.ok) return ended
    const late = await meanwhile(admitted, asking.connection.name)       // it may have waited for a minute: whom a lock stops gets no rows
    if (late && late.reason !== 'policy_moved') return story.refuse(late)
    const noticed = await story.notice('repeat', { request: found.id, first: found.execution?.evaluation ?? null })   // rows go out, so it is on record first
    return noticed.ok ? ok({ stored: ended.value }) : noticed
  }

  /** The request this call becomes, or the one it became before. */
  async function make(admitted: Admitted, { connection, effects, ask, query, diff, fails }: Asking, story: Story, { approvals, lead, believed }: Office): Promise<Result<AccessRequest>> {
    const now = ports.now()
    const expiresAt = new Date(now + Math.min(...ask.demands.map(({ withinMs }) => withinMs))).toISOString()
    const bound = bind(admitted.policy, admitted.caller, connection.name, query, { effects, ...ask }, expiresAt, randomBytes(16).toString('base64url'))
    const runs = query.form === 'ssh' ? effects.fingerprint : undefined
    const request: AccessRequest = {
      id: ports.id('arq'), status: 'pending', digest: digestOf(bound), callKey: callKeyOf(bound, runs), bound, createdAt: new Date(now).toISOString(),
      evaluation: story.deadlines().evaluation, session: admitted.session, policy: admitted.policy.version, ...(diff === undefined ? {} : { diff }), verdicts: [], told: [], notices: [], execution: null, ending: null, revision: 0,
    }
    if (Buffer.byteLength(JSON.stringify(request)) > maxEventBytes) return story.refuse(tooLarge)
    const isSame = ({ bound }: AccessRequest): boolean => callKeyOf(bound, runs) === request.callKey
    const holder = await approvals.requests.holder(request.callKey)
    const before = await lead(holder, isSame)                               // before any limit: whoever comes back for an answer asks nobody
    if (isLost(before)) { if (now < before.lost) return refuse(lost) } else if (before && answersRepeat(before, now)) return ok(before)
    if (fails) return story.refuse(fails)                                    // nobody is asked about what the target would refuse as it is now
    const limit = connection.limits?.pending ?? usualPending
    if ((await openOf(admitted, connection.name)).length >= limit) return story.refuse(tooMany(limit))
    const { digest } = request
    const hour = Math.floor(now / hourMs)
    const meter = canonicalJson([admitted.caller.issuer, admitted.caller.subject.id, connection.name, 'requests'])
    // Taken back and asked anew, each one tells people: a bound on those that wait bounds no flood.
    if (await ports.meter.take(meter, hour, 1, limit * asksPerPlace) < 1) return story.refuse(tooOften(limit * asksPerPlace, Math.ceil(((hour + 1) * hourMs - now) / 1000)))
    const event = story.step('request', request.id, {
      // Not the call key: a digest of the call as it was sent, without salt, would let whoever reads the record try out what is withheld from it.
      digest, demands: bound.demands.map(({ by, quorum, rule }) => ({ by, quorum, rule })), expiresAt, statements: statementsOf(query).map(({ sql }) => sql), params: statementsOf(query).map(({ params }) => params), ...(diff === undefined ? {} : { diff, diffDigest: diffDigestOf(request) }), purpose: query.purpose,
      accesses: accessesOf(toldOf(effects, (resource) => admitted.policy.told(connection.name, resource, ask.rules))), masks: masksOf(effects, ask.obligations.masks), revealed: ask.obligations.revealed, rules: ask.rules, owners: ownersOf(admitted.policy, bound),
    })
    const created = await approvals.requests.create({ ...request, told: [event.id] }, event, now, holder)
    if (!created.created && !isSame(created.existing)) throw new Fault('store-unavailable', 'a call key leads to the request of another call')   // the next look takes it over
    const mine = created.created ? request : await believed(created.existing)
    if (!created.created) ports.meter.give(meter, hour, 1)
    // The wait of a request that another call made is started already, or is the sweeper's.
    if (created.created) await approvals.workflow.start(mine.id, Date.parse(expiresAt)).catch((error: unknown) => ports.alarm('a request waits for the sweeper to be announced', { request: mine.id, error: String(error) }))
    return ok(mine)
  }

  /** What this subject has waiting on a connection. Counted from a list that may be a moment old: the bound is against floods, not exact. */
  async function openOf({ caller }: Admitted, connection: string): Promise<readonly AccessRequest[]> {
    const page = await ports.approvals?.requests.list({ requester: { issuer: caller.issuer, subject: caller.subject.id }, open: true }, { limit: 200, after: null })
    return (page?.requests ?? []).filter(({ bound }) => bound.connection === connection)
  }
}

type Office = ReturnType<typeof officeOf>
function officeOf(ports: Ports, approvals: Approvals, waits: Waits) {
  const believed = createBelief(ports, approvals.requests, createConclusion(ports, approvals.requests, (id) => waits.ring(id)))
  return { approvals, believed, lead: createLead(ports, approvals.requests, believed) }
}

/** How a request that ended answers the call it was made of: with the rows of its execution, or why there are none. Only for its requester. */
export async function answerOf(ports: Pick<Ports, 'now' | 'approvals' | 'secrets' | 'alarm'>, request: AccessRequest): Promise<Result<{ readonly status: number; readonly body: string }>> {
  const { status, ending } = request
  switch (status) {
    case 'succeeded': {
      const body = await opened(ports, request)
      return body === null ? refuse(notKept) : ok({ status: 200, body })
    }
    case 'failed': {
      // The target's own no, in its own words, where the caller speaks its protocol.
      const body = request.bound.query.form === undefined ? null : await opened(ports, request)
      return body === null ? refuse(ending?.refusal ?? lost) : ok({ status: 200, body })
    }
    case 'outcome-unknown': return refuse(ending?.refusal ?? lost)
    case 'rejected': return refuse(ending?.refusal ?? rejected({ subject: '', reason: null }))
    case 'expired': return refuse(over(request, ports.now()))
    case 'stale': return refuse(ending?.refusal ?? stale([]))
    case 'cancelled': case 'pending': case 'approved': case 'executing': return refuse(settledAlready(status))
  }
}

/** What was kept for whoever asked. null: nothing, not any more, or something that was not kept for this request as it stands here. */
async function opened({ approvals, secrets, alarm }: Pick<Ports, 'approvals' | 'secrets' | 'alarm'>, request: AccessRequest): Promise<string | null> {
  try {
    const sealed = await approvals?.requests.kept(request.id) ?? null
    return sealed === null ? null : unseal(await secrets.get(resultKeySecret), request, sealed)
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    alarm('a kept answer does not open', { request: request.id })
    return null
  }
}

/** Expired, whether or not that has been written down yet; with the time until the same call asks anew. */
const over = (request: AccessRequest, now: number): Refusal => ({ ...expired, ...anew(request, now) })
/** When the same call makes a request of its own again. */
const anew = ({ ending, bound }: AccessRequest, now: number): { readonly retryAfterSeconds: number } =>
  ({ retryAfterSeconds: Math.max(1, Math.ceil((Date.parse(ending?.at ?? bound.expiresAt) + repeatMs - now) / 1000)) })

/** True while this gate cannot collect approvals: an agent that waits for a person would wait for ever. */
const nobodyToAsk = (refusal: Refusal): Refusal => ({ ...refusal, next: 'none', detail: `${refusal.detail}, which this gate cannot ask for` })
const tooLarge: Refusal = { slug: 'too-large', reason: 'request_too_large', next: 'fix', detail: 'the call with its parameters is over 288 KB, and people cannot be asked about what cannot be kept whole; send it in smaller pieces' }
const tooMany = (limit: number): Refusal => ({
  slug: 'rate-limited', reason: 'too_many_pending', next: 'retry', retryAfterSeconds: 30,
  detail: `${limit} of your requests wait for people on this connection already; wait until some are decided, or cancel those you no longer need`,
})
const tooOften = (limit: number, retryAfterSeconds: number): Refusal => ({
  slug: 'rate-limited', reason: 'too_many_requests', next: 'retry', retryAfterSeconds,
  detail: `you asked people ${limit} times on this connection in this hour already; ask again in ${retryAfterSeconds} s`,
})
const moved: Refusal = { slug: 'denied', reason: 'answer_withheld', next: 'none', detail: 'the first call with this key asked people, and as whom or where the command runs has changed since, so how it ended is not told again; nothing was executed again: to run it anew, use a new key' }
const notKept: Refusal = { slug: 'too-large', reason: 'answer_not_kept', next: 'none', detail: 'it was approved and executed, but its answer is not kept any more; nothing was executed again' }
