import type { Query } from '../../../schema/request.ts'
import type { Refusal } from '../../../schema/refusal.ts'
import type { Form, Need } from './withhold.ts'

/** What classify hands to execute and mask: one piece of knowledge, the statement as understood. Opaque to the gate. */
export interface MySqlPlan {
  readonly connection: string
  readonly statements: readonly PlannedStatement[]
  readonly isolation: Query['isolation']
  /** Relations reached, also through views: held and compared inside the transaction before anything runs. */
  readonly relations: readonly Reached[]
  /** true when no statement touches a classified column in any way: runs as the account that cannot read one. */
  readonly plain: boolean
  readonly readOnly: boolean
  /** The catalog it was made with is so new that a name missing there is missing. */
  readonly fresh: boolean
  readonly guard: Guard
}
export interface Reached { readonly schema: string; readonly name: string; /** Named by the statement itself, so that a SELECT of no row from it takes its metadata lock and those of what it reads. */ readonly named: boolean; /** Named or reached for a write. */ readonly written: boolean }
/**
 * What the plan's meaning rests on. Inside the transaction, while the relations named are held, `query` is asked and `digestOfSet` (guard.ts) of its rows must be `expected`; anything else is a stale catalog and
 * nothing may run. It reads information_schema alone, qualified, and gives rows of (place, kind, data). null: it rests on nothing.
 */
export interface Guard { readonly query: string | null; readonly expected: string }

export interface PlannedStatement {
  readonly kind: 'select' | 'insert' | 'replace' | 'update' | 'delete' | 'call' | 'explain' | 'show'
  /** Printed by print.ts from the tree that was decided on, parameters in it as literals; never the caller's bytes. */
  readonly text: string
  /** The same tree printed so that it gives at most that many rows: its own LIMIT where that is less. null where the text gives no rows, or a LIMIT would change what it does (a locking read, CALL). */
  readonly capped: ((rows: number) => string) | null
  /** Of an UPDATE whose count of changed rows would tell of a classified value: finds and locks at most that many of its rows, and what is found is the count. */
  readonly counted?: (rows: number) => string
  /** The same statement, with of each output only what is needed (withhold.ts; null: all of it). Left out where it gives no rows of a table's. */
  readonly withheld?: (needs: readonly (Need | null)[]) => Pick<PlannedStatement, 'text' | 'capped'>
  /** One entry an output column, in order; null when it returns no rows. */
  readonly outputs: readonly Output[] | null
  /** Answered by us from the catalog, filtered (SHOW): nothing is sent for it. */
  readonly answer?: { readonly columns: readonly string[]; readonly rows: readonly (readonly (string | null)[])[] }
  /** A name in it does not exist: nothing is sent, and once decided `execute` answers `failed` with this refusal. */
  readonly missing?: Refusal
  /** It is not missing there: something in the statement is not known here, and what was found before it is to be decided first. */
  readonly unknown?: boolean
}
export interface Output {
  readonly name: string
  /**
   * The base table's column that the server's field metadata must report (`database`, `orgTable`, `orgName`); null where it says nothing to rely on: expressions, and whatever comes through a view, a derived
   * table, a CTE or a UNION. There the lineage stands alone.
   */
  readonly origin: { readonly schema: string; readonly table: string; readonly column: string } | null
  /** Indexes into `effects.shown`; empty when no classified data reaches this output. Several: every one's mask applies, the strictest wins. */
  readonly shown: readonly number[]
  /** `classify: none` on the column itself: detectors leave it alone. */
  readonly unclassified?: true
  /** What its values are, where that is known. */
  readonly form?: Form
  /** The catalog knows it for a JSON document, whatever type is reported: MariaDB has JSON as text. */
  readonly json?: true
}
