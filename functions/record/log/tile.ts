import { FormatError } from './format.ts'

/**
 * Names and contents of c2sp.org/tlog-tiles. A tile is up to 256 neighbours of one level: hashes of 32 bytes, or the entries themselves. A partial tile, of
 * 1 to 255, is at the right edge of some tree and is a prefix of the full one.
 */
export interface Tile { readonly level: number | 'entries'; readonly index: number; /** 1 to 256. */ readonly width: number }
export const tileWidth = 256
export const maxEntryBytes = 65_535

/** `tile/<L>/<N>[.p/<W>]`, N in groups of three digits with `x` before all but the last. */
export function tilePath({ level, index, width }: Tile): string {
  let path = String(index % 1000).padStart(3, '0')
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) path = `x${String(rest % 1000).padStart(3, '0')}/${path}`
  return `tile/${level}/${path}${width === tileWidth ? '' : `.p/${width}`}`
}

/** The tile a path names. Only the spelling that `tilePath` gives is one: throws FormatError for any other. */
export function parseTilePath(path: string): Tile {
  const parts = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path)
  const tile = parts && {
    level: parts[1] === 'entries' ? 'entries' as const : Number(parts[1]), index: Number((parts[2] ?? '').replace(/[x/]/g, '')), width: parts[3] === undefined ? tileWidth : Number(parts[3]),
  }
  if (!tile || tile.width < 1 || tile.width > tileWidth || tile.level !== 'entries' && tile.level > 63 || !Number.isSafeInteger(tile.index) || tilePath(tile) !== path) throw new FormatError('not the path of a tile')
  return tile
}

/** How wide tile `index` of a level is in a tree of `size` entries: 0 where it has none. */
export function widthIn(size: number, level: number | 'entries', index: number): number {
  const hashes = Math.floor(size / tileWidth ** (level === 'entries' ? 0 : level))
  return Math.max(0, Math.min(tileWidth, hashes - index * tileWidth))
}

/** The partial tiles at the right edge of a tree of `size` entries, entries first, then from level 0 up. Full tiles are not among them. */
export function edgeOf(size: number): readonly Tile[] {
  const tiles: Tile[] = []
  for (let [level, rest] = [0, size]; rest > 0; [level, rest] = [level + 1, Math.floor(rest / tileWidth)]) {
    const tile = { index: Math.floor(rest / tileWidth), width: rest % tileWidth }
    if (tile.width === 0) continue
    if (level === 0) tiles.push({ level: 'entries', ...tile })
    tiles.push({ level, ...tile })
  }
  return tiles
}

/** Entries as a bundle: each after its length, two bytes, big-endian. Throws RangeError over 65 535 bytes. */
export function encodeEntries(entries: readonly Uint8Array[]): Buffer {
  let size = 0
  for (const { length } of entries) {
    if (length > maxEntryBytes) throw new RangeError('an entry over 65535 bytes')
    size += 2 + length
  }
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (const entry of entries) {
    bytes[at++] = entry.length >> 8
    bytes[at++] = entry.length
    bytes.set(entry, at)
    at += entry.length
  }
  return bytes
}

/** Where the entries of a bundle begin, each with its length, and where the last one ends. Throws FormatError where it ends inside one, or holds more than 256. */
export function startsIn(bundle: Buffer): readonly number[] {
  const starts = [0]
  for (let at = 0; at < bundle.length;) {
    const end = at + 2 <= bundle.length ? at + 2 + (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0) : Infinity
    if (end > bundle.length) throw new FormatError('the bundle ends inside an entry')
    if (starts.length > tileWidth) throw new FormatError('more than 256 entries')
    starts.push(end)
    at = end
  }
  return starts
}

/** The entries of a bundle, as views of it. Throws FormatError as `startsIn` does. */
export function decodeEntries(bytes: Uint8Array): readonly Buffer[] {
  const bundle = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const starts = startsIn(bundle)
  return Array.from({ length: starts.length - 1 }, (_, at) => bundle.subarray((starts[at] ?? 0) + 2, starts[at + 1]))
}
