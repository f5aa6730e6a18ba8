import type { Row } from '../schema/audit.ts'
import type { Event, Id } from '../schema/event.ts'
import { isEventId } from '../schema/item.ts'
import { leafOf } from './leaf.ts'
import { readTile } from './log.ts'
import { Damage, Fault, type Ledger, type Log, type Ports, type Shelf, type Shelved } from './ports.ts'
import { openCheckpoint } from './record/log/checkpoint.ts'
import { readEntry } from './record/log/entry.ts'
import { FormatError } from './record/log/format.ts'
import { growing } from './record/log/grow.ts'
import { createRing } from './succession.ts'
import { proveConsistency } from './record/log/prove.ts'
import { decodeEntries, edgeOf, maxEntryBytes, parseTilePath, tilePath, tileWidth, widthIn, type Tile } from './record/log/tile.ts'
import { hashBytes, provesConsistency } from './record/log/tree.ts'
import { readPrune } from './record/retain.ts'
import { rowOf } from './record/row.ts'
import { createPruned, isTrue } from './record/verify/pruned.ts'

/** What one call adds: so many entries, and some more than so many bytes of rows; of those that were removed it passes so many. */
const most = { entries: 1024, bytes: 2 * 1024 * 1024, passed: 65_536 }
const sizes = { entries: tileWidth * (2 + maxEntryBytes), hashes: tileWidth * hashBytes }
interface Tree { readonly size: number; readonly root: Uint8Array }

/**
 * Follows the log into its index. The index is a projection of what was published and of nothing else: before anything is written, the entries are hashed, and the tree they make is
 * shown to be the beginning of the signed one. So a log that was cut, forked or damaged stops it, and what is in the index stays what it was.
 *
 * The order of a round, and what dying after each step leaves:
 * 1. read where the index stands, then what is published: in this order, so that another follower that was faster is never taken for a log that went back.
 * 2. read and hash the next entries, prove that the tree up to them is the beginning of the published one. Dying: nothing.
 * 3. add their rows and move the position, in one statement and only from where step 1 found it. Whoever else moved it meanwhile has added these rows; then it is another's round.
 */
export function createCatalogue({ now, alarm, log, shelf, ledger }: Pick<Ports, 'now' | 'alarm'> & { readonly log: Log; readonly shelf: Shelf; readonly ledger: Pick<Ledger, 'get'> }) {
  let standing: { readonly root: string; readonly tree: ReturnType<typeof growing> } | null = null

  async function read(tile: Tile): Promise<Uint8Array> {
    const bytes = await readTile(log.objects, tile)
    if (bytes === null) throw new Fault('store-unavailable', `${tilePath(tile)} is missing`)
    return bytes
  }

  /** Gives how many entries it added. Throws Fault; what was added stays. */
  async function follow(): Promise<number> {
    const from = await shelf.open()
    const head = await log.store.head()
    const published = await log.store.published()
    if (published === null) return from.size === 0 ? 0 : stop('the log is gone that the index was made from', { indexed: from.size })
    const at = now()
    const signed = openCheckpoint(Buffer.from(published.checkpoint), await createRing(log).keys()).checkpoint
    if (signed.size < from.size) stop('the log went back behind its index', { indexed: from.size, size: signed.size })
    if (signed.size === from.size) return same(signed.root, from.root) ? 0 : stop('the log is not the one the index was made from', { size: signed.size })
    // What the head promises of earlier events holds for the published log where that reaches as far; the head was read before it.
    const mark = head !== null && head.size <= signed.size ? Math.max(head.mark, from.mark) : from.mark
    const pruned = createPruned({ read: (path) => readTile(log.objects, parseTilePath(path)) }, signed.size, sizes)
    let place = from
    while (place.size < signed.size) {
      const next = await add(place, signed, { at, mark, pruned })
      if (next === null) break
      place = next
    }
    return place.size - from.size
  }

  /** null: another follower is ahead. */
  async function add(over: Shelved, signed: Tree, then: { readonly at: number; readonly mark: number; readonly pruned: ReturnType<typeof createPruned> }): Promise<Shelved | null> {
    const tree = await treeAt(over, signed)
    standing = null                                                  // it grows from here on, and counts again once its rows are stored
    const rows: Row[] = []
    let until = 0
    for (let bytes = 0; tree.size() < signed.size && rows.length < most.entries && bytes < most.bytes && tree.size() - over.size < most.passed;) {
      const index = Math.floor(tree.size() / tileWidth)
      const tile: Tile = { level: 'entries', index, width: widthIn(signed.size, 'entries', index) }
      const there = await readTile(log.objects, tile)
      if (there === null) {
        const hashes = await then.pruned.hashes(index)
        if (hashes === null) throw new Fault('store-unavailable', `${tilePath(tile)} is missing`)
        for (const hash of hashes.slice(tree.size() - index * tileWidth)) tree.addHash(hash)
        continue
      }
      const bundle = decodeEntries(there)
      for (const entry of bundle.slice(tree.size() - index * tileWidth)) {
        const row = await rowFrom(entry, tree.size())
        if (row.kind === 'prune') until = Math.max(until, await removedBy(entry, tree.size()))
        tree.add(entry)
        rows.push(row)
        bytes += JSON.stringify(row).length
        if (bytes >= most.bytes) break
      }
    }
    const reached: Tree = { size: tree.size(), root: tree.root() }
    if (!provesConsistency(reached, signed, await proveConsistency(reached.size, signed.size, read))) stop('the log is not the one its checkpoint signs', { size: reached.size })
    const to: Shelved = {
      size: reached.size, root: base64(reached.root), at: then.at, mark: reached.size === signed.size ? then.mark : over.mark, opaque: over.opaque + rows.filter(({ opaque }) => opaque).length,
    }
    if (!await shelf.add(rows.filter(({ index }) => index >= until), over, to, until)) return null
    standing = { root: to.root, tree }
    return to
  }

  /** The tree the index stands at: kept, or made again from the log's tiles, which must then give the root that is kept with the index. */
  async function treeAt({ size, root }: Shelved, signed: Tree): Promise<ReturnType<typeof growing>> {
    if (standing?.root === root && standing.tree.size() === size) return standing.tree
    const levels: Uint8Array[] = []
    for (const { level, index, width } of edgeOf(size)) {
      // No checkpoint need ever have been of this size, so the tile is there as wide as the published log has it.
      if (level !== 'entries') levels[level] = (await read({ level, index, width: widthIn(signed.size, level, index) })).subarray(0, width * hashBytes)
    }
    const tree = growing({ size, levels: Array.from(levels, (level) => level ?? new Uint8Array()) }, () => {})
    return same(tree.root(), root) ? tree : stop('the log is not the one the index was made from', { size })
  }

  /** What is too long for the log lies there by its digest: then the record tells of it, if what is there makes this very entry. */
  async function rowFrom(bytes: Buffer, index: number): Promise<Row> {
    try {
      const entry = readEntry(bytes)
      if (entry.whole || !isEventId(entry.id)) return rowOf(entry, index)
      const stored = await storedAs(entry.id)
      if (stored === null || Buffer.compare(leafOf(stored).entry, bytes) !== 0) return rowOf(entry, index)
      return rowOf({ ...entry, whole: true, event: Object.fromEntries(Object.entries(stored)) }, index)
    } catch (error) {
      if (error instanceof FormatError) return stop('the log holds an entry that this version cannot read', { index })
      throw error
    }
  }

  /** null: not there, or damaged: asked for again it would be so for ever, and no entry behind it would be found. */
  async function storedAs(id: Id<'evt'>): Promise<Event | null> {
    try {
      return await ledger.get(id)
    } catch (error) {
      if (error instanceof Damage) return null
      throw error
    }
  }

  /**
   * Entries before this index are removed, or will be, as this one says: what they said is to be found no longer than it is kept. Believed where it is true of those that are there still, so that nobody
   * who merely writes events takes entries out of the index that are not over. They are removed from the first on.
   */
  async function removedBy(entry: Buffer, at: number): Promise<number> {
    const { event, at: time, id } = readEntry(entry)
    const prune = readPrune({ change: event['change'], at: time })
    const newest: string[] = []
    for (let index = prune === null ? -1 : (prune.last + 1) / tileWidth - 1; index >= 0; index--) {
      const bytes = await readTile(log.objects, { level: 'entries', index, width: tileWidth })
      if (bytes === null) break
      newest[index] = decodeEntries(bytes).map((one) => readEntry(one).at).toSorted().at(-1) ?? ''
    }
    if (prune !== null && prune.last < at && isTrue(prune, newest)) return prune.last + 1
    alarm('entries are said to be removed, and are not as old as that', { id })
    return 0
  }

  function stop(what: string, detail: Readonly<Record<string, unknown>>): never {
    alarm(what, detail)
    throw new Fault('internal', what)
  }
  return { follow }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const same = (root: Uint8Array, kept: string): boolean => base64(root) === kept
