import type { Id } from '../schema/event.ts'
import type { Log } from './ports.ts'
import { tilePath, tileWidth } from './record/log/tile.ts'
import { hashBytes, leafHash } from './record/log/tree.ts'

/** `forged`: the first that no tree has. `other`: where the tree has another leaf. `unknown`: what cannot be looked at just now. */
export interface Placed { readonly forged: Id<'evt'> | null; readonly other: readonly Id<'evt'>[]; readonly unknown: ReadonlySet<Id<'evt'>> }

/**
 * Whether the log has these events where its rows of indexes say. Whoever writes to that table alone could else keep an event out of the log by a row that is there before it. `size`: of a head that was seen;
 * `entryOf`: the leaf's bytes, where they are at hand.
 */
export async function look({ objects, store }: Pick<Log, 'objects' | 'store'>, there: ReadonlyMap<Id<'evt'>, number>, size: number, entryOf: (id: Id<'evt'>) => Uint8Array | null): Promise<Placed> {
  const known = [...there.values()].every((index) => index < size) ? size : (await store.head())?.size ?? 0           // another sequencer is further: an index is written after its head
  const forged = [...there].find(([, index]) => !Number.isSafeInteger(index) || index < 0 || index >= known)?.[0] ?? null
  const tiles = new Map<number, Promise<Uint8Array | null>>()
  const read = (index: number): Promise<Uint8Array | null> => {
    const width = Math.min(tileWidth, known - index * tileWidth)
    const tile = tiles.get(index) ?? objects.get(tilePath({ level: 0, index, width: tileWidth })).then((full) => full ?? (width === tileWidth ? null : objects.get(tilePath({ level: 0, index, width }))))
    tiles.set(index, tile)
    return tile
  }
  const [other, unknown]: [Id<'evt'>[], Set<Id<'evt'>>] = [[], new Set()]
  for (const [id, index] of forged === null ? there : []) {
    const entry = entryOf(id)
    const tile = entry && await read(Math.floor(index / tileWidth))
    const at = (index % tileWidth) * hashBytes
    if (entry === null || !tile || tile.length < at + hashBytes) unknown.add(id)
    else if (Buffer.compare(tile.subarray(at, at + hashBytes), leafHash(entry)) !== 0) other.push(id)
  }
  return { forged, other, unknown }
}
