import { type Item, type Store, tableOf, validationError, type WireError } from './dynalite.ts'
import { write } from './write.ts'

/**
 * Time to live: UpdateTimeToLive, DescribeTimeToLive and the deletion itself, which like the real one comes late and promises no moment:
 * whoever reads an item checks its time. Kept under `ttl~<table>`, so it survives a restart.
 */
export async function updateTimeToLive(store: Store, input: object): Promise<object> {
  const { TableName: table, TimeToLiveSpecification: specification } = input as { TableName?: string; TimeToLiveSpecification?: { Enabled?: unknown; AttributeName?: unknown } }
  if (typeof table !== 'string' || typeof specification?.AttributeName !== 'string' || typeof specification.Enabled !== 'boolean') {
    throw validationError('TimeToLiveSpecification needs Enabled and AttributeName')
  }
  await tableOf(store, table)
  const current = await attribute(store, table)
  if (specification.Enabled === (current !== null)) throw validationError(`TimeToLive is already ${current === null ? 'disabled' : 'enabled'}`)
  await store.db.batch([{ type: 'put', key: `ttl~${table}`, value: specification.Enabled ? specification.AttributeName : null }])
  return { TimeToLiveSpecification: specification }
}

export async function describeTimeToLive(store: Store, input: object): Promise<object> {
  const { TableName: table } = input as { TableName?: string }
  if (typeof table !== 'string') throw validationError('TableName is missing')
  await tableOf(store, table)
  const current = await attribute(store, table)
  return { TimeToLiveDescription: current === null ? { TimeToLiveStatus: 'DISABLED' } : { TimeToLiveStatus: 'ENABLED', AttributeName: current } }
}

const attribute = async (store: Store, table: string): Promise<string | null> => await store.db.get(`ttl~${table}`) as string | null | undefined ?? null

/** Deletes what is expired, and transaction tokens past their time. `now` in epoch ms. */
export async function expire(store: Store, now: number): Promise<number> {
  let count = 0
  for await (const [key, name] of store.db.iterator({ gte: 'ttl~', lt: 'ttl~\xFF' })) {
    if (typeof name !== 'string') continue
    count += await expireIn(store, key.slice(4), name, now)
  }
  await drop(store, 'token~', (token) => now - (token as { at: number }).at > 10 * 60_000)
  return count
}

/** By the way every delete goes, so that an item leaves its indexes too; and only as it was seen: between the scan and now it may have been written anew. */
async function expireIn(store: Store, TableName: string, name: string, now: number): Promise<number> {
  const { KeySchema: schema } = await tableOf(store, TableName) as { KeySchema?: readonly { readonly AttributeName: string }[] }
  const expired: { readonly Key: object; readonly at: unknown }[] = []
  const prefix = `item-${TableName}~`
  for await (const [, item] of store.db.iterator({ gte: prefix, lt: `${prefix}\xFF` })) {
    const attributes = item as Item
    if (!(Number(attributes[name]?.['N'] ?? Number.NaN) < now / 1000)) continue
    expired.push({ Key: Object.fromEntries((schema ?? []).map(({ AttributeName }) => [AttributeName, attributes[AttributeName]])), at: attributes[name] })
  }
  let count = 0
  for (const { Key, at } of expired) {
    try {
      await write(store, 'DeleteItem', { TableName, Key, ConditionExpression: '#ttl = :ttl', ExpressionAttributeNames: { '#ttl': name }, ExpressionAttributeValues: { ':ttl': at } })
      count++
    } catch (error) {
      if (!(error as WireError).body?.__type.endsWith('#ConditionalCheckFailedException')) throw error
    }
  }
  return count
}

async function drop(store: Store, prefix: string, over: (value: unknown) => boolean): Promise<void> {
  const keys: string[] = []
  for await (const [key, value] of store.db.iterator({ gte: prefix, lt: `${prefix}\xFF` })) if (over(value)) keys.push(key)
  for (const key of keys) await dropOne(store, key, over)
}

/** Under the writer's lock and looked at again: between the scan and now it may have been written anew. */
function dropOne(store: Store, key: string, over: (value: unknown) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    store.getItemDb('~lock').lock([key], (release) => {
      const free = release(() => undefined)
      const run = async () => {
        const value = await store.db.get(key)
        if (value !== undefined && over(value)) await store.db.batch([{ type: 'del', key }])
      }
      run().then(resolve, reject).finally(free)
    })
  })
}
