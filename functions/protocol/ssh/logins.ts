import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Refusal } from '../../../schema/refusal.ts'

/** As whom a role's commands run. null: as the secret says. `none`: logins are named, and no role held has one. Of several roles held the first in order of name. */
export function loginOf({ logins }: ConnectionDocument, roles: readonly string[]): string | null | 'none' {
  if (logins === undefined) return null
  const role = roles.toSorted().find((name) => Object.hasOwn(logins, name))
  return logins[role ?? '*'] ?? 'none'
}
export const loginsOf = ({ logins = {} }: ConnectionDocument): readonly string[] => [...new Set(Object.values(logins))].toSorted()
export const noLogin = (name: string): Refusal => ({
  slug: 'denied', reason: 'no_login', next: 'none', detail: `no role of yours has a login on \`${name}\`; the connection's \`logins\` gives one to each role that may run commands there`,
})
