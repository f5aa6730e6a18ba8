import type * as z from 'zod'
import { maxParameters, maxParametersBytes, maxStatementBytes, queryBody, type Param, type Query } from '../../schema/request.ts'
import { ok, refuse, type Refusal, type Result } from '../../schema/refusal.ts'

/** Nesting a parameter may have; deeper is refused before anything walks it by recursion. */
const maxDepth = 32

/**
 * Any JSON value → a query within the caps of CONTRACT.md section 2. Refuses unknown members, NUL and lone surrogates anywhere (a parser that
 * stops at NUL would decide on half the statement), and what is too large, each with the member that is wrong.
 */
export function readQuery(body: unknown): Result<Query> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return invalid('body', 'the body must be an object with `sql`, or with `transaction`')
  if ('sql' in body && 'transaction' in body) return invalid('body', 'the body holds both `sql` and `transaction`; send one of them')
  if (!('sql' in body) && !('transaction' in body)) return invalid('body', 'the body needs `sql`, a statement, or `transaction`, a list of `{sql, params}`')
  const text = checkText(body)
  if (text) return refuse(text)
  const [single, batch] = queryBody.options
  const parsed = 'sql' in body ? single.safeParse(body) : batch.safeParse(body)
  if (!parsed.success) return refuse(describe(parsed.error.issues[0], body))
  const value = parsed.data
  const statements = ('sql' in value ? [value] : value.transaction).map(({ sql, params }) => ({ sql, params: params ?? [] }))
  const large = checkSize(statements)
  if (large) return refuse(large)
  return ok({
    statements, batch: 'transaction' in value, isolation: ('transaction' in value ? value.isolation : undefined) ?? 'read committed',
    purpose: value.purpose ?? null, reveal: [...new Set(value.reveal)], rowMode: value.rowMode ?? 'object', maxRows: value.maxRows ?? null,
  })
}

/** Every string in it, member names too, without recursion: the depth is the caller's. */
function checkText(body: object): Refusal | null {
  const open: { value: unknown; path: string; depth: number }[] = [{ value: body, path: '', depth: 0 }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path, depth } = next
    if (typeof value === 'string') {
      const wrong = badText(value)
      if (wrong) return problem('text', `\`${clip(path)}\` holds ${wrong}`)
    } else if (typeof value === 'object' && value !== null) {
      if (depth > maxDepth) return problem('too_deep', `\`${clip(path)}\` nests deeper than ${maxDepth} levels`)
      for (const [key, member] of Object.entries(value)) {
        const wrong = badText(key)
        if (wrong) return problem('text', `a member name under \`${clip(path)}\` holds ${wrong}`)
        open.push({ value: member, path: Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`, depth: depth + 1 })
      }
    }
  }
  return null
}

function badText(text: string): string | null {
  const nul = text.indexOf('\0')
  if (nul !== -1) return `a NUL character at ${nul}`
  return text.isWellFormed() ? null : 'half of a surrogate pair, which is no text'
}

function checkSize(statements: readonly { readonly sql: string; readonly params: readonly Param[] }[]): Refusal | null {
  for (const [i, { sql }] of statements.entries()) {
    const bytes = Buffer.byteLength(sql)
    if (bytes > maxStatementBytes) return { ...tooLarge('statement_too_large', `the statement has ${bytes} bytes, and ${maxStatementBytes} are the most; put values into \`params\``), statement: i }
  }
  const count = statements.reduce((sum, { params }) => sum + params.length, 0)
  if (count > maxParameters) return tooLarge('too_many_parameters', `there are ${count} parameters, and ${maxParameters} are the most; pass an array as one parameter`)
  const bytes = statements.reduce((sum, { params }) => sum + Buffer.byteLength(JSON.stringify(params)), 0)
  if (bytes > maxParametersBytes) return tooLarge('parameters_too_large', `the parameters have ${bytes} bytes together, and ${maxParametersBytes} are the most`)
  return null
}

/** The first thing zod found, in words that name the member. */
function describe(issue: z.core.$ZodIssue | undefined, body: object): Refusal {
  if (!issue) return problem('body', 'the body is not a query')
  const path = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('').replace(/^\./, '')
  if (issue.code === 'unrecognized_keys') {
    const known = path.startsWith('transaction[') ? 'sql, params' : 'sql' in body ? 'sql, params, purpose, reveal, rowMode, maxRows' : 'transaction, isolation, purpose, reveal, rowMode, maxRows'
    const where = path === '' ? '' : ` in \`${clip(path)}\``
    return problem('unknown_member', `member \`${clip(issue.keys[0] ?? '')}\`${where} is not known; there are ${known}`)
  }
  if (issue.code === 'too_small' && path.endsWith('sql')) return problem('empty_statement', `\`${clip(path)}\` is empty`)
  const message = issue.code === 'invalid_union' ? 'invalid value' : issue.message
  return problem('member', `\`${clip(path)}\`: ${message.replace(/^./, (first) => first.toLowerCase())}`)
}

const clip = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text).replace(/[\p{Cc}\p{Cf}\p{Cs}`]/gu, '?')
const problem = (reason: string, detail: string): Refusal => ({ slug: 'invalid-request', reason, detail, next: 'fix' })
const tooLarge = (reason: string, detail: string): Refusal => ({ slug: 'too-large', reason, detail, next: 'fix' })
const invalid = (reason: string, detail: string) => refuse(problem(reason, detail))
