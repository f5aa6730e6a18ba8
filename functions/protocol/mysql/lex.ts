import { ok, refuse, type Refusal, type Result } from '../../../schema/refusal.ts'
import { maxStatementBytes } from '../../../schema/request.ts'
import { readBytes, readString } from './literal.ts'
import { maxNameLength, type Token, unparsable, unsupported } from './token.ts'

/**
 * Text → tokens, so that there is one reading: whatever MySQL 8 and MariaDB, or two settings of `sql_mode`, split in different places is refused with words. One pass, linear. Not a
 * byte of this text is ever sent: the server gets what print.ts writes.
 */
const space = /[ \t\n\v\f\r]+/y
/** To the line feed and no further than that: a carriage return ends no comment on either server. */
const line = /(?:#|--(?=[ \t\n\v\f\r]|$))[^\n]*/y
const word = /[A-Za-z_][A-Za-z0-9_]*/y
const number = /(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?/y
const afterNumber = /[A-Za-z0-9_$.\u0080-\uffff]/y
const hex = /0x(?:[0-9A-Fa-f]+)|0b[01]+/y
/** After AS both readings of double quotes are the same name: of a text as an alias, and of a name. Only what needs no escape, so that no setting of those matters either. */
const alias = /"([A-Za-z0-9_](?:[A-Za-z0-9_ .:()%/-]{0,62}[A-Za-z0-9_.:()%/-])?)"/y
const symbol = /<=>|->>|->|<<|>>|<=|>=|<>|!=|&&|[-+*/%^~!&|=<>().,;?]/y

/** What stands here and has another reading elsewhere, longest first; `what` goes on with what to write instead. */
const strange: readonly (readonly [pattern: RegExp, reason: string, what: string])[] = [
  [/\/\*!|\/\*[Mm]!/y, 'executable_comment', 'a comment that some servers execute is not understood; write what is in it plainly, or leave it out'],
  [/\/\*\+/y, 'optimizer_hint', 'optimizer hints are not understood; leave them out'],
  [/\*\//y, 'comment', '`*/` without a comment before it'],
  [/--/y, 'two_hyphens', '`--` begins a comment only before white space; write `- -` for two minus signs'],
  [/"/y, 'double_quotes', 'double quotes mean text or a name, as the server is set; write text in single quotes and names in backticks'],
  [/\|\|/y, 'pipes', '`||` means OR or CONCAT, as the server is set; write the one you mean'],
  [/:=/y, 'assignment', 'variables are not understood'],
  [/@@/y, 'variable', 'variables of the server are not told: settings are the gate\'s; leave it out'],
  [/@/y, 'variable', 'variables are not understood; send a value as a parameter, and number rows with `row_number() over (…)`'],
  [/::/y, 'cast', '`::` is another server\'s; write `cast(… as …)`'],
  [/:(?=[A-Za-z_])/y, 'named_parameter', 'parameters are written `?` and given in `params` in that order'],
  [/\$(?=[0-9])/y, 'dollar', 'parameters are written `?` and given in `params` in that order'],
  [/[{}]/y, 'odbc_escape', 'braces are not understood'],
  [/\\/y, 'backslash', 'a backslash outside of text is not understood'],
  [/\$/y, 'dollar', 'a name with `$` is to be written in backticks'],
]

/** Matches `pattern`, which is sticky, at `at`; the end of the match or -1. */
function matched(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : -1
}

function checkText(sql: string): Refusal | null {
  if (Buffer.byteLength(sql) > maxStatementBytes) return { slug: 'too-large', reason: 'statement_too_large', detail: `a statement may have at most ${maxStatementBytes} bytes`, next: 'fix' }
  if (!sql.isWellFormed()) return unparsable('ill_formed_text', 'a statement must be well-formed Unicode text')
  // NUL ends a text in places, and 0x1A does on some clients, so that what follows would be seen by one reader and not by the other
  const control = /[\0\x1a]/.exec(sql)
  return control ? unparsable('control_character', 'a statement may not contain the characters NUL and 0x1A', { start: control.index, end: control.index + 1 }) : null
}

/** White space and comments from `at` on: where they end, or a refusal. */
function skip(sql: string, from: number): number | Refusal {
  for (let at = from; ;) {
    let next = matched(space, sql, at)
    if (next < 0) next = matched(line, sql, at)
    if (next < 0 && sql.startsWith('/*', at)) {
      if (/[!+]|[Mm]!/y.test(sql.slice(at + 2, at + 4))) return at
      const close = sql.indexOf('*/', at + 2)
      if (close < 0) return unparsable('open_comment', 'a comment is not closed', { start: at, end: sql.length })
      const inner = sql.slice(at + 2, close).indexOf('/*')
      // one server's comments nest in places where the other's end
      if (inner >= 0) return unsupported('nested_comment', 'a comment within a comment is not understood', { start: at + 2 + inner, end: at + 4 + inner })
      next = close + 2
    }
    if (next < 0) return at
    at = next
  }
}

function aliasAt(sql: string, start: number, before: Token | undefined): Token | null {
  if (before?.kind !== 'word' || before.lower !== 'as') return null
  alias.lastIndex = start
  const text = alias.exec(sql)?.[1]
  return text === undefined ? null : { kind: 'quoted', text, start, end: alias.lastIndex }
}

/** What begins at `at`, where no white space is. */
function tokenAt(sql: string, at: number): Token | Refusal {
  for (const [pattern, reason, what] of strange) {
    const end = matched(pattern, sql, at)
    if (end >= 0) return unsupported(reason, what, { start: at, end })
  }
  const first = sql.charAt(at)
  if (first === "'") return readString(sql, at, at)
  if (first === '`') return quoted(sql, at)
  const literal = readBytes(sql, at)
  if (literal) return literal
  if ((first === 'n' || first === 'N') && sql.charAt(at + 1) === "'") return unsupported('introducer', 'text with a character set of its own is not understood; write it plainly', { start: at, end: at + 1 })
  const name = matched(word, sql, at)
  if (name >= 0) return wordAt(sql, at, name)
  const short = matched(hex, sql, at)
  const end = short >= 0 ? short : matched(number, sql, at)
  if (end >= 0) return numberAt(sql, at, end, short >= 0)
  const mark = matched(symbol, sql, at)
  if (mark >= 0) return { kind: 'symbol', text: sql.slice(at, mark), start: at, end: mark }
  const character = String.fromCodePoint(sql.codePointAt(at) ?? 0)
  return unparsable('strange_character', `\`${character}\` is not understood here; a name that holds it is to be written in backticks`, { start: at, end: at + character.length })
}

function wordAt(sql: string, start: number, end: number): Token | Refusal {
  const next = sql.charAt(end)
  // both are part of the name for the servers, so to stop here would read another name
  if (next === '$' || next > '\u007f') return unparsable('strange_character', 'a name with other characters than letters, digits and `_` is to be written in backticks', { start, end: end + 1 })
  const text = sql.slice(start, end)
  return { kind: 'word', text, lower: text.toLowerCase(), start, end }
}

function numberAt(sql: string, start: number, end: number, bytes: boolean): Token | Refusal {
  if (matched(afterNumber, sql, end) >= 0) return unparsable('strange_number', 'a number runs into what follows; a name that begins with a digit is to be written in backticks', { start, end: end + 1 })
  // after a name, `.5` is a column of that name to the servers
  if (sql.charAt(start) === '.' && /[A-Za-z0-9_$`\u0080-\uffff]/.test(sql.charAt(start - 1))) return unparsable('strange_number', 'a name that begins with a digit is to be written in backticks', { start, end })
  const text = sql.slice(start, end)
  if (!bytes) return { kind: 'number', text, start, end }
  const digits = text.slice(2)
  const value = text.charAt(1) === 'x' ? digits : BigInt(`0b${digits}`).toString(16).padStart(Math.ceil(digits.length / 8) * 2, '0')
  return { kind: 'bytes', text: (value.length % 2 ? `0${value}` : value).toUpperCase(), hybrid: true, start, end }
}

function quoted(sql: string, start: number): Token | Refusal {
  let at = start + 1
  for (;;) {
    const close = sql.indexOf('`', at)
    if (close < 0) return unparsable('open_name', 'a name in backticks is not closed', { start, end: sql.length })
    at = close + 1
    if (sql.charAt(at) !== '`') break
    at++
  }
  const text = sql.slice(start + 1, at - 1).replaceAll('``', '`')
  const span = { start, end: at }
  if (text.length === 0 || text.length > maxNameLength) return unparsable('strange_name', `a name has 1 to ${maxNameLength} characters`, span)
  // the servers keep names in three-byte UTF-8: past U+FFFF they put another character in its place
  if (/[\ud800-\udfff]/.test(text) || text.endsWith(' ')) return unparsable('strange_name', 'a name does not end in a space or hold characters past U+FFFF', span)
  return { kind: 'quoted', text, start, end: at }
}

export function lex(sql: string): Result<readonly Token[]> {
  const bad = checkText(sql)
  if (bad) return refuse(bad)
  const tokens: Token[] = []
  for (let at = 0; ;) {
    const begin = skip(sql, at)
    if (typeof begin !== 'number') return refuse(begin)
    if (begin === sql.length) return ok([...tokens, { kind: 'end', text: '', start: begin, end: begin }])
    const token = aliasAt(sql, begin, tokens.at(-1)) ?? tokenAt(sql, begin)
    if ('slug' in token) return refuse(token)
    tokens.push(token)
    at = token.end
  }
}
