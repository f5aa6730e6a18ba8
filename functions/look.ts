import type { AccessRequest, RequestView } from '../schema/approval.ts'
import type { Caller } from '../schema/caller.ts'
import { refuse, type Refusal } from '../schema/refusal.ts'
import type { Gate } from './gate.ts'
import type { Admitted } from './own.ts'
import type { Ports } from './ports.ts'
import { findLock } from './resolve/locks.ts'

/** For what is looked at only to be shown, ms. */
const patienceMs = 2000

/** What the people who decide are shown of the target as it is now, beside what the request binds. Nothing rests on it: all of it is looked at again before anything runs. */
export function createLook(ports: Pick<Ports, 'now' | 'id' | 'engines'>, gate: Gate) {
  /** The target's guess of how many rows, for the people who decide. A guess that cannot be had is none; it never stands in the way. */
  async function estimated({ policy, locks, caller }: Admitted, { bound }: AccessRequest): Promise<RequestView['estimate']> {
    const connection = policy.connections.get(bound.connection)
    const engine = connection && ports.engines[connection.engine]
    if (!connection || !engine?.estimate) return undefined
    // The target is not asked for what a lock stops, whoever looks.
    const requester: Caller = { issuer: bound.issuer, subject: bound.subject, actors: bound.actors, person: false, claims: {}, expiresAt: 0 }
    if ([caller, requester].some((one) => findLock(locks, policy, one, bound.connection, ports.now()))) return undefined
    return engine.estimate(connection, { ...bound.query, purpose: bound.purpose }).catch(() => undefined)
  }
  /** What it would change as things are now, looked at as whoever asked and never longer than a person waits. What cannot be had stands in nobody's way: it is looked at again before it runs. */
  async function differing(admitted: Admitted, request: AccessRequest): Promise<string | undefined> {
    const { policy, locks } = admitted
    const { bound, session } = request
    const requester: Caller = { issuer: bound.issuer, subject: bound.subject, actors: bound.actors, person: false, claims: bound.claims, expiresAt: Date.parse(bound.expiresAt) }
    const silent = { refuse: async (refusal: Refusal) => refuse(refusal), decided: () => {} }
    const query = { ...bound.query, purpose: bound.purpose }
    const asking = { call: { authorization: null, connection: bound.connection }, admitted, query, story: gate.recorder.begin(ports.id('eval'), admitted, bound.connection, request).unrecorded() }     // who looks on takes a place of their own for it
    const looking = gate.streams.hold(asking, () => gate.consider(bound.connection, query, { policy, locks, caller: requester, session: session ?? ports.id('ses') }, silent)).then((seen) => (seen.ok ? seen.value.plan.diff : undefined))
    return Promise.race([looking, new Promise<undefined>((resolve) => { setTimeout(() => resolve(undefined), patienceMs).unref() })]).catch(() => undefined)
  }
  return { estimated, differing }
}
