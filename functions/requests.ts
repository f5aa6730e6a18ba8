import type * as z from 'zod'
import { type AccessRequest, decisionBody, type RequestSummary, type RequestView, statuses, type Verdict } from '../schema/approval.ts'
import type { Caller } from '../schema/caller.ts'
import type { ApprovalEvent, Id } from '../schema/event.ts'
import { ok, refuse, type Refusal, type Result } from '../schema/refusal.ts'
import { elsewhere } from '../schema/region.ts'
import { abreast } from './abreast.ts'
import { answerOf } from './ask.ts'
import { concerns, ineligible, isRequester, ownersOf, signedInMs } from './approve/eligible.ts'
import { end, settledAlready, vote } from './approve/step.ts'
import { summaryOf, unwishedOf, viewOf } from './approve/view.ts'
import { createBelief } from './believe.ts'
import { createConclusion, fateOf } from './conclude.ts'
import { openCursor, sealCursor } from './cursor.ts'
import type { Reply } from './door.ts'
import type { Gate } from './gate.ts'
import { createLook } from './look.ts'
import { locksOn, type Admitted, type Door, type Own } from './own.ts'
import { CursorError, type Ports } from './ports.ts'
import { findLock } from './resolve/locks.ts'
import { createWishes, unwished, vouched, wished } from './vouch.ts'

export const requestFilters = ['status', 'limit', 'after'] as const
const pageLength = { usual: 50, most: 200 }
/** How many stored pages one list looks through for what concerns the caller. */
const maxPages = 20
const tries = 20

/**
 * Access requests, for those who asked them and those who may decide them; for everybody else there is no such request. Deciding is for people alone and
 * by the token that is sent, judged now; what it starts is judged again when it runs (approver.ts).
 */
export function createRequests(ports: Ports, gate: Gate, own: Own) {
  const store = ports.approvals?.requests
  const isWished = createWishes(ports)
  const { estimated, differing } = createLook(ports, gate)
  const conclusion = store && createConclusion(ports, store, (id) => gate.waits.ring(id))
  const believed = store && conclusion && createBelief(ports, store, conclusion)

  const list = (door: Door, search: Readonly<Partial<Record<(typeof requestFilters)[number], string>>>) => own.admitted(door, async (admitted) => {
    const asked = readFilter(search)
    if (!asked.ok) return asked
    const { caller } = admitted
    const requests: RequestSummary[] = []
    let after = asked.value.after === null ? null : await openCursor(ports, caller, asked.value.after)
    if (after === null && asked.value.after !== null) return badCursor
    const filter = { ...(caller.person ? {} : { requester: { issuer: caller.issuer, subject: caller.subject.id } }), ...(asked.value.status === null ? {} : { status: asked.value.status }) }
    try {
      if (!store) return ok({ requests })
      for (let page = 0; page < maxPages; page++) {
        const found = await store.list(filter, { limit: asked.value.limit - requests.length, after })
        const listed = await abreast(found.requests, async (request) => {
          const view = seen(admitted, request)
          if (!view) return []
          return [!await isWished(request) ? unwishedOf(summaryOf(view)) : summaryOf(view)]
        })
        requests.push(...listed.flat())
        after = found.next
        if (after === null || requests.length >= asked.value.limit) break
      }
    } catch (error) {
      if (error instanceof CursorError) return badCursor
      throw error
    }
    return ok({ requests, ...(after === null ? {} : { next: await sealCursor(ports, caller, after) }) })
  })

  const show = (door: Door, id: string) => own.admitted(door, async (admitted, evaluation) => {
    const request = await find(admitted, id)
    if (!request.ok) return request
    const known = seen(admitted, request.value)
    if (!known) return refuse(none)
    // Nobody reads it as a wish, and the target is asked nothing in its name. Of the one whose it says it is, who asks every few seconds, what was known once is enough.
    if (concerns(request.value.bound, admitted.caller, admitted.policy) ? await forged(request.value) : !await isWished(request.value)) return refuse(mayRun(request.value) ? unwished : unproven)
    const view = seen(admitted, await openly(admitted, request.value)) ?? known
    const estimate = view.mayDecide ? await estimated(admitted, request.value) : undefined
    const diffNow = view.mayDecide && view.diff !== undefined ? await differing(admitted, request.value) : undefined
    const shown: RequestView = { ...view, ...(estimate === undefined ? {} : { estimate }), ...(diffNow === undefined || diffNow === view.diff ? {} : { diffNow }) }
    // An answer that has rows goes out only where the caller is who asked, and may still be answered.
    if (!view.mine || request.value.status !== 'succeeded') return ok({ request: shown })
    const lock = findLock(admitted.locks, admitted.policy, admitted.caller, request.value.bound.connection, ports.now())
    const answer = lock ? refuse(lock) : await answerOf(ports, request.value)
    if (!answer.ok) return ok({ request: shown })
    const noticed = await story(admitted, evaluation, request.value).notice('repeat', { request: request.value.id, first: request.value.execution?.evaluation ?? null })   // rows go out, so it is on record first
    return noticed.ok ? ok({ request: shown, result: JSON.parse(answer.value.body) as unknown }) : noticed
  })

  /** Whoever asked may take it back until it runs. */
  const cancel = (door: Door, id: string) => own.admitted(door, async (admitted, evaluation) => {
    const done = await change(admitted, id, (request) => {
      if (!isRequester(admitted.caller, request.bound)) return refuse({ slug: 'denied', reason: 'not_yours', next: 'none', detail: 'only whoever asked takes a request back; to say no to it, reject it' })
      if (request.status === 'cancelled') return ok(request)
      if (request.status !== 'pending' && request.status !== 'approved') return refuse(settledAlready(request.status))
      return ok(end(request, 'cancelled', now(), null))
    }, (next) => story(admitted, evaluation, next).step('cancellation', next.id, { digest: next.digest }))
    return done.ok ? ok({ request: view(admitted, done.value) }) : done
  })

  const decide = (door: Door, id: string, body: () => Promise<Result<unknown>>) => own.admitted(door, async (admitted, evaluation) => {
    const { caller } = admitted
    const found = await find(admitted, id)                              // before the body: whoever may not know of it learns nothing by what they send
    if (!found.ok) return found
    const refusal = ineligible(found.value.bound, caller, admitted.policy, ports.now()) ?? findLock(locksOn(admitted.locks, found.value.bound), admitted.policy, caller, found.value.bound.connection, ports.now())
    if (refusal) return story(admitted, evaluation, found.value).refuse(refusal)
    const asked = await readDecision(body)
    if (!asked.ok) return asked
    const { decision, reason = null, digest } = asked.value
    if (digest !== found.value.digest) return refuse({ slug: 'approval-stale', reason: 'digest_differs', next: 'fix', detail: 'the digest is not that of this request: read it again, and decide on what it says now' })
    if (decision === 'approve' && mayRun(found.value) && await forged(found.value)) return story(admitted, evaluation, found.value).refuse(unwished)
    const verdict: Verdict = {
      decision, issuer: caller.issuer, trust: admitted.policy.trustOf(caller.issuer) ?? '', subject: caller.subject.id, groups: caller.subject.groups, signedInAt: new Date(signedInMs(caller, admitted.policy) ?? 0).toISOString(), at: now(), reason, evaluation,
    }
    return decided(admitted, id, verdict)
  })

  /**
   * A rejection from chat, where who rejects is vouched for by the chat's signature and the policy's mapping, not by a token. It can only make less happen.
   */
  async function rejectFromChat(id: string, { subject, groups, via, reason }: { readonly subject: string; /** That the policy's mapping vouches for. */ readonly groups: readonly string[]; readonly via: 'slack'; readonly reason: string | null }): Promise<Reply<{ readonly request: RequestView }>> {
    const evaluation = ports.id('eval')
    const current = await gate.standing.current()
    if (!current.ok) return { evaluation, session: null, result: current }
    const found = store && /^arq_[0-9A-Z]{26}$/.test(id) ? await store.get(id as Id<'arq'>) : null
    if (!found) return { evaluation, session: null, result: refuse(none) }
    const at = now()
    const caller: Caller = { issuer: via, subject: { id: subject, kind: 'user', groups }, actors: [], person: true, claims: { auth_time: ports.now() / 1000 }, expiresAt: ports.now() }
    const admitted: Admitted = { ...current.value, caller, session: found.session ?? ports.id('ses') }
    const refusal = ineligible(found.bound, caller, current.value.policy, ports.now()) ?? findLock(locksOn(current.value.locks, found.bound), current.value.policy, caller, found.bound.connection, ports.now())
    if (refusal) return { evaluation, session: null, result: refuse(refusal) }
    return { evaluation, session: null, result: await decided(admitted, id, { decision: 'reject', issuer: via, trust: '', subject, groups, signedInAt: at, at, reason, evaluation }) }
  }
  return { list, show, cancel, decide, rejectFromChat }

  async function decided(admitted: Admitted, id: string, verdict: Verdict): Promise<Result<{ readonly request: RequestView }>> {
    const done = await change(admitted, id, (request) => vote(request, verdict, admitted.policy, ports.now()), (next) =>
      story(admitted, verdict.evaluation, next).step(verdict.decision === 'approve' ? 'approval' : 'rejection', next.id, { digest: next.digest, requester: next.bound.subject.id, reason: verdict.reason, signedInAt: verdict.signedInAt, status: next.status, owners: ownersOf(admitted.policy, next.bound), ...(verdict.issuer === 'slack' ? { via: 'slack' } : {}) }))
    return done.ok ? ok({ request: view(admitted, done.value) }) : done
  }

  /** Loads, steps, stores with its event; again where somebody was first. Afterwards the wait is woken: dies before it, and the sweeper does. */
  async function change(admitted: Admitted, id: string, next: (request: AccessRequest) => Result<AccessRequest>, event: (next: AccessRequest) => ApprovalEvent): Promise<Result<AccessRequest>> {
    if (!store) return refuse(none)
    for (let i = 0; i < tries; i++) {
      const found = await find(admitted, id)
      if (!found.ok) return found
      const stepped = next(found.value)
      if (!stepped.ok) return stepped
      // Said before: nothing to store. But who repeats it may never have heard that it was stored, and then nobody was woken.
      if (stepped.value !== found.value && !await tell(stepped.value, event(stepped.value))) { await recalled(found.value); continue }
      gate.waits.ring(stepped.value.id)
      if (stepped.value.status !== 'pending') await ports.approvals?.workflow.wake(stepped.value.id).catch((error: unknown) => ports.alarm('a decided request waits for the sweeper', { request: id, error: String(error) }))
      return stepped
    }
    return refuse(busy)
  }
  /** Nothing is stored of what ran or ended already, also where its row was put back to before that: it comes to its end now, and whoever decides or cancels hears which. Dies in between: the sweeper does the rest. */
  async function recalled(request: AccessRequest): Promise<void> {
    if (!store || !conclusion) return
    const fate = await fateOf(store, request.id)
    if (fate === null) return                                            // somebody else was first with another word
    await conclusion.recall(request, fate)
    const now = await store.get(request.id)
    if (now?.status === 'executing') await conclusion.finish(now)
  }
  async function tell(next: AccessRequest, event: ApprovalEvent): Promise<boolean> {
    return await store?.swap({ ...next, told: [...next.told, event.id] }, event) ?? false
  }

  /** What is not here may be where its id was made: there its caller may know of it, and there alone it goes on. */
  function away(id: string): Refusal {
    const there = elsewhere(ports.self.regions, id)
    return there === null ? none : { ...none, reason: 'request_elsewhere', next: 'fix', detail: `such a request would be in ${there.region}, and is answered and decided there alone: ask ${there.url}/v1/requests/${id}` }
  }

  async function find(admitted: Admitted, id: string): Promise<Result<AccessRequest>> {
    const request = store && /^arq_[0-9A-Z]{26}$/.test(id) ? await store.get(id as Id<'arq'>) : null
    if (!request || !believed || !(isRequester(admitted.caller, request.bound) || concerns(request.bound, admitted.caller, admitted.policy))) return refuse(away(id))
    return ok(await believed(request))
  }
  /** To say no to it stays free. */
  async function forged(request: AccessRequest): Promise<boolean> {
    if (await wished(ports, request)) return false
    ports.alarm('a request is not on record', { request: request.id })
    return true
  }
  /** Whoever decides is not shown that others said yes who did not: only approvals that are on record, which alone count. */
  async function openly({ caller, policy }: Admitted, request: AccessRequest): Promise<AccessRequest> {
    if (!mayRun(request) || !concerns(request.bound, caller, policy) || request.verdicts.length === 0) return request
    const known = await vouched(ports, request)
    const verdicts = request.verdicts.filter((verdict) => verdict.decision === 'reject' || known.has(verdict))
    if (verdicts.length < request.verdicts.length) ports.alarm('an approval is not on record', { request: request.id })
    return { ...request, verdicts }
  }
  function seen(admitted: Admitted, request: AccessRequest): RequestView | null {
    return isRequester(admitted.caller, request.bound) || concerns(request.bound, admitted.caller, admitted.policy) ? view(admitted, request) : null
  }
  function view({ caller, policy }: Admitted, request: AccessRequest): RequestView {
    const mine = isRequester(caller, request.bound)
    const open = request.status === 'pending' && ports.now() < Date.parse(request.bound.expiresAt)
    const shown = viewOf(request, ports.self.console, { mine, mayDecide: open && ineligible(request.bound, caller, policy, ports.now()) === null })
    return concerns(request.bound, caller, policy) ? shown : withoutDefinitions(request, shown)
  }
  function story(admitted: Admitted, evaluation: Id<'eval'>, request: AccessRequest) {
    return gate.recorder.begin(evaluation, admitted, request.bound.connection, request)
  }
  function now(): string { return new Date(ports.now()).toISOString() }
}

const mayRun = ({ status }: AccessRequest): boolean => status === 'pending' || status === 'approved'

/** What a view reads is its definition, and not the requester's to know; nor is where approvers are reached, only that they were. */
function withoutDefinitions({ bound }: AccessRequest, view: RequestView): RequestView {
  const named = new Set(bound.accesses.filter(({ via }) => via.length === 0).map(({ resource }) => resource))
  return { ...view, notices: view.notices.map((notice) => ({ ...notice, to: notice.to.replace(/^(slack|mail) \S+/, '$1') })), accesses: view.accesses.filter(({ resource }) => named.has(resource)), classified: view.classified.filter(({ resource }) => named.has(resource)) }
}

async function readDecision(body: () => Promise<Result<unknown>>): Promise<Result<z.infer<typeof decisionBody>>> {
  const value = await body()
  if (!value.ok) return value
  const parsed = decisionBody.safeParse(value.value)
  if (parsed.success) return ok(parsed.data)
  const issue = parsed.error.issues[0]
  return invalid('decision', `${issue?.path.length ? `\`${issue.path.join('.')}\`: ` : ''}${issue?.message ?? 'not a decision'}; the body is {"decision": "approve" or "reject", "digest": "…", "reason": "…"}`)
}

function readFilter(search: Readonly<Partial<Record<(typeof requestFilters)[number], string>>>) {
  const status = search.status === undefined ? null : statuses.find((known) => known === search.status)
  if (status === undefined) return invalid('status', `\`status\` is one of ${statuses.join(', ')}`)
  const limit = search.limit === undefined ? pageLength.usual : /^[1-9]\d{0,3}$/.test(search.limit) ? Number(search.limit) : 0
  if (limit < 1 || limit > pageLength.most) return invalid('limit', `\`limit\` is a number from 1 to ${pageLength.most}`)
  return ok({ status, limit, after: search.after ?? null })
}
const invalid = (reason: string, detail: string): { readonly ok: false; readonly refusal: Refusal } => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
const badCursor = invalid('after', '`after` is not what an earlier page of this list gave you')
const busy: Refusal = { slug: 'request-settled', reason: 'busy', next: 'retry', retryAfterSeconds: 1, detail: 'the request changes faster than your word could be added to it; send it again' }
/** It is over: of what is not on record as asked nobody is shown the words, nor rows. */
const unproven: Refusal = { slug: 'approval-stale', reason: 'not_on_record', next: 'none', detail: 'that anybody asked for this, as it stands here, is not on record, so it is not shown' }
const none: Refusal = { slug: 'not-found', reason: 'no_request', next: 'none', detail: 'there is no such request, or none you may know of' }
