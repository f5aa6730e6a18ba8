import type { Effects } from '../../schema/effects.ts'
import type { ActionName, ConnectionDocument } from '../../schema/policy.ts'
import type { Query } from '../../schema/request.ts'
import type { Refusal, Result } from '../../schema/refusal.ts'
import type { Permit } from '../permit.ts'

/**
 * What an engine must offer the gate. One folder an engine implements it: classify, execute, mask. An engine never decides; it says what a
 * statement would do, does exactly that under a Permit, and gives back only masked rows.
 */
export interface Protocol {
  /**
   * Of an engine whose callers speak its own protocol (Kubernetes): one HTTP request as the one statement it is, canonical; what is forwarded is exactly that. `target`: as it came
   * on the wire behind the connection's prefix, from its first slash, in nothing normalised. `headers`: `accept` and `content-type`, lower case, where they came. `body`: at most 1 MiB,
   * null where none came. Pure. Refuses what has two readings, and whatever it does not know.
   */
  read?(method: string, target: string, headers: Readonly<Record<string, string>>, body: Uint8Array | null): Result<Query> | Promise<Result<Query>>
  /**
   * Works out every effect of the query. No effect on the target's data; may read its catalog with the connection's read credential.
   * Refuses what it cannot parse (`statement-unparsable`) and what it does not know (`statement-unsupported`), with the span.
   * Throws only when the target cannot be reached (code `target-unavailable`).
   * `roles`: of whoever acts (the current actor, else the subject). An engine whose target knows several identities chooses by them; left out: none is held.
   * `seed`: of a plan that another process of this engine looked for (`Plan.seed`): gives that plan without asking the target again.
   */
  classify(connection: ConnectionDocument, query: Query, roles?: readonly string[], seed?: unknown): Promise<Result<Plan>>
  /**
   * Runs the plan once, under the obligations, and never begins after `run.deadline`. A write is atomic: all of it or none.
   * `failed`: the target has no effect of it. `unknown`: the answer was lost and the effect may be there. Never throws for either. Where the caller speaks the target's own protocol, an
   * answer of the target is `succeeded` whatever its HTTP status, and `mask` gives it with that status: from 400 on the record says that it failed, and 409 makes an approval stale.
   */
  execute(permit: Permit, plan: Plan, run: Run): Promise<Executed>
  /** Applies the obligations to rows that `execute` returned. Total: what cannot be masked is withheld, never shown. */
  mask(permit: Permit, plan: Plan, rows: Raw): Masked
  /** The target's relations with the data class of each column, for `/schema`. Everything: the caller filters by what may be seen. */
  describe(connection: ConnectionDocument): Promise<Description>
  /** Resolves the names of a connection's policy on the live target. Empty when all is well. Used by `policy apply` and at start. */
  inspect(connection: ConnectionDocument, names: readonly PolicyName[]): Promise<readonly Finding[]>
  /** Reaches the target once, cheaply and uncached, as the role that reads; throws Fault target-unavailable or secret-missing. For readiness. */
  ping?(connection: ConnectionDocument): Promise<void>
  /**
   * The least roles and grants that serve what `rules` allow, and where those in force differ. Reads catalogs with each credential of the connection, changes
   * nothing. Left out where an engine has no grants of its own. Throws Fault target-unavailable or secret-missing.
   */
  grants?(connection: ConnectionDocument, rules: readonly Ruled[]): Promise<Grants>
  /**
   * How many rows the target expects of each statement, and its cost in its own units: planned, never executed. null where it cannot say. For people who decide: a guess may
   * rest on classified values. Throws Fault target-unavailable.
   */
  estimate?(connection: ConnectionDocument, query: Query): Promise<readonly ({ readonly rows: number; readonly cost: number } | null)[]>
  /** Ends pools. */
  close(): Promise<void>
}

/** What classify found, and what execute needs to do it; `plan` is the engine's own and opaque to everyone else. */
export interface Plan {
  readonly effects: Effects
  readonly plan: object
  /** What execute would answer without sending anything, such as a missing column of a table that a rule names. Told only to whom the effects are permitted. */
  readonly fails?: Refusal
  /** It asks what there is: it answers from `Query.seen`, without which there is nothing, so it is to be classified once more with what the caller may see. */
  readonly wants?: 'seen'
  /** `Query.told`, also without what the connection classifies. Left out: as the query has it. */
  readonly told?: Query['statements']
  /**
   * What the target says the write would make of the object (Kubernetes: a server-side dry run), for rules whose `when` reads it and for people who approve. Asked only after a first
   * decision, for which what is not known yet stands in no rule's way; gives the plan to decide on. Changes nothing on the target. Throws Fault target-unavailable.
   * Also where an engine keeps a refusal back until what it found before that is decided, because else it would tell which objects are there: then this gives the refusal.
   */
  readonly preview?: () => Promise<Result<Plan>>
  /** It takes as long as it likes, and is judged again meanwhile as a stream is; `Run.cut` ends it. */
  readonly lasting?: true
  /** Its answer goes on until somebody ends it, at most this long, ms; `Run.piece` asks for it by pieces. */
  readonly lastsMs?: number
  /** What a look (`preview`) saw that this was made from, as JSON; see classify. */
  readonly seed?: unknown
  /** What a person who approves sees of the change, beside the statement: unified diff lines, masked, at most 64 KB. Of a command on a host: as whom it runs, and where. */
  readonly diff?: string
}

export interface Run {
  /** Epoch ms. Checked by us right before sending and by the target inside the transaction, so that a process frozen in between does nothing. */
  readonly deadline: number
  /** Epoch ms: whoever asked is gone after it, so the target gets no more time than is left. Left out: what the limits say. */
  readonly until?: number
  readonly rowMode: 'object' | 'array'
  readonly maxRows: number | null
  /** Whose it is, one word a subject: where many wait for one target, everybody has a turn before anybody has a second. Not told to the target. Left out: nobody's in particular. */
  readonly whose?: string
  /** People agreed to it. What they were not asked about (of a cluster's object its status and managers) may still change under it; without them all of it is decided anew. */
  readonly agreed?: true
  /** Aborted where what runs, or its answer, must end: the token's end, a lock, a policy that refuses it now. Engines that can end nothing ignore it. */
  readonly cut?: AbortSignal
  /** Hears what a command writes, masked as its caller may see it, all of it, also what is too much for the answer; resolves when there is room for more. Rejects where it cannot be recorded: then the command ends, and its outcome is `unknown`. */
  readonly heard?: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void>
  /** How much a command may write before it is let go of, bytes. Left out: what the engine lets it. */
  readonly heardBytes?: number
  /** Of what lasts, where nothing that lasts is carried: only what there is now, from behind `after` on (`StreamEnd.next`); null: from where it was asked for. */
  readonly piece?: { readonly after: string | null }
}
/** Rows still in clear, one entry a statement; only the engine that made it can read it. */
export interface Raw {
  readonly raw: object; readonly rowCounts: readonly number[]; readonly truncated: boolean
  /** Of an answer that streams: resolves, never rejects, when its last byte is given or it was cut. What the record says of it after its outcome. */
  readonly ended?: Promise<StreamEnd>
  /** Of a list that streams: resolves with how many objects were given, when it has ended. Rows of the hour are counted by it. */
  readonly counted?: Promise<number>
  /** Of a piece: it begins with all there is, in no order, and what came of that tells where to go on from only once nothing more comes. */
  readonly unordered?: true
  /** Where the target speaks HTTP: the status it answered with, known before any of its body, and its Audit-ID. */
  readonly answered?: { readonly status: number; readonly audit: string | null }
}
/** `bytes` and `items` given to the caller (objects, watch events, log lines); `how` as the record says it: `complete`, `cut: …`, `caller gone`, `target broke off`. */
export interface StreamEnd { readonly bytes: number; readonly items: number; readonly how: string; readonly detected: Readonly<Record<string, number>>
  /** Of a piece: where the next begins, null: it is over. */
  readonly next?: { readonly after: string | null } | null
}
export type Executed =
  | { readonly status: 'succeeded'; readonly rows: Raw }
  | { readonly status: 'failed'; readonly refusal: Refusal }
  | { readonly status: 'unknown'; readonly refusal: Refusal }
  /** An object the plan reaches changed since classify: nothing ran, the catalog was dropped, classify and decide again. */
  | { readonly status: 'stale'; readonly refusal: Refusal }

declare const masked: unique symbol
/** The only form of rows the app can serialise. */
export interface Masked {
  readonly [masked]: true; readonly results: readonly MaskedResult[]
  /** The target's own answer, masked, where the caller speaks the target's own protocol (Kubernetes); `results` is then empty. Bytes, or a stream of them; `audit` is the API server's Audit-ID. */
  readonly answer?: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array | ReadableStream<Uint8Array>; readonly audit: string | null }
}
export interface MaskedResult {
  readonly columns: readonly { readonly name: string; readonly type: string; readonly class?: string; readonly masked?: string }[]
  readonly rows: readonly unknown[]
  readonly rowCount: number
  readonly truncated: boolean
  /** Detector hits that were redacted in unclassified text: detector name → count. */
  readonly detected?: Readonly<Record<string, number>>
}

export interface Description {
  readonly relations: readonly {
    readonly schema: string; readonly name: string; readonly kind: 'table' | 'view' | 'materialized view' | 'partitioned table' | 'foreign table'
    readonly columns: readonly { readonly name: string; readonly type: string; readonly nullable: boolean; readonly class: string | null }[]
  }[]
}
/** What some rule of the policy lets somebody do on a connection, whoever it is. */
export interface Ruled {
  readonly actions: readonly (ActionName | 'write' | 'ddl' | '*')[]; readonly on: readonly string[]
  /** Whose rule it is, and of Kubernetes what it is held to, as it is written. */
  readonly role?: string; readonly namespaces?: readonly string[]; readonly names?: readonly string[]
}
export interface Grants {
  /** For the engine's own client, to be read and run by a person. */
  readonly script: string
  /** The roles in force that could be asked. */
  readonly roles: readonly { readonly use: 'write' | 'read' | 'plain'; readonly name: string }[]
  readonly findings: readonly Finding[]
}
/** A name a policy uses: where from (`classify`, `rule`), its pattern, and whether it may name nothing. */
export interface PolicyName { readonly from: 'classify' | 'on' | 'deny' | 'columns'; readonly name: string; readonly columns?: readonly string[]; readonly optional: boolean }
export interface Finding { readonly level: 'error' | 'warning'; readonly name: string; readonly message: string }
