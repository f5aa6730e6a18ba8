import { tables } from '../../schema/item.ts'
import { type Dynamo, DynamoError } from './dynamo.ts'

const key = (name: string, type: 'HASH' | 'RANGE') => ({ AttributeName: name, KeyType: type })
const patience = 100

/**
 * Creates what of the tables is missing, with its indexes and its TTL, and waits until they serve. For the local stack; on AWS infra/ makes them, sluice-keys as the
 * only one without point-in-time recovery and backups: an erasure is complete when its keys are gone from it, because nowhere else have they been.
 */
export async function createTables(dynamo: Dynamo): Promise<void> {
  for (const table of Object.values(tables)) {
    if (!await has(dynamo, table.name)) await dynamo('CreateTable', definitionOf(table))
    await active(dynamo, table.name)
    if (table.ttl !== null) await ensureTtl(dynamo, table.name, table.ttl)
  }
}

function definitionOf({ name, sortKey, indexes }: (typeof tables)[keyof typeof tables]): object {
  const keys = sortKey ? [key('pk', 'HASH'), key('sk', 'RANGE')] : [key('pk', 'HASH')]
  const global = indexes.map((index) => ({
    IndexName: index.name, KeySchema: [key(index.hash, 'HASH'), key(index.range, 'RANGE')],
    Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: index.include },
  }))
  const attributes = new Set([...keys, ...global.flatMap(({ KeySchema }) => KeySchema)].map(({ AttributeName }) => AttributeName))
  return {
    TableName: name, BillingMode: 'PAY_PER_REQUEST', KeySchema: keys, ...(global.length === 0 ? {} : { GlobalSecondaryIndexes: global }),
    AttributeDefinitions: [...attributes].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
  }
}

async function has(dynamo: Dynamo, name: string): Promise<boolean> {
  try {
    await dynamo('DescribeTable', { TableName: name })
    return true
  } catch (error) {
    if (error instanceof DynamoError && error.type === 'ResourceNotFoundException') return false
    throw error
  }
}

async function active(dynamo: Dynamo, name: string): Promise<void> {
  for (let i = 0; i < patience; i++) {
    if ((await dynamo('DescribeTable', { TableName: name })).Table?.TableStatus === 'ACTIVE') return
    await new Promise((resolve) => { setTimeout(resolve, 10 + i) })
  }
  throw new DynamoError('Timeout', `table ${name} does not become active`)
}

async function ensureTtl(dynamo: Dynamo, name: string, attribute: string): Promise<void> {
  const { TimeToLiveDescription: current } = await dynamo('DescribeTimeToLive', { TableName: name })
  if (current?.TimeToLiveStatus === 'ENABLED' || current?.TimeToLiveStatus === 'ENABLING') return
  await dynamo('UpdateTimeToLive', { TableName: name, TimeToLiveSpecification: { Enabled: true, AttributeName: attribute } })
}
