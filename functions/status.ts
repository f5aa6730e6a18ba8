import type { AccessRequest } from '../schema/approval.ts'
import type { Refusal, Slug } from '../schema/refusal.ts'
import { missing } from './approve/eligible.ts'
import { statusOf } from './problem.ts'

/** A Kubernetes `Status` (meta/v1), the form in which kubectl and client libraries read a refusal. `code` is the HTTP status, which problem.ts alone sets. */
export interface Status {
  readonly kind: 'Status'; readonly apiVersion: 'v1'; readonly metadata: Readonly<Record<string, never>>; readonly status: 'Failure'
  readonly message: string; readonly reason: Reason; readonly code: number
  readonly details: { readonly group?: string; readonly kind?: string; readonly causes: readonly Cause[]; readonly retryAfterSeconds?: number }
}
interface Cause { readonly reason: string; readonly message: string }
/** Of the API server's own words (apimachinery, meta/v1 StatusReason). Clients act on them: `Conflict` is tried again, `Expired` listed anew. */
type Reason =
  | 'BadRequest' | 'MethodNotAllowed' | 'Unauthorized' | 'Forbidden' | 'NotFound' | 'Conflict' | 'Gone' | 'RequestEntityTooLarge' | 'Invalid' | 'TooManyRequests' | 'InternalError' | 'ServiceUnavailable' | 'Timeout'

export function statusBody(refusal: Refusal, evaluation: string | null, more: readonly Cause[] = []): Status {
  const { detail, reason, rule, next, action, resource, retryAfterSeconds } = refusal
  const [group, kind] = resource === undefined || resource.startsWith('/') ? [undefined, undefined] : grouped(resource)
  return {
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: evaluation === null ? detail : `${detail} (${evaluation})`, reason: reasonOf(refusal), code: statusOf(refusal),
    details: {
      ...(group === undefined ? {} : { group }), ...(kind === undefined ? {} : { kind }),
      causes: [
        { reason: 'Refusal', message: `${refusal.slug}: ${reason}` }, ...(rule === undefined ? [] : [{ reason: 'Rule', message: rule }]), ...(action === undefined ? [] : [{ reason: 'Verb', message: action }]),
        { reason: 'Next', message: next }, ...(evaluation === null ? [] : [{ reason: 'Evaluation', message: evaluation }]), ...more,
      ],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)) }),
    },
  }
}

/** People are asked: kubectl knows no answer that waits, so it is a refusal that says which request, who decides it, and what to do then. */
export function waitingStatus(request: AccessRequest, console: string, evaluation: string): Status {
  const { id, bound, verdicts, status } = request
  const wanted = bound.demands.map((demand) => `${missing(demand, verdicts)} of ${demand.by.join(' or ')}`).join(' and ')
  const where = status === 'pending' ? `waits for ${wanted} until ${bound.expiresAt}; a person decides at ${console}/requests/${id}` : 'is approved and runs now'
  const detail = `people must agree to this: request ${id} ${where}. Approval itself runs it, once; run the same command again after that, and it answers with what was done`
  return statusBody({ slug: 'denied', reason: 'approval_required', next: 'retry', detail }, evaluation, [{ reason: 'Request', message: id }, { reason: 'Digest', message: request.digest }])
}

/** Nothing is carried both ways: what needs it has a call of its own, or none. */
export const noUpgrade: Refusal = {
  slug: 'statement-unsupported', reason: 'upgrade', next: 'fix',
  detail: 'this gate carries no terminals, tunnels or copies: run a command without a terminal as POST /v1/connections/{connection}/exec with {"namespace", "pod", "container", "command": […]}; attach, port-forward and cp have no way through',
}

/** `Retry-After` makes client-go wait and send the call again by itself, ten times: fit for seconds, and silence for minutes. It says so only where nothing ran. */
export const mostRetryAfterSeconds = 30

function reasonOf(refusal: Refusal): Reason {
  return statusOf(refusal) === 405 ? 'MethodNotAllowed' : reasons[refusal.slug]
}
/** Closed over the slugs: a new one is a type error here until it has a reason. */
const reasons: Readonly<Record<Slug, Reason>> = {
  'invalid-request': 'BadRequest', 'statement-unparsable': 'BadRequest', unauthenticated: 'Unauthorized', denied: 'Forbidden', 'statement-unsupported': 'Forbidden', 'approval-rejected': 'Forbidden', 'not-found': 'NotFound',
  'policy-moved': 'Conflict', 'request-settled': 'Conflict', 'approval-stale': 'Conflict', 'idempotency-in-flight': 'Conflict', 'approval-expired': 'Gone', 'too-large': 'RequestEntityTooLarge', 'target-error': 'Invalid', 'idempotency-mismatch': 'Invalid',
  'rate-limited': 'TooManyRequests', internal: 'InternalError', 'outcome-unknown': 'InternalError', 'audit-unavailable': 'ServiceUnavailable', 'policy-unavailable': 'ServiceUnavailable', 'target-unavailable': 'ServiceUnavailable', timeout: 'Timeout',
}

/** `apps/deployments/scale` → group and kind; a core resource has no group, and its subresource no dot and no group of its own: `pods/log`. */
function grouped(resource: string): readonly [string | undefined, string] {
  const [first = '', ...rest] = resource.split('/')
  return rest.length > 0 && (first.includes('.') || builtIn.has(first)) ? [first, rest.join('/')] : [undefined, resource]
}
const builtIn: ReadonlySet<string> = new Set(['apps', 'batch', 'autoscaling', 'policy', 'extensions'])
