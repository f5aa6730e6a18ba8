import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Param } from '../../../schema/request.ts'
import { digestOfSet } from '../../../functions/protocol/mysql/guard.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { analysisOf, rowsOf } from './target.ts'

const schema = `
CREATE DATABASE shop; CREATE DATABASE other; USE shop;
CREATE TABLE customers (id int PRIMARY KEY, name varchar(40), email varchar(80), code varchar(20) UNIQUE, doc json, KEY by_email (email));
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, note varchar(40), seen int INVISIBLE DEFAULT 3);
CREATE TABLE other.orders (id int PRIMARY KEY, amount int);
CREATE VIEW contacts AS SELECT id, email AS mail, concat(name, ' ', email) AS line FROM customers;
CREATE FUNCTION shop.opaque (i int) RETURNS int DETERMINISTIC RETURN i;
CREATE VIEW busy AS WITH RECURSIVE q AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM q WHERE n < 3) SELECT n, cast(n AS char) AS c, opaque(n) AS o FROM q;
CREATE TABLE gone (secret_name int); CREATE VIEW broken AS SELECT secret_name FROM gone; DROP TABLE gone;
CREATE FUNCTION vouched (i int) RETURNS int DETERMINISTIC RETURN i;
CREATE TRIGGER checked BEFORE UPDATE ON orders FOR EACH ROW SET NEW.note = trim(NEW.note);
CREATE USER blind@'127.0.0.1' IDENTIFIED BY 'blind'; GRANT SELECT, INSERT ON shop.* TO blind@'127.0.0.1';`
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'mysql', secret: 'x', searchPath: ['shop'], classify: { 'shop.customers.email': 'pii.email', 'shop.customers.CODE': 'code', 'shop.vouched.vouched': 'none' }, mask: { code: 'hash' } }

describe.skipIf(mysqlServer === null)(`what a statement would do${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let analysis: ReturnType<typeof analysisOf>
  beforeAll(async () => { db = await startServer(schema); analysis = analysisOf(db.admin, connection) }, 120_000)
  afterAll(() => db?.stop(), 60_000)
  const plan = async (sql: string, ...params: Param[]) => {
    const result = await analysis.ask(sql, ...params)
    if (!result.ok) throw new Error(`${result.refusal.reason}: ${result.refusal.detail}`)
    const { effects, plan: { statements: [statement], ...whole }, fails } = result.value
    return { effects, whole, fails, text: statement?.text ?? '', outputs: statement?.outputs ?? null, statement, accesses: effects.accesses.map(({ action, resource, columns, via }) => [action, resource, ...(columns ? [columns.join(' ')] : []), ...via.map((view) => `via ${view}`)].join(' | ')) }
  }

  test('names tables with their schema and columns with their alias, whatever case they were written in', async () => {
    const { text, accesses } = await plan('SELECT NAME, o.Note FROM customers c JOIN orders o ON o.CUSTOMER_ID = c.id')
    expect(text).toBe('SELECT `c_1`.`name` AS `NAME`, `o_2`.`note` AS `Note` FROM (`shop`.`customers` AS `c_1` IGNORE INDEX (`code`, `by_email`) JOIN `shop`.`orders` AS `o_2` ON (`o_2`.`customer_id` = `c_1`.`id`)) ORDER BY `o_2`.`id`')
    expect(accesses).toEqual(['select | shop.customers | id name', 'select | shop.orders | customer_id note'])
  })
  test('reads a star as the columns that are shown by it, in the catalog\'s order', async () => {
    expect((await plan('SELECT * FROM orders')).text).toBe('SELECT `orders_1`.`id`, `orders_1`.`customer_id`, `orders_1`.`note` FROM `shop`.`orders` AS `orders_1`')
    expect((await plan('INSERT INTO orders VALUES (1, 2, ?)', 'x')).text).toBe("INSERT INTO `shop`.`orders` (`id`, `customer_id`, `note`) VALUES (1, 2, 'x')")
  })
  test('follows a classified column through a view, and counts what the view computes from it as a use', async () => {
    const shown = await plan('SELECT mail FROM contacts')
    expect(shown.outputs?.map((output) => output.shown.length)).toEqual([1])
    expect(shown.effects.shown).toMatchObject([{ dataClass: 'pii.email', resource: 'shop.customers', column: 'email', output: 0 }])
    expect(shown.accesses).toEqual(['select | shop.contacts | mail', 'select | shop.customers | email id name | via shop.contacts'])
    expect((await plan('SELECT line FROM contacts')).effects.used).toMatchObject([{ dataClass: 'pii.email', column: 'email' }])
  })
  test('reads a view as the server prints it, and names nothing that lies behind one', async () => {
    expect((await plan('SELECT n, c FROM busy')).accesses).toEqual(['select | shop.busy | c n', 'call | shop.opaque | via shop.busy'])
    const broken = await analysis.ask('SELECT * FROM broken')
    expect(JSON.stringify(broken.ok ? [broken.value.fails, await broken.value.preview?.()] : broken)).toMatch(/^(?!.*(gone|secret_name)).*unknown_view/)
  })
  test('says where the server must report an output to come from, and nothing where its report means nothing', async () => {
    expect((await plan('SELECT c.email e, c.id + 1 FROM customers c')).outputs?.map(({ origin }) => origin)).toEqual([{ schema: 'shop', table: 'customers', column: 'email' }, null])
    expect((await plan('SELECT x.email FROM (SELECT email FROM customers) x')).outputs?.map(({ origin, shown }) => [origin, shown])).toEqual([[null, [0]]])
  })
  test('knows a JSON document by its check, which is no guess to answer', async () => {
    expect((await plan('SELECT doc, name FROM customers')).outputs?.map(({ json }) => json === true)).toEqual([true, false])
  })
  test('puts parameters in as typed literals, and none where it would mean a position', async () => {
    expect((await plan('SELECT id FROM orders WHERE note = ? AND id > ? AND id < ? LIMIT ?', "o'x\\", -1.5, true, 3)).text).toMatch(/`note` = _utf8mb4 X'6F27785C'.*> \(?-1\.5\)?.*< TRUE.*LIMIT 3$/)
    expect(await analysis.ask('SELECT id FROM orders LIMIT ?', '3')).toMatchObject({ ok: false, refusal: { reason: 'parameter_type' } })
    expect(await analysis.ask('SELECT id FROM orders WHERE id IN (?)', [1, 2])).toMatchObject({ ok: false, refusal: { reason: 'parameter_type' } })
    expect(await analysis.ask('SELECT id FROM orders WHERE id = ?')).toMatchObject({ ok: false, refusal: { reason: 'parameter_count' } })
    const sorted = await analysis.ask('SELECT id FROM orders ORDER BY ?', 1)
    expect(sorted.ok ? await sorted.value.preview?.() : sorted).toMatchObject({ ok: false, refusal: { reason: 'constant_order' } })
  })
  test('prints the same tree with at most so many rows, or its own limit where that is less', async () => {
    expect((await plan('SELECT id FROM orders LIMIT 5')).statement?.capped?.(10)).toMatch(/LIMIT 5$/)
    expect((await plan('SELECT id FROM orders LIMIT 50 OFFSET 2')).statement?.capped?.(10)).toMatch(/LIMIT 10 OFFSET 2$/)
    expect((await plan('SELECT id FROM orders FOR UPDATE')).statement?.capped).toBeNull()
  })
  test('tells a missing name only beside the access it would be', async () => {
    const { accesses, fails } = await plan('SELECT x FROM nowhere')
    expect(accesses).toEqual(['select | shop.nowhere | '])
    expect(fails).toMatchObject({ slug: 'target-error', sqlstate: '42S02' })
    expect(await plan('SELECT nothing FROM orders')).toMatchObject({ accesses: ['select | shop.orders | nothing'], fails: { sqlstate: '42S22' } })
  })
  test('keeps back what it does not know until the tables named before it are decided', async () => {
    const result = await analysis.ask('SELECT id FROM orders WHERE sleep(1)')
    expect(result.ok && [result.value.effects.accesses.length, (await result.value.preview?.())?.ok]).toEqual([1, false])
    expect(await analysis.ask('SELECT sleep(1)')).toMatchObject({ ok: false, refusal: { reason: 'unknown_function' } })
  })
  test('counts a trigger and a routine as calls by name, and what a routine returns as every class unless vouched for', async () => {
    expect((await plan("UPDATE orders SET note = 'x'")).accesses).toEqual(['update | shop.orders', 'call | shop.checked'])
    const called = await plan('SELECT vouched(1)')
    expect([called.accesses, called.effects.used, called.effects.readOnly]).toEqual([['call | shop.vouched'], [], false])
    expect((await analysisOf(db.admin, { ...connection, classify: { 'shop.customers.email': 'pii.email' } }).ask('SELECT vouched(1)'))).toMatchObject({ value: { effects: { used: [{ dataClass: 'pii.email' }] } } })
  })
  test('writes to nothing whose triggers the account may not see', async () => {
    const { connection: { config } } = db.admin as unknown as { connection: { config: { host: string; port: number } } }
    const { createConnection } = await import('mysql2/promise')
    const blind = await createConnection({ host: config.host, port: config.port, user: 'blind', password: 'blind' })
    const result = await analysisOf(blind, connection).ask("INSERT INTO orders (id) VALUES (1)")
    await blind.end()
    expect(result).toMatchObject({ ok: true, value: { fails: { reason: 'triggers_unknown' } } })
  })
  test('refuses a mask written back, from the text and from a parameter', async () => {
    for (const sql of ["INSERT INTO customers (id, email) VALUES (1, 'j***@example.com')", "INSERT INTO customers (id, email) SELECT 1, x.m FROM (SELECT 'j***@example.com' AS m) x"]) expect((await plan(sql)).effects.used).toMatchObject([{ back: 'mask' }])
    expect((await plan('INSERT INTO customers (id, email) VALUES (1, ?)', 'j***@example.com')).effects.used).toMatchObject([{ back: 'mask' }])
    expect((await plan('INSERT INTO customers (id, email) VALUES (1, ?)', 'jo@example.com')).effects.used).toEqual([])
  })
  test('reads a definition again by the guard, which differs once it changes', async () => {
    const { whole, effects } = await plan('SELECT mail FROM contacts')
    const look = async () => digestOfSet((await rowsOf(db.admin, whole.guard.query ?? '')).rows)
    expect(await look()).toBe(whole.guard.expected)
    await db.admin.query('ALTER TABLE shop.customers ADD COLUMN later int')
    expect(await look()).not.toBe(whole.guard.expected)
    analysis.classifier.forget('shop')
    expect((await plan('SELECT mail FROM contacts')).effects.fingerprint).not.toBe(effects.fingerprint)
    await db.admin.query('ALTER TABLE shop.customers DROP COLUMN later')
    analysis.classifier.forget('shop')
  })
  test('tells of a table\'s columns whoever may select them all, and of no list of tables', async () => {
    const shown = await plan("SHOW COLUMNS FROM orders LIKE 'n%'")
    expect([shown.accesses, shown.statement?.answer?.rows]).toEqual([['select | shop.orders | customer_id id note seen'], [['note', 'varchar(40)', 'YES', '', null, '']]])
    expect((await plan('SHOW TABLES')).statement?.answer?.rows).toEqual([])     // nobody said what its caller may see
  })
  test('closes a table of which a classified column is gone, and keeps a new column closed until it is classified', async () => {
    const gone = await analysisOf(db.admin, { ...connection, classify: { 'shop.customers.phone': 'pii' } }).ask('SELECT id FROM customers')
    expect(gone).toMatchObject({ ok: true, value: { fails: { reason: 'classification_stale' } } })
    const known = { ...connection, known: { 'shop.customers': ['id', 'email', 'code', 'doc'] } }
    expect(await analysisOf(db.admin, known).ask('SELECT name FROM customers')).toMatchObject({ ok: true, value: { fails: { reason: 'column_unclassified' } } })
    expect((await analysisOf(db.admin, known).ask('SELECT id FROM customers'))).not.toHaveProperty('value.fails')
  })
})
