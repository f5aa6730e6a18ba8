import { Environment, type ASTNode } from '@marcbachmann/cel-js'
import { Asserted, Who, type Condition, type Conditions, type Inspected } from './condition.ts'

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

/** Parses, type-checks and looks through a condition without running it: for `policy check`, and for compile, which trusts no earlier check. */
function inspectCondition(source: string): Inspected {
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
function compileCondition(source: string): Condition {
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

/**
 * Collects the names read; finds what type-checks and must not run. `matches` is a backtracking engine fed with the caller's own text. Claims are read by name alone: an approval keeps those that conditions read, and
 * all of them are another in each token.
 */
function look(node: ASTNode, reads: Set<string>): Inspected['problem'] {
  if (node.op === 'rcall' && node.args[0] === 'matches' || node.op === 'call' && node.args[0] === 'matches') {
    return { message: '`matches` is not offered: a caller could make it run for minutes; use `startsWith`, `endsWith` or `contains`', at: node.start }
  }
  const claim = claimOf(node)
  if (claim !== null) {
    reads.add(`claims.${claim}`)
    return null
  }
  if (node.op === 'id' && node.args === 'claims') return { message: 'claims are read by name, because all of them are another in each token: `claims.team`, `claims["team"]` or `"team" in claims`', at: node.start }
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

/** The one claim this reads, where its name is written there: `claims.x`, `claims["x"]`, `"x" in claims`. */
function claimOf(node: ASTNode): string | null {
  if (node.op === '.' || node.op === '[]') return isClaims(node.args[0]) ? textOf(node.args[1]) : null
  return node.op === 'in' && isClaims(node.args[1]) ? textOf(node.args[0]) : null
}
const isClaims = (node: ASTNode): boolean => node.op === 'id' && node.args === 'claims'
const textOf = (name: ASTNode | string): string | null => (typeof name === 'string' ? name : name.op === 'value' && typeof name.args === 'string' ? name.args : null)

function children(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(children)
  return isNode(args) ? [args] : []
}
const isNode = (value: unknown): value is ASTNode => typeof value === 'object' && value !== null && 'op' in value && 'args' in value && 'start' in value

export const cel: Conditions = { inspect: inspectCondition, compile: compileCondition }
