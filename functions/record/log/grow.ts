import { FormatError } from './format.ts'
import { edgeOf, encodeEntries, decodeEntries, maxEntryBytes, tilePath, tileWidth, type Tile } from './tile.ts'
import { foldRight, halve, hashBytes, leafInto, leavesWithin } from './tree.ts'

/** A tree as far as it must be known to grow: its size, and for each level the hashes of the partial tile at its right edge. */
export interface Edge { readonly size: number; readonly levels: readonly Uint8Array[] }

/**
 * A tree that grows in memory. Holds one partial tile a level, whatever its size. `full` hears of every hash tile as it is filled, lower levels first; the
 * bytes are its own to keep.
 */
export function growing(edge: Edge, full: (tile: Tile, bytes: Buffer) => void) {
  const levels: { hashes: Buffer; width: number }[] = []
  let size = edge.size
  for (const [at, known] of edge.levels.entries()) {
    const level = levelAt(at)
    if (known.length % hashBytes !== 0 || known.length >= tileWidth * hashBytes) throw new RangeError('not the edge of a tree')
    level.hashes.set(known)
    level.width = known.length / hashBytes
  }
  if (widths() !== size) throw new RangeError('not the edge of a tree of this size')

  function levelAt(level: number): { hashes: Buffer; width: number } {
    return levels[level] ??= { hashes: Buffer.allocUnsafe(tileWidth * hashBytes), width: 0 }
  }
  function widths(): number {
    return levels.reduce((sum, { width }, level) => sum + width * tileWidth ** level, 0)
  }
  function filled(level: number): void {
    const { hashes } = levelAt(level)
    full({ level, index: Math.floor(size / tileWidth ** (level + 1)) - 1, width: tileWidth }, hashes)
    const above = levelAt(level + 1)
    perfect(hashes, above.hashes, above.width * hashBytes)
    levels[level] = { hashes: Buffer.allocUnsafe(tileWidth * hashBytes), width: 0 }
    if (++above.width === tileWidth) filled(level + 1)
  }
  function added(level: { width: number }, count = 1): void {
    size += count
    level.width += count
    if (level.width === tileWidth) filled(0)
  }
  return {
    size: () => size,
    add(entry: Uint8Array): void {
      const level = levelAt(0)
      leafInto(level.hashes, level.width * hashBytes, entry)
      added(level)
    },
    /** An entry of which only the hash is known. */
    addHash(hash: Uint8Array): void {
      const level = levelAt(0)
      level.hashes.set(hash, level.width * hashBytes)
      added(level)
    },
    /** The `count` entries that stand in a bundle from `start`, each after its length. Throws RangeError where they are more than the tile has room for. */
    addBundle(bundle: Buffer, start: number, count: number): void {
      const level = levelAt(0)
      if (level.width + count > tileWidth) throw new RangeError('more entries than a bundle has')
      leavesWithin(level.hashes, level.width * hashBytes, bundle, start, count)
      added(level, count)
    },
    /** The partial tiles there are now, from level 0 up. */
    partial(): readonly { readonly tile: Tile; readonly bytes: Buffer }[] {
      return levels.flatMap(({ hashes, width }, level) =>
        width === 0 ? [] : [{ tile: { level, index: Math.floor(size / tileWidth ** (level + 1)), width }, bytes: hashes.subarray(0, width * hashBytes) }])
    },
    edge: (): Edge => ({ size, levels: levels.map(({ hashes, width }) => Buffer.from(hashes.subarray(0, width * hashBytes))) }),
    root: (): Uint8Array => rootOf(levels),
  }
}

/** The root over all 256 hashes of a full tile. */
function perfect(tile: Buffer, target: Buffer, at: number): void {
  const work = Buffer.from(tile)
  for (let width = tileWidth; width > 1; width /= 2) halve(work, width)
  work.copy(target, at, 0, hashBytes)
}

/** The hashes of each level are subtrees smaller than those of the level above it, so the levels follow each other from the highest to the lowest, left to right. */
function rootOf(levels: readonly { readonly hashes: Buffer; readonly width: number }[]): Uint8Array {
  return foldRight(levels.toReversed().flatMap(({ hashes, width }) => {
    const subtrees: Buffer[] = []
    for (let [at, run] = [0, tileWidth / 2]; run >= 1; run /= 2) {
      if (Math.floor(width / run) % 2 === 0) continue
      const work = Buffer.from(hashes.subarray(at * hashBytes, (at + run) * hashBytes))
      for (let left = run; left > 1; left /= 2) halve(work, left)
      subtrees.push(work.subarray(0, hashBytes))
      at += run
    }
    return subtrees
  }))
}

/** What there is at the right edge of a log: a tree that can grow, and the entries of its last bundle. */
export interface LogEdge { readonly edge: Edge; /** Entries of the partial bundle, at most 255. */ readonly entries: readonly Uint8Array[] }
export const emptyLog: LogEdge = { edge: { size: 0, levels: [] }, entries: [] }

/**
 * The edge of a log of `size` entries, from its partial tiles. Throws FormatError where one is missing or is not as wide as it must be; whoever asks compares
 * `growing(edge).root()` with the root that was signed, for what was read proves nothing by itself.
 */
export async function edgeFrom(size: number, read: (path: string) => Promise<Uint8Array | null>): Promise<LogEdge> {
  const levels: Uint8Array[] = []
  let entries: readonly Uint8Array[] = []
  for (const tile of edgeOf(size)) {
    const bytes = await read(tilePath(tile))
    if (bytes === null) throw new FormatError(`${tilePath(tile)} is missing`)
    if (tile.level === 'entries') entries = decodeEntries(bytes)
    else levels[tile.level] = bytes
    if ((tile.level === 'entries' ? entries.length : bytes.length / hashBytes) !== tile.width) throw new FormatError(`${tilePath(tile)} is not ${tile.width} wide`)
  }
  return { edge: { size, levels: Array.from(levels, (level) => level ?? Buffer.alloc(0)) }, entries }
}

/**
 * Appends entries: the tiles to write (full ones, and the partial ones of the new size), the new edge and the new root. Pure: the same log and entries give the
 * same tiles, so writing them twice writes the same. Throws RangeError for an entry over 65 535 bytes, before anything is made.
 */
export function append(log: LogEdge, added: readonly Uint8Array[]): { readonly log: LogEdge; readonly root: Uint8Array; readonly tiles: readonly { readonly path: string; readonly bytes: Uint8Array }[] } {
  if (added.some(({ length }) => length > maxEntryBytes)) throw new RangeError('an entry over 65535 bytes')
  const tiles: { path: string; bytes: Uint8Array }[] = []
  const tree = growing(log.edge, (tile, bytes) => { tiles.push({ path: tilePath(tile), bytes }) })
  let bundle = log.entries
  for (let at = 0; at < added.length;) {
    const earlier = bundle
    const taken = added.slice(at, at + tileWidth - earlier.length)
    at += taken.length
    bundle = earlier.length === 0 ? taken : [...earlier, ...taken]
    const bytes = encodeEntries(bundle)
    tree.addBundle(bytes, earlier.reduce((sum, { length }) => sum + 2 + length, 0), taken.length)
    tiles.push({ path: tilePath({ level: 'entries', index: Math.floor((tree.size() - 1) / tileWidth), width: bundle.length }), bytes })
    if (bundle.length === tileWidth) bundle = []
  }
  if (added.length > 0) for (const { tile, bytes } of tree.partial()) tiles.push({ path: tilePath(tile), bytes: Buffer.from(bytes) })
  return { log: { edge: tree.edge(), entries: bundle }, root: tree.root(), tiles }
}
