import { fork } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createIds } from '../../functions/aws/ulid.ts'
import { entryOf } from '../../functions/record/log/entry.ts'
import { createWriting } from '../../functions/record/writer.ts'
import { sweep } from '../../functions/sweep.ts'
import type { Event, IntentEvent, OutcomeEvent } from '../../schema/event.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { check, logOf } from '../record/verify/memory.ts'
import { mint, openPorts, startPlace, type Place } from '../support/local.ts'
import type { TestDatabase } from '../support/postgres.ts'

/**
 * The gate killed at every boundary it has, and at random moments, 100 times; then the record must tell a true story: no effect without an
 * intent, no intent without an outcome or `unknown`, and an outcome that says what the target has.
 */
const kills = 100
const schema = `
  CREATE TABLE public.refunds (id bigserial PRIMARY KEY, amount numeric NOT NULL, reason text NOT NULL);
  CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x';
  GRANT SELECT, INSERT ON public.refunds TO w; GRANT USAGE ON SEQUENCE public.refunds_id_seq TO w; GRANT SELECT ON public.refunds TO r, p;`
const documents: readonly PolicyDocument[] = [
  { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' }, limits: { perHour: { statements: 100_000, rows: 100_000 } } },
  { version: 1, kind: 'role', name: 'writer', members: [{ group: 'writers' }], rules: [{ allow: ['select', 'insert'], connection: 'shop', on: ['public.refunds'] }] },
]
interface Died { readonly marker: string; readonly killAt: number; readonly code: number | null; readonly signal: string | null; readonly output: string }

let place: Place
let database: TestDatabase
let stop: () => Promise<void>
let token: string
beforeAll(async () => {
  ({ place, database, stop } = await startPlace({ schema, documents }))
  token = await mint(place, 'agent:writer', ['writers'])
})
afterAll(() => stop())

/** One gate, one insert. `killAt`: the boundary it dies at by itself. `afterMs`: when it is killed from outside, counted from its being ready. */
function once(marker: string, killAt: number, afterMs: number | null): Promise<Died> {
  const body = { sql: 'insert into public.refunds (amount, reason) values ($1, $2) returning id', params: ['1.50', marker] }
  const child = fork(join(import.meta.dirname, 'child.ts'), [JSON.stringify({ place, token, body, killAt, key: marker })], { silent: true, execArgv: [] })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr?.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.on('message', () => { if (afterMs !== null) setTimeout(() => child.kill('SIGKILL'), afterMs) })
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ marker, killAt, code, signal, output })))
}

async function story(): Promise<readonly Event[]> {
  const ports = openPorts(place)
  const events: Event[] = []
  let after: string | null = null
  do {
    const page: { readonly events: readonly Event[]; readonly next: string | null } = await ports.ledger.list({}, { limit: 200, after })
    events.push(...page.events)
    after = page.next
  } while (after !== null)
  await ports.engines.postgres?.close()
  ports.close()
  return events
}

describe('a gate killed at any moment', () => {
  test('leaves no effect without an intent, and no intent without an outcome', async () => {
    const alive = await once('alive', 0, null)
    expect(alive.output).toContain('"ok":true')
    const { boundary } = JSON.parse(alive.output) as { boundary: number }
    expect(boundary).toBeGreaterThan(12)

    const died: Died[] = []
    const plan = Array.from({ length: kills }, (_, n) => n < boundary ? { killAt: n + 1, afterMs: null } : { killAt: 0, afterMs: (n * 37) % 120 })
    const next = plan.entries()
    await Promise.all([0, 1].map(async () => { for (const [n, { killAt, afterMs }] of next) died.push(await once(`kill-${n}`, killAt, afterMs)) }))
    const killed = died.filter(({ signal }) => signal === 'SIGKILL')
    console.log(`${killed.length} of ${died.length} gates were killed, ${boundary} at each of their boundaries`)
    for (const { killAt, signal, output } of died) if (killAt > 0) expect(signal, output).toBe('SIGKILL')

    const ports = openPorts(place)
    const later = { ...ports, now: () => Date.now() + 10 * 60_000 }
    await sweep(later)
    await sweep(later)
    await ports.engines.postgres?.close()
    ports.close()

    const events = await story()
    const intents = events.filter((event): event is IntentEvent => event.kind === 'intent')
    const outcomes = events.filter((event): event is OutcomeEvent => event.kind === 'outcome')
    const inserted = new Set((await database.query('SELECT reason FROM public.refunds')).rows.map((row: { reason: string }) => row.reason))
    const markers = new Map(intents.map((intent) => [String(intent.statements[0]?.params[1]), intent]))

    for (const marker of inserted) expect(markers.has(marker), `${marker} is in the table without an intent`).toBe(true)
    for (const [marker, intent] of markers) {
      const own = outcomes.filter((outcome) => outcome.intent === intent.id)
      expect(own, `${marker} has not exactly one outcome`).toHaveLength(1)
      if (own[0]?.status === 'succeeded') expect(inserted.has(marker), `${marker} succeeded on record but is not in the table`).toBe(true)
      if (own[0]?.status === 'failed') expect(inserted.has(marker), `${marker} failed on record but is in the table`).toBe(false)
    }
    const count = (await database.query('SELECT count(*) AS n, count(DISTINCT reason) AS d FROM public.refunds')).rows[0] as { n: string; d: string }
    expect(count.n).toBe(count.d)
    // Each process numbered its events: what is missing of them was in flight when it was killed, and whatever else is taken away shows.
    const inOrder = events.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    const after = Date.now() + 3_600_000
    const another = createWriting(createIds(() => after)('evt'), new Date(after).toISOString()).first                  // another process, so much later that all before it is judged
    expect((await check((await logOf([...inOrder, another].map(entryOf))).log)).findings).toEqual([])
    // The suite is worth nothing if it never met the two hard cases.
    const unknown = outcomes.filter(({ status }) => status === 'unknown')
    expect(unknown.some(({ intent }) => inserted.has(String(intents.find(({ id }) => id === intent)?.statements[0]?.params[1])))).toBe(true)
    expect(unknown.some(({ intent }) => !inserted.has(String(intents.find(({ id }) => id === intent)?.statements[0]?.params[1])))).toBe(true)
  }, 900_000)
})
