import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Effects } from '../../../schema/effects.ts'
import { openTarget } from '../../contract/target.ts'
import { transports } from '../../contract/transports.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'

const canary = 'canary-7c1f'
const schema = `
  CREATE TABLE t (id int PRIMARY KEY, name text, secret text UNIQUE CHECK (secret <> 'no'), n numeric(4,1));
  INSERT INTO t SELECT i, 'n' || i, '${canary}-' || i, i FROM generate_series(1, 50) i;
  CREATE VIEW v AS SELECT id, name AS title FROM t;
  CREATE TABLE child (t int REFERENCES t ON DELETE CASCADE); INSERT INTO child SELECT 50 FROM generate_series(1, 30);
  CREATE TABLE parts (k int, x text) PARTITION BY LIST (k); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); INSERT INTO parts VALUES (1, 'p');
  CREATE TABLE later (id int PRIMARY KEY, t int REFERENCES t DEFERRABLE INITIALLY DEFERRED);
  CREATE TABLE narrow (open text, shut text); INSERT INTO narrow VALUES ('o', '${canary}');
  CREATE FUNCTION loud() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '${canary}' USING ERRCODE = 'CANRY', DETAIL = '${canary}', HINT = '${canary}'; END $$;
  CREATE FUNCTION noisy() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '${canary}'; RETURN 1; END $$;`
const roles = `
  DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN CREATE ROLE app LOGIN PASSWORD 'app'; CREATE ROLE granted LOGIN PASSWORD 'granted'; CREATE ROLE owner LOGIN PASSWORD 'owner'; CREATE ROLE member LOGIN PASSWORD 'member' IN ROLE owner; END IF; END $$;
  GRANT ALL ON ALL TABLES IN SCHEMA public TO app; GRANT SELECT (open) ON narrow TO granted; GRANT SELECT ON parts TO granted; GRANT SELECT ON v TO granted; GRANT INSERT (id, name), SELECT (id) ON t TO granted;
  CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO owner; GRANT SELECT ON owned TO PUBLIC; ALTER ROLE app SET search_path = 'evil'; ALTER ROLE app SET DateStyle = 'German'; ALTER ROLE app SET standard_conforming_strings = off;`

for (const major of majors) describe.each(transports)(`on a real server, ${major}, %s`, (_, transport) => {
  let server: TestPostgres
  let database: TestDatabase
  let target: ReturnType<typeof openTarget>
  const open: ReturnType<typeof openTarget>[] = []
  const as = (role: string, more: Partial<Parameters<typeof openTarget>[0]> = {}) => {
    const made = openTarget({ url: database.as(role, role), admin: database.url, transport: transport(server, more.now), ...more })
    open.push(made)
    return made
  }
  const count = async (where = 'true') => Number((await database.query(`SELECT count(*) FROM t WHERE ${where}`)).rows[0].count)
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(schema + roles)
    target = as('app')
  })
  afterAll(async () => {
    for (const one of open) await one.close()
    await server.stop()
  })

  describe('a read', () => {
    test('returns rows as objects or arrays, with the types of its columns', async () => {
      const plan = await target.draw([{ sql: 'SELECT id, name AS who, n FROM t WHERE id <= $1 ORDER BY id', params: [2] }], { relations: ['public.t'] })
      const objects = await target.run(plan)
      expect(objects.masked?.results).toEqual([{
        columns: [{ name: 'id', type: 'integer' }, { name: 'who', type: 'text' }, { name: 'n', type: 'numeric' }], rows: [{ id: 1, who: 'n1', n: '1.0' }, { id: 2, who: 'n2', n: '2.0' }], rowCount: 2, truncated: false,
      }])
      expect((await target.run(plan, { rowMode: 'array' })).masked?.results[0]?.rows).toEqual([[1, 'n1', '1.0'], [2, 'n2', '2.0']])
    })
    test('says truncated when there were more rows than the cap, and not when there were as many', async () => {
      const plan = await target.draw([{ sql: 'SELECT id FROM t ORDER BY id' }], { relations: ['public.t'] })
      expect((await target.run(plan, { maxRows: 50 })).masked?.results[0]).toMatchObject({ rowCount: 50, truncated: false })
      const less = await target.run(plan, { maxRows: 49 })
      expect(less).toMatchObject({ rows: { rowCounts: [49], truncated: true } })
      expect(less.masked?.results[0]).toMatchObject({ rowCount: 49, truncated: true })
      expect((await target.run(plan, { obligations: { limits: { rows: 3 } } })).masked?.results[0]?.rows).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
    })
    test('stops at the row cap on the target: a bomb of rows is never made', async () => {
      const plan = await target.draw([{ sql: 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r' }])
      expect((await target.run(plan, { maxRows: 2 })).masked?.results[0]).toMatchObject({ rows: [{ n: 1 }, { n: 2 }], truncated: true })
    })
    test('past the byte cap it keeps whole rows and says so, also when the answer had to be cut off as it came', async () => {
      for (const size of [400, 30_000]) {
        const plan = await target.draw([{ sql: `SELECT i, repeat('é"\\', ${size}) AS x FROM generate_series(1, 40) i` }])
        const { masked } = await target.run(plan, { obligations: { limits: { bytes: 4096 + size * 10 } } })
        const [result] = masked!.results
        expect(result?.truncated).toBe(true)
        expect(result!.rows.length).toBeGreaterThan(0)
        expect(result!.rows.length).toBeLessThan(40)
        result!.rows.forEach((row, index) => expect(row).toEqual({ i: index + 1, x: 'é"\\'.repeat(size) }))
      }
    })
    test('several statements share one budget of rows; none is left out unsaid', async () => {
      const plan = await target.draw([{ sql: 'SELECT id FROM t ORDER BY 1' }, { sql: 'SELECT id FROM t ORDER BY 1 DESC' }], { relations: ['public.t'] })
      expect((await target.run(plan, { maxRows: 60 })).masked?.results.map(({ rowCount, truncated }) => [rowCount, truncated])).toEqual([[50, false], [10, true]])
      const big = await target.draw([{ sql: "SELECT repeat('x', 3000000)" }, { sql: 'SELECT 1 AS one' }])
      expect(await target.run(big, { obligations: { limits: { bytes: 4096 } } })).toMatchObject({ status: 'failed', refusal: { slug: 'too-large' } })
    })
    test('repeated names lose no value, and __proto__ is a name like any other', async () => {
      const plan = await target.draw([{ sql: 'SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS "__proto__", 5 AS constructor' }])
      expect(JSON.stringify((await target.run(plan)).masked?.results[0]?.rows)).toBe('[{"a":1,"a_3":2,"a_2":3,"__proto__":4,"constructor":5}]')
    })
    test('runs in a transaction and as settings that cannot change anything', async () => {
      for (const sql of ["SELECT nextval('q')", 'SELECT 1 FROM t FOR UPDATE']) {
        await database.query('CREATE SEQUENCE IF NOT EXISTS q; GRANT ALL ON q TO app')
        expect(await target.run(await target.draw([{ sql, wrappable: false }]))).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate: '25006' } })
      }
    })
    test('is one statement, whatever the text holds', async () => {
      for (const sql of ['SELECT 1) AS s; DELETE FROM t; --', 'SELECT 1; DELETE FROM t', 'COMMIT', 'COMMIT; DELETE FROM t']) {
        const plan = await target.draw([{ sql, outputs: [] }, { sql: 'DELETE FROM t', outputs: null }], { readOnly: true })
        const ran = await target.run(plan).catch((error: Error) => error.message)
        expect(ran === 'invariant: a statement that cannot be wrapped was called wrappable' || (ran as { status: string }).status === 'failed').toBe(true)
      }
      expect(await count()).toBe(50)
    })
    test('COMMIT as a statement of a read batch changes nothing, because what follows runs as a role that may not write', async () => {
      const reader = as('granted')
      const plan = await reader.draw([{ sql: 'COMMIT', wrappable: false, outputs: [] }, { sql: "UPDATE narrow SET open = 'x'", wrappable: false, outputs: [] }], { readOnly: true })
      expect(await reader.run(plan)).toMatchObject({ status: 'failed' })
      expect((await database.query('SELECT open FROM narrow')).rows).toEqual([{ open: 'o' }])
    })
    test('pins what the role would have otherwise', async () => {
      const names = ['search_path', 'DateStyle', 'TimeZone', 'standard_conforming_strings', 'transaction_read_only', 'row_security', 'client_min_messages', 'jit', 'statement_timeout', 'IntervalStyle']
      const plan = await target.draw([{ sql: `SELECT ${names.map((name) => `current_setting('${name}') AS "${name}"`).join(', ')}` }])
      expect((await target.run(plan)).masked?.results[0]?.rows).toEqual([{
        search_path: '"pg_catalog", "public", "pg_temp"', DateStyle: 'ISO, MDY', TimeZone: 'UTC', standard_conforming_strings: 'on', transaction_read_only: 'on', row_security: 'on', client_min_messages: 'error', jit: 'off', statement_timeout: '5s', IntervalStyle: 'postgres',
      }].map((row) => ({ ...row, search_path: expect.stringMatching(/^"?pg_catalog"?, "?public"?, "?pg_temp"?$/) })))
    })
    test('works with column grants, through a view and over partitions', async () => {
      const reader = as('granted')
      for (const [sql, relation] of [['SELECT open FROM narrow', 'narrow'], ['SELECT title FROM v WHERE id = 1', 'v'], ['SELECT x FROM parts', 'parts']] as const) {
        expect(await reader.run(await reader.draw([{ sql }], { relations: [`public.${relation}`] }))).toMatchObject({ status: 'succeeded', rows: { rowCounts: [1] } })
      }
      expect(await reader.run(await reader.draw([{ sql: 'SELECT shut FROM narrow' }], { relations: ['public.narrow'] }))).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate: '42501' } })
    })
  })

  describe('time', () => {
    test('a statement that takes too long is stopped by the target and told so', async () => {
      const plan = await target.draw([{ sql: 'SELECT pg_sleep(30)' }])
      expect(await target.run(plan, { obligations: { limits: { timeoutMs: 200 } } })).toMatchObject({ status: 'failed', refusal: { slug: 'timeout', sqlstate: '57014' } })
    })
    test('after the deadline nothing is sent', async () => {
      for (const sql of ['SELECT id FROM t', 'INSERT INTO t (id) VALUES (900)']) {
        const plan = await target.draw([{ sql }], { written: ['public.t'] })
        expect(await target.run(plan, { deadline: Date.now() - 1 })).toMatchObject({ status: 'failed', refusal: { slug: 'timeout', reason: 'deadline_passed' } })
      }
    })
    test('a process that was frozen between its own look at the clock and the sending does nothing: the target looks too', async () => {
      const frozen = as('app', { now: () => Date.now() - 3600_000 })
      for (const sql of ['SELECT 1', 'INSERT INTO t (id) VALUES (901)']) {
        const plan = await frozen.draw([{ sql }], { written: ['public.t'] })
        expect(await frozen.run(plan)).toMatchObject({ status: 'failed', refusal: { slug: 'timeout', reason: 'deadline_passed' } })
      }
      expect(await count('id >= 900')).toBe(0)
    })
  })

  describe('objects that changed between classify and execute', () => {
    test.each([
      ['a column came', 'ALTER TABLE moved ADD COLUMN b int'], ['a column was renamed', 'ALTER TABLE moved RENAME COLUMN a TO c'], ['the table was replaced', 'DROP TABLE moved; CREATE TABLE moved (a int)'],
      ['the table went', 'DROP TABLE moved'], ['a trigger came', 'CREATE TRIGGER x BEFORE INSERT ON moved FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'],
      ['it became a view', `DROP TABLE moved; CREATE VIEW moved AS SELECT secret AS a FROM t`], ['a policy came', 'CREATE POLICY p ON moved'],
    ])('%s: stale, nothing ran, the catalog is forgotten', async (_, change) => {
      for (const [sql, isolation] of [['SELECT a FROM moved', 'read committed'], ['INSERT INTO moved VALUES (1)', 'read committed'], ['SELECT a FROM moved', 'serializable'], ['INSERT INTO moved VALUES (1)', 'repeatable read']] as const) {
        await database.query("DO $$ BEGIN EXECUTE 'DROP VIEW IF EXISTS moved'; EXCEPTION WHEN OTHERS THEN NULL; END $$; DROP TABLE IF EXISTS moved; CREATE TABLE moved (a int); GRANT ALL ON moved TO app")
        const plan = await target.draw([{ sql }], { [sql.startsWith('S') ? 'relations' : 'written']: ['public.moved'], isolation })
        expect(await target.run(plan)).toMatchObject({ status: 'succeeded' })
        await database.query(`${change}; ${change === 'DROP TABLE moved' ? '' : 'GRANT ALL ON moved TO app'}`)
        target.forgotten.length = 0
        expect([sql, isolation, await target.run(plan)]).toMatchObject([sql, isolation, { status: 'stale', refusal: { reason: 'objects_changed' } }])
        expect(target.forgotten).toEqual(['shop'])
      }
    })
    test('a name that was never there is not called a change', async () => {
      const plan = await target.draw([{ sql: 'SELECT 1, nothing FROM t', outputs: [] }], { relations: ['public.t'] })
      const sql = 'SELECT 1, nothing FROM t'
      expect(await target.run(plan)).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate: '42703', span: { start: sql.indexOf('nothing'), end: sql.indexOf('nothing') + 7 } } })
    })
  })

  describe('a write', () => {
    test('is there after it succeeded, and says how many rows', async () => {
      const plan = await target.draw([{ sql: 'INSERT INTO t (id, name) VALUES ($1, $2), (101, NULL) RETURNING id, name', params: [100, "it's $1"] }], { written: ['public.t'] })
      expect((await target.run(plan)).masked?.results).toMatchObject([{ rows: [{ id: 100, name: "it's $1" }, { id: 101, name: null }], rowCount: 2 }])
      const gone = await target.run(await target.draw([{ sql: 'DELETE FROM t WHERE id >= 100' }], { written: ['public.t'] }))
      expect(gone.masked?.results).toEqual([{ columns: [], rows: [], rowCount: 2, truncated: false }])
    })
    test('over the limit of changed rows it is rolled back: by its tag, by a CTE that writes, by a cascade, by a sum over a batch', async () => {
      const limits = { obligations: { limits: { affected: 10 } } }
      for (const statements of [
        [{ sql: "UPDATE t SET name = 'x'" }], [{ sql: "WITH u AS (UPDATE t SET name = 'x' RETURNING 1) SELECT count(*) FROM u" }], [{ sql: 'DELETE FROM t WHERE id = 50' }],
        [{ sql: "UPDATE t SET name = 'x' WHERE id <= 6" }, { sql: "UPDATE t SET name = 'x' WHERE id BETWEEN 7 AND 12" }],
      ]) {
        const plan = await target.draw(statements, { written: ['public.t', 'public.child'], readOnly: false })
        expect([statements[0]?.sql, await target.run(plan, limits)]).toMatchObject([statements[0]?.sql, { status: 'failed', refusal: { slug: 'too-large', reason: 'too_many_affected' } }])
      }
      expect([await count("name = 'x'"), await count()]).toEqual([0, 50])
      const within = await target.draw([{ sql: "UPDATE t SET name = name WHERE id <= 10" }], { written: ['public.t'] })
      for (let n = 0; n < 3; n++) expect(await target.run(within, limits)).toMatchObject({ status: 'succeeded' })      // counts of a kept session's last transaction do not add up
    })
    test('a batch is all or nothing', async () => {
      const plan = await target.draw([{ sql: 'INSERT INTO t (id) VALUES (200)' }, { sql: 'INSERT INTO t (id) VALUES (1)' }], { written: ['public.t'] })
      expect(await target.run(plan)).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate: '23505', statement: 1 } })
      expect(await count('id = 200')).toBe(0)
    })
    test('a constraint that is checked at COMMIT is an answer, not a lost one', async () => {
      const plan = await target.draw([{ sql: 'INSERT INTO later VALUES (1, 999)' }], { written: ['public.later'] })
      expect(await target.run(plan)).toMatchObject({ status: 'failed', refusal: { sqlstate: '23503' } })
    })
    test('what returns more than may come back changes nothing', async () => {
      for (const limits of [{ rows: 3 }, { bytes: 1100 }]) {
        const plan = await target.draw([{ sql: "UPDATE t SET name = repeat('y', 300) WHERE id <= 10 RETURNING name" }], { written: ['public.t'] })
        expect(await target.run(plan, { obligations: { limits } })).toMatchObject({ status: 'failed', refusal: { slug: 'too-large' } })
      }
      expect(await count("name LIKE 'y%'")).toBe(0)
    })
    test('an answer past the byte cap is cut off as it comes, not after it filled the memory', async () => {
      const plan = await target.draw([{ sql: "UPDATE t SET name = name WHERE id <= 30 RETURNING repeat('x', 1000000)" }], { written: ['public.t'] })
      expect(await target.run(plan, { obligations: { limits: { bytes: 4096 } } })).toMatchObject({ status: 'failed', refusal: { slug: 'too-large', inner: 'the answer went past the byte cap' } })
    })
    test('transaction control inside a batch keeps nothing past a refusal', async () => {
      for (const control of ['COMMIT', 'COMMIT AND CHAIN', 'ROLLBACK', 'END']) {
        const plan = await target.draw([{ sql: 'INSERT INTO t (id) VALUES (300)' }, { sql: control, kind: 'show', wrappable: false, outputs: [] }, { sql: 'INSERT INTO t (id) VALUES (1)' }], { written: ['public.t'], readOnly: false })
        const ran = await target.run(plan)
        expect(ran.status).not.toBe('succeeded')
        await database.query('DELETE FROM t WHERE id = 300')
      }
    })
    test('needs only the privileges of the statement itself', async () => {
      const writer = as('granted')
      const plan = await writer.draw([{ sql: "INSERT INTO t (id, name) VALUES (400, 'g')" }], { written: ['public.t'] })
      expect(await writer.run(plan)).toMatchObject({ status: 'succeeded' })
      await database.query('DELETE FROM t WHERE id = 400')
    })
    test('several at once neither mix nor starve', async () => {
      const plans = await Promise.all(Array.from({ length: 24 }, (_, n) => target.draw([{ sql: `INSERT INTO t (id) VALUES (${500 + n}) RETURNING id` }], { written: ['public.t'] })))
      const ran = await Promise.all(plans.map((plan) => target.run(plan, { rowMode: 'array' })))
      expect(ran.map(({ masked }) => masked?.results[0]?.rows)).toEqual(plans.map((_, n) => [[500 + n]]))
      await database.query('DELETE FROM t WHERE id >= 500')
    })
    test('a session whose server end went away while it rested is replaced, unseen', async () => {
      const plan = await target.draw([{ sql: "UPDATE t SET name = 'n1' WHERE id = 1" }], { written: ['public.t'] })
      expect(await target.run(plan)).toMatchObject({ status: 'succeeded' })
      await database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
      expect(await target.run(plan)).toMatchObject({ status: 'succeeded' })
    })
  })

  describe('what the server says and what the plan says disagree', () => {
    const outputs = (relation: number, column: number, name = 'id') => [{ name, origin: relation === 0 ? null : { relation, column }, shown: [] }]
    test.each([['origin', 1], ['name', 2], ['count', 3], ['expression', 4]])('%s: nothing leaves, a write is undone, the alarm rings', async (_, kind) => {
      const oid = Number((await database.query("SELECT 't'::regclass::oid::int4 AS oid")).rows[0].oid)
      const lie = { 1: outputs(oid, 2), 2: outputs(oid, 1, 'ID'), 3: [...outputs(oid, 1), ...outputs(oid, 1)], 4: outputs(0, 0) }[kind]!
      for (const statement of [{ sql: 'SELECT id FROM t', outputs: lie }, { sql: 'INSERT INTO t (id) VALUES (600) RETURNING id', outputs: lie }]) {
        target.alarms.length = 0
        expect(await target.run(await target.draw([statement], { written: ['public.t'] }))).toMatchObject({ status: 'failed', refusal: { slug: 'denied', reason: 'origin_mismatch' } })
        expect(target.alarms.map(({ what }) => what)).toEqual(['origin_mismatch'])
      }
      expect(await count('id = 600')).toBe(0)
    })
    test('a view reports its own columns', async () => {
      expect(await target.run(await target.draw([{ sql: 'SELECT title FROM v LIMIT 1' }], { relations: ['public.v'] }))).toMatchObject({ status: 'succeeded' })
    })
  })

  describe('the role of the connection', () => {
    test.each([['postgres', 'public.t'], ['owner', 'public.owned'], ['member', 'public.owned']])('%s, who could do anything to %s, is refused, unless that is meant', async (role, relation) => {
      const url = role === 'postgres' ? database.url : database.as(role, role)
      const sql = `SELECT id FROM ${relation} LIMIT 1`
      const refused = as('app', { url })
      expect(await refused.run(await refused.draw([{ sql }], { relations: [relation] }))).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', reason: 'owner_or_superuser' } })
      const allowed = as('app', { url, connection: { allowOwner: true } })
      expect(await allowed.run(await allowed.draw([{ sql }], { relations: [relation] }))).toMatchObject({ status: 'succeeded' })
      expect(allowed.alarms.map(({ what }) => what)).toEqual(['owner_allowed'])
    })
    test('a role that owns something else is fine', async () => {
      const other = as('owner')
      await database.query('GRANT SELECT ON t TO owner')
      expect(await other.run(await other.draw([{ sql: 'SELECT id FROM t' }], { relations: ['public.t'] }))).toMatchObject({ status: 'succeeded' })
    })
    test('a role for reading that could write rings the alarm once', async () => {
      const reader = as('app', { connection: { secrets: { read: 'r' } } })
      const plan = await reader.draw([{ sql: 'SELECT id FROM t' }], { relations: ['public.t'] })
      await reader.run(plan)
      await reader.run(plan)
      expect(reader.alarms.map(({ what }) => what)).toEqual(['read_role_can_write'])
    })
  })

  describe('errors of the engine', () => {
    const statements: readonly (readonly [string, string, string | null])[] = [
      ['SELECT secret::int FROM t', '22P02', null], ['SELECT (secret || id)::regclass FROM t', '42P01', null], ["SELECT 1/(id-id) FROM t WHERE secret LIKE 'c%'", '22012', null], [`INSERT INTO t (id, secret) VALUES (700, '${canary}-1')`, '23505', null],
      ["INSERT INTO t (id, secret) VALUES (1, 'x')", '23505', null], ["INSERT INTO t (id, secret) VALUES (701, 'no')", '23514', null], ['INSERT INTO t (id, n) VALUES (702, 123456)', '22003', null], ['SELECT loud()', 'XX000', null], ['SELECT sum(secret::numeric) FROM t', '22P02', null],
      ['SELECT (SELECT secret FROM t)', '21000', null], ["SELECT secret COLLATE \"nope\" FROM t", '42704', 'COLLATE'], ['SELECT x.id FROM t', '42P01', 'x.id'], ['SELECT é FROM t', '42703', 'é'], ['SELECT secret + 1 FROM t', '42883', '+'],
    ]
    test.each(statements)('%s says %s and nothing of the data', async (sql, sqlstate, spanned) => {
      const written = sql.startsWith('INSERT')
      const plan = await target.draw([{ sql, ...(spanned ? { outputs: [] } : {}) }], { [written ? 'written' : 'relations']: ['public.t'] })
      const ran = await target.run(plan)
      expect(ran).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate } })
      expect(JSON.stringify([ran, target.alarms])).not.toContain(canary)
      const span = 'refusal' in ran ? ran.refusal.span : undefined
      if (spanned) expect(sql.slice(span?.start, span?.end)).toBe(spanned)
    })
    test('near classified data, which data error or constraint it was is not told', async () => {
      const guarded = as('app', { connection: { classify: { 'public.t.secret': 'pii.x' } } })
      for (const [sql, state] of [['INSERT INTO t (id, secret) VALUES (1, NULL)', '23000'], ['SELECT secret::int FROM t', '22000'], ['SELECT name::int FROM t', '22000'], ["SELECT 'a'::int FROM t", '22000']] as const) {
        const ran = await guarded.run(await guarded.draw([{ sql, outputs: [] }], { written: ['public.t'], readOnly: sql.startsWith('S') }))
        expect([sql, ran]).toMatchObject([sql, { status: 'failed', refusal: { sqlstate: state } }])
        expect('refusal' in ran && ran.refusal.span).toBeUndefined()
      }
    })
    test('the place is that in the caller\'s words, whatever was put before them', async () => {
      const sql = 'SELECT id, nope FROM t'
      const original = `  /* 𝄞 */ ${sql} ;`
      const ran = await target.run(await target.draw([{ sql, outputs: [] }], { relations: ['public.t'], originals: [original] }))
      expect('refusal' in ran && original.slice(ran.refusal.span?.start, ran.refusal.span?.end)).toBe('nope')
    })
    test('notices go nowhere', async () => {
      const ran = await target.run(await target.draw([{ sql: 'SELECT noisy()' }]))
      expect(ran.status).toBe('succeeded')
      expect(JSON.stringify(ran)).not.toContain(canary)
    })
  })

  describe('masks and detectors on what came', () => {
    const shown = (output: number, dataClass = 'pii.x'): Effects['shown'][number] => ({ dataClass, resource: 'public.t', column: 'secret', statement: 0, span: null, output })
    test('each column as its obligation says; the type stays', async () => {
      const oid = Number((await database.query("SELECT 't'::regclass::oid::int4 AS oid")).rows[0].oid)
      const plan = await target.draw([{ sql: 'SELECT id, secret, secret AS again, n FROM t WHERE id = 1', outputs: [
        { name: 'id', origin: { relation: oid, column: 1 }, shown: [] }, { name: 'secret', origin: { relation: oid, column: 3 }, type: 25, shown: [0] }, { name: 'again', origin: { relation: oid, column: 3 }, type: 25, shown: [1] }, { name: 'n', origin: { relation: oid, column: 4 }, type: 1700, shown: [2] },
      ] }], { relations: ['public.t'], shown: [shown(1), shown(2), shown(3)] })
      const ran = await target.run(plan, { obligations: { masks: ['redact', 'hash', 'last4'] } })
      expect(ran.masked?.results[0]).toEqual({
        columns: [{ name: 'id', type: 'integer' }, { name: 'secret', type: 'text', class: 'pii.x', masked: 'redact' }, { name: 'again', type: 'text', class: 'pii.x', masked: 'hash' }, { name: 'n', type: 'numeric', class: 'pii.x', masked: 'last4' }],
        rows: [{ id: 1, secret: '[redacted]', again: expect.stringMatching(/^[0-9a-f]{32}$/), n: null }], rowCount: 1, truncated: false,
      })
      expect((await target.run(plan, { obligations: { masks: [null, null, null] } })).masked?.results[0]?.rows).toEqual([{ id: 1, secret: `${canary}-1`, again: `${canary}-1`, n: '1.0' }])
      expect(JSON.stringify((await target.run(plan, { obligations: { masks: [] } })).masked)).not.toContain(canary)
    })
    test('what nobody classified is looked through, in text, documents, arrays, bytes and types of their own', async () => {
      const card = '4111111111111111'
      const plan = await target.draw([{ sql: `SELECT 'pay ${card}' AS a, jsonb_build_object('k', '${card}') AS b, ARRAY['${card}'] AS c, '${card}'::bytea AS d, ROW('${card}') AS e, ${card} AS f, ARRAY['x${card}'::bytea] AS g, 'ok'::bytea AS h` }])
      const ran = await target.run(plan, { obligations: { detect: ['credit-card'] } })
      expect(ran.masked?.results[0]).toMatchObject({ rows: [{ a: 'pay [redacted: credit-card]', b: { k: '[redacted: credit-card]' }, c: ['[redacted: credit-card]'], d: null, e: null, f: card, g: null, h: 'b2s=' }], detected: { 'credit-card': 6 } })
    })
  })

  test('without a permit, or with one for another plan, it throws and nothing runs', async () => {
    const [one, two] = [await target.draw([{ sql: 'INSERT INTO t (id) VALUES (800)' }], { written: ['public.t'] }), await target.draw([{ sql: 'SELECT 1' }])]
    const run = { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null } as const
    await expect(target.execute({ ...target.permit(one) } as never, one, run)).rejects.toThrow('without a permit')
    await expect(target.execute(target.permit(two), one, run)).rejects.toThrow('another plan')
    expect(() => target.mask(target.permit(one), one, { raw: {}, rowCounts: [], truncated: false })).toThrow('not of this engine')
    expect(await count('id = 800')).toBe(0)
  })
})
