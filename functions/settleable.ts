import type { Event } from '../schema/event.ts'
import { isIntentId } from '../schema/item.ts'

const most = { word: 300, who: 100_000 }
const isWord = (one: unknown): boolean => typeof one === 'string' && one.length <= most.word

/**
 * Whether an outcome can be made of it: what the sweeper copies into one is there and is not too long. Of an intent that somebody wrote who is not the gate it may not be, and then nobody settles it and nothing is awaited of it.
 */
export function isSettleable(event: Event): event is Event & { kind: 'intent' } {
  if (event.kind !== 'intent' || !isIntentId(event.id)) return false
  const { at, evaluation, settleBy, connection, session, policy, who, request } = event
  return [at, settleBy].every((time) => typeof time === 'string' && !Number.isNaN(Date.parse(time))) && isWord(evaluation) && [connection, session, policy].every((one) => one === null || isWord(one))
    && (who === null || (typeof who === 'object' && typeof who.subject === 'string' && Array.isArray(who.actors) && who.actors.every((actor) => typeof actor === 'string') && JSON.stringify(who).length <= most.who))
    && (request === undefined || isWord(request))
}
