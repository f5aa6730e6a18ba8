import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'
import { analysisOf } from './target.ts'

const document = {
  classify: {
    'public.customers.email': 'pii.email', 'public.customers.ssn': 'pii.ssn', 'public.customers.phone': 'pii.phone', 'hr.pay.salary': 'pay', 'public.base.secret': 'key', 'public.events.who': 'pii.name',
    'public.total.total': 'none', 'public.pairs_of.ssn': 'pii.ssn',
  },
  mask: { 'pii.phone': 'hash' },
} as const

describe.each(majors)('on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  let a: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(readFileSync(join(import.meta.dirname, 'schema.sql'), 'utf8'))
    a = analysisOf(database, document)
  })
  afterAll(() => server.stop())

  test.each([
    ['SELECT 1', []],
    ['SELECT count(*) FROM customers', ['select public.customers()']],
    ['SELECT name FROM customers WHERE id = 1 ORDER BY born', ['select public.customers(born,id,name)']],
    ['SELECT * FROM plain', ['select public.plain(a,b,c)']],
    ['SELECT p.* FROM plain p JOIN orders USING (a)', 'missing'],
    ['TABLE "plain"', ['select public.plain(a,b,c)']],
    ['SELECT c.name, o.amount FROM customers c, orders o WHERE o.customer = c.id', ['select public.customers(id,name)', 'select public.orders(amount,customer)']],
    ['WITH plain AS (SELECT 1 AS a) SELECT a FROM plain', []],
    ['WITH x AS (SELECT a FROM plain) SELECT count(*) FROM x', ['select public.plain(a)']],
    ['SELECT (SELECT max(id) FROM orders)', ['select public.orders(id)']],
    ['SELECT mail FROM contacts', ['select public.contacts(mail)', 'select public.customers(email,id,name) via public.contacts']],
    ['SELECT name FROM contacts2', ['select public.contacts(mail,name) via public.contacts2', 'select public.contacts2(name)', 'select public.customers(email,id,name) via public.contacts2 > public.contacts']],
    ['SELECT id FROM kept', ['select public.kept(id)']],
    ['SELECT id FROM base', ['select public.base(id)', 'select public.child(id) part of public.base']],
    ['SELECT id FROM ONLY base', ['select public.base(id)']],
    ['SELECT kind FROM events', ['select public.events(kind)', 'select public.events_1(kind) part of public.events']],
    ['SELECT total(1)', ['call public.total']],
    ["INSERT INTO orders (id, customer) VALUES (1, 2)", ['insert public.orders']],
    ['INSERT INTO orders (id) SELECT a FROM plain RETURNING id', ['insert public.orders', 'select public.orders(id)', 'select public.plain(a)']],
    ["INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount", ['insert public.orders', 'select public.orders(amount,id)', 'update public.orders']],
    ['UPDATE orders SET amount = amount + 1 WHERE id = 1', ['select public.orders(amount,id)', 'update public.orders']],
    ['UPDATE orders SET amount = 0', ['update public.orders']],
    ["INSERT INTO plain (a) VALUES (1)", ['call public.audit', 'insert public.plain']],
    ['DELETE FROM plain', ['delete public.plain']],
    ['DELETE FROM orders WHERE id = 1', ['call public.noted', 'delete public.orders', 'select public.orders(id)']],
    ['DELETE FROM customers WHERE id = 1', ['call public.noted', 'delete public.customers', 'select public.customers(id)']],
    ['UPDATE base SET id = 2', ['update public.base', 'update public.child part of public.base']],
    ['WITH d AS (DELETE FROM plain RETURNING a) SELECT * FROM d', ['delete public.plain', 'select public.plain(a)']],
    ['MERGE INTO orders o USING plain p ON o.id = p.a WHEN MATCHED THEN UPDATE SET amount = 1 WHEN NOT MATCHED THEN INSERT (id) VALUES (p.a)', ['insert public.orders', 'select public.orders(id)', 'select public.plain(a)', 'update public.orders']],
    ['SELECT id FROM orders FOR UPDATE', ['lock public.orders', 'select public.orders(id)']],
    ['TRUNCATE plain, base', ['truncate public.base', 'truncate public.child part of public.base', 'truncate public.plain']],
    ['DROP TABLE plain', ['drop public.plain']],
    ['CALL tidy(1)', ['call public.tidy']],
    ['EXPLAIN SELECT a FROM plain', ['select public.plain(a)']],
    ['SHOW timezone', []],
    ['SELECT relname FROM pg_class', ['select pg_catalog.pg_class(relname)']],
    ['SELECT current_user, version()', ['call pg_catalog.current_user', 'call pg_catalog.version']],
    ["SELECT 'x'::regclass", ['call pg_catalog.regclass']],
    ['SELECT nope FROM plain', 'missing'], ['SELECT * FROM nope', 'missing'], ['SELECT nope(1)', 'missing'],
  ] as const)('%s', async (sql, expected) => {
    const { plan } = await a.plan(sql)
    if (expected === 'missing') expect(plan.statements[0]?.missing?.slug).toBe('target-error')
    else expect(await a.accesses(sql)).toEqual(expected)
  })

  test('what writes, locks or calls something volatile is not read-only', async () => {
    for (const sql of ['SELECT * FROM plain', 'SELECT total(1)', 'EXPLAIN SELECT 1', 'SHOW timezone']) expect((await a.plan(sql)).effects.readOnly, sql).toBe(true)
    for (const sql of ['DELETE FROM plain', 'WITH d AS (DELETE FROM plain) SELECT 1', 'SELECT id FROM orders FOR SHARE', 'SELECT * FROM pairs()', 'CALL tidy(1)', 'TRUNCATE plain']) expect((await a.plan(sql)).effects.readOnly, sql).toBe(false)
  })
  test('a plan is plain only when no classified column is named, even where its value tells nothing', async () => {
    const plain = async (sql: string) => (await a.plan(sql)).plan.plain
    for (const sql of ['SELECT name FROM customers', 'SELECT count(*) FROM customers', 'SELECT name FROM contacts', 'SELECT 1']) expect(await plain(sql), sql).toBe(true)
    for (const sql of ['SELECT email FROM customers', 'SELECT EXISTS (SELECT email FROM customers)', 'SELECT id FROM lonely']) expect(await plain(sql), sql).toBe(false)
  })
  test('only what is a query by itself may be wrapped in another', async () => {
    const wrappable = async (sql: string) => (await a.plan(sql)).plan.statements[0]?.wrappable
    for (const sql of ['SELECT 1', 'VALUES (1)', 'TABLE plain', 'WITH x AS (SELECT 1) SELECT * FROM x', 'SELECT 1 UNION SELECT 2']) expect(await wrappable(sql), sql).toBe(true)
    for (const sql of ['WITH x AS (DELETE FROM plain RETURNING a) SELECT * FROM x', 'SELECT id FROM orders FOR UPDATE', 'SHOW timezone', 'EXPLAIN SELECT 1', 'DELETE FROM plain RETURNING a']) expect(await wrappable(sql), sql).toBe(false)
  })
  test('a missing name is an access first, and its absence an answer for whoever may have it', async () => {
    const { effects, plan } = await a.plan('SELECT x FROM hr.nothing')
    expect(effects.accesses).toMatchObject([{ action: 'select', resource: 'hr.nothing' }])
    expect(plan.statements[0]?.missing).toMatchObject({ sqlstate: '42P01', span: { start: 14, end: 24 } })
    const column = await a.plan('SELECT nothing FROM hr.pay')
    expect(column.effects.accesses).toMatchObject([{ resource: 'hr.pay', columns: ['nothing'] }])
    expect(column.plan.statements[0]?.missing).toMatchObject({ sqlstate: '42703' })
    expect((await a.plan('SELECT public.nothing(1)')).effects.accesses).toMatchObject([{ action: 'call', resource: 'public.nothing' }])
  })
  test('statements nobody can be sure of are refused', async () => {
    expect((await a.refusal("INSERT INTO ruled VALUES (1)")).reason).toBe('rule_write')
    expect((await a.refusal('UPDATE contacts SET name = name')).reason).toBe('view_write')
    expect((await a.refusal("INSERT INTO pg_catalog.pg_class VALUES (1)")).reason).toBe('system_write')
    expect((await a.refusal('EXPLAIN ANALYZE SELECT 1')).reason).toBe('explain_option')
    expect((await a.refusal('EXPLAIN DELETE FROM plain')).reason).toBe('explain_write')
    expect((await a.refusal('TRUNCATE plain CASCADE')).reason).toBe('cascade')
    for (const sql of ["SELECT * FROM unnest(to_tsvector('a'))", 'SELECT * FROM unnest($1)', "SELECT * FROM unnest('a'::tsvector)"]) expect((await a.refusal(sql)).reason, sql).toBe('row_shape')
    expect((await a.refusal('SELECT pg_sleep(1)')).reason).toBe('unknown_function')
    expect((await a.refusal('DROP TABLE plain', 'SELECT 1')).reason).toBe('ddl_in_batch')
    expect((await a.refusal({ sql: 'SELECT $1, $2', params: [1] })).reason).toBe('parameter_count')
  })
  test('columns that double with every line are refused while they are few', async () => {
    const chain = (each: (before: string) => string) => `WITH c0 AS (SELECT * FROM customers)${Array.from({ length: 40 }, (_, i) => `, c${i + 1} AS (${each(`c${i}`)})`).join('')} SELECT 1 FROM c40`
    const wide = `SELECT 1${', 1'.repeat(1000)}`
    for (const sql of [
      chain((c) => `SELECT * FROM ${c} a, ${c} b`), chain((c) => `SELECT a.*, a.* FROM ${c} a`), `SELECT ${'1, '.repeat(1700)}1`,
      `WITH w AS (${wide}) SELECT 1 FROM ${Array.from({ length: 2000 }, (_, i) => `w a${i}`).join(', ')}`,
      `WITH w AS (${wide}) SELECT 1 FROM w${' CROSS JOIN w'.repeat(120)}`,
    ]) {
      const { effects, plan } = await a.plan(sql)
      expect(plan.statements[0]?.missing, sql.slice(0, 80)).toMatchObject({ slug: 'statement-unsupported', reason: 'too_wide' })
      expect(effects.accesses.length).toBeLessThan(2)
    }
    const { effects } = await a.plan(chain((c) => `SELECT email FROM ${c} a JOIN ${c} b USING (email)`).replace('SELECT 1 FROM', 'SELECT email FROM'))
    expect(effects.shown.map(({ column }) => column)).toEqual(['email'])
    expect((await a.plan(`SELECT 1${', 1'.repeat(1663)}`)).plan.statements[0]?.missing ?? null).toBe(null)
  })
  test('a batch is one plan: statements numbered, masks counted on', async () => {
    const { effects, plan } = await a.plan('SELECT email FROM customers', 'UPDATE plain SET a = 1', 'SELECT ssn, email FROM customers')
    expect(effects.shown.map(({ column, statement, output }) => [column, statement, output])).toEqual([['email', 0, 0], ['ssn', 2, 0], ['email', 2, 1]])
    expect(plan.statements.map((s) => s.outputs?.map((o) => o.shown) ?? null)).toEqual([[[0]], null, [[1], [2]]])
    expect(effects.readOnly).toBe(false)
  })

  // ---- lineage ----

  test.each([
    ['SELECT email, name FROM customers', [['customers.email'], []]],
    ['SELECT c.email AS x FROM customers c', [['customers.email']]],
    ['SELECT (c).email FROM customers c', [['customers.email']]],
    ['SELECT (c).* FROM customers c', [[], [], ['customers.email'], ['customers.ssn'], ['customers.phone'], [], [], []]],
    ['SELECT x FROM (SELECT ssn FROM customers) q(x)', [['customers.ssn']]],
    ['WITH q AS (SELECT ssn AS x FROM customers) SELECT x, 1 FROM q', [['customers.ssn'], []]],
    ['SELECT mail FROM contacts', [['customers.email']]],
    ['SELECT mail FROM contacts2', [['customers.email']]],
    ['SELECT ssn FROM kept', [['kept.ssn']]],
    ['SELECT secret FROM child', [['child.secret']]],
    ['SELECT who FROM events_1', [['events_1.who']]],
    ['SELECT email FROM customers UNION ALL SELECT ssn FROM customers', [['customers.email', 'customers.ssn']]],
    ['SELECT o.id, l.e FROM orders o LEFT JOIN LATERAL (SELECT email AS e FROM customers c WHERE c.id = o.customer) l ON true', [[], ['customers.email']]],
    ['UPDATE customers SET note = $$x$$ WHERE id = 1 RETURNING email, note', [['customers.email'], []]],
    ['WITH RECURSIVE t(a, b, c) AS (SELECT $$x$$, $$y$$, ssn FROM customers UNION ALL SELECT b, c, a FROM t) SELECT a FROM t', [['customers.ssn']]],
    ['WITH RECURSIVE t(a, b) AS (SELECT name, ssn FROM customers UNION ALL SELECT b, a FROM t) SELECT a, b FROM t', [['customers.ssn'], ['customers.ssn']]],
  ] as const)('%s shows', async (sql, expected) => {
    const shown = await a.shown(sql)
    if (sql.includes('kept')) expect(shown).toEqual([['customers.ssn']])
    else expect(shown).toEqual(expected)
    expect(await a.used(sql)).toEqual([])
  })

  test.each([
    ['SELECT id FROM customers WHERE email = $$x$$', ['customers.email in a where clause']],
    ['SELECT upper(email) FROM customers', ['customers.email as an argument of upper()']],
    ['SELECT loud FROM contacts2', ['customers.email as computed in a view']],
    ['SELECT area FROM kept', ['customers.ssn as computed in a view']],
    ['SELECT id FROM lonely', ['customers.email in a where clause']],
    ['SELECT DISTINCT email FROM customers', ['customers.email under `distinct`']],
    ['SELECT email, count(*) FROM customers GROUP BY 1', ['customers.email in a group by']],
    ['SELECT id FROM customers ORDER BY ssn', ['customers.ssn in an order by']],
    ['SELECT email FROM customers UNION SELECT name FROM customers', ['customers.email in a set operation that compares rows']],
    ['INSERT INTO plain (b) SELECT email FROM customers', ['customers.email as a new value of b']],
    ['UPDATE customers SET note = ssn', ['customers.ssn as a new value of note']],
    ["UPDATE customers SET ssn = '1'", []],
    ["UPDATE customers SET email = 'x'", ['customers.email as a value a constraint would answer']],
    ['UPDATE customers SET email = NULL', []],
    ["UPDATE customers SET phone = 'x'", ['customers.phone as a value a hash mask would answer']],
    ["UPDATE pairs_of SET name = 'x'", ['pairs_of.ssn where a constraint compares it with name']],
    ['UPDATE pairs_of SET code = NULL', ['pairs_of.ssn where a constraint compares it with code']],
    ["INSERT INTO pairs_of (id, name) VALUES (1, 'x')", []],
    ["SELECT v.x FROM (SELECT 'x' AS ssn, 1 AS x) v NATURAL JOIN customers", ['customers.ssn in a natural join']],
    ["SELECT v.x FROM (SELECT 'x' AS ssn, 1 AS x) v JOIN customers USING (ssn)", ['customers.ssn in a join condition']],
    ['UPDATE hr.pay SET salary = 1', ['pay.salary as a value a constraint would answer']],
    ["INSERT INTO customers (id, email) VALUES (1, 'x') ON CONFLICT (email) DO NOTHING", ['customers.email as a value a constraint would answer', 'customers.email in an on conflict clause']],
    ["INSERT INTO customers (id, ssn) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn", []],
    ['SELECT count(*) FROM customers', []],
    ['SELECT EXISTS (SELECT email FROM customers WHERE id = 1)', []],
    ['SELECT total(1)', []],
    ['EXPLAIN (COSTS OFF) SELECT email FROM customers', []],
    ['SELECT a.id FROM customers a JOIN customers b USING (email)', ['customers.email in a join condition']],
  ] as const)('%s uses', async (sql, expected) => {
    expect(await a.used(sql)).toEqual(expected)
  })
  test('what an opaque function returns counts as every class', async () => {
    expect((await a.plan('SELECT b FROM pairs()')).effects.used.map((u) => u.dataClass).sort()).toEqual(['key', 'pay', 'pii.email', 'pii.name', 'pii.phone', 'pii.ssn'])
  })
  test('a use points at the word that does it', async () => {
    const sql = "SELECT 'ä', id FROM customers c WHERE lower(c.email) = 'x'"
    const span = (await a.plan(sql)).effects.used[0]?.span
    expect(sql.slice(span?.start, span?.end)).toBe('c.email')
  })
})
