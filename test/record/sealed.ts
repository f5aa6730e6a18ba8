import { contentKey, seal } from '../../functions/record/cipher.ts'
import { split } from '../../schema/content.ts'
import type { Event } from '../../schema/event.ts'
import { events } from './export/events.ts'

export const key = contentKey('2026-11-22.AAAAAAAAAAAAAAAA.3', new Uint8Array(32).fill(7))
/** As it is stored: what is content under the key, the rest in clear. */
export const sealed = (event: Event, under = key): Event => {
  const { open: rest, content } = split(event)
  return content === null ? event : seal(under, rest, content)
}
/** As it was before it was sealed, of one that was opened. */
export const withoutContent = ({ content: _content, ...event }: Event) => event
/** One of each kind. */
export const all = Object.values(events)
export const intent = events.intent as Event & { kind: 'intent' }
