import type { Demand } from '../../schema/effects.ts'
import type { Rule } from './rule.ts'

/**
 * What rules with `approval` ask for. Of several that allow one access the smallest quorum is enough, and equal ones are joined: whoever one of
 * them names may decide, within the shorter time. Give only rules that have an approval.
 */
export function anyOf(rules: readonly Rule[]): Demand | null {
  const approvals = rules.flatMap((rule) => (rule.approval ? [{ ...rule.approval, rule: rule.name }] : []))
  if (approvals.length === 0) return null
  const quorum = Math.min(...approvals.map((approval) => approval.quorum))
  return joined(approvals.filter((approval) => approval.quorum === quorum))
}

/** Demands that all hold. Two that ask the same people are one, with the larger quorum and the shorter time: exactly what both together mean. */
export function allOf(demands: readonly Demand[]): readonly Demand[] {
  const byPeople = new Map<string, Demand>()
  for (const demand of demands) {
    const key = demand.by.join('\n')
    const known = byPeople.get(key)
    byPeople.set(key, known ? joined([known, demand]) : demand)
  }
  return [...byPeople.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, demand]) => demand)
}

function joined(demands: readonly Demand[]): Demand {
  return {
    by: [...new Set(demands.flatMap((demand) => demand.by))].sort(),
    quorum: Math.max(...demands.map((demand) => demand.quorum)),
    withinMs: Math.min(...demands.map((demand) => demand.withinMs)),
    rule: [...new Set(demands.flatMap((demand) => demand.rule.split(', ')))].sort().join(', '),
  }
}
