import { type Item, type Store, tableOf, validationError } from './dynalite.ts'

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

/** Deletes what is expired, and transaction tokens past their time. `now` in epoch ms. Tables with a TTL have no secondary index here. */
export async function expire(store: Store, now: number): Promise<number> {
  let count = 0
  for await (const [key, name] of store.db.iterator({ gte: 'ttl~', lt: 'ttl~\xFF' })) {
    if (typeof name !== 'string') continue
    const prefix = `item-${key.slice(4)}~`
    count += await drop(store, prefix, (item) => Number((item as Item)[name]?.['N'] ?? Number.NaN) < now / 1000)
  }
  await drop(store, 'token~', (token) => now - (token as { at: number }).at > 10 * 60_000)
  return count
}

async function drop(store: Store, prefix: string, over: (value: unknown) => boolean): Promise<number> {
  const keys: string[] = []
  for await (const [key, value] of store.db.iterator({ gte: prefix, lt: `${prefix}\xFF` })) if (over(value)) keys.push(key)
  let count = 0
  for (const key of keys) if (await dropOne(store, key, over)) count++
  return count
}

/** Under the writer's lock and looked at again: between the scan and now it may have been written anew. */
function dropOne(store: Store, key: string, over: (value: unknown) => boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    store.getItemDb('~lock').lock([key], (release) => {
      const free = release(() => undefined)
      const run = async () => {
        const value = await store.db.get(key)
        if (value === undefined || !over(value)) return false
        await store.db.batch([{ type: 'del', key }])
        return true
      }
      run().then(resolve, reject).finally(free)
    })
  })
}
