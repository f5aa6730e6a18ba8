import { Environment, type ASTNode } from '@marcbachmann/cel-js'
import type { Caller, Principal } from '../../schema/caller.ts'
import type { Target } from '../../schema/effects.ts'
import type { ActionName } from '../../schema/policy.ts'

/**
 * `when`, in CEL. Receives what the token proved and what the caller asserts; says true, false or error, and whoever asks turns an error into
 * the answer that gives less: no match for `allow` and `reveal`, a match for `deny` and `ask`. Pure: no clock, no function that reaches out.
 */
export interface Condition {
  readonly source: string
  /** It reads `object`, `oldObject` or `changed`, which a first look at a call may not know yet. */
  readonly readsObject: boolean
  readonly test: (scope: Scope) => Verdict
}
export type Verdict = 'true' | 'false' | 'error'

/** What a call asserts about itself. `time` (epoch ms) is the gate's own clock, the only one of the three that proves anything. */
export interface Context { readonly purpose: string | null; readonly session: string | null; readonly time: number }

/** Everything `when` can see. */
export interface Scope {
  readonly subject: Who; readonly actor: Who | null; readonly claims: Readonly<Record<string, unknown>>
  readonly action: ActionName | 'reveal'; readonly resource: string; readonly context: Asserted
  /** Of Kubernetes, see Target; left out where they are not known: reading them is an error. */
  readonly object?: unknown; readonly oldObject?: unknown; readonly changed?: readonly string[]
}

class Who {
  readonly id: string; readonly kind: string; readonly groups: readonly string[]; readonly roles: readonly string[]
  constructor(principal: Principal, roles: readonly string[]) {
    this.id = principal.id; this.kind = principal.kind; this.groups = principal.groups; this.roles = roles
  }
}
class Asserted {
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

const environment = new Environment({ limits: { maxAstNodes: 500, maxDepth: 40 } })
  .registerType('Principal', { ctor: Who, fields: { id: 'string', kind: 'string', groups: 'list<string>', roles: 'list<string>' } })
  .registerType('Context', { ctor: Asserted, fields: { purpose: 'dyn', session: 'dyn', time: 'google.protobuf.Timestamp' } })
  .registerVariable('subject', 'Principal')
  .registerVariable('actor', 'dyn')                 // a Principal or null, which the type checker cannot say
  .registerVariable('claims', 'map<string, dyn>')
  .registerVariable('action', 'string')
  .registerVariable('resource', 'string')
  .registerVariable('context', 'Context')
  .registerVariable('object', 'dyn')
  .registerVariable('oldObject', 'dyn')
  .registerVariable('changed', 'list<string>')

/** `at`: offset in the source. `reads`: the names it reads (`subject`, `context.purpose`), for the warning about what rests on `context` alone. */
export interface Inspected { readonly problem: { readonly message: string; readonly at: number } | null; readonly reads: ReadonlySet<string> }

/** Parses, type-checks and looks through a condition without running it: for `policy check`, and for compile, which trusts no earlier check. */
export function inspectCondition(source: string): Inspected {
  const reads = new Set<string>()
  const checked = environment.check(source)
  if (!checked.valid) {
    const message = (checked.error?.summary ?? 'not understood').replace(/^./, (first) => first.toLowerCase())
    return { problem: { message, at: checked.error?.range?.start ?? 0 }, reads }
  }
  const problem = look(environment.parse(source).ast, reads)
  if (problem) return { problem, reads }
  const boolean = checked.type === 'bool' || checked.type === 'dyn'
  return { problem: boolean ? null : { message: `gives \`${checked.type}\`, and a condition gives true or false`, at: 0 }, reads }
}

/** Never throws: a condition that is not sound is an error at every evaluation. */
export function compileCondition(source: string): Condition {
  const { problem, reads } = inspectCondition(source)
  const readsObject = [...reads].some((name) => /^(?:object|oldObject|changed)(?:\.|$)/.test(name))
  if (problem) return { source, readsObject, test: () => 'error' }
  const run = environment.parse(source)
  return {
    source, readsObject,
    test(scope) {
      try {
        const value: unknown = run(scope)
        return value === true ? 'true' : value === false ? 'false' : 'error'
      } catch {
        return 'error'
      }
    },
  }
}

const principalFields = new Set(['id', 'kind', 'groups', 'roles'])

/** Collects the names read; finds what type-checks and must not run. `matches` is a backtracking engine fed with the caller's own text. */
function look(node: ASTNode, reads: Set<string>): Inspected['problem'] {
  if (node.op === 'rcall' && node.args[0] === 'matches' || node.op === 'call' && node.args[0] === 'matches') {
    return { message: '`matches` is not offered: a caller could make it run for minutes; use `startsWith`, `endsWith` or `contains`', at: node.start }
  }
  if (node.op === 'id') reads.add(node.args)
  if (node.op === '.' && node.args[0].op === 'id') {
    const [owner, field] = [node.args[0].args, node.args[1]]
    if (owner === 'actor' && !principalFields.has(field)) return { message: `an actor has no \`${field}\`, only id, kind, groups and roles`, at: node.start }
    reads.add(`${owner}.${field}`)
    return null
  }
  for (const child of children(node.args)) {
    const problem = look(child, reads)
    if (problem) return problem
  }
  return null
}

function children(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(children)
  return isNode(args) ? [args] : []
}
const isNode = (value: unknown): value is ASTNode => typeof value === 'object' && value !== null && 'op' in value && 'args' in value && 'start' in value
