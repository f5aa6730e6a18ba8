import { engineOf } from '../../functions/protocol/engine.ts'
import { createGate } from '../../functions/gate.ts'
import type { Ports } from '../../functions/ports.ts'
import { inSql } from '../../functions/question.ts'
import { ok } from '../../schema/refusal.ts'
import { openPorts, type Place } from '../support/local.ts'
import { createMortality } from './mortal.ts'

/**
 * A gate that dies. Every call it makes to a port or to its engine is a boundary before and a boundary after; at the given boundary the process
 * kills itself with SIGKILL, so nothing is flushed and nobody is told. `killAt` 0: it lives, and prints how many boundaries there were.
 */
const { place, token, body, killAt, key } = JSON.parse(process.argv[2] ?? '{}') as { place: Place; token: string; body: unknown; killAt: number; key: string | null }
const { boundary, mortal } = createMortality(killAt)
const real = openPorts(place)
const ports: Ports = {
  ...real, policies: mortal(real.policies), ledger: mortal(real.ledger), idempotency: mortal(real.idempotency), meter: mortal(real.meter), secrets: mortal(real.secrets),
  engines: { postgres: mortal(engineOf(real, { name: 'shop', engine: 'postgres' })) },
}
const gate = createGate(ports)
process.send?.('ready')
const reply = await gate.query({ authorization: `Bearer ${token}`, session: null, connection: 'shop', idempotencyKey: key, waitMs: 0, question: inSql(async () => ok(body)) })
process.stdout.write(JSON.stringify({ boundary: boundary(), ok: reply.result.ok, refusal: reply.result.ok ? null : reply.result.refusal }))
process.exit(0)
