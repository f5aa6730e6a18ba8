import type { Refusal, Span } from '../../../../schema/refusal.ts'
import type { Expression, Name, Query } from '../ast.ts'
import { type Token, unparsable, unsupported } from '../token.ts'
import { isReserved } from '../words.ts'

/** Ends a parse; carries the refusal that `parse` returns. Thrown and caught inside of the parser only. */
export class Stop extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.detail)
    this.refusal = refusal
  }
}

/** Nesting of parentheses, subqueries and prefixes: what recursion may use of the stack. */
const maxDepth = 200

/** Words at which the grammar ends although the servers go on: said by name, so that whoever wrote it knows what to leave out. */
const refused: Readonly<Record<string, string>> = {
  into: 'INTO is not understood: rows go to the caller only', procedure: 'PROCEDURE is not understood', partition: 'a choice of partitions is not understood; use WHERE', ignore: 'this IGNORE is not understood', returning: 'RETURNING is not understood; select after the change', high_priority: 'HIGH_PRIORITY is not understood',
  low_priority: 'LOW_PRIORITY is not understood', delayed: 'DELAYED is not understood', sql_calc_found_rows: 'SQL_CALC_FOUND_ROWS is not understood; select COUNT(*)', sql_no_cache: 'SQL_NO_CACHE is not understood',
  sql_cache: 'SQL_CACHE is not understood', sql_big_result: 'optimizer hints are not understood', sql_small_result: 'optimizer hints are not understood', sql_buffer_result: 'optimizer hints are not understood',
  straight_join: 'optimizer hints are not understood', sounds: 'SOUNDS LIKE is not understood; compare SOUNDEX(…)', member: 'MEMBER OF is not understood; use JSON_CONTAINS', fetch: 'FETCH is not understood; use LIMIT', qualify: 'QUALIFY is not understood; use a derived table',
}

/** What the parts of the grammar need of each other. Handed in, because an expression holds queries and a query expressions. */
export interface Grammar { readonly expression: (cursor: Cursor) => Expression; readonly operand: (cursor: Cursor) => Expression; readonly query: (cursor: Cursor) => Query }

/** Reads tokens in order; every reading function of the parser takes one. */
export function createCursor(sql: string, tokens: readonly Token[], grammar: Grammar): Cursor {
  let at = 0
  let depth = 0
  const opening = openings(tokens)
  const last: Token = tokens[tokens.length - 1] ?? { kind: 'end', text: '', start: 0, end: 0 }
  const peek = (ahead = 0): Token => tokens[at + ahead] ?? last
  const is = (...words: readonly string[]): boolean => isWord(peek(), ...words)
  const isMark = (...symbols: readonly string[]): boolean => isSymbol(peek(), ...symbols)

  function take(): Token {
    const token = peek()
    if (at < tokens.length - 1) at++
    return token
  }
  function fail(expected: string, token = peek()): never {
    const span = { start: token.start, end: token.end }
    const known = token.kind === 'word' && Object.hasOwn(refused, token.lower) ? refused[token.lower] : undefined
    if (known) throw new Stop(unsupported(`unsupported_${token.kind === 'word' ? token.lower : ''}`, known, span))
    const found = token.kind === 'end' ? 'the end of the statement' : `\`${sql.slice(token.start, Math.min(token.end, token.start + 60))}\``
    throw new Stop(unparsable('syntax_error', `${expected} is expected before ${found}`, span))
  }
  /** What is understood and not done; `what` says what to write instead. */
  function deny(reason: string, what: string, span: Span): never {
    throw new Stop(unsupported(reason, what, span))
  }
  const accept = (...words: readonly string[]): boolean => is(...words) && (take(), true)
  const acceptMark = (symbol: string): boolean => isMark(symbol) && (take(), true)
  function expect(...words: readonly string[]): Token {
    const token = peek()
    for (const word of words) if (!accept(word)) fail(word.toUpperCase())
    return token
  }
  function expectMark(symbol: string): Token {
    return isMark(symbol) ? take() : fail(`\`${symbol}\``)
  }
  const spanFrom = (start: number): Span => ({ start, end: at > 0 ? (tokens[at - 1] ?? last).end : start })

  /** Whether `token` may be a name where no dot stands before it. */
  const isName = (token = peek()): boolean => token.kind === 'quoted' || (token.kind === 'word' && !isReserved(token.lower))
  const asName = (token: Token): Name => ({ text: token.text, span: { start: token.start, end: token.end } })
  function name(what: string): Name {
    const token = peek()
    if (isName(token)) return asName(take())
    if (token.kind === 'word' && !Object.hasOwn(refused, token.lower)) throw new Stop(unparsable('reserved_word', `\`${token.text}\` is a reserved word; as ${what} it is to be written in backticks`, { start: token.start, end: token.end }))
    return fail(what)
  }
  /** `.name`, where a dot follows: the servers read a name there even if the word is reserved, but not all of them do across white space. */
  function nameAfterDot(): Name {
    const dot = expectMark('.')
    const token = peek()
    if (dot.start !== (tokens[at - 2] ?? dot).end || token.start !== dot.end) deny('spaced_dot', 'no white space may stand around the dot of a name', { start: dot.start, end: token.end })
    return token.kind === 'word' || token.kind === 'quoted' ? asName(take()) : fail('a name')
  }
  function list<T>(one: () => T): readonly T[] {
    const all = [one()]
    while (acceptMark(',')) all.push(one())
    return all
  }
  function inParentheses<T>(read: () => T): T {
    expectMark('(')
    const value = deeper(read)
    expectMark(')')
    return value
  }
  function deeper<T>(read: () => T): T {
    if (++depth > maxDepth) throw new Stop(unparsable('too_deep', `the statement is nested more than ${maxDepth} deep`, { start: peek().start, end: peek().end }))
    const value = read()
    depth--
    return value
  }
  const opensQuery = (ahead = 0): boolean => opening[at + ahead] ?? false
  const slice = (span: Span): string => sql.slice(span.start, span.end)
  let parameters = 0
  const self: Cursor = {
    peek, take, is, isMark, isWord, isSymbol, fail, deny, accept, acceptMark, expect, expectMark, spanFrom, isName, asName, name, nameAfterDot, list, inParentheses, deeper, opensQuery, slice,
    expression: () => grammar.expression(self), operand: () => grammar.operand(self), query: () => grammar.query(self),
    queryInParentheses: () => (opensQuery() ? inParentheses(() => grammar.query(self)) : fail('a query in parentheses')),
    parameter: () => parameters++, parameters: () => parameters,
  }
  return self
}
export interface Cursor {
  readonly peek: (ahead?: number) => Token
  readonly take: () => Token
  readonly is: (...words: readonly string[]) => boolean
  readonly isMark: (...symbols: readonly string[]) => boolean
  readonly isWord: (token: Token, ...words: readonly string[]) => boolean
  readonly isSymbol: (token: Token, ...symbols: readonly string[]) => boolean
  readonly fail: (expected: string, token?: Token) => never
  readonly deny: (reason: string, what: string, span: Span) => never
  readonly accept: (...words: readonly string[]) => boolean
  readonly acceptMark: (symbol: string) => boolean
  /** All of the words, in this order; gives the first. */
  readonly expect: (...words: readonly string[]) => Token
  readonly expectMark: (symbol: string) => Token
  /** From `start` to the end of what was taken last. */
  readonly spanFrom: (start: number) => Span
  readonly isName: (token?: Token) => boolean
  readonly asName: (token: Token) => Name
  readonly name: (what: string) => Name
  readonly nameAfterDot: () => Name
  readonly list: <T>(one: () => T) => readonly T[]
  readonly inParentheses: <T>(read: () => T) => T
  readonly deeper: <T>(read: () => T) => T
  /** `(` `ahead` of here begins a query in parentheses, not an expression or a join in them. */
  readonly opensQuery: (ahead?: number) => boolean
  readonly slice: (span: Span) => string
  readonly expression: () => Expression
  readonly operand: () => Expression
  readonly query: () => Query
  readonly queryInParentheses: () => Query
  /** The number of the next `?`, and how many there were. */
  readonly parameter: () => number
  readonly parameters: () => number
}

/** Index of each `(` → index of its `)`. */
function matches(tokens: readonly Token[]): ReadonlyMap<number, number> {
  const found = new Map<number, number>()
  const open: number[] = []
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'symbol') continue
    if (token.text === '(') open.push(index)
    if (token.text === ')') {
      const begin = open.pop()
      if (begin !== undefined) found.set(begin, index)
    }
  }
  return found
}

const isWord = (token: Token | undefined, ...words: readonly string[]): boolean => token?.kind === 'word' && words.includes(token.lower)
const isSymbol = (token: Token | undefined, ...symbols: readonly string[]): boolean => token?.kind === 'symbol' && symbols.includes(token.text)

/**
 * Which `(` opens a query. Of ((( SELECT each pair but the innermost is a query's own only if what follows the pair inside of it goes on with a query; from the end, so that each is looked at once.
 */
function openings(tokens: readonly Token[]): readonly boolean[] {
  const closing = matches(tokens)
  const found = tokens.map(() => false)
  for (let index = tokens.length - 1; index >= 0; index--) {
    const first = tokens[index + 1]
    const after = tokens[(closing.get(index + 1) ?? tokens.length) + 1]
    const nested = isSymbol(first, '(') && (found[index + 1] ?? false) && (isSymbol(after, ')') || isWord(after, 'union', 'except', 'intersect', 'order', 'limit', 'for', 'lock'))
    // VALUES(column) is an expression
    const begins = isWord(first, 'select', 'with', 'table') || (isWord(first, 'values') && isWord(tokens[index + 2], 'row'))
    found[index] = isSymbol(tokens[index], '(') && (nested || begins)
  }
  return found
}
