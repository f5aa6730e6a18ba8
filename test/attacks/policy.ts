import type { ConnectionDocument } from '../../schema/policy.ts'
import type { Effects } from '../../schema/effects.ts'

/** The connection the attacks are run on, and the one role's rules in the shortest form that can decide them. */
export const connection: ConnectionDocument = {
  version: 1, kind: 'connection', name: 'attacked', engine: 'postgres', secret: 'attacked',
  classify: {
    'public.users.ssn': 'pii.ssn', 'public.users.email': 'pii.email', 'public.users.salary': 'pay', 'public.people.ssn': 'pii.ssn', 'public.pusers.ssn': 'pii.ssn', 'hr.payroll.ssn': 'pii.ssn',
  },
}
const readable = new Set(['public.users', 'public.orders', 'public.notes', 'public.v_users', 'public.v_users2', 'public.pusers', 'public.people'])
const writable = new Set(['public.notes'])

/** null: permitted, with every shown class masked. Otherwise why not. Nothing is revealed, so a use refuses; a child is what its parent is. */
export function refusedBy(effects: Effects): string | null {
  for (const { action, resource, via, part } of effects.accesses) {
    const parent = part ? via.at(-1) ?? resource : resource
    const allowed = action === 'select' ? readable.has(parent) : ['insert', 'update', 'delete'].includes(action) ? writable.has(parent) : false
    if (!allowed) return `${action} on ${resource}`
  }
  const [used] = effects.used
  return used ? `${used.dataClass} of ${used.resource}.${used.column} ${used.how}` : null
}
