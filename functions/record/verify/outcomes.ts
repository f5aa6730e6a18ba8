import { correctionId, isEventId, outcomeId } from '../../../schema/item.ts'
import type { Entry } from '../log/entry.ts'
import { text } from './json.ts'
import type { seenIds } from './seen.ts'

/** A correction follows within a day of the outcome (functions/gather.ts), and clocks may be apart. */
const correctionMs = 24.5 * 3_600_000

/** Whether what is told to have become of an intent may be told of it: by the id that only one can have, of the same call, and corrected only where nobody knew. */
export function createOutcomes(seen: ReturnType<typeof seenIds>) {
  /** Intents of which it is told that nobody knows, or whose outcome lies here as a digest: when it was told, ISO 8601. */
  const unknown = new Map<string, string>()

  /** `role`: of this entry; `whose`: its own (whose.ts). */
  return (entry: Entry, role: 'outcome' | 'correction', whose: number): readonly string[] => {
    const intent = text(entry.event['intent'])
    if (!isEventId(intent) || !intent.endsWith('0')) return [`this ${role} names no intent`]
    const n = entry.id.startsWith(intent.slice(0, -1)) ? symbols.indexOf(entry.id.slice(-1)) : -1
    const status = text(entry.event['status'])
    const its = seen.intent(intent)
    const wrong: string[] = []
    if (role === 'outcome' ? n !== 1 : n < 2) wrong.push(`this ${role} has not the id of its intent's ${role}, so there could be a second one`)
    if (its === null) wrong.push(`the intent of this ${role}, ${intent}, is not before it`)
    else if (its !== 0 && whose !== 0 && its !== whose) wrong.push(`this ${role} is of another caller, session, evaluation or connection than its intent`)
    if (role === 'correction') wrong.push(...corrects(entry, intent, n - 1))
    else if (status === 'unknown' || !entry.whole) unknown.set(intent, entry.at)
    if (entry.whole && !statuses.has(status)) wrong.push('its status is none this verifier knows')
    return wrong
  }

  function corrects({ at }: Entry, intent: `evt_${string}`, n: number): readonly string[] {
    if (!seen.has(outcomeId(intent))) return ['there is no outcome before this correction']
    const told = unknown.get(intent)
    if (told === undefined) return ['it corrects an outcome that was known']
    const wrong: string[] = []
    if (n > 1 && !seen.has(correctionId(intent, n - 1))) wrong.push('the correction that its id counts on is not before it')
    if (Date.parse(at) - Date.parse(told) > correctionMs) wrong.push('it corrects an outcome that was told more than a day before')
    return wrong
  }
}
const symbols = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const statuses: ReadonlySet<string> = new Set(['succeeded', 'failed', 'unknown'])
