import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  DescribeTimeToLiveCommand, DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, type TransactWriteItemsCommandInput, TransactGetItemsCommand, TransactWriteItemsCommand, UpdateItemCommand, UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import type { Dynamo } from '../../functions/aws/dynamo.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { type Fault, startDynamo } from '../../functions/local/dynamodb.ts'

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
const place = (url: string) => ({ region: 'eu-west-1', endpoint: url, credentials })
const TableName = 'things'
const key = (pk: string) => ({ pk: { S: pk } })

async function createTable(url: string): Promise<Dynamo> {
  const dynamo = signedDynamo({ ...place(url), now: Date.now })
  await dynamo('CreateTable', {
    TableName, BillingMode: 'PAY_PER_REQUEST', KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }, { AttributeName: 'who', AttributeType: 'S' }],
    GlobalSecondaryIndexes: [{ IndexName: 'byWho', KeySchema: [{ AttributeName: 'who', KeyType: 'HASH' }], Projection: { ProjectionType: 'ALL' } }],
  })
  for (;;) if ((await dynamo('DescribeTable', { TableName })).Table?.TableStatus === 'ACTIVE') return dynamo
}

let directory = ''
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'sluice-dynamo-')) })
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('transactions', () => {
  let sdk: DynamoDBClient
  let stop: () => Promise<void>
  let fault: Fault | null = null
  let clock = Date.now()
  beforeEach(async () => {
    fault = null
    const server = await startDynamo({ directory, faults: () => fault, now: () => clock })
    await createTable(server.url)
    sdk = new DynamoDBClient({ ...place(server.url), maxAttempts: 1 })
    stop = async () => { sdk.destroy(); await server.close() }
  })
  afterEach(() => stop())
  const get = async (pk: string) => (await sdk.send(new GetItemCommand({ TableName, Key: key(pk) }))).Item
  const put = (pk: string, more: object = {}) => ({ Put: { TableName, Item: { ...key(pk), who: { S: 'ada' } }, ...more } })
  const transact = (TransactItems: TransactWriteItemsCommandInput['TransactItems'], token?: string) =>
    sdk.send(new TransactWriteItemsCommand({ TransactItems, ...(token === undefined ? {} : { ClientRequestToken: token }) }))

  test('all of it or none, with a reason for each action and the old item where asked', async () => {
    await transact([put('a'), put('b')])
    const failed = transact([
      { Update: { TableName, Key: key('a'), UpdateExpression: 'SET n = :n', ExpressionAttributeValues: { ':n': { N: '1' } } } },
      put('b', { ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }),
      { Delete: { TableName, Key: key('c'), ConditionExpression: 'attribute_exists(pk)' } },
      { ConditionCheck: { TableName, Key: key('d'), ConditionExpression: 'attribute_not_exists(pk)' } },
    ])
    await expect(failed).rejects.toMatchObject({
      name: 'TransactionCanceledException',
      CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed', Item: { pk: { S: 'b' }, who: { S: 'ada' } } }, { Code: 'ConditionalCheckFailed' }, { Code: 'None' }],
    })
    expect(await get('a')).toEqual({ pk: { S: 'a' }, who: { S: 'ada' } })
  })

  test('its items appear in the index, and leave it', async () => {
    await transact([put('a'), put('b')])
    const who = () => sdk.send(new QueryCommand({ TableName, IndexName: 'byWho', KeyConditionExpression: 'who = :w', ExpressionAttributeValues: { ':w': { S: 'ada' } } }))
    expect((await who()).Count).toBe(2)
    await transact([{ Delete: { TableName, Key: key('a') } }, { Update: { TableName, Key: key('b'), UpdateExpression: 'SET who = :w', ExpressionAttributeValues: { ':w': { S: 'bob' } } } }])
    expect((await who()).Count).toBe(0)
  })

  test('transfers between the same items at once lose and make nothing', async () => {
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) await sdk.send(new PutItemCommand({ TableName, Item: { ...key(name), n: { N: '100' } } }))
    const add = (pk: string, n: number) => ({ Update: { TableName, Key: key(pk), UpdateExpression: 'ADD n :n', ConditionExpression: 'n >= :least', ExpressionAttributeValues: { ':n': { N: String(n) }, ':least': { N: String(-n) } } } })
    const results = await Promise.allSettled(Array.from({ length: 60 }, (_, i) => transact([add(names[i % 4] ?? '', -7), add(names[(i + 1 + i % 3) % 4] ?? '', 7)])))
    expect(results.some(({ status }) => status === 'fulfilled')).toBe(true)
    const amounts = await Promise.all(names.map(async (name) => Number((await get(name))?.['n']?.N)))
    expect(amounts.reduce((sum, one) => sum + one, 0)).toBe(400)
    expect(Math.min(...amounts)).toBeGreaterThanOrEqual(0)
  })

  test('the same token runs once within ten minutes, other parameters under it are refused', async () => {
    const add = [{ Update: { TableName, Key: key('a'), UpdateExpression: 'ADD n :n', ExpressionAttributeValues: { ':n': { N: '1' } } } }]
    await Promise.all([transact(add, 'token-1'), transact(add, 'token-1')])
    await transact(add, 'token-1')
    expect((await get('a'))?.['n']).toEqual({ N: '1' })
    await expect(transact([put('b')], 'token-1')).rejects.toMatchObject({ name: 'IdempotentParameterMismatchException' })
    clock += 11 * 60_000
    await transact(add, 'token-1')
    expect((await get('a'))?.['n']).toEqual({ N: '2' })
  })

  test('two actions on one item are refused, and an unknown table leaves nothing', async () => {
    await expect(transact([put('a'), put('a')])).rejects.toMatchObject({ name: 'ValidationException' })
    await expect(transact([put('a'), { Put: { TableName: 'nowhere', Item: key('a') } }])).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    expect(await get('a')).toBeUndefined()
  })

  test('a read transaction gives each item in its place', async () => {
    await transact([put('a')])
    const { Responses } = await sdk.send(new TransactGetItemsCommand({ TransactItems: [{ Get: { TableName, Key: key('x') } }, { Get: { TableName, Key: key('a') } }] }))
    expect(Responses).toEqual([{}, { Item: { pk: { S: 'a' }, who: { S: 'ada' } } }])
  })

  test('a conflict can be injected, as reasons of a transaction and as the exception of one write', async () => {
    fault = { before: 'conflict' }
    await expect(transact([put('a')])).rejects.toMatchObject({ CancellationReasons: [{ Code: 'TransactionConflict' }] })
    await expect(sdk.send(new PutItemCommand({ TableName, Item: key('a') }))).rejects.toMatchObject({ name: 'TransactionConflictException' })
  })

  test('the old item of a failed condition is told to who asks, by put, update and delete', async () => {
    await transact([put('a')])
    const update = new UpdateItemCommand({ TableName, Key: key('a'), UpdateExpression: 'SET n = :n', ConditionExpression: 'n = :n', ExpressionAttributeValues: { ':n': { N: '1' } }, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })
    await expect(sdk.send(update)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException', Item: { pk: { S: 'a' }, who: { S: 'ada' } } })
  })

  test('what its time removes leaves the index too', async () => {
    await sdk.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { Enabled: true, AttributeName: 'gone' } }))
    for (const [pk, seconds] of [['a', 60], ['b', 3600]] as const) await sdk.send(new PutItemCommand({ TableName, Item: { ...key(pk), who: { S: 'ada' }, gone: { N: String(Math.floor(clock / 1000) + seconds) } } }))
    clock += 61_000
    await stop()
    const server = await startDynamo({ directory, now: () => clock })
    sdk = new DynamoDBClient(place(server.url))
    stop = async () => { sdk.destroy(); await server.close() }
    const { Items: items } = await sdk.send(new QueryCommand({ TableName, IndexName: 'byWho', KeyConditionExpression: 'who = :w', ExpressionAttributeValues: { ':w': { S: 'ada' } } }))
    expect(items?.map(({ pk }) => pk)).toEqual([{ S: 'b' }])
  })

  test('time to live is set, told, kept over a restart, and deletes late', async () => {
    const specification = { Enabled: true, AttributeName: 'gone' }
    await sdk.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: specification }))
    await expect(sdk.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: specification }))).rejects.toMatchObject({ name: 'ValidationException' })
    await sdk.send(new PutItemCommand({ TableName, Item: { ...key('a'), gone: { N: String(Math.floor(clock / 1000) + 60) } } }))
    await sdk.send(new PutItemCommand({ TableName, Item: { ...key('b'), gone: { S: 'never' } } }))
    clock += 61_000
    expect(await get('a')).toBeDefined()
    await stop()
    const server = await startDynamo({ directory, now: () => clock })
    sdk = new DynamoDBClient(place(server.url))
    stop = async () => { sdk.destroy(); await server.close() }
    expect((await sdk.send(new DescribeTimeToLiveCommand({ TableName }))).TimeToLiveDescription).toEqual({ TimeToLiveStatus: 'ENABLED', AttributeName: 'gone' })
    expect(await get('a')).toBeUndefined()
    expect(await get('b')).toBeDefined()
  })
})

describe('the process', () => {
  const children: ChildProcess[] = []
  afterEach(() => { for (const child of children.splice(0)) child.kill('SIGKILL') })
  async function start(): Promise<{ child: ChildProcess; url: string }> {
    const child = fork(join(import.meta.dirname, 'dynamodb.child.ts'), [directory], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    children.push(child)
    const [line] = await once(child.stdout ?? child, 'data') as [Buffer]
    return { child, url: line.toString().trim() }
  }

  test('killed in mid-write again and again, it has every write it acknowledged, and transactions whole', async () => {
    let expected = 0
    for (let round = 0; round < 4; round++) {
      const { child, url } = await start()
      const sdk = new DynamoDBClient({ ...place(url), maxAttempts: 1 })
      const dynamo = round === 0 ? await createTable(url) : signedDynamo({ ...place(url), now: Date.now })
      const acknowledged: string[] = []
      const pairs: string[] = []
      const writers = Array.from({ length: 8 }, async (_, w) => {
        for (let i = 0; ; i++) {
          const name = `${round}-${w}-${i}`
          await dynamo('PutItem', { TableName, Item: { ...key(name), who: { S: 'w' } } })
          acknowledged.push(name)
          await sdk.send(new TransactWriteItemsCommand({ TransactItems: [1, 2].map((n) => ({ Put: { TableName, Item: key(`${name}/${n}`) } })) }))
          pairs.push(name)
        }
      })
      const ended = Promise.allSettled(writers)
      while (pairs.length < 60) await new Promise((resolve) => { setTimeout(resolve, 2) })
      child.kill('SIGKILL')
      await ended
      expected += acknowledged.length
      const server = await startDynamo({ directory })
      const after = signedDynamo({ ...place(server.url), now: Date.now })
      const there = async (name: string) => (await after('GetItem', { TableName, Key: key(name) })).Item !== undefined
      expect(await Promise.all(acknowledged.map(there))).not.toContain(false)
      for (let w = 0; w < 8; w++) {
        for (let i = 0; i <= acknowledged.length; i++) {
          const [one, two] = [await there(`${round}-${w}-${i}/1`), await there(`${round}-${w}-${i}/2`)]
          expect(one).toBe(two)
          if (!one) break
        }
      }
      after.close()
      await server.close()
      sdk.destroy()
    }
    expect(expected).toBeGreaterThan(200)
  }, 240_000)

  test('a directory has one server: the second is told in one line', async () => {
    const { child } = await start()
    await expect(startDynamo({ directory })).rejects.toThrow(`another process holds the store in \`${directory}\``)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await (await startDynamo({ directory })).close()
  })

  test('a broken store is one clear line, not an empty store', async () => {
    const server = await startDynamo({ directory })
    await createTable(server.url)
    await server.close()
    writeFileSync(join(directory, 'CURRENT'), 'MANIFEST-999999\n')
    await expect(startDynamo({ directory })).rejects.toThrow(/^the store in `.*` cannot be read: /)
  })

  test('only this machine\'s own programs are answered: no other host name, no browser page', async () => {
    const server = await startDynamo({ directory: null })
    const ask = (headers: Record<string, string>, method = 'POST') => new Promise<number>((resolve) => {
      const sent = request(server.url, { method, headers: { 'x-amz-target': 'DynamoDB_20120810.ListTables', ...headers } }, (response) => { response.resume(); resolve(response.statusCode ?? 0) })
      sent.end('{}')
    })
    expect(await ask({})).toBe(200)
    expect(await ask({ host: 'localhost:8000' })).toBe(200)
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil:80', '127.0.0.1:1:2', 'x@127.0.0.1']) expect(await ask({ host })).toBe(403)
    expect(await ask({ origin: 'http://127.0.0.1:8787' })).toBe(403)
    expect(await ask({}, 'PUT')).toBe(404)
    expect(await ask({ 'x-amz-target': 'DynamoDB_20120810.DeleteTable' })).toBe(400)
    await server.close()
  })
})
