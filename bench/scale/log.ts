import type { Item } from '../../functions/aws/dynamo.ts'
import { tables } from '../../schema/item.ts'
import type { Use } from './capacity.ts'
import type { Done } from './serve.ts'
import { start, type Opened } from './world.ts'

/** Of a commit, which is one signature: requests to S3 by method, its entries, and what of DynamoDB is not of an event. `perSecond`: entries, by one sequencer on the local store. */
export interface Log {
  readonly perEvent: readonly Use[]; readonly perCommit: readonly Use[]; readonly s3: Readonly<Record<string, number>>; readonly entries: number; readonly perSecond: number; readonly cpuMsEach: number
  /** Events that one look of the sequencer goes through in a second. */
  readonly lookedPerSecond: number
  /** One look of a process that knows what is in the log, of one that knows nothing yet, and of the sweeper. */
  readonly looks: Readonly<Record<'known' | 'fresh' | 'sweeper', Look>>
}
/** Read units of one look, for each event and for each KB of the record that it goes through. */
interface Look { readonly readsPerEvent: number; readonly readsPerKilobyte: number }

const streamBatch = 1000                                            // infra/schedule.ts
const share = (uses: readonly Use[], of: number): Use[] => uses.map((use) => ({ ...use, writes: use.writes / of, reads: use.reads / of }))

/**
 * The real sequencer over what was recorded, a thousand at a time as the stream brings it: one that is counted has the first half, one that is timed, with nothing in between, the second. Then those who look through the record again.
 * `total`: all that lies in it.
 */
export async function measureLog({ place, world, dynamo, bucket, gate }: Opened, images: Item[], total: { readonly events: number; readonly bytes: number }, onEnd: (close: () => unknown) => void): Promise<Log> {
  const [log, another, timed] = [await start('sequencer', world), await start('sequencer', world), await start('sequencer', { ...world, place: { ...world.place, dynamo: place.dynamo } })]
  for (const { end } of [log, another, timed]) onEnd(end)
  async function rounds(of: typeof log, most: number) {
    await of.ask({ what: 'round', images: images.splice(0, 100) })  // it knows where the log stands
    dynamo.take()
    bucket.requests.length = 0
    let [entries, commits, ms, cpuMs] = [0, 0, 0, 0]
    for (let left = most; left > 0 && images.length > 0; left -= streamBatch) {
      const done = await of.ask({ what: 'round', images: images.splice(0, Math.min(left, streamBatch)) })
      ;[entries, commits, ms, cpuMs] = [entries + (done.added ?? 0), commits + (done.signed ?? 0), ms + done.ms, cpuMs + done.cpuMs]
    }
    return { entries, commits, ms, cpuMs, uses: dynamo.take().uses, s3: Object.fromEntries([...Map.groupBy(bucket.requests, ({ method, path }) => (path.startsWith('/?') ? 'LIST' : method))].map(([method, found]) => [method, found.length / commits])) }
  }
  const { entries, commits, uses, s3 } = await rounds(log, Math.max(streamBatch, Math.floor(images.length / 2 / streamBatch) * streamBatch))
  const time = await rounds(timed, Infinity)

  async function look(run: () => Promise<Done>): Promise<Look> {
    await run()
    const units = dynamo.take().uses.filter(({ table }) => table !== tables.requests.name).reduce((sum, { reads }) => sum + reads, 0)
    return { readsPerEvent: units / total.events, readsPerKilobyte: units / (total.bytes / 1024) }
  }
  for (const one of [log, timed]) await one.ask({ what: 'look' })   // what rests on people's words goes in now, and each knows the other's
  dynamo.take()
  const looks = { known: await look(() => log.ask({ what: 'look' })), fresh: await look(() => another.ask({ what: 'look' })), sweeper: await look(() => gate.ask({ what: 'sweep' })) }
  const { ms } = await timed.ask({ what: 'look' })
  const [ofEvents, rest] = [uses.filter(({ key }) => key.startsWith('evt_')), uses.filter(({ table, key }) => table === tables.log.name && !key.startsWith('evt_'))]
  return { perEvent: share(ofEvents, entries), perCommit: share(rest, commits), s3, entries: entries / commits, perSecond: time.entries / time.ms * 1000, cpuMsEach: time.cpuMs / time.entries, lookedPerSecond: total.events / ms * 1000, looks }
}
