import type { Refusal } from '../../../schema/refusal.ts'
import { Fault } from '../../ports.ts'
import type { Executed } from '../protocol.ts'

/** What went wrong on the way to a host. `sent`: the command may have begun. The words are for the operator; none of them came from the host. */
export class TransportError extends Error {
  readonly kind: 'unreachable' | 'busy' | 'untrusted' | 'weak' | 'refused' | 'lost' | 'late' | 'timeout' | 'cut' | 'unrun' | 'moved'
  readonly sent: boolean
  constructor(kind: TransportError['kind'], message: string, sent: boolean) {
    super(message)
    this.kind = kind
    this.sent = sent
  }
}

/** It was never let begin: the same call may be sent again. */
const unavailable = (reason: string, detail: string, inner: string): Refusal => ({ slug: 'target-unavailable', reason, detail, next: 'retry', retryAfterSeconds: 2, inner })
/** Until an operator mends it. */
const shut = (reason: string, detail: string, inner: string): Refusal => ({ slug: 'target-unavailable', reason, detail, next: 'none', inner })
export const unknown = (inner: string): Executed => ({
  status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'answer_lost', next: 'none', inner, detail: 'the command was sent to the host and its end was not heard of, so it may have done what it does, or be doing it; look before sending it again' },
})
/** The command began, so what it did until then is done. */
export const cutOff = (reason: string): Executed => ({
  status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'cut', next: 'none', inner: `cut: ${reason}`, detail: `the command was let go of while it ran, because it may not go on (${reason}); what it did until then is done, what it wrote is on record, and where the host passes no signal on it ends when it next writes` },
})

/** What was thrown before the command can have begun. Errors of this code are thrown on. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Fault && error.code === 'secret-missing') return shut('secret_missing', 'the gate has no credential for this host', error.message)
  if (!(error instanceof TransportError)) throw error
  switch (error.kind) {
    case 'unreachable': return unavailable('target_unreachable', 'the host cannot be reached', error.message)
    case 'busy': return { slug: 'rate-limited', reason: 'target_busy', detail: 'more are logging in to the host than it lets in at once, so nothing was sent', next: 'retry', retryAfterSeconds: 2, inner: error.message }
    case 'untrusted': return shut('target_untrusted', 'the host is not the one whose key the gate knows, so nothing was sent', error.message)
    case 'weak': return shut('target_weak', 'the host speaks in no way that is safe, so nothing was sent; its operator can mend it', error.message)
    case 'refused': return shut('target_refused_login', 'the host does not let the gate in for this role; its operator can see why', error.message)
    case 'lost': return unavailable('connection_lost', 'the connection to the host broke off before the command was sent', error.message)
    case 'unrun': return { slug: 'target-error', reason: 'not_run', detail: 'the host let the gate in and did not take the command', next: 'none', inner: error.message }
    case 'late': return { slug: 'timeout', reason: 'deadline_passed', detail: 'the time in which this could begin has passed, and nothing ran', next: 'retry' }
    case 'timeout': return { slug: 'timeout', reason: 'target_timeout', detail: 'the host took longer than this may to let the gate in, and nothing ran', next: 'retry', inner: error.message }
    case 'moved': return { slug: 'approval-stale', reason: 'objects_changed', detail: 'the host or the login of the connection changed meanwhile, and nothing ran', next: 'retry', inner: error.message }
    case 'cut': return { slug: 'timeout', reason: 'cut', detail: 'this was ended before the command had begun', next: 'retry' }
  }
}

/** A command that was sent and whose end was not heard of is `unknown`; whatever else went wrong, nothing was done. */
export function executedOf(error: unknown): Executed {
  if (error instanceof TransportError && error.sent) return unknown(error.message)
  return { status: error instanceof TransportError && error.kind === 'moved' ? 'stale' : 'failed', refusal: refusalOf(error) }
}

export const faultOf = (error: unknown): Fault => {
  if (error instanceof Fault) return error
  const { detail, inner } = refusalOf(error)
  return new Fault('target-unavailable', detail, { cause: new Error(inner ?? 'no words') })
}
