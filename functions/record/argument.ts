import { commandLine, commandWords, maxWordBytes } from '../../schema/command.ts'
import { conceal, mark } from '../../schema/credential.ts'
import { redactText } from './redact.ts'

/**
 * A command's line as the record keeps it: whole but for what opens a door. What `redactText` knows by its form is found in every argument; what only stands where a password stands is found by the argument's place (schema/credential.ts).
 * A line again, so that it still reads as a command. Linear in the line.
 */
export function redactCommand(line: string): string {
  const words = commandWords(line)
  if (words === null) return redactText(line)
  const shown = conceal(words).map(redactText)
  return redactText(commandLine(shown.map((word) => Buffer.byteLength(word) > maxWordBytes ? mark : word)))     // marks are longer than what they hide
}

/** Words of a refusal that quote the line, whole or its beginning, as functions/decide/refusal.ts cuts it: with the line as the record keeps it. */
export function redactQuoted(line: string, text: string): string {
  const shown = redactCommand(line)
  if (shown === line) return text
  const beginning = line.slice(0, quotedCharacters)
  return [[line, shown], [beginning, shown.slice(0, quotedCharacters)]].reduce((said, [from = '', to = '']) => said.replaceAll(from, () => to).replaceAll(from.replace(/[\p{Cc}\p{Cf}\u2028\u2029`]/gu, '?'), () => to), text)
}
const quotedCharacters = 127

/** The same of a command in a container, whose words stand in the target of the API server's own exec. All else of it as it is. */
export function redactTarget(sql: string): string {
  const at = sql.indexOf('?')
  if (at === -1 || !sql.slice(0, at).endsWith('/exec')) return redactText(sql)
  const parts = sql.slice(at + 1).split('&')
  const words = parts.map((part) => part.startsWith(asked) ? decoded(part.slice(asked.length)) : null)
  const all = words.filter((word) => word !== null)
  const shownOf = conceal(all)
  let n = -1
  return redactText(`${sql.slice(0, at)}?${parts.map((part, i) => {
    const word = words[i]
    if (typeof word !== 'string' || ++n === 0) return part
    const shown = redactText(shownOf[n] ?? mark)
    return shown === word ? part : `${asked}${encodeURIComponent(shown)}`
  }).join('&')}`)
}
const asked = 'command='
/** null: no words that anybody would run. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}
