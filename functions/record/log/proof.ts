import { openCheckpoint, type Checkpoint } from './checkpoint.ts'
import { FormatError, fromBase64, fromDecimal, fromUtf8 } from './format.ts'
import type { Key } from './note.ts'
import { hashBytes, leafHash, provesInclusion } from './tree.ts'

/** c2sp.org/tlog-proof@v1: what shows, to whoever has the log's key and the entry, that it is in the log. `extra` proves nothing by itself. */
export interface Proof { readonly extra: Uint8Array | null; readonly index: number; readonly hashes: readonly Uint8Array[]; /** The signed note, as it is. */ readonly checkpoint: Uint8Array }

const header = 'c2sp.org/tlog-proof@v1'
/** A tree has no more than 2^53 leaves here, so a path no more hashes. */
const maxHashes = 53
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

export function formatProof({ extra, index, hashes, checkpoint }: Proof): Buffer {
  const lines = [header, ...(extra === null ? [] : [`extra ${base64(extra)}`]), `index ${index}`, ...hashes.map(base64)]
  return Buffer.concat([Buffer.from(`${lines.join('\n')}\n\n`), checkpoint])
}

/** Throws FormatError. The checkpoint is not looked at. */
export function parseProof(bytes: Uint8Array): Proof {
  const text = fromUtf8(bytes, 'the proof')
  const blank = text.indexOf('\n\n')
  if (blank < 0) throw new FormatError('the proof has no checkpoint')
  const [first, ...lines] = text.slice(0, blank).split('\n')
  if (first !== header) throw new FormatError(`the proof does not begin with ${header}`)
  const extra = lines[0]?.startsWith('extra ') ? fromBase64((lines.shift() ?? '').slice(6), 'the extra data') : null
  const index = lines.shift() ?? ''
  if (!index.startsWith('index ')) throw new FormatError('the proof names no index')
  if (lines.length > maxHashes) throw new FormatError('the proof has too many hashes')
  const hashes = lines.map((line) => fromBase64(line, 'a hash'))
  if (hashes.some(({ length }) => length !== hashBytes)) throw new FormatError('a hash is not 32 bytes')
  return { extra, index: fromDecimal(index.slice(6), 'the index'), hashes, checkpoint: Buffer.from(text.slice(blank + 2)) }
}

/** Checks a receipt against the log's key and the entry it is about. Throws FormatError where it does not hold. */
export function checkProof(proof: Uint8Array, entry: Uint8Array, keys: readonly Key[]): { readonly index: number; readonly checkpoint: Checkpoint } {
  const { index, hashes, checkpoint: note } = parseProof(proof)
  const { checkpoint } = openCheckpoint(note, keys)
  if (!provesInclusion(leafHash(entry), index, checkpoint.size, checkpoint.root, hashes)) throw new FormatError('the proof does not lead from this entry to the checkpoint')
  return { index, checkpoint }
}
