import type { Item } from '../../functions/aws/dynamo.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { tables } from '../../schema/item.ts'
import { away, sizeOf, type Use } from './capacity.ts'
import { startBucket } from '../../test/aws/bucket.ts'
import type { Done, World } from './serve.ts'
import { distantTable } from './table.ts'
import { start, type Opened } from './world.ts'

/** Of a commit, which is one signature: requests to S3 by method, its entries, and what of DynamoDB is not of an event. `perSecond`: entries, by one sequencer on the local store. */
export interface Log {
  /** Events that the stream brings at once, at most. */
  readonly batch: number
  readonly perEvent: readonly Use[]; readonly perCommit: readonly Use[]; readonly s3: Readonly<Record<string, number>>; readonly entries: number; readonly perSecond: number; readonly cpuMsEach: number
  /** Entries a second where each round trip takes what `trips` say. */
  readonly distantPerSecond: number
  /** The same by two at once, as two shards of the stream wake them: they take turns at one head. */
  readonly twoPerSecond: number
  /** By those two in batches of a quarter. */
  readonly quarterPerSecond: number
  /** The sequencer's look at what is new, by one of two that share the stream, and its look at what nothing more can come to, by one that knows nothing of it; each pass of the sweeper. */
  readonly looks: Readonly<Record<'first' | 'second' | 'sweeper', Look>>
}
/** Read units of one pass, for each event and for each KB of the record that it goes through; and how many events it goes through in a second, on the local store. */
export interface Look { readonly readsPerEvent: number; readonly readsPerKilobyte: number; readonly perSecond: number }

/** Of what the stream brings at once: so many (infra/schedule.ts), or so many bytes of them, which is Lambda's bound. */
const [streamBatch, streamBytes] = [2000, 6 * 1024 * 1024]
/** The sequencer's grace (functions/gather.ts) and a minute: then all that was recorded is old. */
const aheadMs = 31 * 60_000
/** Guesses, ms: DynamoDB, S3, KMS. */
export const trips = { dynamo: Number(process.env['ROUND_TRIP_MS'] ?? 5), s3: 25, kms: 10 }
/** How many times its bytes an item is as JSON with what a stream says of it, which is what Lambda's bound counts. */
const jsonOf = (images: readonly Item[]): number => images.reduce((sum, image) => sum + JSON.stringify(image).length + aboutBytes, 0) / images.reduce((sum, image) => sum + sizeOf(image), 0)
const aboutBytes = 600
const share = (uses: readonly Use[], of: number): Use[] => uses.map((use) => ({ ...use, writes: use.writes / of, reads: use.reads / of }))

/**
 * The real sequencer over what was recorded, in batches as the stream brings them: one that is counted has the first sixth; one that has nothing in between is timed with the rest. One that has farther to go to its stores, and then it and another one at once, put some of it into a log of their own.
 * Then those who look through the record again, each once counted and once timed.
 * `total`: all that lies in it; `mean`: bytes of an event in the mix that is played.
 */
export async function measureLog({ place, world, dynamo, bucket, gate }: Opened, images: Item[], total: { readonly events: number; readonly bytes: number }, mean: number, onEnd: (close: () => unknown) => void): Promise<Log> {
  const direct = { ...world, place: { ...world.place, dynamo: place.dynamo } }
  async function started(of: World): Promise<Awaited<ReturnType<typeof start>>> {
    const one = await start('sequencer', of)
    onEnd(one.end)
    return one
  }
  const own = await startBucket()
  const [farDynamo, farBucket] = [await distantTable(place.dynamo.url, trips.dynamo), await away(own.url, trips.s3)]
  for (const { close } of [own, farDynamo, farBucket]) onEnd(close)
  const distant = { ...direct, place: { ...place, dynamo: { ...place.dynamo, url: farDynamo.url } }, bucket: farBucket.url, signMs: trips.kms }
  const [log, timed, far, another] = [await started(world), await started(direct), await started(distant), await started(distant)]
  const batch = Math.floor(Math.min(streamBatch, streamBytes / (mean * jsonOf(images))))
  const warm = (of: typeof log, from: Item[]) => of.ask({ what: 'round', images: from.splice(0, 100) })      // it knows where the log stands
  async function rounds(of: typeof log, from: Item[], most: number, at = batch) {
    dynamo.take()
    bucket.requests.length = 0
    let [entries, commits, ms, cpuMs] = [0, 0, 0, 0]
    for (let left = most; left > 0 && from.length > 0; left -= at) {
      const done = await of.ask({ what: 'round', images: from.splice(0, Math.min(left, at)) })
      ;[entries, commits, ms, cpuMs] = [entries + (done.added ?? 0), commits + (done.signed ?? 0), ms + done.ms, cpuMs + done.cpuMs]
    }
    return { entries, commits, ms, cpuMs, uses: dynamo.take().uses, s3: Object.fromEntries([...Map.groupBy(bucket.requests, ({ method, path }) => (path.startsWith('/?') ? 'LIST' : method))].map(([method, found]) => [method, found.length / commits])) }
  }
  const part = Math.max(batch, Math.floor(images.length / 6 / batch) * batch)
  const copied = [...images]
  await warm(log, images)
  const { entries, commits, uses, s3 } = await rounds(log, images, part)
  await warm(timed, images)
  const time = await rounds(timed, images, Infinity)
  await warm(far, copied)
  const distance = await rounds(far, copied, part)
  await warm(another, copied)
  await warm(far, copied)
  async function both(most: number, at: number): Promise<number> {
    const begun = performance.now()
    const done = await Promise.all([far, another].map((one) => rounds(one, copied, most, at)))
    return done.reduce((sum, { entries: some }) => sum + some, 0) / (performance.now() - begun) * 1000
  }
  const quarterPerSecond = await both(2 * part, Math.floor(batch / 4))
  const twoPerSecond = await both(Infinity, batch)

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
  return { batch, perEvent: share(ofEvents, entries), perCommit: share(rest, commits), s3, entries: entries / commits, perSecond: time.entries / time.ms * 1000, cpuMsEach: time.cpuMs / time.entries, distantPerSecond: distance.entries / distance.ms * 1000, twoPerSecond, quarterPerSecond, looks }
}
