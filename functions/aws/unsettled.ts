import type { Event } from '../../schema/event.ts'
import { firstIdAt, shards, tables, timeOf } from '../../schema/item.ts'
import type { Ledger } from '../ports.ts'
import type { Dynamo, Item } from './dynamo.ts'
import { keyOf, readEvent } from './event.ts'

const TableName = tables.audit.name
const cursorKey = { pk: { S: 'sweep' } } as const
/** How far behind the present the cursor stays: longer than an intent can be on its way to the store (a signature lives five minutes, an intent a minute). */
const lagMs = 60 * 60_000

/**
 * Intents without an outcome. An intent and its outcome lie side by side in one partition, so one pass over the keys from the cursor on finds
 * them. The cursor is durable and only ever passes a time before which every intent has its outcome; two sweepers may write it in any order,
 * each writes what it has seen to be true.
 */
export function createUnsettled(dynamo: Dynamo): Ledger['unsettled'] {
  return async (before, limit) => {
    const start = await cursor(dynamo)
    const open: string[] = []
    for (const day of await daysFrom(dynamo, start)) {
      const found = await Promise.all([...shards].map((shard) => openIn(dynamo, `${day}#${shard}`, firstIdAt(start), firstIdAt(before + 1))))
      open.push(...found.flat().map(({ id }) => id))
      const due = found.flat().filter(({ settleBy }) => Date.parse(settleBy) < before)
      if (due.length > 0) return await read(dynamo, due.map(({ id }) => id).toSorted().slice(0, limit))
    }
    const oldest = open.toSorted()[0]
    await advance(dynamo, start, Math.min(before - lagMs, oldest === undefined ? Number.POSITIVE_INFINITY : timeOf(oldest)))
    return []
  }
}

/** Epoch ms to look from; 0 until there is one. */
async function cursor(dynamo: Dynamo): Promise<number> {
  const { Item: item } = await dynamo('GetItem', { TableName: tables.state.name, Key: cursorKey, ConsistentRead: true })
  return Number(item?.['at']?.N ?? 0)
}

/** Days that have events, oldest first. */
async function daysFrom(dynamo: Dynamo, start: number): Promise<readonly string[]> {
  const { Items: days } = await dynamo('Query', {
    TableName, ConsistentRead: true, KeyConditionExpression: 'pk = :pk AND sk >= :from',
    ExpressionAttributeValues: { ':pk': { S: 'days' }, ':from': { S: new Date(start).toISOString().slice(0, 10) } },
  })
  return (days ?? []).map((day) => day['sk']?.S ?? '')
}

async function advance(dynamo: Dynamo, from: number, to: number): Promise<void> {
  if (to > from) await dynamo('PutItem', { TableName: tables.state.name, Item: { ...cursorKey, at: { N: String(to) } } })
}

async function openIn(dynamo: Dynamo, pk: string, from: string, to: string): Promise<readonly { readonly id: string; readonly settleBy: string }[]> {
  const open = new Map<string, string>()
  let start: Item | undefined
  do {
    const output = await dynamo('Query', {
      TableName, ConsistentRead: true, KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to', ProjectionExpression: 'sk, #kind, settleBy', ExpressionAttributeNames: { '#kind': 'kind' },
      ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: from }, ':to': { S: to } }, ...(start ? { ExclusiveStartKey: start } : {}),
    })
    for (const item of output.Items ?? []) {
      const id = item['sk']?.S ?? ''
      if (item['kind']?.S === 'intent') open.set(id, item['settleBy']?.S ?? '')
      else if (item['kind']?.S === 'outcome') open.delete(`${id.slice(0, -1)}0`)
    }
    start = output.LastEvaluatedKey
  } while (start)
  return [...open].map(([id, settleBy]) => ({ id, settleBy }))
}

async function read(dynamo: Dynamo, ids: readonly string[]): Promise<readonly (Event & { kind: 'intent' })[]> {
  const events = await Promise.all(ids.map(async (id) => {
    const { Item: item } = await dynamo('GetItem', { TableName, Key: keyOf(id), ConsistentRead: true })
    return item ? readEvent(item) : null
  }))
  return events.filter((event) => event !== null && event.kind === 'intent')
}
