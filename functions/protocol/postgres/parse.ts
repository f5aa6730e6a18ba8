import load, { type Grammar } from 'libpg-query/wasm/libpg-query.js'
import type { Node } from 'libpg-query'
import { ok, refuse, type Refusal, type Result, type Span } from '../../../schema/refusal.ts'
import { maxStatementBytes } from '../../../schema/request.ts'
import { meant } from './instead.ts'
import { grammarModule } from './module.ts'
import { checkSyntax } from './syntax.ts'

/**
 * Text → the one statement in it, by the server's own grammar. Refuses what has two readings (NUL, ill-formed UTF-16), what costs more than it is
 * worth (64 KB, operator runs, depth), what is not exactly one statement, and every node kind or field the analysis does not model.
 */
export interface Parsed {
  readonly node: Node
  /** The statement's exact bytes, without the semicolon and the comments after it. */
  readonly text: string
  /** The highest number of a parameter in it. */
  readonly parameters: number
  /** A byte offset of the tree → half-open UTF-16 span of the token that stands there; null for an offset the grammar did not set. */
  readonly span: (byte: number | undefined) => Span | null
}

/** The lexer is quadratic on runs of these: 40 KB of `/*` take 6 s. */
const maxOperatorRun = 256
const operatorRun = new RegExp(`[-+*/<>=~!@#%^&|\`?]{${maxOperatorRun + 1}}`)

let instance: Promise<Grammar> | undefined

function instantiate(): Promise<Grammar> {
  const module = grammarModule()
  // emscripten's loader reads `__dirname`, to find a file that we hand it ourselves; an ES module bundle has no such name
  const scope: { __dirname?: string } = globalThis as { __dirname?: string }
  scope.__dirname ??= ''
  return load({
    instantiateWasm: (imports, done) => { const made = new WebAssembly.Instance(module, imports); done(made, module); return made.exports },
    print: () => {}, printErr: () => {},
  })
}

class GrammarError extends Error { position = 0 }

/** Reads PgQueryParseResult {tree, stderr, error} and PgQueryError {message, funcname, filename, lineno, cursorpos}: 32-bit pointers in that order. */
function run(pg: Grammar, sql: string): unknown {
  const size = pg.lengthBytesUTF8(sql) + 1
  const input = pg._malloc(size)
  let result = 0
  try {
    pg.stringToUTF8(sql, input, size)
    result = pg._wasm_parse_query_raw(input)
    const failure = pg.getValue(result + 8, 'i32')
    if (failure) {
      const error = new GrammarError(pg.UTF8ToString(pg.getValue(failure, 'i32')))
      error.position = Math.max(0, pg.getValue(failure + 16, 'i32') - 1)
      throw error
    }
    return JSON.parse(pg.UTF8ToString(pg.getValue(result, 'i32')))
  } finally {
    pg._free(input)
    if (result) pg._wasm_free_parse_result(result)
  }
}

const unparsable = (reason: string, detail: string, span?: Span): Refusal => ({ slug: 'statement-unparsable', reason, detail, next: 'fix', ...(span ? { span } : {}) })

function checkText(sql: string): Refusal | null {
  if (Buffer.byteLength(sql) > maxStatementBytes) return { slug: 'too-large', reason: 'statement_too_large', detail: `a statement may have at most ${maxStatementBytes} bytes`, next: 'fix' }
  const nul = sql.indexOf('\0')
  if (nul >= 0) return unparsable('nul_byte', 'a statement may not contain a NUL character', { start: nul, end: nul + 1 })   // the grammar would not see what follows
  if (!sql.isWellFormed()) return unparsable('ill_formed_text', 'a statement must be well-formed Unicode text')
  const long = operatorRun.exec(sql)
  if (long) return unparsable('operator_run', `more than ${maxOperatorRun} operator characters in a row`, { start: long.index, end: long.index + long[0].length })
  return null
}

/** Words of the grammar quote the caller's own text only; quotes become backticks, as in every message of ours. */
const reword = (message: string): string => message.replace(/"([^"]*)"/g, '`$1`').slice(0, 300)

async function tree(sql: string): Promise<Result<unknown>> {
  instance ??= instantiate()
  const current = instance
  const pg = await current   // a grammar that cannot be loaded is a fault, not a statement's
  try {
    return ok(run(pg, sql))
  } catch (error) {
    if (error instanceof GrammarError) {
      const start = [...sql].slice(0, error.position).join('').length   // the position counts code points
      const hint = meant(sql)
      return refuse(unparsable('syntax_error', `${reword(error.message)}${hint === null ? '' : `; ${hint}`}`, { start, end: endOfToken(sql, start) }))
    }
    if (instance === current) instance = undefined   // poisoned: later parses of this instance fail or hang, so it is never used again
    return refuse(unparsable('too_deep', 'the statement is nested too deeply'))
  }
}

interface Raw { readonly stmt?: Node; readonly stmt_location?: number; readonly stmt_len?: number }

export async function parse(sql: string): Promise<Result<Parsed>> {
  const bad = checkText(sql)
  if (bad) return refuse(bad)
  const parsed = await tree(sql)
  if (!parsed.ok) return parsed
  const statements = (parsed.value as { stmts?: readonly Raw[] }).stmts ?? []
  const [only] = statements
  if (!only?.stmt) return refuse(unparsable('empty_statement', 'there is no statement in the text'))
  const [at, token] = [offsets(sql), tokenOf(sql)]
  const span = (byte: number | undefined): Span | null => {
    if (byte === undefined || byte < 0) return null
    const start = at(byte)
    return { start, end: endOfToken(sql, start, token) }
  }
  if (statements.length > 1) {
    const second = at((statements[1]?.stmt_location ?? 0))
    return refuse(unparsable('several_statements', 'one statement at a time; send several as `transaction`', { start: second, end: sql.length }))
  }
  const refusal = checkSyntax(only.stmt, span)
  if (refusal) return refuse(refusal)
  const start = at(only.stmt_location ?? 0)
  const text = sql.slice(start, only.stmt_len ? at((only.stmt_location ?? 0) + only.stmt_len) : sql.length)
  return ok({ node: only.stmt, text: await withoutTail(text), parameters: parametersIn(only.stmt), span })
}

function parametersIn(node: Node): number {
  let most = 0
  const rest: unknown[] = [node]
  for (let value = rest.pop(); value !== undefined; value = rest.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if ('ParamRef' in value) most = Math.max(most, (value as { ParamRef: { number?: number } }).ParamRef.number ?? 0)
    rest.push(...Object.values(value))
  }
  return most
}

/** What the server's lexer takes for white space and nothing else: `trimEnd` takes U+00A0 too, which there is part of a name, so another name would run. */
function trimmedEnd(text: string): string {
  let end = text.length
  while (end > 0 && ' \t\n\r\f\v'.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}

const markers = /--|\/\*/g
const maxTries = 16
/** Cuts comments off the end: at a comment mark, if what stands before it parses to the same tree (locations included). */
async function withoutTail(text: string): Promise<string> {
  const trimmed = trimmedEnd(text)
  const marks = [...trimmed.matchAll(markers)].map((m) => m.index).slice(-maxTries)
  if (marks.length === 0) return trimmed
  const whole = await tree(trimmed)
  const same = (a: unknown) => JSON.stringify((a as { stmts: readonly Raw[] }).stmts[0]?.stmt)
  if (!whole.ok) return trimmed
  for (const mark of marks) {
    const candidate = trimmedEnd(trimmed.slice(0, mark))
    const cut = await tree(candidate)
    if (cut.ok && (cut.value as { stmts: readonly Raw[] }).stmts.length === 1 && same(cut.value) === same(whole.value)) return candidate
  }
  return trimmed
}

/** UTF-8 byte offset → UTF-16 offset. One pass, kept for the statement. */
function offsets(sql: string): (byte: number) => number {
  if (Buffer.byteLength(sql) === sql.length) return (byte) => Math.min(byte, sql.length)
  const map: number[] = []
  let unit = 0
  for (const character of sql) {
    for (let i = Buffer.byteLength(character); i > 0; i--) map.push(unit)
    unit += character.length
  }
  return (byte) => map[byte] ?? sql.length
}

/** The token that stands somewhere. Text of ASCII alone has an expression of its own, which is the other one without what is not ASCII: the tables behind `\p{L}` cost a cold process 10 ms. */
const ascii = /(?:[Uu]&)?"(?:[^"]|"")*"|(?:[EeBbXxNn]|[Uu]&)?'(?:[^']|'')*'|[A-Za-z_$][A-Za-z0-9_$]*(?:\s*\.\s*(?:[A-Za-z_$][A-Za-z0-9_$]*|"(?:[^"]|"")*"|\*))*|\d[\d.]*|\s|[^A-Za-z0-9_$"'\s]/y
const name = '[\\p{L}_$][\\p{L}\\p{N}_$]*'
let unicode: RegExp | undefined
const tokenOf = (sql: string): RegExp => Buffer.byteLength(sql) === sql.length ? ascii
  : unicode ??= new RegExp(`(?:[Uu]&)?"(?:[^"]|"")*"|(?:[EeBbXxNn]|[Uu]&)?'(?:[^']|'')*'|${name}(?:\\s*\\.\\s*(?:${name}|"(?:[^"]|"")*"|\\*))*|\\d[\\d.]*|\\s|[^\\p{L}\\p{N}_$"'\\s]`, 'uy')
function endOfToken(sql: string, start: number, token = tokenOf(sql)): number {
  token.lastIndex = start
  const match = token.exec(sql)
  return match ? start + match[0].length : Math.min(sql.length, start + 1)
}
