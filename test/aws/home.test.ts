import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Dynamo, Item } from '../../functions/aws/dynamo.ts'
import { createStores, createPorts, createRecord } from '../../functions/aws/ports.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { tables } from '../../schema/item.ts'
import { credentials } from '../contract/rig.ts'

/** Two regions of a global table: each takes conditional writes by what it has itself, and hears of the other's later; the last writer wins. */
describe('a conditional write on replicas that follow later', () => {
  const regions = ['eu-west-1', 'us-east-1'] as const
  const servers: Awaited<ReturnType<typeof startDynamo>>[] = []
  const stores: ReturnType<typeof createStores>[] = []
  const raw: (Dynamo & { close(): void })[] = []
  beforeAll(async () => {
    for (const region of regions) {
      const server = await startDynamo({ directory: null, credentials })
      const place = { region, endpoint: server.url, credentials }
      servers.push(server)
      stores.push(createStores(place))
      raw.push(signedDynamo({ ...place, now: Date.now }))
      await stores.at(-1)?.createTables()
    }
  }, 60_000)
  afterAll(async () => {
    for (const one of [...stores, ...raw]) one.close()
    for (const server of servers) await server.close()
  })
  const both = <T>(does: (at: 0 | 1) => Promise<T>) => Promise.all([does(0), does(1)])
  const replicate = async (from: 0 | 1, to: 0 | 1, pk: string) => {
    const { Item: item } = await raw[from]!('GetItem', { TableName: tables.state.name, Key: { pk: { S: pk } }, ConsistentRead: true })
    await raw[to]!('PutItem', { TableName: tables.state.name, Item: item as Item })
  }
  const pkOf = async (at: 0 | 1, key: string): Promise<string> => {
    const { Items = [] } = await raw[at]!('Query', { TableName: tables.state.name, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': { S: `idempotency#${key}` } } })
    return Items[0]?.['pk']?.S ?? ''
  }

  test('lets both begin what may begin once, and afterwards one of them was never there', async () => {
    const key = 'agent:bot shop 1'
    const entry = (at: 0 | 1) => ({ body: 'insert', evaluation: stores[at]!.id('eval'), settleBy: Date.now() + 10_000 })
    const entries = [entry(0), entry(1)] as const
    // Within the lag of replication: both are told that the key is theirs, and both would execute.
    expect(await both((at) => stores[at]!.idempotency.claim(key, entries[at]))).toEqual([{ claimed: true }, { claimed: true }])
    const pk = await pkOf(0, key)
    if (pk === '') throw new Error('the key of a claim is another')
    await replicate(0, 1, pk)
    // The other region's claim is gone without a trace, and the statement it let begin is still running.
    expect(await stores[1]!.idempotency.claim(key, entry(1))).toMatchObject({ claimed: false, evaluation: entries[0].evaluation })
  })

  test('is a lock where there is one store', async () => {
    const claims = await both(() => stores[0]!.idempotency.claim('agent:bot shop 2', { body: 'insert', evaluation: stores[0]!.id('eval'), settleBy: Date.now() + 10_000 }))
    expect(claims.filter(({ claimed }) => claimed)).toHaveLength(1)
  })
})

describe('so a function outside of the home region does not start', () => {
  const place = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', SLUICE_TABLES: 'sluice-production' }
  test.each([[{ SLUICE_HOME_REGION: 'eu-west-1' }, 'eu-west-1'], [{}, 'SLUICE_HOME_REGION'], [{ SLUICE_HOME_REGION: '' }, 'SLUICE_HOME_REGION'], [{ SLUICE_HOME_REGION: 'us-east-1 ' }, 'us-east-1 ']])('%j', (env, said) => {
    expect(() => createRecord(() => {}, { ...place, ...env })).toThrow(said)
    expect(() => createPorts({} as never, { ...place, ...env })).toThrow(said)
  })
  test('and in it does', () => {
    expect(() => createRecord(() => {}, { ...place, SLUICE_HOME_REGION: 'us-east-1' })).not.toThrow()
  })
})
