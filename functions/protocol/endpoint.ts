import { createPlaces } from './places.ts'
import { post, TransportError, type Posted } from './post.ts'

/** As many as `post` has connections to one endpoint: what waits, waits here, where it is known whose it is and that it was not sent. */
const maxOpen = 64
const places = createPlaces(maxOpen)

/** `post` to an endpoint that many share, in the turn of `whose` it is. The time it waits is part of `timeoutMs`. Throws TransportError, `unreachable` where its turn did not come. */
export async function postInTurn(target: string, headers: Readonly<Record<string, string>>, body: string, { maxBytes, timeoutMs, whose }: { readonly maxBytes: number; readonly timeoutMs: number; readonly whose?: string | undefined }): Promise<Posted> {
  const until = performance.now() + timeoutMs
  const leave = await places.take(URL.parse(target)?.origin ?? '', timeoutMs, whose)
  try {
    const left = until - performance.now()
    if (left <= 0) throw new TransportError('unreachable', 'no connection to the target came free')
    return await post(target, headers, body, { maxBytes, timeoutMs: left })
  } finally {
    leave()
  }
}
