import { maxBodyBytes } from '../schema/request.ts'
import { refuse, type Refusal, type Result } from '../schema/refusal.ts'
import { parseJson } from './json.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Request → the JSON value of its body, at most 1 MiB of UTF-8. Read only once the caller is known (the gate asks for it), so that a stranger
 * cannot make the gate hold a megabyte. Refuses `invalid-request` and `too-large`.
 */
export async function readBody(request: Request): Promise<Result<unknown>> {
  const type = request.headers.get('content-type')
  if (type === null || !/^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type)) {
    return invalid('content_type', 'the body must be json: send `content-type: application/json`')
  }
  const encoding = request.headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    return invalid('content_encoding', 'a compressed body is not read: send it without `content-encoding`')   // a bomb, and a second reading
  }
  const bytes = await readBytes(request)
  if (!bytes) return refuse(tooLarge)
  if (bytes === 'broken') return invalid('body_broken', 'the body ended before it was complete')
  if (bytes.length === 0) return invalid('body_missing', 'the body is empty; the call wants a json object')
  try {
    return parseJson(utf8.decode(bytes))
  } catch {
    return invalid('not_utf8', 'the body is not valid utf-8')
  }
}

/** null: over the cap. A declared length is held by the HTTP parser, so it may be read in one go; without one the bytes are counted as they come. */
export async function readBytes(request: Request, mostBytes = maxBodyBytes): Promise<Uint8Array | 'broken' | null> {
  const declared = request.headers.get('content-length')
  if (declared !== null && (!/^\d{1,15}$/.test(declared) || Number(declared) > mostBytes)) return null
  try {
    if (declared !== null && !request.headers.has('transfer-encoding')) {
      const bytes = new Uint8Array(await request.arrayBuffer())
      return bytes.length > mostBytes ? null : bytes
    }
    return await readCounted(request, mostBytes)
  } catch {
    return 'broken'
  }
}

async function readCounted(request: Request, mostBytes: number): Promise<Uint8Array | null> {
  const reader = request.body?.getReader()
  if (!reader) return new Uint8Array()
  const parts: Uint8Array[] = []
  for (let length = 0; ;) {
    const part = await reader.read()
    if (part.done) return Buffer.concat(parts)
    length += part.value.byteLength
    if (length > mostBytes) {
      void reader.cancel().catch(() => {})                       // nobody waits for the sender to notice
      return null
    }
    parts.push(part.value)
  }
}

const invalid = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
const tooLarge: Refusal = { slug: 'too-large', reason: 'body_too_large', detail: 'the body is over 1 MiB; send less in one call', next: 'fix' }
