import type { Caller, Principal } from '../../schema/caller.ts'
import type { Effects, Limits, Obligations, Shown, Used } from '../../schema/effects.ts'
import type { MaskName } from '../../schema/policy.ts'
import type { Refusal } from '../../schema/refusal.ts'
import type { Ask, Decision } from '../permit.ts'
import { judgeAccess, Tally, type Judge, type Permitted } from './access.ts'
import { openScope, type Context } from './condition.ts'
import { allOf } from './demand.ts'
import { makePermit } from './permit.ts'
import { giving } from './giver.ts'
import { formOf, type Policy } from './policy.ts'
import { approvalRequired, noConnection, refuseAccess, refuseMark, refuseReveal, refuseUse } from './refusal.ts'
import { judgeReveal } from './reveal.ts'

export interface Asked {
  readonly caller: Caller
  /** A connection's name, or `sluice` for the gate's own resources. */
  readonly connection: string
  readonly effects: Effects
  /** Classes the call wants in clear, at the price of an approval where the rule wants one. */
  readonly reveal: readonly string[]
  readonly context: Context
  /** Asked where people must agree first: true when they have, to exactly this. Left out: nobody was asked. */
  readonly approved?: ((ask: Ask) => boolean) | undefined
}

/**
 * May this caller do all of this? Receives what the token proved, what classify found and what the caller asserts; permits only what a rule of
 * every principal allows, no rule of any denies, and gives the obligations under which it may. Pure: no I/O and no clock but `context.time`.
 */
export function decide(policy: Policy, asked: Asked): Decision {
  const verdict = weigh(policy, asked, false)
  if (verdict.kind !== 'permit') return verdict
  return { kind: 'permit', permit: makePermit(asked.effects, verdict.obligations), rules: verdict.rules }
}

/**
 * A first, provisional look, before the target is asked what a write would make of an object (`Plan.preview`): a rule whose `when` reads the object counts as it is best for the caller.
 * Gives the refusal that no object could change; null: ask the target, then decide. Never a permit.
 */
export function foreclosed(policy: Policy, asked: Asked): Extract<Decision, { kind: 'deny' }> | null {
  const verdict = weigh(policy, asked, true)
  return verdict.kind === 'deny' ? verdict : null
}

/** Whether the answer hangs on an object that is not at hand: some rule's `when` reads it, and it matters. */
export function restsOnObject(policy: Policy, asked: Asked): boolean {
  const [lenient, strict] = [weigh(policy, asked, true), weigh(policy, asked, false)]
  return lenient.kind !== strict.kind || lenient.rules.join() !== strict.rules.join()
}

type Weighed = Exclude<Decision, { kind: 'permit' }> | { readonly kind: 'permit'; readonly obligations: Obligations; readonly rules: readonly string[] }
function weigh(policy: Policy, asked: Asked, early: boolean): Weighed {
  const { effects, connection } = asked
  const grant = policy.grant(connection)
  if (!grant || !policy.reaches(asked.caller, connection)) return { kind: 'deny', refusal: noConnection(connection), rules: [] }
  const masks: (MaskName | null)[] = effects.shown.map(() => null)
  const tally = new Tally(grant)
  let asking: Verdict['asking'] = null
  for (const judged of judgesOf(policy, asked, grant, early)) {
    const verdict = judgeAll(policy, asked, judged)
    if (verdict.refusal) return { kind: 'deny', refusal: verdict.refusal, rules: verdict.refusal.rule ? [verdict.refusal.rule] : [] }
    verdict.masks.forEach((mask, i) => { masks[i] ??= mask })              // masked for one of them is masked
    tally.add(verdict.tally)
    asking ??= verdict.asking
  }
  const revealed = [...new Set([...effects.shown.filter((_, i) => masks[i] === null), ...effects.used].map((item) => item.dataClass))].sort()
  const obligations = { masks, revealed, detect: policy.connections.get(connection)?.detect ?? [], limits: tally.limits }
  const all = allOf(tally.demands)
  if (all.length > 0) {
    const ask: Ask = { kind: 'ask', demands: all, obligations, rules: tally.rules, refusal: approvalRequired(all, asking) }
    if (asked.approved?.(ask) !== true) return ask
  }
  return { kind: 'permit', obligations, rules: tally.rules }
}

/** Subject first, then the `act` chain: each must be permitted by itself, so a token never does more than the least of those in it. */
export function judgesOf(policy: Policy, asked: Asked, grant: Limits, early = false): { readonly judge: Judge; readonly principal: Principal; readonly who: string }[] {
  const scope = openScope(asked.caller, policy.rolesOf, asked.context)
  const system = new Map<string, boolean>()
  for (const access of asked.effects.accesses) system.set(access.resource, access.system || (system.get(access.resource) ?? false))
  const parts = new Set(asked.effects.accesses.flatMap((access) => (access.part ? [access.resource] : [])))
  const alone = asked.caller.actors.length === 0
  const document = policy.connections.get(asked.connection)
  const form = document ? formOf(document) : 'own'
  return [asked.caller.subject, ...asked.caller.actors].map((principal, i) => {
    const judge: Judge = { roles: policy.roleSet(principal), connection: asked.connection, grant, scope, system, parts, early, form }
    // Whoever acts is somebody on the host: what gives are rules of roles with that login.
    const acts = form === 'ssh' && i === (alone ? 0 : 1) && document?.logins !== undefined
    return {
      principal, who: alone ? '' : ` for the ${i === 0 ? 'subject' : 'actor'} \`${principal.id}\``,
      judge: acts ? { ...judge, givers: giving(judge, document.logins, asked.effects.accesses[0]?.resource ?? '') } : judge,
    }
  })
}

/** Of a command: the roles by whose login it runs. Sorted. */
export function giversOf(policy: Policy, asked: Omit<Asked, 'effects' | 'reveal'>, line: string): readonly string[] {
  const grant = policy.grant(asked.connection)
  const access = { action: 'exec', resource: line, columns: null, system: false, via: [], statement: 0, span: null } as const
  const judged = grant ? judgesOf(policy, { ...asked, reveal: [], effects: { accesses: [access], shown: [], used: [], readOnly: false, fingerprint: '' } }, grant) : []
  const judge = judged[judged.length > 1 ? 1 : 0]?.judge
  return judge?.givers?.flatMap(({ names }) => names) ?? judge?.roles.names ?? []
}

/** How a class is shown to whoever may not reveal it. */
export const maskOf = (policy: Policy, connection: string, dataClass: string): MaskName => {
  const masks = policy.connections.get(connection)?.mask
  return masks && Object.hasOwn(masks, dataClass) ? (masks[dataClass] ?? 'redact') : (masks?.['*'] ?? 'redact')
}

interface Verdict {
  readonly refusal: Refusal | null
  readonly masks: readonly (MaskName | null)[]
  /** The first access that asks, for the words of the refusal. */
  readonly asking: { readonly action: string; readonly resource: string } | null
  readonly tally: Tally
}

/** One principal. Accesses come first: a refusal about a class would tell of a column whose table the caller may not name. */
function judgeAll(policy: Policy, asked: Asked, { judge, who }: { judge: Judge; who: string }): Verdict {
  const tally = new Tally(judge.grant)
  const masks: (MaskName | null)[] = []
  let asking: Verdict['asking'] = null
  const add = (part: Permitted, action: string, resource: string) => {
    if (part.demands.length > 0) asking ??= { action, resource }
    tally.add(part)
  }
  const no = (refusal: Refusal): Verdict => ({ refusal, masks, asking, tally })
  for (const access of asked.effects.accesses) {
    const judged = judgeAccess(judge, access)
    if (judged.kind !== 'permitted') return no(refuseAccess(judge, access, judged, who))
    add(judged, access.action, access.resource)
  }
  const { seen, maskFor } = reveals(policy, asked, judge)
  for (const used of asked.effects.used) {
    const { judged, clear } = seen(used)
    if (used.back === 'detector') return no(refuseMark(used))
    if (!clear && judged.kind !== 'clear') return no(refuseUse(used, judged, maskFor(used), who))
    if (judged.kind !== 'masked') add(judged, 'reveal', used.resource)
  }
  for (const shown of asked.effects.shown) {
    const { judged, clear, named } = seen(shown)
    if (judged.kind === 'masked' && named) return no(refuseReveal(shown, maskFor(shown), who))
    masks.push(clear ? null : maskFor(shown))
    if (clear && judged.kind !== 'masked') add(judged, 'reveal', shown.resource)
  }
  return { refusal: null, masks, asking, tally }
}

/** `named`: the call's `reveal` says the class, so that a rule with approval asks instead of masking. */
function reveals(policy: Policy, asked: Asked, judge: Judge) {
  return {
    maskFor: (item: Shown | Used) => maskOf(policy, asked.connection, item.dataClass),
    seen(item: Shown | Used) {
      const judged = judgeReveal(judge, item, asked.effects.accesses)
      const named = asked.reveal.includes(item.dataClass)
      return { judged, named, clear: judged.kind === 'clear' || (judged.kind === 'asks' && named) }
    },
  }
}
