import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCuts, cutsOf } from '../../functions/aws/cuts.ts'
import type { Dynamo } from '../../functions/aws/dynamo.ts'
import { prefixed } from '../../functions/aws/prefix.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { createTables } from '../../functions/aws/tables.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { credentials } from '../local/machine.ts'

/** Cuts as rows of DynamoDB, on our own server. */
const id = 'a1'.repeat(32)
let server: Awaited<ReturnType<typeof startDynamo>>
let dynamo: Dynamo & { close(): void }
const sent: { readonly operation: string; readonly input: object }[] = []
beforeAll(async () => {
  server = await startDynamo({ directory: null, credentials })
  dynamo = signedDynamo({ region: 'local', endpoint: server.url, credentials, now: Date.now })
  await createTables(dynamo)
})
afterAll(async () => { dynamo.close(); await server.close() })
const watched: Dynamo = async (operation, input) => { sent.push({ operation, input }); return dynamo(operation, input) }

test('what was said is heard under its name alone, said again it is success, and it is forgotten by itself', async () => {
  const cuts = createCuts(watched, () => 1_000_000)
  expect(await cuts.said(id)).toBe(null)
  await cuts.say(id, 'locked')
  await cuts.say(id, 'locked')
  expect([await cuts.said(id), await cuts.said('b2'.repeat(32))]).toEqual(['locked', null])
  expect((await dynamo('GetItem', { TableName: 'sluice-state', Key: { pk: { S: `cut#${id}` } } })).Item).toEqual({ pk: { S: `cut#${id}` }, why: { S: 'locked' }, expires: { N: '2200' } })
})
test('it is read one row at a time and from the newest of it, as the role lets', () => {
  const reads = sent.filter(({ operation }) => operation === 'GetItem')
  expect(reads.length).toBeGreaterThan(0)
  for (const { input } of reads) expect(input).toMatchObject({ TableName: 'sluice-state', Key: { pk: { S: expect.stringMatching(/^cut#[0-9a-f]{64}$/) as unknown } }, ConsistentRead: true })
  expect(new Set(sent.map(({ operation }) => operation))).toEqual(new Set(['GetItem', 'UpdateItem']))
})
test.each(['', 'x', `${id}#`, 'meter#1', id.toUpperCase(), `${id}\n`])('what is no name of a cut never becomes a key: %j', async (text) => {
  const before = sent.length
  const cuts = createCuts(watched, Date.now)
  await expect(cuts.say(text, 'locked')).rejects.toMatchObject({ code: 'internal' })
  await expect(cuts.said(text)).rejects.toMatchObject({ code: 'internal' })
  expect(sent.length).toBe(before)
})
test('the tables of a stage are its own, and an environment that names no place is a fault with the first use and none before', async () => {
  const env = { AWS_REGION: 'local', AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey, AWS_ENDPOINT_URL_DYNAMODB: server.url }
  await createTables(prefixed(dynamo, 'sluice-dev'))
  await cutsOf({ ...env, SLUICE_TABLES: 'sluice-dev' }).say(id, 'token_expired')
  expect([await cutsOf({ ...env, SLUICE_TABLES: 'sluice-dev' }).said(id), await cutsOf(env).said(id)]).toEqual(['token_expired', 'locked'])
  const nowhere = cutsOf({})
  await expect(nowhere.said(id)).rejects.toMatchObject({ code: 'internal' })
})
