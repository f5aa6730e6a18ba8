import { cutNote, moreNote, purposeLabel, quoteNote, statementLabel, summaryNote, type Message } from './message.ts'
import { escapeMarkup, type Quoted } from './quote.ts'

/** What a button says of itself when it is pressed. There is none that approves: that word counts on the page alone. */
export const openAction = 'sluice_open'
export const rejectAction = 'sluice_reject'

/**
 * A message as Slack's Block Kit. Every text is `plain_text`, in which Slack reads no markup, link, mention or emoji, and is escaped all the same; `text`,
 * which notifications show and which is read as markup, is of our own words only.
 */
export function slackOf(message: Message): { readonly text: string; readonly blocks: readonly object[] } {
  const { title, facts, purpose, statements, more, story, waits } = message
  const of = (statements?.length ?? 0) + more
  const blocks = [
    { type: 'header', text: plain(title.slice(0, 150)) },
    ...(story.length === 0 ? [] : [section(story)]),
    { type: 'section', fields: facts.slice(0, 10).map(([label, value]) => plain(`${label}\n${escapeMarkup(value)}`)) },
    ...(purpose ? quoted(purposeLabel, purpose) : []),
    ...(statements ?? []).flatMap((statement, i) => quoted(statementLabel(message, i + 1, of), statement)),
    { type: 'context', elements: [plain([...(more > 0 ? [moreNote(more)] : []), purpose || statements ? quoteNote : '', summaryNote(message)].filter((note) => note !== '').join(' '))] },
    { type: 'actions', elements: [open(message), ...(waits ? [reject(message)] : [])] },
  ]
  return { text: `${escapeMarkup(title)} (${message.id})`, blocks }
}

const plain = (text: string) => ({ type: 'plain_text', text, emoji: false })
const section = (lines: readonly string[]) => ({ type: 'section', text: plain(escapeMarkup(lines.join('\n')).slice(0, 3000)) })

/** Each line behind a mark of ours, so that none of it reads as a line of the card. */
function quoted(label: string, words: Quoted): object[] {
  const note = cutNote(words)
  return [
    { type: 'section', text: plain(label) },
    { type: 'section', text: plain(words.lines.map((line) => `| ${escapeMarkup(line)}`).join('\n')) },
    ...(note === null ? [] : [{ type: 'context', elements: [plain(note)] }]),
  ]
}

const open = ({ url }: Message) => ({ type: 'button', action_id: openAction, text: plain('Open'), url, style: 'primary' })
const reject = ({ id }: Message) => ({
  type: 'button', action_id: rejectAction, text: plain('Reject'), value: id, style: 'danger',
  confirm: { title: plain('Reject this request?'), text: plain('Nothing will run, and whoever asked is told.'), confirm: plain('Reject'), deny: plain('Back'), style: 'danger' },
})
