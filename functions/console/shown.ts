import { html } from 'hono/html'
import { commandWords } from '../../schema/command.ts'
import { emptyLines, readLine, readText, warning, type Line, type Mark } from './marks.ts'

type Html = ReturnType<typeof html>
const partsOf = (line: Line): Html => html`${line.parts.map((part) => typeof part === 'string' ? part : html`<mark>${part.shown === '' ? '' : html`<b>${part.shown}</b>`}<span>${part.label}${more(part)}</span></mark>`)}`
/** How many more there are than the label names. */
const more = ({ oddity, times, label }: Mark): string => {
  if (oddity !== 'lookalike') return times === 1 ? '' : ` × ${times}`
  const named = label.split(' ').length
  return times > named ? ` and ${times - named} more` : ''
}

/** What is odd about the text, in one sentence a person cannot overlook. */
const warn = (lines: readonly Line[]): Html | '' => {
  const found = warning(lines)
  return found === null ? '' : html`<p class="warn"><strong>Look twice.</strong> In here: ${found}. Each is marked where it stands.</p>`
}

/** A whole statement, every line numbered, nothing cut. Reading order is the order of the characters, whatever script they are of. */
export function statement(sql: string, name: string): Html {
  const lines = readText(sql, true)
  return html`${warn(lines)}
<div class="code" role="group" aria-label="${name}">${rows(lines)}</div>`
}

/**
 * A command as the one line that the shell of the host gets. Where quotes are in it, also word by word: what stands between a pair of them is one argument, whatever blanks, quotes or options it looks like.
 */
export function command(line: string): Html {
  const words = line.includes('\'') ? commandWords(line) : null
  return html`${statement(line, 'Command')}${words === null ? '' : html`<h3>Word by word</h3>
<div class="code" role="group" aria-label="Words">${words.map((word, at) => html`<div class="line"><span class="no">${at + 1}</span><code><span class="quote">'</span>${partsOf(readLine(word, true))}<span class="quote">'</span></code></div>`)}</div>`}`
}

/** The beginning of a name for a title; the whole of it stands on the page that the title is of. */
export const brief = (text: string): Html => text.length <= briefCharacters ? name(text) : html`${name(text.slice(0, briefCharacters).toWellFormed())}<span class="soft">… and more</span>`
const briefCharacters = 120

/** A row a line; a long run of empty ones is one row that says how many. */
function rows(lines: readonly Line[]): readonly Html[] {
  const found: Html[] = []
  for (let at = 0; at < lines.length;) {
    let end = at
    while (lines[end]?.parts.length === 0) end++
    const empty = end - at >= emptyLines
    const line = lines[at]
    found.push(html`<div class="line"><span class="no" aria-hidden="true">${at + 1}</span><code>${empty ? html`<mark><span>${end - at} empty lines</span></mark>` : line ? partsOf(line) : ''}</code></div>`)
    at = empty ? end : at + 1
  }
  return found
}

/** A parameter with its type as it travels: text is quoted, so that where it ends can be seen. */
export function parameter(value: unknown, position: number): Html {
  const { type, text } = typed(value)
  const lines = readText(text, false)
  const quote = type === 'text' ? html`<span class="quote">'</span>` : ''
  return html`<li><div class="value"><code class="no">$${position}</code> <span class="type">${type}</span> <code>${quote}${lines.map((line, index) => html`${index === 0 ? '' : html`<mark><span>new line</span></mark><br>`}${partsOf(line)}`)}${quote}</code></div>${warn(lines)}</li>`
}

function typed(value: unknown): { readonly type: string; readonly text: string } {
  if (value === null || value === undefined) return { type: 'null', text: 'null' }
  if (typeof value === 'string') return { type: 'text', text: value }
  if (typeof value === 'number' || typeof value === 'boolean') return { type: typeof value, text: String(value) }
  return { type: 'JSON', text: JSON.stringify(value) }
}

/** Words of somebody else's: as text in a frame of its own direction, never a link, whatever they look like. */
export function words(text: string): Html {
  const lines = readText(text, false)
  return html`<blockquote class="words" dir="auto">${lines.map((line, index) => html`${index === 0 ? '' : html`<br>`}${partsOf(line)}`)}</blockquote>${warn(lines)}`
}

/** A name inside our own sentence: marked, and kept from reordering what stands around it. */
export const name = (text: string): Html => html`<bdi class="name">${readText(text, true).map((line, index) => html`${index === 0 ? '' : html`<mark><span>new line</span></mark>`}${partsOf(line)}`)}</bdi>`
