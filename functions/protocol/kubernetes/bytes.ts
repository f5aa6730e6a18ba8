import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable, Transform } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { TransportError } from './trouble.ts'

/** A list of one kind packs to a thirtieth; a bomb to a thousandth. Below the floor nobody counts. */
const mostExpansion = 300
const expansionFloorBytes = 4 * 1024 * 1024

/** Ends with an error past what honest JSON packs to. `pipeline` destroys both ends, whichever fails or is left. */
export function expanded(response: IncomingMessage): Readable {
  const gunzip = createGunzip()
  let bytes = 0
  const meter = new Transform({
    transform(chunk: Buffer, _, give) {
      bytes += chunk.byteLength
      if (bytes > expansionFloorBytes && bytes > gunzip.bytesWritten * mostExpansion) give(new TransportError('broken', 'the cluster\'s answer expands beyond reason', true))
      else give(null, chunk)
    },
  })
  return pipeline(response, gunzip, meter, () => undefined)
}

/**
 * A body as it comes, at the pace of whoever asks for more; the time between is theirs and counts for nothing. Throws TransportError; however it is left, the
 * connection is let go.
 */
export async function* chunksOf(body: Readable, idleMs: number): AsyncGenerator<Uint8Array, void, undefined> {
  const arm = () => setTimeout(() => { body.destroy(new TransportError('timeout', `the cluster fell silent for ${idleMs} ms in mid-answer`, true)) }, idleMs)
  let timer = arm()
  try {
    for await (const chunk of body) {
      clearTimeout(timer)
      yield chunk as Uint8Array
      timer = arm()
    }
  } catch (error) {
    if (error instanceof TransportError) throw error
    const { code = 'no code' } = error as NodeJS.ErrnoException
    throw new TransportError(code.startsWith('Z_') ? 'broken' : 'lost', `the cluster broke off in mid-answer (${code})`, true)
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
}

/** All of a body; null: it is over `maxBytes`, and what came of it is gone. */
export async function wholeOf(body: Readable, idleMs: number, maxBytes: number): Promise<Buffer | null> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunksOf(body, idleMs)) {
    if ((bytes += chunk.byteLength) > maxBytes) return null
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}
