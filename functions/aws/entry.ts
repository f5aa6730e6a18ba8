import { dayOf, maxSealedBytes, outcomeId, tables, timeOf } from '../../schema/item.ts'
import { hasContent } from '../../schema/content.ts'
import type { Event } from '../../schema/event.ts'
import { Fault } from '../ports.ts'
import { conditionFailed, type Dynamo, type Item } from './dynamo.ts'
import { itemOf } from './event.ts'

const TableName = tables.audit.name
/** An intent older than this when it is about to be written comes from a process that slept: the sweeper may have passed its place. */
const staleMs = 60_000
/** Any event older than this is not written, because the sequencer of the log looks back twice as far and no further (functions/gather.ts). What belongs to an intent is found by that intent's id, however late it comes. */
const lateMs = 15 * 60_000

/** An event ready to be written, alone or with what it tells of. */
export interface Entry {
  /** The input of a PutItem, or of the Put of a transaction. Append-only by its condition: a key is written once, whoever asks. */
  readonly put: { readonly TableName: string; readonly Item: Item; readonly ConditionExpression: string; readonly ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
  /** Whether the item that failed the condition is this very event: our own first write, its answer lost. */
  mine(stored: Item | null | undefined): boolean
}

/** Makes entries, at once but for a day's first. The day's mark is durable when one is given; what must not be written is a Fault, thrown. */
export function createEntries({ hot, now }: { readonly hot: Dynamo; readonly now: () => number }): (event: Event) => Entry | Promise<Entry> {
  /** `true`: durable, and nobody waits for it. */
  const marked = new Map<string, true | Promise<void>>()

  /** Lists and the sweeper find days by these marks, so one is durable before the first event of its day is written. One write a day and process. */
  function mark(day: string): true | Promise<void> {
    const known = marked.get(day)
    if (known) return known
    const writing = hot('PutItem', { TableName, Item: { pk: { S: 'days' }, sk: { S: day } }, ConditionExpression: 'attribute_not_exists(pk)' })
      .then(() => { marked.set(day, true) }, (error: unknown) => {
        if (!conditionFailed(error)) {
          marked.delete(day)
          throw error
        }
        marked.set(day, true)
      })
    if (marked.size > 400) marked.clear()
    marked.set(day, writing)
    return writing
  }

  return (event) => {
    if (event.kind === 'outcome' && event.id !== outcomeId(event.intent)) throw new Fault('internal', 'an outcome has the id its intent gives it')
    if (event.kind === 'intent' && now() - timeOf(event.id) > staleMs) throw new Fault('store-unavailable', 'the intent is too old to be written now')
    if (event.kind !== 'outcome' && event.kind !== 'correction' && now() - timeOf(event.id) > lateMs) throw new Fault('store-unavailable', 'the event is too old to be written now')
    const json = JSON.stringify(event)
    if (json.length > maxSealedBytes / 3 && Buffer.byteLength(json) > maxSealedBytes) throw new Fault('internal', 'an event too large for one item')
    if (hasContent(event)) throw new Fault('internal', 'an event with its content in clear')        // an assembly that forgot to seal, and no store may learn of it
    const entry: Entry = {
      put: { TableName, Item: itemOf(event, json), ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' },
      mine: (stored) => stored?.['event']?.S === json,
    }
    const durable = mark(dayOf(event.id))
    return durable === true ? entry : durable.then(() => entry)
  }
}
