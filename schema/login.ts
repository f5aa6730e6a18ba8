import type { ConnectionDocument } from './policy.ts'

/** As whom a command of these roles runs. null: as the secret says. undefined: logins are named, and none of these roles has one. Of several the first in order of name that has one. */
export function loginOf({ logins }: Pick<ConnectionDocument, 'logins'>, roles: readonly string[]): string | null | undefined {
  if (logins === undefined) return null
  const role = roles.toSorted().find((name) => Object.hasOwn(logins, name))
  return logins[role ?? '*']
}
