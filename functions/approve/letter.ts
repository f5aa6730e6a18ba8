import { html, raw } from 'hono/html'
import { cutNote, moreNote, purposeLabel, quoteNote, statementLabel, summaryNote, type Message } from './message.ts'
import { escapeMarkup, type Quoted } from './quote.ts'

export interface Letter { readonly subject: string; readonly text: string; readonly html: string }

/**
 * A message as a mail: plain text, and HTML of the same words. No image, style sheet or script is fetched, nothing counts who reads it, and its one link
 * is a page that changes nothing by being opened. Decided is on that page, by a person who signed in.
 */
export function letterOf(message: Message): Letter {
  const { title, story, facts, url, waits } = message
  const call = waits ? 'Read it and decide' : 'Read it'
  const parts = partsOf(message)
  const text = [
    title, '', ...story, ...(story.length > 0 ? [''] : []), ...facts.map(([label, value]) => `${label}: ${value}`), '',
    ...parts.flatMap(({ label, words }) => [label, ...words.lines.map((line) => `  | ${line}`), ...note(words), '']), notes(message), '', `${call}:`, url, '',
  ].join('\n')
  const body = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1>
${story.map((line) => html`<p>${apart(line)}</p>`)}
<table>${facts.map(([label, value]) => html`<tr><th align="left">${label}</th><td>${apart(value)}</td></tr>`)}</table>
${parts.map(({ label, words }) => html`<p>${label}</p><blockquote><pre>${words.lines.map((line) => html`${apart(line)}\n`)}</pre></blockquote>${note(words).map((line) => html`<p>${line}</p>`)}`)}
<p>${notes(message)}</p>
<p><a href="${url}">${call}</a></p></body></html>
`
  return { subject: `${title} (${message.id})`, text, html: String(body) }
}

function partsOf({ purpose, statements, more, kind }: Message): readonly { readonly label: string; readonly words: Quoted }[] {
  const of = (statements?.length ?? 0) + more
  return [...(purpose ? [{ label: purposeLabel, words: purpose }] : []), ...(statements ?? []).map((words, i) => ({ label: statementLabel({ kind }, i + 1, of), words }))]
}

function note(words: Quoted): readonly string[] {
  const cut = cutNote(words)
  return cut === null ? [] : [cut]
}
const notes = ({ purpose, statements, more, kind }: Message): string => [more > 0 ? moreNote(more) : '', purpose || statements ? quoteNote : '', summaryNote({ kind })].filter((line) => line !== '').join(' ')

/** Mail readers make links of bare names in a text; not of one whose dots stand in elements of their own. */
const apart = (text: string) => raw(escapeMarkup(text).replaceAll('"', '&quot;').replaceAll('.', '<span>.</span>'))
