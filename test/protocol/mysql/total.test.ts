import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { analysisOf } from './target.ts'

/** What is printed where a table with a classified column is reached: no order that can show is left to the server. `test/oracle/mysql/worlds.ts` asks servers whether that is so. */
const base: ConnectionDocument = { version: 1, kind: 'connection', name: 'total', engine: 'mysql', secret: 'x', searchPath: ['atk'], classify: { 'atk.users.ssn': 'ssn', 'atk.people.ssn': 'ssn', 'atk.pusers.ssn': 'ssn' } }

describe.skipIf(mysqlServer === null)(`an order that is the server's to choose${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let ask: ReturnType<typeof analysisOf>['ask']
  beforeAll(async () => {
    db = await startServer(readFileSync(new URL('attacks/schema.sql', import.meta.url), 'utf8'))
    ask = analysisOf(db.admin, base).ask
  }, 120_000)
  afterAll(() => db?.stop(), 60_000)
  const printed = async (sql: string, by = ask): Promise<string> => {
    const result = await by(sql)
    if (!result.ok || result.value.fails || result.value.effects.used.length > 0) throw new Error(JSON.stringify(result.ok ? [result.value.fails, result.value.effects.used] : result.refusal))
    return (result.value.plan.statements[0]?.text ?? '').replaceAll('`', '').replaceAll('atk.', '').replace(/(\w)_\d+\b/g, '$1')       // aliases without their numbers
  }

  test.each([
    ['by the primary key, in the direction of the last key there is', 'SELECT name FROM users ORDER BY name DESC LIMIT 2', 'ORDER BY users.name DESC, users.id DESC LIMIT 2'],
    ['by one key of a join by keys', 'SELECT u.name FROM users u JOIN orders o ON o.user_id = u.id', 'ORDER BY o.id'],
    ['by both where an outer join leaves one of them empty', 'SELECT o.note FROM users u LEFT JOIN orders o ON o.user_id = u.id', 'ORDER BY u.id, o.id'],
    ['by nothing more where a key is asked for already', 'SELECT name FROM users WHERE id = 1 LIMIT 1', 'WHERE (users.id = 1) LIMIT 1'],
    ['at a limit inside', 'SELECT x.name FROM (SELECT id, name FROM users ORDER BY name LIMIT 1) x', '(SELECT users.id, users.name FROM users AS users ORDER BY users.name, users.id LIMIT 1) AS x'],
    ['by a key that a view or a derived table passes on', 'SELECT v.name FROM v_indexed v', 'ORDER BY v.id'],
    ['by groups, and by nothing where there is one', 'SELECT name, count(*) FROM users GROUP BY name ORDER BY 2 LIMIT 1', 'ORDER BY 2, 1 LIMIT 1'],
    ['by what DISTINCT and UNION give', 'SELECT name FROM users UNION SELECT note FROM orders LIMIT 3', 'ORDER BY 1 LIMIT 3'],
    ['operand by operand under UNION ALL', 'SELECT name FROM users UNION ALL SELECT note FROM orders', '(SELECT users.name FROM users AS users ORDER BY users.id LIMIT 18446744073709551615) UNION ALL (SELECT orders.note FROM orders AS orders ORDER BY orders.id LIMIT 18446744073709551615)'],
    ['by chance where no key tells rows apart', 'SELECT ssn FROM pusers LIMIT 1', 'ORDER BY pusers.id, rand() LIMIT 1'],
    ['in a list', 'SELECT group_concat(name) FROM users', "GROUP_CONCAT(users.name ORDER BY users.id SEPARATOR ',')"],
    ['in a list of what differs, by itself', 'SELECT group_concat(DISTINCT name) FROM users', "GROUP_CONCAT(DISTINCT users.name ORDER BY users.name SEPARATOR ',')"],
    ['in a window that numbers rows', 'SELECT row_number() OVER w AS n FROM users WINDOW w AS (PARTITION BY name)', 'row_number() OVER (PARTITION BY users.name ORDER BY users.id)'],
    ['not in one that adds up equal rows together', 'SELECT sum(id) OVER (ORDER BY name) AS n FROM users', 'sum(users.id) OVER (ORDER BY users.name)'],
    ['in rows that a write with a limit takes', 'DELETE FROM users ORDER BY name LIMIT 1', 'ORDER BY users.name, users.id LIMIT 1'],
    ['in rows that are inserted, which are numbered as they come', 'INSERT INTO notes(body) SELECT name FROM users', 'FROM users AS users ORDER BY users.id'],
  ])('%s: %s', async (_, sql, part) => {
    expect(await printed(sql)).toContain(part)
    if (/^SELECT/.test(sql)) await db.admin.query((await ask(sql) as { value: { plan: { statements: { text: string }[] } } }).value.plan.statements[0]?.text ?? '')
  })
  test('is left to the server where nothing classified is reached', async () => {
    expect(await printed('SELECT note FROM orders LIMIT 1')).toBe('SELECT orders.note FROM orders AS orders LIMIT 1')
    const open = analysisOf(db.admin, { ...base, name: 'open', classify: {} }).ask
    expect(await printed('SELECT name, id FROM users GROUP BY name', open)).not.toContain('ORDER BY')
  })

  test('counts the rows an UPDATE finds where it sets a classified column, under its own condition and limit', async () => {
    const result = await ask("UPDATE listed SET ssn = ? WHERE id > 1 ORDER BY id LIMIT 3", 'x')
    const open = analysisOf(db.admin, { ...base, name: 'listed', classify: { 'atk.listed.ssn': 'ssn' } }).ask
    const set = await open("UPDATE listed SET ssn = ? WHERE id > 1 ORDER BY id LIMIT 3", 'x')
    expect(result.ok && result.value.plan.statements[0]?.counted).toBeUndefined()
    expect(set.ok && set.value.effects.used).toEqual([])
    expect(set.ok && [2, 9].map((rows) => set.value.plan.statements[0]?.counted?.(rows).replaceAll('`', ''))).toEqual([2, 3].map((rows) => `SELECT 1 AS 1 FROM atk.listed AS listed_1 WHERE (listed_1.id > 1) ORDER BY listed_1.id LIMIT ${rows} FOR UPDATE`))
  })
})
