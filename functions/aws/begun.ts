import type { Id } from '../../schema/event.ts'
import { begunKey, isEventId, isRequestId, outcomeId, tables } from '../../schema/item.ts'
import { Fault, type Requests } from '../ports.ts'
import type { Dynamo } from './dynamo.ts'

const TableName = tables.audit.name
const keyOf = (request: string) => { const { pk, sk } = begunKey(request); return { pk: { S: pk }, sk: { S: sk } } }

/**
 * That a request began to execute, by its id alone: the Put that belongs into the write by which it begins. It lies in the record, which nobody updates and nobody deletes from, and not beside the request: whatever the table of
 * requests is put back to, what ran does not begin again. Written once, by the condition of every event.
 */
export const begunBy = (request: Id<'arq'>, intent: Id<'evt'>): object =>
  ({ Put: { TableName, Item: { ...keyOf(request), intent: { S: intent } }, ConditionExpression: 'attribute_not_exists(pk)' } })

export function createBegun(dynamo: Dynamo): Requests['begun'] {
  return async (request) => {
    if (!isRequestId(request)) return null
    const { Item: item } = await dynamo('GetItem', { TableName, Key: keyOf(request), ConsistentRead: true })
    if (!item) return null
    const intent = item['intent']?.S ?? ''
    // There, and of no intent of ours: somebody else wrote it. That it ran is believed all the same, so nothing begins.
    if (!isEventId(intent) || !isIntent(intent)) throw new Fault('store-unavailable', `what is said of the execution of \`${request}\` is damaged`)
    return intent
  }
}

function isIntent(id: Id<'evt'>): boolean {
  try {
    return outcomeId(id) !== id
  } catch {
    return false
  }
}
