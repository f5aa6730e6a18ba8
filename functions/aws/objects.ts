import { createHash } from 'node:crypto'
import { Fault, type Objects } from '../ports.ts'
import { type Answer, createCall } from './call.ts'
import type { Place } from './dynamo.ts'

const shape = /^(?:[a-z0-9][a-z0-9.-]*\/)*[a-z0-9][a-z0-9.-]*$/
/** Superseded by later objects: not locked, and marked for the bucket's lifecycle rule to take away. */
const passing = /^staging\/|\.p\//
const none = new Uint8Array()

export interface Bucket extends Place {
  /** `endpoint` is the bucket's own: `https://BUCKET.s3.REGION.amazonaws.com`. The bucket has Object Lock, and versions therefore. */
  readonly now: () => number
  /** How long nobody, the account's root included, can delete an object or shorten this. */
  readonly retainDays: number
}

/**
 * Write-once objects in S3: `If-None-Match: *` lets one writer have a name, Object Lock in compliance mode keeps what it wrote. Without the condition a second
 * PUT would not destroy the first version but hide it.
 */
export function createObjects({ retainDays, ...place }: Bucket): Objects & { close(): void } {
  const call = createCall('s3', place, (answer) => answer.status === 429 || (answer.status === 409 && said(answer, 'ConditionalRequestConflict')))

  async function create(path: string, bytes: Uint8Array): Promise<'created' | 'same'> {
    const until = new Date(place.now() + retainDays * 86_400_000).toISOString()
    const keep = passing.test(path) ? { 'x-amz-tagging': 'sluice=passing' } : { 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': until }
    const answer = await call({
      method: 'PUT', path: keyOf(path), body: bytes,
      headers: { 'content-type': 'application/octet-stream', 'if-none-match': '*', 'x-amz-checksum-sha256': createHash('sha256').update(bytes).digest('base64'), ...keep },
    })
    if (answer.status === 200) return 'created'
    if (answer.status !== 412) throw refused(answer)
    const there = await get(path)                                   // also our own first write, its answer lost
    if (there === null) throw new Fault('store-unavailable', `\`${path}\` is there and is not`)
    if (Buffer.compare(there, bytes) !== 0) throw new Fault('internal', `other bytes are at \`${path}\``)
    return 'same'
  }

  async function get(path: string): Promise<Uint8Array | null> {
    const answer = await call({ method: 'GET', path: keyOf(path), headers: {}, body: none })
    if (answer.status === 200) return answer.body
    if (answer.status === 404) return null
    throw refused(answer)
  }

  /** The lifecycle rule's work: this function may not delete anything. */
  async function forget(path: string): Promise<void> {
    if (!/^staging\/[^/]+$|^tile\/\w+\/[x\d/]+\.p\/$/.test(path)) throw new Fault('internal', `\`${path}\` is for ever`)
  }
  return { create, get, forget, close: () => call.close() }
}

/** Nothing in it wants escaping, so what is signed is what is sent. */
function keyOf(path: string): string {
  if (path.length > 200 || !shape.test(path) || path.includes('..')) throw new Fault('internal', 'not a path of the log')
  return `/${path}`
}
const said = (answer: Answer, code: string): boolean => answer.body.includes(`<Code>${code}</Code>`)
const refused = (answer: Answer): Fault => new Fault(answer.status === 400 ? 'internal' : 'store-unavailable', `the bucket answered ${answer.status}: ${/<Code>(\w+)<\/Code>/.exec(answer.body.toString())?.[1] ?? 'no reason'}`)
