import { fork } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import { createApprover } from '../../functions/approver.ts'
import { createGate } from '../../functions/gate.ts'
import { unstick } from '../../functions/stuck.ts'
import { sweep } from '../../functions/sweep.ts'
import { isOpen } from '../../schema/approval.ts'
import type { Event, Id } from '../../schema/event.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { mint, openPorts, startPlace, type Place } from '../support/local.ts'
import type { TestDatabase } from '../support/postgres.ts'

/**
 * A process that executes an approved request, killed at every boundary it has and at random moments, often with another that tries the same at the
 * same time. Afterwards each request ran at most once, and what it says of itself, what the record says and what the table has agree.
 */
const kills = 64
const schema = `
  CREATE TABLE public.refunds (id bigserial PRIMARY KEY, amount numeric NOT NULL, reason text NOT NULL);
  CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x';
  GRANT SELECT, INSERT ON public.refunds TO w; GRANT USAGE ON SEQUENCE public.refunds_id_seq TO w; GRANT SELECT ON public.refunds TO r, p;`
const documents: readonly PolicyDocument[] = [
  { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' }, limits: { pending: 1000, perHour: { statements: 100_000, rows: 100_000 } } },
  { version: 1, kind: 'role', name: 'writer', members: [{ group: 'writers' }], rules: [{ allow: ['select', 'insert'], connection: 'shop', on: ['public.refunds'], approval: { by: ['leads'], quorum: 1, within: '2h' } }] },
]

let place: Place
let database: TestDatabase
let stop: () => Promise<void>
let ports: ReturnType<typeof openPorts>
let app: ReturnType<typeof createApp>
beforeAll(async () => {
  ({ place, database, stop } = await startPlace({ schema, documents }))
  ports = openPorts(place)
  app = createApp(ports)
})
afterAll(async () => {
  await ports.engines.postgres?.close()
  ports.close()
  await stop()
})

const call = async (token: string, path: string, body: unknown) => {
  const response = await app.request(path, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const said = await response.json() as { readonly request?: { readonly id: Id<'arq'>; readonly digest: string; readonly status: string } }
  if (said.request === undefined) throw new Error(`expected a request, not ${response.status}: ${JSON.stringify(said)}`)
  return { request: said.request }
}
async function approved(marker: string, agent: string, person: string): Promise<Id<'arq'>> {
  const { request } = await call(agent, '/v1/connections/shop/query', { sql: 'insert into public.refunds (amount, reason) values ($1, $2)', params: ['1.50', marker] })
  const said = await call(person, `/v1/requests/${request.id}/decision`, { decision: 'approve', digest: request.digest })
  expect(said.request.status).toBe('approved')
  return request.id
}
function run(request: Id<'arq'>, killAt: number, afterMs: number | null): Promise<{ readonly signal: string | null; readonly output: string }> {
  const child = fork(join(import.meta.dirname, 'approver.ts'), [JSON.stringify({ place, request, killAt })], { silent: true, execArgv: [] })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr?.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.on('message', () => { if (afterMs !== null) setTimeout(() => child.kill('SIGKILL'), afterMs) })
  return new Promise((resolve) => child.on('close', (_, signal) => resolve({ signal, output })))
}
async function story(): Promise<readonly Event[]> {
  const events: Event[] = []
  let after: string | null = null
  do {
    const page: { readonly events: readonly Event[]; readonly next: string | null } = await ports.ledger.list({}, { limit: 200, after })
    events.push(...page.events)
    after = page.next
  } while (after !== null)
  return events
}

test('an approved request runs at most once, whatever dies, and states and record agree', async () => {
  const agent = await mint(place, 'agent:writer', ['writers'])
  const person = await mint(place, 'user:lea@acme.dev', ['leads'])
  const ids = new Map<string, Id<'arq'>>()
  for (let n = 0; n <= kills; n++) ids.set(`kill-${n}`, await approved(`kill-${n}`, agent, person))

  const alive = await run(ids.get('kill-0') ?? 'arq_', 0, null)
  expect(alive.output).toContain('"status":"succeeded"')
  const { boundary } = JSON.parse(alive.output) as { boundary: number }
  expect(boundary).toBeGreaterThan(16)

  let [killed, own] = [0, 0]
  const plan = [...ids].slice(1).entries()
  await Promise.all([0, 1].map(async () => {
    for (const [n, [, id]] of plan) {
      const other = n % 3 === 0 ? run(id, 0, null) : null               // a second replica that has the same request
      const died = await run(id, n < boundary ? n + 1 : 0, n < boundary ? null : (n * 37) % 150)
      await other
      if (died.signal === 'SIGKILL') killed++
      if (n < boundary && !other && died.signal === 'SIGKILL') own++
      // One that a second process overtakes has fewer boundaries, and may live; on a busy machine one may give up before it comes to its own.
      if (n < boundary && !other && died.signal !== 'SIGKILL') expect(died.output).toContain('store-unavailable')
    }
  }))
  console.log(`${killed} of ${kills} processes were killed, ${boundary} boundaries`)
  expect(own).toBeGreaterThan(boundary / 2)                              // of two thirds; those whose moment is a time may be through before it on a fast machine

  // What the dead left: as the sweeper of a later minute finds it.
  const later = { ...ports, now: () => Date.now() + 10 * 60_000 }
  const past = { ...ports, now: () => Date.now() + 3 * 3600_000 }
  const gate = createGate(later)
  await unstick(later, { ...createApprover(later, gate), announce: async () => {}, tell: async () => {} })
  await sweep(past)
  await sweep(past)
  await unstick(past, { ...createApprover(past, createGate(past)), announce: async () => {}, tell: async () => {} })

  const events = await story()
  const counts = new Map((await database.query('SELECT reason, count(*)::int AS n FROM public.refunds GROUP BY 1')).rows.map((row: { reason: string; n: number }) => [row.reason, row.n]))
  const seen = new Set<string>()
  for (const [marker, id] of ids) {
    const request = await ports.approvals?.requests.get(id)
    const own = events.filter((event) => event.request === id)
    const intents = own.filter(({ kind }) => kind === 'intent')
    const status = request?.status ?? 'pending'
    seen.add(status)
    const n = counts.get(marker) ?? 0
    expect(n, `${marker} ran ${n} times`).toBeLessThanOrEqual(1)
    expect(intents.length, `${marker} has ${intents.length} intents`).toBeLessThanOrEqual(1)
    expect(isOpen(status), `${marker} is still ${status}`).toBe(false)
    expect(own.filter(({ kind }) => kind === 'request' || kind === 'approval')).toHaveLength(2)
    if (n === 1) expect(['succeeded', 'outcome-unknown'], marker).toContain(status)
    if (status === 'succeeded') expect(n, marker).toBe(1)
    if (status !== 'expired') expect(own.filter(({ kind }) => kind === 'outcome'), marker).toHaveLength(intents.length)
    if (status === 'expired' || status === 'failed') expect(n, marker).toBe(0)
  }
  // Worth nothing if it never met them.
  expect([...seen].sort()).toEqual(expect.arrayContaining(['outcome-unknown', 'succeeded']))
}, 900_000)
