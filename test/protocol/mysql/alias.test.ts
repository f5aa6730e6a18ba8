import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { fold } from '../../../functions/protocol/mysql/catalog.ts'
import { createDirect } from '../../../functions/protocol/mysql/direct.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { analysisOf, refusedBy, rowsOf } from './target.ts'

/** What the gate resolved is not looked up again: neither by a server that has other rules of scope, nor by one that folds names in another way. */
const schema = `CREATE DATABASE atk CHARACTER SET utf8mb4; USE atk;
CREATE TABLE users(id int PRIMARY KEY, name varchar(50), ssn varchar(20)); INSERT INTO users VALUES (1,'alice','123-45-6789'),(2,'bob','987-65-4321');
CREATE TABLE orders(id int PRIMARY KEY, user_id int, note varchar(50)); INSERT INTO orders VALUES (10,1,'123-45-6789'),(11,2,'b');
CREATE TABLE payroll(id int, amount int); INSERT INTO payroll VALUES (1, 90000);
CREATE TABLE users_1(id int PRIMARY KEY, ssn varchar(20)); CREATE TABLE sluice_1(amount int); INSERT INTO sluice_1 VALUES (90001);
CREATE VIEW v_twice AS WITH users AS (SELECT 'x' AS ssn) SELECT d.ssn FROM (WITH v AS (SELECT ssn FROM users), users AS (SELECT 'y' AS ssn) SELECT v.ssn FROM v) d;`
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'named', engine: 'mysql', secret: 'x', searchPath: ['atk'], classify: { 'atk.users.ssn': 'pii.ssn' } }
const rules = { readable: new Set(['atk.users', 'atk.orders', 'atk.users_1', 'atk.v_twice']), writable: new Set<string>() }
const secret = /123-45|987-65|9000\d/

describe.skipIf(mysqlServer === null).each([['0', 'with'], ['1', 'without']])(`names on a real server that compares tables %s (%s case)${whyNot}`, (lower_case_table_names) => {
  let db: Awaited<ReturnType<typeof startServer>>
  let ask: ReturnType<typeof analysisOf>['ask']
  beforeAll(async () => {
    db = await startServer(schema, { lower_case_table_names })
    ask = analysisOf(db.admin, connection).ask
  }, 120_000)
  afterAll(() => db?.stop(), 60_000)
  const textOf = async (sql: string): Promise<string> => {
    const result = await ask(sql)
    if (!result.ok) throw new Error(result.refusal.detail)
    return result.value.plan.statements[0]?.text ?? ''
  }
  /** Refused, or what comes out unmasked, in a database that holds tables of those names, holds no secret. */
  const holds = async (sql: string): Promise<void> => {
    const result = await ask(sql)
    const refused = result.ok ? result.value.fails?.detail ?? refusedBy(result.value.effects, rules) : result.refusal.detail
    if (!result.ok || refused !== null) return expect(refused).toMatch(/\S/)
    const [statement] = result.value.plan.statements
    const { rows } = await rowsOf(db.admin, statement?.text ?? '')
    expect(JSON.stringify(rows.map((row) => row.filter((_, i) => statement?.outputs?.[i]?.shown.length === 0)))).not.toMatch(secret)
  }

  test.each([
    "WITH users AS (SELECT 'x' ssn) SELECT * FROM (WITH v AS (SELECT ssn FROM users), users AS (SELECT 'y' AS ssn) SELECT v.ssn FROM v) d",
    "WITH users AS (SELECT 'x' ssn) SELECT * FROM (WITH users AS (SELECT ssn FROM users) SELECT ssn FROM users) d",
    'WITH payroll AS (SELECT 1 amount) SELECT * FROM (WITH payroll AS (SELECT amount FROM payroll) SELECT amount FROM payroll) d',
    'WITH payroll AS (SELECT 1 amount) SELECT (WITH v AS (SELECT amount FROM payroll), payroll AS (SELECT 2 AS amount) SELECT v.amount FROM v LIMIT 1) q',
    'WITH RECURSIVE payroll AS (SELECT 1 amount UNION ALL SELECT p.amount + 1 FROM payroll p WHERE p.amount < 3) SELECT * FROM (WITH payroll AS (SELECT amount FROM payroll) SELECT amount FROM payroll) d',
    'WITH RECURSIVE payroll AS (SELECT 1 amount) SELECT * FROM (WITH RECURSIVE v AS (SELECT amount FROM payroll), payroll AS (SELECT 2 AS amount) SELECT v.amount FROM v) d',
    "WITH users AS (SELECT 'x' ssn) SELECT name FROM orders WHERE EXISTS (WITH v AS (SELECT ssn FROM users), users AS (SELECT 'y' ssn) SELECT 1 FROM v WHERE ssn LIKE '1%')",
    'SELECT ssn FROM v_twice',
    "WITH payroll AS (SELECT 1 amount), b AS (WITH c AS (SELECT amount FROM payroll) SELECT amount FROM c) SELECT amount FROM b",
    "SELECT (SELECT i.ssn FROM users `İ` LIMIT 1) FROM (SELECT id, 'x' AS ssn FROM orders) i",
    "SELECT (SELECT i.ssn FROM users `I` LIMIT 1) FROM (SELECT id, 'x' AS ssn FROM orders) i",
    "WITH `İ` AS (SELECT id, ssn FROM users) SELECT i.ssn FROM (SELECT 'x' AS ssn) i, `İ`",
    "SELECT (SELECT `ασ`.ssn FROM users `ΑΣ` LIMIT 1) FROM (SELECT id, 'x' AS ssn FROM orders) `ασ`",
  ])('gives no secret, whichever WITH or alias the server would take: %s', holds)

  test.each([
    "SELECT a.name FROM (SELECT ssn AS `İd`, name FROM users) a NATURAL JOIN (SELECT note AS id FROM orders) b",
    "SELECT a.name FROM (SELECT ssn AS `aΣ`, name FROM users) a NATURAL JOIN (SELECT note AS `aσ` FROM orders) b",
    "SELECT a.name FROM (SELECT ssn AS `İd`, name FROM users) a JOIN (SELECT note AS id FROM orders) b USING (id)",
    "SELECT i.id FROM (SELECT id, note AS ssn FROM orders) i WHERE EXISTS (SELECT 1 FROM users `İ` WHERE `İ`.ssn LIKE '987%')",
  ])('compares nothing that the rules do not permit: %s', async (sql) => {
    const result = await ask(sql)
    expect(result.ok && refusedBy(result.value.effects, rules)).toContain('pii.ssn of atk.users.ssn')
  })

  test('a session of the gate\'s own has no current database in which a bare name could mean a table', async () => {
    const session = createDirect(() => {})(db.server.superuserUrl)
    try { expect((await session.run('SELECT DATABASE()', { maxBytes: 1000, timeoutMs: 5000 })).rows).toEqual([[null]]) } finally { session.end?.() }
  })
  test('a name for each reference of the statement, of the gate\'s own making, and no table\'s', async () => {
    const printed = await textOf('WITH orders AS (SELECT o.id, o.user_id FROM orders o), Users AS (SELECT 1 AS id) SELECT u.name, (SELECT max(o.id) FROM orders o WHERE o.user_id = u.id) FROM atk.users u JOIN (SELECT id FROM orders o) o ON o.id > u.id CROSS JOIN Users')
    const given = [...printed.matchAll(/ AS `(\w+)`(?= IGNORE| ON| FROM|\)| WHERE| CROSS| JOIN|$)|`(\w+)` AS \(SELECT/g)].map(([, alias, entry]) => alias ?? entry ?? '')
    expect(new Set(given).size).toBe(given.length)
    expect(printed).toContain('WITH `ssluice_1` AS (SELECT')
    expect(given.filter((name) => ['orders', 'users', 'o', 'u', 'users_1', 'sluice_1'].includes(name))).toEqual([])
  })
  test('prints NATURAL and USING as the columns that were found', async () => {
    expect(await textOf('SELECT * FROM orders NATURAL LEFT JOIN payroll')).toContain('LEFT JOIN `atk`.`payroll` AS `payroll_2` ON (`orders_1`.`id` = `payroll_2`.`id`)')
    expect(await textOf('SELECT 1 FROM (SELECT 1 AS a) x NATURAL RIGHT JOIN (SELECT 2 AS b) y')).toContain('RIGHT JOIN (SELECT 2 AS `b`) AS `y_2` ON TRUE')
    expect(await textOf('SELECT 1 FROM (SELECT 1 AS a) x NATURAL JOIN (SELECT 2 AS b) y')).toContain('CROSS JOIN')
  })
  test('folds no two characters apart that the server takes for one', async () => {
    const { rows } = await rowsOf(db.admin, 'SELECT seq, LOWER(CONVERT(CHAR(seq USING ucs2) USING utf8mb3)) FROM seq_1_to_65535 WHERE seq NOT BETWEEN 0xD800 AND 0xDFFF')
    const alike = new Map<string, string>()
    const apart: string[] = []
    for (const [code, lower] of rows) {
      const own = fold(String.fromCharCode(Number(code)))
      const there = alike.get(lower ?? '')
      if (there === undefined) alike.set(lower ?? '', own)
      else if (there !== own) apart.push(String(code))
    }
    expect(rows.length).toBe(65535 - 2048)
    expect(apart).toEqual([])
  })
})
