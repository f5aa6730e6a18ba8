import type { Counts, Foreseen } from '../../decide/hindsight.ts'
import type { Told } from '../../../schema/told.ts'
import { visible } from '../visible.ts'

const signs = { permit: 2, ask: 1, deny: 0 } as const
/** `+` more may be done or seen than was, `-` less, `~` neither or both, `?` the record does not tell. */
function sign({ was, would, masks }: Foreseen): string {
  if (would === null) return '?'
  if (signs[would] !== signs[was]) return signs[would] > signs[was] ? '+' : '-'
  return masks.length > 0 && masks.every(({ to }) => to === 'clear') ? '+' : '~'
}

/** One decision that would be another: who, what, and why, each line made visible. */
export function changeLines(foreseen: Foreseen, { statements, change }: Partial<Told>): readonly string[] {
  const { at, subject, connection, was, would, cannot, rules, why, masks, people, login, id } = foreseen
  const asked = statements?.map(({ sql }) => sql) ?? (Array.isArray(change?.['statements']) ? change['statements'].map(String) : [])
  return [
    `${sign(foreseen)} ${at} ${subject} on ${connection}: ${was}${cannot !== null ? ', cannot tell' : would === was ? '' : ` → ${would}`}  (${id})`,
    ...asked.map((sql) => `    ${sql.length > 200 ? `${sql.slice(0, 200)}…` : sql}`),
    ...(cannot === null ? [] : [`    ${cannot}`]), ...(why === null ? [] : [`    ${why}`]),
    ...(would !== null && would !== 'deny' && rules.length > 0 ? [`    by ${rules.join(', ')}`] : []),
    ...masks.map(({ column, from, to }) => `    ${column}: ${from} → ${to}`), ...(people === null ? [] : [`    asks ${people.to} instead of ${people.from}`]), ...(login === null ? [] : [`    runs as ${login.to} instead of ${login.from}`]),
  ].map(visible)
}

export const countLines = ({ decisions, same, changed, unknown }: Counts): string =>
  `${decisions} ${decisions === 1 ? 'decision' : 'decisions'}: ${same} the same, ${changed} other, ${unknown} that cannot be told`
