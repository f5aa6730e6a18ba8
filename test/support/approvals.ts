import { createApp } from '../../functions/app.ts'
import { createApprover } from '../../functions/approver.ts'
import { createGate } from '../../functions/gate.ts'
import type { Approvals, Ports } from '../../functions/ports.ts'
import type { Id } from '../../schema/event.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { createGateway, type Caller } from './caller.ts'
import { demo } from './policy.ts'
import { createWorld, type TokenOptions, type World } from './ports.ts'
import { createMemoryRequests } from './requests.ts'

export const lead: TokenOptions = { subject: 'user:lea@acme.dev', groups: ['support-leads'] }
export const otherLead: TokenOptions = { subject: 'user:leo@acme.dev', groups: ['support-leads'] }

interface Options<E> {
  readonly automatic?: boolean
  /** Those beside the world's own. */
  readonly engines?: (world: World) => E
  readonly targetOf?: Parameters<typeof createApp>[2]
}
/** A gate whose requests are in memory; the state machine is the test: it says when a request proceeds. `automatic`: as soon as it is decided. */
export function createApproving<E extends Ports['engines'] = Record<never, never>>(documents: Readonly<Record<string, PolicyDocument>> = demo, { automatic = false, engines, targetOf }: Options<E> = {}) {
  const world = createWorld(documents)
  const memory = createMemoryRequests({ now: world.ports.now, events: world.events })
  const started: string[] = []
  const woken: string[] = []
  const workflow: Approvals['workflow'] = { start: async (id) => { started.push(id) }, wake: async (id) => { woken.push(id); if (automatic) void approver.proceed(id) } }
  const ports = { ...world.ports, engines: { ...world.ports.engines, ...engines?.(world) as E }, approvals: { requests: memory.requests, workflow, post: { slack: null, mail: null } } }
  const gate = createGate(ports)
  const approver = createApprover(ports, gate)
  const app = createApp(ports, gate, targetOf, () => import('../../functions/mcp.ts'))
  const { as } = createGateway({ ...world, ports }, app)
  /** Applies another policy, and lets the copy at hand grow old. */
  async function apply(next: Readonly<Record<string, PolicyDocument>>): Promise<void> {
    await ports.policies.apply({ documents: Object.entries(next).map(([path, document]) => ({ path, document })) }, { from: world.pointer()?.version ?? null, by: 'user:x', at: '', commit: null })
    world.clock.ms += 3000
  }
  return { world, ports, memory, gate, approver, app, as, started, woken, apply }
}

export interface Waiting { readonly id: Id<'arq'>; readonly digest: string; readonly status: string; readonly url: string; readonly expiresAt: string; readonly approvers: readonly string[]; readonly quorum: number }
export const path = '/v1/connections/shop/query'
export const refund = { sql: 'insert into public.refunds (order_id) values ($1)', params: [7], purpose: 'late parcel' }

/** Sends a call that needs people; gives the request it became. */
export async function asked(agent: Caller, body: unknown = refund): Promise<Waiting> {
  const reply = await agent.call('POST', path, body)
  if (reply.status !== 202) throw new Error(`expected 202, not ${reply.status}: ${reply.text}`)
  return (reply.json as { request: Waiting }).request
}
export const say = (person: Caller, decision: 'approve' | 'reject', { id, digest }: Pick<Waiting, 'id' | 'digest'>, reason?: string) =>
  person.call('POST', `/v1/requests/${id}/decision`, { decision, digest, ...(reason === undefined ? {} : { reason }) })
