import type { Id } from '../../schema/event.ts'
import { isEventId, tables } from '../../schema/item.ts'
import { abreast } from '../abreast.ts'
import { Fault, type Head, type Lengthened, type LogRows } from '../ports.ts'
import { conditionFailed, type Dynamo, type Item } from './dynamo.ts'
import { failed, transact } from './transact.ts'

const TableName = tables.log.name
const head = { pk: { S: 'head' } } as const
const hint = { pk: { S: 'hint' } } as const
const lengthened = { pk: { S: 'lengthened' } } as const
/** DynamoDB's own bound of both a batch of reads and a transaction. */
const batch = 100
const maxBatches = 20
/** Batches of reads, and transactions of places, at once; they meet at no item. No more, or a store that is busy answers the last of them too late. */
const most = 10

/** Where the log stands, in DynamoDB. One item is the commit point, moved only by a condition on the revision it was read at. */
export function createLogStore(dynamo: Dynamo): LogRows {
  async function read(key: typeof head | typeof hint | typeof lengthened): Promise<Item | null> {
    return (await dynamo('GetItem', { TableName, Key: key, ConsistentRead: true })).Item ?? null
  }

  async function advance(next: Head, over: Head | null): Promise<boolean> {
    const json = JSON.stringify(next)
    const condition = over === null
      ? { ConditionExpression: 'attribute_not_exists(pk)' }
      : { ConditionExpression: '#head = :over', ExpressionAttributeNames: { '#head': 'head' }, ExpressionAttributeValues: { ':over': { S: JSON.stringify(over) } } }   // the whole of it, not its number alone: a store put back from a backup counts again
    try {
      await dynamo('PutItem', { TableName, Item: { ...head, head: { S: json } }, ...condition, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })
      return true
    } catch (error) {
      if (!conditionFailed(error)) throw error
      return error.item?.['head']?.S === json                       // our own first write, its answer lost
    }
  }

  async function where(ids: readonly Id<'evt'>[]): Promise<ReadonlyMap<Id<'evt'>, number>> {
    const found = new Map<Id<'evt'>, number>()
    await eachPiece([...new Set(ids)].filter(isEventId), async (piece) => {
      let keys: readonly Item[] = piece.map((id) => ({ pk: { S: id } }))
      for (let round = 0; keys.length > 0; round++) {
        if (round > 0) await new Promise((resolve) => { setTimeout(resolve, Math.min(400, 10 * 2 ** round)) })
        if (round >= maxBatches) throw new Fault('store-unavailable', 'indexes cannot be read now')
        const output = await dynamo('BatchGetItem', { RequestItems: { [TableName]: { Keys: keys, ConsistentRead: true } } })
        for (const item of output.Responses?.[TableName] ?? []) found.set(item['pk']?.S as Id<'evt'>, Number(item['index']?.N))
        keys = output.UnprocessedKeys?.[TableName]?.Keys ?? []
      }
    })
    return found
  }

  async function placed(entries: readonly { readonly id: Id<'evt'>; readonly index: number }[]): Promise<void> {
    await eachPiece(entries, async (piece) => {
      const refused = await transact(dynamo, piece.map(({ id, index }) => ({ Put: placeOf(id, index) })))
      if (refused !== null) throw new Fault('internal', `an event has another index in the log: \`${piece[refused.findIndex(failed)]?.id}\``)
    })
  }

  async function raise(size: number): Promise<void> {
    try {
      await dynamo('PutItem', {
        TableName, Item: { ...hint, size: { N: String(size) } },
        ConditionExpression: 'attribute_not_exists(pk) OR #size <= :size', ExpressionAttributeNames: { '#size': 'size' }, ExpressionAttributeValues: { ':size': { N: String(size) } },
      })
    } catch (error) {
      if (!conditionFailed(error)) throw error                      // a later one is there: another sequencer was faster
    }
  }

  /** Blindly: of two that walk at once, one goes over what the other has done. */
  async function progress({ goal, since, after }: Lengthened): Promise<void> {
    await dynamo('PutItem', { TableName, Item: { ...lengthened, goal: { S: goal }, since: { N: String(since) }, ...(after === null ? {} : { after: { S: after } }) } })
  }
  return {
    head: async () => {
      const item = await read(head)
      return item && readHead(item)
    },
    advance, where, placed, hint: raise,
    hinted: async () => {
      const size = Number((await read(hint))?.['size']?.N ?? NaN)
      return Number.isSafeInteger(size) && size >= 0 ? size : null
    },
    lengthened: async () => {
      const item = await read(lengthened)
      return item && readLengthened(item)
    },
    progress,
  }
}

/** Some at once. Throws what the first throws, when none goes on. */
async function eachPiece<T>(all: readonly T[], run: (piece: readonly T[]) => Promise<void>): Promise<void> {
  await abreast(Array.from({ length: Math.ceil(all.length / batch) }, (_, n) => all.slice(n * batch, (n + 1) * batch)), run, most)
}

const placeOf = (id: Id<'evt'>, index: number): object => ({
  TableName, Item: { pk: { S: id }, index: { N: String(index) } }, ConditionExpression: 'attribute_not_exists(pk) OR #index = :index',
  ExpressionAttributeNames: { '#index': 'index' }, ExpressionAttributeValues: { ':index': { N: String(index) } },
})

function readHead(item: Item): Head {
  try {
    return JSON.parse(item['head']?.S ?? '') as Head
  } catch (error) {
    throw new Fault('internal', 'the head of the log is damaged', { cause: error })
  }
}

/** What is damaged is done again from the beginning. */
function readLengthened(item: Item): Lengthened | null {
  const { goal, since, after } = item
  return goal?.S === undefined || since?.N === undefined ? null : { goal: goal.S, since: Number(since.N), after: after?.S ?? null }
}
