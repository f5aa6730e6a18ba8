import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { analysisOf } from './target.ts'

/** What the server stops at no time limit, because it looks at the clock between rows: how large the operands may become is looked at before. */
const schema = `CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; CREATE TABLE notes(id int PRIMARY KEY, title varchar(200), body text, data json, amount decimal(10,2), at datetime);
CREATE VIEW v_long AS SELECT id, LOCATE(CONCAT(REPEAT('a', 500000), 'b'), REPEAT('a', 4000000)) AS at FROM notes;
CREATE VIEW v_wide AS SELECT id, REPEAT(title, 100000) AS wide FROM notes;`
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'heavy', engine: 'mysql', secret: 'x', searchPath: ['shop'] }
const both = "(SELECT REPEAT('a', 16000000) AS x, REPEAT('A', 16000000) AS y) t"
/** A parameter 2^n times over, without a word that is long. */
const doubled = (parameter: string, n: number): string => (n === 0 ? `SELECT ${parameter} AS x` : `SELECT CONCAT(x, x) AS x FROM (${doubled(parameter, n - 1)}) s${n}`)
const [long, needle] = ["REPEAT('a', 4000000)", "CONCAT(REPEAT('a', 500000), 'b')"]

describe.skipIf(mysqlServer === null)(`what no time limit stops on MySQL${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let ask: ReturnType<typeof analysisOf>['ask']
  beforeAll(async () => {
    db = await startServer(schema)
    ask = analysisOf(db.admin, connection).ask
  }, 120_000)
  afterAll(() => db?.stop(), 60_000)
  const why = async (sql: string, ...params: readonly string[]) => { const result = await ask(sql, ...params); return result.ok ? result.value.fails ?? null : result.refusal }

  test.each([
    `SELECT LOCATE(${needle}, ${long})`, `SELECT INSTR(${long}, ${needle})`, `SELECT POSITION(${needle} IN ${long})`, `SELECT SUBSTRING_INDEX(${long}, ${needle}, 1)`, `SELECT REPLACE(${long}, 'a', 'aaaa')`, `SELECT REPLACE(${long}, ${needle}, '')`,
    `SELECT ${long} LIKE CONCAT('%', ${needle})`, `SELECT TRIM(TRAILING 'é' FROM REPEAT('é', 4000000))`, `SELECT TRIM('ab' FROM ${long})`, `SELECT REGEXP_REPLACE(${long}, 'a', 'b')`,
    "SELECT JSON_MERGE_PRESERVE(CONCAT('[', REPEAT('1,', 2000000), '1]'), '1')", "SELECT JSON_CONTAINS(CONCAT('[', REPEAT('1,', 2000000), '1]'), CONCAT('[', REPEAT('2,', 2000000), '1]'))", 'SELECT JSON_KEYS(JSON_OBJECTAGG(id, 1)) FROM notes', 'SELECT JSON_OVERLAPS(JSON_ARRAYAGG(id), JSON_ARRAYAGG(-id)) FROM notes',
    `SELECT LOCATE(y, x) FROM (SELECT ${long} AS x, ${needle} AS y) t`, `WITH t(x, y) AS (VALUES ROW(${long}, ${needle})) SELECT LOCATE(y, x) FROM t`, "WITH RECURSIVE t(x) AS (SELECT CAST('a' AS CHAR(60000)) UNION ALL SELECT CONCAT(x, x) FROM t WHERE LENGTH(x) < 2000000) SELECT LOCATE(t.x, u.x) FROM t, t u",
    "SELECT LOCATE(RPAD('a', id, 'a'), LPAD('b', id, 'a')) FROM notes", 'SELECT INSTR(SPACE(4000000), SPACE(id)) FROM notes', "SELECT LOCATE(GROUP_CONCAT(body), GROUP_CONCAT(title)) FROM notes", "SELECT LOCATE(UPPER(RPAD('a', 4000000, 'b')), IF(id, CONCAT(SPACE(4000000), 'b'), '')) FROM notes", `SELECT LOCATE(?, ${long})`.replace('?', "COALESCE((SELECT GROUP_CONCAT(body) FROM notes), '')"),
    "SELECT LOCATE(CONCAT(wide, 'b'), wide) FROM v_wide", 'SELECT LOCATE(v.wide, n.body) FROM v_wide v, notes n',
    ...['SHA2(x, 256)', "x REGEXP 'ab+c'", 'x = y', 'x BETWEEN y AND y', "x LIKE 'b'", 'CAST(x AS BINARY)', 'CONVERT(x USING utf8mb4)', 'TRIM(x)', '(x, 1) = (y, 1)'].map((one) => `SELECT ${Array.from({ length: 150 }, () => one).join()} FROM ${both}`),
    ...['x IN (', "'a' IN (", 'GREATEST(', 'CONCAT(', '(', 'CASE x WHEN y THEN 1 WHEN '].map((begin) => `SELECT ${begin}${Array.from({ length: 150 }, () => 'y').join(begin.startsWith('CASE') ? ' THEN 1 WHEN ' : ',')}${begin.startsWith('CASE') ? ' THEN 2 END' : begin === '(' ? `) = (${Array.from({ length: 150 }, () => 'x').join()})` : ')'} FROM ${both}`),
    `SELECT ${Array.from({ length: 150 }, () => 'UPPER(x)').join()} FROM (${doubled('?', 20)}) t`,
  ].map((sql) => [sql.slice(0, 120), sql] as const))('is refused: %s', async (_, sql) => {
    expect(await why(sql)).toMatchObject({ reason: 'too_heavy' })
  })
  test.each([
    "SELECT id FROM notes WHERE title LIKE '%a%' AND LOCATE('@', body) > 1", "SELECT id FROM notes WHERE LOWER(body) LIKE CONCAT('%', LOWER(title), '%')", "SELECT SUBSTRING_INDEX(body, ',', -1), COUNT(*) FROM notes GROUP BY 1 HAVING GROUP_CONCAT(title) LIKE '%Ada%'",
    "SELECT REPLACE(REPLACE(body, '\n', ' '), title, '') FROM notes", "SELECT LPAD(id, 8, '0'), RPAD(title, 20, ' '), REPEAT('*', id), SPACE(id), CONCAT(REPEAT('-', amount / 10), '|') FROM notes", "SELECT TRIM(BOTH ',' FROM body), TRIM(title), TRIM(TRAILING '/' FROM CONCAT(title, '/')) FROM notes",
    "SELECT REGEXP_REPLACE(body, '[^0-9]', ''), JSON_KEYS(data), JSON_CONTAINS(data, '1', '$.a'), JSON_MERGE_PATCH(data, '{\"a\": 1}'), JSON_SET(data, '$.b', title) FROM notes", 'SELECT JSON_SEARCH(data, \'one\', CONCAT(title, \'%\')), JSON_OVERLAPS(data, \'[1, 2]\') FROM notes',
    "SELECT FIND_IN_SET(title, GROUP_CONCAT(title ORDER BY id)) FROM notes GROUP BY title", "WITH RECURSIVE t AS (SELECT id, CAST(title AS CHAR(500)) AS path FROM notes WHERE id = 1 UNION ALL SELECT n.id, CONCAT(t.path, '/', n.title) FROM notes n JOIN t ON n.id = t.id + 1) SELECT id FROM t WHERE path LIKE '%Ada%'",
    'SELECT id FROM v_long', 'SELECT id FROM v_wide WHERE wide LIKE \'%a%\'', `SELECT ${Array.from({ length: 300 }, () => "IF(title REGEXP 'a+', amount, CASE body WHEN title THEN 1 END)").join()} FROM notes`, `SELECT id FROM notes WHERE GROUP_CONCAT(title) IN (${Array.from({ length: 500 }, (_, i) => `'${i}'`).join()})`,
    "SELECT INSTR(DATE_FORMAT(at, '%Y-%m'), '-'), REPLACE(FORMAT(SUM(amount), 2), ',', '.') FROM notes GROUP BY at",
  ].map((sql) => [sql.slice(0, 120), sql] as const))('and honest work passes: %s', async (_, sql) => {
    expect(await why(sql)).toBeNull()
  })
  test('a parameter may be as long as what stands opposite lets it', async () => {
    for (const sql of ['SELECT id FROM notes WHERE body LIKE ?', "SELECT id FROM notes WHERE body LIKE CONCAT('%', ?, '%')", 'SELECT LOCATE(?, body) FROM notes']) {
      expect([sql, await why(sql, 'x'.repeat(60_000))]).toEqual([sql, null])
      expect(await why(sql, 'x'.repeat(66_000))).toMatchObject({ reason: 'too_heavy', next: 'fix', detail: expect.stringContaining('parameter 1 is longer than 65536 bytes') })
    }
    const sum = "SELECT GROUP_CONCAT(body) LIKE CONCAT('%', ?, '%') FROM notes"
    expect(await why(sum, 'x'.repeat(60))).toBeNull()
    expect(await why(sum, 'x'.repeat(65))).toMatchObject({ reason: 'too_heavy', detail: expect.stringContaining('longer than 64 bytes') })
    expect(await why('SELECT LOCATE(REPEAT(?, 1000), REPEAT(?, 1000))', 'x', 'y')).toMatchObject({ reason: 'too_heavy' })
    const often = `SELECT LOCATE(CONCAT(x, 'b'), x) FROM (${doubled('?', 6)}) t`
    expect(await why(often, 'x'.repeat(64))).toBeNull()
    expect(await why(often, 'x'.repeat(65))).toMatchObject({ reason: 'too_heavy', detail: expect.stringContaining('parameter 1 is longer than 64 bytes') })
    expect(await why(`SELECT LOCATE(CONCAT(x, 'b'), x) FROM (${doubled('?', 40)}) t`, 'x')).toMatchObject({ reason: 'too_heavy' })
    expect(await why(`SELECT x FROM (${doubled('?', 40)}) t`, 'x')).toBeNull()
  })
})
