import type { Refusal } from '../../../schema/refusal.ts'
import { Fault } from '../../ports.ts'
import type { Executed } from '../protocol.ts'
import { CredentialError } from './credential.ts'
import { StatusError } from './reach.ts'
import { TransportError } from './trouble.ts'

const unavailable = (reason: string, detail: string, inner: string): Refusal => ({ slug: 'target-unavailable', reason, detail, next: 'retry', retryAfterSeconds: 2, inner })
/** Until an operator mends it: client-go would send it again ten times over in silence, and then show no word of why. */
const shut = (reason: string, detail: string, inner: string): Refusal => ({ slug: 'target-unavailable', reason, detail, next: 'none', inner })
export const changed: Refusal = { slug: 'approval-stale', reason: 'objects_changed', detail: 'the object changed meanwhile, and nothing ran', next: 'retry' }
export const another: Refusal = { slug: 'approval-stale', reason: 'object_differs', detail: 'the object is not, or is no longer, what the precondition names, and nothing ran', next: 'fix' }
export const tooLarge = (detail: string): Refusal => ({ slug: 'too-large', reason: 'answer_too_large', detail, next: 'fix' })
export const unknown = (inner: string): Executed => ({
  status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'answer_lost', next: 'none', inner, detail: 'the write was sent to the cluster and its answer was lost, so it may have happened; look at the object before sending it again' },
})

/** What was thrown on the way to the cluster and back. Errors of this code are thrown on. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof CredentialError) return shut('target_refused_login', 'the cluster does not let the gate in for this role; its operator can see why', error.message)
  if (error instanceof Fault && error.code === 'secret-missing') return shut('secret_missing', 'the gate has no credential for this cluster', error.message)
  if (!(error instanceof TransportError)) throw error
  switch (error.kind) {
    case 'unreachable': return unavailable('target_unreachable', 'the cluster cannot be reached', error.message)
    case 'untrusted': return shut('target_untrusted', 'the cluster is not who its authority says it is, so nothing was sent', error.message)
    case 'lost': return unavailable('connection_lost', 'the connection to the cluster broke off', error.message)
    case 'broken': return unavailable('answer_invalid', 'what the cluster answered is not what an API server answers', error.message)
    case 'busy': return { slug: 'rate-limited', reason: 'target_busy', detail: 'as many calls to this cluster are open as may be', next: 'retry', retryAfterSeconds: 2, inner: error.message }
    case 'late': return { slug: 'timeout', reason: 'deadline_passed', detail: 'the time in which this could begin has passed, and nothing ran', next: 'retry' }
    case 'timeout': return { slug: 'timeout', reason: 'target_timeout', detail: 'the cluster took longer than this may', next: 'retry', inner: error.message }
    case 'cut': return { slug: 'timeout', reason: 'cut', detail: 'this was ended before the cluster had answered', next: 'retry' }
  }
}

/** A write whose bytes left and whose answer did not come is `unknown`; whatever else went wrong, nothing was done. */
export function executedOf(error: unknown, writes: boolean): Executed {
  if (writes && error instanceof TransportError && error.sent) return unknown(error.message)
  return { status: 'failed', refusal: refusalOf(error) }
}

/** What is known of the way there goes into the log; the caller hears that the target does not answer. */
export function faultOf(error: unknown): unknown {
  if (error instanceof TransportError || error instanceof CredentialError || error instanceof StatusError) return new Fault('target-unavailable', error.message)
  return error
}
