import type { Event, Id } from '../../schema/event.ts'
import { fateKey, isEventId, isRequestId, outcomeId, tables } from '../../schema/item.ts'
import { Damage, type Requests } from '../ports.ts'
import type { Dynamo } from './dynamo.ts'

const TableName = tables.audit.name
const keyOf = (request: string) => { const { pk, sk } = fateKey(request); return { pk: { S: pk }, sk: { S: sk } } }
const seals: ReadonlySet<Event['kind']> = new Set(['intent', 'rejection', 'cancellation', 'expiry', 'stale'])

/**
 * What a request came to, by its id alone: a Put that belongs into the write by which it begins to execute, or ends without. It lies in the record, which nobody updates and nobody deletes from, and not beside the request: whatever
 * the table of requests is put back to, or written over with, what ran does not run again, and what was refused does not run at all. Written once, by the condition of every event. None: the event is of no such write.
 */
export const fateBy = (request: Id<'arq'>, event: Event | null): readonly object[] => event === null || !seals.has(event.kind) ? []
  : [{ Put: { TableName, Item: { ...keyOf(request), by: { S: event.id } }, ConditionExpression: 'attribute_not_exists(pk)' } }]

export function createFate(dynamo: Dynamo): Requests['fate'] {
  return async (request) => {
    if (!isRequestId(request)) return null
    const { Item: item } = await dynamo('GetItem', { TableName, Key: keyOf(request), ConsistentRead: true })
    if (!item) return null
    const by = item['by']?.S ?? ''
    // There, and of no event of ours: somebody else wrote it. That the request is over is believed all the same, so nothing begins.
    if (!isEventId(by) || !isFirst(by)) throw new Damage(`what is said of the end of \`${request}\` is damaged`)
    return by
  }
}

/** Not an outcome's or a correction's. */
function isFirst(id: Id<'evt'>): boolean {
  try {
    return outcomeId(id) !== id
  } catch {
    return false
  }
}
