import type { Event } from '../../schema/event.ts'
import { eventKey, isEventId } from '../../schema/item.ts'
import { Damage } from '../ports.ts'
import type { Item } from './dynamo.ts'

/** The key of an event in sluice-audit. Throws RangeError for what is not one of our ids. */
export function keyOf(id: string): { readonly pk: { readonly S: string }; readonly sk: { readonly S: string } } {
  const { pk, sk } = eventKey(id)
  return { pk: { S: pk }, sk: { S: sk } }
}

/** The item of an event: the whole of it as JSON, and beside it what a list filters by and the sweeper looks at. */
export function itemOf(event: Event, json: string): Item {
  return {
    ...keyOf(event.id), event: { S: json }, kind: { S: event.kind }, evaluation: { S: event.evaluation },
    ...(event.session === null ? {} : { session: { S: event.session } }),
    ...(event.connection === null ? {} : { connection: { S: event.connection } }),
    ...(event.who === null ? {} : { subject: { S: event.who.subject }, actors: { L: event.who.actors.map((actor) => ({ S: actor })) } }),
    ...(event.kind === 'intent' ? { settleBy: { S: event.settleBy } } : {}),
  }
}

/** What is stored was written by us under a condition nobody passes twice; a text that is no event, or one of another id, or one that lies where its id does not, is damage, and is said so. Throws Damage. */
export function readEvent(item: Item): Event {
  const [id, pk] = [item['sk']?.S, item['pk']?.S]
  if (!isEventId(id) || (pk !== undefined && eventKey(id).pk !== pk)) throw new Damage(`\`${id}\` is no event`)
  try {
    const event = JSON.parse(item['event']?.S ?? '') as Event | null
    if (typeof event === 'object' && event !== null && typeof event.kind === 'string' && event.id === id) return event
  } catch (error) {
    throw new Damage(`event \`${id}\` is damaged`, { cause: error })
  }
  throw new Damage(`event \`${id}\` is damaged`)
}
