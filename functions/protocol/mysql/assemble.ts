import { createHash } from 'node:crypto'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Query as Asked } from '../../../schema/request.ts'
import { ok, refuse, type Result } from '../../../schema/refusal.ts'
import { effectsOf, untold } from '../facts.ts'
import type { Plan } from '../protocol.ts'
import type { Item, Query, Statement, Update } from './ast.ts'
import type { Catalog } from './catalog.ts'
import type { Facts } from './classify.ts'
import { digestOfSet } from './guard.ts'
import type { Guard, MySqlPlan, PlannedStatement, Reached } from './plan.ts'
import { print } from './print.ts'
import { bind } from './rewrite.ts'
import { objectsQuery } from './snapshot.ts'
import { withholding, type Need } from './withhold.ts'

/** Several statements' facts as one plan: parameters put in, printed, indexes moved, what is reached joined. */
export function assemble(catalog: Catalog, connection: ConnectionDocument, query: Asked, all: readonly Facts[], fresh: boolean): Result<Plan & { readonly plan: MySqlPlan }> {
  const effects = effectsOf(all, fingerprintOf(all))
  const statements: PlannedStatement[] = []
  let before = 0
  for (const [i, facts] of all.entries()) {
    const planned = plannedOf(facts, query.statements[i]?.params ?? [], before)
    if (!planned.ok) return refuse(query.batch ? { ...planned.refusal, statement: i } : planned.refusal)
    statements.push(planned.value)
    before += facts.shown.length
  }
  return ok({
    effects, ...(query.seen === undefined && all.some(({ wants }) => wants) ? { wants: 'seen' as const } : {}), ...untold(query, all),
    plan: { connection: connection.name, statements, isolation: query.isolation, relations: reachedBy(all), plain: all.every((facts) => facts.plain), readOnly: effects.readOnly, fresh, guard: guardOf(catalog, all) },
  })
}

function plannedOf(facts: Facts, params: readonly Asked['statements'][number]['params'][number][], before: number): Result<PlannedStatement> {
  const { kind, missing, unknown, answer } = facts
  const outputs = facts.outputs?.map((output) => ({ ...output, shown: output.shown.map((n) => n + before) })) ?? null
  const rest = { kind, outputs, ...(answer ? { answer } : {}), ...(missing ? { missing } : {}), ...(unknown ? { unknown } : {}) }
  if (missing || answer) return ok({ ...rest, text: '', capped: null })
  const bound = bind(facts.tree, params)
  if (!bound.ok) return bound
  const tree = bound.value
  const printed = (one: Statement): Pick<PlannedStatement, 'text' | 'capped'> => ({ text: print(one), capped: facts.capped ? (rows) => print(capped(one, rows)) : null })
  return ok({ ...rest, ...printed(tree), ...(tree.kind === 'query' ? { withheld: (needs: readonly (Need | null)[]) => printed(withholding(tree, needs)) } : {}), ...(facts.counted && tree.kind === 'update' ? { counted: (rows: number) => print(found(tree, rows)) } : {}) })
}
/** The rows that an UPDATE of one table finds, locked. */
function found({ from, where, orderBy, limit, with: before, span }: Update, rows: number): Query {
  const one: Item = { kind: 'item', expression: { kind: 'number', text: '1', span }, name: { text: '1', span }, span }
  const own = limit?.count.kind === 'number' ? Number(limit.count.text) : Infinity
  return {
    kind: 'query', with: before, body: { kind: 'select', distinct: false, items: [one], from, where, groupBy: [], rollup: false, having: null, windows: [], span }, orderBy,
    limit: { count: { kind: 'number', text: String(Math.min(own, rows)), span }, offset: null, span }, locking: [{ strength: 'update', of: [], wait: null, span }], span,
  }
}
/** At most that many rows: the statement's own LIMIT where that is less. */
function capped(tree: Statement, rows: number): Statement {
  if (tree.kind !== 'query') return tree
  const own = tree.limit?.count.kind === 'number' ? Number(tree.limit.count.text) : Infinity
  return own <= rows ? tree : { ...tree, limit: { count: { kind: 'number', text: String(rows), span: tree.span }, offset: tree.limit?.offset ?? null, span: tree.span } }
}
/** In one order for all, so that two callers' locks cannot wait for each other. */
function reachedBy(all: readonly Facts[]): readonly Reached[] {
  const reached = new Map<string, Reached>()
  for (const one of all.flatMap((facts) => facts.reached)) {
    const key = JSON.stringify([one.schema, one.name])
    const there = reached.get(key)
    reached.set(key, { ...one, named: one.named || there?.named === true, written: one.written || there?.written === true })
  }
  return [...reached].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}
const objectsOf = (all: readonly Facts[]) => [...new Map(all.flatMap((facts) => facts.objects).map((one) => [JSON.stringify([one.routine, one.schema, one.name]), one])).entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
/** Of one statement it is the same as long as its facts are. */
function guardOf(catalog: Catalog, all: readonly Facts[]): Guard {
  const [only, another] = all
  const known = only && !another ? guards.get(only.objects) : undefined
  if (known) return known
  const objects = objectsOf(all)
  const guard = { query: objectsQuery(catalog, objects), expected: digestOfSet(objects.flatMap(({ rows }, place) => rows.map((row) => [String(place), ...row]))) }
  if (only && !another) guards.set(only.objects, guard)
  return guard
}
const guards = new WeakMap<object, Guard>()
const fingerprintOf = (all: readonly Facts[]): string => createHash('sha256').update(JSON.stringify(objectsOf(all).map(({ routine, schema, name, print }) => [routine, schema, name, print]))).digest('hex')
