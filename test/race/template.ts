import type { AccessRequest } from '../../schema/approval.ts'
import type { Event } from '../../schema/event.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { asked, createApproving } from '../support/approvals.ts'
import { support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'

type Documents = Readonly<Record<string, PolicyDocument>>
type Role = Extract<PolicyDocument, { kind: 'role' }>
/** The policy of the races: refunds need `quorum` of the leads. `owner` owns the agent. */
export function policyOf(quorum: number, { owner = 'user:olga@acme.dev', within = '30m', extra = [] }: { readonly owner?: string; readonly within?: string; readonly extra?: Role['rules'] } = {}): Documents {
  const rules: Role['rules'] = [{ allow: ['insert', 'update'], connection: 'shop', on: ['public.refunds'], approval: { by: ['support-leads'], quorum, within } }, ...extra]
  return { ...demo, 'roles/support-agent.yaml': { version: 1, kind: 'role', name: 'support-agent', members: [{ group: 'support-agents' }, { subject: 'agent:support-bot', owner }], rules } }
}
const templates = new Map<number, Promise<{ readonly request: AccessRequest; readonly event: Event }>>()
/** A request as a gate made it of a call: made once, put into each run's store. */
export function templateOf(quorum: number) {
  const known = templates.get(quorum) ?? (async () => {
    const at = createApproving(policyOf(quorum))
    const { id } = await asked(await at.as(support))
    const [request, event] = [at.memory.stored.get(id), at.world.events[0]]
    if (!request || !event) throw new Error('no request was made')
    return { request, event }
  })()
  templates.set(quorum, known)
  return known
}
