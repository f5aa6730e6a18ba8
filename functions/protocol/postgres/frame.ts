import { randomUUID } from 'node:crypto'
import type { Effects, Limits } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Refusal } from '../../../schema/refusal.ts'
import type { Guard } from './guard.ts'
import { holdStatement, pinStatement, raised, type Check, type Pins } from './pins.ts'
import type { PlannedStatement, PostgresPlan } from './plan.ts'
import type { Sql } from './port.ts'
import type { Withheld } from './withhold.ts'

/** All that one run of a plan needs, found before anything is sent. */
export interface Job {
  readonly connection: ConnectionDocument
  readonly plan: PostgresPlan
  readonly effects: Effects
  /** For each statement, what of its outputs is not fetched; null: all is. */
  readonly withheld: readonly (Withheld | null)[]
  /** For each statement, which of its outputs come masked. */
  readonly masked: readonly (readonly boolean[])[]
  /** The statements as the caller sent them, for spans. */
  readonly originals: readonly string[]
  readonly limits: Limits
  /** Bytes that the masked values of these rows may take beside what `limits.bytes` counts: see withhold.ts. */
  readonly spareBytes: number
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

const pinned = ({ connection, limits, deadline, nonce, plan }: Job): Pins => ({ searchPath: connection.searchPath ?? ['public'], limits, deadline, readOnly: plan.readOnly, heapOrder: plan.heapOrder, nonce })
export const pinsOf = (job: Job): Sql => pinStatement(pinned(job))

/**
 * Pins, hold and comparison in one statement, first in a transaction at read committed; `held: false` leaves the hold out. After it the settings
 * hold, and what the statements name is what was decided on and stays so until the transaction ends; else it is an error of ours. Why one statement can do both:
 *
 * 1. A relation named in FROM is locked when the text is analysed, what a view reads when it is rewritten (both in Parse), partitions and children when it
 *    is planned (in Bind). Bind drops the snapshot it planned with, and the portal takes a new one when it starts. At read committed that is a new
 *    look at the database, so the comparison reads the catalog as it was after every lock was had. Above read committed it would be the snapshot of
 *    the transaction, taken before the locks: there the comparison must be made elsewhere (write.ts).
 * 2. Locks come from the text, not from what of it is reached. So the planner must not drop the hold: neither arm of the CASE is a constant, an
 *    EXISTS with a LIMIT is not simplified unless that is more than 0, and `LIMIT 0` prunes no partition. A test reads pg_locks.
 * 3. A CASE evaluates its arms in order, and sub-selects only when they are reached: late before stale before the settings. What is computed ahead is
 *    constants, and each error of ours holds the clock. The nonce tells the two apart.
 * 4. The settings count from the next statement, which is the caller's. This one runs under those the role has, so each of its names is qualified, and
 *    a wait for a lock in it ends by the `lock_timeout` that `sluice grants` gives the role, else with our own patience (the endpoint cancels what nobody waits for); the deadline is looked at after it.
 */
export const readyOf = (job: Job, { held = true } = {}): Sql => pinStatement(pinned(job), checkOf(job, held))

function checkOf(job: Job, held: boolean): Check {
  const { guard } = job.plan
  const hold = held ? holdOf(job)?.text ?? '' : ''
  let known = checks.get(guard)
  if (known === undefined) checks.set(guard, known = new Map())
  let check = known.get(hold)
  if (check === undefined) known.set(hold, check = { guard, hold: hold === '' ? null : hold })
  return check
}
/** By the guard, which statements that reach the same objects by the same names share, and what of them they name themselves: so few to a guard. */
const checks = new WeakMap<Guard, Map<string, Check>>()

/** The objects the plan was made for against those that are there, after they are held: an error of ours when they differ, before the statement. */
export function guardOf({ plan, nonce }: Job): Sql {
  const { sql, params, expected } = plan.guard
  return { text: `SELECT CASE WHEN (${sql}) OPERATOR(pg_catalog.=) $${params.length + 1}::pg_catalog.text THEN 0 ELSE ${raised(params.length + 2)} END`, values: [...params, expected, `sluice:stale:${nonce}`] }
}

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

const prefixOf = (select: string): string => `SELECT ${select} FROM (`
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
 *
 * A statement that writes or locks, and returns what comes masked, stands in a WITH entry by the same argument. The server runs it to its end there, however many rows are
 * taken from it; one row more than the cap is an answer too large, and all of it is rolled back.
 */
export function cappedText({ withheld, maxRows }: Pick<Job, 'withheld' | 'maxRows'>, statement: PlannedStatement, index: number): { readonly text: string; readonly prefix: string } {
  const { select = '*', alias = 's', rewritten = false } = withheld[index] ?? {}
  if (!statement.wrappable) {
    if (!rewritten) return { text: statement.text, prefix: '' }
    return { text: entered(statement.text, maxRows + 1, select, alias), prefix: entryOf(alias) }
  }
  return { text: wrapped(statement.text, maxRows + 1, select, alias), prefix: prefixOf(select) }
}
export const wrapped = (text: string, limit: number, select = '*', alias = 's'): string => `${prefixOf(select)}${text}\n) AS ${alias} LIMIT ${limit}`

const entryOf = (alias: string): string => `WITH ${alias} AS (`
export const entered = (text: string, limit: number, select: string, alias: string): string => `${entryOf(alias)}${text}\n) SELECT ${select} FROM s LIMIT ${limit}`

export const late: Refusal = { slug: 'timeout', reason: 'deadline_passed', detail: 'the time in which this could begin has passed, and nothing ran', next: 'retry' }
export const changed: Refusal = { slug: 'approval-stale', reason: 'objects_changed', detail: 'an object the statement reaches changed meanwhile, and nothing ran', next: 'retry' }
/** Which of our own two errors a text of the server is; null when it is neither. */
export function ownError(text: string, nonce: string): 'late' | 'stale' | null {
  if (text.includes(`sluice:late:${nonce}`)) return 'late'
  return text.includes(`sluice:stale:${nonce}`) ? 'stale' : null
}
