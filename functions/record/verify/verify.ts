import type { Checkpoint } from '../log/checkpoint.ts'
import { FormatError } from '../log/format.ts'
import { growing } from '../log/grow.ts'
import type { Key } from '../log/note.ts'
import { decodeEntries, maxEntryBytes, startsIn, type Tile, tilePath, tileWidth, widthIn } from '../log/tile.ts'
import { hashBytes } from '../log/tree.ts'
import type { Promised } from '../promise.ts'
import { type ContentCounts, createContents } from './contents.ts'
import { createFindings, type Finding } from './finding.ts'
import { type Counts, createOrder } from './order.ts'
import { createPromises } from './promises.ts'
import { checkFiles } from './files.ts'
import { readHeads } from './heads.ts'
import { createPruned } from './pruned.ts'
import { createPublished } from './published.ts'
import { entryIn } from './skim.ts'
import { countWitnesses, type Witnesses } from './witnessed.ts'

/** A log's files, wherever they lie. */
export interface Files {
  /** null: there is none. Throws FormatError for one over `most` bytes, or that is no plain file. */
  read(path: string, most: number): Promise<Uint8Array | null>
  /** Paths of every file below this folder, in any order. */
  list(folder: 'checkpoints/' | 'tile/' | 'content/'): AsyncIterable<string>
}
export interface Options {
  /** Keys from elsewhere. null: the directory's own `vkey`, which shows that the log is whole, and not whose it is. */
  readonly keys: readonly Key[] | null
  /** Checkpoints kept elsewhere: the log must begin with the tree of each. */
  readonly kept: readonly Uint8Array[]
  /** Promises the gate gave of this log. `nowMs`: epoch ms. Left out: none. */
  readonly promises?: { readonly given: readonly Promised[]; readonly nowMs: number }
  /** Who must have cosigned the checkpoint. Left out: nobody. */
  readonly witnesses?: Witnesses
  readonly progress?: (done: number, size: number) => void
}
export interface Report { readonly ok: boolean; readonly origin: string | null; readonly size: number; readonly root: string | null; readonly counts: Counts; /** Of the content that lies beside the log. */ readonly contents: ContentCounts; /** Entries that were removed because their time was over, as the log itself says. */ readonly pruned: number; /** Promises that the log keeps, those whose time is not over, and those of entries that were removed. */ readonly promises: { readonly kept: number; readonly due: number; readonly removed: number }; /** Witnesses that cosigned this checkpoint in time. */ readonly witnesses: number; /** Checkpoints that lie with the log and are of its tree. */ readonly checkpoints: number; readonly findings: readonly Finding[]; /** Findings beyond those listed. */ readonly more: number }

const most = { checkpoint: 256 * 1024, vkey: 16 * 1024, entries: tileWidth * (2 + maxEntryBytes), hashes: tileWidth * hashBytes }

/**
 * Checks a whole log from its files alone: the checkpoint's signature, every entry against every tile and both against the signed root, the checkpoints kept elsewhere,
 * and what the entries say of each other. Streams: one bundle at a time is in memory. Throws only what `files` throws beside FormatError.
 */
export async function verifyLog(files: Files, { keys, kept, progress, promises: given, witnesses }: Options): Promise<Report> {
  const findings = createFindings()
  const order = createOrder()
  const contents = await createContents(files, findings.add)
  const promises = createPromises(given?.given ?? [], given?.nowMs ?? 0)
  let told = { kept: 0, due: 0, removed: 0 }
  let cosigned = 0
  let pruned = createPruned(files, 0, most)
  let published: Awaited<ReturnType<typeof createPublished>> | null = null
  const report = (checkpoint: Checkpoint | null): Report => ({
    ok: findings.count() === 0, origin: checkpoint?.origin ?? null, size: checkpoint?.size ?? 0, root: checkpoint && Buffer.from(checkpoint.root).toString('base64'),
    counts: order.counts(), contents: contents.counts(), pruned: pruned.count(), promises: told, witnesses: cosigned, checkpoints: published?.count() ?? 0, findings: findings.listed(), more: findings.count() - findings.listed().length,
  })
  const head = await readHeads(files, keys, kept, most, findings.add)
  if (head === null) return report(null)
  const { checkpoint: { size, root } } = head
  if (witnesses !== undefined) await attempt(async () => {
    const { count, findings: wrong } = countWitnesses(head.notes, witnesses)
    cosigned = count
    for (const finding of wrong) findings.add(finding)
  }, 'checkpoint', findings.add)
  pruned = createPruned(files, size, most)
  const laid = published = await createPublished(files, size, most.checkpoint, head.open, findings.add)
  const expected = new Map(head.kept.map((one) => [one.size, one]))

  const filled: { tile: Tile; bytes: Buffer }[] = []
  const tree = growing({ size: 0, levels: [] }, (tile, bytes) => { filled.push({ tile, bytes }) })
  const beginsWith = async () => {
    await laid.reached(tree.size(), tree.root)
    const kept = expected.get(tree.size())
    if (kept && Buffer.compare(kept.root, tree.root()) !== 0) findings.add({ path: 'checkpoint', reason: `the log does not begin with the kept checkpoint of ${kept.size} entries: it was rewritten or forked` })
  }
  await beginsWith()
  for (let index = 0; index * tileWidth < size; index++) {
    const ids: string[] = []
    const bundle = await bundleOf(files, { level: 'entries', index, width: widthIn(size, 'entries', index) }, findings.add)
    if (bundle === 'missing') {
      const hashes = await pruned.hashes(index)
      if (hashes === null) {
        findings.add({ path: tilePath({ level: 'entries', index, width: widthIn(size, 'entries', index) }), index: index * tileWidth, reason: 'the entries are missing' })
        return unreadable()
      }
      for (const hash of hashes) {
        tree.addHash(hash)
        promises.passed(hash)
        await beginsWith()
      }
      for (const { tile, bytes } of [...filled.splice(0), ...(tree.size() === size ? tree.partial() : [])]) await compare(tile, bytes, [])
      continue
    }
    if (bundle === null) return unreadable()                       // without these entries nothing that follows can be compared with anything
    const first = index * tileWidth
    const { bytes, starts } = bundle
    const count = starts.length - 1
    const apart = laid.endsWithin(first, first + count) || [...expected.keys()].some((kept) => kept > first && kept < first + count)   // a checkpoint ends within it: only then each entry by itself
    for (let at = 0; at < count; at++) {
      const [from, to] = [(starts[at] ?? 0) + 2, starts[at + 1] ?? 0]
      ids.push(judge(bytes, from, to, first + at))
      if (!apart) continue
      tree.add(bytes.subarray(from, to))
      await beginsWith()
    }
    if (!apart) {
      tree.addBundle(bytes, 0, count)
      await beginsWith()
    }
    if (contents.isHere) await contents.check({ level: 'entries', index, width: count }, decodeEntries(bytes), first)
    for (const { tile, bytes } of [...filled.splice(0), ...(tree.size() === size ? tree.partial() : [])]) await compare(tile, bytes, ids)
    progress?.(tree.size(), size)
  }
  if (Buffer.compare(tree.root(), root) !== 0) findings.add({ path: 'checkpoint', reason: 'the signed root is not the root of these entries' })
  const { findings: broken, ...judged } = promises.end({ keyOf: order.writers.keyOf, reachMs: Date.parse(order.writers.reach()) || 0, removed: pruned.before() })
  told = judged
  const before = pruned.before()
  if (before !== null) order.writers.removed(before)
  const { orphans, findings: ended } = order.end()
  for (const finding of [...orphans.filter((orphan) => !pruned.excusesOrphan(orphan)), ...ended, ...broken, ...await head.settle(order.successions())]) findings.add(finding)
  contents.end({ removed: pruned.told(), before })
  const { unexplained } = contents.counts()
  if (unexplained > 0) findings.add({ path: 'content', reason: `${unexplained} contents are said to be erased, and no erasure in this log names their keys: they were destroyed without a record, or after this log was exported; export it again` })
  await checkFiles(files, size, most, findings.add)
  return report(head.checkpoint)

  /** What waits for a key that the entries name waits in vain. */
  async function unreadable(): Promise<Report> {
    for (const finding of await head?.settle(order.successions()) ?? []) findings.add(finding)
    return report(head?.checkpoint ?? null)
  }
  function judge(bundle: Buffer, from: number, to: number, index: number): string {
    try {
      const entry = entryIn(bundle, from, to)
      if (promises.wants(entry.id)) promises.take(entry.id, index, bundle.subarray(from, to), order.writers.reach())
      const [told, wrong] = [pruned.take(entry, index), order.take(entry, index)]
      for (const reason of told.length === 0 ? wrong : [...told, ...wrong]) if (!pruned.excuses(entry, reason, order.writers.reach())) findings.add({ index, id: entry.id, reason })
      return entry.id
    } catch (error) {
      findings.add({ index, reason: reasonOf(error) })
      return ''
    }
  }
  /** Names the entry where the tile of leaf hashes and the entries part. */
  async function compare(tile: Tile, bytes: Buffer, ids: readonly string[]): Promise<void> {
    const path = tilePath(tile)
    const found = await attempt(() => files.read(path, most.hashes), path, findings.add)
    if (found === undefined || found && Buffer.compare(found, bytes) === 0) return
    if (found === null) return findings.add({ path, reason: 'the tile is missing' })
    if (found.length !== bytes.length) return findings.add({ path, reason: `the tile holds ${found.length} bytes, not ${bytes.length}` })
    for (let at = 0; at < bytes.length; at += hashBytes) {
      if (bytes.equals(found) || bytes.compare(found, at, at + hashBytes, at, at + hashBytes) === 0) continue
      if (tile.level !== 0) findings.add({ path, reason: `hash ${at / hashBytes} of the tile is not that of the entries below it` })
      else findings.add({ path, index: tile.index * tileWidth + at / hashBytes, ...(ids[at / hashBytes] ? { id: ids[at / hashBytes] } : {}), reason: 'the entry is not the one the tile has the hash of' })
    }
  }
}

async function bundleOf(files: Files, tile: Tile, add: (finding: Finding) => void): Promise<{ readonly bytes: Buffer; readonly starts: readonly number[] } | 'missing' | null> {
  const path = tilePath(tile)
  const read = await attempt(() => files.read(path, most.entries), path, add)
  if (read === undefined) return null
  if (read === null) return 'missing'
  const bytes = Buffer.from(read.buffer, read.byteOffset, read.byteLength)
  const starts = await attempt(async () => startsIn(bytes), path, add)
  if (starts === undefined) return null
  const count = starts.length - 1
  if (count === tile.width) return { bytes, starts }
  add({ path, index: tile.index * tileWidth + Math.min(count, tile.width), reason: `the bundle holds ${count} entries, not ${tile.width}` })
  return null
}

/** undefined: it was not of its format, and that is among the findings. */
async function attempt<T>(read: () => Promise<T>, path: string, add: (finding: Finding) => void): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    add({ path, reason: reasonOf(error) })
    return undefined
  }
}
function reasonOf(error: unknown): string {
  if (error instanceof FormatError) return error.message
  throw error
}
