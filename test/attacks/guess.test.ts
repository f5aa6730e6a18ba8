import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import pg from 'pg'
import { estimate } from '../../functions/protocol/postgres/estimate.ts'
import { pinStatement } from '../../functions/protocol/postgres/pins.ts'
import { analysisOf } from '../protocol/postgres/target.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'

/** Ways to learn of a value that never comes out: how many rows a view has, whether a row runs into another, in what order masked values come, what is there at all. */
const schema = `
CREATE TABLE users (id int PRIMARY KEY, name text, ssn text, salary int); INSERT INTO users VALUES (1, 'alice', '123-45-6789', 40000), (2, 'bob', '1-2', 70000);
CREATE VIEW parts AS SELECT id, regexp_split_to_table(ssn, '-') AS part FROM users; CREATE MATERIALIZED VIEW steps AS SELECT id, generate_series(1, salary / 10000) AS step FROM users;
CREATE VIEW over_parts AS SELECT id FROM parts; CREATE VIEW counted AS SELECT id, (SELECT count(*) FROM regexp_split_to_table(ssn, '-')) AS n FROM users; CREATE VIEW numbered AS SELECT id, generate_series(1, 3) AS n, ssn || '' AS s FROM users;
CREATE TABLE rich (id int PRIMARY KEY, name text, salary int DEFAULT 20000); CREATE UNIQUE INDEX ON rich (name) WHERE salary > 10000; INSERT INTO rich VALUES (1, 'alice', 90000), (2, 'bob', 500);
CREATE TABLE alone (id int PRIMARY KEY, name text, email text, UNIQUE NULLS NOT DISTINCT (name, email)); INSERT INTO alone VALUES (1, 'alice', 'a@b.c'), (2, 'bob', NULL);
CREATE TABLE filled (id int PRIMARY KEY, name text, email text DEFAULT 'none', UNIQUE (name, email)); CREATE TABLE usual (id int PRIMARY KEY, tenant int DEFAULT 1, email text, code uuid UNIQUE DEFAULT gen_random_uuid(), UNIQUE (tenant, email));
CREATE TABLE cells (k int, name text, ssn text DEFAULT 'x') PARTITION BY LIST (k); CREATE TABLE cells_1 PARTITION OF cells FOR VALUES IN (1); CREATE UNIQUE INDEX ON cells_1 (name, ssn);
CREATE FUNCTION agrees(j json) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1->>'ssn' <> $1->>'name' $$; CREATE TABLE checked (id int PRIMARY KEY, name text, ssn text); ALTER TABLE checked ADD CHECK (agrees(row_to_json(checked))); INSERT INTO checked VALUES (1, 'x', '123');
CREATE FUNCTION first_of(anyelement) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT row_to_json($1)->>'ssn' $$; CREATE TABLE hashed (id int PRIMARY KEY, name text, ssn text); CREATE UNIQUE INDEX ON hashed ((name || first_of(hashed)));
CREATE TABLE cards (id int PRIMARY KEY, card text, bulk text); INSERT INTO cards SELECT i, md5(i::text), repeat('x', 500) FROM generate_series(1, 2000) i; CREATE INDEX ON cards (card); CREATE VIEW v_cards AS SELECT card FROM cards;
CREATE TABLE notes (id int, body text); CREATE SCHEMA hr; CREATE TABLE hr.payroll (id int); CREATE FUNCTION slow(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE guarded (id int, who text); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (who = 'a secret name'); CREATE TABLE watched (id int); CREATE TRIGGER t BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION told();
`
const classify = { ...Object.fromEntries(['users.ssn', 'users.salary', 'rich.salary', 'alone.email', 'filled.email', 'usual.email', 'usual.code', 'cells.ssn', 'checked.ssn', 'hashed.ssn', 'cards.card'].map((name) => [`public.${name}`, name])), 'public.agrees.agrees': 'none' as const, 'public.first_of.first_of': 'none' as const }

describe.each(majors)('what never comes out is not told either, on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  let a: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(schema)
    await database.query('VACUUM ANALYZE')
    a = analysisOf(database, { classify, mask: { '*': 'redact', 'cards.card': 'hash' } })
  })
  afterAll(() => server.stop())

  test.each([
    ['SELECT count(*) FROM parts', 'users.ssn'], ['SELECT id FROM steps', 'users.salary'], ['SELECT id FROM over_parts', 'users.ssn'], ['SELECT EXISTS (SELECT FROM parts WHERE id = 1 OFFSET 2)', 'users.ssn'],
  ])('a view in which it decides how many rows come uses it: %s', async (sql, column) => {
    expect((await a.used(sql)).some((use) => use.startsWith(`${column} `))).toBe(true)
  })
  test.each(['SELECT id FROM counted', 'SELECT id FROM numbered', 'SELECT n FROM numbered'])('a value of its own in a view does not: %s', async (sql) => {
    expect(await a.used(sql)).toEqual([])
  })

  test.each([
    ["INSERT INTO rich (id, name) VALUES (10, 'alice')", 'rich.salary'], ["INSERT INTO rich (id, name, salary) VALUES (10, 'alice', DEFAULT) ON CONFLICT DO NOTHING", 'rich.salary'], ["UPDATE rich SET salary = DEFAULT WHERE id = 2", 'rich.salary'],
    ["INSERT INTO alone (id, name) VALUES (10, 'bob')", 'alone.email'], ["INSERT INTO alone (id, name, email) VALUES (10, 'bob', NULL)", 'alone.email'], ['UPDATE alone SET email = NULL WHERE id = 1', 'alone.email'],
    ["INSERT INTO filled (id, name) VALUES (10, 'bob')", 'filled.email'], ['INSERT INTO filled DEFAULT VALUES', 'filled.email'], ["INSERT INTO cells (k, name) VALUES (1, 'a')", 'cells_1.ssn'],
    ["MERGE INTO alone USING notes n ON alone.id = n.id WHEN NOT MATCHED THEN INSERT (id, name) VALUES (n.id, 'bob')", 'alone.email'],
    ["UPDATE checked SET name = '123' WHERE id = 1", 'checked.ssn'], ["UPDATE hashed SET name = '123' WHERE id = 1", 'hashed.ssn'],
  ])('a row that runs into another by what it leaves out: %s', async (sql, column) => {
    expect((await a.used(sql)).some((use) => use.startsWith(`${column} `))).toBe(true)
  })
  test.each(["INSERT INTO usual (id) VALUES (1)", "INSERT INTO users (id, name) VALUES (9, 'a')", "INSERT INTO checked (id, name) VALUES (9, 'a')"])('one that cannot is written: %s', async (sql) => {
    expect(await a.used(sql)).toEqual([])
  })

  test.each([
    "SELECT card FROM cards UNION ALL SELECT 'guess'", "SELECT 'guess' UNION ALL SELECT card FROM cards", 'SELECT id, card FROM cards UNION ALL SELECT id, body FROM notes', "SELECT c FROM (SELECT card AS c FROM cards UNION ALL SELECT 'x'::text) x",
    "WITH RECURSIVE t(c) AS (SELECT 'guess' UNION ALL SELECT card FROM cards) SELECT c FROM t", "SELECT (SELECT card FROM cards WHERE id = 0 UNION ALL SELECT 'guess')", "SELECT card FROM cards UNION ALL (VALUES ('guess'))", 'SELECT card FROM cards UNION ALL SELECT ssn FROM users',
    "SELECT card, NULL FROM cards UNION ALL SELECT 'guess', NULL", 'SELECT card FROM cards UNION ALL SELECT NULL UNION ALL SELECT body FROM notes',
  ])('what a hash mask would answer does not stand beside it: %s', async (sql) => {
    expect(await a.used(sql)).toContain('cards.card in one column with values that a hash mask would answer')
  })
  test.each(['SELECT id, card FROM cards UNION ALL SELECT id, card FROM cards', 'SELECT card, bulk FROM cards UNION ALL SELECT NULL, body FROM notes', "SELECT ssn FROM users UNION ALL SELECT 'x'", 'SELECT id FROM cards UNION ALL SELECT 1'])('what it would not may: %s', async (sql) => {
    expect(await a.used(sql)).toEqual([])
  })

  test('masked values that can be told apart do not come in the order of an index over them alone', async () => {
    const client = new pg.Client(database.url)
    await client.connect()
    const cards = async (heapOrder: boolean) => {
      await client.query('BEGIN')
      const { text, values } = pinStatement({ searchPath: ['public'], limits: { timeoutMs: 5000 }, deadline: Date.now() + 5000, readOnly: true, heapOrder, nonce: 'n' })
      await client.query(text, [...values])
      const { rows } = await client.query<{ card: string }>('SELECT card FROM cards')
      await client.query('ROLLBACK')
      return rows.map(({ card }) => card)
    }
    const bare = await cards(false)
    expect(bare).toEqual([...bare].sort())                             // the attack is real
    expect(await cards(true)).not.toEqual(bare)
    await client.end()
    for (const sql of ['SELECT card FROM cards', 'SELECT b.card FROM cards a, cards b WHERE a.id = 1', 'SELECT card FROM v_cards', 'UPDATE cards SET bulk = NULL RETURNING card']) expect([sql, (await a.plan(sql)).plan.heapOrder]).toEqual([sql, true])
    for (const sql of ['SELECT id FROM cards', 'SELECT ssn FROM users', 'SELECT count(*) FROM cards']) expect([sql, (await a.plan(sql)).plan.heapOrder]).toEqual([sql, false])
  })

  test.each(['xmin', 'cmax'])('the table\'s own %s is not read under the name of a column further out', async (name) => {
    expect((await database.query(`SELECT (SELECT ${name} FROM users LIMIT 1)::text AS x FROM (SELECT 'mine' AS ${name}) u`)).rows[0].x).not.toBe('mine')   // the attack is real
    expect((await a.plan(`SELECT (SELECT ${name} FROM users LIMIT 1) FROM (SELECT 1 AS ${name}) u`)).plan.statements[0]?.missing?.sqlstate).toBe('42703')
    expect((await a.plan(`SELECT ${name} FROM (SELECT 1 AS ${name}) u`)).plan.statements[0]?.missing).toBeUndefined()
  })
  test.each([
    ['SELECT null::hr.payroll', 'SELECT null::hr.nothing'], ["SELECT * FROM jsonb_populate_record(null::hr.payroll, '{}')", "SELECT * FROM jsonb_populate_record(null::hr.nothing, '{}')"],
    ['SELECT null::hr.payroll[]', 'SELECT null::hr.nothing[]'], ['SELECT null::hr._payroll', 'SELECT null::hr._nothing'], ['SELECT hr.payroll(1)', 'SELECT hr.nothing(1)'], ['SELECT * FROM hr.payroll(1)', 'SELECT * FROM hr.nothing(1)'],
  ])('a row type tells of a table only to whoever may name it: %s', async (there, absent) => {
    expect((await a.accesses(there)).map((access) => access.replace(/_?payroll/, '_'))).toEqual((await a.accesses(absent)).map((access) => access.replace(/_?nothing/, '_')))
    expect(await a.accesses(there)).toHaveLength(1)
  })

  test.each(['EXPLAIN (COSTS OFF) SELECT id FROM guarded', 'EXPLAIN (COSTS OFF) SELECT 1 FROM notes WHERE EXISTS (SELECT FROM numbered)'])('a plan does not show how a view or row security is defined: %s', async (sql) => {
    expect((await a.plan(sql)).plan.statements[0]?.missing?.reason).toBe('explain_definition')
  })
  test('and that there is one is told only to who may read it', async () => {
    expect(await a.accesses('EXPLAIN SELECT id FROM guarded')).toEqual(['select public.guarded(id)'])
    expect((await a.plan('EXPLAIN (COSTS OFF) SELECT id FROM notes')).plan.statements[0]?.missing).toBeUndefined()
  })

  test('an estimate plans nothing that planning itself would run', async () => {
    const planned: string[] = []
    for (const sql of ['SELECT slow(1)', 'SELECT id FROM notes', 'INSERT INTO watched VALUES (1)']) {
      await estimate(a.connection, await a.plan(sql), async ({ text }) => { planned.push(text.replace(/^.*JSON\) /, '')); return { command: '', rowCount: 0, fields: [], rows: [] } })
    }
    expect(planned).toEqual(['SELECT id FROM notes', 'INSERT INTO watched VALUES (1)'])
  })
})
