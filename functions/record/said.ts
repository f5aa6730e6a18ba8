import type { Query } from '../../schema/request.ts'
import type { Masked } from '../protocol/protocol.ts'
import type { Hearing } from './heard.ts'
import { redactText } from './redact.ts'

const command = /^POST \/api\/v1\/namespaces\/[^/?]+\/pods\/[^/?]+\/exec\?/

/**
 * What a command in a container or on a host said, for the record: its answer is all that tells what it did. The record has what was heard of it while it ran; of an engine that lets nobody listen, the answer as
 * its caller gets it. `masked` null: it has none. null: no command.
 */
export async function saidOf(query: Query, masked: Masked | null, hearing: Hearing): Promise<Readonly<Record<string, unknown>> | null> {
  if (query.form !== 'ssh' && (query.form !== 'kubernetes' || !command.test(query.statements[0]?.sql ?? ''))) return null
  const body = masked?.answer?.body
  const said = body instanceof Uint8Array ? objectOf(body) : null
  if (said === null && !hearing.heard) return null
  const { stdout, stderr, ...rest } = said ?? {}
  if (!hearing.heard) for (const [name, text] of [['stdout', stdout], ['stderr', stderr]] as const) if (typeof text === 'string') await hearing.hear(name, Buffer.from(text))
  return { ...await hearing.end(), ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, typeof value === 'string' ? redactText(value) : value])) }
}

function objectOf(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : null
  } catch {
    return null
  }
}
