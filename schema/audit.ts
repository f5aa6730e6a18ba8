import { bigint, boolean, check, customType, index, integer, pgSchema, primaryKey } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'

/**
 * The index of the log in PostgreSQL: what one can ask for, and nothing else. It holds no statement, parameter, purpose or result: whoever reads the index alone learns who
 * touched what and when. It is made from the log and thrown away at will, so its only migration is to be made anew (schema/audit.sql, aws/search.ts).
 *
 * Ids carry their time in their first symbols, so that (filter, id) is (filter, time, id), in the order and with the meaning of the ledger's lists. Compared by bytes: a
 * database of another collation would order them otherwise than a cursor does. No foreign keys: all of an event's rows come in one statement, and none is ever changed.
 */
const text = customType<{ data: string; driverData: string }>({ dataType: () => 'text collate "C"' })
const schema = pgSchema('audit')

/** Where the index stands: one row, and every writer's compare-and-swap. */
export const position = schema.table('position', {
  only: boolean('only').primaryKey().default(true),
  /** SHA-256 of the shape these tables have. */
  shape: text('shape').notNull(),
  /** Entries of the log that are in here, and base64 of the root of just those. */
  size: bigint('size', { mode: 'number' }).notNull(),
  root: text('root').notNull(),
  /** Epoch ms: when the log was read for them; and up to when every event is among them (ports.ts, Head). */
  at: bigint('at', { mode: 'number' }).notNull(),
  mark: bigint('mark', { mode: 'number' }).notNull(),
  /** Events that lie in the log by their digest and that nobody could give whole: only their ids, kinds and times can be asked for. */
  opaque: integer('opaque').notNull(),
}, (table) => [check('position_only', sql`${sql.identifier(table.only.name)}`), check('position_size', sql`${sql.identifier(table.size.name)} >= 0`)])

export const events = schema.table('events', {
  id: text('id').primaryKey(),
  index: bigint('index', { mode: 'number' }).notNull(),
  /** ISO 8601, as it was recorded. */
  at: text('at').notNull(),
  kind: text('kind').notNull(),
  evaluation: text('evaluation'),
  session: text('session'),
  subject: text('subject'),
  connection: text('connection'),
  /** permit, deny or ask; of an outcome succeeded, failed or unknown. */
  decision: text('decision'),
  policy: text('policy'),
  request: text('request'),
  /** Of an outcome or a correction. */
  intent: text('intent'),
  opaque: boolean('opaque').notNull(),
}, (table) => [
  index('events_index').on(table.index), index('events_kind').on(table.kind, table.id), index('events_evaluation').on(table.evaluation, table.id), index('events_session').on(table.session, table.id),
  index('events_subject').on(table.subject, table.id), index('events_connection').on(table.connection, table.id), index('events_decision').on(table.decision, table.id),
])

export const eventActors = schema.table('event_actors', { event: text('event').notNull(), actor: text('actor').notNull() },
  (table) => [primaryKey({ columns: [table.event, table.actor] }), index('event_actors_actor').on(table.actor, table.event)])

/** What an event was about. An outcome has its intent's, so that one can ask what became of a table. */
export const eventAccesses = schema.table('event_accesses', { event: text('event').notNull(), action: text('action').notNull(), object: text('object').notNull() },
  (table) => [primaryKey({ columns: [table.event, table.action, table.object] }), index('event_accesses_object').on(table.object, table.event), index('event_accesses_action').on(table.action, table.event)])

/** Rules that took part in the decision; an outcome has its intent's. */
export const eventRules = schema.table('event_rules', { event: text('event').notNull(), rule: text('rule').notNull() },
  (table) => [primaryKey({ columns: [table.event, table.rule] }), index('event_rules_rule').on(table.rule, table.event)])

/** One event as the index of the log has it: who, what, when and the decision, and none of its content. */
export interface Row {
  readonly id: string
  /** Its place in the log. */
  readonly index: number
  readonly at: string
  readonly kind: string
  readonly evaluation: string | null
  readonly session: string | null
  readonly subject: string | null
  readonly connection: string | null
  readonly decision: string | null
  readonly policy: string | null
  readonly request: string | null
  /** Of an outcome or a correction: what was accessed, and by which rules, is its intent's. */
  readonly intent: string | null
  readonly actors: readonly string[]
  readonly accesses: readonly { readonly action: string; readonly object: string }[]
  readonly rules: readonly string[]
  /** Only its digest is at hand, so only what stands here can be asked for. */
  readonly opaque: boolean
}
