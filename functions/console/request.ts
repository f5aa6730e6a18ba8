import { html } from 'hono/html'
import type { RequestSummary, RequestView, Status } from '../../schema/approval.ts'
import type { Html } from './frame.ts'
import { changes, doing, isCommand, place, rank, reaches } from './reach.ts'
import { brief, command, name, parameter, statement, words } from './shown.ts'
import { terms } from './terms.ts'

/** What the page knows beside the request: when it is read, and the proof its form carries. */
export interface Reading { readonly now: number; readonly proof: string }

const states: Readonly<Record<Status, { readonly tone: '' | 'good' | 'bad'; readonly title: string; readonly words: string }>> = {
  pending: { tone: '', title: 'Waiting for a decision', words: 'Nothing has run.' },
  approved: { tone: 'good', title: 'Approved', words: 'It is decided once more on what is true now, and then runs. Look again in a moment.' },
  executing: { tone: 'good', title: 'Running', words: 'It was approved and is running now. Look again in a moment.' },
  succeeded: { tone: 'good', title: 'Approved and done', words: 'It ran once.' },
  failed: { tone: 'bad', title: 'Approved, and failed', words: 'It was approved and did not go through.' },
  'outcome-unknown': { tone: 'bad', title: 'Outcome unknown', words: 'It was approved and sent, and the answer was lost: it may have happened or not. It is never run again by itself; somebody must look at the data.' },
  rejected: { tone: 'bad', title: 'Rejected', words: 'Somebody who may decide said no. Nothing ran.' },
  expired: { tone: 'bad', title: 'Expired', words: 'Nobody decided in time. Nothing ran, and nobody said no.' },
  cancelled: { tone: '', title: 'Cancelled', words: 'Whoever asked took it back. Nothing ran.' },
  stale: { tone: 'bad', title: 'Stale', words: 'What it would do changed after it was approved, so it did not run. Whoever asked may ask again.' },
}

/** `pending` past its time is expired to the reader, whatever the clockwork has come to. */
const stateOf = (request: Pick<RequestView, 'status' | 'expiresAt'>, now: number): Status => request.status === 'pending' && now >= Date.parse(request.expiresAt) ? 'expired' : request.status

/** The whole of what would run, for the person who decides. CONTRACT.md section 5. */
export function requestPage(request: RequestView, reading: Reading): Html {
  const { now } = reading
  return html`${state(request, now)}
<h1>${title(request)}</h1>
${asked(request, now)}
${purpose(request)}
${statements(request)}
${changes(request)}
${terms(request)}
${reaches(request)}
${grounds(request)}
${decisions(request, now)}
${request.mayDecide && stateOf(request, now) === 'pending' ? form(request, reading) : closed(request, now)}`
}

/** What a title and a line in a list say; a request and its summary both have it. */
export type Headed = Pick<RequestView, 'id' | 'status' | 'subject' | 'connection' | 'createdAt' | 'expiresAt' | 'mayDecide'> & Pick<RequestSummary, 'accesses'> & Partial<Pick<RequestSummary, 'moreAccesses' | 'onRecord'>>
export const title = (request: Headed): Html => {
  if (request.onRecord === false) return html`Not on record: a request in the name of ${name(request.subject)}`
  const [first, ...rest] = [...request.accesses].sort((a, b) => rank(a) - rank(b))
  const more = rest.length + (request.moreAccesses ?? 0)
  return html`${name(request.subject)} wants to ${first === undefined ? 'run a statement' : html`${doing(first)} ${brief(first.resource)}${place(first.target)}`}${more === 0 ? '' : html` <span class="soft">and ${more} more</span>`}`
}
export function stateLine(request: Headed, now: number): Html {
  if (request.onRecord === false) return html`<strong>Nobody is on record to have asked for this as it stands here.</strong> It cannot be approved and nothing of it runs; tell whoever runs this gate.`
  const { title } = states[stateOf(request, now)]
  return stateOf(request, now) === 'pending' ? html`${title}; expires ${relative(request.expiresAt, now)}` : html`${title}`
}

function state(request: RequestView, now: number): Html {
  const found = states[stateOf(request, now)]
  const { ending } = request
  const open = request.status === 'approved' || request.status === 'executing'
  return html`<div class="state ${found.tone}" role="status"><p><strong>${found.title}.</strong> ${found.words}</p>
${stateOf(request, now) === 'pending' ? html`<p>Expires ${time(request.expiresAt, now)}.</p>` : ''}
${ending === null ? '' : html`<p>${ending.rowCounts.length > 0 && !isCommand(request) ? html`Rows: ${ending.rowCounts.join(', ')}. ` : ''}Ended ${time(ending.at, now)}.</p>`}
${ending?.slug ? html`<p class="soft">${ending.slug}, ${ending.reason}${ending.sqlstate === undefined ? '' : `, ${ending.sqlstate}`}</p>` : ''}
${kept(request, now)}
${ending?.detail && request.status !== 'rejected' ? words(ending.detail) : ''}
${open ? html`<p><a class="button" href="/requests/${request.id}">Look again</a></p>` : ''}</div>`
}

/** For whoever asked: the rows are fetched by the call or the command line; a page shows none. */
function kept(request: RequestView, now: number): Html | '' {
  const { id, resultUntil } = request
  if (resultUntil === null) return ''
  const [what, are, were] = isCommand(request) ? ['What it wrote', 'is', 'was'] : ['Its rows', 'are', 'were']
  return now < Date.parse(resultUntil) ? html`<p>${what} ${are} kept for you until ${time(resultUntil, now)}: <code>sluice requests ${id}</code>.</p>` : html`<p>${what} ${were} kept until ${time(resultUntil, now)} and ${are} gone. It does not run again.</p>`
}

function asked(request: RequestView, now: number): Html {
  const { principals } = request
  const claims = Object.entries(request.claims ?? {})
  return html`<section aria-labelledby="asked"><h2 id="asked">Who asks</h2><dl>
<dt>Asked by</dt><dd>${principals.slice(0, 1).map(person)}${request.mine ? ' (you)' : ''}</dd>
${principals.length < 2 ? '' : html`<dt>Through</dt><dd>${principals.slice(1).map((actor, index) => html`${index === 0 ? '' : ', then '}${person(actor)}`)}</dd>`}
<dt>Vouched for by</dt><dd>${name(request.issuer)}</dd>
${claims.map(([claim, value]) => html`<dt>Its token says</dt><dd>${name(claim)}: ${name(JSON.stringify(value))}</dd>`)}
<dt>Connection</dt><dd>${name(request.connection)}</dd>
<dt>Asked</dt><dd>${time(request.createdAt, now)}</dd>
<dt>Expires</dt><dd>${time(request.expiresAt, now)}</dd></dl></section>`
}

const person = ({ id, groups }: RequestView['principals'][number]): Html => html`${name(id)} <span class="soft">${groups.length === 0 ? 'of no group' : html`of ${groups.map((group, index) => html`${index === 0 ? '' : ', '}${name(group)}`)}`}</span>`

function purpose(request: RequestView): Html {
  return html`<section aria-labelledby="purpose"><h2 id="purpose">What it says it is for</h2>
${request.purpose === null ? html`<p class="soft">It gives no purpose.</p>` : html`<p class="soft">Written by whoever asks, and checked by nobody:</p>${words(request.purpose)}`}</section>`
}

function statements(request: RequestView): Html {
  const several = request.statements.length > 1
  if (isCommand(request) && !several) return html`<section aria-labelledby="runs"><h2 id="runs">What would run</h2>
<p>One command on ${name(request.connection)}, without a terminal and without input:</p>
${request.statements.map(({ sql }) => command(sql))}</section>`
  return html`<section aria-labelledby="runs"><h2 id="runs">What would run</h2>
${several ? html`<p>${request.statements.length} statements, as one transaction (${request.isolation}): all of them or none.</p>` : ''}
${request.statements.map(({ sql, params }, index) => html`${several ? html`<h3>Statement ${index + 1} of ${request.statements.length}</h3>` : ''}
${statement(sql, several ? `Statement ${index + 1}` : 'Statement')}
${params.length === 0 ? html`<p class="soft">No parameters.</p>` : html`<h3>Parameters${several ? ` of statement ${index + 1}` : ''}</h3><ol class="flat">${params.map((value, at) => parameter(value, at + 1))}</ol>`}
${estimate(request, index)}`)}</section>`
}

function estimate(request: RequestView, index: number): Html | '' {
  if (request.estimate === undefined) return ''
  const guess = request.estimate[index]
  if (guess === undefined || guess === null) return html`<p>The target has no estimate of how many rows.</p>`
  return html`<p>The target's own guess, without running it: <strong>about ${Math.round(guess.rows).toLocaleString('en')} ${Math.round(guess.rows) === 1 ? 'row' : 'rows'}</strong>.</p>`
}

function grounds(request: RequestView): Html {
  return html`<section aria-labelledby="grounds"><h2 id="grounds">On what grounds</h2><dl>
<dt>Asks for approval</dt><dd><ul class="flat">${request.demands.map(({ by, quorum, withinMs, rule }) => html`<li><code>${name(rule)}</code>: ${quorum} from ${people(by)}, within ${duration(withinMs)}</li>`)}</ul></dd>
<dt>Rules that took part</dt><dd>${listed(request.rules)}</dd>
<dt>Policy</dt><dd><code>${request.policy.slice(0, 12)}</code></dd>
<dt>Digest</dt><dd><code>${request.digest.slice(0, 16)}</code><details><summary>All of it</summary><p><code>${request.digest}</code></p><p class="soft">SHA-256 over everything on this page that would run. What runs must have this digest.</p>${contents(request)}<p class="soft">Request <code>${request.id}</code></p></details></dd></dl></section>`
}
/** What the digest holds by its hash: shown to whoever decides, so that two who compare see the same. */
function contents({ trust, rules, ruleContents, fingerprint }: RequestView): Html | '' {
  if (trust === null || ruleContents === null || fingerprint === null) return ''
  return html`<ul>${rules.map((rule, index) => html`<li><code>${name(rule)}</code> as <code>${ruleContents[index]}</code></li>`)}<li>The objects reached, as <code>${fingerprint}</code></li><li>The issuer, as <code>${trust}</code></li></ul>`
}
const listed = (texts: readonly string[]): Html => html`${texts.map((text, index) => html`${index === 0 ? '' : ', '}<code>${name(text)}</code>`)}`

function decisions(request: RequestView, now: number): Html {
  const lost = request.notices.filter(({ sent }) => !sent)
  return html`<section aria-labelledby="decisions"><h2 id="decisions">Decisions so far</h2>
${request.decisions.length === 0 ? html`<p>None.</p>` : html`<ul>${request.decisions.map((one) => html`<li><strong>${one.decision === 'approve' ? 'Approved' : 'Rejected'}</strong> by ${name(one.subject)}, ${time(one.at, now)}${one.reason === null ? '' : words(one.reason)}</li>`)}</ul>`}
${request.status !== 'pending' ? '' : html`<p>Still missing:</p><ul>${request.demands.map((demand) => html`<li>${demand.missing === 0 ? 'nothing more' : html`<strong>${demand.missing} of ${demand.quorum}</strong>`} from ${people(demand.by)}</li>`)}</ul>`}
${lost.length === 0 ? '' : html`<p class="warn">Not everybody could be told: ${lost.map(({ to }, index) => html`${index === 0 ? '' : ', '}${name(to)}`)}.</p>`}</section>`
}
const people = (by: readonly string[]): Html => html`${by.map((one, index) => html`${index === 0 ? '' : ' or '}${one.startsWith('user:') ? '' : 'the group '}${name(one)}`)}`

function form(request: RequestView, { proof }: Reading): Html {
  return html`<section aria-labelledby="decide"><h2 id="decide">Your decision</h2>
<p>Approving lets exactly this run, once, right after the last approval it needs. One rejection ends it.</p>
<form method="post" action="/requests/${request.id}/decision">
<input type="hidden" name="digest" value="${request.digest}"><input type="hidden" name="proof" value="${proof}">
<label for="reason">Reason <span class="soft">(optional; whoever asked reads it)</span></label>
<textarea id="reason" name="reason" maxlength="500" autocomplete="off"></textarea>
<p class="soft">For digest <code>${request.digest.slice(0, 16)}</code></p>
<div class="choice"><button class="yes" name="decision" value="approve">Approve and run</button><button class="no-way" name="decision" value="reject">Reject</button></div>
</form></section>`
}

/** Why there is no form. */
function closed(request: RequestView, now: number): Html {
  if (stateOf(request, now) !== 'pending') return html``
  const why = request.mine
    ? html`You asked for this, so you do not decide it. It is for ${people(request.approvers)}.`
    : html`It is for ${people(request.approvers)}, and never for whoever asks or owns the agent that asks. Deciding also needs a sign-in of the last 15 minutes.`
  return html`<section aria-labelledby="decide"><h2 id="decide">Not yours to decide</h2><p>${why}</p>${request.mine ? '' : html`<p><a class="button" href="/signin?to=/requests/${request.id}&amp;again=1">Sign in again</a></p>`}</section>`
}

/** Absolute, in UTC, and as far away as it is while the page is made. */
export const time = (iso: string, now: number): Html => html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time> (${relative(iso, now)})`

export function relative(iso: string, now: number): string {
  const seconds = Math.round((Date.parse(iso) - now) / 1000)
  const size = Math.abs(seconds)
  if (size < 3) return 'just now'
  const text = size < 90 ? `${size} s` : size < 5400 ? `${Math.round(size / 60)} min` : size < 129_600 ? `${Math.round(size / 3600)} h` : `${Math.round(size / 86_400)} days`
  return seconds >= 0 ? `in ${text}` : `${text} ago`
}
const duration = (ms: number): string => ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`
