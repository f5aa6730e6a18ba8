import type { AccessRequest, Status } from '../schema/approval.ts'
import type { Row } from '../schema/audit.ts'
import type { Event, Id, Prefix } from '../schema/event.ts'
import type { Bundle, ConnectionDocument } from '../schema/policy.ts'
import type { Regions } from '../schema/region.ts'
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
  /** Keys of the content on record; what the ledger seals and opens it with. */
  readonly keys: ContentKeys
  readonly idempotency: IdempotencyStore
  readonly meter: Meter
  readonly secrets: Secrets
  /** Fetches a JSON document over https (loopback http in the local assembly only). Throws after 3 s or past 256 KB. Used for issuer metadata and JWKS. */
  readonly fetchJson: (url: string) => Promise<unknown>
  /** Those this assembly has: `engineOf` (protocol/engine.ts) finds a connection's. */
  readonly engines: Readonly<Partial<Record<ConnectionDocument['engine'], Protocol>>>
  /** null: an assembly that cannot ask people; what needs them is refused. */
  readonly approvals: Approvals | null
  /** null: an assembly without WebSockets. */
  readonly sockets: Sockets | null
  /** null: an assembly whose events lie in the ledger alone, and that has no receipts. */
  readonly log: Log | null
  /**
   * The newest event of this evaluation that this process stored, promised to be in the log: the value of the header `Sluice-Promise` (record/promise.ts). Gives it once. null: no event of it is
   * stored, or nothing is promised here. Left out: an assembly that promises nothing. Never throws, never waits.
   */
  readonly promise?: (evaluation: Id<'eval'>) => string | null
  /** null: an assembly without an index of the log; what only that can answer is refused. */
  readonly search: Search | null
  /** What the operator must see: origin disagreements, unsettled intents, refused policy loads. Never throws, never waits. */
  readonly alarm: (what: string, detail: Readonly<Record<string, unknown>>) => void
  /** Facts of this assembly that callers may see. */
  readonly self: Self
}
export interface Self {
  /** The public base URL, without a slash at the end; also the RFC 9728 resource identifier. */
  readonly url: string
  /** Base URL of the pages people see, of another origin than `url` where there are two. */
  readonly console: string
  /** Name of the implied local issuer, or null in production; written into every record of the run as `issuer: local`. */
  readonly localIssuer: { readonly name: 'local'; readonly issuer: string; readonly audience: string } | null
  /** Where other deployments with the same policy are. Left out: there are none. */
  readonly regions?: Regions
}

export class Fault extends Error {
  readonly code: 'store-unavailable' | 'target-unavailable' | 'policy-corrupt' | 'secret-missing' | 'issuer-unavailable' | 'internal'
  constructor(code: Fault['code'], message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'Fault'
    this.code = code
  }
}

/** What is stored under this id is no event, or another's: somebody wrote over it. It stays so, however often it is asked for. */
export class Damage extends Fault {
  constructor(message: string, options?: { cause?: unknown }) {
    super('store-unavailable', message, options)
    this.name = 'Damage'
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
  /** Why a deployment like this would not serve it, in words for whoever applies it; null: it would. Left out: it serves any. `apply` takes none that is refused here: nobody could apply another one after it. */
  refuses?(bundle: Bundle): string | null
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
   * `next` continues after the last event given, is stable under new events, and belongs to its filter: throws CursorError for any other. A page may be short, or empty, and go on.
   * `damaged`: ids within the page under which no event can be read; left out where there is none.
   */
  list(filter: EventFilter, page: { readonly limit: number; readonly after: string | null }): Promise<{ readonly events: readonly Event[]; readonly next: string | null; readonly damaged?: readonly Id<'evt'>[] }>
  /**
   * Everything whose id carries a time from `from` until before `to` (epoch ms; null: and later) and that was stored when it began, each once, as it is stored: its content sealed. In pieces that can be held, from early to late: after one,
   * all that is before its `until` was given. Of one intent nothing comes before it; else events of a piece are in no order. What it reads of the store grows with what it gives, and with nothing else. `damaged`: ids under which no event
   * can be read. Throws Fault store-unavailable.
   */
  scan(from: number, to: number | null): AsyncIterable<{ readonly events: readonly Event[]; readonly damaged: readonly Id<'evt'>[]; readonly until: number }>
  /** Intents with `settleBy` before `before` that have no outcome. Also those written by a process that is gone. At most `limit`. */
  unsettled(before: number, limit: number): Promise<readonly (Event & { kind: 'intent' })[]>
}
export interface EventFilter {
  readonly from?: string; readonly to?: string; readonly subject?: string; readonly actor?: string; readonly connection?: string
  readonly kind?: string; readonly session?: string; readonly evaluation?: string
}

/** Keys of a sheet, by slot. */
export type Slots = ReadonlyMap<number, Uint8Array>
/**
 * The keys of content on record. They lie where no backup, no point-in-time recovery and no replica outlives them, so that what is destroyed here is gone at once. A sheet's id carries the day
 * it was made on (functions/record/keyring.ts).
 */
export interface ContentKeys {
  /** Durable when it returns, whole or not at all; before that none of its keys may seal anything. 32 bytes each. The same again is success. Throws Fault store-unavailable. */
  keep(sheet: string, slots: Slots): Promise<void>
  /** Those of its keys that are there, strongly consistent. Empty: destroyed, or never there. Throws Fault store-unavailable. */
  read(sheet: string): Promise<Slots>
  /** Gone for good when it returns; what is gone already stays gone. Throws Fault store-unavailable: some may be, so do it again. */
  destroy(sheet: string, slots: readonly number[] | 'all'): Promise<void>
  /** The sheets of a day (`2026-11-22`) that are there. At most `limit`, in no order. */
  sheets(day: string, limit: number): Promise<readonly string[]>
}

// ---- the log --------------------------------------------------------------------------------------------------------

/** What the sequencer writes the record's Merkle log with, and readers read it from. */
export interface Log {
  readonly signer: Signer
  /** Keys made after it, oldest first: the last is the one in force, or about to be (functions/succession.ts). Left out: none. */
  readonly further?: readonly Signer[]
  /** How long two keys sign beside each other, ms, at least a day, which is also what it is where this is left out. */
  readonly overlapMs?: number
  readonly objects: Objects
  readonly store: LogStore
}
/** The log's Ed25519 key; it never leaves where it is kept. */
export interface Signer {
  /** The log's origin, and the key's name in its notes: a URL without a scheme, neither space nor plus. */
  readonly name: string
  /** 32 bytes. */
  publicKey(): Promise<Uint8Array>
  /** Ed25519 over the bytes as they are, 64 bytes; the same bytes give the same signature. Throws Fault store-unavailable. */
  sign(message: Uint8Array): Promise<Uint8Array>
}
/** Write-once objects. A path is lower-case segments of letters, digits, `.` and `-`. */
export interface Objects {
  /** Durable when it returns, whole or not at all. `same`: these very bytes are there already. Throws Fault internal where others are. */
  create(path: string, bytes: Uint8Array): Promise<'created' | 'same'>
  get(path: string): Promise<Uint8Array | null>
  /** Paths below this folder that come after `path` in the order of their bytes (``: all), the first `limit` of them, at most 1000. Strongly consistent: what was created before is among them. */
  after(folder: 'checkpoints/' | 'tile/', path: string, limit: number): Promise<readonly string[]>
  /**
   * What later objects made superfluous may go, now or when the store sees fit: one object below `staging/`, or with a slash at the end a folder of partial
   * tiles. Throws Fault internal for any other path: nothing else is ever removed through this port.
   */
  forget(path: string): Promise<void>
  /**
   * One full bundle of entries (`tile/entries/<N>`), all of it older than `before` (epoch ms), may go, and its partial tiles with it: the log says so itself by then. Durable when it returns; gone
   * already is success. Throws Fault internal for any other path, and for an object that was made later than that; store-unavailable where a lock is not over.
   */
  prune(path: string, before: number): Promise<void>
  /** The store's own locks. Left out: a store that has none. */
  readonly locks?: {
    /** When the object was made, and until when nobody at all can remove it, epoch ms. null: no such object. */
    read(path: string): Promise<{ readonly made: number; readonly until: number } | null>
    /** Locks it until then, epoch ms; there is no way back. One that ends later stays as it is. Durable when it returns. Throws Fault store-unavailable. Left out where locks run out. */
    readonly lengthen?: (path: string, until: number) => Promise<void>
  }
}
/** Where the log stands: one small row, and the commit point of every sequencer. */
export interface Head {
  /** Counts up by one with every head, from 1. */
  readonly revision: number
  readonly size: number
  /** The staged object that holds everything this head added. */
  readonly bundle: string
  /** The signed note. */
  readonly checkpoint: string
  /** Epoch ms: when it was made. */
  readonly at: number
  /** Epoch ms: every event whose id carries an earlier time is in the log, or awaited. */
  readonly mark: number
  /** Epoch ms, at `mark` or after it: until here the record was looked through once, so that whoever looks next begins here. What came behind it is found when `mark` passes it. */
  readonly near: number
  /** Older intents of which more is to come: no outcome yet (`until` null), or one by the sweeper, which a correction may follow until then (epoch ms). */
  readonly awaited: readonly { readonly id: Id<'evt'>; readonly until: number | null }[]
  /** The statements by which one key of the log followed another (record/log/succession.ts), oldest first; left out where it has its first. */
  readonly keys?: readonly string[]
}
export interface LogStore {
  /** Strongly consistent. null: nothing was ever sequenced. */
  head(): Promise<Head | null>
  /**
   * Compare and swap: `next` is stored where `over` (null: nothing) still is. false: somebody else moved it. The same `next` again, its first write stored and the answer
   * lost, is true. Throws Fault store-unavailable: it may or may not be stored; read the head.
   */
  advance(next: Head, over: Head | null): Promise<boolean>
  /** Indexes of those events that have one. Strongly consistent. */
  where(ids: readonly Id<'evt'>[]): Promise<ReadonlyMap<Id<'evt'>, number>>
  /** Durable when it returns; written again it changes nothing. Throws Fault internal where an event has another index: it is in the log once. */
  placed(entries: readonly { readonly id: Id<'evt'>; readonly index: number }[]): Promise<void>
  /** The checkpoint readers get, once everything it covers is in place, which is when `covered` resolves (left out: it is); where that throws, it throws the same. Durable, among the write-once objects, when it returns. Throws Fault internal where that tree size has another: a fork. */
  publish(published: Published, covered?: Promise<unknown>): Promise<void>
  /** The checkpoint that was published of this size. null: none was. */
  shown(size: number): Promise<string | null>
  /** The newest among the objects. null: nothing was ever published. Throws Fault. */
  published(): Promise<Published | null>
  /** Where the newest may be looked for first, by its size: a row that says when it is worth looking. Nothing rests on it. */
  hinted(): Promise<number | null>
  /** How far locks were lengthened (functions/lengthen.ts). null: never. */
  lengthened(): Promise<Lengthened | null>
  progress(lengthened: Lengthened): Promise<void>
}
export interface Published { readonly size: number; readonly checkpoint: string }
/** What of a LogStore is small rows that change. `functions/publish.ts` makes the whole of it: what is published is an object, and no row says which. */
export interface LogRows extends Omit<LogStore, 'publish' | 'shown' | 'published'> {
  /** Only a larger one replaces it. */
  hint(size: number): Promise<void>
}
/** A walk over all objects by which their locks come to end as late as `goal` says. `after`: the last path it came to; null: it is through. `since`: epoch ms, when it began. */
export interface Lengthened { readonly goal: string; readonly since: number; readonly after: string | null }

// ---- the index of the log -------------------------------------------------------------------------------------------

/** What can be asked of the log beyond the ledger's own lists. It follows the log, so it says how far it came: silence about later events means nothing. */
export interface Search {
  /**
   * Newest first, by the time an event's id carries, as the ledger lists. `next` as there: throws CursorError for a foreign one. Everything that matches among the first
   * `indexedTo.size` entries of the log, and perhaps later ones. Throws Fault store-unavailable.
   */
  find(filter: SearchFilter, page: { readonly limit: number; readonly after: string | null }): Promise<{ readonly ids: readonly Id<'evt'>[]; readonly next: string | null; readonly indexedTo: Indexed }>
  /** How far it came. null: nothing is indexed. Throws Fault store-unavailable. */
  indexed(): Promise<Indexed | null>
}
export interface SearchFilter extends EventFilter {
  /** What was accessed, such as `public.orders`; `*` stands for any text. */
  readonly object?: string
  readonly action?: string
  /** permit, deny or ask; of outcomes succeeded, failed or unknown. */
  readonly decision?: string
  readonly rule?: string
}
export interface Indexed {
  /** Entries of the log. */
  readonly size: number
  /** Epoch ms: when the log was read for it. */
  readonly at: number
  /** Epoch ms: every event whose id carries an earlier time is in it, or awaited (Head). */
  readonly mark: number
  /** Events that only their id, kind and time are known of: no other filter finds them. */
  readonly opaque: number
}
/** The same index to whoever writes it. Its content is what the log says and nothing else, so it may be lost at any moment. */
export interface Shelf {
  /** Where it stands; made, empty, where there is none or one of another shape. Safe whoever else does the same. */
  open(): Promise<Shelved>
  /** Adds rows, drops those of entries before index `until`, and moves from `over` to `to`, all of it or nothing. false: it no longer stands at `over`. Throws Fault store-unavailable: it may or may not have. */
  add(rows: readonly Row[], over: Shelved, to: Shelved, until: number): Promise<boolean>
  /** Everything goes; the next `open` makes it anew. */
  clear(): Promise<void>
}
/** `root`: base64, of the tree of just these entries. */
export interface Shelved extends Indexed { readonly root: string }

// ---- approvals ------------------------------------------------------------------------------------------------------

export interface Approvals {
  readonly requests: Requests
  readonly workflow: Workflow
  readonly post: Post
}
/** Access requests. A request and the event that tells of its change are one atomic write, so that states and record cannot disagree. */
export interface Requests {
  /**
   * Stores a new request, its call key and `event`, in one write. `existing`: the call key already leads to a request that is open, or ended and still
   * answers repeats (`answersRepeat`): that one, and nothing is written. `judged`: the one its caller looked at and found to be no answer: it is taken over, whatever its row says. The same id again is `created`.
   * Throws Fault store-unavailable: it may or may not be stored.
   */
  create(request: AccessRequest, event: Event, now: number, judged?: Id<'arq'> | null): Promise<{ readonly created: true } | { readonly created: false; readonly existing: AccessRequest }>
  /** The request this call key leads to, whatever became of it, and as far as the store says; null: none. A hint: whether it is of this call, and how it ended, is asked of the request and of the record. Strongly consistent. */
  holder(callKey: string): Promise<Id<'arq'> | null>
  /** Strongly consistent. null: none, or gone after its time. Throws Damage for what cannot be read as one. */
  get(id: Id<'arq'>): Promise<AccessRequest | null>
  /**
   * Replaces the request by `next`, with `event` (null: nothing to record), in one write, only where the stored revision is `next.revision - 1`. false: somebody was first, and
   * neither is stored; load it and judge anew. The same `next` again, after its first write was stored and the answer lost, is true. Throws Fault store-unavailable.
   * With an `intent`, a rejection, a cancellation, an expiry or a `stale` the same write says in the record that this is what the request came to (`fate`); where that is said already, by whatever row of it, it is false too.
   */
  swap(next: AccessRequest, event: Event | null): Promise<boolean>
  /** The event by which the request began to execute, or ended without, also where its row was put back to before that. Nobody can take it away while the record is there. null: none yet. Strongly consistent. Throws Fault store-unavailable. */
  fate(id: Id<'arq'>): Promise<Id<'evt'> | null>
  /**
   * Newest first. `open`: pending, approved or executing. `requester`: only requests whose issuer and subject these are. Lists follow writes within a second; what a decision rests
   * on is read by `get`. Throws CursorError for a foreign `after`.
   */
  list(filter: RequestFilter, page: { readonly limit: number; readonly after: string | null }): Promise<{ readonly requests: readonly AccessRequest[]; readonly next: string | null }>
  /** The sealed answer, kept `resultMs`. Chunked by the adapter; at most 12 MB. */
  keep(id: Id<'arq'>, sealed: Uint8Array): Promise<void>
  /** null: none, or gone. Throws Damage for what is not as it was kept. */
  kept(id: Id<'arq'>): Promise<Uint8Array | null>
}
export interface RequestFilter { readonly requester?: { readonly issuer: string; readonly subject: string }; readonly open?: boolean; readonly status?: Status }

/** The state machine's handle. Task tokens stay in the adapter. */
export interface Workflow {
  /** Durable when it returns: people will be told, and at `expiresAt` (epoch ms) the wait ends. The same id again is success, also after its end. */
  start(id: Id<'arq'>, expiresAt: number): Promise<void>
  /** The request left `pending`: its wait ends now and the next step begins. Success also where nothing waits yet (the wait looks at the request when it begins) or any more. */
  wake(id: Id<'arq'>): Promise<void>
}

/** Ways to reach people. Throws where it was not sent; sent twice is possible. */
export interface Post {
  /** Slack's `chat.postMessage`, or `chat.update` where `place` is given. Gives where the message is. null: no Slack here. */
  readonly slack: ((message: { readonly channel: string; readonly text: string; readonly blocks: readonly object[]; readonly place?: { readonly channel: string; readonly message: string } }) => Promise<{ readonly channel: string; readonly message: string }>) | null
  /** Plain text and HTML of one mail. null: no mail here. */
  readonly mail: ((mail: { readonly to: string; readonly subject: string; readonly text: string; readonly html: string }) => Promise<void>) | null
  /** Answers whoever pressed a button in Slack, and nobody else, at the `response_url` of the press. Throws for an address that is not Slack's. Left out: they hear nothing. */
  readonly answer?: (to: string, text: string) => Promise<void>
}

// ---- sockets ---------------------------------------------------------------------------------------------------------

/** One open WebSocket: whose it is, as proven when it was opened. It never changes hands. */
export interface Socket {
  /** The transport's; never given twice, but it may be guessed. */
  readonly id: string
  readonly issuer: string
  readonly subject: string
  readonly actors: readonly string[]
  readonly session: Id<'ses'>
  /** Epoch ms: when the token ends, or the longest a socket may live. */
  readonly expiresAt: number
  /** The token, sealed to this connection (functions/socket/token.ts): each frame is authenticated anew, as a call over HTTP is. */
  readonly sealed: string
}
/** Open connections, and the way to reach them. What is lost here costs a reconnect and nothing else. Throws Fault store-unavailable. */
export interface Sockets {
  /** Durable when it returns. */
  put(socket: Socket): Promise<void>
  /** Strongly consistent. null: none, or past its end. */
  get(id: string): Promise<Socket | null>
  /** Nothing happens where there is none. */
  remove(id: string): Promise<void>
  /** One page of all there are, in no order, also those past their end. */
  all(after: string | null): Promise<{ readonly sockets: readonly Socket[]; readonly next: string | null }>
  /**
   * Counts a frame and takes a place for it until `until` (epoch ms; a process that dies frees it so), both atomic whatever number of processes serve this
   * connection. `crowded`: over `perSecond` (`frames` says how many came in this second) or `inFlight`; no place was taken. `gone`: no such connection.
   */
  enter(id: string, frame: string, limits: { readonly perSecond: number; readonly inFlight: number; readonly until: number }): Promise<
    { readonly state: 'gone' } | { readonly state: 'entered' | 'crowded'; readonly socket: Socket; readonly frames: number }>
  /** Gives the place back. false: the connection is gone, and nothing is to be sent to it. */
  leave(id: string, frame: string): Promise<boolean>
  /** This connection wants to hear what becomes of the request; kept until `until` (epoch ms). false: as many as may do so already (16). */
  follow(request: Id<'arq'>, id: string, until: number): Promise<boolean>
  /** Connections that follow, also those that are gone. */
  followers(request: Id<'arq'>): Promise<readonly string[]>
  /** One text frame, at most 128 KB. `gone`: nobody is there any more. Handed over when it returns, which is not to say read. */
  push(id: string, text: string): Promise<'sent' | 'gone'>
  /** Success also where it is closed already. */
  close(id: string): Promise<void>
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
