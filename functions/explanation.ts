import type { Effects, Limits, Obligations } from '../schema/effects.ts'
import { ok, type Refusal } from '../schema/refusal.ts'
import type { Reply } from './door.ts'
import type { Gate } from './gate.ts'
import { problemOf } from './problem.ts'

type Considered = Awaited<ReturnType<Gate['explain']>>
export interface Explanation {
  readonly decision: 'permit' | 'ask' | 'deny'
  readonly rules: readonly string[]
  readonly accesses: readonly { readonly action: string; readonly resource: string; readonly columns?: readonly string[] }[]
  readonly masks: readonly { readonly statement: number; readonly output: number; readonly column?: string; readonly class: string; readonly mask: string | null }[]
  readonly reveals: readonly string[]
  readonly limits?: Limits
  readonly demands: readonly { readonly by: readonly string[]; readonly quorum: number; readonly withinMs: number; readonly rule: string }[]
  readonly problem?: Record<string, unknown>
  readonly evaluation: string
  readonly session: string | null
}

/**
 * What query would decide, as data. What it would answer with a refusal about the statement itself is a `deny` here, with that problem; a request
 * that is no request stays one. Tells nothing a refusal would not: names found by looking (a view's tables, the columns of `*`, a trigger's
 * function) are shown only where rules permit them all.
 */
export function explained({ evaluation, session, result }: Considered): Reply<Explanation> {
  if (!result.ok) return judged(result.refusal) ? { evaluation, session, result: ok(denial(result.refusal, [], evaluation, session)) } : { evaluation, session, result }
  const { decision, plan } = result.value
  if (decision.kind === 'deny') return { evaluation, session, result: ok(denial(decision.refusal, decision.rules, evaluation, session)) }
  const obligations = decision.kind === 'permit' ? decision.permit.obligations : decision.obligations
  return {
    evaluation, session, result: ok({
      decision: decision.kind, rules: decision.rules, ...described(plan.effects, obligations),
      demands: decision.kind === 'ask' ? decision.demands : [], ...(decision.kind === 'ask' ? { problem: problemOf(decision.refusal, evaluation) } : plan.fails ? { problem: problemOf(plan.fails, evaluation) } : {}), evaluation, session,
    }),
  }
}

/** Refusals that answer the question asked, as opposed to those that say it could not be asked. */
const judged = (refusal: Refusal): boolean => refusal.slug === 'denied' || refusal.slug === 'statement-unsupported' || refusal.slug === 'target-error'

/** Names the one access the refusal names, and no other. */
function denial(refusal: Refusal, rules: readonly string[], evaluation: string, session: string | null): Explanation {
  const { action, resource } = refusal
  return {
    decision: 'deny', rules, accesses: action === undefined || resource === undefined ? [] : [{ action, resource }], masks: [], reveals: [], demands: [],
    problem: problemOf(refusal, evaluation), evaluation, session,
  }
}

function described(effects: Effects, obligations: Obligations): Pick<Explanation, 'accesses' | 'masks' | 'reveals' | 'limits'> {
  const named = effects.accesses.filter((access) => access.via.length === 0)
  const resources = new Set(named.map((access) => access.resource))
  return {
    accesses: named.map(({ action, resource, columns }) => ({ action, resource, ...(columns === null ? {} : { columns }) })),
    masks: effects.shown.map(({ statement, output, column, resource, dataClass }, i) =>
      ({ statement, output, ...(resources.has(resource) ? { column } : {}), class: dataClass, mask: obligations.masks[i] ?? null })),
    reveals: obligations.revealed, limits: obligations.limits,
  }
}
