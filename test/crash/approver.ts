import { engineOf } from '../../functions/protocol/engine.ts'
import { createApprover } from '../../functions/approver.ts'
import { createGate } from '../../functions/gate.ts'
import type { Approvals, Ports } from '../../functions/ports.ts'
import type { Id } from '../../schema/event.ts'
import { openPorts, type Place } from '../support/local.ts'
import { createMortality } from './mortal.ts'

/** A process that executes an approved request, and dies at the given boundary. */
const { place, request, killAt } = JSON.parse(process.argv[2] ?? '{}') as { place: Place; request: Id<'arq'>; killAt: number }
const { boundary, mortal } = createMortality(killAt)
const real = openPorts(place)
const { requests, workflow, post } = real.approvals as Approvals
const ports: Ports = {
  ...real, policies: mortal(real.policies), ledger: mortal(real.ledger), meter: mortal(real.meter), secrets: mortal(real.secrets),
  approvals: { requests: mortal(requests), workflow: mortal(workflow), post }, engines: { postgres: mortal(engineOf(real, { name: 'shop', engine: 'postgres' })) },
}
const approver = createApprover(ports, createGate(ports))
process.send?.('ready')
const status = await approver.proceed(request)
process.stdout.write(JSON.stringify({ boundary: boundary(), status }))
process.exit(0)
