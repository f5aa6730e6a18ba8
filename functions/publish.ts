import { together } from './abreast.ts'
import { Fault, type LogRows, type LogStore, type Objects, type Published } from './ports.ts'
import { checkpointPath, checkpoints, parseCheckpoint, parseCheckpointPath } from './record/log/checkpoint.ts'
import { FormatError } from './record/log/format.ts'
import { parseNote } from './record/log/note.ts'

/**
 * What is published is an object, written once under the size of its tree and locked as tiles are; the newest is the last in the order of names. A row says where to look first, so that it costs one list to
 * know that nothing came after it. Nothing rests on the row: put back, put forward or gone, the search is longer and finds the same. So whoever may write to the table cannot show readers an older
 * log, and two checkpoints of one size, which would be a fork, are one name.
 *
 * Published after everything the checkpoint covers: dying before, the next sequencer publishes it (commit.ts). The object first, then the row: dying between, a reader looks one step further.
 */
export function publishing(objects: Pick<Objects, 'create' | 'get' | 'after'>, { hint, ...rows }: LogRows): LogStore {
  /** The smallest size over `size` that has a checkpoint. */
  async function next(size: number): Promise<number | null> {
    const [path] = await objects.after(checkpoints, size < 0 ? '' : checkpointPath(size), 1)
    return path === undefined ? null : whole(path, () => parseCheckpointPath(path))
  }

  /** From a size that has a checkpoint, or from -1: in steps twice as long each until there is none beyond, then by halves. */
  async function newest(from: number): Promise<number | null> {
    let low = from
    let high = from
    for (let [step, found] = [0, await next(from)]; found !== null; step = step * 2 || 1) {
      low = found
      high = Math.min(low + step, Number.MAX_SAFE_INTEGER)
      found = await next(high)
    }
    while (low < high) {
      const middle = Math.floor(low + (high - low) / 2)
      const found = await next(middle)
      if (found === null) high = middle
      else low = found
    }
    return low < 0 ? null : low
  }

  async function read(size: number): Promise<Published | null> {
    const bytes = await objects.get(checkpointPath(size))
    if (bytes === null) return null
    const checkpoint = Buffer.from(bytes).toString('utf8')
    if (whole(checkpointPath(size), () => parseCheckpoint(parseNote(bytes).text)).size !== size) throw new Fault('internal', `the checkpoint of ${size} entries is of another size`)
    return { size, checkpoint }
  }

  async function published(): Promise<Published | null> {
    const told = await rows.hinted()
    const near = told === null ? null : await read(told)
    const size = await newest(near?.size ?? -1)
    if (size === null) return null
    const found = near?.size === size ? near : await read(size)
    if (found !== null) return found
    throw new Fault('store-unavailable', `the checkpoint of ${size} entries is listed and is not there`)
  }

  async function publish({ size, checkpoint }: Published, covered: Promise<unknown> = Promise.resolve()): Promise<void> {
    const [path, bytes] = [checkpointPath(size), Buffer.from(checkpoint)]
    const [there] = await together([objects.get(path), covered])    // in S3 the condition of a write does not see what a delete marker hides, and reading does
    if (there !== null && Buffer.compare(there, bytes) !== 0) throw new Fault('internal', `another checkpoint of ${size} entries was published: this one would be a fork`)
    await objects.create(path, bytes)
    await hint(size)
  }
  return { ...rows, publish, shown: async (size) => (await read(size))?.checkpoint ?? null, published }
}

/** What lies there was written once by the log's own writer. Of anything else nobody can say what is published, and an older checkpoint in its place would be a rollback. */
function whole<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof FormatError) throw new Fault('internal', `\`${path}\` is no checkpoint`, { cause: error })
    throw error
  }
}
