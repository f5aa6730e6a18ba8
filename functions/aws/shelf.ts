import { createHash } from 'node:crypto'
import { getTableColumns, sql, type SQL } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/neon-http'
import { eventAccesses, eventActors, eventRules, events, position, type Row } from '../../schema/audit.ts'
import { auditSql } from '../../schema/ddl.ts'
import { Fault, type Shelf, type Shelved } from '../ports.ts'
import { openNeon } from '../protocol/postgres/neon.ts'
import type { Endpoint } from '../protocol/postgres/transport.ts'

/** Where the index is: a connection string that no secret of a connection names, and the endpoint that carries it where that is not Neon's own. */
export interface Way { readonly url: string; readonly endpoint: Endpoint | null; /** Of one call; left out: 10 s. */ readonly timeoutMs?: number }
/** The endpoint's own bound. */
const maxBytes = 10 * 1024 * 1024
/** The server looks at its statistics by itself too, but a minute later. */
const manyRows = 5000
/** Any number that only we use: two that make the tables wait for each other. */
const making = 7_305_182_113

export const openIndex = ({ url, endpoint, timeoutMs = 10_000 }: Way) => drizzle({ client: openNeon(url, endpoint, { maxBytes, timeoutMs }) })
/** Tables of another shape are not ours to read. */
export const shape = (): string => createHash('sha256').update(auditSql()).digest('hex')

/** No word of the database's goes on: it may quote a row. */
export function faultOf(error: unknown): unknown {
  if (error instanceof Fault) return error
  const code = codeOf(error)
  if (code === '23505') return new Fault('internal', 'an event is in the log twice', { cause: error })
  return new Fault('store-unavailable', code === '42P01' || code === '3F000' ? 'the index is not made yet' : code === '57014' ? 'the index took too long' : 'the index does not answer', { cause: error })
}
function codeOf(error: unknown): string {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) if ('code' in at && typeof at.code === 'string' && at.code !== '') return at.code
  return ''
}

/** Writes the index through Neon's driver: each call one statement, which is one transaction. */
export function createShelf(way: Way): Shelf {
  const db = openIndex(way)
  let unknown = 0

  async function open(): Promise<Shelved> {
    const there = await standing().catch((error: unknown) => {
      if (codeOf(error) === '42P01' || codeOf(error) === '3F000') return null
      throw faultOf(error)
    })
    if (there !== null) return there
    await run(madeAnew())
    return await standing().catch((error: unknown) => { throw faultOf(error) }) ?? fail()
  }

  /** null: of another shape. */
  async function standing(): Promise<Shelved | null> {
    const [row] = await db.select().from(position)
    if (row === undefined || row.shape !== shape()) return null
    const { size, root, at, mark, opaque } = row
    return { size, root, at, mark, opaque }
  }

  /**
   * Everything in one statement whose first part moves the position, and only from where it is thought to be: of two writers that meet, one waits for the row, finds it moved, and
   * adds nothing. The rows come as one parameter, so that no number of them meets a bound of the protocol.
   */
  async function add(rows: readonly Row[], over: Shelved, to: Shelved, until: number): Promise<boolean> {
    const given = JSON.stringify(rows.map(({ actors, accesses, rules, ...event }) => ({ ...event, actors, accesses, rules })))
    const { rows: [moved] } = await run(sql`
      with moved as (update ${position} set ${set({ size: to.size, root: to.root, at: to.at, mark: to.mark, opaque: to.opaque })} where ${position.size} = ${over.size} and ${position.root} = ${over.root} and ${position.shape} = ${shape()} returning 1),
      gone as (delete from ${events} using moved where ${events.index} < ${until} returning id),
      gone_actors as (delete from ${eventActors} using gone where event = gone.id),
      gone_accesses as (delete from ${eventAccesses} using gone where event = gone.id),
      gone_rules as (delete from ${eventRules} using gone where event = gone.id),
      given as (select line, r.* from moved, jsonb_array_elements(${given}::jsonb) as line, jsonb_to_record(line) as r(${defined(getTableColumns(events))})),
      told as (insert into ${events} (${named(events)}) select ${named(events)} from given),
      actors as (insert into ${eventActors} (event, actor) select given.id, actor from given, jsonb_array_elements_text(line -> 'actors') as actor),
      intents as (select given.id, given.intent, coalesce(same.line, 'null'::jsonb) as line from given left join given as same on same.id = given.intent where given.intent is not null),
      accesses as (insert into ${eventAccesses} (event, action, object)
        select given.id, one ->> 'action', one ->> 'object' from given, jsonb_array_elements(line -> 'accesses') as one
        union select intents.id, one ->> 'action', one ->> 'object' from intents, jsonb_path_query(line, '$.accesses[*]') as one
        union select intents.id, action, object from intents join ${eventAccesses} as earlier on earlier.event = intents.intent),
      rules as (insert into ${eventRules} (event, rule)
        select given.id, rule from given, jsonb_array_elements_text(line -> 'rules') as rule
        union select intents.id, one #>> '{}' from intents, jsonb_path_query(line, '$.rules[*]') as one
        union select intents.id, rule from intents join ${eventRules} as earlier on earlier.event = intents.intent)
      select count(*)::int as moved from moved`)
    if (Number(moved?.['moved']) !== 1) return false
    unknown += rows.length
    if (unknown >= Math.max(manyRows, to.size / 10)) await learn()
    return true
  }

  /** What the planner knows of the rows: without it the most common object is looked for by reading everything about it. Of no weight for what is true, so a failure is none. */
  async function learn(): Promise<void> {
    unknown = 0
    await run(sql`analyze ${events}, ${eventActors}, ${eventAccesses}, ${eventRules}`).catch(() => {})
  }

  async function run(statement: SQL) {
    try {
      return await db.execute(statement)
    } catch (error) {
      throw faultOf(error)
    }
  }
  return { open, add, clear: async () => { await run(sql`drop schema if exists audit cascade`) } }
}

const fail = (): never => { throw new Fault('store-unavailable', 'the index is not made yet') }
const named = (table: typeof events): SQL => sql.join(Object.values(getTableColumns(table)).map(({ name }) => sql.identifier(name)), sql`, `)
const defined = (columns: ReturnType<typeof getTableColumns<typeof events>>): SQL => sql.join(Object.values(columns).map((column) => sql`${sql.identifier(column.name)} ${sql.raw(column.getSQLType())}`), sql`, `)
const set = (values: Readonly<Record<string, string | number>>): SQL => sql.join(Object.entries(values).map(([name, value]) => sql`${sql.identifier(name)} = ${value}`), sql`, `)

/** Looks again once it has the lock, so that of two who find nothing, or another shape, one makes it and the other finds it made. One transaction: half a shape is never there. */
const madeAnew = (): SQL => sql.raw(`do $make$
declare there text;
begin
  perform pg_advisory_xact_lock(${making});
  if to_regclass('audit.position') is not null then execute 'select shape from audit.position' into there; end if;
  if there is not distinct from '${shape()}' then return; end if;
  drop schema if exists audit cascade;
  ${auditSql().trimEnd().split('\n').map((line) => `execute $sql$${line}$sql$;`).join('\n  ')}
  execute $sql$insert into audit.position (shape, size, root, at, mark, opaque) values ('${shape()}', 0, '${emptyRoot}', 0, 0, 0)$sql$;
end $make$`)
/** Of a tree without entries: SHA-256 of nothing. */
const emptyRoot = createHash('sha256').digest('base64')
