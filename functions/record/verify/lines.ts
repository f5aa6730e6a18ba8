import { FormatError } from '../log/format.ts'
import { object, text } from './json.ts'

/** What a copy has of one event's content. `state`: what became of it; null: here it is. */
export interface Line { readonly state: string | null; readonly opening: string; readonly text: string }

/**
 * The content of a bundle's entries, by event id, as functions/disclosure.ts writes it. In one spelling, because in another a member may stand twice, and two readers read two contents; with nothing beside it, because nothing
 * holds that against the log. Throws FormatError, SyntaxError.
 */
export function readLines(all: string): Map<string, Line> {
  if (all !== '' && !all.endsWith('\n')) throw new FormatError('the content does not end with a line end')
  const lines = new Map<string, Line>()
  for (const one of all.split('\n').slice(0, -1)) {
    const line = object(JSON.parse(one))
    const { id, state, opening, text: content } = line
    if (typeof id !== 'string' || lines.has(id)) throw new FormatError('a line names no event, or one that another line names')
    const told = state === undefined ? ['id', 'opening', 'text'] : ['id', 'state']
    if (JSON.stringify(line) !== one || Object.keys(line).some((name) => !told.includes(name))) throw new FormatError('a line is not spelt as content is, or holds more than that')
    lines.set(id, { state: typeof state === 'string' ? state : state === undefined ? null : '', opening: text(opening), text: text(content) })
  }
  return lines
}
