import { createHash } from 'node:crypto'
import { type AccessRequest, answersRepeat, isOpen, resultMs } from '../../schema/approval.ts'
import { canonicalJson } from '../../schema/bundle.ts'
import type { ApprovalEvent, Event, Id } from '../../schema/event.ts'
import { isRequestId, maxGrownRequestBytes, maxRequestBytes, maxResultBytes, requestSeconds } from '../../schema/item.ts'
import { CursorError, Fault, type Ports, type RequestFilter, type Requests } from '../../functions/ports.ts'

/** `not stored`: the call fails and nothing happened. `stored`: it happened, and the answer is lost. */
export type Failing = 'not stored' | 'stored'
export interface MemoryRequests {
  readonly requests: Requests
  /** What is stored, for a test to look at or to damage. */
  readonly stored: Map<Id<'arq'>, AccessRequest>
  /** What stands in the record beside events: by which of them a request began, or ended without. */
  readonly fates: Map<Id<'arq'>, Id<'evt'>>
  /** Makes the next calls fail (`only`: how many) until `heal`. */
  fail(how: Failing, only?: number): void
  heal(): void
}

/**
 * Requests in memory, for the in-process world: `events` is that world's ledger, so that a state and its event are one change here too.
 * test/contract/requests.test.ts judges it by the suite that judges the adapter.
 */
export function createMemoryRequests({ now, events }: { readonly now: () => number; readonly events: Event[] }): MemoryRequests {
  const stored = new Map<Id<'arq'>, AccessRequest>()
  const fates = new Map<Id<'arq'>, Id<'evt'>>()
  const marks = new Map<string, string>()
  const calls = new Map<string, Id<'arq'>>()
  const results = new Map<string, { readonly sealed: Uint8Array; readonly until: number }>()
  let failing: { readonly how: Failing; left: number } | null = null
  const lost = () => new Fault('store-unavailable', 'connect ECONNREFUSED store requests')
  async function attempt<T>(run: () => T): Promise<T> {
    const how = failing !== null && failing.left-- > 0 ? failing.how : null
    if (how === 'not stored') throw lost()
    const answer = run()
    if (how === 'stored') throw lost()
    return answer
  }
  const read = (id: Id<'arq'>): AccessRequest | null => {
    const request = stored.get(id)
    return request && (isOpen(request.status) || endedAt(request) + requestSeconds * 1000 > now()) ? structuredClone(request) : null
  }
  const put = (request: AccessRequest, event: Event | null) => {
    stored.set(request.id, structuredClone(request))
    marks.set(`${request.id} ${request.revision}`, canonicalJson([request, event]))
    if (event) events.push(structuredClone(event))
  }
  const taken = (event: Event) => events.some(({ id }) => id === event.id)

  function create(request: AccessRequest, event: Event, at: number, judged: Id<'arq'> | null): Awaited<ReturnType<Requests['create']>> {
    bounded(request, maxRequestBytes)
    const same = stored.get(request.id)
    if (same && same.digest !== request.digest) throw new Fault('internal', 'another request has this id')
    if (same) return { created: true }
    const holder = calls.get(request.callKey)
    const existing = holder === undefined || holder === judged ? null : read(holder)
    if (existing && answersRepeat(existing, at)) return { created: false, existing }
    if (taken(event)) throw new Fault('internal', 'another event has this id')
    calls.set(request.callKey, request.id)
    put(request, event)
    return { created: true }
  }

  function swap(next: AccessRequest, event: Event | null): boolean {
    bounded(next, maxGrownRequestBytes)
    const current = stored.get(next.id)
    if (!current) return false
    if (current.digest !== next.digest) throw new Fault('internal', 'what people decide on cannot change')
    if (current.revision !== next.revision - 1) return marks.get(`${next.id} ${next.revision}`) === canonicalJson([next, event])
    const seals = event !== null && ['intent', 'rejection', 'cancellation', 'expiry', 'stale'].includes(event.kind)
    if (seals && fates.has(next.id)) return false
    if (event && taken(event)) {
      if (event.kind === 'outcome' || event.kind === 'correction') return false
      throw new Fault('internal', 'another event has this id')
    }
    put(next, event)
    if (seals) fates.set(next.id, event.id)
    return true
  }

  function list(filter: RequestFilter, { limit, after }: Parameters<Requests['list']>[1]): Awaited<ReturnType<Requests['list']>> {
    const binding = `${createHash('sha256').update(canonicalJson(filter)).digest('hex').slice(0, 16)} `
    const below = after === null ? 'arq_~' : after.slice(binding.length)
    if (after !== null && !(after.startsWith(binding) && isRequestId(below))) throw new CursorError()
    const found = [...stored.keys()].filter((id) => id < below).toSorted().toReversed().map(read).filter((request) => request !== null && matches(request, filter)) as AccessRequest[]
    const last = found[limit - 1]
    return { requests: found.slice(0, limit), next: last && found.length > limit ? binding + last.id : null }
  }

  const requests: Requests = {
    create: (request, event, at, judged = null) => attempt(() => create(request, event, at, judged)),
    holder: (callKey) => attempt(() => calls.get(callKey) ?? null),
    get: (id) => attempt(() => read(id)),
    swap: (next, event) => attempt(() => swap(next, event)),
    fate: (id) => attempt(() => fates.get(id) ?? null),
    list: (filter, page) => attempt(() => list(filter, page)),
    keep: (id, sealed) => attempt(() => {
      if (sealed.byteLength > maxResultBytes) throw new Fault('internal', 'a result over 12 MB')
      results.set(id, { sealed: Uint8Array.from(sealed), until: now() + resultMs })
    }),
    kept: (id) => attempt(() => {
      const result = results.get(id)
      return result && result.until > now() ? Uint8Array.from(result.sealed) : null
    }),
  }
  return { requests, stored, fates, fail: (how, only = Infinity) => { failing = { how, left: only } }, heal: () => { failing = null } }
}

const endedAt = ({ ending, bound }: AccessRequest): number => Date.parse(ending?.at ?? bound.expiresAt)
const matches = ({ status, bound }: AccessRequest, filter: RequestFilter): boolean => (filter.status === undefined || status === filter.status)
  && (filter.open === undefined || isOpen(status) === filter.open)
  && (filter.requester === undefined || (bound.issuer === filter.requester.issuer && bound.subject.id === filter.requester.subject))
function bounded(request: AccessRequest, most: number): void {
  if (Buffer.byteLength(JSON.stringify(request)) > most) throw new Fault('internal', `an access request over ${most / 1024} KB`)
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A pending request as the gate would store it; `bound` and the rest may be overridden. */
export function requestOf({ now, id }: Pick<Ports, 'now' | 'id'>, { bound, ...more }: Partial<Omit<AccessRequest, 'bound'>> & { readonly bound?: Partial<AccessRequest['bound']> } = {}): AccessRequest {
  const arq = id('arq')
  return {
    id: arq, status: 'pending', digest: hash(`digest ${arq}`), callKey: hash(`call ${arq}`), createdAt: new Date(now()).toISOString(), evaluation: id('eval'), session: id('ses'), policy: 'p'.repeat(64),
    verdicts: [], told: [], notices: [], execution: null, ending: null, revision: 0, ...more,
    bound: {
      version: 1, issuer: 'local', trust: 'local', subject: { id: 'agent:support-bot', kind: 'agent', groups: ['support-agents'] }, actors: [], claims: {}, connection: 'shop', purpose: 'refund "😀"',
      query: { batch: false, statements: [{ sql: 'INSERT INTO refunds (order_id) VALUES ($1)', params: ['\u0000ä'] }], isolation: 'read committed', reveal: [], rowMode: 'object', maxRows: null },
      accesses: [], shown: [], used: [], obligations: { revealed: [], detect: [], limits: { rows: 1000, bytes: 1_048_576, timeoutMs: 10_000, affected: 100, statementsPerHour: null, rowsPerHour: null } }, demands: [], rules: [], fingerprint: hash('objects'),
      expiresAt: new Date(now() + 30 * 60_000).toISOString(), ...bound,
    },
  }
}

/** The next state of a request, one revision on; an end has its time. */
export function nextOf(request: AccessRequest, status: AccessRequest['status'], at: number, more: Partial<AccessRequest> = {}): AccessRequest {
  const ending = isOpen(status) ? null : { at: new Date(at).toISOString(), refusal: null, rowCounts: [], outcome: null }
  return { ...request, status, ending, revision: request.revision + 1, ...more }
}

/** An event that tells of a request. */
export function approvalEventOf({ now, id }: Pick<Ports, 'now' | 'id'>, request: AccessRequest, kind: ApprovalEvent['kind'] = 'request'): ApprovalEvent {
  return {
    id: id('evt'), at: new Date(now()).toISOString(), evaluation: request.evaluation, session: request.session, connection: request.bound.connection, policy: request.policy, request: request.id, kind, change: { digest: request.digest },
    who: { issuer: request.bound.issuer, subject: request.bound.subject.id, actors: [], groups: [], roles: [] },
  }
}
