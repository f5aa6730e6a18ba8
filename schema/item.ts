import type { Id } from './event.ts'

/**
 * Where everything lies in DynamoDB. Seven tables, because seven roles: policy is replicated and rarely written, audit is never updated or
 * deleted by anyone, state may be forgotten, and requests must never be: a lost one is an approval nobody can account for, so that table alone
 * is backed up like the audit and is written together with it, in one transaction. Its home region is the only one that writes it. Sockets may be
 * lost whole, and hold the sealed tokens of who is connected: only what serves sockets may read them.
 *
 * | table | pk | sk | what | gone after |
 * |---|---|---|---|---|
 * | sluice-policy | `policy` | `pointer` | version, chunks, who applied it, every lock | never |
 * | | `policy#<sha256>` | `0000/0003` | one chunk of that version's canonical JSON, ≤ 300 KB, and its SHA-256 | never |
 * | sluice-audit | `2026-11-22#a` | `evt_…` | one event as JSON, and what a list filters by | never |
 * | | `days` | `2026-11-22` | a day that has events, written before its first one | never |
 * | | `fate#a` | `arq_…` | the event by which that request began to execute, or ended without (rejected, cancelled, expired, stale, failed), written with it: whatever its own table is put back to, it does not begin after that | never |
 * | sluice-state | `idempotency#<sha256>` | | body digest, evaluation, answer | 24 h |
 * | | `meter#<sha256>#<hour>` | | units taken in that hour | 2 h after it |
 * | | `sweep` | | how far every intent is settled | never |
 * | | `task#arq_…` | | task tokens of the request's wait, as they must be sent back: whoever has one can end the wait and nothing else | 366 days, or with the wait |
 * | | `cut#<HMAC-SHA-256>` | | of an errand to a private network: that it must end, and why; its name is a MAC that only the errand's two ends can make | 20 min |
 * | sluice-requests | `arq_…` | | one access request as JSON; its revision, status, state (`open`, `ended`), requester, and a mark for each write it had | 30 days after its end |
 * | | `call#<callKey>` | | the request this call leads to; whether it still does is told by that request | 30 days after the request would have expired |
 * | | `result#arq_…` | | the sealed answer's first piece, how many there are, SHA-256 of the whole; written last | 24 h |
 * | | `result#arq_…#<sha256>#0001` | | a further piece of it, ≤ 300 KB | 24 h |
 * | sluice-log | `head` | | where the Merkle log stands: the row every sequencer swaps | never |
 * | | `published` | | the checkpoint readers get | never |
 * | | `evt_…` | | the event's index in the log; written once, and made again from the log where it is lost | never |
 * | sluice-keys | `2026-11-22` | sheet | the keys of content that a process took at once, an attribute a slot; destroyed one by one, or the sheet whole. No backup, no point-in-time recovery, no stream and no replica: what is destroyed must be gone | erased, or retention |
 * | sluice-sockets | `socket#<shard>` | connection id | one open WebSocket: whose, its sealed token, calls in flight | at its end |
 * | | `follow#arq_…` | connection id | that connection wants to hear what becomes of the request | at the connection's end |
 *
 * Indexes of sluice-requests, keys and status only, because what they find is then read from the table itself: `byRequester` (requester,
 * newest first) and `byState` (open and ended ones, newest first). Only requests have those attributes, so only requests are in them.
 *
 * Hashed, because they are long, or secret, or would join two fields ambiguously: the idempotency key with subject, actors, issuer and
 * connection; the request body; a meter's subject and connection; a requester's issuer and subject. Not hashed: ids, times, and what the record is for.
 */
export const tables = {
  policy: { name: 'sluice-policy', sortKey: true, ttl: null, indexes: [] },
  audit: { name: 'sluice-audit', sortKey: true, ttl: null, indexes: [] },
  state: { name: 'sluice-state', sortKey: false, ttl: 'expires', indexes: [] },
  requests: {
    name: 'sluice-requests', sortKey: false, ttl: 'expires',
    indexes: [{ name: 'byRequester', hash: 'requester', range: 'pk', include: ['state', 'status'] }, { name: 'byState', hash: 'state', range: 'pk', include: ['status'] }],
  },
  /** Written by the sequencer alone: whoever moves the head decides what the log says next. */
  log: { name: 'sluice-log', sortKey: false, ttl: null, indexes: [] },
  /** Never backed up, never recovered, never replicated: a copy would outlive what erasure destroys here. */
  keys: { name: 'sluice-keys', sortKey: true, ttl: null, indexes: [] },
  sockets: { name: 'sluice-sockets', sortKey: true, ttl: 'expires', indexes: [] },
} as const

/** Bytes of UTF-8. DynamoDB takes 400 KB an item, attribute names and all. */
/** Of an event before its content is sealed, which makes a third more of it in base64: then `maxSealedBytes`. */
export const maxEventBytes = 288 * 1024
export const maxSealedBytes = 395 * 1024
export const maxChunkBytes = 300 * 1024
export const maxAnswerBytes = 300 * 1024
export const maxLocks = 500
/** A new request, and one that has grown by verdicts and notices: whoever decides must find room for it. */
export const maxRequestBytes = 300 * 1024
export const maxGrownRequestBytes = 380 * 1024
export const maxResultBytes = 12 * 1024 * 1024
/** Kept so long after its end. */
export const requestSeconds = 30 * 24 * 3600

/** Partitions a day: one takes 1 000 write units a second, a request writes about three. */
export const shards = '0123456789abcdef'

const symbols = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const eventId = /^evt_[0-7][0-9A-HJKMNP-TV-Z]{25}$/
const requestId = /^arq_[0-7][0-9A-HJKMNP-TV-Z]{25}$/

export const isEventId = (id: unknown): id is Id<'evt'> => typeof id === 'string' && eventId.test(id)          // a regular expression takes an array of one for its text
/** Asked before an id becomes a key: in a table of several kinds of items, another text would read another kind. */
export const isRequestId = (id: string): id is Id<'arq'> => requestId.test(id)

/** The key of an event, from its id alone. Throws RangeError for what is not one of our ids. */
export function eventKey(id: string): { readonly pk: string; readonly sk: string } {
  return { pk: `${dayOf(id)}#${shards.charAt(symbols.indexOf(id.charAt(28)) % shards.length)}`, sk: id }
}

/** Where it is said what a request came to, from its id alone. */
export const fateKey = (request: string): { readonly pk: string; readonly sk: string } => ({ pk: `fate#${shards.charAt(symbols.indexOf(request.charAt(28)) % shards.length)}`, sk: request })

/** Epoch ms an event id carries. An outcome carries its intent's. Throws RangeError for what is not one of our ids. */
export const timeOf = (id: string): number => momentOf(id).at
export const dayOf = (id: string): string => momentOf(id).day

/** The last one read: the ids of one request, and of one millisecond, share their time. */
let moment = { text: '', at: 0, day: '' }
function momentOf(id: string): typeof moment {
  if (!isEventId(id)) throw new RangeError('not an event id of ours')
  const text = id.slice(4, 14)
  if (text === moment.text) return moment
  let at = 0
  for (const symbol of text) at = at * 32 + symbols.indexOf(symbol)
  const start = at - at % 86_400_000
  const day = start === moment.at - moment.at % 86_400_000 && moment.text !== '' ? moment.day : new Date(at).toISOString().slice(0, 10)
  moment = { text, at, day }
  return moment
}

/** The smallest event id of a millisecond: everything with an earlier time sorts before it, everything later after. */
export function firstIdAt(at: number): Id<'evt'> {
  if (Number.isNaN(at)) throw new RangeError('not a time')
  let text = ''
  for (let i = 0, rest = Math.min(2 ** 48 - 1, Math.max(0, Math.floor(at))); i < 10; i++, rest = Math.floor(rest / 32)) text = symbols.charAt(rest % 32) + text
  return `evt_${text}0000000000000000`
}

/**
 * The one outcome an intent can have: its id with `1` as last symbol. At most one exists by the same condition that makes every event
 * append-only, it lies beside its intent, and both ids give their key. `n` from 1: the n-th correction of it, `2` to `Z`.
 */
export const outcomeId = (intent: Id<'evt'>): Id<'evt'> => sibling(intent, 1)
export const correctionId = (intent: Id<'evt'>, n: number): Id<'evt'> => sibling(intent, 1 + n)

/** Corrections that one intent can have, by the symbols there are. */
export const mostCorrections = symbols.length - 2
export const isIntentId = (id: unknown): id is Id<'evt'> => isEventId(id) && id.endsWith('0')

function sibling(intent: Id<'evt'>, n: number): Id<'evt'> {
  const symbol = symbols[n]
  if (!isEventId(intent) || !intent.endsWith('0') || symbol === undefined) throw new RangeError('an intent id ends in `0`; make ids with createIds')
  return `evt_${intent.slice(4, -1)}${symbol}`
}
