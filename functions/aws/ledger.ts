import { dayOf, isEventId, maxEventBytes, outcomeId, tables, timeOf } from '../../schema/item.ts'
import type { Event, Id } from '../../schema/event.ts'
import { Fault, type Ledger } from '../ports.ts'
import { conditionFailed, type Dynamo } from './dynamo.ts'
import { itemOf, keyOf, readEvent } from './event.ts'
import { createList } from './list.ts'
import { createUnsettled } from './unsettled.ts'

const TableName = tables.audit.name
/** An intent older than this when it is about to be written comes from a process that slept: the sweeper may have passed its place. */
const staleMs = 60_000

/**
 * The record in DynamoDB. Append-only by condition: a key is written once, whoever asks. An event's id gives its key, an outcome's id is its
 * intent's with another last symbol, so `get` is one read and "at most one outcome" needs no transaction.
 */
export function createLedger(parts: { readonly hot: Dynamo; readonly cold: Dynamo; readonly now: () => number }): Ledger {
  const { hot, now } = parts
  const marked = new Map<string, Promise<void>>()

  async function append(event: Event): Promise<'stored' | 'already'> {
    if (event.kind === 'outcome' && event.id !== outcomeId(event.intent)) throw new Fault('internal', 'an outcome has the id its intent gives it')
    if (event.kind === 'intent' && now() - timeOf(event.id) > staleMs) throw new Fault('store-unavailable', 'the intent is too old to be written now')
    const json = JSON.stringify(event)
    if (json.length > maxEventBytes / 3 && Buffer.byteLength(json) > maxEventBytes) throw new Fault('internal', 'an event over 300 KB')
    await mark(dayOf(event.id))
    try {
      await hot('PutItem', { TableName, Item: itemOf(event, json), ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })
      return 'stored'
    } catch (error) {
      if (!conditionFailed(error)) throw error
      if (error.item?.['event']?.S === json) return 'stored'                     // our own first write, its answer lost
      if (event.kind === 'outcome' || event.kind === 'correction') return 'already'
      throw new Fault('internal', 'another event has this id', { cause: error })
    }
  }

  /** Lists and the sweeper find days by these marks, so one is durable before the first event of its day is written. One write a day and process. */
  function mark(day: string): Promise<void> {
    const known = marked.get(day)
    if (known) return known
    const writing = hot('PutItem', { TableName, Item: { pk: { S: 'days' }, sk: { S: day } }, ConditionExpression: 'attribute_not_exists(pk)' })
      .then(() => undefined, (error: unknown) => {
        if (conditionFailed(error)) return
        marked.delete(day)
        throw error
      })
    if (marked.size > 400) marked.clear()
    marked.set(day, writing)
    return writing
  }

  async function get(id: Id<'evt'>): Promise<Event | null> {
    if (!isEventId(id)) return null
    const { Item: item } = await hot('GetItem', { TableName, Key: keyOf(id), ConsistentRead: true })
    return item ? readEvent(item) : null
  }
  return { append, get, list: createList(parts.cold), unsettled: createUnsettled(parts.cold) }
}
