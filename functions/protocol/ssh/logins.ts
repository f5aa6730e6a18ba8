import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Refusal } from '../../../schema/refusal.ts'

export const loginsOf = ({ logins = {} }: ConnectionDocument): readonly string[] => [...new Set(Object.values(logins))].toSorted()
export const noLogin = (name: string): Refusal => ({
  slug: 'denied', reason: 'no_login', next: 'none', detail: `no role of yours that gives this command has a login on \`${name}\`; the connection's \`logins\` names one for each role that may run commands there`,
})
