import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Seen } from '../../../schema/request.ts'
import { like } from '../../../functions/protocol/mysql/display.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { analysisOf, rowsOf } from './target.ts'

const schema = `
CREATE DATABASE shop; CREATE DATABASE hidden; USE shop;
CREATE TABLE customers (id int PRIMARY KEY AUTO_INCREMENT, name varchar(40) NOT NULL DEFAULT 'canary-default', email varchar(80) COMMENT 'canary-comment', secret_code varchar(20), total decimal(10,2), UNIQUE KEY by_secret (secret_code), KEY by_name (name), KEY by_both (name, secret_code)) COMMENT 'canary-table';
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int, at datetime(3), owner_code varchar(20), kind enum('a','b'), CONSTRAINT of_customer FOREIGN KEY (customer_id) REFERENCES customers(id) ON DELETE CASCADE, CONSTRAINT of_code FOREIGN KEY (owner_code) REFERENCES customers(secret_code), CHECK (kind <> 'canary-check'));
CREATE TABLE payroll (id int PRIMARY KEY, amount int); CREATE TABLE hidden.things (id int PRIMARY KEY);
CREATE VIEW contacts AS SELECT id, email FROM customers WHERE name <> 'canary-view';
INSERT INTO customers(id, name, email) VALUES (7, 'x', 'canary-value');`
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'mysql', secret: 'x', searchPath: ['shop'] }
const seen: readonly Seen[] = [{ schema: 'shop', name: 'customers', columns: ['id', 'name', 'email', 'total'] }, { schema: 'shop', name: 'orders', columns: ['id', 'customer_id', 'at', 'kind', 'owner_code'] }, { schema: 'shop', name: 'contacts', columns: ['id', 'email'] }]
const asked = (sql: string, more: object = {}) => ({ statements: [{ sql, params: [] }], batch: false, isolation: 'read committed' as const, purpose: null, reveal: [], rowMode: 'object' as const, maxRows: null, ...more })

describe.skipIf(mysqlServer === null)(`what there is, as one caller may see it${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let classifier: ReturnType<typeof analysisOf>['classifier']
  beforeAll(async () => { db = await startServer(schema); classifier = analysisOf(db.admin, connection).classifier }, 120_000)
  afterAll(() => db?.stop(), 60_000)
  const tell = async (sql: string) => {
    const plan = await classifier.classify(connection, asked(sql, { seen }))
    if (!plan.ok) throw new Error(plan.refusal.detail)
    const { plan: { statements: [statement] }, effects, fails } = plan.value
    expect(plan.value.wants).toBeUndefined()
    return { effects, fails, rows: statement?.answer?.rows ?? (fails ? [] : (await rowsOf(db.admin, statement?.text ?? '')).rows), names: statement?.outputs?.map(({ name }) => name) }
  }

  test.each([
    ['SHOW DATABASES', [['shop']]],
    ['SHOW TABLES', [['contacts'], ['customers'], ['orders']]],
    ['SHOW FULL TABLES FROM shop LIKE \'c%\'', [['contacts', 'VIEW'], ['customers', 'BASE TABLE']]],
    ['SHOW TABLES FROM hidden', []],
    ['DESCRIBE customers', [['id', 'int(11)', 'NO', 'PRI', null, 'auto_increment'], ['name', 'varchar(40)', 'NO', 'MUL', null, ''], ['email', 'varchar(80)', 'YES', '', null, ''], ['total', 'decimal(10,2)', 'YES', '', null, '']]],
    ['SELECT DATABASE()', [['shop']]],
    ['SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name', [['contacts', 'VIEW'], ['customers', 'BASE TABLE'], ['orders', 'BASE TABLE']]],
    ['SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA', [['shop']]],
    ['SELECT c.COLUMN_NAME, c.ORDINAL_POSITION, c.DATA_TYPE, c.NUMERIC_PRECISION, c.NUMERIC_SCALE FROM `information_schema`.`COLUMNS` c WHERE c.TABLE_NAME = \'customers\' ORDER BY c.ORDINAL_POSITION DESC LIMIT 2', [['total', '4', 'decimal', '10', '2'], ['email', '3', 'varchar', null, null]]],
    ['SELECT kcu.COLUMN_NAME, kcu.REFERENCED_TABLE_NAME, rc.DELETE_RULE FROM information_schema.key_column_usage kcu JOIN information_schema.referential_constraints rc ON rc.CONSTRAINT_NAME = kcu.CONSTRAINT_NAME', [['customer_id', 'customers', 'CASCADE']]],
    ['SELECT COUNT(*) FROM information_schema.statistics WHERE table_name = \'customers\'', [['2']]],
    ['SELECT CONSTRAINT_TYPE FROM information_schema.table_constraints WHERE table_name = \'orders\' ORDER BY 1', [['FOREIGN KEY'], ['PRIMARY KEY']]],
    ['SELECT TABLE_ROWS, AUTO_INCREMENT, DATA_LENGTH, TABLE_COMMENT FROM information_schema.tables WHERE table_name = \'customers\'', [[null, null, null, '']]],
    ['SELECT VIEW_DEFINITION FROM information_schema.views', [['']]],
  ])('%s', async (sql, rows) => {
    const told = await tell(sql)
    expect(told.rows.map((row) => row.map((cell) => cell?.replace(/^int$/, 'int(11)') ?? null))).toEqual(rows)
    expect([told.effects.accesses, told.effects.used, told.effects.readOnly]).toEqual([[], [], true])
  })
  test('says nothing of what is not seen, nor of what data there is, whatever is asked', async () => {
    const pages = ['schemata', 'tables', 'columns', 'statistics', 'key_column_usage', 'table_constraints', 'referential_constraints', 'views']
    for (const sql of [...pages.map((name) => `SELECT * FROM information_schema.${name}`), 'SHOW CREATE TABLE customers', 'SHOW CREATE TABLE orders', 'SHOW CREATE TABLE contacts', 'SHOW INDEX FROM customers', 'SHOW FULL COLUMNS FROM customers', 'SHOW FULL COLUMNS FROM contacts', 'SHOW FULL TABLES', 'SHOW DATABASES']) {
      expect(JSON.stringify(await tell(sql)), sql).not.toMatch(/secret|by_both|payroll|hidden|things|canary|"7"/i)
    }
  })
  test('is asked again by whoever knows the caller: without it there is nothing, and nothing is kept for the next', async () => {
    for (const sql of ['SHOW TABLES', 'SELECT table_name FROM information_schema.tables']) {
      const first = await classifier.classify(connection, asked(sql))
      expect(first).toMatchObject({ ok: true, value: { wants: 'seen' } })
      const [statement] = first.ok ? first.value.plan.statements : []
      expect(statement?.answer?.rows ?? (await rowsOf(db.admin, statement?.text ?? '')).rows).toEqual([])
      expect((await tell(sql)).rows).toHaveLength(3)
      expect(await classifier.classify(connection, asked(sql))).toMatchObject({ value: { wants: 'seen' } })
    }
  })
  test('tells of a table one may not see as of one that is not there', async () => {
    const [there, missing] = [await tell('SHOW COLUMNS FROM payroll'), await tell('SHOW COLUMNS FROM nothing')]
    expect(there.effects.accesses).toMatchObject([{ action: 'select', resource: 'shop.payroll' }])
    expect(missing.effects.accesses).toMatchObject([{ action: 'select', resource: 'shop.nothing' }])
  })
  test.each(['SELECT * FROM information_schema.processlist', 'SELECT * FROM information_schema.innodb_metrics', 'SELECT * FROM information_schema.user_privileges', 'SELECT * FROM information_schema.routines', 'SELECT * FROM performance_schema.threads', 'SELECT * FROM mysql.user', 'SELECT * FROM sys.version', 'DELETE FROM information_schema.tables', 'UPDATE information_schema.tables SET table_name = 1', 'INSERT INTO information_schema.tables VALUES (1)', 'SHOW INDEX FROM information_schema.tables'])('refuses %s', async (sql) => {
    const plan = await classifier.classify(connection, asked(sql, { seen }))
    expect(plan.ok ? plan.value.fails ?? await plan.value.preview?.() : plan).toMatchObject(plan.ok && plan.value.fails ? { slug: 'statement-unsupported' } : { ok: false })
  })
})
describe('a pattern of LIKE', () => {
  test.each([['a%', 'abc', true], ['%c', 'abc', true], ['a_c', 'ABC', true], ['a\\_c', 'abc', false], ['a\\_c', 'a_c', true], ['%', '', true], ['', 'a', false], ['a.c', 'abc', false], ['%b%d%', 'abcd', true], ['%ba%', 'abc', false]])('%s on %s is %s', (pattern, name, is) => { expect(like(pattern, name)).toBe(is) })
  test('is soon through with many signs', () => { expect(like(`${'%a'.repeat(200)}b`, 'a'.repeat(64))).toBe(false) })
})
