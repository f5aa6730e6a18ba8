import { createHash } from 'node:crypto'
import type { Effects, Shown, Used } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Query, Statement } from '../../../schema/request.ts'
import { ok, refuse, type Refusal, type Result } from '../../../schema/refusal.ts'
import { Fault } from '../../ports.ts'
import type { Plan } from '../protocol.ts'
import { Refused } from '../refused.ts'
import { heavyParameter, type Weight } from '../weight.ts'
import { judgeParameters, type Written } from '../writeback.ts'
import { judgeLengths, type Length } from './beside.ts'
import { bindText, boundTexts } from './bind.ts'
import { majors, readCatalog, type Catalog } from './catalog.ts'
import { createClasses, type Classes } from './classes.ts'
import { Findings, type Frame } from './effects.ts'
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
  readonly key: string
  readonly catalog: Catalog
  readonly classes: Classes
  readonly views: ReadonlyMap<number, Parsed | null>
  readonly policies: ReadonlyMap<number, readonly ParsedPolicy[]>
  readonly planned: ReadonlyMap<number, readonly (Parsed | null)[]>
  readonly readAt: number
  readonly facts: Map<string, Facts>
  /** What statements that reach the same objects by the same names share, by `JSON.stringify` of the reach: it depends on the catalog and on nothing else. */
  readonly reaches: Map<string, Held>
}
interface Held { readonly reach: Reach; readonly guard: Guard; readonly lines: readonly string[]; readonly fingerprint: string }
/** One statement's, as statement 0. */
interface Facts extends Held {
  readonly accesses: Effects['accesses']; readonly shown: readonly Shown[]; readonly used: readonly Used[]
  readonly readOnly: boolean; readonly plain: boolean; readonly heapOrder: boolean; readonly parameters: number; readonly reached: readonly Reached[]
  readonly statement: Omit<PlannedStatement, 'params'>
  /** Parameters that become column values, to be judged with each call. */
  readonly written: readonly Written[]
  readonly lengths: readonly Length[]
  readonly heavy: readonly Weight[]
}
const maxFacts = 2000
/**
 * A name that is missing may be newer than a catalog of this age. It is read again only once the name was decided on (`execute` says `stale`): read
 * here, the time it takes would tell anybody whether a table is there.
 */
const freshMs = 1000

export function createClassifier({ read, now }: Reader): Classifier {
  const connections = new Map<string, Promise<Known>>()
  const keys = new WeakMap<ConnectionDocument, string>()

  async function load(connection: ConnectionDocument, key: string): Promise<Known> {
    const readAt = now()
    const rows = await read(connection, snapshotQuery, [])
    const catalog = understood(rows)
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
    return { key, catalog, classes: createClasses(catalog, connection), views, policies, planned, readAt, facts: new Map(), reaches: new Map() }
  }
  function known(connection: ConnectionDocument): Promise<Known> {
    let key = keys.get(connection)
    if (key === undefined) keys.set(connection, key = JSON.stringify([connection.classify, connection.searchPath, connection.mask, connection.secret, connection.secrets, connection.known]))
    const wanted = key
    const there = connections.get(connection.name)
    return there ? there.then((k) => (k.key === wanted ? k : renew(connection, wanted))) : renew(connection, wanted)
  }
  function renew(connection: ConnectionDocument, key: string): Promise<Known> {
    const loading = load(connection, key)
    connections.set(connection.name, loading)
    loading.catch(() => { if (connections.get(connection.name) === loading) connections.delete(connection.name) })   // a failure is not kept
    return loading
  }

  async function factsOf(state: Known, connection: ConnectionDocument, sql: string): Promise<Result<Facts>> {
    const cached = state.facts.get(sql)
    if (cached) return ok(cached)
    const parsed = await parse(sql)
    if (!parsed.ok) return parsed
    const facts = analyse(state, connection, parsed.value)
    if (!facts.ok) return facts
    if (state.facts.size >= maxFacts) state.facts.delete(state.facts.keys().next().value ?? '')
    state.facts.set(sql, facts.value)                                  // also where a name is missing: as true as the catalog, and as quick the second time
    return facts
  }

  async function once(state: Known, connection: ConnectionDocument, query: Query): Promise<Result<Facts[]>> {
    const all: Facts[] = []
    for (const [i, one] of query.statements.entries()) {
      const facts = await factsOf(state, connection, one.sql)
      if (!facts.ok) return refuse(query.batch ? { ...facts.refusal, statement: i } : facts.refusal)
      const count = parameterRefusal(facts.value, one)
      if (count) return refuse(query.batch ? { ...count, statement: i } : count)
      const heavy = heavyParameter(facts.value.heavy, one.params, (param) => bindText(param) ?? '')
      if (heavy) return refuse(query.batch ? { ...heavy, statement: i } : heavy)
      const back = [...judgeParameters(facts.value.written, (parameter) => boundTexts(one.params[parameter - 1] ?? null)), ...judgeLengths(facts.value.lengths, one.params)]
      all.push(back.length === 0 ? facts.value : { ...facts.value, used: [...facts.value.used, ...back] })
    }
    if (all.length > 1 && all.some((facts) => facts.statement.kind === 'ddl')) {
      return refuse({ slug: 'statement-unsupported', reason: 'ddl_in_batch', detail: 'a statement that changes names must be alone in its transaction', next: 'fix' })
    }
    return ok(all)
  }

  return {
    async classify(connection, query) {
      const oldest = now() - freshMs                                   // before it is read: a slow target's catalog is fresh all the same
      const state = await known(connection)
      const all = await once(state, connection, query)
      return all.ok ? ok(assemble(state, connection, query, all.value, state.readAt >= oldest)) : all
    },
    catalog: async (connection, maxAgeMs = Infinity) => {
      const oldest = now() - maxAgeMs
      const state = await known(connection)
      return (state.readAt >= oldest ? state : await renew(connection, state.key)).catalog
    },
    forget: (connection) => { connections.delete(connection) },
  }
}

function understood(rows: Parameters<typeof readCatalog>[0]): Catalog {
  let catalog: Catalog
  try { catalog = readCatalog(rows) } catch (cause) { throw new Fault('target-unavailable', 'the target\'s catalog could not be understood', { cause }) }
  const major = Math.floor(catalog.version / 10000)
  if (!majors.includes(major)) throw new Fault('target-unavailable', `PostgreSQL ${major} is not one of the majors whose functions were judged: ${majors.join(', ')}`)
  return catalog
}

function parameterRefusal(facts: Facts, { params }: Statement): Refusal | null {
  if (params.length === facts.parameters) return null
  return { slug: 'invalid-request', reason: 'parameter_count', detail: `the statement has ${facts.parameters} parameters, the call gives ${params.length}`, next: 'fix' }
}

function analyse(state: Known, connection: ConnectionDocument, parsed: Parsed): Result<Facts> {
  const found = new Findings(state.catalog, state.classes)
  const frame: Frame = { via: [], path: connection.searchPath ?? ['public'], span: parsed.span, view: false, invoker: true }
  const scope: Scope = { frame, parent: null, items: [], ctes: new Map() }
  const base = { text: parsed.text, params: [] }
  try {
    const { kind, cols, wrappable, returnable = false } = statement({ found, subquery, view: (oid) => state.views.get(oid) ?? null, policies: (oid) => state.policies.get(oid) ?? [], planned: (oid) => state.planned.get(oid) ?? [], guarding: new Set() }, parsed.node, scope)
    if (!found.readOnly) found.use(found.computing, 'where a statement that writes or locks takes whole rows of a view, with all that it computes', null)
    if (kind !== 'show' && kind !== 'truncate' && kind !== 'ddl') for (const fn of state.catalog.ambient) support(found, frame, fn, null)   // whatever has a value in it may convert, sort or compare it
    const shown: Shown[] = []
    const outputs = cols?.map((col, output): Output => ({
      name: col.name, origin: col.origin, type: col.type,
      shown: col.tags.map((tag) => shown.push({ ...tag, statement: 0, span: col.span ?? null, output }) - 1),
    })) ?? null
    return ok(factsFrom(state, found, shown, { ...base, kind, wrappable, returnable, outputs }, parsed))
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    // Nothing of the target's was named before: it is told at once. Else told only to whom that is permitted, or a part the gate does not know would tell an object that is there from one that is not.
    if (!error.missing && found.accesses.length === 0) return refuse(error.refusal)
    return ok(factsFrom(state, found, [], { ...base, kind: 'DropStmt' in parsed.node ? 'ddl' : 'select', wrappable: false, outputs: [], missing: error.refusal, ...(error.missing ? {} : { unknown: true }) }, parsed))
  }
}
function factsFrom(state: Known, found: Findings, shown: readonly Shown[], statement: Facts['statement'], { parameters }: Parsed): Facts {
  const held = heldOf(state, reachOf(found))
  const { accesses, used, readOnly, written, lengths, scales: { heavy } } = found
  const heapOrder = found.heapOrder || (found.sorted && found.shownRead)
  return {
    ...held, accesses, shown, used, readOnly, heapOrder, plain: shown.length + used.length === 0 && !found.classifiedRead, parameters, statement, written, lengths, heavy,
    reached: [...found.relations.values()].filter(({ relation }) => relation.oid >= 16384).map(({ relation, written }) => ({ oid: relation.oid, schema: relation.schema, name: relation.name, written })),
  }
}
function heldOf({ catalog, reaches }: Known, reach: Reach): Held {
  const key = JSON.stringify(reach)
  const known = reaches.get(key)
  if (known) return known
  const lines = linesOf(catalog, reach)
  const held = { reach, guard: makeGuard(reach, lines, catalog.made), lines, fingerprint: fingerprintOf([lines]) }
  if (reaches.size >= maxFacts) reaches.clear()
  reaches.set(key, held)
  return held
}

const fingerprintOf = (lines: readonly (readonly string[])[]): string => createHash('sha256').update(JSON.stringify(lines)).digest('hex')

/** Several statements' facts as one plan: indexes moved, what is reached joined. */
function assemble(state: Known, connection: ConnectionDocument, query: Query, all: readonly Facts[], fresh: boolean): Plan & { readonly plan: PostgresPlan } {
  const [only] = all
  const joined = () => { const reach = joinReach(all.map((facts) => facts.reach)); return makeGuard(reach, linesOf(state.catalog, reach), state.catalog.made) }
  const numbered = <T extends { readonly statement: number }>(items: readonly T[], statement: number): readonly T[] => (statement === 0 ? items : items.map((item) => ({ ...item, statement })))
  // An object of its own for each call, by which a permit belongs to one plan.
  const effects: Effects = only && all.length === 1 ? { accesses: only.accesses, shown: only.shown, used: only.used, readOnly: only.readOnly, fingerprint: only.fingerprint } : {
    accesses: all.flatMap((facts, i) => numbered(facts.accesses, i)), shown: all.flatMap((facts, i) => numbered(facts.shown, i)), used: all.flatMap((facts, i) => numbered(facts.used, i)),
    readOnly: all.every((facts) => facts.readOnly), fingerprint: fingerprintOf(all.map((facts) => facts.lines)),
  }
  const reached = new Map<number, Reached>()
  for (const relation of all.flatMap((facts) => facts.reached)) reached.set(relation.oid, { ...relation, written: relation.written || reached.get(relation.oid)?.written === true })
  let before = 0
  const statements = all.map(({ statement, shown }, i): PlannedStatement => {
    const offset = before
    before += shown.length
    const outputs = offset === 0 ? statement.outputs : statement.outputs?.map((output) => ({ ...output, shown: output.shown.map((n) => n + offset) })) ?? null
    return { ...statement, outputs, params: query.statements[i]?.params ?? [] }
  })
  const absent = all.findIndex((facts) => facts.statement.missing)
  const fails = all[absent]?.statement.missing
  const unknown = all.findIndex((facts) => facts.statement.unknown)
  const held = all[unknown]?.statement.missing
  return {
    effects, ...(held ? { preview: async () => refuse(query.batch ? { ...held, statement: unknown } : held) } : {}), ...(fails ? { fails: query.batch ? { ...fails, statement: absent } : fails } : {}),
    plan: {
      connection: connection.name, statements, isolation: query.isolation, catalog: state.catalog,
      relations: [...reached.values()].sort((a, b) => a.oid - b.oid),   // one order for all, so that two callers' locks cannot wait for each other
      plain: all.every((facts) => facts.plain), readOnly: effects.readOnly, heapOrder: all.some((facts) => facts.heapOrder), fresh,
      guard: only && all.length === 1 ? only.guard : joined(),
    },
  }
}
