import type { ActionName, Capability, DetectorName, MaskName } from './policy.ts'
import type { Span } from './refusal.ts'

/**
 * What a statement or batch would do, in words no engine owns. An engine's classify makes it, decide reads it, the approval digest binds it.
 * The promise: the target is asked for nothing that is not in here.
 */
export interface Effects {
  readonly accesses: readonly Access[]
  /** Classified columns that come out as themselves, unchanged, in one output column: the only use that can be masked. */
  readonly shown: readonly Shown[]
  /** Every other use of a classified column: filter, join, order, expression, write elsewhere. Permitted only where revealed. */
  readonly used: readonly Used[]
  /** true when nothing in it can change anything on the target: then it runs as the role that cannot write. */
  readonly readOnly: boolean
  /** SHA-256 (hex) over the definitions of the objects reached; changes when one of them does. */
  readonly fingerprint: string
}

export interface Access {
  readonly action: ActionName
  /** `schema.table`, `schema.function`, or a resource of Sluice's own: `audit`, `policy`, `locks`. As the server spells it, unquoted. */
  readonly resource: string
  /** Columns read, for `select`; null where columns do not apply. An empty list reads rows but no column, as `count(*)` does. */
  readonly columns: readonly string[] | null
  /** A schema of the engine's own: `*` in a rule's schema part never covers it. Of Kubernetes, what an `allow` must name in full: exec, proxies, RBAC, webhooks, … */
  readonly system: boolean
  /** Views the statement came through to reach it, outermost first; empty when it names the object itself. */
  readonly via: readonly string[]
  /**
   * A partition or inheritance child, read or written because `via` ends in its parent: whoever may do it to the parent may do it here, as the server
   * has it, and a deny on the child still wins.
   */
  readonly part?: true
  readonly statement: number
  readonly span: Span | null
  /** What serves in the place of another server's function, for the words of a refusal. Never recorded, never bound. */
  readonly instead?: string
  /** Kubernetes only. `resource` is then `pods`, `pods/log`, `apps/deployments`, `apps/deployments/scale`, or a path of no resource (`/version`). */
  readonly target?: Target
}
/** What of a cluster an access is about. */
export interface Target {
  /** null: of no namespace, or of all of them. A rule that names namespaces covers neither. */
  readonly namespace: string | null
  /** true: its kind is in no namespace, for certain. Left out, a `deny` that names namespaces meets whatever is in none. */
  readonly clusterScoped?: true
  /** null: all there are. A rule that names names does not cover it. */
  readonly name: string | null
  /** What pod templates in the object may do: each wants a rule that permits it. */
  readonly needs: readonly Capability[]
  /** For `when`: the object as it will be, and as it is. null: there is none; left out: not known yet (`Plan.preview`). Never recorded, never bound but by `fingerprint`. */
  readonly object?: Readonly<Record<string, unknown>> | null
  readonly oldObject?: Readonly<Record<string, unknown>> | null
  /** Where the two differ, as paths (`spec.replicas`), sorted; left out unless both are known and there. */
  readonly changed?: readonly string[]
}
interface Classified {
  readonly dataClass: string
  /** The base table and column that hold the data, whatever view or alias stands before them. */
  readonly resource: string
  readonly column: string
  readonly statement: number
  readonly span: Span | null
}
export interface Shown extends Classified { /** Index of the output column. */ readonly output: number }
export interface Used extends Classified {
  /** How, for a person: `in a where clause`, `as an argument of lower()`. */
  readonly how: string
  /**
   * The value set is one that a mask shows, or a mark a detector left. The first is refused like any use; the second also to whoever may see everything,
   * because detectors spare nobody.
   */
  readonly back?: 'mask' | 'detector'
}

export interface Limits {
  readonly rows: number
  readonly bytes: number
  readonly timeoutMs: number
  readonly affected: number
  /** The most work the target may expect of one statement, in its own units. Left out: no ceiling. */
  readonly cost?: number
  readonly statementsPerHour: number | null
  readonly rowsPerHour: number | null
}
/** What the answer owes: decided once, carried by the Permit, enforced by execute and mask. */
export interface Obligations {
  /** For each of `effects.shown`, in the same order: the mask it gets, or null where the caller may see it in clear. */
  readonly masks: readonly (MaskName | null)[]
  readonly revealed: readonly string[]
  readonly detect: readonly DetectorName[]
  readonly limits: Limits
}
export interface Demand { readonly by: readonly string[]; readonly quorum: number; readonly withinMs: number; readonly rule: string }
