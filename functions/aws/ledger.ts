import { isEventId, tables } from '../../schema/item.ts'
import type { Event, Id } from '../../schema/event.ts'
import { Fault, type Ledger } from '../ports.ts'
import { conditionFailed, type Dynamo } from './dynamo.ts'
import { createEntries } from './entry.ts'
import { keyOf, readEvent } from './event.ts'
import { createList } from './list.ts'
import { createScan } from './scan.ts'
import { createUnsettled } from './unsettled.ts'

const TableName = tables.audit.name

/**
 * The record in DynamoDB. Append-only by condition: a key is written once, whoever asks. An event's id gives its key, an outcome's id is its
 * intent's with another last symbol, so `get` is one read and "at most one outcome" needs no transaction.
 */
export function createLedger(parts: { readonly hot: Dynamo; readonly cold: Dynamo; readonly now: () => number }): Ledger {
  const { hot } = parts
  const entryOf = createEntries(parts)

  async function append(event: Event): Promise<'stored' | 'already'> {
    const made = entryOf(event)
    const entry = made instanceof Promise ? await made : made
    try {
      await hot('PutItem', entry.put)
      return 'stored'
    } catch (error) {
      if (!conditionFailed(error)) throw error
      if (entry.mine(error.item)) return 'stored'
      if (event.kind === 'outcome' || event.kind === 'correction') return 'already'
      throw new Fault('internal', 'another event has this id', { cause: error })
    }
  }

  async function get(id: Id<'evt'>): Promise<Event | null> {
    if (!isEventId(id)) return null
    const { Item: item } = await hot('GetItem', { TableName, Key: keyOf(id), ConsistentRead: true })
    return item ? readEvent(item) : null
  }
  return { append, get, list: createList(parts.cold), scan: createScan(parts.cold), unsettled: createUnsettled(parts) }
}
