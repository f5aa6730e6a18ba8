import { createHash } from 'node:crypto'
import { canonicalJson } from '../../schema/bundle.ts'
import type { Event } from '../../schema/event.ts'
import { firstIdAt, isEventId, shards, tables } from '../../schema/item.ts'
import { CursorError, type EventFilter, type Ledger } from '../ports.ts'
import type { Dynamo, Item, Value } from './dynamo.ts'
import { readEvent } from './event.ts'

const TableName = tables.audit.name
/** Days a single page may look through for its matches; then it ends early and its cursor goes on from there. */
const maxDays = 31
const lowest = firstIdAt(0)
const highest = 'evt_~'

/**
 * Newest first over every day and shard: the days that have events from their marks, in each day the sixteen partitions merged by id, each read
 * a small page at a time and only as far as the merge needs.
 */
export function createList(dynamo: Dynamo): Ledger['list'] {
  return async (filter, { limit, after }) => {
    const binding = createHash('sha256').update(canonicalJson(filter)).digest('base64url').slice(0, 16)
    const below = after === null ? endOf(filter) : readCursor(after, binding)
    const from = filter.from === undefined ? lowest : firstIdAt(Date.parse(filter.from))
    const events: Event[] = []
    let last = below
    const days = await daysBetween(dynamo, from, below)
    for (const [n, day] of days.entries()) {
      if (n >= maxDays) return { events, next: writeCursor(last, binding) }
      for await (const item of newest(dynamo, day, { from, below, filter, page: Math.max(8, Math.ceil(limit / 8)) })) {
        if (events.length === limit) return { events, next: writeCursor(last, binding) }
        events.push(readEvent(item))
        last = item['sk']?.S ?? last
      }
      last = firstIdAt(Date.parse(day))
    }
    return { events, next: null }
  }
}

/** The merge of a day's shards, newest first. */
async function* newest(dynamo: Dynamo, day: string, bounds: Bounds): AsyncGenerator<Item> {
  const streams = await Promise.all([...shards].map(async (shard) => {
    const items = shardItems(dynamo, `${day}#${shard}`, bounds)
    return { items, head: await items.next() }
  }))
  for (;;) {
    let first: (typeof streams)[number] | null = null
    for (const stream of streams) if (!stream.head.done && (first === null || idOf(stream.head.value) > idOf(first.head.value ?? {}))) first = stream
    if (first === null || first.head.done) return
    const { value } = first.head
    yield value
    first.head = await first.items.next()
  }
}
const idOf = (item: Item): string => item['sk']?.S ?? ''

interface Bounds { readonly from: string; readonly below: string; readonly filter: EventFilter; readonly page: number }

async function* shardItems(dynamo: Dynamo, pk: string, { from, below, filter, page }: Bounds): AsyncGenerator<Item, void> {
  const { expression, names, values } = filterOf(filter)
  let start: Item | undefined
  do {
    const output = await dynamo('Query', {
      TableName, ConsistentRead: true, ScanIndexForward: false, Limit: expression === null ? page : page * 16,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :below',
      ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: from }, ':below': { S: below }, ...values },
      ...(expression === null ? {} : { FilterExpression: expression, ExpressionAttributeNames: names }),
      ...(start ? { ExclusiveStartKey: start } : {}),
    })
    for (const item of output.Items ?? []) if (idOf(item) < below) yield item     // BETWEEN includes its end, a cursor does not
    start = output.LastEvaluatedKey
  } while (start)
}

const members = ['subject', 'connection', 'kind', 'session', 'evaluation'] as const

function filterOf(filter: EventFilter): { readonly expression: string | null; readonly names: Record<string, string>; readonly values: Record<string, Value> } {
  const names: Record<string, string> = {}
  const values: Record<string, Value> = {}
  const parts: string[] = []
  for (const member of members) {
    const wanted = filter[member]
    if (wanted === undefined) continue
    names[`#${member}`] = member
    values[`:${member}`] = { S: wanted }
    parts.push(`#${member} = :${member}`)
  }
  if (filter.actor !== undefined) {
    names['#actors'] = 'actors'
    values[':actor'] = { S: filter.actor }
    parts.push('contains(#actors, :actor)')
  }
  return { expression: parts.length === 0 ? null : parts.join(' AND '), names, values }
}

/** Days that have events, newest first, that can hold an id in [from, below). */
async function daysBetween(dynamo: Dynamo, from: string, below: string): Promise<readonly string[]> {
  const { Items: items } = await dynamo('Query', {
    TableName, ConsistentRead: true, ScanIndexForward: false, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': { S: 'days' } },
  })
  return (items ?? []).map(idOf).filter((day) => firstIdAt(Date.parse(day)) < below && firstIdAt(Date.parse(day) + 86_400_000) > from)
}

/** `from` counts, `to` does not: two ranges that meet show nothing twice. */
const endOf = (filter: EventFilter): string => filter.to === undefined ? highest : firstIdAt(Date.parse(filter.to))

const writeCursor = (id: string, binding: string): string => Buffer.from(`${binding}${id}`).toString('base64url')

function readCursor(cursor: string, binding: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  const id = text.slice(16)
  if (!text.startsWith(binding) || !(isEventId(id) || id === highest)) throw new CursorError()
  return id
}
