import { FormatError } from '../log/format.ts'
import { decodeEntries, encodeEntries, parseTilePath, type Tile, tilePath, tileWidth, widthIn } from '../log/tile.ts'
import { hashBytes } from '../log/tree.ts'
import type { Finding } from './finding.ts'
import type { Files } from './verify.ts'

/**
 * Every file below `tile/` is one of the tree of this size, or a partial tile of an earlier tree and a prefix of the present one. More than that is what a rollback leaves:
 * entries that the checkpoint does not admit to. The tiles of the tree itself were compared before.
 */
export async function checkFiles(files: Files, size: number, most: { readonly entries: number; readonly hashes: number }, add: (finding: Finding) => void): Promise<void> {
  for await (const path of files.list('tile/')) {
    try {
      const tile = parseTilePath(path)
      const width = widthIn(size, tile.level, tile.index)
      if (tile.width === width) continue
      if (tile.width > width) throw new FormatError('the checkpoint does not reach so far: the log was rolled back, or was copied while it grew')
      const limit = tile.level === 'entries' ? most.entries : most.hashes
      const [part, whole] = [await files.read(path, limit), await files.read(tilePath({ ...tile, width }), limit)]
      if (part === null || whole === null || Buffer.compare(part, prefixOf(tile, whole)) !== 0) throw new FormatError(`an earlier tile is no prefix of ${tilePath({ ...tile, width: width || tileWidth })}`)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      add({ path, reason: error.message })
    }
  }
}
const prefixOf = ({ level, width }: Tile, whole: Uint8Array): Uint8Array => level === 'entries' ? encodeEntries(decodeEntries(whole).slice(0, width)) : whole.subarray(0, width * hashBytes)
