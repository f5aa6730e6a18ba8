import { html } from 'hono/html'
import type { Step } from '../../schema/told.ts'
import type { Html } from './frame.ts'
import { command, name, parameter, statement, words } from './shown.ts'
import type { Notice } from './notice.ts'

/** A part of a session as the gate gives it: in order; `next` leads to the part before it. */
export interface Played { readonly session: string; readonly steps: readonly Step[]; readonly next: string | null; readonly missing?: readonly string[]; readonly damaged?: readonly string[] }

/** A session played back, for whoever a rule lets read the audit: each step in order, statements as they were sent, and nothing to press. */
export function replayPage({ session, steps, next, missing = [], damaged = [] }: Played): Html {
  const earlier = next === null ? '' : html`<p><a class="button" href="/audit/sessions/${session}?after=${encodeURIComponent(next)}">Earlier steps</a></p>`
  return html`<h1>A session, step by step</h1>
<p class="soft">Session <code>${session.slice(0, 30)}</code>. Times are UTC. Reading this is on record.</p>
${next === null ? '' : html`<p class="warn">This is a part of it: what came before is one page earlier.</p>`}${lacking('These are in the record and cannot be read: somebody who is not the gate wrote over them.', damaged)}${lacking('These are in the log, and no longer in the record.', missing)}${earlier}
<ol class="flat">${steps.map(shown)}</ol>
${steps.length === 0 ? html`<p>Nothing is in this part.</p>` : ''}${earlier}`
}

/** Nobody may take a gap for silence. */
const lacking = (why: string, ids: readonly string[]): Html | '' => ids.length === 0 ? '' : html`<p class="warn">This part is not whole. ${why}</p><ul class="flat">${ids.map((id) => html`<li><code>${name(id)}</code></li>`)}</ul>`

function shown(step: Step): Html {
  const { at, sinceMs, title, tone, who, connection, purpose, statements, demands, word, outcome, gone, diff, wrote } = step
  const host = isCommand(step)
  return html`<li class="card"><p><strong>${title.charAt(0).toUpperCase()}${title.slice(1)}.</strong></p>
<p class="soft"><time datetime="${at}">${at.slice(0, 23).replace('T', ' ')}</time>${sinceMs === null ? '' : html`, ${passed(sinceMs)} later`}</p>
<p>${who === null ? 'The gate itself' : name(who)}${connection === null ? '' : html` on ${name(connection)}`}</p>
${purpose === null ? '' : html`<p class="soft">What it is for, as the caller says:</p>${words(purpose)}`}
${(statements ?? []).map(({ sql, params }, i) => html`${host ? command(sql) : statement(sql, statements?.length === 1 ? 'Statement' : `Statement ${i + 1}`)}${params.length === 0 ? '' : html`<ul class="flat">${params.map((value, n) => parameter(value, n + 1))}</ul>`}`)}
${gone === null ? '' : html`<p class="warn">What was written here is ${gone === 'erased' ? 'erased: its key was destroyed' : 'damaged, and cannot be read'}.</p>`}
${diff === null || diff === '' ? '' : host ? html`<p class="soft">It runs ${diff.split('\n').map((line, i) => html`${i === 0 ? '' : ', '}${name(line)}`)}.</p>` : html`<p class="soft">What it would change, as the target said without doing it:</p>${statement(diff, 'Change')}`}
${facts(step, tone)}
${wrote.map(written)}
${outcome?.result ? answer(outcome.result) : ''}
${demands.length === 0 ? '' : html`<p>Asks ${demands.map(({ by, quorum }, i) => html`${i === 0 ? '' : ', and '}${quorum} of ${by.map((one, n) => html`${n === 0 ? '' : ' or '}${name(one)}`)}`)}.</p>`}
${word === null || word.reason === null ? '' : html`<p class="soft">Their reason:</p>${words(word.reason)}`}</li>`
}

/** On a host. What an access reaches there begins with its action, and no other engine has one of this name. */
const isCommand = ({ accesses }: Step): boolean => accesses.length > 0 && accesses.every((one) => one.startsWith('exec '))

/** All of it; what is long is folded. */
function written({ stream, text, base64 }: Step['wrote'][number]): Html {
  const whole = text.replace(/\n$/, '')
  const lines = whole.split('\n').length
  const head = html`What it wrote to ${name(stream)}${base64 ? ', in base64' : ''}`
  return lines <= 20 ? html`<p class="soft">${head}:</p>${statement(whole, 'Output')}` : html`<details><summary>${head}: ${lines} lines</summary>${statement(whole, 'Output')}</details>`
}

/** The beginning of the answer, as its caller got it. */
const answer = ({ text, bytes }: { readonly text: string | null; readonly bytes: number }): Html =>
  text === null ? html`<p class="soft">Of its answer (${bytes} bytes) nothing is kept, because a class came in clear.</p>` : html`<p class="soft">${Buffer.byteLength(text) < bytes ? `The beginning of its answer, of ${bytes} bytes:` : 'Its answer, as it was masked:'}</p>${statement(text, 'Answer')}`

/** The decision with the rules that made it, what it reached and masked, and how it ended. */
function facts({ decision, accesses, masks, revealed, outcome, request, word, change, kind, id }: Step, tone: Step['tone']): Html {
  const row = (label: string, value: Html | string) => html`<dt>${label}</dt><dd>${value}</dd>`
  const list = (items: readonly string[]) => html`${items.map((one, i) => html`${i === 0 ? '' : ', '}${name(one)}`)}`
  const login = outcome?.answered?.audit?.startsWith('sluice-') === true ? outcome.answered.audit : null    // of a host: it has no HTTP status
  const ending = outcome === null ? '' : [outcome.status, ...(login === null ? [outcome.answered ? `HTTP ${outcome.answered.status}` : `${outcome.rows.join(' + ') || 0} ${outcome.rows.join() === '1' ? 'row' : 'rows'}`] : []), ...Object.entries(outcome.said ?? {}).map(([name, value]) => `${name} ${String(value)}`), ...(outcome.truncated ? ['cut by a limit'] : []), ...(outcome.durationMs === null ? [] : [passed(outcome.durationMs)]), ...(outcome.by === 'sweeper' ? ['settled by the sweeper'] : [])].join(', ')
  return html`<div class="state${tone === '' ? '' : ` ${tone}`}"><dl>
${decision === null ? '' : html`${row('Decision', html`${decision.kind}${decision.rules.length === 0 ? '' : html`, by ${list(decision.rules)}`}`)}${decision.policy === null ? '' : row('Policy', html`<code>${decision.policy.slice(0, 12)}</code>`)}`}
${decision === null || decision.reason === null ? '' : row('Because', html`${name(decision.reason)}${decision.detail === null ? '' : words(decision.detail)}`)}
${accesses.length === 0 ? '' : row('Reaches', list(accesses))}${masks.length === 0 ? '' : row('Masked', list(masks.map(({ column, mask }) => `${column} (${mask})`)))}${revealed.length === 0 ? '' : row('In clear', html`<span class="clear">${list(revealed)}</span>`)}
${outcome === null ? '' : row('Outcome', html`${name(ending)}${outcome.reason === null ? '' : html`<br>${name(outcome.reason)}`}${outcome.detail === null ? '' : words(outcome.detail)}`)}
${outcome?.answered?.audit ? row(login === null ? 'Audit-ID' : 'Login', html`<code>${name(outcome.answered.audit)}</code>`) : ''}
${word === null || word.signedInAt === null ? '' : row('Signed in', name(word.signedInAt))}${change === null ? '' : row('What', html`<code>${name(JSON.stringify(change))}</code>`)}
${request === null ? '' : row('Request', html`<code>${name(request)}</code>`)}${row('Event', html`<code>${name(`${kind} ${id}`)}</code>`)}
</dl></div>`
}

export const noSession = (): Notice => ({ title: 'There is no such session', body: html`<h1>There is no such session</h1><p>No event of it is on record. A session is named in every answer of the gate, in <code>Sluice-Session</code>.</p>` })
export const notAuditor = (detail: string): Notice => ({ title: 'Not yours to read', body: html`<h1>Not yours to read</h1>${words(detail)}<p>The record is for those whom a rule lets read the audit. That you asked is on record.</p>` })

function passed(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 90_000) return `${(ms / 1000).toFixed(1)} s`
  return ms < 5_400_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}
