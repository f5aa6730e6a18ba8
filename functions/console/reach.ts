import { html } from 'hono/html'
import type { RequestView } from '../../schema/approval.ts'
import type { Html } from './frame.ts'
import { name, statement } from './shown.ts'

type Reached = RequestView['accesses'][number]
type Target = Reached['target']

const does: Readonly<Record<string, string>> = {
  select: 'read', insert: 'add rows to', update: 'change rows of', delete: 'delete rows of', truncate: 'empty', create: 'create', alter: 'alter', drop: 'drop', grant: 'change grants on', call: 'call', lock: 'lock',
  read: 'read', apply: 'apply', set: 'set', exec: 'run',
}
/** Of a cluster's objects, where the same words mean other things. */
const doesThere: Readonly<Record<string, string>> = { get: 'read', list: 'list', watch: 'watch', create: 'create', patch: 'change', update: 'replace', delete: 'delete', deletecollection: 'delete all of' }
export const doing = ({ action, target }: Pick<Reached, 'action' | 'target'>): string => (target === undefined ? does[action] : doesThere[action]) ?? action

/** On a host: what it reaches is the command itself. */
export const isCommand = ({ accesses }: { readonly accesses: readonly Pick<Reached, 'action' | 'target'>[] }): boolean => accesses.length > 0 && accesses.every(({ action, target }) => action === 'exec' && target === undefined)

/** What changes something is said before what only reads. */
export const rank = ({ action }: Pick<Reached, 'action'>): number => (['select', 'read', 'get', 'list', 'watch'].includes(action) ? 1 : 0)

/** Of a cluster: which one, and where. */
export const place = (target: Target): Html | '' => target === undefined ? '' : html`${target.name === null ? '' : html` ${name(target.name)}`}${target.namespace === null ? ' in no one namespace' : html` in namespace ${name(target.namespace)}`}`

/** Each thing a pod template asks for, as what it lets its containers do. */
const capabilities: Readonly<Record<string, string>> = {
  privileged: 'run with the rights of the machine', 'host-path': 'read and write files of the machine', 'host-namespace': 'share the network or the processes of the machine', 'secret-mount': 'read Secrets', 'service-account': 'act as another service account',
}
const needs = (target: Target): Html | '' => target === undefined || target.needs.length === 0 ? '' : html`<p class="warn">Its containers may ${target.needs.map((need, index) => html`${index === 0 ? '' : ', '}${capabilities[need] ?? name(need)} (${need})`)}.</p>`

export function reaches(request: RequestView): Html | '' {
  if (isCommand(request) && request.classified.length === 0) return ''          // the command itself, which stands whole above
  const several = request.statements.length > 1
  const where = (statements: readonly number[]) => several ? html` <span class="soft">(statement ${statements.map((n) => n + 1).join(', ')})</span>` : ''
  return html`<section aria-labelledby="reaches"><h2 id="reaches">What it reaches</h2>
<ul>${request.accesses.map(({ action, resource, columns, via, statements, target }) => html`<li>${capital(doing({ action, ...(target ? { target } : {}) }))}${target === undefined ? '' : ` (${action})`} ${name(resource)}${place(target)}${columns === null ? '' : columns.length === 0 ? ' (rows counted, no column)' : html`: ${columns.map((column, index) => html`${index === 0 ? '' : ', '}${name(column)}`)}`}${via.length === 0 ? '' : html` <span class="soft">by way of ${via.map((one, index) => html`${index === 0 ? '' : ', then '}${name(one)}`)}</span>`}${where(statements)}${needs(target)}</li>`)}</ul>
<h3>Classified columns</h3>
${request.classified.length === 0 ? html`<p>None.</p>` : html`<ul>${request.classified.map((one) => html`<li>${name(one.column)} (${one.class}): ${one.use.startsWith('masked') ? one.use : html`<span class="clear">${name(one.use)}</span>`}${one.output === null ? '' : html` <span class="soft">as column ${one.output + 1} of the answer</span>`}${where([one.statement])}</li>`)}</ul>`}</section>`
}

/** The target's own word of what would change, line by line, beside the statement that does it. */
export function changes(request: RequestView): Html | '' {
  const { diff, diffNow } = request
  if (diff === undefined) return ''
  if (isCommand(request)) return runs(diff, diffNow)
  return html`<section aria-labelledby="changes"><h2 id="changes">What would change</h2>
<p class="soft">${request.connection === 'sluice' ? 'The lock that is there now goes, or is replaced. Where it is another by the time this runs, nothing happens.' : 'As the cluster said when it was asked, without doing it; classified values are masked.'}</p>
${statement(diff, 'Change')}
${diffNow === undefined ? '' : html`<p class="warn"><strong>The object has changed since.</strong> What was asked would not run any more as it was asked; now it would change this:</p>${statement(diffNow, 'Change now')}`}</section>`
}
/** A command has no preview; what it would change nobody can say. As whom it runs decides what it can. */
function runs(where: string, now: string | undefined): Html {
  const lines = (text: string) => html`<ul>${text.split('\n').map((line) => html`<li>${name(line)}</li>`)}</ul>`
  return html`<section aria-labelledby="changes"><h2 id="changes">As whom, and where</h2>
${lines(where)}
<p class="soft">What a command changes is not known before it runs: nothing was tried.</p>
${now === undefined ? '' : html`<p class="warn"><strong>This has changed since.</strong> It would not run any more as it was asked; now it would run:</p>${lines(now)}`}</section>`
}
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
