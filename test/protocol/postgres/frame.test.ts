import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import { readyOf, type Job } from '../../../functions/protocol/postgres/frame.ts'
import { parse } from '../../../functions/protocol/postgres/parse.ts'
import { createPostgres } from '../../../functions/protocol/postgres/postgres.ts'
import type { Protocol } from '../../../functions/protocol/protocol.ts'
import { openTarget, widest } from '../../contract/target.ts'
import { transports } from '../../contract/transports.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'
import { analysisOf, batchOf } from './target.ts'

/** What stands before the caller's statements in a read: one statement that judges the clock, holds, compares and pins. */
const schema = `
  CREATE TABLE base (id int, name text); INSERT INTO base VALUES (1, 'a'); CREATE VIEW seen AS SELECT id, name FROM base; CREATE VIEW twice AS SELECT id FROM seen;
  CREATE TABLE parts (k int, x text) PARTITION BY LIST (k); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) PARTITION BY LIST (x); CREATE TABLE parts_1a PARTITION OF parts_1 FOR VALUES IN ('a'); CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
  CREATE TABLE parent (id int); CREATE TABLE heir (more text) INHERITS (parent);
  CREATE FUNCTION loud() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'read a row'; END $$;
  CREATE VIEW louder AS SELECT loud() AS n FROM base; CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE odd (m mood);
  CREATE ROLE app LOGIN PASSWORD 'app'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO app;`
/** Every operator and type that the guard uses, of somebody's own, in front: text that is always equal, oids that never are, types that are no such thing. */
const evil = `
  CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO app; SET search_path = evil, pg_catalog;
  CREATE FUNCTION yes(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'; CREATE FUNCTION no(oid, oid) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false'; CREATE FUNCTION nothing(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT ''::pg_catalog.text$$;
  CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = yes); CREATE OPERATOR = (LEFTARG = oid, RIGHTARG = oid, FUNCTION = no); CREATE OPERATOR || (LEFTARG = text, RIGHTARG = text, FUNCTION = nothing);
  CREATE DOMAIN evil.text AS pg_catalog.text CHECK (false); CREATE DOMAIN evil.oid AS pg_catalog.oid CHECK (false); CREATE DOMAIN evil.int4 AS pg_catalog.int4 CHECK (false); CREATE DOMAIN evil.float8 AS pg_catalog.float8 CHECK (false);
  CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT '1970-01-01'::timestamptz$$; CREATE FUNCTION evil.md5(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS $$SELECT ''::pg_catalog.text$$;
  RESET search_path; ALTER ROLE app SET search_path = evil, pg_catalog, public;`

for (const major of majors) describe(`what runs before a read, ${major}`, () => {
  let server: TestPostgres
  let database: TestDatabase
  let engine: Protocol
  let analysis: ReturnType<typeof analysisOf>
  const alarms: string[] = []
  const clients: pg.Client[] = []
  async function client(url = database.url) {
    const one = new pg.Client(url)
    clients.push(one)
    await one.connect()
    return one
  }
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(schema)
    await database.query(evil)
    analysis = analysisOf(database, {})
    engine = createPostgres({
      now: Date.now, isPermit, alarm: (what) => { alarms.push(what) }, secrets: { get: async () => database.as('app', 'app') }, endpoint: () => ({ http: `${server.neonUrl}/sql`, websocket: `${server.neonUrl.replace('http', 'ws')}/v2` }),
    })
  })
  afterAll(async () => {
    await engine.close()
    await Promise.all(clients.map((one) => one.end()))
    await server.stop()
  })
  async function jobOf(sql: string, more: Partial<Job> = {}): Promise<Job> {
    const { plan, effects } = await analysis.plan(sql)
    return { connection: analysis.connection, plan, effects, originals: [sql], limits: widest, withheld: [null], masked: [[]], maxRows: 10, spareBytes: 0, deadline: Date.now() + 5000, url: database.url, nonce: 'n0nce', ...more }
  }
  async function run(sql: string, between: () => Promise<unknown> = async () => {}) {
    const plan = await engine.classify(analysis.connection, batchOf(sql))
    if (!plan.ok) return plan.refusal
    const permit = makePermit(plan.value.effects, { masks: [], revealed: [], detect: [], limits: widest })
    await between()
    const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 5000, rowMode: 'array', maxRows: null })
    return executed.status === 'succeeded' ? engine.mask(permit, plan.value, executed.rows).results : executed
  }

  test('names nothing without its schema, operators and types included', async () => {
    for (const sql of ["SELECT lower(name) || 'x' FROM base", 'SELECT m FROM odd', 'SELECT x FROM parts WHERE k = 1', 'SELECT 1']) {
      for (const held of [true, false]) {
        const { text } = readyOf(await jobOf(sql), { held })
        const parsed = await parse(text)
        if (!parsed.ok) throw new Error(parsed.refusal.detail)
        expect(unqualified(parsed.value.node)).toEqual([])
      }
    }
  })
  test.each([
    ['SELECT 1', []], ['SELECT id FROM base', ['base']], ['SELECT id FROM twice', ['base', 'seen', 'twice']], ['SELECT x FROM parts', ['parts', 'parts_1', 'parts_1a', 'parts_2']], ['SELECT x FROM parts WHERE k = 2', ['parts', 'parts_1', 'parts_1a', 'parts_2']],
    ['SELECT p.id FROM parent p JOIN base USING (id) WHERE EXISTS (SELECT FROM parts)', ['base', 'heir', 'parent', 'parts', 'parts_1', 'parts_1a', 'parts_2']],
  ])('%s: locks what it names, by ACCESS SHARE alone, and keeps it', async (sql, names) => {
    const one = await client()
    await one.query('BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY')
    const { text, values } = readyOf(await jobOf(sql))
    expect(Number((await one.query(text, [...values])).rows[0].pinned)).toBeGreaterThan(20)
    const { rows } = await one.query("SELECT relation::regclass::text AS name, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation >= 16384 ORDER BY 1")
    await one.query('ROLLBACK')
    expect(rows).toEqual(names.map((name) => ({ name, mode: 'AccessShareLock' })))
  })
  test('reads no row of what it holds', async () => {
    const job = await jobOf('SELECT 1')
    const { plan, effects } = await jobOf('SELECT id FROM base')
    const louder = Number((await database.query("SELECT 'louder'::regclass::oid::int8 AS oid")).rows[0].oid)
    const { text, values } = readyOf({ ...job, plan: { ...plan, relations: [{ oid: louder, schema: 'public', name: 'louder', written: false }] }, effects: { ...effects, accesses: [{ ...effects.accesses[0]!, resource: 'public.louder' }] } })
    expect(text).toContain('"louder"')
    expect((await database.query(text, values)).rowCount).toBe(1)
  })
  test('late before stale, stale before the settings, each by its own word; in time and unchanged, all settings', async () => {
    const job = await jobOf('SELECT id FROM base')
    const other = { ...job.plan, guard: { ...job.plan.guard, expected: 'x' } }
    const say = async (more: Partial<Job>) => {
      const { text, values } = readyOf({ ...job, ...more })
      return database.query(text, values).then(({ rows }) => Number(rows[0].pinned) > 20, (error: Error) => /sluice:\w+:n0nce/.exec(error.message)?.[0])
    }
    expect(await say({})).toBe(true)
    expect(await say({ deadline: 0 })).toBe('sluice:late:n0nce')
    expect(await say({ plan: other })).toBe('sluice:stale:n0nce')
    expect(await say({ plan: other, deadline: 0 })).toBe('sluice:late:n0nce')
  })
  test('operators and types of somebody\'s own in front of the server\'s change nothing of it', async () => {
    expect(await run('SELECT id FROM base')).toMatchObject([{ rows: [[1]] }])
    expect(await run('SELECT id FROM base', () => database.query('ALTER TABLE base ADD COLUMN late int'))).toMatchObject({ status: 'stale' })
    await database.query('ALTER TABLE base DROP COLUMN late')
  })
  test.each([
    ['a table', 'SELECT id FROM base', 'ALTER TABLE base ADD COLUMN b int', 'ALTER TABLE base DROP COLUMN b'], ['what a view reads', 'SELECT id FROM twice', 'ALTER TABLE base ENABLE ROW LEVEL SECURITY', 'ALTER TABLE base DISABLE ROW LEVEL SECURITY'],
    ['a view', 'SELECT id FROM seen', 'CREATE OR REPLACE VIEW seen AS SELECT -id AS id, name FROM base', 'CREATE OR REPLACE VIEW seen AS SELECT id, name FROM base'],
    ['a partition', 'SELECT x FROM parts WHERE k = 2', "ALTER TABLE parts_1a ADD CONSTRAINT c CHECK (x <> 'b')", 'ALTER TABLE parts_1a DROP CONSTRAINT c'], ['a child', 'SELECT id FROM parent', 'ALTER TABLE heir ADD COLUMN b int', 'ALTER TABLE heir DROP COLUMN b'],
  ])('a change of %s under way when the read begins is waited for, and seen', async (_, sql, change, back) => {
    expect(await run(sql)).toMatchObject([{ truncated: false }])
    const other = await client()
    let committed: Promise<void> = Promise.resolve()
    const ran = run(sql, async () => {
      await other.query(`BEGIN; ${change}`)
      committed = (async () => {
        for (let waits = 0; waits === 0;) waits = (await database.query("SELECT FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock'")).rowCount ?? 0
        await other.query('COMMIT')
      })()
    })
    expect([sql, await ran]).toMatchObject([sql, { status: 'stale', refusal: { reason: 'objects_changed' } }])
    await committed
    await database.query(back)
  })
})

test.each(transports)('a read that waits for a lock ends with its own time, and leaves nobody waiting in the target, %s', async (_, transport) => {
  const server = await withPostgres()
  try {
    const database = await server.createDatabase("CREATE TABLE held (id int); CREATE ROLE app LOGIN PASSWORD 'app'; GRANT SELECT ON held TO app; CREATE ROLE short LOGIN PASSWORD 'app'; ALTER ROLE short SET lock_timeout = '50ms'; GRANT SELECT ON held TO short")
    const [target, short] = ['app', 'short'].map((role) => openTarget({ url: database.as(role, 'app'), admin: database.url, transport: transport(server) })) as [ReturnType<typeof openTarget>, ReturnType<typeof openTarget>]
    const plan = await target.draw([{ sql: 'SELECT id FROM held' }], { relations: ['public.held'] })
    const bounded = await short.draw([{ sql: 'SELECT id FROM held' }], { relations: ['public.held'] })
    await target.run(plan)                                            // the role is looked at
    await short.run(bounded)
    const other = new pg.Client(database.url)
    await other.connect()
    await other.query('BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE')
    expect(await target.run(plan, { obligations: { limits: { timeoutMs: 1 } } })).toMatchObject({ status: 'failed', refusal: { slug: 'timeout' } })
    // A role that `sluice grants` made says what it was, and sooner.
    expect(await short.run(bounded)).toMatchObject({ status: 'failed', refusal: { reason: 'lock_timeout', sqlstate: '55P03' } })
    await short.close()
    for (let waiting = 1; waiting > 0;) waiting = (await database.query("SELECT FROM pg_stat_activity WHERE usename = 'app' AND state = 'active'")).rowCount ?? 0
    await other.end()
    expect(await target.run(plan)).toMatchObject({ status: 'succeeded' })
    await target.close()
  } finally {
    await server.stop()
  }
})

/** Names of functions, operators, types and relations in a tree that stand without a schema. */
function unqualified(tree: unknown): string[] {
  const found: string[] = []
  const single = (names: unknown) => Array.isArray(names) && names.length < 2
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(walk)
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node as Record<string, Record<string, unknown>>)) {
      if (key === 'FuncCall' && single(value['funcname'])) found.push(JSON.stringify(value['funcname']))
      if (key === 'A_Expr' && single(value['name'])) found.push(JSON.stringify(value['name']))
      if ((key === 'typeName' || key === 'TypeName') && single(value['names'])) found.push(JSON.stringify(value['names']))
      if (key === 'RangeVar' && value['schemaname'] === undefined && value['relname'] !== 'every') found.push(JSON.stringify(value['relname']))
      walk(value)
    }
  }
  walk(tree)
  return found
}
