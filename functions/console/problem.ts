import { html } from 'hono/html'
import { slugs, type Slug } from '../../schema/refusal.ts'
import { kinds } from '../problem.ts'
import { page } from './page.ts'
import { prose } from './prose.ts'

const owners = {
  client: 'Whoever sends the call', policy: 'Whoever writes the policy, or may approve', platform: 'Whoever runs the gate', target: 'Whoever sends the statement, or runs the target',
} as const

/** `/problems`: every refusal there is. */
export function problemIndex(): string {
  return page('Problems', html`<h1>Refusals and what to do about them</h1>
<p>Every refusal of the gate is <code>application/problem+json</code> (RFC 9457): <code>type</code> is one of the pages below, <code>detail</code> says what exactly, <code>next</code> what
helps: <code>fix</code> the call, <code>request</code> a person's approval, <code>retry</code> the same call later, or <code>none</code>.</p>
<table><thead><tr><th scope="col">Status</th><th scope="col">Problem</th></tr></thead><tbody>
${slugs.map((slug) => html`<tr><td>${kinds[slug].status}</td><td><a href="/problems/${slug}"><code>${slug}</code></a><br>${kinds[slug].title}</td></tr>
`)}</tbody></table>`)
}

/** What stands in backticks, which is what is sent or answered as it is. */
const marked = (words: string) => words.split('`').map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : part))

/** `/problems/{slug}`: what happened, and what to do, in the order to try. */
export function problemPage(slug: Slug): string {
  const { status, title, owner } = kinds[slug]
  return page(title, html`<h1>${title}</h1>
<p class="quiet"><code>${slug}</code> · HTTP ${status}</p>
<h2>What happened</h2>
<p>${marked(prose[slug].happened)}</p>
<h2>What to do</h2>
<ol>${prose[slug].act.map((step) => html`<li>${marked(step)}</li>`)}</ol>
<h2>Who can change it</h2>
<p>${owners[owner]}.</p>
<p><a href="/problems">All problems</a></p>`)
}
