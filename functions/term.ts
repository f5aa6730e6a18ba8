import { Fault, type LogStore, type Ports } from './ports.ts'
import { ageOf, lockOf, retentionOf, type Kept } from './record/retain.ts'

/** A policy that says something else than the one before is not acted on in its first hour, in which a slip of the pen can be taken back: a lock cannot. */
const graceMs = 3_600_000
const freshMs = 60_000

/** How long the policy keeps entries of the log; `kept` null: for ever. */
export interface Term { readonly kept: Kept | null }
const forEver = 'for ever'
export const goalOf = ({ kept }: Term): string => kept?.word ?? forEver

/**
 * What the policy in force says of how long entries are kept, at most a minute old, and the locks that follow from it. null: nothing that could be relied on; no policy, one in its first hour, or one that cannot be
 * read. Then what is written is locked as the policy before said, by the goal of the walk that lengthens locks, or for a day where there was none: that walk comes over it as soon as there is another word
 * (functions/lengthen.ts). So the log goes on, and nothing is locked for longer than anybody meant. `mostMs`: no lock ends later from now. Throws Fault store-unavailable.
 */
export function createTerm({ now, policies, alarm }: Pick<Ports, 'now' | 'alarm'> & { readonly policies: Pick<Ports['policies'], 'pointer' | 'load'> }, store: Pick<LogStore, 'lengthened'>, mostMs: number) {
  let known: { readonly version: string; readonly term: Term | null } | null = null
  let present: Promise<Term | null> | null = null
  let asked = -Infinity

  async function read(): Promise<Term | null> {
    const pointer = await policies.pointer()
    if (pointer === null || now() - Date.parse(pointer.appliedAt) < graceMs) return null
    if (known?.version === pointer.version) return known.term
    try {
      known = { version: pointer.version, term: { kept: retentionOf(await policies.load(pointer.version, pointer.chunks)).entries } }
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'policy-corrupt') throw error
      alarm('a policy that cannot be read says nothing of how long entries are kept', { version: pointer.version })
      known = { version: pointer.version, term: null }
    }
    return known.term
  }

  /** One read for all that ask within a minute; what failed is asked again. */
  function term(): Promise<Term | null> {
    if (present === null || now() - asked >= freshMs) {
      asked = now()
      present = read().catch((error: unknown) => { present = null; throw error })
    }
    return present
  }

  /** For what is written under `path` now. */
  async function until(path: string): Promise<number> {
    if (!path.startsWith('tile/entries/')) return lockOf(path, now(), null, now(), mostMs)
    const { kept } = await term() ?? await before()
    return lockOf(path, now(), kept, now(), mostMs)
  }
  async function before(): Promise<Term> {
    const goal = (await store.lengthened())?.goal
    return { kept: goal === forEver ? null : ageOf(goal ?? '') ?? ageOf('1d') }
  }
  return { term, until }
}
