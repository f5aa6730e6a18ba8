import { firstIdAt, shards, tables } from '../../schema/item.ts'
import type { Ledger } from '../ports.ts'
import type { Dynamo, Item } from './dynamo.ts'
import { readEvent } from './event.ts'

const TableName = tables.audit.name
const dayMs = 86_400_000
/** About so many items a slice is to hold: enough that sixteen queries are worth it, and few enough to be held. */
const target = 2000
/** Of one query, so that no piece is over sixteen times as many, or sixteen megabytes. */
const most = 250

interface Piece { readonly items: readonly Item[]; readonly until: number }

/**
 * Goes through the record from an early time to a late one, each item once: slice after slice of time, of each its sixteen partitions abreast. A slice is as wide as the last ones say that it should be. `project`: which attributes are
 * wanted; DynamoDB counts whole items all the same.
 */
export function createSlices({ cold, now }: { readonly cold: Dynamo; readonly now: () => number }, project: Readonly<Record<string, string>> = {}) {
  const names = Object.keys(project)
  const projection = names.length === 0 ? {} : { ProjectionExpression: names.join(', '), ExpressionAttributeNames: project }
  let widthMs = 60_000

  return async function* slices(from: number, to: number | null): AsyncGenerator<Piece, void> {
    if (to !== null && to <= from) return
    const edge = to ?? now()                                        // later ones are few: of clocks that run ahead
    for (const day of await daysBetween(cold, from, to)) {
      const begin = Date.parse(day)
      const end = Math.min(to ?? Infinity, begin + dayMs)
      for (let at = Math.max(from, begin); at < end;) {
        const until = at + widthMs >= edge ? end : Math.min(end, at + widthMs)
        let read = 0
        for await (const items of slice(day, at, until)) {
          read += items.length
          yield { items, until: at }
        }
        yield { items: [], until }
        widthMs = Math.round(Math.min(dayMs, Math.max(1, widthMs * Math.min(4, Math.max(0.1, target / Math.max(1, read))))))
        at = until
      }
    }
    if (to !== null) yield { items: [], until: to }
  }

  async function* slice(day: string, from: number, to: number): AsyncGenerator<readonly Item[], void> {
    let open: readonly { readonly pk: string; readonly start?: Item }[] = [...shards].map((shard) => ({ pk: `${day}#${shard}` }))
    while (open.length > 0) {
      const pages = await Promise.all(open.map(async ({ pk, start }) => ({ pk, page: await cold('Query', {
        TableName, ConsistentRead: true, Limit: most, KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to', ...projection,
        ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: firstIdAt(from) }, ':to': { S: firstIdAt(to) } }, ...(start ? { ExclusiveStartKey: start } : {}),
      }) })))
      // BETWEEN includes its end; no event has that id, which is all zeros behind its time, but for heartbeats, and those of the next slice.
      yield pages.flatMap(({ page }) => (page.Items ?? []).filter((item) => (item['sk']?.S ?? '') < firstIdAt(to)))
      open = pages.flatMap(({ pk, page: { LastEvaluatedKey: start } }) => start ? [{ pk, start }] : [])
    }
  }
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
    for (const { sk } of page.Items ?? []) if (sk?.S !== undefined) days.push(sk.S)
    start = page.LastEvaluatedKey
  } while (start)
  return days
}
const dayOf = (at: number): string => new Date(Math.max(0, at)).toISOString().slice(0, 10)

export function createScan(parts: { readonly cold: Dynamo; readonly now: () => number }): Ledger['scan'] {
  const slices = createSlices(parts)
  return async function* (from, to) {
    for await (const { items, until } of slices(from, to)) yield { events: items.map(readEvent), until }
  }
}
