import { html } from 'hono/html'
import type { Refusal } from '../../schema/refusal.ts'
import type { Html } from './frame.ts'
import { words } from './shown.ts'
import type { Failed, Way } from './signin.ts'

/** A page that says one thing, and what to do next. `status`: of the answer. */
export interface Notice { readonly title: string; readonly body: Html }

const notice = (title: string, ...body: readonly Html[]): Notice => ({ title, body: html`<h1>${title}</h1>${body}` })
const button = (href: string, text: string | Html): Html => html`<p><a class="button" href="${href}">${text}</a></p>`

/** Nothing about the request is said, not even whether there is one. */
export function signedOut(to: string, ways: readonly Way[], again: boolean): Notice {
  const lead = again
    ? html`<p>Your sign-in is over: deciding needs one of the last 15 minutes. Afterwards you are back where you were.</p>`
    : html`<p>To see what is asked, and to decide it, sign in as yourself. Opening this page changed nothing.</p>`
  if (ways.length === 0) return notice('Sign in', html`<p>No issuer of this gate's policy signs people in here: one must name the client <code>sluice-console</code> under <code>people</code>.</p>`)
  return notice(again ? 'Sign in again' : 'Sign in', lead, ...ways.map((way) => button(`/signin?to=${encodeURIComponent(to)}&issuer=${encodeURIComponent(way.name)}${again ? '&again=1' : ''}`, html`Sign in with ${way.name}`)))
}

/** Why nobody is signed in after having been at the issuer. */
export function notSignedIn({ failed, words: said }: Failed, to: string): Notice {
  const back = button(`/signin?to=${encodeURIComponent(to)}${failed === 'tooOld' ? '&again=1' : ''}`, 'Sign in')
  switch (failed) {
    case 'over': return notice('This sign-in is over', html`<p>It was begun elsewhere, took longer than ten minutes, or was finished already. Nobody was signed in by it.</p>`, back)
    case 'refused': return notice('The identity provider said no', html`<p>It says:</p>`, words(said ?? ''), back)
    case 'unproven': return notice('The sign-in could not be proven', html`<p>What the identity provider answered does not hold, so nobody was signed in. Whoever runs the gate has been told why.</p>`, back)
    case 'timeless': return notice('The identity provider does not say when you signed in', html`<p>Deciding needs a sign-in of the last 15 minutes, and its ID token has no <code>auth_time</code>. Whoever runs the gate finds how to have it sent in the document about issuers.</p>`)
    case 'tooOld': return notice('Your sign-in is too old', html`<p>Deciding needs a sign-in of the last 15 minutes, and the identity provider let an older one stand. Sign out there, then sign in here.</p>`, back)
  }
}

/** A decision that did not count, or a page that cannot be shown. What the gate said is said too. */
export function refused(refusal: Refusal, id: string | null): Notice {
  const read = id === null ? button('/requests', 'All requests') : button(`/requests/${id}`, 'Read the request as it is now')
  const said = words(refusal.detail)
  if (refusal.reason === 'sign_in_too_old') {
    return notice('Sign in again', html`<p>Deciding needs a sign-in of the last 15 minutes. Nothing was decided.</p>`, button(`/signin?to=${id === null ? '/requests' : `/requests/${id}`}&again=1`, 'Sign in again and come back'))
  }
  switch (refusal.slug) {
    case 'not-found': return notice('There is no such request', html`<p>Or there is one that is neither yours nor yours to decide, as one of an agent that the policy says you own: the answer is the same on purpose. If you followed a link that was meant for you, you may be signed in as somebody else.</p>`, button('/requests', 'All requests'))
    case 'denied': return notice('Not yours to decide', said, html`<p>Your word was not counted. Nothing changed.</p>`, read)
    case 'approval-rejected': return notice('Rejected', html`<p>Somebody who may decide said no. Nothing ran.</p>`, said, read)
    case 'request-settled': return notice('Settled already', html`<p>Somebody was before you, or it was taken back. Your word was not counted.</p>`, said, read)
    case 'approval-expired': return notice('Too late', html`<p>The time for deciding was over before your word came. Nothing ran.</p>`, said, read)
    case 'approval-stale': return notice('Read it again', html`<p><strong>What you read is not what would run now.</strong> Your word was not counted, and nothing ran because of it.</p>`, said, read)
    case 'invalid-request': return notice('That form could not be read', said, html`<p>Nothing was decided.</p>`, read)
    case 'unauthenticated': return notice('Sign in', html`<p>Your sign-in does not count here any more. Nothing was decided.</p>`, button(`/signin?to=${id === null ? '/requests' : `/requests/${id}`}`, 'Sign in'))
    case 'internal': case 'audit-unavailable': case 'policy-unavailable': case 'target-unavailable': case 'timeout': case 'rate-limited': case 'outcome-unknown': case 'too-large': case 'policy-moved': case 'target-error':
    case 'statement-unparsable': case 'statement-unsupported': case 'idempotency-in-flight': case 'idempotency-mismatch': return notice('The gate could not do this', said, html`<p>Whether anything was decided, the request itself says.</p>`, read)
  }
}

/** A form that does not come from a page of ours, or from an earlier sign-in. */
export const forged = (id: string | null): Notice =>
  notice('This form is not from your sign-in', html`<p>It was sent by another site, or was made before you signed in. Nothing was decided.</p>`, id === null ? button('/requests', 'All requests') : button(`/requests/${id}`, 'Read the request again'))

export const nothingHere = (): Notice => notice('Nothing here', html`<p>There is no such page.</p>`, button('/requests', 'All requests'))
export const failed = (): Notice => notice('The gate failed', html`<p>Its operator has been told. Nothing was decided by this page.</p>`, button('/requests', 'All requests'))
export const unavailable = (): Notice => notice('The identity provider does not answer', html`<p>Nobody can be signed in just now. Try again in a minute.</p>`, button('/requests', 'Try again'))
export const signedOff = (): Notice => notice('Signed out', html`<p>This browser holds no sign-in of the gate's any more. The identity provider may still know you.</p>`, button('/requests', 'Sign in'))
