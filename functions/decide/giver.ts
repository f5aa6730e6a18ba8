import { holds } from './access.ts'
import { type Asked, judgesOf } from './decide.ts'
import type { Policy } from './policy.ts'

/**
 * Whose rules give a command to whoever acts: of the roles held, those whose own rule allows it now as the decision rests on it. So a command runs as no user of a role that says nothing of it, whose condition does not hold, or that
 * would have asked people where another's rule does not. Sorted. Where none gives it, it is refused, and these are all roles held.
 */
export function giversOf(policy: Policy, asked: Omit<Asked, 'effects' | 'reveal'>, line: string): readonly string[] {
  const grant = policy.grant(asked.connection)
  const acting = grant && judgesOf(policy, { ...asked, reveal: [], effects: { accesses: [], shown: [], used: [], readOnly: false, fingerprint: '' } }, grant)[asked.caller.actors.length === 0 ? 0 : 1]
  if (!acting) return []
  const { judge } = acting
  const giving = judge.roles.single().map((role) => {
    const rules = role.find(asked.connection, 'exec', line, false, judge.form).allow.filter((rule) => holds(judge, rule, 'exec', line))
    return { names: role.names, quorum: Math.min(...rules.map(({ approval }) => approval?.quorum ?? 0)) }
  })
  const quorum = Math.min(...giving.map((one) => one.quorum))         // as `enough` settles it: none before few before many
  return quorum === Infinity ? judge.roles.names : giving.flatMap((one) => (one.quorum === quorum ? one.names : []))
}
