import type { Refusal } from '../../schema/refusal.ts'
import { cutOff } from './halt.ts'
import type { TransportError } from './post.ts'

export const unavailable = (reason: string, detail: string, inner: string): Refusal => ({ slug: 'target-unavailable', reason, detail, next: 'retry', retryAfterSeconds: 2, inner })
/** Of a run in which nothing was committed, and nothing can be any more. */
export function transportRefusal(error: TransportError): Refusal {
  switch (error.kind) {
    case 'unreachable': return unavailable('target_unreachable', 'the target cannot be reached', error.message)
    case 'timeout': return { slug: 'timeout', reason: 'target_timeout', detail: 'the target did not answer in time', next: 'fix', inner: error.message }
    case 'too-large': return { slug: 'too-large', reason: 'answer_too_large', detail: 'the answer is larger than the limit: ask for fewer rows or columns', next: 'fix', inner: error.message }
    case 'cut': return cutOff(error.message)
  }
}
