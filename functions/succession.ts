import { Fault, type Log, type Signer } from './ports.ts'
import { FormatError } from './record/log/format.ts'
import { formatVkey, keyOf, type Key } from './record/log/note.ts'
import { formatSuccession, openSuccession } from './record/log/succession.ts'

const dayMs = 24 * 3_600_000

/**
 * The keys of a log, and which of them signs. Which one does is told by the log alone, by the statements in its head: they come there in the very swap that puts the event of each into the tree, so
 * that two sequencers, and one that died, never sign by different keys. Until that swap the old key signs; for `overlapMs` after it both; then the new one. A key that is demanded and not at hand
 * stops the log (Fault internal): a checkpoint that those who trust the old key cannot check would be worth nothing to them. Throws RangeError for an overlap under a day.
 */
export function createRing({ signer, further = [], overlapMs = dayMs }: Pick<Log, 'signer' | 'further' | 'overlapMs'>) {
  if (!(overlapMs >= dayMs)) throw new RangeError('two keys sign beside each other for a day at least')
  const ring = [signer, ...further]
  const vkeyOf = async (one: Signer): Promise<string> => formatVkey(keyOf(one.name, await one.publicKey()))

  async function find(vkey: string): Promise<Signer> {
    for (const one of ring) if (await vkeyOf(one) === vkey) return one
    throw new Fault('internal', `the log's key ${vkey} is not at hand`)
  }
  /** The key in force, or about to be. `first`: of a log that never had another. */
  const newest = async (statements: readonly string[]): Promise<string> => {
    const last = statements.at(-1)
    return last === undefined ? vkeyOf(signer) : formatVkey(openSuccession(last).to)
  }

  /** The head's statements after events with `notes` came into the tree. What is not of the key in force, or not to one of ours, is an entry and nothing else: whoever only writes events makes no key follow. */
  async function followed(statements: readonly string[], notes: readonly string[]): Promise<readonly string[]> {
    let known = statements
    for (const note of notes) if (await isOurs(note, await newest(known))) known = [...known, note]
    return known
  }
  async function isOurs(note: string, present: string): Promise<boolean> {
    try {
      const { from, to } = openSuccession(note)
      const vkeys = await Promise.all(ring.map(vkeyOf))
      return formatVkey(from) === present && vkeys.includes(formatVkey(to))
    } catch (error) {
      if (error instanceof FormatError) return false
      throw error
    }
  }

  /** Who signs at `at` (epoch ms), the old key first. */
  async function signing(statements: readonly string[], at: number): Promise<readonly Signer[]> {
    const last = statements.at(-1)
    if (last === undefined) return [signer]
    const { from, to, until } = openSuccession(last)
    const next = await find(formatVkey(to))
    return at < until ? [await find(formatVkey(from)), next] : [next]
  }

  /** The statement that has to come into the log, because there is a newer key than the one in force; null: there is none, or the last succession is not over. */
  async function due(statements: readonly string[], at: number): Promise<string | null> {
    const [present, last, to] = [await newest(statements), statements.at(-1), ring.at(-1) ?? signer]
    if (await vkeyOf(to) === present || (last !== undefined && at < openSuccession(last).until)) return null
    return formatSuccession(await find(present), to, at + overlapMs)
  }
  return { followed, signing, due, /** All that may have signed. */ keys: async (): Promise<readonly Key[]> => Promise.all(ring.map(async (one) => keyOf(one.name, await one.publicKey()))) }
}
