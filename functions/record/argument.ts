import { commandLine, commandWords, maxWordBytes } from '../../schema/command.ts'
import { redactText } from './redact.ts'

/**
 * A command's line as the record keeps it: whole but for what opens a door. What `redactText` knows by its form is found in every argument; what only stands where a password stands is found by the argument's place: behind or in an option
 * or a variable that is named like a secret, behind `-u` as `user:password`, and where well-known programs take one. A line again, so that it still reads as a command. Linear in the line.
 */
export function redactCommand(line: string): string {
  const words = commandWords(line)
  if (words === null) return redactText(line)
  const program = (words[0] ?? '').slice((words[0] ?? '').lastIndexOf('/') + 1)
  const shown = words.map((word, i) => i === 0 ? redactText(word) : argument(program, words[i - 1] ?? '', word))
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
  const program = (all[0] ?? '').slice((all[0] ?? '').lastIndexOf('/') + 1)
  let n = -1
  return redactText(`${sql.slice(0, at)}?${parts.map((part, i) => {
    const word = words[i]
    if (typeof word !== 'string' || ++n === 0) return part
    const shown = argument(program, all[n - 1] ?? '', word)
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

const mark = '[redacted: secret]'
/** The whole name of an option or a variable, or its last part: `--db-password`, `PGPASSWORD`, `MYSQL_PWD`, `api-key`. */
const secretName = /(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:api|access|private|secret|signing|auth)[_-]?key|credentials?)$/i
/** In the script of a `sh -c`, and in what is no script. */
const assigned = /(?<![A-Za-z0-9_])([A-Za-z0-9_]{0,64}(?:password|passwd|passphrase|pwd|secret|token|_key)=)[^\s'"&;|[$`()<>]{1,8192}/gi
const script = /[\s&;|$`()<>]/
/** Of others `--user` is a user and a group. */
const userPassword: ReadonlySet<string> = new Set(['curl', 'http', 'https', 'xh', 'smbclient', 'rpcclient'])
/** Options of a letter that take a password: with it in the same word, or in the next. */
const joined: Readonly<Record<string, RegExp>> = { mysql: /^-p(?=.)/, mysqldump: /^-p(?=.)/, mysqladmin: /^-p(?=.)/, mysqlimport: /^-p(?=.)/, mariadb: /^-p(?=.)/, 'mariadb-dump': /^-p(?=.)/, 'mariadb-admin': /^-p(?=.)/, sshpass: /^-p(?=.)/ }
const next: Readonly<Record<string, string>> = { sshpass: '-p', 'redis-cli': '-a', ldapsearch: '-w', ldapmodify: '-w', smbclient: '-P', mongo: '-p', mongosh: '-p', mongodump: '-p', zip: '-P', unzip: '-P' }

function argument(program: string, before: string, word: string): string {
  const option = /^--?([A-Za-z][A-Za-z0-9_-]*)$/.exec(before)?.[1]
  if (option !== undefined && option.length > 1 && secretName.test(option) && !word.startsWith('-')) return mark
  if (Object.hasOwn(next, program) && before === next[program]) return mark
  const at = word.indexOf('=')
  // Of what is no option but a script, the value alone: a deed must not be hidden behind it.
  if (at > 0 && at < word.length - 1 && secretName.test(word.slice(0, at)) && (word.startsWith('-') || !script.test(word))) return `${word.slice(0, at + 1)}${mark}`
  const [lead] = (Object.hasOwn(joined, program) ? joined[program]?.exec(word) : null) ?? []
  if (lead !== undefined) return `${lead}${mark}`
  if (userPassword.has(program) && /^(?:-u|-U|--(?:proxy-)?user|-a|--auth)$/.test(before) && word.includes(':')) return `${word.slice(0, word.indexOf(':') + 1)}${mark}`
  return redactText(word.replace(assigned, `$1${mark}`))
}
