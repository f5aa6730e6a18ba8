import type { Query, Param } from '../../../schema/request.ts'
import type { Refusal } from '../../../schema/refusal.ts'
import type { Catalog } from './catalog.ts'
import type { Guard } from './guard.ts'

/** What classify hands to execute and mask: one piece of knowledge, the statement as understood. Opaque to the gate. */
export interface PostgresPlan {
  readonly connection: string
  readonly statements: readonly PlannedStatement[]
  readonly isolation: Query['isolation']
  readonly catalog: Catalog
  /** Relations reached, also through views, inheritance and partitions: locked and compared inside the transaction before anything runs. */
  readonly relations: readonly Reached[]
  /** true when no statement touches a classified column in any way: runs as the role that cannot read one. */
  readonly plain: boolean
  readonly readOnly: boolean
  /** No index may decide in which order rows come: see planning.ts. */
  readonly heapOrder: boolean
  /** The catalog it was made with is so new that a name missing there is missing. */
  readonly fresh: boolean
  /** To be compared inside the transaction, after the locks: see guard.ts. */
  readonly guard: Guard
}
export interface Reached { readonly oid: number; readonly schema: string; readonly name: string; /** Named or reached for a write. */ readonly written: boolean }
export interface PlannedStatement {
  readonly kind: 'select' | 'insert' | 'update' | 'delete' | 'merge' | 'explain' | 'show' | 'truncate' | 'ddl' | 'call' | 'lock'
  /** The single statement's exact bytes without a trailing semicolon or comment; runs only under the pinned settings it was resolved with. */
  readonly text: string
  readonly params: readonly Param[]
  /** true when it is a plain SELECT or VALUES that may be the subquery of `SELECT * FROM (…) LIMIT n`. */
  readonly wrappable: boolean
  /** It may be a WITH entry, whose rows are selected from: a write or a locking select with no write in a WITH of its own, which the server takes at the top only. */
  readonly returnable?: boolean
  /** One entry an output column, in order; null when it returns no rows. */
  readonly outputs: readonly Output[] | null
  /** A name in it does not exist: nothing is sent, and once decided `execute` answers `failed` with this refusal. `outputs` is empty then and means nothing. */
  readonly missing?: Refusal
  /** It is not missing there: something in the statement is not known here, and what was found before it is to be decided first. */
  readonly unknown?: boolean
}
export interface Output {
  readonly name: string
  /** What RowDescription must report: the relation named in FROM (for a view, the view's own oid) and attribute number; null for an expression (0/0). */
  readonly origin: { readonly relation: number; readonly column: number } | null
  /** pg_type oid, as far as it is known; of use where there is no origin. Left out or 0 and less: not known. */
  readonly type?: number
  /** Indexes into `effects.shown`; empty when no classified data reaches this output. Several: every one's mask applies, the strictest wins. */
  readonly shown: readonly number[]
}
