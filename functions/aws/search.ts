import { createHash } from 'node:crypto'
import { and, desc, eq, gte, inArray, like, lt, type SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { eventAccesses, eventActors, eventRules, events, position } from '../../schema/audit.ts'
import { canonicalJson } from '../../schema/bundle.ts'
import type { Id } from '../../schema/event.ts'
import { firstIdAt, isEventId } from '../../schema/item.ts'
import { CursorError, Fault, type Indexed, type Search, type SearchFilter } from '../ports.ts'
import { indexed } from '../record/row.ts'
import { faultOf, openIndex, shape, type Way } from './shelf.ts'

/** Members of the filter that are a column of the event, one to one. */
const columns = { subject: events.subject, connection: events.connection, kind: events.kind, session: events.session, evaluation: events.evaluation, decision: events.decision } as const

/** Asks the index through Neon's driver, as a role that can only read. */
export function createSearch(way: Way): Search {
  const db = openIndex(way)
  const standing = db.select({ size: position.size, at: position.at, mark: position.mark, opaque: position.opaque }).from(position).where(eq(position.shape, shape()))

  async function find(filter: SearchFilter, { limit, after }: { readonly limit: number; readonly after: string | null }): ReturnType<Search['find']> {
    const binding = createHash('sha256').update(canonicalJson(filter)).digest('base64url').slice(0, 16)
    const below = after === null ? null : readCursor(after, binding)
    const rows = db.select({ id: events.id }).from(events).where(and(...conditionsOf(db, filter), below === null ? undefined : lt(events.id, below))).orderBy(desc(events.id)).limit(limit + 1)
    // Where it stands is read first: what comes in between is then in the page and not yet in the number, never the other way round.
    const [[indexedTo], found] = await asked(() => db.batch([standing, rows]))
    if (indexedTo === undefined) throw notYet
    const ids = found.map(({ id }) => id as Id<'evt'>)
    const last = ids[limit - 1]
    return { ids: ids.slice(0, limit), next: ids.length > limit && last !== undefined ? writeCursor(last, binding) : null, indexedTo }
  }
  const indexedNow = async (): Promise<Indexed | null> => (await asked(() => standing))[0] ?? null
  return { find, indexed: indexedNow }
}

/** No tables, or those of another version: whoever writes it makes it anew. */
const notYet = new Fault('store-unavailable', 'the index is not made yet')
async function asked<T>(query: () => PromiseLike<T>): Promise<T> {
  try {
    return await query()
  } catch (error) {
    throw faultOf(error)
  }
}

function conditionsOf(db: ReturnType<typeof openIndex>, filter: SearchFilter): (SQL | undefined)[] {
  const { from, to, actor, object, action, rule } = filter
  const accessed = [object === undefined ? undefined : textMatch(eventAccesses.object, indexed(object)), action === undefined ? undefined : eq(eventAccesses.action, indexed(action))].filter((part) => part !== undefined)
  return [
    ...Object.entries(columns).map(([name, column]) => {
      const wanted = filter[name as keyof typeof columns]
      return wanted === undefined ? undefined : eq(column, indexed(wanted))
    }),
    from === undefined ? undefined : gte(events.id, firstIdAt(Date.parse(from))),
    to === undefined ? undefined : lt(events.id, firstIdAt(Date.parse(to))),
    actor === undefined ? undefined : inArray(events.id, db.select({ id: eventActors.event }).from(eventActors).where(eq(eventActors.actor, indexed(actor)))),
    // One access that is both: `select` of one table and `insert` into another is no `insert` into the first.
    accessed.length === 0 ? undefined : inArray(events.id, db.select({ id: eventAccesses.event }).from(eventAccesses).where(and(...accessed))),
    rule === undefined ? undefined : inArray(events.id, db.select({ id: eventRules.event }).from(eventRules).where(eq(eventRules.rule, indexed(rule)))),
  ]
}

/** `*` stands for any text; every other character for itself. */
const textMatch = (column: PgColumn, glob: string): SQL => glob.includes('*') ? like(column, glob.replaceAll(/[\\%_]/g, '\\$&').replaceAll(/\*+/g, '%')) : eq(column, glob)

const writeCursor = (id: string, binding: string): string => Buffer.from(`${binding}${id}`).toString('base64url')
function readCursor(cursor: string, binding: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  if (!text.startsWith(binding) || !isEventId(text.slice(16))) throw new CursorError()
  return text.slice(16)
}
