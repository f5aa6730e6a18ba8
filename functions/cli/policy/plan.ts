import { difference, type Change } from '../../decide/difference.ts'
import type { Bundle } from '../../../schema/policy.ts'
import { destructionWords, type Destruction } from '../../destruction.ts'
import { list, object, text } from '../output.ts'

const signs = { widens: '+', narrows: '-', unclear: '~' } as const

/** `policy plan` for a person: one line a change, what widens first; `+` somebody may do or see more, `-` less, `~` it depends. */
export function planLines(changes: readonly Change[]): readonly string[] {
  if (changes.length === 0) return ['nothing changes']
  const order = ['widens', 'unclear', 'narrows'] as const
  const lines = order.flatMap((effect) => changes.filter((change) => change.effect === effect).map((change) => `${signs[effect]} ${change.words}`))
  const count = (effect: Change['effect']) => changes.filter((change) => change.effect === effect).length
  return [...lines, `${changes.length} ${changes.length === 1 ? 'change' : 'changes'}: ${count('widens')} widen, ${count('narrows')} narrow, ${count('unclear')} depend`]
}

/** What would be destroyed, which nothing brings back: before all else. Empty where a gate does not say. */
export const destroyLines = (destroys: unknown): readonly string[] => list(destroys).map(object).map((one) => `! ${destructionWords({
  what: one['what'] === 'content' ? 'content' : 'entries', age: text(one['age']), was: one['was'] === null ? null : text(one['was']), from: text(one['from']),
  ...(typeof one['sheets'] === 'number' ? { sheets: one['sheets'] } : {}), ...(one['more'] === true ? { more: true } : {}),
} satisfies Destruction)}`)

/** What the newest decisions on record would be, for readers of the audit. Empty where a gate does not say. */
export function replayLines(replay: unknown): readonly string[] {
  if (replay === null) return ['recent decisions were not replayed: that is for whom a rule lets read the audit, while it can be read']
  const found = object(replay)
  if (typeof found['decisions'] !== 'number') return []
  const sums = list(found['changes']).map(object).map(({ was, would, count }) => `  ${text(count)} from ${text(was)} to ${text(would)}`)
  const events = list(found['events']).map(object).map((event) => `  ${text(event['at'])} ${text(event['subject'])} on ${text(event['connection'])}: ${text(event['was'])} → ${text(event['would'])}  (${text(event['id'])})`)
  return [`of the last ${text(found['decisions'])} decisions ${text(found['changed'])} would be other, and ${text(found['unknown'])} cannot be told`, ...sums, ...events]
}

/** Two policies at hand, without a gate. */
export const planOffline = (from: Bundle | null, to: Bundle): { readonly changes: readonly Change[]; readonly lines: readonly string[] } => {
  const changes = difference(from, to)
  return { changes, lines: planLines(changes) }
}
