import type { Event, Id, Prefix } from '../schema/event.ts'
import type { Bundle } from '../schema/policy.ts'
import type { Protocol } from './protocol/protocol.ts'

/**
 * Every promise the outside world must keep to the gate. Each method says what is durable when it returns, what is atomic, and what a thrown
 * error means. `Fault` with code `store-unavailable`: it may or may not have happened (failed and not stored, failed but stored: callers must
 * be right in both cases).
 */
export interface Ports {
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly id: <P extends Prefix>(prefix: P) => Id<P>
  readonly policies: PolicyStore
  readonly ledger: Ledger
  readonly idempotency: IdempotencyStore
  readonly meter: Meter
  readonly secrets: Secrets
  /** Fetches a JSON document over https (loopback http in the local assembly only). Throws after 3 s or past 256 KB. Used for issuer metadata and JWKS. */
  readonly fetchJson: (url: string) => Promise<unknown>
  readonly engines: Readonly<Record<'postgres', Protocol>>
  /** What the operator must see: origin disagreements, unsettled intents, refused policy loads. Never throws, never waits. */
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
  /** Facts of this assembly that callers may see. */
  readonly self: Self
}
export interface Self {
  /** The public base URL, without a slash at the end; also the RFC 9728 resource identifier. */
  readonly url: string
  /** Name of the implied local issuer, or null in production; written into every record of the run as `issuer: local`. */
  readonly localIssuer: { readonly name: 'local'; readonly issuer: string; readonly audience: string } | null
}

export class Fault extends Error {
  readonly code: 'store-unavailable' | 'target-unavailable' | 'policy-corrupt' | 'secret-missing' | 'issuer-unavailable' | 'internal'
  constructor(code: Fault['code'], message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'Fault'
    this.code = code
  }
}

/** The `after` of a list is not a cursor that this filter was given: the caller's mistake, not a failure. */
export class CursorError extends Error {
  constructor() {
    super('not a cursor of this filter')
    this.name = 'CursorError'
  }
}

// ---- policy --------------------------------------------------------------------------------------------------------

export interface Lock {
  /** `subject:agent:x`, `role:analyst`, `connection:shop` or `everything`. */
  readonly target: string
  readonly by: string
  readonly at: string
  readonly reason: string | null
  /** ISO 8601, or null: until lifted. */
  readonly until: string | null
}
/** One item: which policy is in force, and every lock. Read whole, in one strongly consistent read. */
export interface Pointer {
  /** SHA-256 hex of the bundle's canonical JSON. */
  readonly version: string
  readonly chunks: number
  readonly appliedAt: string
  readonly appliedBy: string
  readonly commit: string | null
  readonly locks: readonly Lock[]
}
export interface PolicyStore {
  /** Strongly consistent, one small read. null: nothing was ever applied. Throws Fault store-unavailable. */
  pointer(): Promise<Pointer | null>
  /** The bundle of a version, only when every chunk is there and the whole hashes to `version`; else throws Fault policy-corrupt. */
  load(version: string, chunks: number): Promise<Bundle>
  /**
   * Chunks durable first, then the pointer moves in one conditional write from `from` (null: only into an empty store). Locks are kept.
   * false: somebody else moved it. A crash in between leaves chunks nobody points at.
   */
  apply(bundle: Bundle, meta: { readonly from: string | null; readonly by: string; readonly at: string; readonly commit: string | null }): Promise<boolean>
  /** Adds or replaces a lock; atomic with the pointer item. Refused (false) over 500 locks. */
  lock(lock: Lock): Promise<boolean>
  /** Lifts a lock. false: there was none. */
  unlock(target: string): Promise<boolean>
}

// ---- record --------------------------------------------------------------------------------------------------------

export interface Ledger {
  /**
   * Durable when it returns. Append-only: an event id is written once, `append` of the same id again is success (its first write stored, the
   * answer lost). For an outcome: at most one per intent, decided by a conditional write; `already` when another was first.
   */
  append(event: Event): Promise<'stored' | 'already'>
  get(id: Id<'evt'>): Promise<Event | null>
  /**
   * Newest first, by the time an event's id carries; an outcome has the time of its intent, so that a range never tears a story apart.
   * `next` continues after the last event given, is stable under new events, and belongs to its filter: throws CursorError for any other.
   */
  list(filter: EventFilter, page: { readonly limit: number; readonly after: string | null }): Promise<{ readonly events: readonly Event[]; readonly next: string | null }>
  /** Intents with `settleBy` before `before` that have no outcome. Also those written by a process that is gone. At most `limit`. */
  unsettled(before: number, limit: number): Promise<readonly (Event & { kind: 'intent' })[]>
}
export interface EventFilter {
  readonly from?: string; readonly to?: string; readonly subject?: string; readonly actor?: string; readonly connection?: string
  readonly kind?: string; readonly session?: string; readonly evaluation?: string
}

// ---- idempotency, quotas, secrets ----------------------------------------------------------------------------------

export interface IdempotencyStore {
  /**
   * Claims the key in one conditional write; kept 24 h. `claimed`: run it. Otherwise what the first call left: its body digest, and its stored
   * answer once there is one. `settleBy` (epoch ms): after it, an entry without an answer will never get one.
   */
  claim(key: string, entry: { readonly body: string; readonly evaluation: Id<'eval'>; readonly settleBy: number }): Promise<
    { readonly claimed: true } | { readonly claimed: false; readonly body: string; readonly evaluation: Id<'eval'>; readonly settleBy: number; readonly answer: StoredAnswer | null }>
  /** Stores the answer under a key this evaluation claimed. */
  settle(key: string, evaluation: Id<'eval'>, answer: StoredAnswer): Promise<void>
  /** Lets go of a key this evaluation claimed, because nothing was executed under it: the next call may run. Nothing happens where another evaluation holds it. */
  release(key: string, evaluation: Id<'eval'>): Promise<void>
}
/** `body` is the serialised, masked answer, or null where it was over 300 KB. */
export interface StoredAnswer { readonly status: number; readonly body: string | null }

export interface Meter {
  /**
   * Takes up to `want` from an hourly budget, durably, and says how many were had (0: none left). Takes blocks and spends them in the process,
   * so that a crash loses quota and never gives any. `give` returns what was not used. `hour` is floor(epoch ms / 3 600 000).
   */
  take(key: string, hour: number, want: number, budget: number): Promise<number>
  give(key: string, hour: number, count: number): void
}

export interface Secrets {
  /** Throws Fault secret-missing. Cached by the adapter for at most 5 minutes. Never logged. */
  get(name: string): Promise<string>
}
