import { createHash } from 'node:crypto'
import { canonicalJson } from '../../schema/bundle.ts'
import type { Event, Id } from '../../schema/event.ts'
import { firstIdAt, isEventId, shards, tables } from '../../schema/item.ts'
import { CursorError, Damage, type EventFilter, type Ledger } from '../ports.ts'
import type { Dynamo, Item, Value } from './dynamo.ts'
import { keyOf, readEvent } from './event.ts'

const TableName = tables.audit.name
/** Days a single page may look through for its matches; then it ends early and its cursor goes on from there. */
const maxDays = 31
const lowest = firstIdAt(0)
const highest = 'evt_~'
const dayMs = 86_400_000
/** Bytes of a sort key in DynamoDB. */
const mostKeyBytes = 1024

/**
 * Newest first over every day and shard: the days that have events from their marks, in each day the sixteen partitions merged by id, each read
 * a small page at a time and only as far as the merge needs.
 *
 * What somebody wrote there who is not the gate hides nothing else: an event that cannot be read is told by its id, what lies where no event of ours has its place is passed by. Both count as what a page looks at, and a cursor
 * stands on either: so no number of them keeps a reader from what is behind.
 */
export function createList(dynamo: Dynamo): Ledger['list'] {
  return async (filter, { limit, after }) => {
    const binding = createHash('sha256').update(canonicalJson(filter)).digest('base64url').slice(0, 16)
    const below = after === null ? endOf(filter) : readCursor(after, binding)
    const from = filter.from === undefined ? lowest : firstIdAt(Date.parse(filter.from))
    const events: Event[] = []
    const damaged: Id<'evt'>[] = []
    let [last, seen] = [below, 0]
    if (from >= below) return { events, next: null }
    const page = (next: string | null) => ({ events, next, ...(damaged.length === 0 ? {} : { damaged }) })
    const days = await daysBetween(dynamo, from, below)
    for (const [n, day] of days.entries()) {
      if (n >= maxDays) return page(writeCursor(last, binding))
      for await (const item of newest(dynamo, day, { ...within(day, from, below), filter, page: Math.max(8, Math.ceil(limit / 8)) })) {
        if (seen++ === limit) return page(writeCursor(last, binding))
        last = idOf(item)
        if (!isEventId(last) || !isPlaced(item)) continue
        try {
          events.push(readEvent(item))
        } catch (error) {
          if (!(error instanceof Damage)) throw error
          damaged.push(last)
        }
      }
      last = firstIdAt(Date.parse(day))
    }
    return page(null)
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
    for (const stream of streams) if (!stream.head.done && (first === null || isBefore(stream.head.value, first.head.value ?? {}))) first = stream
    if (first === null || first.head.done) return
    const { value } = first.head
    yield value
    first.head = await first.items.next()
  }
}
const idOf = (item: Item): string => item['sk']?.S ?? ''
const isPlaced = (item: Item): boolean => isEventId(idOf(item)) && keyOf(idOf(item)).pk.S === item['pk']?.S
/** Of one id in two partitions first the one that is ours: a cursor on the other would stand behind both. */
const isBefore = (a: Item, b: Item): boolean => idOf(a) > idOf(b) || (idOf(a) === idOf(b) && isPlaced(a))

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

/** Only ids of the day itself: one of another day, in the partition of this one, would have a cursor stand where all that is between was not given. */
function within(day: string, from: string, below: string): Pick<Bounds, 'from' | 'below'> {
  const [start, end] = [firstIdAt(Date.parse(day)), firstIdAt(Date.parse(day) + dayMs)]
  return { from: from > start ? from : start, below: below < end ? below : end }
}

/** Days that have events, newest first, that can hold an id in [from, below). */
async function daysBetween(dynamo: Dynamo, from: string, below: string): Promise<readonly string[]> {
  const days: string[] = []
  let start: Item | undefined
  do {
    const output = await dynamo('Query', {
      TableName, ConsistentRead: true, ScanIndexForward: false, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': { S: 'days' } }, ...(start ? { ExclusiveStartKey: start } : {}),
    })
    days.push(...(output.Items ?? []).map(idOf).filter(isDay).filter((day) => firstIdAt(Date.parse(day)) < below && firstIdAt(Date.parse(day) + dayMs) > from))
    start = output.LastEvaluatedKey                                  // a megabyte of what is no day may lie before those that are
  } while (start)
  return days
}
const isDay = (day: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day)) && new Date(day).toISOString().startsWith(day)

/** `from` counts, `to` does not: two ranges that meet show nothing twice. */
const endOf = (filter: EventFilter): string => filter.to === undefined ? highest : firstIdAt(Date.parse(filter.to))

const writeCursor = (id: string, binding: string): string => Buffer.from(`${binding}${id}`).toString('base64url')

function readCursor(cursor: string, binding: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  const id = text.slice(16)
  if (!text.startsWith(binding) || !id.startsWith('evt_') || Buffer.byteLength(id) > mostKeyBytes) throw new CursorError()
  return id
}
