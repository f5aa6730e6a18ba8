import { createApp } from '../../functions/app.ts'
import { createApprover } from '../../functions/approver.ts'
import { createGate } from '../../functions/gate.ts'
import type { Ports } from '../../functions/ports.ts'
import type { Rig } from '../contract/rig.ts'
import { createGateway } from './caller.ts'
import { createWorld } from './ports.ts'

/** A gate, and with each `process` an approver of another one: they share nothing but the store. `story`: what the record says of a request, oldest first. */
export function createReplicas(rig: Rig, documents?: Parameters<typeof createWorld>[0]) {
  const world = createWorld(documents)
  const over = (stores: Rig['ports']): Ports => ({
    ...world.ports, ledger: stores.ledger, idempotency: stores.idempotency, now: () => world.clock.ms, approvals: { requests: stores.requests, workflow: { start: async () => undefined, wake: async () => undefined }, post: { slack: null, mail: null } },
  })
  const ports = over(rig.ports)
  const { as } = createGateway({ ...world, ports }, createApp(ports, createGate(ports)))
  const process = () => { const its = over(rig.other()); return { ports: its, approver: createApprover(its, createGate(its)) } }
  const story = async (request: string) => (await rig.ports.ledger.list({}, { limit: 50, after: null })).events.filter((event) => event.request === request).map(({ kind }) => kind).toReversed()
  return { as, world, process, story }
}
