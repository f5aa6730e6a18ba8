import { openCheckpoint, type Checkpoint } from './log/checkpoint.ts'
import { cosign, formatNote, type Key, type Note, type NoteSigner } from './log/note.ts'
import { proveConsistency, rootFrom, type ReadTile } from './log/prove.ts'
import { widthIn } from './log/tile.ts'
import { provesConsistency } from './log/tree.ts'

/**
 * What a new checkpoint is beside the one kept. `rollback` and `fork` are proven: the log signed two trees of which neither begins with the other, and the two notes show it to anybody.
 * `unproven`: the tiles that were given do not lead to the signed root, so nothing was shown either way.
 */
export type Sight = 'first' | 'same' | 'grown' | 'rollback' | 'fork' | 'unproven'

/**
 * A checkpoint and the log's own signatures of it, one a key. Those of anybody else are left behind: a witness that passed them on would lend its file to whoever writes there, and a
 * hundred of them would leave no room for its own. Throws FormatError.
 */
export function openOwn(bytes: Uint8Array, keys: readonly Key[]): { readonly checkpoint: Checkpoint; readonly note: Note } {
  const { checkpoint, note, by } = openCheckpoint(bytes, keys)
  const own = by.flatMap((key) => note.signatures.find(({ name, keyId }) => name === key.name && keyId === key.keyId) ?? [])
  return { checkpoint, note: { text: note.text, signatures: own } }
}

/**
 * Compares a new checkpoint of a log with the one kept of it (null: none), both with their signatures checked, by RFC 6962, section 2.1.2. Proofs are made from tiles, about two a level, and
 * believed only where they lead to the roots that were signed. Throws what `read` throws, and FormatError for a tile that is too short.
 */
export async function sightOf(kept: Checkpoint | null, now: Checkpoint, read: ReadTile): Promise<Sight> {
  if (kept !== null && now.size < kept.size) return 'rollback'
  if (kept !== null && now.size === kept.size) return Buffer.compare(kept.root, now.root) === 0 ? 'same' : 'fork'
  // As wide as the new tree has them, also for roots of the old one: its partial tiles may be gone.
  const wide: ReadTile = (tile) => read({ ...tile, width: widthIn(now.size, tile.level, tile.index) })
  if (Buffer.compare(await rootFrom(now.size, wide), now.root) !== 0) return 'unproven'
  if (kept === null) return 'first'
  const proof = await proveConsistency(kept.size, now.size, wide)
  if (provesConsistency(kept, now, proof)) return 'grown'
  // A damaged tile is no fork. It is one where the signed tree provably begins with another tree of the old size than the one kept.
  const begins = { size: kept.size, root: await rootFrom(kept.size, wide) }
  return provesConsistency(begins, now, proof) ? 'fork' : 'unproven'
}

/** The note with the witness's signature after the log's: c2sp.org/tlog-cosignature, `cosignature/v1`. `seconds`: since the epoch. */
export const cosigned = async ({ text, signatures }: Note, witness: NoteSigner, seconds: number): Promise<Buffer> =>
  formatNote({ text, signatures: [...signatures, await cosign(text, witness, seconds)] })
