import { randomUUID } from 'node:crypto'
import type { Effects, Limits } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Refusal } from '../../../schema/refusal.ts'
import { guardQuery } from './guard.ts'
import { holdStatement, pinStatement } from './pins.ts'
import type { PlannedStatement, PostgresPlan } from './plan.ts'
import type { Sql } from './transport.ts'

/** All that one run of a plan needs, found before anything is sent. */
export interface Job {
  readonly connection: ConnectionDocument
  readonly plan: PostgresPlan
  readonly effects: Effects
  /** The statements as the caller sent them, for spans. */
  readonly originals: readonly string[]
  readonly limits: Limits
  /** Rows that may come back, of all statements together. */
  readonly maxRows: number
  /** Epoch ms after which nothing begins. */
  readonly deadline: number
  /** The target role's connection string. Never in a message. */
  readonly url: string
  /** In each error that we raise in the target ourselves. */
  readonly nonce: string
}
export const newNonce = () => randomUUID()

export const pinsOf = ({ connection, limits, deadline, nonce, plan }: Job): Sql =>
  pinStatement({ searchPath: connection.searchPath ?? ['public'], limits, deadline, readOnly: plan.readOnly, nonce })

/** The objects the plan was made for against those that are there, after they are held: an error of ours when they differ, before the statement. */
export function guardOf({ plan, nonce }: Job): Sql {
  const { sql, params, expected } = guardQuery(plan)
  return { text: comparing(sql, params.length), values: [...params, expected, `sluice:stale:${nonce}`] }
}
// The clock keeps the planner from computing the cast, which fails, in the branch that is not taken.
const comparing = (sql: string, count: number): string =>
  `SELECT CASE WHEN g.fingerprint OPERATOR(pg_catalog.=) $${count + 1}::pg_catalog.text THEN 0 ELSE pg_catalog.concat(pg_catalog.clock_timestamp(), $${count + 2}::pg_catalog.text)::pg_catalog.int4 END FROM (${sql}) AS g(fingerprint)`

/** What the statements name themselves; what they reach through a view or a parent is held with it. The server's own catalog is not held. */
export function holdOf({ plan, effects }: Job): Sql | null {
  const known = holds.get(effects.accesses)
  if (known !== undefined) return known
  const named = new Set(effects.accesses.filter(({ via, system }) => via.length === 0 && !system).map(({ resource }) => resource))
  const hold = holdStatement(plan.relations.filter(({ schema, name }) => named.has(`${schema}.${name}`)))
  holds.set(effects.accesses, hold)
  return hold
}
/** By the list of accesses, which a statement's facts, made from one reading of one catalog, share between calls. */
const holds = new WeakMap<Effects['accesses'], Sql | null>()

export const wrapPrefix = 'SELECT * FROM ('
/**
 * The statement as it is sent, and what stands before the caller's words in it. The row cap is part of what runs wherever the statement may be a
 * subquery: one row more than the cap tells that there were more.
 *
 * Why nothing in it can close our parenthesis, without parsing it again. `statement.text` is exactly one SelectStmt to the server's own grammar:
 * parse.ts took it from a text that the lexer read to its end (an open string, quoted name, dollar quote or comment is an error there), cut where
 * the grammar says that the statement ends, and cut off white space and comments only. The lexer keeps no state between tokens, our `(` joins with
 * nothing after it, and the line end before our `)` ends a line comment, a name, a number or an operator; a string goes on only into another string,
 * and no word of two tokens (NOT, NULLS, WITH, FORMAT, UESCAPE) looks for a parenthesis. So the tokens between ours are the statement's own, one
 * derivation of SelectStmt, and `'(' SelectStmt ')'` is the grammar's subquery. A property test holds the argument against the parser.
 */
export function cappedText(statement: PlannedStatement, cap: number): { readonly text: string; readonly prefix: string } {
  if (!statement.wrappable) return { text: statement.text, prefix: '' }
  return { text: wrapped(statement.text, cap + 1), prefix: wrapPrefix }
}
export const wrapped = (text: string, limit: number): string => `${wrapPrefix}${text}\n) AS s LIMIT ${limit}`

export const late: Refusal = { slug: 'timeout', reason: 'deadline_passed', detail: 'the time in which this could begin has passed, and nothing ran', next: 'retry' }
export const changed: Refusal = { slug: 'approval-stale', reason: 'objects_changed', detail: 'an object the statement reaches changed meanwhile, and nothing ran', next: 'retry' }
/** Which of our own two errors a text of the server is; null when it is neither. */
export function ownError(text: string, nonce: string): 'late' | 'stale' | null {
  if (text.includes(`sluice:late:${nonce}`)) return 'late'
  return text.includes(`sluice:stale:${nonce}`) ? 'stale' : null
}
