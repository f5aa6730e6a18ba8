import type { Item } from '../../functions/aws/dynamo.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { tables } from '../../schema/item.ts'
import { away, type Use } from './capacity.ts'
import type { Done, World } from './serve.ts'
import { start, type Opened } from './world.ts'

/** Of a commit, which is one signature: requests to S3 by method, its entries, and what of DynamoDB is not of an event. `perSecond`: entries, by one sequencer on the local store. */
export interface Log {
  readonly perEvent: readonly Use[]; readonly perCommit: readonly Use[]; readonly s3: Readonly<Record<string, number>>; readonly entries: number; readonly perSecond: number; readonly cpuMsEach: number
  /** Entries a second where each round trip takes what `trips` say. */
  readonly distantPerSecond: number
  /** The same by two at once, as two shards of the stream wake them: they take turns at one head. */
  readonly twoPerSecond: number
  /** The sequencer's look at what is new, by one of two that share the stream, and its look at what nothing more can come to, by one that knows nothing of it; each pass of the sweeper. */
  readonly looks: Readonly<Record<'first' | 'second' | 'sweeper', Look>>
}
/** Read units of one pass, for each event and for each KB of the record that it goes through; and how many events it goes through in a second, on the local store. */
export interface Look { readonly readsPerEvent: number; readonly readsPerKilobyte: number; readonly perSecond: number }

const streamBatch = 1000                                            // infra/schedule.ts
/** The sequencer's grace (functions/gather.ts) and a minute: then all that was recorded is old. */
const aheadMs = 31 * 60_000
/** Guesses, ms: DynamoDB, S3, KMS. */
export const trips = { dynamo: Number(process.env['ROUND_TRIP_MS'] ?? 5), s3: 25, kms: 10 }
const share = (uses: readonly Use[], of: number): Use[] => uses.map((use) => ({ ...use, writes: use.writes / of, reads: use.reads / of }))

/**
 * The real sequencer over what was recorded, a thousand at a time as the stream brings it: one that is counted has the first fifth; one that has farther to go to its stores is timed with the second, it and another one at once with two more, one that has nothing in between with the rest. Then those who look through the record again, each once counted
 * and once timed.
 * `total`: all that lies in it.
 */
export async function measureLog({ place, world, dynamo, bucket, gate }: Opened, images: Item[], total: { readonly events: number; readonly bytes: number }, onEnd: (close: () => unknown) => void): Promise<Log> {
  const direct = { ...world, place: { ...world.place, dynamo: place.dynamo } }
  async function started(of: World): Promise<Awaited<ReturnType<typeof start>>> {
    const one = await start('sequencer', of)
    onEnd(one.end)
    return one
  }
  const [farDynamo, farBucket] = [await away(place.dynamo.url, trips.dynamo), await away(bucket.url, trips.s3)]
  for (const { close } of [farDynamo, farBucket]) onEnd(close)
  const distant = { ...direct, place: { ...place, dynamo: { ...place.dynamo, url: farDynamo.url } }, bucket: farBucket.url, signMs: trips.kms }
  const [log, timed, far, another] = [await started(world), await started(direct), await started(distant), await started(distant)]
  const warm = (of: typeof log) => of.ask({ what: 'round', images: images.splice(0, 100) })                  // it knows where the log stands
  async function rounds(of: typeof log, most: number) {
    dynamo.take()
    bucket.requests.length = 0
    let [entries, commits, ms, cpuMs] = [0, 0, 0, 0]
    for (let left = most; left > 0 && images.length > 0; left -= streamBatch) {
      const done = await of.ask({ what: 'round', images: images.splice(0, Math.min(left, streamBatch)) })
      ;[entries, commits, ms, cpuMs] = [entries + (done.added ?? 0), commits + (done.signed ?? 0), ms + done.ms, cpuMs + done.cpuMs]
    }
    return { entries, commits, ms, cpuMs, uses: dynamo.take().uses, s3: Object.fromEntries([...Map.groupBy(bucket.requests, ({ method, path }) => (path.startsWith('/?') ? 'LIST' : method))].map(([method, found]) => [method, found.length / commits])) }
  }
  const part = Math.max(streamBatch, Math.floor(images.length / 5 / streamBatch) * streamBatch)
  await warm(log)
  const { entries, commits, uses, s3 } = await rounds(log, part)
  await warm(far)
  const distance = await rounds(far, part)
  await warm(another)
  await warm(far)
  const begun = performance.now()
  const two = await Promise.all([far, another].map((one) => rounds(one, part)))
  const twoMs = performance.now() - begun
  await warm(timed)
  const time = await rounds(timed, Infinity)

  async function look(run: () => Promise<Done>, again: () => Promise<Done>): Promise<Look> {
    dynamo.take()
    const { added } = await run()
    if ((added ?? 0) > 0) throw new Error('the log had not everything')
    const units = dynamo.take().uses.filter(({ table }) => table !== tables.requests.name).reduce((sum, { reads }) => sum + reads, 0)
    const { ms } = await again()
    return { readsPerEvent: units / total.events, readsPerKilobyte: units / (total.bytes / 1024), perSecond: total.events / ms * 1000 }
  }
  const of = (one: typeof log) => () => one.ask({ what: 'look' })
  const state = signedDynamo({ region: 'local', endpoint: place.dynamo.url, credentials: place.dynamo.credentials, now: Date.now })
  onEnd(() => state.close())
  async function swept(): Promise<Done> {
    await state('DeleteItem', { TableName: tables.state.name, Key: { pk: { S: 'sweep' } } })                 // it has been there: from the beginning again
    return gate.ask({ what: 'sweep' })
  }
  const looks = { first: await look(of(log), of(timed)), second: await look(of(await started({ ...world, aheadMs })), of(await started({ ...direct, aheadMs }))), sweeper: await look(swept, swept) }
  const [ofEvents, rest] = [uses.filter(({ key }) => key.startsWith('evt_')), uses.filter(({ table, key }) => table === tables.log.name && !key.startsWith('evt_'))]
  return { perEvent: share(ofEvents, entries), perCommit: share(rest, commits), s3, entries: entries / commits, perSecond: time.entries / time.ms * 1000, cpuMsEach: time.cpuMs / time.entries, distantPerSecond: distance.entries / distance.ms * 1000, twoPerSecond: two.reduce((sum, { entries: some }) => sum + some, 0) / twoMs * 1000, looks }
}
