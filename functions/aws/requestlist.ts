import { createHash } from 'node:crypto'
import { canonicalJson } from '../../schema/bundle.ts'
import { type AccessRequest, isOpen } from '../../schema/approval.ts'
import { isRequestId, tables } from '../../schema/item.ts'
import { CursorError, Fault, type RequestFilter, type Requests } from '../ports.ts'
import type { Dynamo, Item, Value } from './dynamo.ts'
import { forgotten, readRequest, requesterOf, stateOf } from './request.ts'

const TableName = tables.requests.name
const highest = 'arq_~'
/** Queries one page may make of an index; then it ends early, and its cursor goes on from there. */
const maxQueries = 8
const maxBatches = 10
const batchKeys = 100

/** Ids, newest first; `floor`: the index was looked at down to this id only, null: to its end. */
interface Found { readonly ids: readonly string[]; readonly floor: string | null }
/** One partition of one index. */
interface Part { readonly index: string; readonly key: string; readonly value: string; readonly filter: Readonly<Record<string, string>> }

/**
 * Newest first. The indexes say which, the table says what: a request that changed since the index saw it is judged by what it is now. Ids carry
 * their time, so a cursor is an id, and new requests come before every page that is out.
 */
export function createRequestList({ cold, now }: { readonly cold: Dynamo; readonly now: () => number }): Requests['list'] {
  return async (filter, { limit, after }) => {
    const binding = createHash('sha256').update(canonicalJson(filter)).digest('base64url').slice(0, 16)
    const below = after === null ? highest : readCursor(after, binding)
    const found = await Promise.all(partsOf(filter).map((part) => search(cold, part, below, limit + 1)))
    const floor = found.reduce<string | null>((high, one) => one.floor !== null && (high === null || one.floor > high) ? one.floor : high, null)
    // Below the highest floor one part is known and another is not: what lies there belongs to a later page. A set: an item changing parts may be in both.
    const ids = [...new Set(found.flatMap((one) => one.ids))].filter((id) => floor === null || id >= floor).toSorted().toReversed()
    const requests = await read(cold, ids.slice(0, limit), now())
    const last = ids.length > limit ? ids[limit - 1] ?? null : floor
    return { requests: requests.filter((request) => matches(request, filter)), next: last === null ? null : writeCursor(last, binding) }
  }
}

function partsOf({ requester, open, status }: RequestFilter): readonly Part[] {
  const state = status !== undefined ? stateOf(status) : open === undefined ? null : open ? 'open' : 'ended'
  if (status !== undefined && open !== undefined && isOpen(status) !== open) return []
  const ofStatus: Readonly<Record<string, string>> = status === undefined ? {} : { status }
  if (requester) return [{ index: 'byRequester', key: 'requester', value: requesterOf(requester), filter: { ...ofStatus, ...(state === null ? {} : { state }) } }]
  return (state === null ? ['open', 'ended'] : [state]).map((value) => ({ index: 'byState', key: 'state', value, filter: ofStatus }))
}

const matches = ({ status, bound }: AccessRequest, filter: RequestFilter): boolean => (filter.status === undefined || status === filter.status)
  && (filter.open === undefined || isOpen(status) === filter.open)
  && (filter.requester === undefined || (bound.issuer === filter.requester.issuer && bound.subject.id === filter.requester.subject))

async function search(dynamo: Dynamo, { index, key, value, filter }: Part, below: string, want: number): Promise<Found> {
  const names: Record<string, string> = { '#key': key }
  const values: Record<string, Value> = { ':key': { S: value }, ':below': { S: below } }
  for (const [name, wanted] of Object.entries(filter)) {
    names[`#${name}`] = name
    values[`:${name}`] = { S: wanted }
  }
  const conditions = Object.keys(filter).map((name) => `#${name} = :${name}`)
  const ids: string[] = []
  let start: Item | undefined
  for (let query = 0; query < maxQueries; query++) {
    const output = await dynamo('Query', {
      TableName, IndexName: index, ScanIndexForward: false, KeyConditionExpression: '#key = :key AND pk < :below', ExpressionAttributeNames: names, ExpressionAttributeValues: values,
      ...(conditions.length === 0 ? { Limit: want } : { FilterExpression: conditions.join(' AND ') }), ...(start ? { ExclusiveStartKey: start } : {}),
    })
    ids.push(...(output.Items ?? []).map((item) => item['pk']?.S ?? ''))
    start = output.LastEvaluatedKey
    if (ids.length >= want) return { ids: ids.slice(0, want), floor: ids[want - 1] ?? null }
    if (!start) return { ids, floor: null }
  }
  return { ids, floor: start?.['pk']?.S ?? null }
}

/**
 * The requests of these ids, in their order, without those that are gone, and without what cannot be read: one damaged request must not keep the
 * sweeper from all others. Whoever asks for it by its id is told, and so is its state machine.
 */
async function read(dynamo: Dynamo, ids: readonly string[], now: number): Promise<readonly AccessRequest[]> {
  const items = new Map<string, Item>()
  for (let i = 0; i < ids.length; i += batchKeys) {
    let keys: readonly Item[] = ids.slice(i, i + batchKeys).map((id) => ({ pk: { S: id } }))
    // An answer holds 16 MB; what did not fit is asked for again.
    for (let batch = 0; keys.length > 0; batch++) {
      if (batch >= maxBatches) throw new Fault('store-unavailable', 'access requests cannot be read now')
      const output = await dynamo('BatchGetItem', { RequestItems: { [TableName]: { Keys: keys, ConsistentRead: true } } })
      for (const item of output.Responses?.[TableName] ?? []) items.set(item['pk']?.S ?? '', item)
      keys = output.UnprocessedKeys?.[TableName]?.Keys ?? []
    }
  }
  return ids.map((id) => items.get(id)).map((item) => item && !forgotten(item, now) ? readable(item) : null).filter((request) => request !== null)
}

function readable(item: Item): AccessRequest | null {
  try {
    return readRequest(item)
  } catch (error) {
    if (error instanceof Fault) return null
    throw error
  }
}

const writeCursor = (id: string, binding: string): string => Buffer.from(`${binding}${id}`).toString('base64url')

function readCursor(cursor: string, binding: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  const id = text.slice(16)
  if (!text.startsWith(binding) || !isRequestId(id)) throw new CursorError()
  return id
}
