import { isOpen, type AccessRequest, type Status } from '../schema/approval.ts'
import type { Id } from '../schema/event.ts'
import { untold } from './announce.ts'
import { fateOf } from './conclude.ts'
import type { Ports } from './ports.ts'

/** A request untouched for so long, ms, was left by a process that is gone, or by a state machine that did not answer. */
const leftMs = 30_000
const page = 100

/**
 * Brings on what a dead process, or a state machine that did not answer, left lying: announces what nobody was told of, runs what was approved, expires
 * what nobody decided, ends what was executing by its intent's outcome. Each step is the approver's own, so meeting a living process does no harm.
 * Returns how many it looked at. Never throws for one request: it says so and goes on to the next.
 */
export async function unstick(ports: Pick<Ports, 'now' | 'approvals' | 'alarm'>, steps: { announce(id: Id<'arq'>): Promise<void>; proceed(id: Id<'arq'>): Promise<Status>; tell(id: Id<'arq'>): Promise<void> }): Promise<number> {
  const { approvals } = ports
  if (approvals === null) return 0
  let seen = 0
  let after: string | null = null
  do {
    const found: { readonly requests: readonly AccessRequest[]; readonly next: string | null } = await approvals.requests.list({ open: true }, { limit: page, after })
    for (const request of found.requests) {
      if (!isLeft(request, ports.now())) continue
      seen++
      try {
        if (isChore(request, ports.now()) && await fateOf(approvals.requests, request.id) === null) {
          await approvals.workflow.start(request.id, Date.parse(request.bound.expiresAt))   // it may never have been
          await approvals.workflow.wake(request.id)
          continue
        }
        if (request.status === 'pending' && request.notices.length === 0) await approvals.workflow.start(request.id, Date.parse(request.bound.expiresAt))
        if (!isOpen(await steps.proceed(request.id))) await steps.tell(request.id)
        else if (untold(request, ports.now())) await steps.announce(request.id)
      } catch (error) {
        ports.alarm('a request is stuck', { request: request.id, error: error instanceof Error ? error.message : 'unknown' })
      }
    }
    after = found.next
  } while (after !== null)
  return seen
}

/**
 * A policy or a lock that people approved. Whoever sweeps may execute what they approved of a target, and may not write the policy (infra/grants.ts): it would end as failed what was approved, perhaps a lock in an emergency. So
 * the state machine is woken once more, whose function may; when there is no time left anybody ends it, and so does anybody who finds that it has run, or was refused, and was put back to before that: that needs no right, and its state machine is over.
 */
const isChore = ({ status, bound }: AccessRequest, now: number): boolean => bound.connection === 'sluice' && status === 'approved' && now < Date.parse(bound.expiresAt)

/** What was decided or begun a while ago and is not over, what nobody was told of, and what has no time left. */
function isLeft(request: AccessRequest, now: number): boolean {
  const { status, createdAt, bound, notices, verdicts, execution } = request
  if (status === 'pending') return now >= Date.parse(bound.expiresAt) || untold(request, now) || (notices.length === 0 && now - Date.parse(createdAt) > leftMs)
  // A time that is none, or is yet to come, nobody of us wrote: it is no reason to wait.
  return !(Math.abs(now - Date.parse(execution?.at ?? verdicts.at(-1)?.at ?? createdAt)) <= leftMs)
}
