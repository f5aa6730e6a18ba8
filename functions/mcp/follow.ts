import * as z from 'zod'
import type { RequestView, Status } from '../../schema/approval.ts'
import { isOpen } from '../../schema/approval.ts'
import type { Id } from '../../schema/event.ts'
import { refuse, type Next, type Slug } from '../../schema/refusal.ts'
import type { Reply } from '../door.ts'
import type { Door } from '../own.ts'
import type { Ports } from '../ports.ts'
import { disclose } from '../envelope.ts'
import { fence, type Told } from './fence.ts'
import { enclosedForm, objectTold } from './object.ts'
import { refused } from './refused.ts'
import { answered } from './run.ts'
import { longestWaitSeconds, usualWaitSeconds } from './tools.ts'
import { waiting } from './waiting.ts'

/** What of functions/requests.ts and functions/wait.ts is used here. */
export interface Requests { show(door: Door, id: string): Promise<Reply<{ readonly request: RequestView; readonly result?: unknown }>> }
export interface Waits { settled(id: Id<'arq'>, untilMs: number): Promise<unknown> }
/** The HTTP request the call came in: it may be gone before the wait ends; the token may end before the wait. */
export interface Hold { readonly signal: AbortSignal; readonly tokenExpiresAt: number }

const form = z.strictObject({ request: z.string().regex(/^arq_[0-9A-Za-z]{1,64}$/), wait: z.int().min(0).max(longestWaitSeconds).optional() })
/** The last answer on a token goes out while the client can still use it. */
const tokenMarginMs = 2000

/**
 * The tool `follow`. Whose request it is, is settled before anything waits: a stranger's guess costs one read and tells nothing by its time. After the
 * wait it is settled again, by the policy and the token as they are then.
 */
export function createFollow(ports: Pick<Ports, 'now'>, requests: Requests, waits: Waits) {
  return async function follow(door: Door, sent: Readonly<Record<string, unknown>>, hold: Hold): Promise<Told> {
    const parsed = form.safeParse(sent)
    if (!parsed.success) return refused(invalid, null)
    const { request: id, wait = usualWaitSeconds } = parsed.data
    const first = await requests.show(door, id)
    if (!first.result.ok) return refused(first.result.refusal, first.evaluation)
    if (!isOpen(first.result.value.request.status)) return told(first.result.value, first.evaluation, ports.now())
    const until = Math.min(ports.now() + wait * 1000, hold.tokenExpiresAt - tokenMarginMs)
    await gone(waits.settled(first.result.value.request.id, until), hold.signal)
    const then = await requests.show(door, id)
    return then.result.ok ? told(then.result.value, then.evaluation, ports.now()) : refused(then.result.refusal, then.evaluation)
  }
}

/** Resolves when the wait ends or the caller has hung up; who hung up is not waited for. */
async function gone(wait: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let hungUp: () => void = () => {}
  const left = new Promise<void>((resolve) => { hungUp = resolve })
  if (signal.aborted) hungUp()
  signal.addEventListener('abort', hungUp, { once: true })
  await Promise.race([wait, left])
  signal.removeEventListener('abort', hungUp)
}

function told({ request, result }: { readonly request: RequestView; readonly result?: unknown }, evaluation: string, now: number): Told {
  const { status } = request
  switch (status) {
    case 'pending': case 'approved': case 'executing': return waiting(request)
    case 'succeeded': return result === undefined ? executed(request, now) : given(result, evaluation)
    case 'failed': case 'outcome-unknown': case 'rejected': case 'expired': case 'cancelled': case 'stale': return ended(request, endings[status], now)
  }
}

/** Rows, or what a cluster answered. */
function given(result: unknown, evaluation: string): Told {
  const enclosed = enclosedForm.safeParse(result)
  return enclosed.success ? objectTold(disclose(JSON.stringify(enclosed.data)), { evaluation }) : answered(JSON.stringify(result), 200, evaluation)
}

/** For whoever may follow a request and not see its rows, and for the time after they are gone. */
function executed({ id, ending, resultUntil }: RequestView, now: number): Told {
  const gone = resultUntil !== null && now >= Date.parse(resultUntil)
  const why = resultUntil === null ? 'its rows are for whoever asked' : gone ? 'its rows were kept for 24 hours and are gone' : 'its rows cannot be given now'
  return fence({ head: `executed once; ${why}. Nothing runs again`, facts: { request: id, status: 'succeeded', rowCounts: ending?.rowCounts ?? [], ...(gone ? { resultGone: true } : {}) }, data: null })
}

type Ended = Exclude<Status, 'pending' | 'approved' | 'executing' | 'succeeded'>
/** What became of it; `slug` and `next` for an end that keeps no refusal of its own. */
const endings: Readonly<Record<Ended, { readonly slug: Slug; readonly head: string; readonly next: Next }>> = {
  rejected: { slug: 'approval-rejected', next: 'none', head: 'a person said no, and nothing ran; their reason, if they gave one, is in `detail`' },
  expired: { slug: 'approval-expired', next: 'retry', head: 'nobody decided in time, and nothing ran' },
  stale: { slug: 'approval-stale', next: 'request', head: 'what was approved is not what would run now, so nothing ran' },
  cancelled: { slug: 'request-settled', next: 'none', head: 'it was cancelled, and nothing ran' },
  failed: { slug: 'internal', next: 'none', head: 'it was approved and it failed; `detail` says why' },
  'outcome-unknown': { slug: 'outcome-unknown', next: 'none', head: 'it was begun and its outcome is lost: it may or may not have happened. Look at the data before any further write' },
}
const advice: Readonly<Record<Next, string>> = {
  fix: 'Change the call as `detail` says and run that',
  request: 'Run it again to ask for what it would do now',
  retry: 'The same call may be run again a little later',
  none: 'Do not send the same again',
}
const notBefore = 'Until `retryAfter` seconds are over the same call gets this answer; after that, running it asks anew'

/** The stored refusal, as the call itself is answered; `retryAfter` where the same call would only hear of this end again. */
function ended({ id, status, ending }: RequestView, { slug, head, next }: (typeof endings)[Ended], now: number): Told {
  const doing = ending?.next ?? next
  const left = ending?.answersUntil == null ? 0 : Math.ceil((Date.parse(ending.answersUntil) - now) / 1000)
  const later = doing === 'retry' && left > 0
  const { rule, action, resource, span, statement, sqlstate, detail } = ending ?? {}
  const facts = { request: id, status, slug: ending?.slug ?? slug, reason: ending?.reason ?? status, next: doing, span, statement, sqlstate, retryAfter: later ? left : undefined }
  const data = Object.fromEntries(Object.entries({ detail, rule, action, resource }).filter(([, value]) => value != null))
  return fence({
    head: `refused: ${head}. ${later ? notBefore : advice[doing]}`, facts: Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)),
    data: Object.keys(data).length === 0 ? null : data, isError: true,
  })
}

const invalid = refuse({ slug: 'invalid-request', reason: 'arguments', next: 'fix', detail: `\`request\` must be an id that run gave, such as arq_…, and \`wait\` whole seconds from 0 to ${longestWaitSeconds}` }).refusal
