import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { MaskName } from '../../../schema/policy.ts'
import type { Param, Query } from '../../../schema/request.ts'
import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import { createPostgres } from '../../../functions/protocol/postgres/postgres.ts'
import type { Protocol } from '../../../functions/protocol/protocol.ts'
import pg from 'pg'
import { widest } from '../../contract/target.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'

const schema = `
  CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text UNIQUE, ssn text, born date, note text);
  INSERT INTO customers SELECT i, 'n' || i, 'user' || i || '@example.com', '078-05-' || lpad(i::text, 4, '0'), '1980-05-06', 'pays with 4111111111111111' FROM generate_series(1, 20) i;
  CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, total numeric(10,2), placed timestamptz, tags text[], doc jsonb);
  INSERT INTO orders SELECT i, 1 + i % 20, i * 1.5, timestamptz '2026-01-01 00:00:00+00' + i * interval '1 hour', ARRAY['a', 'b"c'], jsonb_build_object('n', i) FROM generate_series(1, 200) i;
  CREATE VIEW contacts AS SELECT id, name, email AS mail FROM customers;
  CREATE TABLE events (day date, what text) PARTITION BY RANGE (day); CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); INSERT INTO events VALUES ('2026-02-02', 'x');
  CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN zip AS text CHECK (VALUE ~ '^[0-9]+$'); CREATE TABLE odd (m mood, ms mood[], z zip); INSERT INTO odd VALUES ('ok', '{sad,ok}', '123');
  CREATE ROLE reader LOGIN PASSWORD 'p'; CREATE ROLE plain LOGIN PASSWORD 'p'; CREATE ROLE writer LOGIN PASSWORD 'p';
  GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader, writer; GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer;
  GRANT SELECT ON orders, events, odd TO plain; GRANT SELECT (id, name, note) ON customers TO plain;`
const shop: ConnectionDocument = {
  version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'writer', read: 'reader', plain: 'plain' }, searchPath: ['public'],
  classify: { 'public.customers.email': 'pii.email', 'public.customers.ssn': 'pii.ssn', 'public.customers.born': 'pii.birth', 'public.orders.tags': 'none' }, mask: { 'pii.email': 'email', 'pii.birth': 'year', '*': 'last4' },
}
/** The driver gives arrays of its unknown types as text. */
const asTold = (value: unknown) => (value === '{sad,ok}' ? ['sad', 'ok'] : value)
const maskOf: Readonly<Record<string, MaskName>> = { 'pii.email': 'email', 'pii.birth': 'year', 'pii.ssn': 'last4' }

for (const major of majors) describe(`classify, execute and mask together, ${major}`, () => {
  let server: TestPostgres
  let database: TestDatabase
  let engine: Protocol
  const alarms: string[] = []
  const asked: string[] = []
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(schema)
    engine = createPostgres({
      now: Date.now, isPermit, alarm: (what) => { alarms.push(what) }, secrets: { get: async (name) => { asked.push(name); return name === 'sluice-mask-key' ? 'k'.repeat(32) : database.as(name, 'p') } },
      endpoint: (host) => (host === '127.0.0.1' ? { http: `${server.neonUrl}/sql`, websocket: `${server.neonUrl.replace('http', 'ws')}/v2` } : null),
    })
  })
  afterAll(async () => { await engine.close(); await server.stop() })

  const query = (sql: string | readonly string[], params: readonly Param[] = []): Query => ({
    statements: [sql].flat().map((one) => ({ sql: one, params })), batch: Array.isArray(sql), isolation: 'read committed', purpose: null, reveal: [], rowMode: 'array', maxRows: null,
  })
  async function run(sql: string | readonly string[], { params, clear = false, limits = {}, between }: { params?: readonly Param[]; clear?: boolean; limits?: Partial<typeof widest>; between?: () => Promise<unknown> } = {}) {
    const plan = await engine.classify(shop, query(sql, params))
    if (!plan.ok) return plan.refusal
    const { effects } = plan.value
    const permit = makePermit(effects, { masks: effects.shown.map(({ dataClass }) => (clear ? null : maskOf[dataClass] ?? 'redact')), revealed: [], detect: ['credit-card'], limits: { ...widest, ...limits } })
    await between?.()
    const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 20_000, rowMode: 'array', maxRows: null })
    return executed.status === 'succeeded' ? engine.mask(permit, plan.value, executed.rows).results : executed
  }

  test('classified columns come masked by every way that leads to them, and clear where that is permitted', async () => {
    for (const sql of ['SELECT id, email, ssn, born FROM customers WHERE id = 2', 'SELECT c.* FROM (SELECT id, email, ssn, born FROM customers) c WHERE id = 2', 'WITH c AS (SELECT * FROM customers) SELECT id, email e, ssn, born FROM c WHERE id = 2 ORDER BY id']) {
      expect(await run(sql)).toMatchObject([{ rows: [[2, 'u***@example.com', '****0002', '1980-01-01']], columns: [{}, { class: 'pii.email', masked: 'email' }, { class: 'pii.ssn', masked: 'last4' }, { class: 'pii.birth', masked: 'year', type: 'date' }] }])
      expect(await run(sql, { clear: true })).toMatchObject([{ rows: [[2, 'user2@example.com', '078-05-0002', '1980-05-06']] }])
    }
    expect(await run('SELECT mail FROM contacts WHERE id = 2')).toMatchObject([{ rows: [['u***@example.com']] }])
    expect(alarms.filter((what) => what === 'origin_mismatch')).toEqual([])
  })
  test('each statement runs as the least role that can', async () => {
    for (const [sql, role] of [['SELECT id FROM orders', 'plain'], ['SELECT name FROM customers', 'plain'], ['SELECT email FROM customers', 'reader'], ["UPDATE orders SET doc = '{}' WHERE id = 1", 'writer']] as const) {
      await run(sql)
      asked.length = 0
      expect([sql, await run(sql)]).toMatchObject([sql, [{}]])
      expect([sql, [...new Set(asked)]]).toEqual([sql, [role]])
    }
  })
  test('what a direct connection gives, through the gate', async () => {
    for (const sql of [
      'SELECT customer, count(*), sum(total) FROM orders GROUP BY customer ORDER BY 2 DESC, 1 LIMIT 5', 'SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer ORDER BY o.id DESC LIMIT 3', 'SELECT tags, tags[1] FROM orders LIMIT 1',
      "SELECT id, rank() OVER (PARTITION BY customer ORDER BY total DESC) FROM orders ORDER BY 2, 1 LIMIT 4", "SELECT doc ->> 'n' FROM orders WHERE id = 7", 'SELECT id FROM orders UNION ALL SELECT id FROM customers ORDER BY 1 LIMIT 4', 'SELECT what FROM events', 'VALUES (1, \'a\'), (2, NULL)',
      'SELECT count(*) FROM customers', 'SELECT 1 AS "ünï", 2 AS "a b"', 'SELECT m, ms, z FROM odd', 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r',
    ]) {
      const client = new pg.Client(database.url)
      await client.connect()
      const direct = await client.query<unknown[]>({ text: sql, rowMode: 'array' }).finally(() => client.end())
      expect([sql, await run(sql)]).toMatchObject([sql, [{ columns: direct.fields.map(({ name }) => ({ name })), rows: direct.rows.map((row) => row.map(asTold)), rowCount: direct.rowCount, truncated: false }]])
    }
  })
  test('types of the database\'s own are named', async () => {
    expect(await run('SELECT m, ms, z FROM odd')).toMatchObject([{ columns: [{ type: 'mood' }, { type: 'mood[]' }, { type: 'text' }], rows: [['ok', ['sad', 'ok'], '123']] }])
  })
  test('text that nobody classified is looked through, but not where the policy says it carries nothing', async () => {
    expect(await run('SELECT note FROM customers WHERE id = 1')).toMatchObject([{ rows: [['pays with [redacted: credit-card]']], detected: { 'credit-card': 1 } }])
    expect(await run("UPDATE orders SET tags = '{4111111111111111}' WHERE id = 200 RETURNING tags")).toMatchObject([{ rows: [[['4111111111111111']]] }])
  })
  test('writes and batches', async () => {
    expect(await run('INSERT INTO orders (id, customer, total) VALUES ($1, $2, $3) RETURNING id, total', { params: [900, '1', 12.5] })).toMatchObject([{ rows: [[900, '12.50']], rowCount: 1 }])
    expect(await run(['UPDATE orders SET total = 1 WHERE id = 900', 'SELECT total FROM orders WHERE id = 900', 'DELETE FROM orders WHERE id = 900 RETURNING id'])).toMatchObject([{ rowCount: 1 }, { rows: [['1.00']] }, { rows: [[900]] }])
    expect(await run(['DELETE FROM orders WHERE id = 1', 'INSERT INTO orders (id) VALUES (2)'])).toMatchObject({ status: 'failed', refusal: { sqlstate: '23505', statement: 1 } })
    expect(await run('DELETE FROM orders', { limits: { affected: 5 } })).toMatchObject({ status: 'failed', refusal: { reason: 'too_many_affected' } })
    expect((await database.query('SELECT count(*)::int AS n FROM orders')).rows).toEqual([{ n: 200 }])
  })
  test('a constraint of a table with classes says 23000', async () => {
    expect(await run("INSERT INTO customers (id, name) VALUES (1, 'x')")).toMatchObject({ status: 'failed', refusal: { sqlstate: '23000', detail: 'the change would break a constraint' } })
  })
  test('a change between classify and execute: stale, then understood anew', async () => {
    await database.query('CREATE TABLE moving (a int); INSERT INTO moving VALUES (1); GRANT SELECT ON moving TO plain, reader')
    await new Promise((done) => setTimeout(done, 1100))             // a missing name makes the catalog be read again at most once a second
    expect(await run('SELECT * FROM moving')).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    expect(await run('SELECT * FROM moving')).toMatchObject([{ rows: [[1]] }])
    expect(await run('SELECT * FROM moving', { between: () => database.query('ALTER TABLE moving ADD COLUMN b int DEFAULT 2') })).toMatchObject({ status: 'stale' })
    expect(await run('SELECT * FROM moving')).toMatchObject([{ rows: [[1, 2]] }])
    expect(await run('SELECT a FROM moving', { between: () => database.query('DROP TABLE moving') })).toMatchObject({ status: 'stale' })
    expect(await run('SELECT a FROM moving')).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate: '42P01' } })
  })
  test('the schema with its classes, also of views and without partitions', async () => {
    const { relations } = await engine.describe(shop)
    expect(relations.map(({ name, kind }) => [name, kind])).toEqual([['contacts', 'view'], ['customers', 'table'], ['events', 'partitioned table'], ['odd', 'table'], ['orders', 'table']])
    expect(relations.find(({ name }) => name === 'customers')?.columns.slice(0, 3)).toEqual([
      { name: 'id', type: 'integer', nullable: false, class: null }, { name: 'name', type: 'text', nullable: false, class: null }, { name: 'email', type: 'text', nullable: true, class: 'pii.email' },
    ])
    expect(relations.find(({ name }) => name === 'contacts')?.columns.find(({ name }) => name === 'mail')?.class).toBe('pii.email')
    expect(relations.find(({ name }) => name === 'orders')?.columns.find(({ name }) => name === 'total')?.type).toBe('numeric(10,2)')
  })
  test('names of a policy that name nothing', async () => {
    const findings = await engine.inspect(shop, [
      { from: 'classify', name: 'public.customers.email', optional: false }, { from: 'classify', name: 'public.customers.mail', optional: false }, { from: 'classify', name: 'public.nowhere.x', optional: false }, { from: 'classify', name: 'public.nowhere.y', optional: true },
      { from: 'deny', name: 'payroll.*', optional: false }, { from: 'deny', name: 'public.cust*', optional: false }, { from: 'on', name: 'public.nothing', optional: false }, { from: 'on', name: 'public.*', optional: false },
      { from: 'columns', name: 'public.orders', columns: ['id', 'tot*', '*', 'nope', 'nope*'], optional: false },
    ])
    expect(findings.map(({ level, name }) => [level, name])).toEqual([['error', 'public.customers.mail'], ['error', 'public.nowhere.x'], ['error', 'payroll.*'], ['warning', 'public.nothing'], ['error', 'public.orders'], ['error', 'public.orders']])
    expect(findings.slice(2, 4).map(({ message }) => message)).toEqual(['`payroll.*` names nothing on the target, so it denies nothing', '`public.nothing` names nothing on the target'])
    expect(findings.slice(-2).map(({ message }) => message)).toEqual(['nope', 'nope*'].map((column) => `no relation that \`public.orders\` names has a column \`${column}\``))
    expect(findings[0]?.message).toContain('closed')
  })
  test('a ping reaches the target', async () => { await expect(engine.ping?.(shop)).resolves.toBeUndefined() })
  test('plans and rows of another engine are refused', async () => {
    const plan = await engine.classify(shop, query('SELECT 1'))
    if (!plan.ok) throw new Error('refused')
    const copy = { ...plan.value, plan: { ...plan.value.plan } }
    const permit = makePermit(copy.effects, { masks: [], revealed: [], detect: [], limits: widest })
    await expect(engine.execute(permit, copy, { deadline: Date.now() + 5000, rowMode: 'array', maxRows: null })).rejects.toThrow('not of this engine')
  })
})

test('a target that is not there is a fault of classify and of ping, without its address', async () => {
  const engine = createPostgres({ now: Date.now, isPermit, alarm: () => {}, secrets: { get: async () => 'postgres://u:secret-7c1f@127.0.0.1:1/x' }, endpoint: () => ({ http: 'http://127.0.0.1:1/sql', websocket: 'ws://127.0.0.1:1/v2' }) })
  const error = await engine.classify(shop, { statements: [{ sql: 'SELECT 1', params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'array', maxRows: null }).then(() => null, (fault: Error & { code: string }) => fault)
  expect(error?.code).toBe('target-unavailable')
  await expect(engine.ping?.(shop)).rejects.toMatchObject({ code: 'target-unavailable' })
  expect(`${error?.stack} ${String(error?.cause)}`).not.toContain('7c1f')
})
