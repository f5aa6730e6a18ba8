import { FormatError } from './format.ts'
import { tileWidth, widthIn, type Tile } from './tile.ts'
import { consistencyOf, foldRight, halve, hashBytes, inclusionOf, nodesOf, type Node, type Range } from './tree.ts'

/** Gives a tile's bytes. Where a partial tile is gone because the full one came, the full one may be given: only the width that was asked for is looked at. */
export type ReadTile = (tile: Tile) => Promise<Uint8Array>

/** The inclusion proof of entry `index` in the tree of `size`. Reads at most two tiles a level. Throws FormatError for a tile that is too short, RangeError where there is no such entry. */
export const proveInclusion = async (index: number, size: number, read: ReadTile): Promise<readonly Uint8Array[]> => hashesOf(inclusionOf(index, size), size, once(read))
/** The consistency proof from the tree of `old` entries to that of `size`. */
export const proveConsistency = async (old: number, size: number, read: ReadTile): Promise<readonly Uint8Array[]> => hashesOf(consistencyOf(old, size), size, once(read))
/** The root the tiles give for the tree of `size`, so that a proof is never made from tiles of another one. */
export const rootFrom = async (size: number, read: ReadTile): Promise<Uint8Array> => (await hashesOf([{ from: 0, to: size }], size, once(read)))[0] ?? foldRight([])

const hashesOf = (ranges: readonly Range[], size: number, read: ReadTile): Promise<readonly Uint8Array[]> =>
  Promise.all(ranges.map(async (range) => foldRight(await Promise.all(nodesOf(range).map((node) => hashOf(node, size, read))))))

/** A perfect subtree's hash: the tile of the level below it holds it, or the up to 256 hashes it is made of. */
async function hashOf({ level, index }: Node, size: number, read: ReadTile): Promise<Uint8Array> {
  const tileLevel = Math.floor(level / 8)
  const run = 2 ** (level % 8)
  const at = Math.floor(index * run / tileWidth)
  const tile: Tile = { level: tileLevel, index: at, width: widthIn(size, tileLevel, at) }
  const bytes = await read(tile)
  if (bytes.length < tile.width * hashBytes) throw new FormatError('a tile is too short')
  const from = (index * run % tileWidth) * hashBytes
  const work = Buffer.from(bytes.subarray(from, from + run * hashBytes))
  for (let left = run; left > 1; left /= 2) halve(work, left)
  return work.subarray(0, hashBytes)
}

/** Neighbouring hashes of a proof lie in the same tiles. */
function once(read: ReadTile): ReadTile {
  const given = new Map<string, Promise<Uint8Array>>()
  return (tile) => {
    const key = `${tile.level}/${tile.index}`
    const known = given.get(key) ?? read(tile)
    given.set(key, known)
    return known
  }
}
