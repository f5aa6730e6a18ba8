import { FormatError, fromBase64, fromDecimal } from './format.ts'
import { parseNote, signedBy, type Key, type Note } from './note.ts'
import { emptyRoot, hashBytes } from './tree.ts'

/** A tree head as c2sp.org/tlog-checkpoint writes it: the text of a signed note. */
export interface Checkpoint { readonly origin: string; readonly size: number; /** 32 bytes. */ readonly root: Uint8Array; /** Further lines, which we never write. */ readonly extensions: readonly string[] }

export const checkpointText = ({ origin, size, root, extensions }: Checkpoint): string => `${[origin, size, Buffer.from(root).toString('base64'), ...extensions].join('\n')}\n`

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
