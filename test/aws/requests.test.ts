import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AccessRequest } from '../../schema/approval.ts'
import { fateKey, eventKey, shards, tables } from '../../schema/item.ts'
import type { Dynamo, Item, Value } from '../../functions/aws/dynamo.ts'
import { createRequests } from '../../functions/aws/requests.ts'
import { createRequestList } from '../../functions/aws/requestlist.ts'
import { imagesOf } from '../../functions/aws/stream.ts'
import { intentEvent } from '../contract/ledger.ts'
import { carriers, createRig, type Rig } from '../contract/rig.ts'
import { approvalEventOf, nextOf, requestOf } from '../support/requests.ts'

const TableName = tables.requests.name

describe.each(carriers)('requests in DynamoDB, %s', (carrier) => {
  let rig: Rig
  beforeEach(async () => { rig = await createRig(carrier) })
  afterEach(() => rig.close())
  const telling = (request: AccessRequest) => approvalEventOf(rig.ports, request)
  async function stored(): Promise<AccessRequest> {
    const request = requestOf(rig.ports)
    expect(await rig.ports.requests.create(request, telling(request), rig.clock.ms)).toEqual({ created: true })
    return request
  }
  /** As after the ten minutes a token is remembered: only the items tell. */
  const tokenless = () => {
    const dynamo: Dynamo = (operation, input) => rig.dynamo(operation, { ...input, ...('ClientRequestToken' in input ? { ClientRequestToken: rig.ports.id('eval') } : {}) })
    return createRequests({ hot: dynamo, cold: dynamo, now: rig.ports.now })
  }
  const item = async (pk: string) => (await rig.dynamo('GetItem', { TableName, Key: { pk: { S: pk } } })).Item as Item
  const damage = async (pk: string, more: Readonly<Record<string, Value>>) => { await rig.dynamo('PutItem', { TableName, Item: { ...await item(pk), ...more } }) }

  test('after the first event of a day each write is one transaction, each read one read', async () => {
    const request = await stored()
    rig.calls()
    await stored()
    expect(rig.calls()).toEqual(['TransactWriteItems'])
    await rig.ports.requests.swap(nextOf(request, 'approved', rig.clock.ms), telling(request))
    expect(rig.calls()).toEqual(['TransactWriteItems'])
    await rig.ports.requests.get(request.id)
    expect(rig.calls()).toEqual(['GetItem'])
  })

  test('stored, the answer lost on its way: the transport sends it again, and it is stored once', async () => {
    rig.break({ after: 'drop' }, { operation: 'TransactWriteItems', only: 1 })
    const request = await stored()
    const next = nextOf(request, 'approved', rig.clock.ms)
    rig.break({ after: 'drop' }, { operation: 'TransactWriteItems', only: 1 })
    expect(await rig.ports.requests.swap(next, telling(next))).toBe(true)
    expect(await rig.ports.requests.get(request.id)).toEqual(next)
  })

  test('past the time of its token a write knows itself by the marks in the item, first or many writes later', async () => {
    const request = requestOf(rig.ports)
    const event = telling(request)
    const store = tokenless()
    rig.break({ after: 'error' }, { operation: 'TransactWriteItems' })
    await expect(store.create(request, event, rig.clock.ms)).rejects.toMatchObject({ code: 'store-unavailable' })
    rig.heal()
    expect(await store.create(request, event, rig.clock.ms)).toEqual({ created: true })
    let last = request
    const path = []
    for (const status of ['pending', 'pending', 'approved', 'executing', 'succeeded'] as const) {
      last = nextOf(last, status, rig.clock.ms)
      const step = { next: last, event: status === 'pending' ? null : telling(last) }
      path.push(step)
      expect(await store.swap(step.next, step.event)).toBe(true)
      for (const { next, event: told } of path) expect(await store.swap(next, told)).toBe(true)
    }
    for (const { next } of path) expect(await store.swap(next, telling(next))).toBe(false)
    expect(await store.create(request, event, rig.clock.ms)).toEqual({ created: true })
    expect(await store.get(request.id)).toEqual(last)
  })

  test('a conflict that passes is waited out; one that does not is store-unavailable, and nothing is stored', async () => {
    rig.break({ before: 'conflict' }, { operation: 'TransactWriteItems', only: 3 })
    const request = await stored()
    const next = nextOf(request, 'approved', rig.clock.ms)
    const event = telling(next)
    rig.break({ before: 'conflict' }, { operation: 'TransactWriteItems' })
    await expect(rig.ports.requests.swap(next, event)).rejects.toMatchObject({ code: 'store-unavailable' })
    rig.heal()
    expect(await rig.ports.requests.get(request.id)).toEqual(request)
    expect(await rig.ports.ledger.get(event.id)).toBeNull()
  })

  test('an intent that came with a state is found by the sweeper like any other, and its outcome settles it', async () => {
    const request = await stored()
    const intent = intentEvent(rig.ports, { request: request.id })
    const next = nextOf(request, 'executing', rig.clock.ms, { execution: { evaluation: intent.evaluation, intent: intent.id, at: intent.at } })
    expect(await rig.ports.requests.swap(next, intent)).toBe(true)
    expect(await rig.other().ledger.unsettled(rig.clock.ms + 45_001, 10)).toEqual([intent])
    expect((await rig.ports.ledger.list({ kind: 'intent' }, { limit: 5, after: null })).events).toEqual([intent])
  })

  test('it begins in one transaction, of its row, its intent, and what says in the record what it came to', async () => {
    const request = await stored()
    const intent = intentEvent(rig.ports, { request: request.id })
    rig.calls()
    expect(await rig.ports.requests.swap(nextOf(request, 'executing', rig.clock.ms, { execution: { evaluation: intent.evaluation, intent: intent.id, at: intent.at } }), intent)).toBe(true)
    expect(rig.calls()).toEqual(['TransactWriteItems'])
    expect(await rig.ports.requests.fate(request.id)).toBe(intent.id)
    expect(rig.calls()).toEqual(['GetItem'])
  })

  test('what says what a request came to is an event to no reader of the record: not to lists, scans, the sweeper or the stream', async () => {
    const request = await stored()
    const intent = intentEvent(rig.ports, { request: request.id })
    await rig.ports.requests.swap(nextOf(request, 'executing', rig.clock.ms, { execution: { evaluation: intent.evaluation, intent: intent.id, at: intent.at } }), intent)
    const { pk, sk } = fateKey(request.id)
    const { Item: image } = await rig.dynamo('GetItem', { TableName: tables.audit.name, Key: { pk: { S: pk }, sk: { S: sk } } })
    expect(image).toEqual({ pk: { S: pk }, sk: { S: request.id }, by: { S: intent.id } })
    expect(imagesOf({ Records: [{ eventSource: 'aws:dynamodb', dynamodb: { NewImage: image } }] })).toEqual([])
    expect((await rig.ports.ledger.list({}, { limit: 50, after: null })).events.map(({ kind }) => kind)).toEqual(['intent', 'request'])
    const scanned = []
    for await (const { events } of rig.ports.ledger.scan(0, null)) scanned.push(...events.map(({ id }) => id))
    expect(scanned).toHaveLength(2)
    expect((await rig.ports.ledger.unsettled(rig.clock.ms + 45_001, 10)).map(({ id }) => id)).toEqual([intent.id])
  })

  test('what says what requests came to lies in as many partitions as events of a day do', () => {
    const ids = Array.from({ length: 400 }, () => rig.ports.id('arq'))
    expect([...new Set(ids.map((id) => fateKey(id).pk))].toSorted()).toEqual([...shards].map((shard) => `fate#${shard}`))
    expect(ids.some((id) => fateKey(id).pk === eventKey(rig.ports.id('evt')).pk)).toBe(false)
  })

  test('what says of no event that a request came to it is damage, and the request begins all the same no more', async () => {
    const request = await stored()
    const { pk, sk } = fateKey(request.id)
    for (const by of [{}, { by: { S: '' } }, { by: { S: 'evt_x' } }, { by: { N: '1' } }, { by: { S: `${rig.ports.id('evt').slice(0, -1)}1` } }]) {
      await rig.dynamo('PutItem', { TableName: tables.audit.name, Item: { pk: { S: pk }, sk: { S: sk }, ...by } })
      await expect(rig.ports.requests.fate(request.id)).rejects.toMatchObject({ code: 'store-unavailable', message: `what is said of the end of \`${request.id}\` is damaged` })
      const mine = intentEvent(rig.ports, { request: request.id })
      expect(await rig.ports.requests.swap(nextOf(request, 'executing', rig.clock.ms), mine)).toBe(false)
      expect(await rig.ports.ledger.get(mine.id)).toBeNull()
    }
  })

  test('an intent found on a day of its own, though only a transaction wrote there', async () => {
    const request = await stored()
    rig.clock.ms += 3 * 86_400_000
    const intent = intentEvent(rig.ports)
    expect(await rig.other().requests.swap(nextOf(request, 'executing', rig.clock.ms), intent)).toBe(true)
    expect(await rig.ports.ledger.unsettled(rig.clock.ms + 45_001, 10)).toEqual([intent])
  })

  test('an intent that slept longer than a minute before it is written begins nothing', async () => {
    const request = await stored()
    const intent = intentEvent(rig.ports)
    rig.clock.ms += 61_000
    await expect(rig.ports.requests.swap(nextOf(request, 'executing', rig.clock.ms), intent)).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(await rig.ports.requests.get(request.id)).toEqual(request)
    expect(await rig.ports.ledger.get(intent.id)).toBeNull()
  })

  test('an item that says two things is not believed: told to who asks for it, left out of lists', async () => {
    const good = await stored()
    const text = (request: AccessRequest) => ({ request: { S: JSON.stringify(request) } })
    const damages: readonly ((request: AccessRequest) => Readonly<Record<string, Value>>)[] = [
      () => ({ request: { S: '{' } }), () => ({ request: { S: 'null' } }), () => ({ request: { S: '{}' } }), () => ({ request: { N: '1' } }),
      (request) => text({ ...request, status: 'approved' }), (request) => text({ ...request, revision: 1 }), (request) => text({ ...request, id: good.id }),
      (request) => text({ ...request, digest: 'f'.repeat(64) }), (request) => text({ ...request, bound: { ...request.bound, subject: { ...request.bound.subject, id: 'user:ada' } } }),
      (request) => ({ ...text({ ...request, status: 'granted' as 'approved' }), status: { S: 'granted' } }), () => ({ state: { S: 'ended' } }),
    ]
    for (const change of damages) {
      const request = await stored()
      await damage(request.id, change(request))
      await expect(rig.ports.requests.get(request.id)).rejects.toMatchObject({ code: 'store-unavailable', message: `access request \`${request.id}\` is damaged` })
      const again = { ...requestOf(rig.ports), callKey: request.callKey }
      await expect(rig.ports.requests.create(again, telling(again), rig.clock.ms)).rejects.toMatchObject({ code: 'store-unavailable' })
    }
    expect((await rig.ports.requests.list({}, { limit: 50, after: null })).requests).toEqual([good])
  })

  test('what moved after the index saw it is judged by what it is now', async () => {
    const [one, two] = [await stored(), await stored()]
    const next = nextOf(two, 'cancelled', rig.clock.ms)
    const late: Dynamo = async (operation, input) => {
      const output = await rig.dynamo(operation, input)
      if (operation === 'Query') expect(await rig.ports.requests.swap(next, null)).toBe(true)
      return output
    }
    const list = createRequestList({ cold: late, now: rig.ports.now })
    expect((await list({ open: true }, { limit: 5, after: null })).requests).toEqual([one])
  })

  test('a result with a piece lost, changed or of another result is damage, not rows', async () => {
    const id = rig.ports.id('arq')
    await rig.ports.requests.keep(id, Buffer.alloc(500_000, 1))
    const first = await item(`result#${id}`)
    const piece = `result#${id}#${first['hash']?.S}#0001`
    const second = await item(piece)
    const check = () => expect(rig.ports.requests.kept(id)).rejects.toMatchObject({ code: 'store-unavailable' })
    await rig.dynamo('DeleteItem', { TableName, Key: { pk: { S: piece } } })
    await check()
    await damage(piece, { pk: { S: piece }, piece: { S: `${second['piece']?.S?.slice(0, -4)}AAAA` } })
    await check()
    await damage(piece, second)
    for (const pieces of ['0', '1', '999', '1.5']) {
      await damage(`result#${id}`, { pieces: { N: pieces } })
      await check()
    }
    await damage(`result#${id}`, first)
    expect(await rig.ports.requests.kept(id)).toHaveLength(500_000)
  })

  test('a result whose pieces are stored and not its first one is not there', async () => {
    const id = rig.ports.id('arq')
    rig.break({ before: 'error' }, { operation: 'PutItem', skip: 1 })
    await expect(rig.ports.requests.keep(id, Buffer.alloc(400_000, 1))).rejects.toMatchObject({ code: 'store-unavailable' })
    rig.heal()
    expect(await rig.ports.requests.kept(id)).toBeNull()
  })
})

describe('a list', () => {
  const now = () => Date.parse('2026-11-22T09:00:00.000Z')
  const ids = Array.from({ length: 30 }, (_, i) => `arq_01${String(i).padStart(24, '0')}`).toReversed()

  test('that finds little ends its page early, and goes on from there without losing any', async () => {
    const queries: unknown[] = []
    const cold: Dynamo = async (operation, input) => {
      if (operation !== 'Query') return { Responses: { [TableName]: [] } }
      queries.push(input)
      const { ExclusiveStartKey: start, ExpressionAttributeValues: values } = input as { ExclusiveStartKey?: Item; ExpressionAttributeValues: Item }
      const at = ids.findIndex((id) => id < (start?.['pk']?.S ?? values[':below']?.S ?? ''))
      return at < 0 || at === ids.length - 1 ? {} : { Items: [], LastEvaluatedKey: { pk: { S: ids[at] ?? '' } } }
    }
    const list = createRequestList({ cold, now })
    let pages = 0
    for (let after: string | null = null; ; pages++) {
      const page = await list({ status: 'failed' }, { limit: 5, after })
      after = page.next
      if (after === null) break
    }
    expect([queries.length, pages]).toEqual([30, 3])
  })

  test('of everything, where one index partition was seen less far than the other, holds back what lies below', async () => {
    const read: (string | undefined)[] = []
    const cold: Dynamo = async (operation, input) => {
      if (operation === 'BatchGetItem') {
        const { Keys: keys } = (input as { RequestItems: Record<string, { Keys: readonly Item[] }> }).RequestItems[TableName] ?? { Keys: [] }
        read.push(...keys.map(({ pk }) => pk?.S))
        return {}
      }
      const { ExclusiveStartKey: start, ExpressionAttributeValues: values } = input as { ExclusiveStartKey?: Item; ExpressionAttributeValues: Item }
      const rest = ids.filter((id) => id < (start?.['pk']?.S ?? values[':below']?.S ?? ''))
      if (values[':key']?.S === 'ended') return { Items: rest.slice(0, 20).map((id) => ({ pk: { S: id } })) }
      return rest.length > 1 ? { Items: [], LastEvaluatedKey: { pk: { S: rest[0] ?? '' } } } : {}
    }
    const list = createRequestList({ cold, now })
    const first = await list({}, { limit: 50, after: null })
    expect(read).toEqual(ids.slice(0, 8))
    await list({}, { limit: 50, after: first.next })
    expect(read).toEqual(ids.slice(0, 16))
  })

  test('asks again for what did not fit into an answer, and gives up when it never does', async () => {
    let answer = (keys: readonly Item[]): readonly Item[] => keys.slice(1)
    const asked: number[] = []
    const cold: Dynamo = async (operation, input) => {
      if (operation === 'Query') return { Items: ids.slice(0, 5).map((id) => ({ pk: { S: id } })) }
      const { Keys: keys } = (input as { RequestItems: Record<string, { Keys: readonly Item[] }> }).RequestItems[TableName] ?? { Keys: [] }
      asked.push(keys.length)
      return { Responses: { [TableName]: [] }, UnprocessedKeys: { [TableName]: { Keys: answer(keys) } } }
    }
    const list = createRequestList({ cold, now })
    await list({ open: true }, { limit: 5, after: null })
    expect(asked).toEqual([5, 4, 3, 2, 1])
    answer = (keys) => keys
    await expect(list({ open: true }, { limit: 5, after: null })).rejects.toMatchObject({ code: 'store-unavailable' })
  })
})
