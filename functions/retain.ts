import { Fault, type Log, type Ports } from './ports.ts'
import { decodeEntries, tilePath, tileWidth, type Tile } from './record/log/tile.ts'
import { daysOver, destroysFrom, overBy, retentionOf, type Kept, type Prune } from './record/retain.ts'
import { createRecorder } from './record/story.ts'

/** Sheets one erasure names, and bundles one run looks at. */
const most = { sheets: 500, bundles: 256 }
/** A prune is waited for until it is in the log, ms. */
const patience = { tries: 30, everyMs: 1000 }

/**
 * Does what the policy says of how long the record is kept: destroys the keys of content that is older, whole sheets at once, and removes bundles of entries that are, whose hashes stay. Each time what
 * is about to go is told by an event first: dying after it leaves something that is said to go and is there still, which the next run finds. Any number may run. Throws Fault; the next run does
 * the rest. `pause`: waits so many milliseconds.
 */
export function createRetention(ports: Pick<Ports, 'now' | 'id' | 'policies' | 'ledger' | 'keys' | 'log' | 'alarm'>, pause: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => { setTimeout(resolve, ms) })) {
  const recorder = createRecorder(ports)
  const empty = new Set<string>()

  async function run(): Promise<{ readonly sheets: number; readonly bundles: number }> {
    const pointer = await ports.policies.pointer()
    if (pointer === null) return { sheets: 0, bundles: 0 }
    const bundle = await ports.policies.load(pointer.version, pointer.chunks)
    const { content, entries } = retentionOf(bundle)
    const isDue = (what: 'content' | 'entries'): boolean => ports.now() >= destroysFrom(bundle, pointer.appliedAt, what)
    return {
      sheets: content === null || !isDue('content') ? 0 : await eraseOver(content),
      bundles: entries === null || ports.log === null || !isDue('entries') ? 0 : await prune(ports.log, entries),
    }
  }

  /** A day that is over gets no new sheet, so once it has none it is done with. */
  async function eraseOver(kept: Kept): Promise<number> {
    let gone = 0
    for (const day of daysOver(ports.now(), kept)) {
      while (!empty.has(day)) {
        const sheets = await ports.keys.sheets(day, most.sheets)
        if (sheets.length === 0) empty.add(day)
        else {
          await recorder.notice('erasure', { retention: kept.word, day, sheets })
          for (const sheet of sheets) await ports.keys.destroy(sheet, 'all')
          gone += sheets.length
        }
      }
    }
    return gone
  }

  async function prune({ objects, store }: Log, kept: Kept): Promise<number> {
    const full = Math.floor(((await store.published())?.size ?? 0) / tileWidth)
    const start = await firstThere(objects, full)
    const found = await over(objects, start, full, kept, ports.now())
    if (found === null) return 0
    const { end, before } = found
    const change: Prune = { first: 0, last: end * tileWidth - 1, before, retention: kept.word }
    const id = await recorder.notice('prune', { ...change })
    // What the log does not itself say is removed would look like theft to whoever verifies it, so that is in the tree first.
    for (let i = 0; !(await sequenced(store, id)); i++) {
      if (i >= patience.tries) return 0
      await pause(patience.everyMs)
    }
    for (let index = start; index < end; index++) await objects.prune(tilePath(bundle(index)), ports.now() - kept.ms)     // dies here: the rest is there, and the next run says so again
    return end - start
  }

  async function sequenced(store: Log['store'], id: `evt_${string}`): Promise<boolean> {
    const [published, places] = [await store.published(), await store.where([id])]
    return (places.get(id) ?? Infinity) < (published?.size ?? 0)
  }
  return { run }
}

const bundle = (index: number): Tile => ({ level: 'entries', index, width: tileWidth })

/** Bundles are removed from the first on, so those that are there are all after those that are not. */
async function firstThere(objects: Log['objects'], full: number): Promise<number> {
  let [low, high] = [0, full]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (await objects.get(tilePath(bundle(middle))) === null) low = middle + 1
    else high = middle
  }
  return low
}

/** From `start` on, how far all is older, and locked by nothing any more: what the store will not remove is not said to be. null: not even the first. */
async function over(objects: Log['objects'], start: number, full: number, kept: Kept, now: number): Promise<{ readonly end: number; readonly before: string } | null> {
  let [end, before] = [start, '']
  for (; end < Math.min(full, start + most.bundles); end++) {
    if (((await objects.locks?.read(tilePath(bundle(end))))?.until ?? 0) > now) break
    const bytes = await objects.get(tilePath(bundle(end)))
    if (bytes === null) throw new Fault('internal', 'a bundle of entries is missing between others')
    const newest = overBy(decodeEntries(bytes), now, kept)
    if (newest === null) break
    if (newest > before) before = newest
  }
  return end === start ? null : { end, before }
}
