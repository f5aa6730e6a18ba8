import { setTimeout as pause } from 'node:timers/promises'
import { type AccessRequest, isOpen, type Status } from '../schema/approval.ts'
import { canonicalJson } from '../schema/bundle.ts'
import type { Caller } from '../schema/caller.ts'
import type { Effects } from '../schema/effects.ts'
import type { Id } from '../schema/event.ts'
import { refuse, type Refusal } from '../schema/refusal.ts'
import type { Query } from '../schema/request.ts'
import { bind, differenceOf, digestOf } from './approve/digest.ts'
import { met } from './approve/eligible.ts'
import { resultKeySecret, seal } from './approve/seal.ts'
import { end, expired, stale, step } from './approve/step.ts'
import { createBelief } from './believe.ts'
import { because, conflict, createConclusion, fateOf } from './conclude.ts'
import type { Admitted } from './door.ts'
import type { Gate } from './gate.ts'
import { keptOf } from './kept.ts'
import type { Decision } from './permit.ts'
import { Fault, type Ports } from './ports.ts'
import { faultRefusal } from './problem.ts'
import type { Executed } from './protocol/protocol.ts'
import type { Story } from './record/story.ts'
import { locksOn } from './own.ts'
import { findLock } from './resolve/locks.ts'
import { createSteward } from './steward.ts'
import { outOfTime, silent } from './stream.ts'
import { unwished, vouched, wished } from './vouch.ts'

type Permitted = Extract<Decision, { kind: 'permit' }>
type Store = NonNullable<Parameters<Story['intend']>[1]>
/** `body`: the serialised answer, of a target that says no in its own protocol too. `promise`: of its outcome, where that is taken already. `began`: whether there may be an effect. */
type Performed =
  | { readonly ok: true; readonly body: string; readonly outcome: Id<'evt'>; readonly rowCounts: readonly number[]; readonly promise?: string | null }
  | { readonly ok: false; readonly refusal: Refusal; readonly began: 'no' | 'unknown'; readonly outcome: Id<'evt'> | null; readonly body?: string; readonly promise?: string | null }
const tries = 20
/** Less of its process's time than this is too little to decide again and begin, ms: the next look has more. */
const leastMs = 15_000
/** After its quota was refused once: another process may have taken it for this very request, and be about to begin it, ms. */
const quotaPatienceMs = 2000

/**
 * What the state machine asks of the gate. Each step may be called twice, late, or by two processes at once: it looks at the stored request, never at
 * what the state machine believes, and every change is one conditional write.
 */
export function createApprover(ports: Ports, gate: Gate) {
  const { approvals } = ports
  if (approvals === null) throw new TypeError('an approver without a store of requests')
  const { requests } = approvals
  const conclusion = createConclusion(ports, requests, (id) => gate.waits.ring(id))
  const { store, recall, finish, conclude, tells } = conclusion
  const believed = createBelief(ports, requests, conclusion)
  const steward = createSteward(ports, gate)

  /** Requests refused once for their quota, until their `proceed` is over. */
  const short = new Set<Id<'arq'>>()

  const pending = async (id: Id<'arq'>): Promise<boolean> => (await requests.get(id))?.status === 'pending'

  /** Brings a request as far as it can go now; gives where it is. `pending`: people still have time. Throws Fault where a store or the target does not answer before anything began. `until`: epoch ms, after which nobody here judges what runs, so that nothing runs for longer; left out: the process has no end. */
  const proceed = (id: Id<'arq'>, until?: number): Promise<Status> => advance(id, until).finally(() => { short.delete(id) })
  async function advance(id: Id<'arq'>, until: number | undefined): Promise<Status> {
    for (let i = 0; i < tries; i++) {
      const request = await requests.get(id)
      if (request === null) return 'expired'                             // forgotten after its time
      if (!isOpen(request.status)) return (await believed(request)).status
      if (request.status === 'executing') return await finish(request) ?? 'executing'
      const fate = await fateOf(requests, id)                            // first: whatever else it could end as may be untrue
      if (fate !== null) await recall(request, fate)
      else if (ports.now() >= Date.parse(request.bound.expiresAt)) await store(end(request, 'expired', now(), expired), tells(request, 'expiry', { digest: request.digest }))
      else if (request.status === 'pending') return 'pending'
      else if (until !== undefined && ports.now() + leastMs > until) return request.status
      else await execute(request, until)
    }
    throw new Error('a request that changes faster than it can be read')
  }

  /** Resolve and decide again, as of now; then, and only where all of it is what was approved, the one write that begins. */
  async function execute(request: AccessRequest, until: number | undefined): Promise<void> {
    const { bound } = request
    const current = await gate.standing.current()
    if (!current.ok) throw new Fault('store-unavailable', current.refusal.detail)   // not decided: the state machine, or the sweeper, comes again
    const { policy, locks } = current.value
    const caller: Caller = { issuer: bound.issuer, subject: bound.subject, actors: bound.actors, person: false, claims: bound.claims, expiresAt: Date.parse(bound.expiresAt) }
    const admitted: Admitted = { policy, locks, caller, session: request.session ?? ports.id('ses') }
    const evaluation = ports.id('eval')
    const story = gate.recorder.begin(evaluation, admitted, bound.connection, request)
    const query: Query = { ...bound.query, purpose: bound.purpose }
    story.asked(query)
    if (!await wished(ports, request)) {                                  // before anything is asked of the target in a name that may be forged
      ports.alarm('a request is not on record', { request: request.id })
      return stop(request, story, unwished)
    }
    const known = await vouched(ports, request)
    if (request.verdicts.some((verdict) => verdict.decision === 'approve' && !known.has(verdict))) ports.alarm('an approval is not on record', { request: request.id })
    let changes: readonly string[] = []
    const approvedBy = ({ policy, locks }: Pick<Admitted, 'policy' | 'locks'>) => (effects: Effects) => (ask: Extract<Decision, { kind: 'ask' }>): boolean => {
      const again = bind(policy, caller, bound.connection, query, { effects, ...ask }, bound.expiresAt, bound.salt)
      changes = digestOf(again) === request.digest ? [] : differenceOf(bound, again)
      if (digestOf(again) !== request.digest) return false
      // A verdict counts that is on record, while what vouched for its person does: the issuer's document as it was, no lock on them or their role.
      const counts = (verdict: AccessRequest['verdicts'][number]): boolean => known.has(verdict) && stands(verdict)
      const stands = ({ subject, groups, issuer, trust }: AccessRequest['verdicts'][number]): boolean => trust === policy.trustOf(issuer)
        && findLock(locksOn(locks, bound), policy, { issuer, subject: { id: subject, kind: 'user', groups }, actors: [], person: true, claims: {}, expiresAt: 0 }, bound.connection, ports.now()) === null
      if (met(bound, request.verdicts, policy, counts)) return true
      changes = ['whether its approvers count']
      return false
    }
    const approved = approvedBy(admitted)
    const lock = findLock(locksOn(locks, bound), policy, caller, bound.connection, ports.now())   // of a statement `consider` asks too; of the gate's own resources nobody else does
    if (lock) return stop(request, story, because(lock))
    const chore = bound.connection === 'sluice' ? steward.judge(admitted, query, approved) : null
    const considered = chore ?? await gate.consider(bound.connection, query, admitted, story.unrecorded(), approved)
    if (!considered.ok) return stop(request, story, because(considered.refusal))
    const { decision } = considered.value
    const effects = 'plan' in considered.value ? considered.value.plan.effects : considered.value.effects
    story.decided(effects, decision, 'plan' in considered.value ? considered.value.plan.diff : null)
    if (decision.kind === 'deny') return stop(request, story, because(decision.refusal))
    if (decision.kind === 'ask') return stop(request, story, stale(changes))
    // Permitted without anybody's approval, and so by other rules than were approved: those would run it under limits and masks nobody was shown.
    if (changes.length > 0 || !asked(decision)) return stop(request, story, stale(['a rule that took part']))
    const work = 'plan' in considered.value ? considered.value : null
    await begin(request, admitted, evaluation, story, async (store) => {
      if (work === null) return performChore(admitted, query, decision, story, store)
      const cut = new AbortController()
      const done = await gate.perform(work, decision, query, admitted, story, { store, cut: cut.signal, during: (_, run) => gate.streams.during(over, cut, run), until })
      if (!done.ok) return done
      const { masked, outcome, rowCounts, ended } = done.value
      const promise = ports.promise?.(evaluation) ?? null                // of the outcome: how a stream ended is recorded after it
      const keeping = () => keptOf(masked, query.batch, { evaluation, session: request.session, event: outcome }, cut)
      const { body, refusal } = await (ended ? gate.streams.read(story, { over, control: cut, outcome, ended }, keeping) : keeping())
      return refusal ? { ok: false, refusal, began: 'no', outcome, body, promise } : { ok: true, body, outcome, rowCounts, promise }
    })

    /** Why what runs must end: it would not run now. There is no token any more, so it is judged by the claims it was asked with. */
    async function over(): Promise<string | null> {
      if (until !== undefined && ports.now() >= until) return outOfTime
      const then = await gate.standing.current()
      if (!then.ok) return then.refusal.reason
      const stopped = findLock(locksOn(then.value.locks, bound), then.value.policy, caller, bound.connection, ports.now())
      if (stopped) return stopped.reason
      const judged = await gate.consider(bound.connection, query, { ...admitted, ...then.value }, silent, approvedBy(then.value))
      if (!judged.ok) return judged.refusal.reason
      return judged.value.decision.kind === 'permit' ? null : judged.value.decision.refusal.reason
    }

    function asked({ permit, rules }: Permitted): boolean {
      return digestOf(bind(policy, caller, bound.connection, query, { effects, obligations: permit.obligations, rules, demands: bound.demands }, bound.expiresAt, bound.salt)) === request.digest
    }
  }

  /** `run` does it, once the intent is stored: by the given store, which begins the request in the same write. */
  async function begin(request: AccessRequest, admitted: Admitted, evaluation: Id<'eval'>, story: Story, run: (store: Store) => Promise<Performed>): Promise<void> {
    let begun: AccessRequest | null = null
    const done = await run(async (intent) => {
      // Looking at the target took its time: a lock or a policy that came meanwhile is decided by, so all of it is done again.
      const still = await gate.standing.current()
      if (!still.ok || still.value.policy.version !== admitted.policy.version || canonicalJson(still.value.locks) !== canonicalJson(admitted.locks)) return 'lost'
      // Nothing is between these two: the clock, and the write that fails where anything about the request changed since it was read.
      if (ports.now() >= Date.parse(request.bound.expiresAt)) return 'lost'
      const next = step(request, 'executing', { execution: { evaluation, intent: intent.id, at: intent.at } })
      if (!await requests.swap(next, intent)) return 'lost'              // dies after: an intent, and a request that is executing; the sweeper settles both as unknown
      begun = next
      return 'stored'
    })
    gate.waits.ring(request.id)
    if (begun === null) {
      if (done.ok || done.refusal.reason === 'begun_elsewhere') return   // the next look tells who has it
      // Stored or not is not known: whoever looks next finds a request that executes with an intent of its own, or one that is still approved.
      if (done.refusal.slug === 'audit-unavailable') throw new Fault('store-unavailable', 'the intent of an approved request was not recorded')
      if (done.refusal.reason === 'hourly_quota' && !short.has(request.id)) {
        short.add(request.id)
        return pause(quotaPatienceMs)                                    // then all of it is looked at again: ended now, whoever has the quota could not begin it, and people's word would be lost though nothing ran
      }
      // A quota, an intent over its size: recorded as a refusal already, which says nothing of the request. So that it does not run where its row is put back to before this, that is said too.
      await store(end(request, 'failed', now(), done.refusal), story.step('stale', request.id, { digest: request.digest, status: 'failed', reason: done.refusal.reason, detail: done.refusal.detail }))
      return
    }
    // Not on record, or nobody knows whether: the state follows the record, so whoever looks next ends it by the outcome that is stored after all, or the sweeper's.
    if (!done.ok && done.outcome === null) return
    // A conflict is told as what it is, a change since the approval; any other no of the target's is given in its own words.
    if (done.body !== undefined && (done.ok || done.refusal.reason !== conflict)) await keep(begun, done.body)
    const promise = done.outcome === null ? null : done.promise ?? ports.promise?.(evaluation) ?? null
    const to = done.ok ? 'succeeded' : done.began === 'unknown' ? 'outcome-unknown' : 'failed'
    if (to === 'outcome-unknown') ports.alarm('the outcome of an approved request is not known', { request: request.id, evaluation })
    await conclude(request.id, to, done.ok ? null : because(done.refusal), { rowCounts: done.ok ? done.rowCounts : [], outcome: done.outcome, ...(promise === null ? {} : { promise }) })
  }

  /** A change of the gate's own state, with its intent and outcome like any statement's; what it changed is recorded by itself as well. */
  async function performChore(admitted: Admitted, query: Query, decision: Permitted, story: Story, store: Store): Promise<Performed> {
    const intent = await story.intend(decision, store)
    if (!intent.ok) return { ...intent, began: 'no', outcome: null }
    const done = await steward.perform(admitted, query, story).catch((error: unknown) => refuse(faultRefusal(error, ports.alarm)))
    const lostIt = !done.ok && ['outcome-unknown', 'audit-unavailable', 'internal'].includes(done.refusal.slug)
    const executed: Executed = done.ok ? { status: 'succeeded', rows: { raw: {}, rowCounts: [1], truncated: false } } : { status: lostIt ? 'unknown' : 'failed', refusal: done.refusal }
    const outcome = await story.settle(executed)
    if (!outcome.ok) return { ...outcome, began: 'unknown', outcome: null }
    return done.ok ? { ok: true, body: JSON.stringify(done.value), outcome: outcome.value, rowCounts: [1] } : { ...done, began: lostIt ? 'unknown' : 'no', outcome: outcome.value }
  }

  /** What its requester may fetch. Failing here costs the rows, never a second run. */
  async function keep(request: AccessRequest, body: string): Promise<void> {
    try {
      await requests.keep(request.id, seal(await ports.secrets.get(resultKeySecret), request, body))
    } catch (error) {
      ports.alarm('the answer of an approved request is not kept', { request: request.id, error: error instanceof Error ? error.name : 'unknown' })
    }
  }

  async function stop(request: AccessRequest, story: Story, refusal: Refusal): Promise<void> {
    await store(end(request, 'stale', now(), refusal), story.step('stale', request.id, { digest: request.digest, reason: refusal.reason, detail: refusal.detail }))
  }

  const now = (): string => new Date(ports.now()).toISOString()

  return { pending, proceed, /** Faults as the state machine hears them: a name, and nothing of a driver's text. */ refused: (error: unknown) => refuse(faultRefusal(error, ports.alarm)) }
}
