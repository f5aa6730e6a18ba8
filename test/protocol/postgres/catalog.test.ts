import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import pg from 'pg'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'
import { analysisOf } from './target.ts'

describe.each(majors)('on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  let clock = 0
  let a: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(`${readFileSync(join(import.meta.dirname, 'schema.sql'), 'utf8')}
      CREATE SCHEMA first; CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT (name) ON customers TO reader; CREATE DOMAIN word AS text; CREATE TABLE words (w word);`)
  })
  afterAll(() => server.stop())

  async function holds(sql: string, as: { query: (text: string, params: unknown[]) => Promise<{ rows: unknown[] }> }): Promise<boolean> {
    const { sql: text, params, expected } = (await a.plan(sql)).plan.guard
    const { rows } = await as.query(text, [...params])
    return (rows as { fingerprint: string }[])[0]?.fingerprint === expected
  }
  const fresh = () => { a = analysisOf(database, { searchPath: ['first', 'public'], classify: { 'public.customers.ssn': 'pii' } }, () => clock) }

  test('the guard holds while nothing changes, for a role with a column grant alone, and after VACUUM and ANALYZE', async () => {
    fresh()
    const reader = new pg.Client(database.as('reader', 'reader'))
    await reader.connect()
    try {
      expect(await holds('SELECT name FROM customers c JOIN contacts USING (name) WHERE lower(name) = $$x$$', reader)).toBe(true)
    } finally { await reader.end() }
    await database.query('VACUUM FULL customers; ').catch(() => {})
    await database.query('ANALYZE')
    expect(await holds("SELECT * FROM words, base, events, kept WHERE 'x'::word = w", database)).toBe(true)
  })
  test.each([
    ['a column added', 'ALTER TABLE customers ADD COLUMN extra text', 'SELECT name FROM customers'],
    ['a column renamed', 'ALTER TABLE customers RENAME COLUMN note TO notes', 'SELECT name FROM customers'],
    ['two columns swapped', 'ALTER TABLE customers RENAME ssn TO x; ALTER TABLE customers RENAME name TO ssn; ALTER TABLE customers RENAME x TO name', 'SELECT name FROM customers'],
    ['a view redefined', 'CREATE OR REPLACE VIEW contacts AS SELECT id, ssn AS name, email AS mail FROM customers', 'SELECT name FROM contacts'],
    ['a view beneath a view redefined', 'CREATE OR REPLACE VIEW contacts AS SELECT id, ssn AS name, email AS mail FROM customers', 'SELECT name FROM contacts2'],
    ['a table shadowed earlier in the path', 'CREATE TABLE first.customers (name text)', 'SELECT name FROM customers'],
    ['a function overloaded', 'CREATE FUNCTION first.lower(int) RETURNS text LANGUAGE sql AS $$SELECT current_user::text$$', 'SELECT lower(name) FROM customers'],
    ['a function replaced', "CREATE OR REPLACE FUNCTION total(int) RETURNS numeric LANGUAGE sql AS 'DELETE FROM plain; SELECT 1.0'", 'SELECT total(1)'],
    ['an operator added', 'CREATE FUNCTION eq(int, text) RETURNS bool LANGUAGE sql AS $$SELECT true$$; CREATE OPERATOR public.= (leftarg = int, rightarg = text, function = eq)', 'SELECT name FROM customers WHERE id = 1'],
    ['a trigger added', 'CREATE TRIGGER late BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION audit()', 'INSERT INTO orders (id) VALUES (1)'],
    ['a rule added', 'CREATE RULE away AS ON DELETE TO plain DO INSTEAD NOTHING', 'DELETE FROM plain'],
    ['a policy added', 'CREATE POLICY p ON plain USING (a > 1)', 'SELECT a FROM plain'],
    ['a child added', 'CREATE TABLE child2 () INHERITS (base)', 'SELECT id FROM base'],
    ['a partition added', "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", 'SELECT kind FROM events'],
    ['a constraint added', 'ALTER TABLE plain ADD CONSTRAINT u UNIQUE (b)', "UPDATE plain SET b = 'x'"],
    ['a foreign key pointing here', 'CREATE TABLE more (c int REFERENCES customers ON DELETE CASCADE)', 'DELETE FROM customers'],
    ['a default changed', 'ALTER TABLE plain ALTER a SET DEFAULT 7', 'INSERT INTO plain (b) VALUES (null)'],
    ['a domain checked', 'ALTER DOMAIN word ADD CHECK (length(value) > 1)', "SELECT 'xx'::word"],
    ['a cast made', 'CREATE FUNCTION shout(int) RETURNS text LANGUAGE sql AS $$SELECT current_user::text$$; CREATE CAST (int AS text) WITH FUNCTION shout(int) AS ASSIGNMENT', 'SELECT id::text FROM customers'],
    ['a sort made a type\'s own', 'CREATE FUNCTION cmp(point, point) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT 0$$; CREATE FUNCTION before(point, point) RETURNS bool LANGUAGE sql IMMUTABLE AS $$SELECT true$$; CREATE OPERATOR public.<< (leftarg = point, rightarg = point, function = before); CREATE OPERATOR CLASS by_point DEFAULT FOR TYPE point USING btree AS OPERATOR 1 public.<< , FUNCTION 1 cmp(point, point)', 'SELECT id FROM customers'],
    ['a family extended', 'CREATE FUNCTION cmp(int, text) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT 0$$; ALTER OPERATOR FAMILY integer_ops USING btree ADD FUNCTION 1 (int4, text) cmp(int, text)', 'SELECT id FROM customers ORDER BY id'],
    ['statistics of an expression made', 'CREATE FUNCTION rough(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT 1$$; CREATE STATISTICS s ON (rough(a + rough(7))), (a + 1) FROM plain', 'SELECT a FROM plain'],
    ['a schema renamed', 'ALTER SCHEMA hr RENAME TO hr2', 'SELECT id FROM hr.pay'],
  ])('it notices %s', async (_, change, sql) => {
    await database.query('BEGIN')
    try {
      fresh()
      expect(await holds(sql, database)).toBe(true)
      const { sql: text, params, expected } = (await a.plan(sql)).plan.guard
      await database.query(`SET LOCAL search_path = public; ${change}`)   // the catalog's own query pinned it to nothing until the transaction ends
      expect((await database.query(text, [...params])).rows[0].fingerprint).not.toBe(expected)
    } finally { await database.query('ROLLBACK') }
  })
  test('the fingerprint of the effects follows the objects, not the rest of the catalog', async () => {
    const fingerprint = async () => { fresh(); return (await a.plan('SELECT name FROM customers')).effects.fingerprint }
    const before = await fingerprint()
    await database.query('CREATE TABLE elsewhere (a int)')
    expect(await fingerprint()).toBe(before)
    await database.query('ALTER TABLE customers ADD COLUMN another int')
    expect(await fingerprint()).not.toBe(before)
  })
  test('the catalog is read once, again when told to forget it, and when the document changes; a name it does not know says how fresh it is', async () => {
    fresh()
    await a.plan('SELECT 1')
    await a.plan('SELECT name FROM customers')
    expect(a.reads()).toBe(1)
    a.classifier.forget('tested')
    await a.plan('SELECT 1')
    expect(a.reads()).toBe(2)
    await a.classifier.classify({ ...a.connection, classify: {} }, { statements: [{ sql: 'SELECT 1', params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null })
    expect(a.reads()).toBe(3)
    await database.query('CREATE TABLE brand_new (a int)')
    fresh()
    await a.plan('SELECT 1')
    await database.query('CREATE TABLE newer (a int)')
    const asked = async () => {
      const { plan } = await a.plan('SELECT a FROM newer')
      return [plan.statements[0]?.missing?.sqlstate, plan.fresh]
    }
    expect(await asked()).toEqual(['42P01', true])   // within a second nobody can make us read it over and over
    clock += 2000
    expect(await asked()).toEqual(['42P01', false])
    expect(a.reads()).toBe(1)                        // reading it here would take the longer for a name that is not there, whoever asks
    a.classifier.forget('tested')                    // what execute does, once the name was decided on
    expect(await asked()).toEqual([undefined, true])
    expect(a.reads()).toBe(2)
  })
  test('a table whose classified column is gone is closed', async () => {
    a = analysisOf(database, { classify: { 'public.plain.gone': 'pii', 'public.orders.gone': { class: 'pii', optional: true } } })
    expect(await a.ask('SELECT a FROM plain')).toMatchObject({ ok: true, value: { fails: { reason: 'classification_stale' } } })   // told once it was decided who asks
    expect(await a.accesses('SELECT id FROM orders')).toEqual(['select public.orders(id)'])
  })
  test('concurrent calls on a cold target read its catalog once', async () => {
    fresh()
    await Promise.all(Array.from({ length: 10 }, () => a.plan('SELECT 1')))
    expect(a.reads()).toBe(1)
  })
})
