import type { Access, Demand, Limits, Target } from '../../schema/effects.ts'
import type { Capability } from '../../schema/policy.ts'
import type { Scope } from './condition.ts'
import { anyOf } from './demand.ts'
import { narrow, narrowest, widest } from './limits.ts'
import { glob, type Form } from './pattern.ts'
import type { RoleSet } from './roleset.ts'
import type { Rule } from './rule.ts'

/** What is common to every judgement of one decision, for one principal. */
export interface Judge {
  readonly roles: RoleSet
  /** The roles whose rules may allow, each by itself; left out: all of them. What takes (`deny`, `ask`) is of all of them always. */
  readonly givers?: readonly RoleSet[]
  readonly connection: string
  /** What the connection grants at most. */
  readonly grant: Limits
  readonly scope: (action: Scope['action'], resource: string, target?: Target) => Scope
  /** The kind of names the connection has. */
  readonly form: Form
  /** A first look, before the target was asked what the object is: a condition over it stands in nobody's way yet. */
  readonly early: boolean
  /** Whether a name the effects reach is in a schema of the engine's own. undefined: the effects do not say. */
  readonly system: ReadonlyMap<string, boolean>
  /** Names that the effects reach as a partition or inheritance child of another. */
  readonly parts: ReadonlySet<string>
}
export interface Permitted { readonly demands: readonly Demand[]; readonly limits: Limits; readonly rules: readonly string[] }
export type Judged =
  | ({ readonly kind: 'permitted' } & Permitted)
  | { readonly kind: 'denied'; readonly rule: string }
  /** Rules let the principal read the relation, but not these columns. */
  | { readonly kind: 'uncovered'; readonly columns: readonly string[] }
  /** Rules let the principal do it, but not with a pod template that may do this. */
  | { readonly kind: 'unpermitted'; readonly needs: readonly Capability[] }
  /** `unmet`: rules that would have allowed it under a condition this call does not meet. */
  | { readonly kind: 'none'; readonly unmet: readonly Rule[] }

/** One access for one principal: deny first and for good, then allow, then whatever `ask` adds. */
export function judgeAccess(judge: Judge, access: Access): Judged {
  const found = judge.roles.find(judge.connection, access.action, access.resource, access.system, judge.form)
  const { action, resource, target } = access
  const parents = parentsOf(judge, access)
  const views = access.via.slice(0, access.via.length - parents.length)
  const denied = found.deny.find((rule) => touches(rule, access) && !fails(judge, rule, action, resource, target)) ?? deniedView(judge, views)
  if (denied) return { kind: 'denied', rule: denied.name }
  const direct = [resource, ...parents].flatMap((name) => allowing(judge, action, name, name === resource ? access.system : undefined, target))
  const allowed = settle(judge, access, direct, access.action === 'select' ? views.flatMap((view) => allowing(judge, 'select', view, undefined).filter((rule) => rule.through)) : [])
  if (allowed === null) return { kind: 'none', unmet: found.allow.filter((rule) => covers(rule, target) && !holds(judge, rule, action, resource, target)) }
  if (allowed.kind !== 'permitted') return allowed
  const asks = found.ask.filter((rule) => touches(rule, access) && !fails(judge, rule, action, resource, target))
  if (asks.length === 0) return allowed
  const demands = asks.flatMap((rule) => anyOf([rule]) ?? [])
  // an ask without an approval cannot be met by anyone
  if (demands.length < asks.length) return { kind: 'denied', rule: asks.find((rule) => !rule.approval)?.name ?? '' }
  return { ...allowed, demands: [...allowed.demands, ...demands], rules: [...allowed.rules, ...asks.map((rule) => rule.name)] }
}

/** An error is no match for what gives (`allow`, `reveal`) … */
export const holds = ({ early, scope }: Judge, { when }: Rule, action: Scope['action'], resource: string, target?: Target): boolean =>
  when === null || (early && when.readsObject) || when.test(scope(action, resource, target)) === 'true'
/** … and a match for what takes (`deny`, `ask`). */
const fails = ({ early, scope }: Judge, { when }: Rule, action: Scope['action'], resource: string, target?: Target): boolean =>
  when !== null && ((early && when.readsObject) || when.test(scope(action, resource, target)) === 'false')

/** Whether what gives covers this namespace and name. What is of all namespaces, of none, or of all names wants a rule that says nothing of them. */
export const covers = ({ namespaces, names }: Rule, target: Target | undefined): boolean => within(namespaces, target?.namespace) && within(names, target?.name)
const within = (patterns: readonly string[] | null, name: string | null | undefined): boolean => patterns === null || (typeof name === 'string' && patterns.some((pattern) => glob(pattern, name)))

/** Whether what takes meets it: a list of everything also lists what is denied, and what has no name yet may get any. */
function meets({ namespaces, names }: Rule, target: Target | undefined): boolean {
  if (target?.clusterScoped && namespaces !== null) return false
  return (namespaces === null || target?.namespace == null || within(namespaces, target.namespace)) && (names === null || target?.name == null || within(names, target.name))
}

/** Whether a deny or an ask with `columns` meets this access. Columns that are not known count as all of them. */
function touches(rule: Rule, access: Access): boolean {
  const { columns } = rule
  if (!meets(rule, access.target)) return false
  if (columns === null || access.action !== 'select' || access.columns === null) return true
  return access.columns.some((column) => columns.some((pattern) => glob(pattern, column)))
}

/** A view that is denied is no way to what it reads, also when another view names it. */
function deniedView(judge: Judge, views: readonly string[]): Rule | undefined {
  for (const view of views) {
    const rule = judge.roles.find(judge.connection, 'select', view, false, judge.form).deny.find((deny) => deny.columns === null && !fails(judge, deny, 'select', view))
    if (rule) return rule
  }
  return undefined
}

/**
 * The rules that allow an action on one name. For what the statement came through they are asked about that name, not about the access's own: a
 * parent's rule covers its partitions; a view's rule with `through: true` covers a read of what the view reads, every column, since the rule's own
 * `columns` are the view's. Reads only: a write through a view, or a function in its body, wants a rule of its own.
 */
function allowing(judge: Judge, action: Access['action'], resource: string, system: boolean | undefined, target?: Target): readonly Rule[] {
  return (judge.givers ?? [judge.roles]).flatMap((roles) => roles.find(judge.connection, action, resource, system ?? judge.system.get(resource) ?? true, judge.form).allow).filter((rule) => covers(rule, target) && holds(judge, rule, action, resource, target))
}

/** The last names of `via` that are parents of a partition, not views: its own, and while that is a partition too, the one before. */
function parentsOf(judge: Judge, access: Access): readonly string[] {
  if (!access.part) return []
  let first = access.via.length - 1
  while (first > 0 && judge.parts.has(access.via[first] ?? '')) first--
  return access.via.slice(Math.max(0, first))
}

/** Each column read is an access of its own; rules add up over them. null: no rule says anything here. */
function settle(judge: Judge, access: Access, direct: readonly Rule[], through: readonly Rule[]): Exclude<Judged, { kind: 'none' }> | null {
  const whole = [...direct.filter((rule) => rule.columns === null), ...through]
  const partial = access.action === 'select' ? direct.filter((rule) => rule.columns !== null) : []
  if (access.target && access.target.needs.length > 0) return settleNeeds(judge, access.target.needs, whole)
  if (access.columns === null || partial.length === 0) {
    return enough(judge, whole) ?? (partial.length === 0 ? null : { kind: 'uncovered', columns: ['*'] })
  }
  if (access.columns.length === 0) return enough(judge, [...whole, ...partial])
  const uncovered: string[] = []
  const total = new Tally(judge.grant)
  for (const column of access.columns) {
    const one = enough(judge, [...whole, ...partial.filter((rule) => rule.columns?.some((pattern) => glob(pattern, column)))])
    if (one) total.add(one)
    else uncovered.push(column)
  }
  return uncovered.length > 0 ? { kind: 'uncovered', columns: uncovered } : { kind: 'permitted', demands: total.demands, limits: total.limits, rules: total.rules }
}

/** What a pod template may do is permitted piece by piece; rules add up over the pieces, and so do their demands. */
function settleNeeds(judge: Judge, needs: readonly Capability[], rules: readonly Rule[]): Exclude<Judged, { kind: 'none' }> | null {
  if (rules.length === 0) return null
  const total = new Tally(judge.grant)
  const missing: Capability[] = []
  for (const need of needs) {
    const one = enough(judge, rules.filter((rule) => rule.permit.includes(need)))
    if (one) total.add(one)
    else missing.push(need)
  }
  return missing.length > 0 ? { kind: 'unpermitted', needs: missing } : { kind: 'permitted', demands: total.demands, limits: total.limits, rules: total.rules }
}

/** Of rules any one of which is enough: those without approval settle it; else the smallest quorum. null: there is none. */
export function enough(judge: Judge, rules: readonly Rule[]): ({ kind: 'permitted' } & Permitted) | null {
  const free = rules.filter((rule) => rule.approval === null)
  const quorum = Math.min(...rules.map((rule) => rule.approval?.quorum ?? 0))
  // limits are those of the rules that settle it, so that a wide rule which asks never widens a narrow one which does not
  const settling = free.length > 0 ? free : rules.filter((rule) => rule.approval?.quorum === quorum)
  if (settling.length === 0) return null
  const demand = free.length > 0 ? null : anyOf(settling)
  const limits = settling.map((rule) => narrow(judge.grant, rule.limits)).reduce(widest)
  return { kind: 'permitted', demands: demand ? [demand] : [], limits, rules: settling.map((rule) => rule.name) }
}

/** Adds up what must all hold. */
export class Tally implements Permitted {
  readonly demands: Demand[] = []
  readonly #rules = new Set<string>()
  limits: Limits
  constructor(grant: Limits) { this.limits = grant }
  add(part: Permitted): void {
    for (const demand of part.demands) this.demands.push(demand)
    for (const rule of part.rules) this.#rules.add(rule)
    this.limits = narrowest(this.limits, part.limits)
  }
  get rules(): readonly string[] { return [...this.#rules].sort() }
}
