import type { Step } from '../../../schema/told.ts'
import { visible } from '../visible.ts'

/** One step for a terminal, each line made visible: what a stranger wrote neither moves the cursor nor begins a line of its own making. */
export function stepLines(step: Step, number: number): readonly string[] {
  const { at, sinceMs, kind, title, who, connection, request, purpose, statements, decision, accesses, masks, revealed, demands, word, outcome, change, gone, diff, wrote } = step
  const host = accesses.length > 0 && accesses.every((one) => one.startsWith('exec '))       // no other engine has an action of this name
  const by = decision && decision.rules.length > 0 ? ` by ${decision.rules.join(', ')}` : ''
  const fact = (name: string, value: string) => `      ${name.padEnd(9)} ${visible(value)}`
  return [
    visible(`${String(number).padStart(4)}  ${at}${sinceMs === null ? '' : `  +${passed(sinceMs)}`}  ${kind}${who === null ? '' : `  ${who}`}${connection === null ? '' : ` on ${connection}`}`),
    visible(`      ${title}`),
    ...(request === null ? [] : [fact('request', request)]), ...(purpose === null ? [] : [fact('purpose', purpose)]),
    ...(statements ?? []).flatMap(({ sql, params }) => [...sql.split('\n').map((line) => `      │ ${visible(line)}`), ...params.map((value, i) => fact(`$${i + 1}`, JSON.stringify(value) ?? 'null'))]),
    ...(decision === null ? [] : [fact('decision', `${decision.kind}${by}${decision.policy === null ? '' : `, policy ${decision.policy.slice(0, 12)}`}`)]),
    ...(decision?.reason ? [fact('because', `${decision.reason}${decision.detail === null ? '' : `: ${decision.detail}`}`)] : []),
    ...accesses.map((access) => fact('reaches', access)),
    ...(diff === null || diff === '' ? [] : host ? [fact('runs', diff.split('\n').join(', '))] : ['      would change', ...diff.split('\n').map((line) => `      │ ${visible(line)}`)]),
    ...masks.map(({ column, mask }) => fact('masked', `${column} (${mask})`)), ...(revealed.length === 0 ? [] : [fact('in clear', revealed.join(', '))]),
    ...demands.map(({ by: people, quorum, rule }) => fact('asks', `${quorum} of ${people.join(', ')} (${rule})`)),
    ...(word === null || word.reason === null ? [] : [fact('reason', word.reason)]), ...(word === null || word.signedInAt === null ? [] : [fact('signed in', word.signedInAt)]),
    ...(outcome === null ? [] : [fact('outcome', [outcome.status, ...answered(outcome), ...(outcome.truncated ? ['cut by a limit'] : []), ...(outcome.durationMs === null ? [] : [passed(outcome.durationMs)]), ...(outcome.by === 'sweeper' ? ['settled by the sweeper'] : [])].join(', '))]),
    ...(outcome?.reason ? [fact('because', `${outcome.reason}${outcome.detail === null ? '' : `: ${outcome.detail}`}`)] : []),
    ...(outcome?.result ? [fact('answer', outcome.result.text === null ? `${outcome.result.bytes} bytes; none of them kept, because a class came in clear` : beginningOf(outcome.result.text, outcome.result.bytes))] : []),
    ...(outcome?.said ? [fact('said', Object.entries(outcome.said).map(([name, value]) => `${name} ${String(value)}`).join(', '))] : []),
    ...wrote.flatMap(({ stream, text, base64 }) => [`      ${visible(stream)}${base64 ? ' (in base64)' : ''}`, ...text.replace(/\n$/, '').split('\n').map((line) => `      │ ${visible(line)}`)]),
    ...(gone === null ? [] : [fact('content', gone)]),
    ...(change === null ? [] : [fact('what', JSON.stringify(change))]),
  ]
}

/** What the target answered with: rows, an HTTP status, or of a host, which has none, the login that its own log names. */
function answered({ rows, answered: by }: NonNullable<Step['outcome']>): readonly string[] {
  if (by === null || by === undefined) return [`${rows.join(' + ') || 0} ${rows.join() === '1' ? 'row' : 'rows'}`]
  return by.audit?.startsWith('sluice-') ? [`login ${by.audit}`] : [`HTTP ${by.status}`, ...(by.audit === null ? [] : [`Audit-ID ${by.audit}`])]
}

/** So much of an answer as a terminal shows; --json has what there is. */
const mostShown = 2000
const beginningOf = (text: string, bytes: number): string => text.length <= mostShown && Buffer.byteLength(text) >= bytes ? text : `${text.slice(0, mostShown).toWellFormed()}… (${bytes} bytes)`

/** A stretch of time as a person says it. */
function passed(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 90_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`
  return ms < 129_600_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} days`
}
