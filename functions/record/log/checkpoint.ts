import { FormatError, fromBase64, fromDecimal } from './format.ts'
import { parseNote, signedBy, type Key, type Note } from './note.ts'
import { emptyRoot, hashBytes } from './tree.ts'

/** A tree head as c2sp.org/tlog-checkpoint writes it: the text of a signed note. */
export interface Checkpoint { readonly origin: string; readonly size: number; /** 32 bytes. */ readonly root: Uint8Array; /** Further lines, which we never write. */ readonly extensions: readonly string[] }

export const checkpointText = ({ origin, size, root, extensions }: Checkpoint): string => `${[origin, size, Buffer.from(root).toString('base64'), ...extensions].join('\n')}\n`

/** Below it lies every checkpoint that was published. */
export const checkpoints = 'checkpoints/'
const digits = 18
/**
 * Where the checkpoint of the tree of this size lies: one name for each size, so that of one size there can be no two, and in the order of sizes, so that the newest is the last. In groups of three digits, as tiles
 * are. Other than these the log has no file that says which is its newest: such a file could be put back.
 */
export const checkpointPath = (size: number): string => `${checkpoints}${(String(size).padStart(digits, '0').match(/\d{3}/g) ?? []).join('/')}`

/** The size that a path names. Throws FormatError for any that `checkpointPath` does not give. */
export function parseCheckpointPath(path: string): number {
  const size = /^checkpoints(?:\/\d{3}){6}$/.test(path) ? Number(path.replace(/\D/g, '')) : NaN
  if (!Number.isSafeInteger(size)) throw new FormatError('not the path of a checkpoint')
  return size
}

/** Throws FormatError. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', size = '', root = '', ...rest] = text.split('\n')
  if (origin === '' || rest.pop() !== '' || rest.includes('')) throw new FormatError('a checkpoint is three lines or more, none of them empty')
  const checkpoint = { origin, size: fromDecimal(size, 'the size'), root: fromBase64(root, 'the root'), extensions: rest }
  if (checkpoint.root.length !== hashBytes) throw new FormatError('the root is not a hash')
  if (checkpoint.size === 0 && !checkpoint.root.equals(emptyRoot)) throw new FormatError('the root of an empty tree is another')
  return checkpoint
}

/**
 * A checkpoint that at least one of the log's keys signed, under the log's own name. Throws FormatError for any other; `keys` may hold witnesses' keys too, and
 * `by` says who of all signed.
 */
export function openCheckpoint(bytes: Uint8Array, keys: readonly Key[]): { readonly checkpoint: Checkpoint; readonly note: Note; readonly by: readonly Key[] } {
  const note = parseNote(bytes)
  const checkpoint = parseCheckpoint(note.text)
  const by = signedBy(note, keys)
  if (!by.some(({ name, type }) => type === 'ed25519' && name === checkpoint.origin)) throw new FormatError('the checkpoint is not signed by the log\'s key')
  return { checkpoint, note, by }
}
