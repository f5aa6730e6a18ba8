import type { Event, Id } from '../schema/event.ts'
import { ok, refuse, type Refusal, type Result } from '../schema/refusal.ts'
import type { Door, Own } from './own.ts'
import { createFinder, type Found } from './finder.ts'
import { CursorError, Damage, Fault, type Ports, type SearchFilter } from './ports.ts'

const filters = ['from', 'to', 'subject', 'actor', 'connection', 'kind', 'session', 'evaluation', 'object', 'action', 'decision', 'rule', 'limit', 'after', 'export'] as const
/** What the ledger's own lists cannot answer: asked of the index, which follows the log. Everything else is answered by the ledger, strongly consistent. */
const indexOnly = ['object', 'action', 'decision', 'rule'] as const
const decisions = ['permit', 'deny', 'ask', 'succeeded', 'failed', 'unknown']
type Filters = Readonly<Partial<Record<(typeof filters)[number], string>>>
const kinds = Object.keys({
  intent: 0, outcome: 0, correction: 0, refusal: 0, policy: 0, lock: 0, 'audit-read': 0, explain: 0, repeat: 0, stream: 0, output: 0, start: 0, unauthenticated: 0, heartbeat: 0, writer: 0, void: 0, 'log-key': 0, 'sign-in': 0, erasure: 0, prune: 0,
  request: 0, approval: 0, rejection: 0, cancellation: 0, expiry: 0, stale: 0,
} satisfies Record<Event['kind'], 0>)
const pageLength = { usual: 50, most: 200 }
const reading = [{ action: 'read', resource: 'audit' }] as const

/** The record, for those whom a rule lets read it. Reading is recorded first: what could not be recorded is not shown. */
export function createAudit(ports: Ports, own: Own) {
  const find = createFinder(ports)

  const list = (door: Door, search: Filters) => own.permitted(door, reading, async (_, story) => {
    const page = readPage(search)
    if (!page.ok) return page
    const { filter, limit, after, taking } = page.value
    const noticed = await story.notice('audit-read', { ...filter, limit, ...(after === null ? {} : { after }), ...(taking === null ? {} : { export: taking }) })
    if (!noticed.ok) return noticed
    try {
      const found: Result<Awaited<ReturnType<Ports['ledger']['list']>>> = indexOnly.some((name) => filter[name] !== undefined) ? await lookUp(filter, { limit, after }) : ok(await ports.ledger.list(filter, { limit, after }))
      if (!found.ok || taking === null) return found
      return ok({ ...found.value, log: await placesIn(ports.log, found.value.events) })
    } catch (error) {
      if (error instanceof CursorError) return invalid('cursor', '`after` is not a cursor of this filter; give `next` of the page before, with the same filters')
      throw error
    }
  })

  async function lookUp(filter: SearchFilter, page: { readonly limit: number; readonly after: string | null }): Promise<Result<Found>> {
    if (find === null) return noIndex
    try {
      const { mark: _, ...found } = await find(filter, page)
      return ok(found)
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'store-unavailable') throw error
      ports.alarm('the index of the log does not answer', { error: error.message })
      return refuse({ ...unanswered, inner: error.message })
    }
  }

  const show = (door: Door, id: string) => own.permitted(door, reading, async (_, story) => {
    if (!isEventId(id)) return notFound
    const noticed = await story.notice('audit-read', { event: id })
    if (!noticed.ok) return noticed
    try {
      const event = await ports.ledger.get(id)
      return event === null ? notFound : ok({ event })
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      return refuse({ ...damaged(id, await entryOf(id)), inner: error.message })
    }
  })
  /** Which entry of the log it is; null: none, or nobody can say now. */
  const entryOf = async (id: Id<'evt'>): Promise<number | null> => (await ports.log?.store.where([id]).catch(() => null))?.get(id) ?? null
  return { filters, list, show }
}

function readPage(search: Filters): Result<{ readonly filter: SearchFilter; readonly limit: number; readonly after: string | null; readonly taking: string | null }> {
  const { limit, after, export: taking, ...given } = search
  const filter: { from?: string; to?: string; subject?: string; actor?: string; connection?: string; kind?: string; session?: string; evaluation?: string; object?: string; action?: string; decision?: string; rule?: string } = { ...given }
  for (const edge of ['from', 'to'] as const) {
    const text = filter[edge]
    if (text === undefined) continue
    const at = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? new Date(text) : null
    if (at === null || Number.isNaN(at.getTime())) return invalid('time', `\`${edge}\` must be ISO 8601 with a zone, such as \`2026-11-22T09:00:00Z\`, or a date`)
    filter[edge] = at.toISOString()
  }
  if (filter.kind !== undefined && !kinds.includes(filter.kind)) return invalid('kind', `\`kind\` must be one of ${kinds.map((kind) => `\`${kind}\``).join(', ')}`)
  if (filter.decision !== undefined && !decisions.includes(filter.decision)) return invalid('decision', `\`decision\` must be one of ${decisions.map((name) => `\`${name}\``).join(', ')}`)
  for (const [name, text] of Object.entries(filter)) if (text.length === 0 || text.length > 300) return invalid('filter', `\`${name}\` must have 1 to 300 characters`)
  if (limit !== undefined && !(/^\d{1,3}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= pageLength.most)) return invalid('limit', `\`limit\` must be a whole number from 1 to ${pageLength.most}`)
  if (after !== undefined && (after.length === 0 || after.length > 2000)) return invalid('cursor', '`after` is not a cursor')
  if (taking !== undefined && taking !== 'ndjson' && taking !== 'ocsf') return invalid('export', '`export` is `ndjson` or `ocsf`: what the page becomes a part of')
  return ok({ filter, taking: taking ?? null, limit: limit === undefined ? pageLength.usual : Number(limit), after: after ?? null })
}

/** What an exported page belongs to: the newest checkpoint, and where in the log each of its events is that is there already. */
async function placesIn(log: Ports['log'], events: readonly Event[]): Promise<{ readonly checkpoint: string; readonly places: Readonly<Record<string, number>> } | null> {
  const places = await log?.store.where(events.map(({ id }) => id)) ?? new Map<string, number>()
  const published = await log?.store.published() ?? null             // after the places: it covers them, or leaves some out, which are then not told
  return published && { checkpoint: published.checkpoint, places: Object.fromEntries([...places].filter(([, index]) => index < published.size)) }
}

const unanswered: Refusal = { slug: 'audit-unavailable', reason: 'index_unavailable', next: 'retry', retryAfterSeconds: 5, detail: '`object`, `action`, `decision` and `rule` are answered by the index of the log, which does not answer now; send the same call again in a few seconds, or ask without them' }
const noIndex = refuse({ slug: 'audit-unavailable', reason: 'no_index', next: 'fix', detail: 'this gate keeps no index of its log, which alone can answer `object`, `action`, `decision` and `rule`; ask without them' })
/** Neither missing nor out of reach: it stays so, and whoever asks is to know. */
const damaged = (id: Id<'evt'>, entry: number | null): Refusal => ({
  slug: 'audit-unavailable', reason: 'event_damaged', next: 'none',
  detail: `what lies in the record under \`${id}\` is no event of the gate's, so somebody who is not the gate wrote over it; ${entry === null ? 'what came into the log before that' : `entry ${entry} of the log`} is as it was stored: \`sluice audit export --log DIR\``,
})
const isEventId = (id: string): id is `evt_${string}` => /^evt_[0-9A-HJKMNP-TV-Z]{26}$/.test(id)
const notFound = refuse({ slug: 'not-found', reason: 'no_event', next: 'fix', detail: 'there is no such event' })
const invalid = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
