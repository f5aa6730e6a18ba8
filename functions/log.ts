import { isEventId } from '../schema/item.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import { contentOf } from './disclosure.ts'
import type { Door, Own, Story } from './own.ts'
import { Fault, type Log, type Objects, type Ports } from './ports.ts'
import { openCheckpoint } from './record/log/checkpoint.ts'
import { FormatError } from './record/log/format.ts'
import { formatVkey } from './record/log/note.ts'
import { formatProof } from './record/log/proof.ts'
import { proveInclusion } from './record/log/prove.ts'
import { decodeEntries, encodeEntries, parseTilePath, tilePath, tileWidth, type Tile } from './record/log/tile.ts'
import { hashBytes, provesInclusion } from './record/log/tree.ts'
import { createRing } from './succession.ts'

/** What is answered as bytes of a format of its own. */
export interface Document { readonly type: string; readonly body: string | Uint8Array<ArrayBuffer> }
const reading = [{ action: 'read', resource: 'audit' }] as const
const text = (body: string): Document => ({ type: 'text/plain; charset=utf-8', body })

/**
 * The log as c2sp.org/tlog-tiles lays it out, and receipts, for those whom a rule lets read the audit. What shows content, entries and the receipt of an event, is recorded first;
 * hashes, keys and checkpoints say nothing of anybody, and a witness that asks every minute must not be what makes the log grow.
 */
export function createLogReader(ports: Pick<Ports, 'log' | 'ledger' | 'keys' | 'alarm'>, own: Own) {
  const permitted = (door: Door, run: (log: Log, story: Story) => Promise<Result<Document>>) =>
    own.permitted<Document>(door, reading, async (_, story) => ports.log === null ? noLog : await run(ports.log, story))

  const checkpoint = (door: Door) => permitted(door, async ({ store }) => {
    const published = await store.published()
    return published === null ? nothingYet : ok(text(published.checkpoint))
  })

  const vkey = (door: Door) => permitted(door, async (log) => {
    const [published, keys] = [await log.store.published(), await createRing(log).keys()]
    // Those that signed the newest checkpoint, in its order: of two in a succession the old one first.
    const signed = published === null ? keys.slice(0, 1) : openCheckpoint(Buffer.from(published.checkpoint), keys).by
    return ok(text(signed.map((key) => `${formatVkey(key)}\n`).join('')))
  })

  /** The statements by which one key followed another, so that who knows an old one need not ask anybody for the new. */
  const keys = (door: Door) => permitted(door, async ({ store }) => ok({ type: 'application/json', body: JSON.stringify({ keys: (await store.head())?.keys ?? [] }) }))

  const tile = (door: Door, path: string) => permitted(door, async ({ objects }, story) => {
    const wanted = tileOf(path)
    if (wanted === null) return noTile
    if (wanted.level === 'entries') {
      const noticed = await story.notice('audit-read', { log: path })
      if (!noticed.ok) return noticed
    }
    const bytes = await readTile(objects, wanted)
    if (bytes === null && wanted.level === 'entries' && wanted.width === tileWidth && await objects.get(tilePath({ ...wanted, level: 0 })) !== null) return pruned
    return bytes === null ? noTile : ok({ type: 'application/octet-stream', body: Uint8Array.from(bytes) })
  })

  /** Beside a bundle of entries, what of their content is there still: see disclosure.ts. `path`: that of the bundle, `content` for `tile/entries`. */
  const content = (door: Door, path: string, from: string | undefined) => permitted(door, async ({ objects }, story) => {
    const wanted = tileOf(path.replace(/^content\//, 'tile/entries/'))
    if (wanted === null || !/^\d{1,3}$/.test(from ?? '0')) return noTile
    const noticed = await story.notice('audit-read', { log: path, ...(from === undefined ? {} : { from }) })
    if (!noticed.ok) return noticed
    const bytes = await readTile(objects, wanted)
    if (bytes === null && wanted.width === tileWidth && await objects.get(tilePath({ ...wanted, level: 0 })) !== null) return pruned
    return bytes === null ? noTile : ok({ type: 'application/x-ndjson', body: await contentOf(ports, decodeEntries(bytes), Number(from ?? 0)) })
  })

  const receipt = (door: Door, id: string) => permitted(door, async (log, story) => {
    const { objects, store } = log
    if (!isEventId(id)) return noEvent
    const noticed = await story.notice('audit-read', { receipt: id })
    if (!noticed.ok) return noticed
    const [published, places] = [await store.published(), await store.where([id])]
    const index = places.get(id)
    if (published === null || index === undefined || index >= published.size) return await ports.ledger.get(id) === null ? noEvent : notYet
    const note = Buffer.from(published.checkpoint)
    const { checkpoint: { size, root } } = openCheckpoint(note, await createRing(log).keys())
    const read = async (wanted: Tile): Promise<Uint8Array> => {
      const bytes = await readTile(objects, wanted)
      if (bytes === null) throw new Fault('store-unavailable', `${tilePath(wanted)} is missing`)
      return bytes
    }
    const hashes = await proveInclusion(index, size, read)
    const at = Math.floor(index / tileWidth)
    const leaves = await read({ level: 0, index: at, width: Math.min(tileWidth, size - at * tileWidth) })
    const from = (index % tileWidth) * hashBytes
    if (!provesInclusion(leaves.subarray(from, from + hashBytes), index, size, root, hashes)) {
      ports.alarm('the tiles of the log are not those of its checkpoint', { size, index })
      throw new Fault('internal', 'no proof leads to the checkpoint')
    }
    return ok(text(formatProof({ extra: null, index, hashes, checkpoint: note }).toString()))
  })
  return { checkpoint, vkey, keys, tile, content, receipt }
}

function tileOf(path: string): Tile | null {
  try {
    return parseTilePath(path)
  } catch (error) {
    if (error instanceof FormatError) return null
    throw error
  }
}

/** A partial tile may be gone because the full one came; then it is the beginning of that. */
export async function readTile(objects: Pick<Objects, 'get'>, tile: Tile): Promise<Uint8Array | null> {
  const bytes = await objects.get(tilePath(tile))
  if (bytes !== null || tile.width === tileWidth) return bytes
  const full = await objects.get(tilePath({ ...tile, width: tileWidth }))
  if (full === null) return null
  return tile.level === 'entries' ? encodeEntries(decodeEntries(full).slice(0, tile.width)) : full.subarray(0, tile.width * hashBytes)
}

const missing = (reason: string, detail: string) => refuse({ slug: 'not-found', reason, next: 'fix', detail })
const noLog = missing('no_log', 'this gate keeps no log')
const noTile = missing('no_tile', 'there is no such tile; names are those of c2sp.org/tlog-tiles, for a tree of the size the checkpoint says')
const pruned = refuse({ slug: 'not-found', reason: 'pruned', next: 'none', detail: 'these entries were removed when their time was over, which the log says itself; their hashes are still there' })
const noEvent = missing('no_event', 'there is no such event')
const nothingYet = refuse({ slug: 'not-found', reason: 'no_checkpoint', next: 'retry', retryAfterSeconds: 2, detail: 'nothing is in the log yet' })
const notYet = refuse({ slug: 'not-found', reason: 'not_sequenced', next: 'retry', retryAfterSeconds: 2, detail: 'the event is stored and not in the log yet; ask again in a few seconds' })
