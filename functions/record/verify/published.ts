import { type Checkpoint, checkpointPath, checkpoints, parseCheckpointPath } from '../log/checkpoint.ts'
import { FormatError } from '../log/format.ts'
import type { Finding } from './finding.ts'
import type { Files } from './verify.ts'

/** Sizes of the checkpoints that lie with the log, in their order. What lies there and is none is among the findings. */
async function sizesOf(files: Pick<Files, 'list'>, add: (finding: Finding) => void): Promise<readonly number[]> {
  const sizes: number[] = []
  for await (const path of files.list(checkpoints)) {
    try {
      sizes.push(parseCheckpointPath(path))
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      add({ path, reason: error.message })
    }
  }
  return sizes.sort((a, b) => a - b)
}

/** Where a log's newest checkpoint lies: the file `checkpoint` of an export; in a copy of the bucket, which has no such file because it could be put back, the last of those that were published. */
export async function headPath(files: Files, most: number): Promise<string> {
  if (await files.read('checkpoint', most).catch((error: unknown) => { if (error instanceof FormatError) return error; throw error }) !== null) return 'checkpoint'
  const last = (await sizesOf(files, () => {})).at(-1)
  return last === undefined ? 'checkpoint' : checkpointPath(last)
}

/**
 * Every checkpoint that lies with the log is one of its tree: signed by the log's key, of the size its name says, with the root the entries have at that size. `open` checks the signature. One beyond the head is
 * what a rollback leaves. Read one by one as the tree grows.
 */
export async function createPublished(files: Files, size: number, most: number, open: (path: string, bytes: Uint8Array) => Checkpoint | undefined, add: (finding: Finding) => void) {
  const sizes = await sizesOf(files, add)
  let next = 0
  let count = 0
  for (const beyond of sizes) if (beyond > size) add({ path: checkpointPath(beyond), reason: `the log was rolled back, or was copied while it grew: it has ${size} entries, and this checkpoint ${beyond}` })

  return {
    /** Whether one ends within these entries, so that each of them must be looked at by itself. */
    endsWithin: (first: number, past: number): boolean => (sizes[next] ?? Infinity) < past && (sizes[next] ?? 0) > first,
    /** The tree has come to this size. */
    async reached(at: number, root: () => Uint8Array): Promise<void> {
      while ((sizes[next] ?? Infinity) < at) next++
      if (sizes[next] !== at) return
      next++
      const path = checkpointPath(at)
      try {
        const bytes = await files.read(path, most)
        const checkpoint = bytes === null ? undefined : open(path, bytes)
        if (checkpoint === undefined) return
        count++
        if (checkpoint.size !== at) add({ path, reason: `it is of ${checkpoint.size} entries, and its name says another size` })
        else if (Buffer.compare(checkpoint.root, root()) !== 0) add({ path, reason: 'its root is not that of the entries: the log was rewritten or forked' })
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
        add({ path, reason: error.message })
      }
    },
    /** How many were compared. */
    count: () => count,
  }
}
