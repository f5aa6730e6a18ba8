import type { Next, Slug, Span } from './refusal.ts'
import type { Param } from './request.ts'

/** Ids carry their prefix in the type, and their time in their first ten characters (ULID order), so that storage can be found by id alone. */
export type Prefix = 'eval' | 'arq' | 'evt' | 'ses'
export type Id<P extends Prefix> = `${P}_${string}`

/** Who asked, as the record keeps it. */
export interface Who { readonly issuer: string; readonly subject: string; readonly actors: readonly string[]; readonly groups: readonly string[]; readonly roles: readonly string[] }

/** Of an event's content (schema/content.ts): the key it is sealed under, the commitment to it, and the ciphertext. What the log's leaf holds is the first two. */
export interface Sealed {
  /** `<sheet>.<slot>`. */
  readonly key: string
  /** HMAC-SHA-256 over the content's canonical JSON, hex, keyed for this one event (functions/record/cipher.ts). */
  readonly commitment: string
  /** Base64. In the ledger alone; a reader gets the content in its place. */
  readonly text?: string
  /** The key is destroyed, and what stood here is gone; or it is there and does not open this. */
  readonly state?: 'erased' | 'damaged'
}
/** The masked answer of a call: the first 32 KB of it as JSON, and what binds the whole. `text` null: nothing of it is kept, because a class came in clear. */
export interface ResultRecord { readonly bytes: number; readonly sha256: string; readonly text: string | null }

interface Common {
  readonly content?: Sealed
  /** The access request it belongs to. */
  readonly request?: Id<'arq'>
  readonly id: Id<'evt'>
  /** ISO 8601, milliseconds, UTC. */
  readonly at: string
  readonly evaluation: Id<'eval'>
  readonly session: Id<'ses'> | null
  readonly who: Who | null
  readonly connection: string | null
  readonly policy: string | null
  /** Which process wrote it, and where among that process's events it stands. Left out: heartbeats, which any process may write and all write alike. */
  readonly writer?: Writer
}
/**
 * `id`: the event (`writer`) that holds the process's public key. `n` counts that process's events from 1, which is that event. `open`: lower numbers that were given and of which it was not
 * known yet whether they are stored, ascending; left out where there are none. A number that is not open is stored: it is an event, or a `void` in its place.
 */
export interface Writer { readonly id: Id<'evt'>; readonly n: number; readonly open?: readonly number[] }
/** `via`, `part`, `system` as in effects.ts, left out where they say nothing: so that another policy can be asked about it later. */
export interface AccessRecord { readonly action: string; readonly resource: string; readonly columns?: readonly string[]; readonly via?: readonly string[]; readonly part?: true; readonly system?: true; /** Of Kubernetes, as in effects.ts: left out where there is none. */ readonly namespace?: string; readonly name?: string; readonly needs?: readonly string[] }

/** Durable before the target is touched. `deadline`: execution never begins after it. `settleBy`: from then a sweeper may settle it as unknown. ISO 8601. */
export interface IntentEvent extends Common {
  readonly kind: 'intent'
  readonly statements: readonly { readonly sql: string; readonly params: readonly Param[] }[]
  readonly purpose: string | null
  readonly accesses: readonly AccessRecord[]
  readonly rules: readonly string[]
  readonly masks: Readonly<Record<string, string>>
  readonly revealed: readonly string[]
  /** What the target said the write would change, as people were shown it: masked, unified diff lines. */
  readonly diff?: string
  /** Of what people approved: the events that say so, the request's and their words'. Stored before it, and in the log before it. */
  readonly basis?: readonly Id<'evt'>[]
  readonly deadline: string
  readonly settleBy: string
}
/** What became of an intent. `unknown`: the answer was lost, the effect may or may not be there. */
export interface OutcomeEvent extends Common {
  readonly kind: 'outcome'
  readonly intent: Id<'evt'>
  readonly status: 'succeeded' | 'failed' | 'unknown'
  readonly rowCounts: readonly number[]
  readonly truncated: boolean
  readonly refusal: RefusalRecord | null
  /** Of a target that is answered for in its own protocol: its HTTP status, and the id its own audit has for the request. */
  readonly answered?: { readonly status: number; readonly audit: string | null }
  /** What a command said, masked: whole where it is short, else how many events of kind `output` before this have it, and the length and SHA-256 of each stream; and how it ended. */
  readonly said?: Readonly<Record<string, unknown>>
  readonly durationMs: number
  /** `sweeper` when the process that intended it did not live to tell. */
  readonly by: 'gate' | 'sweeper'
  /** Absent where there was no answer, or its connection says `record: none`. */
  readonly result?: ResultRecord
}
/** A later truth about an intent already settled as unknown; the first outcome stays as it was written. */
export interface CorrectionEvent extends Omit<OutcomeEvent, 'kind'> { readonly kind: 'correction' }
export interface RefusalEvent extends Common {
  readonly kind: 'refusal'
  readonly statements: readonly { readonly sql: string; readonly params: readonly Param[] }[]
  readonly purpose: string | null
  readonly accesses: readonly AccessRecord[]
  readonly refusal: RefusalRecord
}
/** A change of the gate's own state: policy applied, lock set or lifted. `change` is plain JSON: what, from, to, commit. */
export interface ChangeEvent extends Common { readonly kind: 'policy' | 'lock'; readonly change: Readonly<Record<string, unknown>> }
/**
 * Somebody read the audit, was given an earlier call's stored answer again, an answer that went on ended (`stream`: what was given, and why it ended), a command wrote something (`output`: one part of it, of which intent), a process came up with a weakness the auditor must know of, or nothing happened (`heartbeat`). A process begins to write
 * (`writer`: its key); an event of its was not stored (`void`: of which kind, under the same number). The log gets another key (`log-key`). A person signs in or out at the console (`sign-in`).
 * Content is about to be erased (`erasure`: which keys), or the log's oldest entries to be removed (`prune`: which).
 */
export interface NoticeEvent extends Common { readonly kind: 'audit-read' | 'explain' | 'repeat' | 'stream' | 'output' | 'start' | 'unauthenticated' | 'heartbeat' | 'writer' | 'void' | 'log-key' | 'sign-in' | 'erasure' | 'prune'; readonly change: Readonly<Record<string, unknown>> }

export interface RefusalRecord {
  readonly slug: Slug; readonly reason: string; readonly detail: string; readonly next: Next; readonly inner?: string
  readonly rule?: string; readonly action?: string; readonly resource?: string; readonly span?: Span; readonly sqlstate?: string
}
/** A step of an access request: asked, a person's word, an end without execution. Written with the state it tells of, in one write. */
export interface ApprovalEvent extends Common {
  readonly kind: 'request' | 'approval' | 'rejection' | 'cancellation' | 'expiry' | 'stale'
  readonly request: Id<'arq'>
  readonly change: Readonly<Record<string, unknown>>
}
export type Event = IntentEvent | OutcomeEvent | CorrectionEvent | RefusalEvent | ChangeEvent | NoticeEvent | ApprovalEvent
