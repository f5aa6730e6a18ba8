import { eventKey, firstIdAt, isEventId, shards, tables, timeOf } from '../../schema/item.ts'
import type { Event, Id } from '../../schema/event.ts'
import { Damage, type Ledger } from '../ports.ts'
import type { Dynamo, Item } from './dynamo.ts'
import { readEvent } from './event.ts'

const TableName = tables.audit.name
const dayMs = 86_400_000
/** Of one query, so that no piece is over sixteen times as many, or sixteen megabytes. */
const most = 250

/**
 * Goes through the record from an early time to a late one, each item once: day after day, the sixteen partitions of one abreast, a page of each at a time. `until`: everything before it was given, which is as far as the last of them
 * has come; so whoever stops anywhere has come as far as that. `project`: which attributes are wanted; DynamoDB counts whole items all the same.
 */
export function createPages(dynamo: Dynamo, project: Readonly<Record<string, string>> = {}) {
  const names = Object.keys(project)
  const projection = names.length === 0 ? {} : { ProjectionExpression: names.join(', '), ExpressionAttributeNames: project }

  return async function* pages(from: number, to: number | null): AsyncGenerator<{ readonly items: readonly Item[]; readonly until: number }, void> {
    if (to !== null && to <= from) return
    for (const day of await daysBetween(dynamo, from, to)) {
      const end = Math.min(to ?? Infinity, Date.parse(day) + dayMs)
      const [low, high] = [firstIdAt(Math.max(from, Date.parse(day))), firstIdAt(end)]
      let open: readonly { readonly pk: string; readonly start?: Item }[] = [...shards].map((shard) => ({ pk: `${day}#${shard}` }))
      while (open.length > 0) {
        const found = await Promise.all(open.map(async ({ pk, start }) => ({ pk, page: await dynamo('Query', {
          TableName, ConsistentRead: true, Limit: most, KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to', ...projection,
          ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: low }, ':to': { S: high } }, ...(start ? { ExclusiveStartKey: start } : {}),
        }) })))
        open = found.flatMap(({ pk, page: { LastEvaluatedKey: start } }) => start ? [{ pk, start }] : [])
        // BETWEEN includes its end, which is the next day's. What lies where its id does not was put there by somebody else, and is of no event.
        const items = found.flatMap(({ pk, page }) => (page.Items ?? []).filter((item) => { const id = idOf(item); return id < high && isEventId(id) && eventKey(id).pk === pk }))
        yield { items, until: open.reduce((at, { start = {} }) => Math.min(at, beginOf(idOf(start))), end) }
      }
    }
    if (to !== null) yield { items: [], until: to }
  }
}
const idOf = (item: Item): string => item['sk']?.S ?? ''
/** The time of a key, also of one that is no event's. */
function beginOf(key: string): number {
  const id = `${key.slice(0, 14)}0000000000000000`
  return isEventId(id) ? timeOf(id) : 0
}

/** Days that have events, oldest first. */
async function daysBetween(dynamo: Dynamo, from: number, to: number | null): Promise<readonly string[]> {
  const days: string[] = []
  let start: Item | undefined
  do {
    const page = await dynamo('Query', {
      TableName, ConsistentRead: true, KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to', ...(start ? { ExclusiveStartKey: start } : {}),
      ExpressionAttributeValues: { ':pk': { S: 'days' }, ':from': { S: dayOf(from) }, ':to': { S: to === null ? '~' : dayOf(to) } },
    })
    days.push(...(page.Items ?? []).map(idOf).filter((day) => day === dayOf(Date.parse(day))))
    start = page.LastEvaluatedKey
  } while (start)
  return days
}
const dayOf = (at: number): string => Number.isNaN(at) ? '' : new Date(Math.max(0, at)).toISOString().slice(0, 10)

export function createScan(dynamo: Dynamo): Ledger['scan'] {
  const pages = createPages(dynamo)
  return async function* (from, to) {
    for await (const { items, until } of pages(from, to)) {
      const [events, damaged]: [Event[], Id<'evt'>[]] = [[], []]
      for (const item of items) {
        const event = soundly(item)
        if (event) events.push(event)
        else damaged.push(idOf(item) as Id<'evt'>)
      }
      yield { events, damaged, until }
    }
  }
}

/** One item that somebody wrote over keeps nothing else from being seen. */
function soundly(item: Item): Event | null {
  try {
    return readEvent(item)
  } catch (error) {
    if (error instanceof Damage) return null
    throw error
  }
}
