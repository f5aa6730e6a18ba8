import type { Shown } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Param, Query, Seen, Statement as Asked } from '../../../schema/request.ts'
import { ok, refuse, type Result } from '../../../schema/refusal.ts'
import { Fault } from '../../ports.ts'
import { boundBy, eachStatement, type Facts as Common, type Untold } from '../facts.ts'
import { Kept } from '../kept.ts'
import type { Plan } from '../protocol.ts'
import { createReadings } from '../reading.ts'
import { Refused } from '../refused.ts'
import type { Parsed, Statement } from './ast.ts'
import { readCatalog, readServer, type Catalog, type Relation, type SnapshotRow } from './catalog.ts'
import { createClasses, type Classes } from './classes.ts'
import { Findings, type Frame } from './effects.ts'
import { assemble } from './assemble.ts'
import type { Analysis } from './expression.ts'
import { parse } from './parse.ts'
import type { MySqlPlan, Output, PlannedStatement, Reached } from './plan.ts'
import { heldIn } from './relation.ts'
import { rewrite } from './rewrite.ts'
import { query as subquery } from './select.ts'
import { serverQuery, snapshotQueries } from './snapshot.ts'
import { analyse } from './statement.ts'
import { totalled } from './total.ts'

/**
 * Statement → effects, before anything runs. Receives the connection's document and the query; proves, against the target's catalog, every object the statement reaches and where each classified column goes;
 * refuses what it cannot prove. Facts of a statement are kept by its exact text, the catalog's fingerprint and what the document says of classes and masks: parameters are values and change none of them.
 */
export interface Classifier {
  classify(connection: ConnectionDocument, query: Query): Promise<Result<Plan & { readonly plan: MySqlPlan }>>
  /** `maxAgeMs`: read again when it was read longer ago; 0 reads it now. Left out: as it is, because a plan is compared with the target before it runs. */
  catalog(connection: ConnectionDocument, maxAgeMs?: number): Promise<Catalog>
  /** Drops what is known of a connection's target: it changed under a plan. */
  forget(connection: string): void
}
export interface Reader {
  /** Runs a catalog query as the connection's read account; rows as objects of text, under the lower-case names the query gives its columns. Throws when the target cannot be reached. */
  readonly read: (connection: ConnectionDocument, sql: string) => Promise<readonly SnapshotRow[]>
  readonly now: () => number
}

/** What is known of one target under one reading of its document. */
interface Known { readonly catalog: Catalog; readonly classes: Classes; readonly views: ReadonlyMap<Relation, Statement | null>; readonly facts: Kept<Facts> }
/** `tree`: as it was understood, with its parameters still in it. */
export interface Facts extends Common, Untold {
  readonly plain: boolean; readonly reached: readonly Reached[]
  readonly kind: PlannedStatement['kind']; readonly tree: Statement; readonly outputs: readonly Output[] | null; readonly capped: boolean; readonly answer?: PlannedStatement['answer']
  /** What stands for the definitions of all it reaches: the objects, and `schema.name digest` of each. */
  readonly objects: readonly { readonly schema: string; readonly name: string; readonly routine: boolean; readonly rows: readonly (readonly [string, string])[]; readonly print: string }[]
  readonly counted?: boolean
  /** It depends on what the caller may see. */
  readonly wants?: boolean
}

export function createClassifier({ read, now }: Reader): Classifier {
  const readings = createReadings(load, now)

  async function load(connection: ConnectionDocument): Promise<Known> {
    const [told] = await read(connection, serverQuery)
    const server = understood(() => readServer(told))
    const rows: SnapshotRow[] = []
    for (const sql of snapshotQueries(server)) rows.push(...await read(connection, sql))
    const catalog = understood(() => readCatalog(server, rows))
    const views = new Map<Relation, Statement | null>()
    for (const { relations } of catalog.schemas.values()) for (const relation of relations.values()) if (relation.definition !== null) { const parsed = parse(asWritten(relation.definition, relation.schema)); views.set(relation, parsed.ok ? parsed.value.statement : null) }
    return { catalog, classes: createClasses(connection, catalog), views, facts: new Kept() }
  }

  function factsOf(known: Known, connection: ConnectionDocument, sql: string, seen: Query['seen']): Result<Facts> {
    const cached = known.facts.get(sql)
    if (cached) return ok(cached)
    const parsed = parse(sql)
    if (!parsed.ok) return parsed
    const facts = examine(known, connection, parsed.value, seen ?? null)
    if (facts.ok && !facts.value.wants) known.facts.set(sql, facts.value)      // what one caller may see is no other's
    return facts
  }
  function bound(known: Known, connection: ConnectionDocument, { sql, params }: Asked, seen: Query['seen']): Result<Facts> {
    const facts = factsOf(known, connection, sql, seen)
    return facts.ok ? boundBy(facts.value, params, textOf, (parameter) => [textOf(params[parameter] ?? null)]) : facts
  }

  return {
    async classify(connection, query) {
      const { known, fresh } = await readings.current(connection)
      const all = await eachStatement(query, (statement) => bound(known, connection, statement, query.seen))
      return all.ok ? assemble(known.catalog, connection, query, all.value, fresh) : all
    },
    catalog: async (connection, maxAgeMs = Infinity) => (await readings.within(connection, maxAgeMs)).catalog,
    forget: readings.forget,
  }
}
/**
 * A view's text as a caller may write it: MariaDB prints `cast(… as char charset utf8mb4)`, and a routine of the view's own database as `name`(…), which callers qualify. Only a cast's character set and where a
 * routine is looked for change, and nothing of this text ever runs.
 */
const asWritten = (definition: string, schema: string): string =>
  definition.replace(/ as char(\(\d+\))? charset \w+\)/g, ' as char$1)').replace(/(?<![.`\w])`((?:[^`]|``)+)`\(/g, (_, name: string) => `\`${schema.replaceAll('`', '``')}\`.\`${name}\`(`)
function understood<T>(work: () => T): T {
  try { return work() } catch (cause) { throw new Fault('target-unavailable', 'the target\'s catalog could not be understood', { cause }) }
}
/** A parameter's text, as it is judged: it is printed as a literal. */
const textOf = (param: Param): string => (typeof param === 'string' ? param : JSON.stringify(param))

/** The schema of a name without one: the first of `searchPath`, or the only one there is. */
function home({ catalog }: Known, { searchPath }: ConnectionDocument): string {
  const [only, another] = catalog.schemas.values()
  return searchPath?.[0] ?? (only && !another ? only.name : '')
}
function examine(known: Known, connection: ConnectionDocument, parsed: Parsed, seen: readonly Seen[] | null): Result<Facts> {
  const found = new Findings(known.catalog, known.classes, seen)
  const frame: Frame = { via: [], schema: home(known, connection), place: null, view: false, invoker: true }
  const analysis: Analysis = { found, query: subquery, view: (relation) => known.views.get(relation) ?? null }
  try {
    const { kind, cols, capped, answer } = analyse(analysis, parsed.statement, { frame, parent: null, items: [], cols: [], ctes: new Map(), coming: new Set(), outputs: null })
    if (!found.readOnly) found.use(found.computing, 'where a statement that writes or locks takes whole rows of a view, with all that it computes', null)
    const plainly = rewrite(parsed.statement, keepOrder(found))
    const tree = ordered(known, found, plainly)
    const shown: Shown[] = []
    const outputs = cols?.map((col, output): Output => ({
      name: col.name, origin: col.origin, shown: col.tags.map((tag) => shown.push({ ...tag, statement: 0, span: col.span ?? null, output }) - 1),
      ...(col.unclassified ? { unclassified: true as const } : {}), ...(col.json ? { json: true as const } : {}), ...(col.form ? { form: col.form } : {}),
    })) ?? null
    return ok({ ...factsFrom(found, shown, parsed), kind, outputs, capped, tree, ...(found.counted ? { counted: true } : {}), ...(answer ? { answer } : {}) })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    // Nothing of the target's was named before: it is told at once. Else told only to whom that is permitted, or a part the gate does not know would tell an object that is there from one that is not.
    if (!error.missing && found.accesses.length === 0) return refuse(error.refusal)
    return ok({ ...factsFrom(found, [], parsed), kind: 'select', outputs: [], capped: false, tree: parsed.statement, missing: error.refusal, ...(error.missing ? {} : { unknown: true }) })
  }
}
/** Where a table with a classified column is reached, no order that can show is the server's to choose (total.ts); what is its choice all the same is a use of all that its choice may rest on. */
function ordered({ views }: Known, found: Findings, tree: Statement): Statement {
  const held = [...found.relations.values()].flatMap(({ relation }) => heldIn(found, relation, relation.columns.map(({ name }) => name)))
  if (held.length === 0) return tree
  const total = totalled(tree, { catalog: found.catalog, hidden: (relation, column) => heldIn(found, relation, [column]).length > 0, view: (relation) => views.get(relation) ?? null, step: (count) => found.step(count) })
  for (const { how, span } of total.told) found.useNow(held, how, span)
  return total.tree
}
/**
 * Indexes over a classified column are taken out of the server's choice, so that nothing in between comes in their order either. Where the statement uses such a column it is permitted only to whom the column is
 * revealed, and nothing is taken out.
 */
function keepOrder(found: Findings): Findings['replaced'] {
  const used = new Set(found.used.map(({ resource, column }) => `${resource}.${column}`))
  for (const { relation, ignore } of found.ordered) {
    const names = telling(found, relation, used).map(({ name }) => name)
    if (names.length > 0) ignore(names)
  }
  return found.replaced
}
function telling(found: Findings, relation: Relation, used: ReadonlySet<string>): readonly { readonly name: string }[] {
  return relation.indexes.filter((index) => index.name !== 'PRIMARY' && index.ordered).filter((index) => heldIn(found, relation, index.columns).some((tag) => !used.has(`${tag.resource}.${tag.column}`)))
}
function factsFrom(found: Findings, shown: readonly Shown[], { parameters }: Parsed) {
  const { accesses, used, readOnly, written, scales: { heavy } } = found
  const relations = [...found.relations.values()]
  return {
    accesses, shown, used, readOnly, parameters, written, heavy, ...(found.wants ? { wants: true } : {}), plain: shown.length + used.length === 0 && !found.classifiedRead,
    reached: relations.map(({ relation, named, written }) => ({ schema: relation.schema, name: relation.name, named, written })),
    objects: [...relations.map(({ relation }) => ({ ...relation, routine: false })), ...[...found.routines.values()].map((routine) => ({ ...routine, routine: true }))].map(({ schema, name, routine, rows, print }) => ({ schema, name, routine, rows, print })),
  }
}
