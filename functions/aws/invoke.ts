import { post, TransportError } from '../protocol/post.ts'
import { Refused, type Send } from '../protocol/remote.ts'
import { sign } from './call.ts'
import type { Place } from './dynamo.ts'

/** Lambda's own bound of an answer, 6 MB, and a little. */
const maxBytes = 6_400_000
/** No connection came about, or no name was known: nothing was sent. */
const unsent: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/**
 * Invokes a function and waits for its answer: one signed request, never sent again, because what it carries may be a write. The function's name is of letters, digits, `-` and `_`. What Lambda answers for the function
 * (it threw, it ran out of time) is passed on for the caller not to understand; what it answers in place of it, before it began, is Refused.
 */
export function createInvoke(name: string, { now, ...place }: Place & { readonly now: () => number }): Send {
  const { host } = new URL(place.endpoint)
  const path = `/2015-03-31/functions/${name}/invocations`
  return async (sealed, timeoutMs) => {
    const headers = sign('lambda', place, host, { method: 'POST', path, headers: { 'content-type': 'application/json', 'x-amz-invocation-type': 'RequestResponse' }, body: Buffer.from(sealed) }, now())
    const answer = await post(`${place.endpoint}${path}`, headers, sealed, { maxBytes, timeoutMs }).catch((error: unknown) => {
      const cause: unknown = error instanceof TransportError ? error.cause : null
      throw unsent.has((cause as { code?: unknown } | null)?.code) ? new Refused('no way to lambda') : error
    })
    if (answer.status >= 400 && answer.status < 500) throw new Refused(`lambda answered ${answer.status}`)   // throttled, not there, not ours to invoke
    if (answer.status !== 200 || answer.cut) throw new TransportError('unreachable', `lambda answered ${answer.status}`)
    return answer.text
  }
}
