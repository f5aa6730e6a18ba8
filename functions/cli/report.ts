import type { Finding } from '../record/verify/finding.ts'
import type { Report } from '../record/verify/verify.ts'
import type { Terminal } from './terminal.ts'
import { visible } from './visible.ts'

/** What a log was held against; `witnesses` null: none were demanded. `gate`: which one showed it, null: it lies in a directory. */
interface Asked { readonly vkey: boolean; readonly promise: boolean; readonly witnesses: number | null; readonly gate: string | null }

/** A report in words, on standard error: what is wrong, what there is, and what this did not show. */
export function say(terminal: Terminal, { ok, origin, size, root, counts, contents, pruned, promises, witnesses, checkpoints, findings, more }: Report, { vkey, promise, witnesses: demanded, gate }: Asked): void {
  for (const finding of findings) terminal.err(`${visible(lineOf(finding))}\n`)
  if (more > 0) terminal.err(`and ${more} more\n`)
  if (origin !== null) terminal.err(`${visible(origin)}: ${size} ${size === 1 ? 'entry' : 'entries'}, root ${root}\n`)
  const parts = [
    `${counts.intents} intents`, `${counts.outcomes} outcomes`, `${counts.refusals} refusals`, `${counts.requests} access requests`, `${counts.approvals} approvals`,
    ...(counts.unsettled > 0 ? [`${counts.unsettled} intents without an outcome yet${counts.overdue > 0 ? ` (${counts.overdue} of them long after their time)` : ''}`] : []),
    ...(counts.foreign > 0 ? [`${counts.foreign} of the approvals by people of another issuer than who asked`] : []), ...(counts.digests > 0 ? [`${counts.digests} entries by digest alone`] : []),
    ...(counts.writers > 0 ? [`${counts.writers} processes`] : []), ...(counts.lost > 0 ? [`${counts.lost} events that were in flight when their process died`] : []), ...(counts.voids > 0 ? [`${counts.voids} events that were not stored, as their processes say`] : []),
    ...(checkpoints > 0 ? [`${checkpoints} published checkpoints that are of this tree`] : []), ...(pruned > 0 ? [`${pruned} entries were removed when their time was over`] : []), ...(contents.checked > 0 ? [`${contents.checked} contents that are what the log committed to`] : []), ...(contents.erased > 0 ? [`${contents.erased} erased`] : []),
    ...(contents.unexplained > 0 ? [`${contents.unexplained} of them by no erasure in this log yet`] : []),
    ...(counts.unjudged > 0 ? [`${counts.unjudged} executions whose approval lies here by digest alone and was not judged`] : []),
  ]
  if (counts.entries > 0) terminal.err(`${parts.join(', ')}\n`)
  if (promise && origin !== null) terminal.err(`${promises.kept} promises kept${promises.due > 0 ? `, ${promises.due} whose time is not over` : ''}${promises.removed > 0 ? `, ${promises.removed} of entries that were removed` : ''}\n`)
  if (demanded !== null && origin !== null) terminal.err(`${witnesses} of ${demanded} witnesses cosigned this checkpoint\n`)
  if (!vkey && origin !== null) terminal.err(gate === null ? 'the key is the one that lies beside the log, so this does not show whose log it is: give the one you were told as --vkey\n'
    : `the key is the one that the gate at ${visible(gate)} told, so whose log it is, is its word: give the one you were told as --vkey\n`)
  if (gate !== null && origin !== null) terminal.err(`read from the gate at ${visible(gate)}, as it shows its log to this caller, and not kept: \`sluice audit export --log DIR\` makes a copy to verify offline, --content one whose content is checked too\n`)
  terminal.err(ok ? 'the log is whole\n' : 'the log does not verify\n')
}
const lineOf = ({ index, id, path, reason }: Finding): string =>
  `${[index === undefined ? null : `entry ${index}`, id === undefined ? null : `(${id})`, path === undefined ? null : `\`${path}\``].filter((part) => part !== null).join(' ')}: ${reason}`
