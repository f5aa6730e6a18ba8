import { createHash } from 'node:crypto'
import type { Shown } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Query, Statement } from '../../../schema/request.ts'
import { ok, refuse, type Refusal, type Result } from '../../../schema/refusal.ts'
import { Fault } from '../../ports.ts'
import { boundBy, eachStatement, effectsOf, untold, using, type Facts as Common } from '../facts.ts'
import { Kept } from '../kept.ts'
import type { Plan } from '../protocol.ts'
import { createReadings } from '../reading.ts'
import { Refused } from '../refused.ts'
import { judgeLengths, type Length } from './beside.ts'
import { bindText, boundTexts } from './bind.ts'
import { majors, readCatalog, type Catalog } from './catalog.ts'
import { createClasses, type Classes } from './classes.ts'
import { Findings, isSystem, type Frame } from './effects.ts'
import type { ParsedPolicy } from './expression.ts'
import { joinReach, linesOf, makeGuard, reachOf, type Guard, type Reach } from './guard.ts'
import { support } from './names.ts'
import { parse, type Parsed } from './parse.ts'
import type { Output, PlannedStatement, PostgresPlan, Reached } from './plan.ts'
import type { Scope } from './scope.ts'
import { snapshotQuery } from './snapshot.ts'
import { query as subquery, statement } from './statement.ts'

/**
 * Statement → effects, before anything runs. Receives the connection's document and the query; proves, against the target's catalog, every object the
 * statement reaches and where each classified column goes; refuses what it cannot prove. Facts of a statement are kept by its exact bytes, the
 * catalog's fingerprint and what the document says of classes, path and masks: parameters are values and change none of them.
 */
export interface Classifier {
  classify(connection: ConnectionDocument, query: Query): Promise<Result<Plan & { readonly plan: PostgresPlan }>>
  /** `maxAgeMs`: read again when it was read longer ago; 0 reads it now. Left out: as it is, because a plan is compared with the target before it runs. */
  catalog(connection: ConnectionDocument, maxAgeMs?: number): Promise<Catalog>
  /** Drops what is known of a connection's target: it changed under a plan. */
  forget(connection: string): void
}
export interface Reader {
  /** Runs a catalog query as the connection's read role; rows as objects of text. Throws when the target cannot be reached. */
  readonly read: (connection: ConnectionDocument, sql: string, params: readonly unknown[]) => Promise<readonly Readonly<Record<string, unknown>>[]>
  readonly now: () => number
}

/** What is known of one target under one reading of its document. */
interface Known {
  readonly catalog: Catalog
  readonly classes: Classes
  readonly views: ReadonlyMap<number, Parsed | null>
  readonly policies: ReadonlyMap<number, readonly ParsedPolicy[]>
  readonly planned: ReadonlyMap<number, readonly (Parsed | null)[]>
  readonly facts: Kept<Facts>
  /** What statements that reach the same objects by the same names share, by `JSON.stringify` of the reach: it depends on the catalog and on nothing else. */
  readonly reaches: Map<string, Held>
}
interface Held { readonly reach: Reach; readonly guard: Guard; readonly lines: readonly string[]; readonly fingerprint: string }
interface Facts extends Common, Held {
  readonly plain: boolean; readonly heapOrder: boolean; readonly reached: readonly Reached[]
  readonly statement: Omit<PlannedStatement, 'params'>
  readonly lengths: readonly Length[]
}
const maxReaches = 2000

export function createClassifier({ read, now }: Reader): Classifier {
  const readings = createReadings(load, now)

  async function load(connection: ConnectionDocument): Promise<Known> {
    const catalog = understood(await read(connection, snapshotQuery, []))
    const views = new Map<number, Parsed | null>()
    const policies = new Map<number, readonly ParsedPolicy[]>()
    const planned = new Map<number, readonly (Parsed | null)[]>()
    const understand = async (text: string) => { const parsed = await parse(text); return parsed.ok ? parsed.value : null }
    for (const relation of catalog.relations.values()) {
      if (relation.definition !== null) views.set(relation.oid, await understand(relation.definition))
      if (relation.planned.length > 0) planned.set(relation.oid, await Promise.all(relation.planned.map((text) => understand(`SELECT ${text}`))))
      if (relation.policies.length === 0) continue
      policies.set(relation.oid, await Promise.all(relation.policies.map(async ({ command, clauses }) => ({ command, clauses: await Promise.all(clauses.map((clause) => understand(`SELECT ${clause}`))) }))))
    }
    return { catalog, classes: createClasses(catalog, connection), views, policies, planned, facts: new Kept(), reaches: new Map() }
  }

  async function factsOf(known: Known, connection: ConnectionDocument, sql: string): Promise<Result<Facts>> {
    const cached = known.facts.get(sql)
    if (cached) return ok(cached)
    const parsed = await parse(sql)
    if (!parsed.ok) return parsed
    const facts = analyse(known, connection, parsed.value)
    if (facts.ok) known.facts.set(sql, facts.value)                    // also where a name is missing: as true as the catalog, and as quick the second time
    return facts
  }
  async function bound(known: Known, connection: ConnectionDocument, { sql, params }: Statement): Promise<Result<Facts>> {
    const facts = await factsOf(known, connection, sql)
    if (!facts.ok) return facts
    const judged = boundBy(facts.value, params, (param) => bindText(param) ?? '', (parameter) => boundTexts(params[parameter - 1] ?? null))
    return judged.ok ? ok(using(judged.value, judgeLengths(facts.value.lengths, params))) : judged
  }

  return {
    async classify(connection, query) {
      const { known, fresh } = await readings.current(connection)
      const all = await eachStatement(query, (statement) => bound(known, connection, statement))
      if (!all.ok) return all
      if (all.value.length > 1 && all.value.some((facts) => facts.statement.kind === 'ddl')) return refuse(ddlInBatch)
      return ok(assemble(known, connection, query, all.value, fresh))
    },
    catalog: async (connection, maxAgeMs = Infinity) => (await readings.within(connection, maxAgeMs)).catalog,
    forget: readings.forget,
  }
}
const ddlInBatch: Refusal = { slug: 'statement-unsupported', reason: 'ddl_in_batch', detail: 'a statement that changes names must be alone in its transaction', next: 'fix' }

function understood(rows: Parameters<typeof readCatalog>[0]): Catalog {
  let catalog: Catalog
  try { catalog = readCatalog(rows) } catch (cause) { throw new Fault('target-unavailable', 'the target\'s catalog could not be understood', { cause }) }
  const major = Math.floor(catalog.version / 10000)
  if (!majors.includes(major)) throw new Fault('target-unavailable', `PostgreSQL ${major} is not one of the majors whose functions were judged: ${majors.join(', ')}`)
  return catalog
}

function analyse(known: Known, connection: ConnectionDocument, parsed: Parsed): Result<Facts> {
  const found = new Findings(known.catalog, known.classes)
  const frame: Frame = { via: [], path: connection.searchPath ?? ['public'], span: parsed.span, view: false, invoker: true }
  const scope: Scope = { frame, parent: null, items: [], ctes: new Map() }
  const base = { text: parsed.text, params: [] }
  try {
    const { kind, cols, wrappable, returnable = false } = statement({ found, subquery, view: (oid) => known.views.get(oid) ?? null, policies: (oid) => known.policies.get(oid) ?? [], planned: (oid) => known.planned.get(oid) ?? [], guarding: new Set() }, parsed.node, scope)
    if (!found.readOnly) found.use(found.computing, 'where a statement that writes or locks takes whole rows of a view, with all that it computes', null)
    if (kind !== 'show' && kind !== 'truncate' && kind !== 'ddl') for (const fn of known.catalog.ambient) support(found, frame, fn, null)   // whatever has a value in it may convert, sort or compare it
    const shown: Shown[] = []
    const outputs = cols?.map((col, output): Output => ({
      name: col.name, origin: col.origin, type: col.type,
      shown: col.tags.map((tag) => shown.push({ ...tag, statement: 0, span: col.span ?? null, output }) - 1),
    })) ?? null
    return ok(factsFrom(known, found, shown, { ...base, kind, wrappable, returnable, outputs }, parsed))
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    // Nothing of the target's was named before: it is told at once. Else told only to whom that is permitted, or a part the gate does not know would tell an object that is there from one that is not.
    if (!error.missing && found.accesses.length === 0) return refuse(error.refusal)
    return ok(factsFrom(known, found, [], { ...base, kind: 'DropStmt' in parsed.node ? 'ddl' : 'select', wrappable: false, outputs: [], missing: error.refusal, ...(error.missing ? {} : { unknown: true }) }, parsed))
  }
}
function factsFrom(known: Known, found: Findings, shown: readonly Shown[], statement: Facts['statement'], { parameters }: Parsed): Facts {
  const held = heldOf(known, reachOf(found))
  const { accesses, used, readOnly, written, lengths, scales: { heavy } } = found
  const heapOrder = found.heapOrder || (found.sorted && found.shownRead)
  return {
    ...held, accesses, shown, used, readOnly, heapOrder, plain: shown.length + used.length === 0 && !found.classifiedRead && !asksWhatThereIs(found), parameters, statement, written, lengths, heavy,
    reached: [...found.relations.values()].filter(({ relation }) => relation.oid >= 16384).map(({ relation, written }) => ({ oid: relation.oid, schema: relation.schema, name: relation.name, written })),
  }
}
/** information_schema shows each role what it may read: to one that can read no classified column these columns were not there. It holds no values; beside a table of the target's the wall stays. */
const asksWhatThereIs = ({ relations }: Findings): boolean =>
  relations.size > 0 && [...relations.values()].every(({ relation }) => isSystem(relation.schema)) && [...relations.values()].some(({ relation }) => relation.schema === 'information_schema')
function heldOf({ catalog, reaches }: Known, reach: Reach): Held {
  const key = JSON.stringify(reach)
  const known = reaches.get(key)
  if (known) return known
  const lines = linesOf(catalog, reach)
  const held = { reach, guard: makeGuard(reach, lines, catalog.made), lines, fingerprint: fingerprintOf([lines]) }
  if (reaches.size >= maxReaches) reaches.clear()
  reaches.set(key, held)
  return held
}

const fingerprintOf = (lines: readonly (readonly string[])[]): string => createHash('sha256').update(JSON.stringify(lines)).digest('hex')

/** Several statements' facts as one plan: indexes moved, what is reached joined. */
function assemble(known: Known, connection: ConnectionDocument, query: Query, all: readonly Facts[], fresh: boolean): Plan & { readonly plan: PostgresPlan } {
  const [only, another] = all
  const joined = () => { const reach = joinReach(all.map((facts) => facts.reach)); return makeGuard(reach, linesOf(known.catalog, reach), known.catalog.made) }
  const effects = effectsOf(all, only && !another ? only.fingerprint : fingerprintOf(all.map((facts) => facts.lines)))
  const reached = new Map<number, Reached>()
  for (const relation of all.flatMap((facts) => facts.reached)) reached.set(relation.oid, { ...relation, written: relation.written || reached.get(relation.oid)?.written === true })
  let before = 0
  const statements = all.map(({ statement, shown }, i): PlannedStatement => {
    const offset = before
    before += shown.length
    const outputs = offset === 0 ? statement.outputs : statement.outputs?.map((output) => ({ ...output, shown: output.shown.map((n) => n + offset) })) ?? null
    return { ...statement, outputs, params: query.statements[i]?.params ?? [] }
  })
  return {
    effects, ...untold(query, all.map(({ statement }) => statement)),
    plan: {
      connection: connection.name, statements, isolation: query.isolation, catalog: known.catalog,
      relations: [...reached.values()].sort((a, b) => a.oid - b.oid),   // one order for all, so that two callers' locks cannot wait for each other
      plain: all.every((facts) => facts.plain), readOnly: effects.readOnly, heapOrder: all.some((facts) => facts.heapOrder), fresh,
      guard: only && !another ? only.guard : joined(),
    },
  }
}
