import { difference, type Change } from '../../decide/difference.ts'
import type { Bundle } from '../../../schema/policy.ts'

const signs = { widens: '+', narrows: '-', unclear: '~' } as const

/** `policy plan` for a person: one line a change, what widens first; `+` somebody may do or see more, `-` less, `~` it depends. */
export function planLines(changes: readonly Change[]): readonly string[] {
  if (changes.length === 0) return ['nothing changes']
  const order = ['widens', 'unclear', 'narrows'] as const
  const lines = order.flatMap((effect) => changes.filter((change) => change.effect === effect).map((change) => `${signs[effect]} ${change.words}`))
  const count = (effect: Change['effect']) => changes.filter((change) => change.effect === effect).length
  return [...lines, `${changes.length} ${changes.length === 1 ? 'change' : 'changes'}: ${count('widens')} widen, ${count('narrows')} narrow, ${count('unclear')} depend`]
}

/** Two policies at hand, without a gate. */
export const planOffline = (from: Bundle | null, to: Bundle): { readonly changes: readonly Change[]; readonly lines: readonly string[] } => {
  const changes = difference(from, to)
  return { changes, lines: planLines(changes) }
}
