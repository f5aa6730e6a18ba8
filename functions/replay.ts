import type { AccessRequest } from '../schema/approval.ts'
import type { Event, Id } from '../schema/event.ts'
import { isRequestId } from '../schema/item.ts'
import { ok, refuse, type Result } from '../schema/refusal.ts'
import { told, type Step, type ToldRequest } from '../schema/told.ts'
import { abreast } from './abreast.ts'
import type { Reply } from './door.ts'
import type { Door, Own } from './own.ts'
import { CursorError, Damage, type Ports } from './ports.ts'
import { stepsOf } from './record/export/steps.ts'
import { createSessionPages } from './session.ts'

export const sessionFilters = ['limit', 'after'] as const
/** A part of a session: events and bytes of them, at most about that much; the stored pages one call looks through, and how long. Without an index a session of long ago is looked for among all that came since. */
const most = { usual: 500, events: 1000, bytes: 4 * 1024 * 1024, pages: 80, ms: 10_000 }
const pageEvents = 25
/** Requests of one part whose people's words are looked up. */
const maxRequests = 200
/** A session's id carries when it began; another process's clock may have been a little behind. */
const skewMs = 60_000

/** `events` in order, the newest part of the session first; `next` continues with the part before it, and is null where it begins. */
export interface Session { readonly session: string; readonly events: readonly Event[]; readonly requests: readonly ToldRequest[]; readonly next: string | null; /** In the log, and no longer in the record. */ readonly missing?: readonly Id<'evt'>[]; /** Of events and requests: under which nothing can be read. */ readonly damaged?: readonly string[] }

/** One session whole, whoever's it is, for those whom a rule lets read the audit. Recorded before it is shown; for everybody else there is nothing to see. */
export function createReplay(ports: Ports, own: Own) {
  const pages = createSessionPages(ports)
  const session = (door: Door, id: string, search: Readonly<Partial<Record<(typeof sessionFilters)[number], string>>>): Promise<Reply<Session>> =>
    own.permitted(door, [{ action: 'read', resource: 'audit' }], async (_, story) => {
      const limit = search.limit === undefined ? most.usual : /^[1-9]\d{0,3}$/.test(search.limit) ? Number(search.limit) : 0
      if (limit < 1 || limit > most.events) return invalid('limit', `\`limit\` must be a whole number from 1 to ${most.events}`)
      if (search.after !== undefined && (search.after.length === 0 || search.after.length > 2000)) return invalid('cursor', '`after` is not a cursor')
      if (!isSessionId(id)) return noSession
      const noticed = await story.notice('audit-read', { session: id, limit, ...(search.after === undefined ? {} : { after: search.after }) })
      if (!noticed.ok) return noticed
      const part = await collect(id, limit, search.after ?? null)
      if (!part.ok) return part
      const { events, next, missing, damaged } = part.value
      if (events.length === 0 && missing.length === 0 && damaged.length === 0 && next === null && search.after === undefined) return noSession
      const requests = await requestsOf(events)
      const broken = [...damaged, ...requests.damaged]
      return ok({ session: id, events: events.toReversed(), requests: requests.found, next, ...(missing.length === 0 ? {} : { missing }), ...(broken.length === 0 ? {} : { damaged: broken }) })
    })

  /** The same as the console's page shows it. */
  const steps = async (door: Door, id: string, search: { readonly after?: string }): Promise<Reply<Omit<Session, 'events' | 'requests'> & { readonly steps: readonly Step[] }>> => {
    const { result, ...reply } = await session(door, id, { ...search, limit: '50' })
    if (!result.ok) return { ...reply, result }
    const { events, requests, ...rest } = result.value
    return { ...reply, result: ok({ ...rest, steps: stepsOf(events.map((event) => told.parse(event)), requests) }) }
  }
  return { session, steps }

  /** Newest first, until there is enough of it: large events make a short part, never a large answer. */
  async function collect(id: string, limit: number, after: string | null): Promise<Result<{ readonly events: readonly Event[]; readonly next: string | null; readonly missing: readonly Id<'evt'>[]; readonly damaged: readonly string[] }>> {
    const filter = { session: id, from: new Date(Math.max(0, startOf(id) - skewMs)).toISOString() }
    const events: Event[] = []
    const missing: Id<'evt'>[] = []
    const damaged: string[] = []
    const until = ports.now() + most.ms
    let [next, bytes] = [after, 0]
    try {
      for (let page = 0; page < most.pages && events.length + damaged.length < limit && bytes < most.bytes && ports.now() < until; page++) {
        const found = await pages(filter, { limit: Math.min(pageEvents, limit - events.length - damaged.length), after: next })
        // Whoever wrote over one may have left JSON there that names it, and is no event: it is as little to be read, and no reader of the rest is to fall over it.
        for (const event of found.events) if (told.safeParse(event).success) events.push(event); else damaged.push(event.id)
        missing.push(...found.missing ?? [])
        damaged.push(...found.damaged ?? [])
        bytes += found.events.reduce((sum, event) => sum + JSON.stringify(event).length, 0)
        next = found.next
        if (next === null) break
      }
    } catch (error) {
      if (error instanceof CursorError) return invalid('cursor', '`after` is not a cursor of this session; give `next` of the part before')
      throw error
    }
    return ok({ events, next, missing, damaged })
  }

  /** Who decided is in the deciders' own sessions; the requests themselves have their words. One that is forgotten after its time is left out. */
  async function requestsOf(events: readonly Event[]): Promise<{ readonly found: readonly ToldRequest[]; readonly damaged: readonly string[] }> {
    const ids = [...new Set(events.flatMap(({ request }) => request ?? []))].filter(isRequestId).slice(0, maxRequests)
    const damaged: string[] = []
    const found = await abreast(ids, async (id) => {
      try {
        const request = await ports.approvals?.requests.get(id)
        return request ? [toldOf(request)] : []
      } catch (error) {
        if (!(error instanceof Damage)) throw error
        damaged.push(id)
        return []
      }
    })
    return { found: found.flat(), damaged }
  }
}

const toldOf = ({ id, status, digest, createdAt, bound, verdicts, ending }: AccessRequest): ToldRequest => ({
  id, status, digest, createdAt, expiresAt: bound.expiresAt, requester: bound.subject.id, demands: bound.demands.map(({ by, quorum, rule }) => ({ by, quorum, rule })),
  verdicts: verdicts.map(({ decision, subject, at, signedInAt, reason }) => ({ decision, subject, at, signedInAt, reason })),
  ending: ending && { at: ending.at, reason: ending.refusal?.reason ?? null, outcome: ending.outcome },
})

const symbols = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const startOf = (id: string): number => [...id.slice(4, 14)].reduce((at, symbol) => at * 32 + symbols.indexOf(symbol), 0)
const isSessionId = (id: string): id is Id<'ses'> => /^ses_[0-7][0-9A-HJKMNP-TV-Z]{25}[A-Za-z0-9_-]{0,64}$/.test(id)
const noSession = refuse({ slug: 'not-found', reason: 'no_session', next: 'fix', detail: 'there is no event of such a session' })
const invalid = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
