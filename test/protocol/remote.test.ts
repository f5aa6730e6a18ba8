import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPermit, makePermit } from '../../functions/decide/permit.ts'
import { Fault } from '../../functions/ports.ts'
import type { Errand } from '../../functions/protocol/carry.ts'
import { createCarrier, createInside } from '../../functions/protocol/inside.ts'
import { TransportError } from '../../functions/protocol/post.ts'
import { createDirect } from '../../functions/protocol/postgres/direct.ts'
import { createPostgres } from '../../functions/protocol/postgres/postgres.ts'
import { createRemote, Refused, type Send } from '../../functions/protocol/remote.ts'
import { createFirst, seal, unseal } from '../../functions/protocol/seal.ts'
import type { ConnectionDocument, MaskName } from '../../schema/policy.ts'
import type { Param, Query } from '../../schema/request.ts'
import { widest } from '../contract/target.ts'
import { withPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'

const key = 'k'.repeat(44)
const ledger: ConnectionDocument = { version: 1, kind: 'connection', name: 'ledger', engine: 'postgres', transport: 'private', secrets: { write: 'writer', read: 'reader' }, searchPath: ['public'], classify: { 'public.people.email': 'pii.email' } }
const query = (sql: string | readonly string[], params: readonly Param[] = []): Query => ({ statements: [sql].flat().map((one) => ({ sql: one, params })), batch: Array.isArray(sql), isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null })

describe('engines in a private network, asked from outside', () => {
  let [server, database] = [null, null] as unknown as [TestPostgres, TestDatabase]
  let inside: ReturnType<typeof createInside>
  const wire: string[] = []
  const alarms: string[] = []
  const secrets = { get: async (name: string) => { if (name === 'gone') throw new Fault('secret-missing', 'no secret gone'); return name === 'sluice-private-key' ? key : name === 'sluice-mask-key' ? 'm'.repeat(32) : database.as(name, 'p') } }
  const through: Send = async (sealed) => {
    const answer = await inside(JSON.parse(sealed))
    wire.push(gunzipSync(Buffer.from(answer, 'base64')).toString())
    return JSON.stringify(answer)
  }
  const engineBy = (send: Send, more: Partial<Parameters<typeof createRemote>[0]> = {}) => createRemote({ secrets, now: Date.now, isPermit, send, ...more })
  beforeAll(async () => {
    server = await withPostgres()
    database = await server.createDatabase(`CREATE TABLE people (id int PRIMARY KEY, name text, email text UNIQUE, big numeric); INSERT INTO people SELECT i, 'n' || i, 'canary-7c1f-' || i || '@example.com', 12345678901234567890.5 FROM generate_series(1, 20) i;
      CREATE ROLE reader LOGIN PASSWORD 'p'; CREATE ROLE writer LOGIN PASSWORD 'p'; GRANT SELECT ON people TO reader, writer; GRANT INSERT, UPDATE, DELETE ON people TO writer`)
    const { isPermit: isCarried, carry } = createCarrier()
    const alarm = (what: string) => { alarms.push(what) }
    inside = createInside({ engines: { postgres: createPostgres({ secrets, now: Date.now, alarm, isPermit: isCarried, transport: createDirect(() => {}) }) }, now: Date.now, alarm, secrets, carry })
  })
  afterAll(() => server.stop())

  /** Decided as one to whom all is permitted, and carried there by `send`, which by default loses nothing. */
  async function go(sql: string | readonly string[], { send = through as Send, masks = 'email' as MaskName | null, limits = {}, between = async (): Promise<unknown> => null, connection = ledger, params = [] as readonly Param[] } = {}) {
    let sending = through
    const engine = engineBy((sealed, ms) => sending(sealed, ms))
    const plan = await engine.classify(connection, query(sql, params))
    if (!plan.ok) return { status: 'refused', refusal: plan.refusal } as const
    const permit = makePermit(plan.value.effects, { masks: plan.value.effects.shown.map(() => masks), revealed: [], detect: ['email'], limits: { ...widest, ...limits } })
    await between()
    sending = send
    const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 20_000, rowMode: 'object', maxRows: null })
    return executed.status === 'succeeded' ? { status: executed.status, results: engine.mask(permit, plan.value, executed.rows).results, rows: executed.rows } : executed
  }
  const count = async (where: string) => Number((await database.query(`SELECT count(*) FROM people WHERE ${where}`)).rows[0].count)

  test('answer as engines here do, masked before they leave', async () => {
    wire.length = 0
    expect(await go('SELECT id, name, email, big FROM people WHERE id = $1', { params: [2] })).toMatchObject({ status: 'succeeded', rows: { rowCounts: [1], truncated: false }, results: [{
      columns: [{ name: 'id', type: 'integer' }, { name: 'name' }, { name: 'email', class: 'pii.email', masked: 'email' }, { name: 'big', type: 'numeric' }], rows: [{ id: 2, name: 'n2', email: 'c***@example.com', big: '12345678901234567890.5' }], rowCount: 1,
    }] })
    expect(wire.length).toBe(2)
    expect(wire.join()).not.toContain('7c1f')
    expect(await go('SELECT 4 AS "__proto__", 1 AS a, 2 AS a')).toMatchObject({ results: [{ rows: [JSON.parse('{"__proto__":4,"a":1,"a_2":2}')] }] })
  })
  test('write, once, all of it or none', async () => {
    expect(await go("INSERT INTO people (id, name) VALUES (100, 'x') RETURNING id")).toMatchObject({ status: 'succeeded', results: [{ rows: [{ id: 100 }], rowCount: 1 }] })
    expect(await go(["DELETE FROM people WHERE id = 100", 'INSERT INTO people (id) VALUES (1)'])).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', statement: 1 } })
    expect(await count('id = 100')).toBe(1)
    expect(await go('DELETE FROM people WHERE id = 100')).toMatchObject({ status: 'succeeded', results: [{ rowCount: 1 }] })
  })
  test('refuse, and hold back what only the permitted may be told, as engines here do', async () => {
    expect(await go('SELECT 1; SELECT 2')).toMatchObject({ status: 'refused', refusal: { slug: expect.stringMatching(/^statement-/) as unknown } })
    for (const wait of [0, 1500]) {                                  // also with a catalog that is no longer new
      await new Promise((done) => setTimeout(done, wait))
      expect(await go('SELECT nope FROM people')).toMatchObject({ refusal: { slug: 'target-error', sqlstate: '42703' } })
    }
    const engine = engineBy(through)
    const held = await engine.classify(ledger, query('SELECT id, pg_sleep_for(name) FROM people'))
    expect([held.ok, held.ok && await held.value.preview?.()]).toMatchObject([true, { ok: false, refusal: { next: 'fix' } }])
    expect(await engine.describe(ledger)).toMatchObject({ relations: [{ name: 'people' }] })
    expect(await engine.inspect(ledger, [{ from: 'classify', name: 'public.people.nope', optional: false }])).toMatchObject([{ level: 'error' }])
    expect((await engine.grants?.(ledger, [{ actions: ['select'], on: ['public.*'] }]))?.script).toContain('GRANT SELECT')
    expect(await engine.estimate?.(ledger, query('SELECT id FROM people'))).toMatchObject([{ rows: expect.any(Number) as unknown }])
    await engine.ping?.(ledger)
    await expect(engine.ping?.({ ...ledger, secrets: { read: 'gone' } })).rejects.toMatchObject({ code: 'secret-missing' })
  })
  test('what changed between decision and run is stale, and nothing ran', async () => {
    for (const sql of ['SELECT * FROM people', 'DELETE FROM people']) {
      expect([sql, await go(sql, { limits: { affected: 1000 }, between: () => database.query('ALTER TABLE people ADD COLUMN more int') })]).toMatchObject([sql, { status: 'stale', refusal: { reason: 'objects_changed' } }])
      await database.query('ALTER TABLE people DROP COLUMN more')
      while ((await go('SELECT id FROM people')).status === 'stale');
    }
    expect(await count('true')).toBe(20)
  })
  test('a lost answer to a write is unknown, to a read failed, and neither is sent again', async () => {
    for (const how of ['before', 'after', 'garbage'] as const) {
      let sends = 0
      const send: Send = async (sealed, ms) => {
        sends++
        if (how !== 'before') await through(sealed, ms)
        if (how === 'garbage') return '{"errorMessage":"Task timed out canary"}'
        throw new TransportError('timeout', 'no whole answer in time')
      }
      const [id, before] = [200 + sends, await count('true')]
      expect([how, await go(`INSERT INTO people (id) VALUES (${id})`, { send })]).toMatchObject([how, { status: 'unknown', refusal: { slug: 'outcome-unknown' } }])
      expect([how, await go('SELECT id FROM people', { send })]).toMatchObject([how, { status: 'failed', refusal: { slug: 'target-unavailable' } }])
      expect([how, sends, await count('true') - before]).toEqual([how, 2, how === 'before' ? 0 : 1])
      await database.query('DELETE FROM people WHERE id >= 200')
    }
  })
  test('an errand that was refused at the door changed nothing, and says so', async () => {
    expect(await go('INSERT INTO people (id) VALUES (300)', { send: async () => { throw new Refused('lambda answered 429') } })).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', next: 'retry' } })
  })
  test('nothing larger than an answer may be comes, and the limits of the Permit hold there', async () => {
    expect(await go("SELECT repeat('x', 3000000) AS a FROM people", { limits: { bytes: 8 * 1024 * 1024 } })).toMatchObject({ status: 'succeeded', results: [{ rowCount: 1, truncated: true }] })
    expect(await go("UPDATE people SET name = 'y'", { limits: { affected: 3 } })).toMatchObject({ status: 'failed', refusal: { reason: 'too_many_affected' } })
    expect(await go('SELECT id FROM people', { limits: { rows: 2 } })).toMatchObject({ results: [{ rowCount: 2, truncated: true }] })
  })

  test('nothing takes longer there than whoever asked is still to be answered', async () => {
    const engine = engineBy(through)
    const plan = await engine.classify(ledger, query('SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b'))
    if (!plan.ok) throw new Error('refused')
    const permit = makePermit(plan.value.effects, { masks: plan.value.effects.shown.map(() => null), revealed: [], detect: [], limits: { ...widest, timeoutMs: 60_000 } })
    expect(await engine.execute(permit, plan.value, { deadline: Date.now() + 5000, until: Date.now() + 1000, rowMode: 'object', maxRows: null })).toMatchObject({ status: 'failed', refusal: { slug: 'timeout' } })
  })

  describe('whoever may invoke the function and is not the gate', () => {
    const wanted: Errand = { op: 'execute', connection: { ...ledger, classify: {} }, query: query('DELETE FROM people'), effects: '', obligations: { masks: [], revealed: [], detect: [], limits: widest }, run: { deadline: Date.now() + 60_000, rowMode: 'object', maxRows: null } }
    const said = async (payload: unknown) => JSON.parse(gunzipSync(Buffer.from(await inside(payload), 'base64')).toString()) as { ok: boolean; code?: string }
    test.each([
      ['another key', () => JSON.parse(seal('guess', wanted, Date.now())) as unknown], ['an empty key', () => JSON.parse(seal('', wanted, Date.now())) as unknown], ['an old errand', () => JSON.parse(seal(key, wanted, Date.now() - 16_000)) as unknown],
      ['one from later', () => JSON.parse(seal(key, wanted, Date.now() + 16_000)) as unknown], ['no seal', () => ({ text: JSON.stringify({ at: Date.now(), errand: wanted }) })], ['the errand itself', () => wanted], ['nothing', () => null], ['text', () => 'x'],
      ['a seal of another text', () => ({ ...JSON.parse(seal(key, { op: 'ping', connection: ledger }, Date.now())) as object, text: JSON.stringify({ at: Date.now(), errand: wanted }) })],
    ])('%s runs nothing', async (_, payload) => {
      alarms.length = 0
      expect(await said(payload())).toMatchObject({ ok: false, code: 'internal' })
      expect(alarms).toEqual(['an errand that is not the gate\'s'])
      expect(await count('true')).toBe(20)
    })
    test('a key that is not there opens nothing', () => {
      expect(unseal('', JSON.parse(seal('', wanted, Date.now())), Date.now(), createFirst())).toBe(null)
      expect(unseal(key, JSON.parse(seal(key, wanted, Date.now())), Date.now(), createFirst())).toEqual(wanted)
    })
    test('even with the key, effects that were not decided on run nothing, and a target that is not private is not reached', async () => {
      expect(await said(JSON.parse(seal(key, wanted, Date.now())))).toMatchObject({ ok: true, value: { status: 'stale' } })
      const { transport: _, ...open } = ledger
      expect(await said(JSON.parse(seal(key, { op: 'ping', connection: open }, Date.now())))).toMatchObject({ ok: false })
      expect(await count('true')).toBe(20)
    })
  })
  test('a permit that is none, or of another plan, and rows of another run are bugs, and nothing is sent', async () => {
    const engine = engineBy(through)
    const [one, two] = [await engine.classify(ledger, query('SELECT id FROM people')), await engine.classify(ledger, query('SELECT name FROM people'))]
    if (!one.ok || !two.ok) throw new Error('refused')
    const permit = makePermit(one.value.effects, { masks: [], revealed: [], detect: [], limits: widest })
    const span = { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null } as const
    wire.length = 0
    await expect(engine.execute({ ...permit } as never, one.value, span)).rejects.toThrow('without a permit')
    await expect(engine.execute(permit, two.value, span)).rejects.toThrow('another plan')
    await expect(engine.execute(permit, { ...one.value, plan: {} }, span)).rejects.toThrow('not of this engine')
    expect(await engine.execute(permit, one.value, { ...span, deadline: Date.now() - 1 })).toMatchObject({ status: 'failed', refusal: { reason: 'deadline_passed' } })
    expect(wire).toEqual([])
    const executed = await engine.execute(permit, one.value, span)
    if (executed.status !== 'succeeded') throw new Error(executed.status)
    expect(() => engine.mask(permit, two.value, executed.rows)).toThrow('not of this engine')
    expect(() => engine.mask(permit, one.value, { ...executed.rows, raw: {} })).toThrow('not of this engine')
  })
})
