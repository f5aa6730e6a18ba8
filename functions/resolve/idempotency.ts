import { createHash } from 'node:crypto'
import { canonicalJson } from '../../schema/bundle.ts'
import type { Caller } from '../../schema/caller.ts'
import type { Id } from '../../schema/event.ts'
import { maxAnswerBytes } from '../../schema/item.ts'
import type { ConnectionDocument } from '../../schema/policy.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'
import { keptElsewhere } from '../../schema/region.ts'
import type { Query } from '../../schema/request.ts'
import type { Permit } from '../permit.ts'
import type { Ports } from '../ports.ts'
import { unlooked } from './connection.ts'

export interface Claim {
  /** What the first call with this key answered; null: this is the first. */
  readonly stored: { readonly status: number; readonly body: string; readonly evaluation: Id<'eval'> } | null
  /** Stores the serialised answer for the next call with the key; null: one that is not kept. Never throws: the statement has run, and its caller must hear so. */
  keep(status: number, body: string | null): Promise<void>
  /** Nothing was executed: lets the key go, so that the next call may run. Gives back what it was given. Never throws. */
  release<T>(refused: T): Promise<T>
}
const longestKey = 255
type Claiming = Pick<Ports, 'now' | 'idempotency' | 'alarm'> & { readonly self?: Pick<Ports['self'], 'regions'> }

/**
 * Idempotency-Key, scoped to subject, actors, issuer and connection. The decision was made before this is asked, and a stored answer is given only
 * where it permits now what was permitted then: an answer in clear must not outlive the rule that revealed it. Two equal calls at once: one claims,
 * the other is told to come back.
 */
export async function claim(
  ports: Claiming, caller: Caller, call: { readonly connection: Pick<ConnectionDocument, 'name' | 'classify'>; readonly idempotencyKey: string | null }, query: Query, permit: Permit,
  { evaluation, settleBy }: { readonly evaluation: Id<'eval'>; readonly settleBy: number },
): Promise<Result<Claim>> {
  if (call.idempotencyKey === null) return ok({ stored: null, keep: async () => undefined, release: async (refused) => refused })
  if (call.idempotencyKey === '' || call.idempotencyKey.length > longestKey) return refuse(badKey)
  const away = keptElsewhere(ports.self?.regions, call.idempotencyKey)
  if (away) return refuse(belongs(away))
  const key = keyOf(caller, call.connection.name, call.idempotencyKey)
  const asked = hash(query)
  const body = `${asked}.${hash(permitted(permit, query, call.connection))}`
  const found = await ports.idempotency.claim(key, { body, evaluation, settleBy })
  if (found.claimed) return ok({ stored: null, ...handles(ports, key, evaluation) })
  if (!found.body.startsWith(`${asked}.`)) return refuse(mismatch)
  if (found.body === `${asked}.${people}`) return refuse(waits(found.answer?.body ?? null))
  if (found.answer) {
    if (found.answer.body === null) return refuse(notKept(found.answer.status))
    if (found.body !== body) return refuse(withheld(found.answer.status))
    return ok({ stored: { status: found.answer.status, body: found.answer.body, evaluation: found.evaluation }, ...handles(ports, key, evaluation) })
  }
  const waitMs = found.settleBy - ports.now()
  return refuse(waitMs > 0 ? inFlight(Math.min(60, Math.ceil(waitMs / 1000)), found.evaluation) : lost(found.evaluation))
}

/** In the place of what was permitted: nothing was, people were asked. */
const people = 'people'
/**
 * The same for a call that needs people: its key leads to the request it became, for 24 h, however that ended. `earlier`: that request; null: this is the first call
 * with the key, and `keep` stores its request. Dies in between: the call key finds the request all the same.
 */
export async function claimRequest(
  ports: Claiming, caller: Caller, call: { readonly connection: string; readonly idempotencyKey: string | null }, query: Query,
  { evaluation, settleBy }: { readonly evaluation: Id<'eval'>; readonly settleBy: number },
): Promise<Result<RequestClaim>> {
  if (call.idempotencyKey === null) return ok({ earlier: null, keep: async () => undefined, release: async (refused) => refused })
  if (call.idempotencyKey === '' || call.idempotencyKey.length > longestKey) return refuse(badKey)
  const away = keptElsewhere(ports.self?.regions, call.idempotencyKey)
  if (away) return refuse(belongs(away))
  const key = keyOf(caller, call.connection, call.idempotencyKey)
  const asked = hash(query)
  const found = await ports.idempotency.claim(key, { body: `${asked}.${people}`, evaluation, settleBy })
  if (!found.claimed && !found.body.startsWith(`${asked}.`)) return refuse(mismatch)
  if (!found.claimed && found.body !== `${asked}.${people}`) return refuse(found.answer ? withheld(found.answer.status) : inFlight(5, found.evaluation))
  // A claim of people runs nothing, so whoever finds it may tie it: also one whose process died, or whose request is over and asked anew.
  const holder = found.claimed ? evaluation : found.evaluation
  return ok({
    earlier: found.claimed ? null : found.answer?.body as Id<'arq'> | undefined ?? null,
    keep: (request) => ports.idempotency.settle(key, holder, { status: 202, body: request }),
    release: handles(ports, key, holder).release,
  })
}
/** `keep` throws Fault store-unavailable: untied, a later call with the key could ask and run a second time. `release`: nothing was asked. */
export interface RequestClaim { readonly earlier: Id<'arq'> | null; keep(request: Id<'arq'>): Promise<void>; readonly release: Claim['release'] }

const keyOf = (caller: Caller, connection: string, key: string): string => hash([caller.issuer, caller.subject.id, caller.actors.map(({ id }) => id), connection, key])

function handles(ports: Pick<Ports, 'idempotency' | 'alarm'>, key: string, evaluation: Id<'eval'>): Pick<Claim, 'keep' | 'release'> {
  const failed = (what: string) => (error: unknown) => ports.alarm(what, { evaluation, error: error instanceof Error ? error.message : 'unknown' })
  return {
    // Failing here leaves a key without an answer: the next call hears `outcome-unknown`, which is the truth as far as the key goes.
    keep: (status, body) => ports.idempotency.settle(key, evaluation, { status, body: body === null || Buffer.byteLength(body) > maxAnswerBytes ? null : body }).catch(failed('answer not kept')),
    release: async (refused) => {
      await ports.idempotency.release(key, evaluation).catch(failed('key not released'))
      return refused
    },
  }
}

/** What the rows depend on beside the question: what is read, which column comes how, and how much of it. */
const permitted = ({ effects, obligations }: Permit, { form }: Query, connection: Pick<ConnectionDocument, 'classify'>) => ({
  accesses: effects.accesses.map(({ action, resource, columns }) => [action, resource, columns]),
  shown: effects.shown.map(({ statement, output, resource, column, dataClass }) => [statement, output, resource, column, dataClass]),
  masks: obligations.masks, detect: obligations.detect, empty: unlooked(connection, obligations.detect), rows: obligations.limits.rows, bytes: obligations.limits.bytes,
  ...(form === 'ssh' ? { runs: effects.fingerprint } : {}),            // as whom and where: another user reads other things
})
const hash = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex')

const belongs = ({ region, url }: { readonly region: string; readonly url: string }): Refusal => ({
  slug: 'invalid-request', reason: 'idempotency_elsewhere', next: 'fix', detail: `this idempotency key belongs to ${region}, where alone it can be told whether the call was made before: send the call to ${url}, or for a new call begin its key with the region it is sent to and a colon`,
})
const badKey: Refusal = { slug: 'invalid-request', reason: 'idempotency_key', next: 'fix', detail: 'an idempotency key has 1 to 255 characters' }
const mismatch: Refusal = { slug: 'idempotency-mismatch', reason: 'body_differs', next: 'fix', detail: 'this idempotency key was first used with another body; use a new key for a new call' }
const notKept = (status: number): Refusal => ({
  slug: 'too-large', reason: 'answer_not_kept', next: 'none',
  detail: `the first call with this key was executed and answered ${status}, but its answer was over 300 KB and was not kept; nothing was executed again`,
})
const withheld = (status: number): Refusal => ({
  slug: 'denied', reason: 'answer_withheld', next: 'none',
  detail: `the first call with this key was executed and answered ${status}; what you may see of it, or as whom a command runs, has changed since, so it is not given again; nothing was executed again: to ask anew, use a new key`,
})
const waits = (request: string | null): Refusal => ({
  slug: 'idempotency-in-flight', reason: 'asked_people', next: 'none',
  detail: `the first call with this key asked people${request === null ? '' : `, as request \`${request}\``}; follow that one, or use a new key for a new call`,
})
const inFlight = (seconds: number, first: string): Refusal => ({
  slug: 'idempotency-in-flight', reason: 'in_flight', next: 'retry', retryAfterSeconds: Math.min(seconds, 5), inner: first,
  detail: 'the first call with this key has not been answered yet; send the same call again in a few seconds',
})
const lost = (first: string): Refusal => ({
  slug: 'outcome-unknown', reason: 'answer_lost', next: 'none', inner: first,
  detail: 'the first call with this key never got an answer, so whether it was executed is not known here; look at the data or the audit before using a new key',
})
