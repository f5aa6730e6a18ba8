import type { Next, Refusal, Slug, Span } from '../../../schema/refusal.ts'
import { TransportError } from '../post.ts'

/**
 * Words of the target → a refusal of ours. The server's MESSAGE, DETAIL, HINT and CONTEXT quote values and names the caller may not know, so none
 * of them is passed on: only the SQLSTATE where it is one of PostgreSQL's own (a function may raise any five letters), our text for it, and the
 * position, in the caller's own statement.
 */
export interface ServerError { readonly code: string; readonly position: number | null; readonly severity: string; readonly text: string }

export function serverError(error: unknown): ServerError | null {
  const { code, position, severity, message } = error as { code?: unknown; position?: unknown; severity?: unknown; message?: unknown }
  if (error instanceof TransportError || typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return null
  return { code, position: Number(position) > 0 ? Number(position) : null, severity: String(severity ?? 'ERROR'), text: String(message ?? '') }
}

interface Row { readonly detail: string; readonly next: Next; readonly slug?: Slug; readonly reason?: string }
const none = 'none'
const exact: Readonly<Record<string, Row>> = {
  '0A000': { detail: 'the target does not support this', next: 'fix' },
  '21000': { detail: 'a subquery used as a value returned more than one row, or a row was to be changed twice', next: 'fix' },
  '25006': { detail: 'the statement would change something, in a transaction that may not', next: none },
  '25P03': { detail: 'the transaction was idle for too long and was rolled back', next: 'retry' },
  '25P04': { detail: 'the transaction took too long and was rolled back', next: 'retry', slug: 'timeout', reason: 'transaction_timeout' },
  '40001': { detail: 'the transaction ran into another one and was rolled back', next: 'retry' },
  '40P01': { detail: 'the transaction and another one waited for each other, and it was rolled back', next: 'retry' },
  '42501': { detail: 'the target does not let the role of this connection do that', next: none },
  '42601': { detail: 'the target finds an error in the syntax', next: 'fix' },
  '42602': { detail: 'a name is not valid', next: 'fix' },
  '42622': { detail: 'a name is too long', next: 'fix' },
  '42701': { detail: 'a column is named twice', next: 'fix' },
  '42702': { detail: 'a column name may mean several columns', next: 'fix' },
  '42703': { detail: 'there is no such column', next: 'fix' },
  '42704': { detail: 'there is no such object', next: 'fix' },
  '42710': { detail: 'there is such an object already', next: 'fix' },
  '42712': { detail: 'a table name is used twice', next: 'fix' },
  '42723': { detail: 'there is such a function already', next: 'fix' },
  '42725': { detail: 'the function or operator may mean several: add casts', next: 'fix' },
  '42803': { detail: 'a column must be grouped by, or used in an aggregate', next: 'fix' },
  '42804': { detail: 'the types do not match', next: 'fix' },
  '42809': { detail: 'this is an object of another kind', next: 'fix' },
  '42830': { detail: 'the foreign key is not valid', next: 'fix' },
  '42846': { detail: 'there is no such cast', next: 'fix' },
  '42883': { detail: 'there is no such function or operator for these types', next: 'fix' },
  '42P01': { detail: 'there is no such relation', next: 'fix' },
  '42P02': { detail: 'there is no such parameter', next: 'fix' },
  '42P07': { detail: 'there is such a relation already', next: 'fix' },
  '42P08': { detail: 'the type of a parameter may be several: add a cast', next: 'fix' },
  '42P10': { detail: 'the reference to a column is not valid here', next: 'fix' },
  '42P18': { detail: 'the type of a parameter cannot be told: add a cast', next: 'fix' },
  '42P19': { detail: 'the recursion is not valid', next: 'fix' },
  '42P20': { detail: 'the window is not valid', next: 'fix' },
  '42P22': { detail: 'the collation cannot be told: add a COLLATE', next: 'fix' },
  '53400': { detail: 'the statement needs more than the target lets it use', next: 'fix' },
  '54001': { detail: 'the statement is too complex for the target', next: 'fix' },
  '55006': { detail: 'the object is in use', next: 'retry' },
  '55P03': { detail: 'another transaction held what the statement needs for too long', next: 'retry', reason: 'lock_timeout' },
  '57014': { detail: 'the statement took longer than the limit and was stopped', next: 'fix', slug: 'timeout', reason: 'statement_timeout' },
}
/** `codes`: of the class, those that may be passed on whole. Any other becomes the class. */
const classes: Readonly<Record<string, Row & { readonly codes?: RegExp }>> = {
  '08': { detail: 'the target cannot be reached', next: 'retry', slug: 'target-unavailable', reason: 'target_unreachable' },
  '22': { detail: 'a value does not fit what the statement does with it', next: 'fix', codes: /^22(00[0-9A-HJ-LNP-U]|01[0-9BC]|02[0-7]|03[0-9A-HJ]|P0[1-6]|000)$/ },
  '23': { detail: 'the change would break a constraint', next: 'fix', codes: /^23(000|001|502|503|505|514|P01)$/ },
  '25': { detail: 'the state of the transaction does not allow it', next: 'fix' },
  '28': { detail: 'the target does not let this connection in', next: none, slug: 'target-unavailable', reason: 'target_refused_login' },
  '3D': { detail: 'the target has no such database', next: none, slug: 'target-unavailable', reason: 'target_refused_login' },
  '3F': { detail: 'there is no such schema', next: 'fix' },
  '40': { detail: 'the transaction was rolled back', next: 'retry' },
  '42': { detail: 'the target finds an error in the statement', next: 'fix' },
  '44': { detail: 'the view does not let this row through', next: 'fix' },
  '53': { detail: 'the target is short of resources', next: 'retry', slug: 'target-unavailable', reason: 'target_exhausted' },
  '54': { detail: 'a limit of the target was reached', next: 'fix' },
  '55': { detail: 'the object is not in a state that allows it', next: 'retry' },
  '57': { detail: 'the target is stopping or starting', next: 'retry', slug: 'target-unavailable', reason: 'target_stopping' },
  P0: { detail: 'a function of the target raised an error', next: none },
}
const other: Row = { detail: 'the target could not run the statement', next: none }

export interface Place {
  /** From 0; null where the failure is no one statement's. */
  readonly statement: number | null
  /** The caller's whole text, what ran of it, and what was put before that, in characters of the server's counting. */
  readonly original: string; readonly text: string; readonly prefix: string
}
/** `closed`: classified data is near. Then data and constraint errors say their class and no more: which of them it was, and where, would answer a guess. */
export function refusalOf(error: ServerError, place: Place | null, closed: boolean): Refusal {
  const family = error.code.slice(0, 2)
  const row = exact[error.code] ?? classes[family] ?? other
  const whole = exact[error.code] !== undefined || (classes[family]?.codes?.test(error.code) ?? false)
  const data = family === '22' || family === '23' || family === '44' || family === '21'
  const sqlstate = whole && !(closed && data) ? error.code : classes[family] ? `${family}000` : 'XX000'
  const span = place && error.position !== null && !(closed && data) ? spanIn(place, error.position) : null
  return {
    slug: row.slug ?? 'target-error', reason: row.reason ?? (classes[family] ? families[family] ?? 'target_error' : 'target_error'), detail: row.detail, next: row.next, sqlstate,
    ...(span ? { span } : {}), ...(place?.statement != null ? { statement: place.statement } : {}), inner: `sqlstate ${sqlstate}`,
  }
}
const families: Readonly<Record<string, string>> = { 22: 'data_exception', 23: 'constraint_violation', 40: 'transaction_rollback', 42: 'statement_refused', '3F': 'statement_refused', P0: 'raised_by_function' }

const token = /"(?:[^"]|"")*"|'(?:[^']|'')*'|[\p{L}_$][\p{L}\p{N}_$.]*|\d[\d.]*|[^\p{L}\p{N}]/uy
/** The server counts code points from 1 in what it was sent; a place outside the caller's own words is no span. */
function spanIn({ original, text, prefix }: Place, position: number): Span | null {
  const points = [...text]
  const index = position - 1 - [...prefix].length
  const from = original.indexOf(text)
  if (index < 0 || index >= points.length || from < 0) return null
  const start = from + points.slice(0, index).join('').length
  token.lastIndex = start
  return { start, end: Math.min(original.length, start + (token.exec(original)?.[0].length ?? 1)) }
}
