import { html } from 'hono/html'
import type { Html } from './frame.ts'
import { stateLine, time, title, type Headed } from './request.ts'

/** What waits for the reader first, then what waits for others, then what is over. `next`: the cursor of the page after this one. */
export function listPage(requests: readonly Headed[], next: string | null, now: number): Html {
  const forMe = requests.filter((one) => one.mayDecide)
  const open = requests.filter((one) => !one.mayDecide && (one.status === 'pending' || one.status === 'approved' || one.status === 'executing'))
  const over = requests.filter((one) => !forMe.includes(one) && !open.includes(one))
  return html`<h1>Requests</h1>
${group('Waiting for you', forMe, now, 'Nothing waits for your decision.')}
${open.length === 0 ? '' : group('Waiting for others, or running', open, now, '')}
${over.length === 0 ? '' : group('Over', over, now, '')}
${next === null ? '' : html`<p><a class="button" href="/requests?after=${encodeURIComponent(next)}">Earlier ones</a></p>`}`
}

function group(heading: string, requests: readonly Headed[], now: number, none: string): Html {
  return html`<section><h2>${heading}</h2>
${requests.length === 0 ? html`<p>${none}</p>` : html`<ul class="flat">${requests.map((request) => html`<li class="card"><p><a href="/requests/${request.id}">${title(request)}</a></p>
<p>${stateLine(request, now)}</p><p class="soft">On ${request.connection}, asked ${time(request.createdAt, now)}</p></li>`)}</ul>`}</section>`
}
