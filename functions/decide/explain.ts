import type { Caller, Principal } from '../../schema/caller.ts'
import type { Demand, Limits } from '../../schema/effects.ts'
import type { ApprovalDocument, LimitsDocument, MaskName } from '../../schema/policy.ts'
import { judgeAccess } from './access.ts'
import { judgesOf, maskOf, type Asked } from './decide.ts'
import { connectionLimits } from './limits.ts'
import type { Policy } from './policy.ts'
import { judgeReveal } from './reveal.ts'
import { meets } from './roleset.ts'
import { connectionsOf } from './rule.ts'

/** A rule as its holder may read it. `actions` of a reveal are the classes. */
export interface Ability {
  readonly rule: string; readonly actions: readonly string[]
  /** Absent: everything. */
  readonly on?: readonly (string | readonly string[])[]
  readonly columns?: readonly string[]; readonly through?: true; readonly namespaces?: readonly string[]; readonly names?: readonly string[]; readonly permit?: readonly string[]; readonly when?: string; readonly approval?: ApprovalDocument; readonly limits?: LimitsDocument
}
export interface Abilities {
  readonly connection: string
  readonly engine: string
  readonly limits: Limits
  /** Class → how it is shown to whoever may not reveal it. `*`: every other class. */
  readonly masks: Readonly<Record<string, MaskName>>
  /** One entry a principal of the token; a call must be permitted to each. `never` beats `may`; `asks` adds an approval. */
  readonly principals: readonly { readonly id: string; readonly may: readonly Ability[]; readonly reveals: readonly Ability[]; readonly asks: readonly Ability[]; readonly never: readonly Ability[] }[]
}

/** What the caller's own rules say, per connection it can use, `sluice` last: enough to plan by. Conditions and approvals are told, not decided. */
export function abilities(policy: Policy, caller: Caller): readonly Abilities[] {
  const names = [...[...policy.connections.keys()].sort(), 'sluice'].filter((name) => policy.reaches(caller, name))
  return names.map((connection) => {
    const document = policy.connections.get(connection) ?? null
    return {
      connection, engine: document?.engine ?? 'sluice', limits: connectionLimits(document), masks: document?.mask ?? {},
      principals: [caller.subject, ...caller.actors].map((principal) => ({
        id: principal.id, may: rulesOf(policy, principal, connection, 'allow'), reveals: rulesOf(policy, principal, connection, 'reveal'),
        asks: rulesOf(policy, principal, connection, 'ask'), never: rulesOf(policy, principal, connection, 'deny'),
      })),
    }
  })
}

function rulesOf(policy: Policy, principal: Principal, connection: string, verb: 'allow' | 'deny' | 'ask' | 'reveal'): readonly Ability[] {
  return policy.roleSet(principal).roles.flatMap((role) => role.rules.flatMap((rule, n) => {
    const actions = rule[verb]
    if (!actions || !meets(connectionsOf(rule), connection)) return []
    const { on, columns, through, namespaces, names, permit, when, approval, limits } = rule
    return [{
      rule: `${role.name}.rules[${n}]`, actions, ...(on ? { on } : {}), ...(columns ? { columns } : {}), ...(through ? { through } : {}), ...(namespaces ? { namespaces } : {}), ...(names ? { names } : {}), ...(permit ? { permit } : {}),
      ...(when ? { when } : {}), ...(approval ? { approval } : {}), ...(limits ? { limits } : {}),
    }]
  }))
}

/** How each access and each classified column came out for each principal. The whole truth: for operators and `policy test`, not for callers. */
export interface Explained {
  readonly principal: string
  readonly accesses: readonly { readonly action: string; readonly resource: string; readonly outcome: string; readonly rules: readonly string[]; readonly demands: readonly Demand[] }[]
  readonly classified: readonly { readonly column: string; readonly dataClass: string; readonly use: string; readonly outcome: string; readonly mask: MaskName }[]
}
export function explainDecision(policy: Policy, asked: Asked): readonly Explained[] {
  const grant = policy.grant(asked.connection)
  if (!grant) return []
  return judgesOf(policy, asked, grant).map(({ judge, principal }) => ({
    principal: principal.id,
    accesses: asked.effects.accesses.map((access) => {
      const judged = judgeAccess(judge, access)
      const outcome = judged.kind === 'uncovered' ? `columns not covered: ${judged.columns.join(', ')}` : judged.kind === 'unpermitted' ? `not permitted: ${judged.needs.join(', ')}` : judged.kind === 'none' ? 'no rule' : judged.kind
      return { action: access.action, resource: access.resource, outcome, rules: judged.kind === 'permitted' ? judged.rules : judged.kind === 'denied' ? [judged.rule] : [], demands: judged.kind === 'permitted' ? judged.demands : [] }
    }),
    classified: [...asked.effects.used.map((item) => ({ item, use: item.how })), ...asked.effects.shown.map((item) => ({ item, use: 'shown' }))].map(({ item, use }) => ({
      column: `${item.resource}.${item.column}`, dataClass: item.dataClass, use, outcome: judgeReveal(judge, item, asked.effects.accesses).kind, mask: maskOf(policy, asked.connection, item.dataClass),
    })),
  }))
}
