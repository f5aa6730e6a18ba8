import type { ConnectionDocument } from '../../schema/policy.ts'
import { loginOf } from '../../schema/login.ts'
import { holds, type Judge } from './access.ts'
import type { RoleSet } from './roleset.ts'

/**
 * Whose rules give a command: of the roles held, those whose own rule allows it now, with the fewest people asked, and that have one login. So a command runs as no user of a role that says nothing of it, whose condition does not hold,
 * or that would have asked people where another's rule does not, and nobody approves it whom another user's role names. In order of name. Where none gives it, it is refused, and these are all roles held.
 */
export function giving(judge: Judge, logins: ConnectionDocument['logins'], line: string): readonly RoleSet[] {
  const all = judge.roles.single().map((role) => {
    const rules = role.find(judge.connection, 'exec', line, false, judge.form).allow.filter((rule) => holds(judge, rule, 'exec', line))
    return { role, quorum: Math.min(...rules.map(({ approval }) => approval?.quorum ?? 0)) }
  })
  const quorum = Math.min(...all.map((one) => one.quorum))            // as `enough` settles it: none before few before many
  if (quorum === Infinity) return judge.roles.single()
  const fewest = all.flatMap((one) => (one.quorum === quorum ? [one.role] : []))
  const login = loginOf({ logins }, fewest.flatMap(({ names }) => names))
  return fewest.filter(({ names }) => loginOf({ logins }, names) === login)
}
