import type { createApproving } from '../support/approvals.ts'
import { demo } from '../support/policy.ts'

export type Rules = Extract<typeof demo[string], { kind: 'role' }>['rules']
/** What support agents may, of which one has an owner; everything else as in the demo. */
export const withRules = (rules: Rules): typeof demo => ({ ...demo, 'roles/support-agent.yaml': { version: 1, kind: 'role', name: 'support-agent', members: [{ group: 'support-agents' }, { subject: 'agent:support-bot', owner: 'user:olga@acme.dev' }], rules } })
/** The rule of the demo that asks a lead. */
export const refunds: Rules[number] = { allow: ['insert', 'update'], connection: 'shop', on: ['public.refunds'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }
/** What is on record, in order. */
export const kinds = (world: ReturnType<typeof createApproving>['world']) => world.events.map(({ kind }) => kind)
