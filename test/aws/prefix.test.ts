import { expect, test } from 'vitest'
import { prefixed } from '../../functions/aws/prefix.ts'
import type { Dynamo } from '../../functions/aws/dynamo.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { createStores } from '../../functions/aws/ports.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { credentials } from '../contract/rig.ts'

test('names go out with the prefix of the stage, wherever an operation has them, and come back without', async () => {
  const sent: unknown[] = []
  const dynamo: Dynamo = async (operation, input) => {
    sent.push(input)
    return operation === 'BatchGetItem' ? { Responses: { 'sluice-dev-log': [{ pk: { S: 'x' } }] }, UnprocessedKeys: { 'sluice-dev-log': { Keys: [] } } } : {}
  }
  const stage = prefixed(dynamo, 'sluice-dev')
  await stage('GetItem', { TableName: 'sluice-policy', Key: { pk: { S: 'sluice-policy' } } })
  await stage('TransactWriteItems', { TransactItems: [{ Put: { TableName: 'sluice-audit', Item: {} } }, { Update: { TableName: 'sluice-requests', Key: {} } }] })
  const batch = await stage('BatchGetItem', { RequestItems: { 'sluice-log': { Keys: [] } } })
  expect(sent).toEqual([
    { TableName: 'sluice-dev-policy', Key: { pk: { S: 'sluice-policy' } } },
    { TransactItems: [{ Put: { TableName: 'sluice-dev-audit', Item: {} } }, { Update: { TableName: 'sluice-dev-requests', Key: {} } }] },
    { RequestItems: { 'sluice-dev-log': { Keys: [] } } },
  ])
  expect(batch).toEqual({ Responses: { 'sluice-log': [{ pk: { S: 'x' } }] }, UnprocessedKeys: { 'sluice-log': { Keys: [] } } })
  expect(prefixed(dynamo, null)).toBe(dynamo)
})

test('two stages on one account see nothing of each other', async () => {
  const server = await startDynamo({ directory: null, credentials })
  const place = { region: 'local', endpoint: server.url, credentials }
  const [dev, production] = ['sluice-dev', 'sluice-production'].map((tables) => createStores({ ...place, tables }))
  const raw = signedDynamo({ ...place, now: Date.now })
  try {
    await Promise.all([dev?.createTables(), production?.createTables()])
    await dev?.logStore.placed([{ id: 'evt_01JD9Z7V8M0000000000000000', index: 7 }])
    expect([...await dev?.logStore.where(['evt_01JD9Z7V8M0000000000000000']) ?? []]).toEqual([['evt_01JD9Z7V8M0000000000000000', 7]])
    expect([...await production?.logStore.where(['evt_01JD9Z7V8M0000000000000000']) ?? []]).toEqual([])
    await expect(raw('DescribeTable', { TableName: 'sluice-log' })).rejects.toMatchObject({ type: 'ResourceNotFoundException' })
  } finally {
    dev?.close()
    production?.close()
    raw.close()
    await server.close()
  }
})
