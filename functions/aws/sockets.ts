import { createHash } from 'node:crypto'
import type { Id } from '../../schema/event.ts'
import { isRequestId, shards, tables } from '../../schema/item.ts'
import { Fault, type Socket, type Sockets } from '../ports.ts'
import { conditionFailed, type Dynamo, type Item } from './dynamo.ts'

const TableName = tables.sockets.name
const mostFollowers = 16
const page = 200
/** How often one frame looks again because another of the same connection changed the item in between. */
const rounds = 12
type Entered = Awaited<ReturnType<Sockets['enter']>>

/**
 * Open WebSockets in DynamoDB; `push` and `close` are the gateway's. One item a connection, over sixteen partitions. Frames of one connection meet in it from as
 * many processes as serve them: each is counted by one conditional update, which is also the read that says whose connection it is.
 */
export function createSockets({ hot, now, reach }: { readonly hot: Dynamo; readonly now: () => number; readonly reach: Pick<Sockets, 'push' | 'close'> }): Sockets {
  async function put(socket: Socket): Promise<void> {
    const { id, issuer, subject, session, sealed } = socket
    await hot('PutItem', {
      TableName,
      Item: {
        ...keyOf(id), issuer: { S: issuer }, subject: { S: subject }, actors: { S: JSON.stringify(socket.actors) }, session: { S: session }, expiresAt: { N: String(socket.expiresAt) },
        sealed: { S: sealed }, flights: { M: {} }, second: { N: '0' }, frames: { N: '0' }, expires: { N: secondsOf(socket.expiresAt) },
      },
    })
  }

  async function get(id: string): Promise<Socket | null> {
    const item = await read(id)
    return item && now() < numberOf(item, 'expiresAt') ? readSocket(item) : null
  }
  const read = async (id: string): Promise<Item | null> => (await hot('GetItem', { TableName, Key: keyOf(id), ConsistentRead: true })).Item ?? null

  /** Tries the usual case blind: the same second, room in it and in the air. What failed says by the item what to try instead. */
  async function enter(id: string, frame: string, limits: Parameters<Sockets['enter']>[2]): Promise<Entered> {
    let second = Math.floor(now() / 1000)
    let known = second
    let stale: readonly string[] = []
    for (let round = 0; round < rounds; round++) {
      const entered = await count(id, frame, { ...limits, second, known, stale })
      if (entered.done) return { state: 'entered', socket: readSocket(entered.item), frames: numberOf(entered.item, 'frames') }
      const { item } = entered
      if (item === null) return { state: 'gone' }
      known = numberOf(item, 'second')
      if (known > second && known - second < 5) second = known                         // a process whose clock is behind must not begin the count anew
      const flights = Object.entries(item['flights']?.M ?? {})
      stale = flights.flatMap(([name, until]) => name !== frame && Number(until.N) <= now() ? [name] : [])   // its own place is taken over, not given up
      if (known === second && numberOf(item, 'frames') >= limits.perSecond) return await crowded(id, item)
      if (flights.length - stale.length >= limits.inFlight) return await crowded(id, item)
    }
    throw new Fault('store-unavailable', 'a connection changes faster than it can be counted')
  }

  async function count(id: string, frame: string, { perSecond, inFlight, until, second, known, stale }: Parameters<Sockets['enter']>[2] & { readonly second: number; readonly known: number; readonly stale: readonly string[] }) {
    const same = known === second
    const places = Object.fromEntries(stale.map((name, at) => [`#s${at}`, name]))
    const room = { ':room': { N: String(inFlight + stale.length) } }                 // what is stale leaves with this very write
    try {
      const { Attributes } = await hot('UpdateItem', {
        TableName, Key: keyOf(id), ReturnValues: 'ALL_NEW', ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        UpdateExpression: `SET flights.#frame = :until, ${same ? 'frames = frames + :one' : '#second = :second, frames = :one'}${stale.length === 0 ? '' : ` REMOVE ${Object.keys(places).map((place) => `flights.${place}`).join(', ')}`}`,
        ConditionExpression: `#second = :known AND size(flights) < :room${same ? ' AND frames < :most' : ''}${stale.length === 0 ? '' : ` AND ${Object.keys(places).map((place) => `attribute_exists(flights.${place})`).join(' AND ')}`}`,
        ExpressionAttributeNames: { '#frame': frame, '#second': 'second', ...places },
        ExpressionAttributeValues: { ':until': { N: String(until) }, ':one': { N: '1' }, ':known': { N: String(known) }, ...room, ...(same ? { ':most': { N: String(perSecond) } } : { ':second': { N: String(second) } }) },
      })
      return { done: true, item: Attributes ?? {} } as const
    } catch (error) {
      if (!conditionFailed(error)) throw error
      return { done: false, item: error.item } as const
    }
  }

  /** Also what is refused is counted, so that whoever sends on regardless is seen to. */
  async function crowded(id: string, item: Item): Promise<Entered> {
    const socket = readSocket(item)
    try {
      const { Attributes } = await hot('UpdateItem', {
        TableName, Key: keyOf(id), ReturnValues: 'ALL_NEW', UpdateExpression: 'SET frames = frames + :one', ConditionExpression: 'attribute_exists(pk)', ExpressionAttributeValues: { ':one': { N: '1' } },
      })
      return { state: 'crowded', socket, frames: numberOf(Attributes ?? {}, 'frames') }
    } catch (error) {
      if (conditionFailed(error)) return { state: 'gone' }
      throw error
    }
  }

  async function leave(id: string, frame: string): Promise<boolean> {
    try {
      await hot('UpdateItem', { TableName, Key: keyOf(id), UpdateExpression: 'REMOVE flights.#frame', ConditionExpression: 'attribute_exists(pk)', ExpressionAttributeNames: { '#frame': frame } })
      return true
    } catch (error) {
      if (conditionFailed(error)) return false
      throw error
    }
  }

  async function remove(id: string): Promise<void> {
    await hot('DeleteItem', { TableName, Key: keyOf(id) })
  }

  /** `after`: the partition and the last id seen in it. */
  async function all(after: string | null): ReturnType<Sockets['all']> {
    const shard = after?.charAt(0) ?? shards.charAt(0)
    const last = after?.slice(1) ?? ''
    const pk = { S: `socket#${shard}` }
    const { Items: items = [], LastEvaluatedKey: more } = await hot('Query', {
      TableName, ConsistentRead: true, Limit: page, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': pk }, ...(last === '' ? {} : { ExclusiveStartKey: { pk, sk: { S: last } } }),
    })
    const following = shards.charAt(shards.indexOf(shard) + 1)
    return { sockets: items.map(readSocket), next: more ? `${shard}${more['sk']?.S ?? ''}` : following === '' ? null : following }
  }

  /** The bound may be passed by connections that follow in the same moment: it is there so that a push has an end. */
  async function follow(request: Id<'arq'>, id: string, until: number): Promise<boolean> {
    if (!isRequestId(request)) return false
    const there = await followers(request)
    if (!there.includes(id) && there.length >= mostFollowers) return false
    await hot('PutItem', { TableName, Item: { pk: { S: `follow#${request}` }, sk: { S: id }, expires: { N: secondsOf(until) } } })
    return true
  }

  async function followers(request: Id<'arq'>): Promise<readonly string[]> {
    if (!isRequestId(request)) return []
    const { Items: items } = await hot('Query', { TableName, ConsistentRead: true, Limit: 2 * mostFollowers, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': { S: `follow#${request}` } } })
    return (items ?? []).filter((item) => numberOf(item, 'expires') * 1000 > now()).map((item) => item['sk']?.S ?? '')
  }
  return { put, get, remove, all, enter, leave, follow, followers, push: reach.push, close: reach.close }
}

/** The shard is the id's, so an id is enough to find it. */
const keyOf = (id: string) => ({ pk: { S: `socket#${createHash('sha256').update(id).digest('hex').charAt(0)}` }, sk: { S: id } })
/** TTL is a little late on purpose: what it deletes is past its end by its own `expiresAt`. */
const secondsOf = (at: number): string => String(Math.ceil(at / 1000) + 60)
const numberOf = (item: Item, name: string): number => Number(item[name]?.N ?? NaN)

function readSocket(item: Item): Socket {
  const text = (name: string): string => {
    const value = item[name]?.S
    if (value === undefined) throw new Fault('store-unavailable', 'a connection is damaged')
    return value
  }
  return {
    id: text('sk'), issuer: text('issuer'), subject: text('subject'), actors: JSON.parse(text('actors')) as readonly string[], session: text('session') as Socket['session'],
    expiresAt: numberOf(item, 'expiresAt'), sealed: text('sealed'),
  }
}
