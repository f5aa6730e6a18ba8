import { html } from 'hono/html'
import type { RequestView } from '../../schema/approval.ts'
import type { Html } from './frame.ts'
import { isCommand } from './reach.ts'
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

/** Of a cluster: one request, about objects in a place. What is bound of a transaction and of rows says nothing there, as long as it is what every such request has. */
const ofCluster = ({ accesses, isolation, rowMode, maxRows, batch }: RequestView): boolean =>
  accesses.length > 0 && accesses.every(({ target }) => target !== undefined) && isolation === 'read committed' && rowMode === 'object' && maxRows === null && !batch

/** The cluster said which object it is, so what runs is held to it. A create, a list and a command are held to none. A line of the object's own never begins so: each has a mark before it. */
const ofObject = ({ diff }: RequestView): boolean => diff !== undefined && /^# of the object with uid /m.test(diff)

function asked(request: RequestView): readonly Term[] {
  const { revealed, batch, isolation, statements, maxRows, rowMode, fingerprint } = request
  if (isCommand(request)) return [{ what: 'Runs', value: html`once; what it prints has no classes, and comes as it is but for what is also hidden`, unusual: false }]
  if (ofCluster(request)) return [
    { what: 'Comes in clear', value: revealed.length === 0 ? html`nothing classified` : html`<span class="clear">${names(revealed)}</span>`, unusual: revealed.length > 0 },
    { what: 'Runs as', value: html`one request to the API server`, unusual: false },
    ...(!ofObject(request) ? [] : [{ what: 'On', value: html`the object as it is shown here. Right before it runs it is looked at again, and its version goes along: where it is another by then, nothing runs`, unusual: false }]),
    ...(fingerprint === null || !ofObject(request) ? [] : [{ what: 'Its state', value: html`without status, managers and versions, by a salted hash: <code>${fingerprint.slice(0, 16)}</code>`, unusual: false }]),
  ]
  return [
    { what: 'Comes in clear', value: revealed.length === 0 ? html`nothing classified` : html`<span class="clear">${names(revealed)}</span>`, unusual: revealed.length > 0 },
    { what: 'Runs as', value: html`${batch ? `a transaction of ${statements.length}` : 'one statement'}, ${isolation}`, unusual: isolation !== 'read committed' },
    ...(maxRows === null ? [] : [{ what: 'Rows it asks for', value: html`at most ${count(maxRows)}`, unusual: false }]),
    { what: 'Form of a row', value: html`${rowMode}`, unusual: false },
  ]
}

function held(request: RequestView): readonly Term[] {
  const { detect, limits } = request
  const { rows, bytes, timeoutMs, affected, cost, statementsPerHour, rowsPerHour, ...rest } = limits
  const host = isCommand(request)
  const calls = host ? 'commands' : ofCluster(request) ? 'requests' : 'statements'
  nothing(rest)
  return [
    { what: 'Also hidden', value: detect.length === 0 ? html`nothing more` : html`${detect.join(', ')}, where found`, unusual: false },
    ...(host ? [{ what: 'Given', value: html`at most ${count(bytes)} bytes of what it writes; the record has more`, unusual: false }] : ofCluster(request) ? [{ what: 'Given', value: html`at most ${count(rows)} objects of a list; ${count(bytes)} bytes of one`, unusual: false }] : [
      { what: 'Rows given', value: html`at most ${count(rows)}, ${count(bytes)} bytes`, unusual: false },
      { what: 'Rows changed', value: html`at most ${count(affected)}`, unusual: false },
    ]),
    { what: 'Time', value: html`at most ${count(timeoutMs / 1000)} s`, unusual: false },
    ...(cost === undefined ? [] : [{ what: 'Cost', value: html`at most ${count(cost)}, in the target's units`, unusual: false }]),
    { what: 'In an hour', value: html`${statementsPerHour === null ? `any number of ${calls}` : `${count(statementsPerHour)} ${calls}`}${host || ofCluster(request) ? '' : rowsPerHour === null ? ', any number of rows' : `, ${count(rowsPerHour)} rows`}`, unusual: false },
  ]
}
/** A limit that is bound and not shown is a type error. */
const nothing = (_rest: Readonly<Record<string, never>>): void => {}
const count = (n: number): string => n.toLocaleString('en')
const names = (all: readonly string[]): Html => html`${all.map((one, index) => html`${index === 0 ? '' : ', '}${name(one)}`)}`
