import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { analysisOf } from './target.ts'

/** Ways to learn of a value that never comes out: beside what a mask shows as equal, by what a change sets off, by which row speaks for a group. */
const schema = `CREATE DATABASE atk CHARACTER SET utf8mb4; USE atk;
CREATE TABLE users(id int PRIMARY KEY, name varchar(50), ssn varchar(20), old_ssn varchar(20), salary int); CREATE TABLE orders(id int PRIMARY KEY, note varchar(50));
CREATE VIEW v_both AS SELECT ssn FROM users UNION ALL SELECT note FROM orders;
CREATE TABLE parent(id int PRIMARY KEY, base int, gen int AS (base + 1) STORED UNIQUE, twice int AS (gen * 2) STORED UNIQUE, plain int);
CREATE TABLE child(id int PRIMARY KEY, ssn int, FOREIGN KEY (ssn) REFERENCES parent(gen)); CREATE TABLE child_2(id int PRIMARY KEY, pin int, FOREIGN KEY (pin) REFERENCES parent(twice));
CREATE TABLE looped(id int PRIMARY KEY, at int UNIQUE, plus int AS (at + 1) STORED UNIQUE); CREATE TABLE between_3(id int PRIMARY KEY, at int, low int UNIQUE, UNIQUE (at), FOREIGN KEY (at) REFERENCES looped(at) ON UPDATE CASCADE, FOREIGN KEY (low) REFERENCES looped(plus) ON UPDATE CASCADE);
CREATE TABLE child_3(id int PRIMARY KEY, pin int, FOREIGN KEY (pin) REFERENCES between_3(low)); CREATE UNIQUE INDEX by_ssn ON users (ssn); CREATE TABLE child_4(id int PRIMARY KEY, body varchar(20), copy varchar(20) AS (body) STORED, FOREIGN KEY (copy) REFERENCES users(ssn));`
const connection: ConnectionDocument = {
  version: 1, kind: 'connection', name: 'guessed', engine: 'mysql', secret: 'x', searchPath: ['atk'], mask: { '*': 'redact', ssn: 'hash', salary: 'hash' },
  classify: { 'atk.users.ssn': 'ssn', 'atk.users.old_ssn': 'ssn', 'atk.users.salary': 'salary', 'atk.child.ssn': 'pin', 'atk.child_2.pin': 'pin', 'atk.child_3.pin': 'pin' },
}

describe.skipIf(mysqlServer === null)(`what never comes out is not told either, on MySQL${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let used: (sql: string) => Promise<readonly string[]>
  beforeAll(async () => {
    db = await startServer(schema)
    const { ask } = analysisOf(db.admin, connection)
    used = async (sql) => {
      const result = await ask(sql)
      if (!result.ok || result.value.fails) throw new Error(JSON.stringify(result.ok ? result.value.fails : result.refusal))
      return result.value.effects.used.map(({ resource, column, how }) => `${resource}.${column} ${how}`)
    }
  }, 120_000)
  afterAll(() => db?.stop(), 60_000)

  const beside = 'in one column with values that a hash mask would answer'
  test.each([
    ["SELECT ssn FROM users UNION ALL SELECT '123-45-6789'", 'users.ssn'], ["SELECT '123-45-6789' UNION ALL SELECT ssn FROM users", 'users.ssn'], ['SELECT ssn FROM users UNION ALL SELECT note FROM orders', 'users.ssn'],
    ["SELECT salary FROM users UNION ALL SELECT '5000'", 'users.salary'], ['SELECT ssn FROM users UNION ALL SELECT salary FROM users', 'users.ssn'], ['SELECT ssn FROM users UNION ALL VALUES ROW(?)', 'users.ssn'],
    ["SELECT d.a FROM (SELECT NULL AS a UNION ALL SELECT ssn FROM users UNION ALL SELECT 'x') d", 'users.ssn'], ['SELECT ssn FROM v_both', 'users.ssn'],
    ["WITH RECURSIVE w AS (SELECT ssn FROM users UNION ALL SELECT CONCAT('1', 'x') FROM w WHERE 1 = 0) SELECT ssn FROM w", 'users.ssn'],
  ])('a hash shows no value of the caller\'s own: %s', async (sql, column) => {
    const uses = await analysisUses(sql)
    expect(uses).toContain(`atk.${column} ${beside}`)
  })
  test.each(['SELECT ssn FROM users UNION ALL SELECT old_ssn FROM users', 'SELECT ssn, NULL FROM users UNION ALL SELECT NULL, ssn FROM users', 'SELECT name FROM users UNION ALL SELECT note FROM orders'])('and one class from every side is no guess: %s', async (sql) => {
    expect(await used(sql)).toEqual([])
  })
  test.each([
    ['UPDATE parent SET base = 7 WHERE id = 1', 'atk.child.ssn in what a foreign key looks for'], ['UPDATE parent SET base = 7 WHERE id = 1', 'atk.child_2.pin in what a foreign key looks for'],
    ['UPDATE looped SET at = at + 1', 'atk.child_3.pin in what a foreign key looks for'], ["INSERT INTO child_4 (id, body) VALUES (1, 'x')", 'atk.users.ssn as a value a foreign key would answer'],
  ])('what is changed by being computed counts as changed: %s', async (sql, use) => {
    expect(await used(sql)).toContain(use)
  })
  test('and what no key refers to does not', async () => {
    expect(await used('UPDATE parent SET plain = 7 WHERE id = 1')).toEqual([])
  })
  test.each(['SELECT u.name, (SELECT MAX(u.id)) FROM users u', 'SELECT u.name FROM users u HAVING (SELECT COUNT(u.id)) > 0', 'SELECT u.name, (SELECT MAX(u.id) FROM orders o LIMIT 1) FROM users u'])('an aggregate of this level in a query inside makes one group of its rows: %s', async (sql) => {
    expect((await used(sql)).filter((use) => use.includes('which row of a group is shown'))).not.toEqual([])
  })
  test.each(['SELECT u.name, (SELECT MAX(o.id) FROM orders o) FROM users u', 'SELECT u.name, (SELECT MAX(o.id + u.id) FROM orders o) FROM users u'])('and one of a query inside does not: %s', async (sql) => {
    expect(await used(sql)).toEqual([])
  })
  const analysisUses = async (sql: string) => {
    const { ask } = analysisOf(db.admin, connection)
    const result = await ask(sql, ...sql.includes('?') ? ['123-45-6789'] : [])
    return result.ok ? result.value.effects.used.map(({ resource, column, how }) => `${resource}.${column} ${how}`) : []
  }
})
