import { isEventId, timeOf } from '../../../schema/item.ts'
import type { Entry } from '../log/entry.ts'
import type { Finding } from './finding.ts'
import { object, text } from './json.ts'
import type { seenIds } from './seen.ts'

/** Where nothing has the id, a void is given another one only when an event under it would come too late (functions/numbering.ts). */
const lateMs = 14 * 60_000
/** Of which kinds no void tells: those have no number, or are the first of their process, or are voids. */
const never: ReadonlySet<string> = new Set(['void', 'heartbeat', 'writer'])

interface Pending { readonly id: string; readonly index: number; readonly named: string }

/**
 * What stands in the place of an event that was not stored, as functions/numbering.ts writes it: under the event's own id, or under another where that id is taken or its time over. A void says that
 * nothing was there, and cannot prove it; whoever was promised that event can tell. So here is only what no process of the gate writes: above all one instead of what became of an intent.
 */
export function createVoids(seen: ReturnType<typeof seenIds>) {
  const pending: Pending[] = []
  let count = 0

  function take({ id, whole, event }: Entry, index: number, isKind: (kind: string) => boolean): readonly string[] {
    count++
    if (!id.endsWith('0')) return ['it stands where an outcome or a correction would, and those are written again and never voided']
    if (event['writer'] === undefined) return ['a void stands for a number, and this one has none']
    if (!whole) return []
    const change = object(event['change'])
    const [kind, named] = [text(change['kind']), text(change['id'])]
    if (!isEventId(named) || !isKind(kind) || never.has(kind) || (kind === 'outcome') !== named.endsWith('1') || (kind === 'correction') !== /[^01]$/.test(named)) return ['it does not say which event was not stored, of which kind']
    // An outcome is written again until it is stored or another is, however late: so there always is one.
    if (named !== id && !seen.has(named) && (kind === 'outcome' || timeOf(id) - timeOf(named) < lateMs)) pending.push({ id, index, named })
    return []
  }
  return {
    take, count: () => count,
    /** When all of the log was taken. `until`: epoch ms, younger ones are not judged; `removed`: what they name may be gone where it is older than this (ISO 8601, '': nothing is). */
    end: (until: number, removed: string): readonly Finding[] => pending
      .filter(({ id, named }) => !seen.has(named) && timeOf(id) <= until && !(removed !== '' && timeOf(named) <= Date.parse(removed)))
      .map(({ id, index, named }) => ({ id, index, reason: `it says that ${named} was not stored because its id was taken, and nothing has that id` })),
  }
}
