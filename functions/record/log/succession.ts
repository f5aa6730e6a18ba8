import { FormatError, fromUtf8 } from './format.ts'
import { formatNote, formatVkey, keyOf, parseNote, parseVkey, sign, signedBy, type Key, type NoteSigner } from './note.ts'

/** That a log's key is followed by another: from now on both sign, from `until` (epoch ms) the new one alone. */
export interface Succession { readonly from: Key; readonly to: Key; readonly until: number }

/** No log's name has a space, so no checkpoint begins so. */
const header = 'sluice log-key v1'
const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

/**
 * The statement as a signed note, by the old key and the new: header, the vkey of either, until when. The old key's signature says who follows it, so that nobody who merely writes events can; the new
 * one's, that whoever has it wants to.
 */
export async function formatSuccession(from: NoteSigner, to: NoteSigner, untilMs: number): Promise<string> {
  const vkeys = await Promise.all([from, to].map(async (signer) => formatVkey(keyOf(signer.name, await signer.publicKey()))))
  const text = `${[header, ...vkeys, new Date(untilMs).toISOString()].join('\n')}\n`
  return formatNote({ text, signatures: [await sign(text, from), await sign(text, to)] }).toString()
}

/** Throws FormatError for what is not signed by both keys it names, or names keys of two logs. Whose log's they are is for the reader to know. */
export function openSuccession(note: string): Succession {
  const read = parseNote(Buffer.from(note))
  const [first, old = '', next = '', until = '', end, ...more] = read.text.split('\n')
  if (first !== header || end !== '' || more.length > 0 || !time.test(until)) throw new FormatError('not a statement that one key follows another')
  const [from, to] = [parseVkey(old), parseVkey(next)]
  if (from.name !== to.name || from.type !== 'ed25519' || to.type !== 'ed25519' || old === next) throw new FormatError('the two are not keys of one log')
  if (signedBy(read, [from, to]).length !== 2) throw new FormatError('it is not signed by both keys it names')
  return { from, to, until: Date.parse(until) }
}

/** The document `keys` of a log: `{"keys": [note, …]}`. What does not hold is left out: it makes no key follow. Throws FormatError for another document. */
export function readSuccessions(bytes: Uint8Array): readonly Succession[] {
  let notes: unknown
  try {
    notes = (JSON.parse(fromUtf8(bytes, 'the file of successions')) as { readonly keys?: unknown } | null)?.keys
  } catch {
    throw new FormatError('the file of successions is not JSON')
  }
  if (!Array.isArray(notes) || notes.length > 1000) throw new FormatError('the file of successions is another document')
  return notes.flatMap((note) => {
    try {
      return typeof note === 'string' ? [openSuccession(note)] : []
    } catch (error) {
      if (error instanceof FormatError) return []
      throw error
    }
  })
}

/**
 * `trusted`, and those who followed them by what the log says, one after the other; `back`: those whom they followed. Never both in one walk: whoever found a key that was given up could have it name
 * another follower, and from the new key back to the old and on from there that one would be trusted by those who know only the new.
 */
export function follow(trusted: readonly Key[], successions: readonly Succession[], way: 'on' | 'back' = 'on'): readonly Key[] {
  const known = new Map(trusted.map((key) => [formatVkey(key), key]))
  for (let grown = true; grown;) {
    grown = false
    for (const succession of successions) {
      const [at, then] = way === 'on' ? [succession.from, succession.to] : [succession.to, succession.from]
      if (!known.has(formatVkey(at)) || known.has(formatVkey(then))) continue
      known.set(formatVkey(then), then)
      grown = true
    }
  }
  return [...known.values()]
}
