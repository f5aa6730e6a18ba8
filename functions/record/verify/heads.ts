import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../log/checkpoint.ts'
import { FormatError, fromUtf8 } from '../log/format.ts'
import { formatVkey, type Key, type Note, parseNote, parseVkey, signedBy } from '../log/note.ts'
import { follow, type Succession } from '../log/succession.ts'
import type { Finding } from './finding.ts'
import { headPath } from './published.ts'
import type { Files } from './verify.ts'

/** What the entries are held against. `notes`: the head, and those kept that are of its text. */
export interface Heads {
  readonly checkpoint: Checkpoint
  readonly notes: readonly Note[]
  readonly kept: readonly Checkpoint[]
  /** One that lies with the log. undefined: it is among the findings. */
  open(path: string, bytes: Uint8Array): Checkpoint | undefined
  /** When the log was walked: with the successions that its entries told, in their order. Signatures that wait for a key they name are checked now. */
  settle(successions: readonly (Succession & { readonly index: number })[]): Promise<readonly Finding[]>
}
/** `bytes` null: they are read again, because a log may have very many. */
interface Waiting { readonly path: string; readonly bytes: Uint8Array | null }

/**
 * Reads the signed head (published.ts says where it lies), and those kept elsewhere. The keys that are trusted are those given, or the directory's own. What none of them signed may be by a key that followed one of them, as an entry of the
 * log itself says: that is known when the log was walked, so until then such a head is taken for what it says, and afterwards it is signed or all of it is refused. null: there is nothing to
 * hold the files against.
 */
export async function readHeads(files: Files, given: readonly Key[] | null, kept: readonly Uint8Array[], most: { readonly checkpoint: number; readonly vkey: number }, add: (finding: Finding) => void): Promise<Heads | null> {
  const own = attempt(await files.read('vkey', most.vkey).catch(formatOnly), 'vkey', add, keysOf)
  const trusted = given ?? own ?? []
  if (trusted.length === 0) return add({ path: 'vkey', reason: 'there is no key to check the log by' }), null
  const waiting: Waiting[] = []
  const path = await headPath(files, most.checkpoint)
  const bytes = await files.read(path, most.checkpoint).catch(formatOnly)
  const head = attempt(bytes ?? new FormatError('it is missing'), path, add, (note) => open(note, trusted, () => waiting.push({ path, bytes: note })))
  if (head === undefined) return null
  const { checkpoint } = head
  const earlier: Checkpoint[] = []
  const notes = [head.note]
  for (const note of kept) {
    const one = attempt(note, 'the kept checkpoint', add, () => open(note, trusted, () => waiting.push({ path: 'the kept checkpoint', bytes: note })))
    if (one === undefined) continue
    if (one.note.text === head.note.text) notes.push(one.note)
    if (one.checkpoint.origin !== checkpoint.origin) add({ path: 'the kept checkpoint', reason: 'it is of another log' })
    else if (one.checkpoint.size > checkpoint.size) add({ path: 'checkpoint', reason: `the log was rolled back: it has ${checkpoint.size} entries, and the kept checkpoint ${one.checkpoint.size}` })
    else earlier.push(one.checkpoint)
  }

  const openOne = (at: string, note: Uint8Array): Checkpoint | undefined => {
    if (at === path) return checkpoint                              // read above, and told of once
    const one = attempt(note, at, add, () => open(note, trusted, () => waiting.push({ path: at, bytes: null })))
    if (one !== undefined && one.checkpoint.origin !== checkpoint.origin) add({ path: at, reason: 'it is of another log' })
    return one?.checkpoint
  }

  async function settle(successions: readonly (Succession & { readonly index: number })[]): Promise<readonly Finding[]> {
    const led = new Set(follow(trusted, successions).map(formatVkey))
    const keys = [...new Map([...follow(trusted, successions), ...follow(trusted, successions, 'back')].map((key) => [formatVkey(key), key])).values()]
    const known = new Set(keys.map(formatVkey))
    const findings: Finding[] = successions.filter(({ to }) => !known.has(formatVkey(to))).map(({ index }) => ({ index, reason: 'it makes a key follow that is not the log\'s' }))
    for (const { path: at, bytes: note } of waiting) attempt(note ?? await files.read(at, most.checkpoint).catch(formatOnly), at, (finding) => findings.push(finding), (one) => openCheckpoint(one, keys))
    if (given !== null && own?.length && !own.some((key) => known.has(formatVkey(key)))) findings.push({ path: 'vkey', reason: 'the directory names another key than the one given' })
    // Once the log says who signs, only who signs says who is next: a key that was given up cannot be made the last one by a statement that it follows somebody.
    const last = successions.reduce<Succession | undefined>((present, one) => led.has(formatVkey(one.to)) && (present === undefined || led.has(formatVkey(one.from))) ? one : present, undefined)
    if (last !== undefined && head !== undefined) {
      const signed = new Set(signedBy(head.note, keys).map(formatVkey))
      if (!signed.has(formatVkey(last.to))) findings.push({ path: 'checkpoint', reason: 'it is not signed by the key that follows in the log itself: a key that was given up signs no more' })
    }
    return findings
  }
  return { checkpoint, notes, kept: earlier, open: openOne, settle }
}

/** Checked by the keys that are trusted; where none of them signed, and it is of their log, `later` hears of it. */
function open(bytes: Uint8Array, trusted: readonly Key[], later: () => void): { readonly checkpoint: Checkpoint; readonly note: Note } {
  const note = parseNote(bytes)
  const checkpoint = parseCheckpoint(note.text)
  if (!trusted.some(({ name }) => name === checkpoint.origin) || signedBy(note, trusted).some(({ name }) => name === checkpoint.origin)) return openCheckpoint(bytes, trusted)
  later()
  return { checkpoint, note }
}

/** One key a line, each line ended: that of the log, and for a while also the one before it. */
function keysOf(bytes: Uint8Array): readonly Key[] {
  const text = fromUtf8(bytes, 'the file of keys')
  if (!text.endsWith('\n')) throw new FormatError('the file of keys does not end with a line end')
  return text.slice(0, -1).split('\n').map(parseVkey)
}

/** undefined: there is nothing, or it was not of its format, and that is among the findings. */
function attempt<T>(bytes: Uint8Array | FormatError | null, path: string, add: (finding: Finding) => void, read: (bytes: Uint8Array) => T): T | undefined {
  try {
    if (bytes instanceof FormatError) throw bytes
    return bytes === null ? undefined : read(bytes)
  } catch (error) {
    add({ path, reason: formatOnly(error).message })
    return undefined
  }
}
function formatOnly(error: unknown): FormatError {
  if (error instanceof FormatError) return error
  throw error
}
