import type { Query } from '../../schema/request.ts'
import type { Masked } from '../protocol/protocol.ts'
import { redactText } from './redact.ts'

/** Bytes of what a command said that its outcome holds, of each of its two streams. */
const mostBytes = 64 * 1024
const command = /^POST \/api\/v1\/namespaces\/[^/?]+\/pods\/[^/?]+\/exec\?/

/**
 * What a command in a container said, for the record: its answer is all that tells what it did. Receives the answer as its caller gets it, masked; past 64 KB a stream is cut, and how long it
 * was is said. null: no command.
 */
export function saidOf(query: Query, { answer }: Masked): Readonly<Record<string, unknown>> | null {
  const body = answer?.body
  if (query.form !== 'kubernetes' || !(body instanceof Uint8Array) || !command.test(query.statements[0]?.sql ?? '')) return null
  const said = objectOf(body)
  if (said === null) return null
  return Object.fromEntries(Object.entries(said).map(([name, value]) => [name, typeof value === 'string' ? cut(redactText(value)) : value]))
}

function objectOf(bytes: Uint8Array): object | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

function cut(text: string): string {
  const bytes = Buffer.from(text)
  return bytes.length <= mostBytes ? text : `${bytes.subarray(0, mostBytes).toString('utf8').replace(/�$/, '')}… [cut: ${bytes.length} bytes]`
}
