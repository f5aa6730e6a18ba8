import { html } from 'hono/html'
import type { RequestView } from '../../schema/approval.ts'
import type { Html } from './frame.ts'
import { name } from './shown.ts'

/** One condition under which it would run. `unusual`: the call asked for it, or it is more than most calls get. */
interface Term { readonly what: string; readonly value: Html; readonly unusual: boolean }

/** How it would run and what comes out: what the call asked for beside its statement, and what it is held to. The unusual is said first. */
export function terms(request: RequestView): Html {
  const found = [...asked(request), ...held(request)]
  const sorted = [...found.filter(({ unusual }) => unusual), ...found.filter(({ unusual }) => !unusual)]
  return html`<section aria-labelledby="terms"><h2 id="terms">Under these terms</h2>
${request.reveal.length === 0 ? '' : html`<p class="warn"><strong>Without masks.</strong> The call asks to be shown ${names(request.reveal)} in clear.</p>`}
<dl>${sorted.map(({ what, value, unusual }) => html`<dt>${what}</dt><dd>${unusual ? html`<strong>${value}</strong>` : value}</dd>
`)}</dl></section>`
}

function asked({ revealed, batch, isolation, statements, maxRows, rowMode }: RequestView): readonly Term[] {
  return [
    { what: 'Comes in clear', value: revealed.length === 0 ? html`nothing classified` : html`<span class="clear">${names(revealed)}</span>`, unusual: revealed.length > 0 },
    { what: 'Runs as', value: html`${batch ? `a transaction of ${statements.length}` : 'one statement'}, ${isolation}`, unusual: isolation !== 'read committed' },
    ...(maxRows === null ? [] : [{ what: 'Rows it asks for', value: html`at most ${count(maxRows)}`, unusual: false }]),
    { what: 'Form of a row', value: html`${rowMode}`, unusual: false },
  ]
}

function held({ detect, limits }: RequestView): readonly Term[] {
  const { rows, bytes, timeoutMs, affected, cost, statementsPerHour, rowsPerHour, ...rest } = limits
  nothing(rest)
  return [
    { what: 'Also hidden', value: detect.length === 0 ? html`nothing more` : html`${detect.join(', ')}, where found`, unusual: false },
    { what: 'Rows given', value: html`at most ${count(rows)}, ${count(bytes)} bytes`, unusual: false },
    { what: 'Rows changed', value: html`at most ${count(affected)}`, unusual: false },
    { what: 'Time', value: html`at most ${count(timeoutMs / 1000)} s`, unusual: false },
    ...(cost === undefined ? [] : [{ what: 'Cost', value: html`at most ${count(cost)}, in the target's units`, unusual: false }]),
    { what: 'In an hour', value: html`${statementsPerHour === null ? 'any number of statements' : `${count(statementsPerHour)} statements`}, ${rowsPerHour === null ? 'any number of rows' : `${count(rowsPerHour)} rows`}`, unusual: false },
  ]
}
/** A limit that is bound and not shown is a type error. */
const nothing = (_rest: Readonly<Record<string, never>>): void => {}
const count = (n: number): string => n.toLocaleString('en')
const names = (all: readonly string[]): Html => html`${all.map((one, index) => html`${index === 0 ? '' : ', '}${name(one)}`)}`
