import type { Caller, Principal } from '../../schema/caller.ts'
import type { Target } from '../../schema/effects.ts'
import type { ActionName } from '../../schema/policy.ts'

/**
 * `when`, in CEL (cel.ts). Receives what the token proved and what the caller asserts; says true, false or error, and whoever asks turns an error into
 * the answer that gives less: no match for `allow` and `reveal`, a match for `deny` and `ask`. Pure: no clock, no function that reaches out.
 */
export interface Condition {
  readonly source: string
  /** It reads `object`, `oldObject` or `changed`, which a first look at a call may not know yet. */
  readonly readsObject: boolean
  readonly test: (scope: Scope) => Verdict
}
export type Verdict = 'true' | 'false' | 'error'

/** `at`: offset in the source. `reads`: the names it reads (`subject`, `context.purpose`), for the warning about what rests on `context` alone. */
export interface Inspected { readonly problem: { readonly message: string; readonly at: number } | null; readonly reads: ReadonlySet<string> }

/** The language of conditions, as cel.ts speaks it. Passed in, because it is a seventh of all that a cold start would read, and a policy without conditions has no word of it. */
export interface Conditions { readonly inspect: (source: string) => Inspected; readonly compile: (source: string) => Condition }

/** What a call asserts about itself. `time` (epoch ms) is the gate's own clock, the only one of the three that proves anything. */
export interface Context { readonly purpose: string | null; readonly session: string | null; readonly time: number }

/** Everything `when` can see. */
export interface Scope {
  readonly subject: Who; readonly actor: Who | null; readonly claims: Readonly<Record<string, unknown>>
  readonly action: ActionName | 'reveal'; readonly resource: string; readonly context: Asserted
  /** Of Kubernetes, see Target; left out where they are not known: reading them is an error. */
  readonly object?: unknown; readonly oldObject?: unknown; readonly changed?: readonly string[]
}

export class Who {
  readonly id: string; readonly kind: string; readonly groups: readonly string[]; readonly roles: readonly string[]
  constructor(principal: Principal, roles: readonly string[]) {
    this.id = principal.id; this.kind = principal.kind; this.groups = principal.groups; this.roles = roles
  }
}
export class Asserted {
  readonly purpose: string | null; readonly session: string | null; readonly time: Date
  constructor(context: Context) { this.purpose = context.purpose; this.session = context.session; this.time = new Date(context.time) }
}

/**
 * Subject and actor are the token's whichever of them is being judged: that is how a rule says "this agent, on behalf of that person". Made only
 * when a condition is there to see it.
 */
export function openScope(caller: Caller, rolesOf: (principal: Principal) => readonly string[], context: Context): (action: Scope['action'], resource: string, target?: Target) => Scope {
  let base: Omit<Scope, 'action' | 'resource' | 'object' | 'oldObject' | 'changed'> | null = null
  const open = () => {
    const actor = caller.actors[0]
    return {
      subject: new Who(caller.subject, rolesOf(caller.subject)), actor: actor ? new Who(actor, rolesOf(actor)) : null,
      claims: caller.claims, context: new Asserted(context),
    }
  }
  return (action, resource, target) => ({
    ...(base ??= open()), action, resource,
    ...(target?.object === undefined ? {} : { object: whole(target.object) }), ...(target?.oldObject === undefined ? {} : { oldObject: whole(target.oldObject) }), ...(target?.changed === undefined ? {} : { changed: target.changed }),
  })
}

const wholes = new WeakMap<object, unknown>()
/** JSON has one kind of number, CEL an integer that no fraction mixes with: `replicas + 1` must mean what it says. Once an object, whatever number of rules ask. */
function whole(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof value !== 'object' || value === null) return value
  const known = wholes.get(value) ?? (Array.isArray(value) ? value.map(whole) : Object.fromEntries(Object.entries(value).map(([key, member]) => [key, whole(member)])))
  wholes.set(value, known)
  return known
}
