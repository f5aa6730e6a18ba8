import { expect, test } from 'vitest'
import { insteadOf } from '../../../functions/protocol/mysql/instead.ts'
import { parse } from '../../../functions/protocol/mysql/parse.ts'
import { printed } from './roundtrip.ts'

/** What a refusal tells whoever wrote another server's language, or asked for what the gate never gives: the thing that works. */
const refused = (sql: string) => { const parsed = parse(sql); return parsed.ok ? '' : parsed.refusal.detail }

test.each([
  ['START TRANSACTION', '`transaction`'], ['COMMIT', '`transaction`'], ['SET NAMES utf8mb4', 'leave it out'], ['USE shop', '`shop.orders`'], ['CREATE INDEX i ON t (a)', 'migration'], ['LOCK TABLES t READ', 'for update'], ["PREPARE s FROM 'SELECT 1'", '`params`'], ['ANALYZE FORMAT=JSON SELECT 1', 'EXPLAIN'],
  ['SHOW VARIABLES', 'SHOW DATABASES, TABLES'], ['SHOW GLOBAL STATUS', 'SHOW DATABASES, TABLES'], ['SHOW TABLE STATUS', 'COUNT(*)'], ['SHOW WARNINGS', 'refusal'], ['SHOW CREATE VIEW v', 'SHOW COLUMNS'], ['EXPLAIN EXTENDED SELECT 1', 'leave the word out'], ['EXPLAIN FORMAT=TREE SELECT 1', 'JSON'],
  ['SELECT @@version', 'not told'], ['SELECT @x := 1', 'row_number()'], ['SELECT a::text FROM t', 'cast('], ['SELECT a FROM t WHERE a = :id', '`?`'], ['SELECT a FROM t WHERE a = $1', '`?`'], ["SELECT a FROM t WHERE a ILIKE 'x'", 'LIKE'], ['SELECT COUNT(*) FILTER (WHERE a > 1) FROM t', 'sum(case'],
  ['SELECT TOP 5 * FROM t', 'LIMIT'], ['SELECT DISTINCT ON (a) b FROM t', 'row_number()'], ["INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO NOTHING", 'ON DUPLICATE KEY'], ["SELECT NOW() - INTERVAL '1 day'", '`interval 1 day`'], ['SELECT a FROM t ORDER BY a NULLS LAST', 'a is null'],
])('%s is told what to write here', (sql, instead) => { expect(refused(sql)).toContain(instead) })
test.each(['SELECT a FROM t WHERE', 'SELECT a b c FROM t'])('an ordinary slip is told without a guess: %s', (sql) => { expect(refused(sql)).toMatch(/^[^;]* is expected before [^;]*$/) })
test('a name that every object has is no function of another server\'s', () => { expect([insteadOf('constructor'), insteadOf('STRING_AGG')]).toEqual([undefined, expect.stringContaining('group_concat')]) })

test('after AS both readings of double quotes are one name', () => {
  expect(printed('SELECT a AS "time", COUNT(*) AS "Number of rows" FROM t AS "x" GROUP BY 1')).toEqual(printed('SELECT a AS `time`, COUNT(*) AS `Number of rows` FROM t AS `x` GROUP BY 1'))
})
test.each([
  'SELECT "time"', 'SELECT a "time" FROM t', 'SELECT a FROM t WHERE b = "x"', 'SELECT a AS "ti\\"me" FROM t', 'SELECT a AS "ti""me" FROM t', 'SELECT a AS "x`" FROM t', "SELECT a AS \"x'\" FROM t", 'SELECT a AS "" FROM t', 'SELECT a AS " x" FROM t', 'SELECT a AS "x " FROM t', 'SELECT a AS "é" FROM t', 'SELECT a AS "x\n" FROM t', 'SELECT a AS "x" "y" FROM t',
  `SELECT a AS "${'x'.repeat(65)}" FROM t`, 'SELECT a AS /* c */ `b`, "x" FROM t', 'SELECT a FROM t ORDER BY "time"', 'SELECT CAST(a AS "char") FROM t', 'SELECT a AS "x; DROP TABLE t" FROM t', 'SELECT a AS "x--" , b FROM t WHERE c = "--"',
])('and nowhere else, nor where an escape or a setting could matter: %s', (sql) => { expect(printed(sql)).toHaveProperty('refused') })
