import { createHash } from 'node:crypto'
import type { Told } from '../../../schema/told.ts'

interface Part { readonly part: unknown; readonly stream: unknown; readonly bytes: Buffer | null }

/**
 * Of an outcome whose command wrote more than it has room for: whether these events have all of it (heard.ts). A part that is not there would else be a shorter output that nobody misses. Gives words, or null where
 * nothing is missing; a session that comes in pages may have the rest on another one.
 */
export function wholeness(events: readonly Told[]): (event: Told) => string | null {
  const commands = new Map<unknown, Part[]>()
  for (const { kind, change, content } of events) {
    if (kind !== 'output' || !change) continue
    const [text, base64] = [change['text'], change['base64']]
    const bytes = content?.state !== undefined ? null : typeof text === 'string' ? Buffer.from(text) : Buffer.from(typeof base64 === 'string' ? base64 : '', 'base64')
    const parts = commands.get(change['intent']) ?? []
    parts.push({ part: change['part'], stream: change['stream'], bytes })
    commands.set(change['intent'], parts)
  }
  return ({ intent, said }) => {
    const count = said?.['parts']
    if (typeof count !== 'number') return null
    const parts = (commands.get(intent) ?? []).toSorted((a, b) => Number(a.part) - Number(b.part))
    if (parts.length !== count || parts.some(({ part }, at) => part !== at + 1)) return `${parts.length} of its ${count} parts are among these steps`
    for (const stream of ['stdout', 'stderr']) {
      const mine = parts.filter((one) => one.stream === stream)
      const all = mine.flatMap(({ bytes }) => bytes === null ? [] : [bytes])
      const told = said?.[stream]
      if (all.length === mine.length && typeof told === 'object' && told !== null && 'sha256' in told && told.sha256 !== createHash('sha256').update(Buffer.concat(all)).digest('hex')) return `what these steps have of ${stream} is not what the command wrote`
    }
    return null
  }
}
