import { randomInt } from 'node:crypto'
import type { Lengthened, Log, Ports } from './ports.ts'
import { checkpoints } from './record/log/checkpoint.ts'
import { FormatError } from './record/log/format.ts'
import { parseTilePath, tilePath, tileWidth, type Tile } from './record/log/tile.ts'
import { lockOf } from './record/retain.ts'
import { goalOf, type Term } from './term.ts'

/** Objects one run looks at, and how many at once. */
const mostObjects = 200
const abreast = 8
/** A lock that is this little short is long enough: a clock, a minute's delay. */
const slackMs = 3_600_000
/** Tiles that are looked at, at random, when the row says that nothing is to be done. */
const sampled = 4
/** Where the walk is when it is through with checkpoints. */
const tiles = 'tile/'

/**
 * Lengthens the locks of what is in the log's bucket, object by object: when the policy keeps entries longer than it did, and when a quarter of the longest lock is over since the last walk, because what stays for
 * ever is locked for `mostMs` at a time. A policy that keeps entries less long shortens nothing: a lock that ends later stays. The walk is resumed where it was, by whoever comes next; two at once
 * do the same twice. Nothing rests on the row that says where it is: when it says that the walk is through, some tiles are looked at all the same, and where one is not locked as it should be it begins anew. Where the store lengthens nothing, nothing is done.
 */
export function createLengthening({ now, log: { objects, store }, term }: Pick<Ports, 'now'> & { readonly log: Pick<Log, 'objects' | 'store'>; readonly term: () => Promise<Term | null> }, mostMs: number) {
  /** Gives how many locks it lengthened. Throws Fault; what was lengthened stays so. */
  async function run(): Promise<number> {
    const { read, lengthen } = objects.locks ?? {}
    if (read === undefined || lengthen === undefined) return 0
    const said = await term()
    if (said === null) return 0
    let walk = due(await store.lengthened(), goalOf(said))
    if (walk.after === null) {
      if (!await isShort(read, said)) return 0
      walk = { goal: goalOf(said), since: now(), after: '' }
    }
    const after = walk.after ?? ''
    const ofTiles = after.startsWith(tiles)
    // Tiles are counted, not listed: for each that stays a list names hundreds of partial ones that went.
    const paths = ofTiles ? tilesAfter(after, (await store.published())?.size ?? 0) : await objects.after(checkpoints, after, mostObjects)
    const next = paths.values()
    let count = 0
    await Promise.all(Array.from({ length: abreast }, async () => {
      for (const path of next) {
        const lock = await read(path)
        if (lock === null) continue                                 // its time was over
        const at = now()
        const to = lockOf(path, lock.made, said.kept, at, mostMs)
        if (lock.until + (to === at + mostMs ? mostMs / 8 : slackMs) >= to) continue       // what stays for ever is not worth a request at every change of the policy
        await lengthen(path, to)
        count++
      }
    }))
    await store.progress({ ...walk, after: paths.length === mostObjects ? paths.at(-1) ?? null : ofTiles ? null : tiles })
    return count
  }

  function due(walk: Lengthened | null, goal: string): Lengthened {
    const over = walk !== null && (walk.since > now() + slackMs || (walk.after === null && now() - walk.since >= mostMs / 4))
    return walk === null || walk.goal !== goal || over || !isPlace(walk.after) ? { goal, since: now(), after: '' } : walk
  }

  /** Whether a tile, taken at random, has a lock that no walk would have left it. */
  async function isShort(read: NonNullable<Log['objects']['locks']>['read'], { kept }: Term): Promise<boolean> {
    const count = Math.floor(((await store.published())?.size ?? 0) / tileWidth)
    if (count === 0) return false
    for (let i = 0; i < sampled; i++) {
      const path = tilePath({ level: i % 2 === 0 ? 'entries' : 0, index: randomInt(count), width: tileWidth })
      const lock = await read(path)
      const at = now()
      const to = lock === null ? 0 : lockOf(path, lock.made, kept, at, mostMs)
      if (lock !== null && to > at && lock.until + (to === at + mostMs ? mostMs / 2 : slackMs) < to) return true
    }
    return false
  }
  return { run }
}

/** Whoever wrote the row may have written anything. */
function isPlace(after: string | null): boolean {
  if (after === null || !after.startsWith(tiles) || after === tiles) return true
  try {
    parseTilePath(after)
    return true
  } catch (error) {
    if (error instanceof FormatError) return false
    throw error
  }
}

/** The next full tiles of a log of `size` entries: bundles of entries first, then hashes, level by level. Partial ones go when the full ones come. */
function tilesAfter(after: string, size: number): readonly string[] {
  const last = after === tiles ? null : parseTilePath(after)
  const levels: { readonly level: Tile['level']; readonly count: number }[] = [{ level: 'entries', count: Math.floor(size / tileWidth) }]
  for (let [level, count] = [0, Math.floor(size / tileWidth)]; count > 0; [level, count] = [level + 1, Math.floor(count / tileWidth)]) levels.push({ level, count })
  const paths: string[] = []
  for (const { level, count } of levels.slice(last === null ? 0 : levels.findIndex((one) => one.level === last.level))) {
    for (let index = level === last?.level ? last.index + 1 : 0; index < count && paths.length < mostObjects; index++) paths.push(tilePath({ level, index, width: tileWidth }))
  }
  return paths
}
