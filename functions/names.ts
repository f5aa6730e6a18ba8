import { nameOf } from '../schema/command.ts'
import type { Bundle, ConnectionDocument, RuleDocument } from '../schema/policy.ts'
import type { PolicyName } from './protocol/protocol.ts'

/**
 * Every name a policy uses of one connection's target, to be looked for there: a `classify` or `deny` that names nothing protects nothing. What a
 * rule says of connection `*` need not be on every one of them.
 */
export function namesOf(bundle: Bundle, connection: ConnectionDocument): readonly PolicyName[] {
  const classified = Object.entries(connection.classify ?? {}).map(([name, given]): PolicyName => ({ from: 'classify', name, optional: typeof given === 'object' }))
  const ruled = bundle.documents.flatMap(({ document }) => document.kind === 'role' ? document.rules.flatMap((rule) => ruleNames(rule, connection.name)) : [])
  return [...classified, ...ruled]
}

function ruleNames(rule: RuleDocument, connection: string): readonly PolicyName[] {
  const named = [rule.connection].flat()
  if (!named.includes(connection) && !named.includes('*')) return []
  const optional = rule.optional === true || !named.includes(connection)
  const names = (rule.on ?? []).map((name): PolicyName => ({ from: rule.deny ? 'deny' : 'on', name: nameOf(name), optional }))
  const { columns } = rule
  return columns ? [...names, ...names.map(({ name }): PolicyName => ({ from: 'columns', name, columns, optional }))] : names
}
