import { canonicalJson } from '../../schema/bundle.ts'
import type { Capability, LimitsDocument, RoleDocument, RuleDocument } from '../../schema/policy.ts'
import type { Condition, Conditions } from './condition.ts'
import { durationMs } from './limits.ts'

/** One rule as decisions read it. What it covers (connection, actions, names) is in the index; what it says about that is here. */
export interface Rule {
  /** `role.rules[n]`, n from 0 as in the file: shown only to callers who have the role. */
  readonly name: string
  /** Equal for rules that say the same: of such, one is enough. */
  readonly content: string
  readonly columns: readonly string[] | null
  readonly through: boolean
  readonly when: Condition | null
  readonly approval: Approval | null
  readonly limits: LimitsDocument | null
  readonly classes: readonly string[]
  /** Of Kubernetes: globs; null covers all. */
  readonly namespaces: readonly string[] | null
  readonly names: readonly string[] | null
  readonly permit: readonly Capability[]
}
export interface Approval { readonly by: readonly string[]; readonly quorum: number; readonly withinMs: number }

/** `conditions`: null where no rule of the policy has one. */
export function compileRule(role: RoleDocument, document: RuleDocument, n: number, conditions: Conditions | null): Rule {
  const { columns, through, when, approval, limits, reveal, namespaces, names, permit } = document
  return {
    name: `${role.name}.rules[${n}]`,
    content: canonicalJson({ columns, through, when, approval, limits, reveal, namespaces, names, permit }),
    columns: columns ?? null, through: through === true, when: when === undefined ? null : known(conditions).compile(when),
    approval: approval ? { by: [...new Set(approval.by)].sort(), quorum: approval.quorum, withinMs: durationMs(approval.within) } : null,
    limits: limits ?? null, classes: reveal ?? [], namespaces: namespaces ?? null, names: names ?? null, permit: permit ?? [],
  }
}

/** The connections a rule names; `*` stays as it is and never means `sluice`. */
export const connectionsOf = (document: RuleDocument): readonly string[] => (typeof document.connection === 'string' ? [document.connection] : [...new Set(document.connection)])

/** A rule must never go without its condition. */
export function known(conditions: Conditions | null): Conditions {
  if (conditions === null) throw new Error('invariant: a condition in a policy that was said to have none')
  return conditions
}
