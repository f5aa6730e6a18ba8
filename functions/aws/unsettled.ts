import type { Event } from '../../schema/event.ts'
import { isEventId, outcomeId, tables, timeOf } from '../../schema/item.ts'
import type { Ledger } from '../ports.ts'
import type { Dynamo, Item } from './dynamo.ts'
import { keyOf, readEvent } from './event.ts'
import { createSlices } from './scan.ts'

const TableName = tables.audit.name
const key = { pk: { S: 'sweep' } } as const
/** How far behind the present `at` stays: longer than an intent can be on its way to the store (a signature lives five minutes, an intent a minute). */
const lagMs = 60 * 60_000
/** Events are stored moments after their id's time. What comes later than this is found when `at` passes it. */
const soonMs = 30_000
/** The least that is worth a look of its own. */
const stepMs = 60_000
/** Intents that are noted by name: about 90 bytes each, of the 400 KB that an item holds. Where there are more, `at` waits for them. */
const mostOpen = 3000
/** Not longer than a call of the sweeper's function may take, with room for the rest. */
const budgetMs = 60_000
const abreast = 16

/** Every intent older than `at` (epoch ms) has its outcome, or is in `open`. What is before `near` was looked through once. */
interface Place { readonly at: number; readonly near: number; readonly open: ReadonlyMap<string, number> }

/**
 * Intents without an outcome. The record is gone through twice, each time from where the last look stopped: soon after it was written, so that what a dead process left is settled in time, and again when nothing more can come to that
 * part. An intent that has no outcome by then is noted, by its id and the time from which it may be settled (epoch ms), and looked for by name from that time on.
 *
 * The place is durable and says only what was seen to be true, so that two sweepers may write it in any order: an older one costs a look. Dies anywhere: the next one looks from where this one began.
 */
export function createUnsettled(parts: { readonly cold: Dynamo; readonly now: () => number }): Ledger['unsettled'] {
  const { cold: dynamo, now } = parts
  const slices = createSlices(parts, { '#id': 'sk', '#kind': 'kind', '#settleBy': 'settleBy' })

  return async (before, limit) => {
    const place = await readPlace(dynamo)
    const [begun, open] = [now(), new Map(place.open)]
    const inTime = (): boolean => now() - begun < budgetMs
    const end = before - lagMs
    let at = Math.min(place.at, end)                                // a place that is said to be further than it can be is not believed
    let near = Math.max(place.near > before ? 0 : place.near, end)
    let from = near
    for await (const { items, until } of slices(near, before + 1)) {
      note(open, items)
      if (until <= from) continue                                   // there is more of that part
      from = until
      near = Math.max(near, Math.min(until, before - soonMs))
      if (!inTime()) break
    }
    if (end - at >= stepMs) {
      for await (const { items, until } of slices(at, end)) {
        note(open, items)
        if (until <= at) continue
        at = until
        if (!inTime()) break
      }
    }
    const due = [...open].filter(([, settleBy]) => !(settleBy >= before)).map(([id]) => id).toSorted()
    const left: (Event & { kind: 'intent' })[] = []
    for (let i = 0; i < due.length && left.length < limit; i += abreast) left.push(...(await Promise.all(due.slice(i, i + abreast).map((id) => look(open, id)))).flatMap((event) => event ?? []))
    await write(place, { at, near, open })
    return left.slice(0, limit)
  }

  /** The intent, where it has no outcome. What has one is forgotten. */
  async function look(open: Map<string, number>, id: string): Promise<(Event & { kind: 'intent' }) | null> {
    if (isEventId(id) && await get(outcomeId(id)) === null) {
      const event = await get(id)
      if (event?.kind === 'intent') return event
    }
    open.delete(id)
    return null
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

/** Nothing is settled by what is read here, so what is damaged is read as it can be: an intent that is none, or has an outcome, is forgotten. */
async function readPlace(dynamo: Dynamo): Promise<Place> {
  const { Item: item } = await dynamo('GetItem', { TableName: tables.state.name, Key: key, ConsistentRead: true })
  return { at: Number(item?.['at']?.N ?? 0), near: Number(item?.['near']?.N ?? 0), open: new Map(Object.entries(item?.['open']?.M ?? {}).map(([id, { N: settleBy }]) => [id, Number(settleBy)])) }
}

function note(open: Map<string, number>, items: readonly Item[]): void {
  for (const { sk, kind, settleBy } of items) {
    const id = sk?.S ?? ''
    if (kind?.S === 'intent') open.set(id, Date.parse(settleBy?.S ?? ''))
    else if (kind?.S === 'outcome') open.delete(`${id.slice(0, -1)}0`)
  }
}

const same = (a: Place, b: Place): boolean => a.at === b.at && a.near === b.near && a.open.size === b.open.size && [...b.open.keys()].every((id) => a.open.has(id))
