import type { Event } from '../../schema/event.ts'
import { isIntentId, outcomeId, tables, timeOf } from '../../schema/item.ts'
import { abreast } from '../abreast.ts'
import { Damage, type Ledger } from '../ports.ts'
import { isSettleable } from '../settleable.ts'
import type { Dynamo, Item } from './dynamo.ts'
import { keyOf, readEvent } from './event.ts'
import { createPages } from './scan.ts'

const TableName = tables.audit.name
const key = { pk: { S: 'sweep' } } as const
/** How far behind the present `at` stays: longer than an intent can be on its way to the store (a signature lives five minutes, an intent a minute). */
const lagMs = 60 * 60_000
/** Events are stored moments after their id's time. What comes later than this is found when `at` passes it. */
const soonMs = 30_000
/** The least that is worth a look of its own. */
const stepMs = 60_000
/** No intent is to be settled later than this after the time of its id (functions/record/story.ts). */
const longestMs = 62 * 60_000
/** Intents that are noted by name: about 90 bytes each, of the 400 KB that an item holds. Where there are more, `at` waits for them. */
const mostOpen = 3000
/** Each of the two passes, so that a call of the sweeper's function has time for the rest. */
const budgetMs = 60_000
/** As functions/gather.ts looks back. */
const astrayMs = [15 * 60_000, 3_600_000, 4 * 3_600_000, 24 * 3_600_000]
const mostAstray = 10_000

/** Every intent older than `at` (epoch ms) has its outcome, or is in `open`, with the time from which it may be settled. What is before `near` was looked through once. */
interface Place { readonly at: number; readonly near: number; readonly open: ReadonlyMap<string, number> }

/**
 * Intents without an outcome. The record is gone through twice, each time from where the last look stopped: soon after it was written, so that what a dead process left is settled in time, and again when nothing more can come to that
 * part. An intent that has no outcome by then is noted, and looked for by name when its time has come.
 *
 * The place is durable and says where to look, never what is true: whether an intent has an outcome, and that it is one, is asked of the record. So two sweepers may write it in any order, and an older one costs a look. Dies anywhere: the
 * next one looks from where this one began.
 */
export function createUnsettled({ cold: dynamo, now }: { readonly cold: Dynamo; readonly now: () => number }): Ledger['unsettled'] {
  const pages = createPages(dynamo, { '#id': 'sk', '#kind': 'kind', '#settleBy': 'settleBy' })
  let astray: readonly number[] = astrayMs

  return async (before, limit) => {
    const place = await readPlace(dynamo, before)
    const open = new Map(place.open)
    const end = before - lagMs
    let at = Math.min(place.at, end)                                // a place that is said to be further than it can be is not believed
    let near = Math.max(place.near > before ? 0 : place.near, end)
    const failures: unknown[] = []
    async function part(run: () => Promise<void>): Promise<void> {
      await run().catch((error: unknown) => { failures.push(error) })                  // what the others found is settled all the same
    }
    await part(async () => { for await (const { until } of go(open, near, before + 1)) near = Math.max(near, Math.min(until, before - soonMs)) })
    await part(async () => { if (end - at >= stepMs) for await (const { until } of go(open, at, end)) at = until })
    await part(async () => {
      const from = Math.min(place.at, end)
      let read = 0
      for (const [n, back] of astray.entries()) {
        for await (const { count } of go(open, from - back, from - (astray[n - 1] ?? 0))) if ((read = Math.max(read, count)) > mostAstray) break
        if (read > mostAstray) break
      }
      astray = []
    })
    const due = [...open].filter(([, settleBy]) => settleBy < before).map(([id]) => id).toSorted()
    const left: (Event & { kind: 'intent' })[] = []
    await part(async () => {
      for (let i = 0; i < due.length && left.length < limit; i += limit) {
        const looked = await abreast(due.slice(i, i + limit), look)
        for (const { id, event } of looked) if (event === null) open.delete(id)
        left.push(...looked.flatMap(({ event }) => event ?? []))
      }
    })
    await part(() => write(place, { at, near, open }))
    if (failures.length > 0 && left.length === 0) throw failures[0]
    return left.slice(0, limit)
  }

  /** Notes what each part has. Gives how far it came, each time that is further; `count`: items so far. Ends at a part when its time is over. */
  async function* go(open: Map<string, number>, from: number, to: number): AsyncGenerator<{ readonly until: number; readonly count: number }, void> {
    const begun = now()
    let [reached, count] = [from, 0]
    for await (const { items, until } of pages(from, to)) {
      note(open, items)
      count += items.length
      if (until <= reached) continue                                // there is more of that part
      yield { until: reached = until, count }
      if (now() - begun > budgetMs) return
    }
  }

  /** The intent, where it is one and has no outcome. */
  async function look(id: string): Promise<{ readonly id: string; readonly event: (Event & { kind: 'intent' }) | null }> {
    try {
      if (!isIntentId(id) || await get(outcomeId(id)) !== null) return { id, event: null }
      const event = await get(id)
      return { id, event: event !== null && isSettleable(event) ? event : null }
    } catch (error) {
      if (error instanceof Damage) return { id, event: null }       // nobody can say what became of it; the log's look tells of it
      throw error
    }
  }
  async function get(id: string): Promise<Event | null> {
    const { Item: item } = await dynamo('GetItem', { TableName, Key: keyOf(id), ConsistentRead: true })
    return item ? readEvent(item) : null
  }

  async function write(was: Place, { at, near, open }: Place): Promise<void> {
    const noted = [...open].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const [first] = noted[mostOpen] ?? []
    const next: Place = { at: first === undefined ? at : Math.min(at, timeOf(first)), near, open: new Map(noted.slice(0, mostOpen)) }
    if (same(was, next)) return
    await dynamo('PutItem', { TableName: tables.state.name, Item: { ...key, at: { N: String(next.at) }, near: { N: String(next.near) }, open: { M: Object.fromEntries([...next.open].map(([id, settleBy]) => [id, { N: String(settleBy) }])) } } })
  }
}

async function readPlace(dynamo: Dynamo, before: number): Promise<Place> {
  const { Item: item } = await dynamo('GetItem', { TableName: tables.state.name, Key: key, ConsistentRead: true })
  const open = Object.entries(item?.['open']?.M ?? {}).filter(([id]) => isIntentId(id) && timeOf(id) <= before).map(([id, { N: settleBy }]) => [id, within(id, Number(settleBy))] as const)
  return { at: Number(item?.['at']?.N ?? 0) || 0, near: Number(item?.['near']?.N ?? 0) || 0, open: new Map(open) }
}

function note(open: Map<string, number>, items: readonly Item[]): void {
  for (const { sk, kind, settleBy } of items) {
    const id = sk?.S ?? ''
    if (kind?.S === 'intent' && isIntentId(id)) open.set(id, within(id, Date.parse(settleBy?.S ?? '')))
    else if (kind?.S === 'outcome' && id.endsWith('1')) open.delete(`${id.slice(0, -1)}0`)
  }
}

/** From when this intent may be settled: never later than any may. */
const within = (id: string, settleBy: number): number => Math.min(timeOf(id) + longestMs, Number.isNaN(settleBy) ? Infinity : settleBy)

const same = (a: Place, b: Place): boolean => a.at === b.at && a.near === b.near && a.open.size === b.open.size && [...b.open.keys()].every((id) => a.open.has(id))
