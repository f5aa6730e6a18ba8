import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isReserved } from '../../../functions/protocol/mysql/words.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { difference, printed } from './roundtrip.ts'

/** Texts that one reader takes for something else than another does: refused with words. */
const refused: readonly (readonly [sql: string, reason: string])[] = [
  ['SELECT 1 /*! , 2 */', 'executable_comment'], ['SELECT 1 /*!50000 , 2 */', 'executable_comment'], ['SELECT 1 /*M! , 2 */', 'executable_comment'], ['SELECT 1 /*m!100000 , 2 */', 'executable_comment'],
  ['/*!50000 SELECT 1 */', 'executable_comment'], ['SELECT /*+ MAX_EXECUTION_TIME(1) */ 1', 'optimizer_hint'], ['SELECT 1 /* a /* b */ c */', 'nested_comment'], ['SELECT 1 /* a /*! , 2 */ */', 'nested_comment'],
  ['SELECT 1 /* open', 'open_comment'], ['SELECT 1 */ 2', 'comment'], ['SELECT 5--1', 'two_hyphens'], ['SELECT 1--\u00a0x', 'two_hyphens'], ["SELECT 'a'--'b'", 'two_hyphens'], ['SELECT 1 --x\n, 2', 'two_hyphens'],
  ['SELECT "a"', 'double_quotes'], ['SELECT a FROM "t"', 'double_quotes'], ["SELECT 'a' || 'b'", 'pipes'], ['SELECT @a', 'variable'], ['SELECT @@version', 'variable'], ['SELECT @a := 1', 'variable'], ['SELECT a := 1', 'assignment'],
  ["SELECT {d '2024-01-01'}", 'odbc_escape'], ['SELECT {fn NOW()}', 'odbc_escape'], ['SELECT * FROM { OJ a LEFT JOIN b ON 1 }', 'odbc_escape'], ['SELECT \\N', 'backslash'], ['SELECT 1\\G', 'backslash'],
  ["SELECT _latin1'a'", 'introducer'], ["SELECT _binary 'a'", 'introducer'], ["SELECT _gbk x'815c'", 'introducer'], ["SELECT N'a'", 'introducer'], ["SELECT n'a'", 'introducer'], ["SELECT _utf8mb4 x'ff'", 'strange_bytes'], ["SELECT _utf8mb4 x'eda080'", 'strange_bytes'],
  ["SELECT x'ABC'", 'strange_bytes'], ["SELECT x'zz'", 'strange_bytes'], ["SELECT b'2'", 'strange_bytes'], ["SELECT b''", 'strange_bytes'], ['SELECT 1\0 , 2', 'control_character'], ["SELECT 'a\0b'", 'control_character'], ['SELECT 1\x1a', 'control_character'],
  ['SELECT 1; SELECT 2', 'several_statements'], ['SELECT 1;;', 'several_statements'], ['SELECT a.1 FROM a', 'strange_number'], ['SELECT 1a', 'strange_number'], ['SELECT 1e5a', 'strange_number'], ['SELECT 0x', 'strange_number'], ['SELECT 0X41', 'strange_number'], ['SELECT 1.', 'strange_number'], ['SELECT 1..5', 'strange_number'],
  ['SELECT a$b FROM t', 'strange_character'], ['SELECT é FROM t', 'strange_character'], ['SELECT a\u00a0FROM t', 'strange_character'], ['SELECT\u00a01', 'strange_character'], ['SELECT\u20281', 'strange_character'], ['SELECT `🙂`', 'strange_name'], ['SELECT `a ` FROM t', 'strange_name'], ['SELECT `` FROM t', 'strange_name'],
  ["SELECT a 'b' FROM t", 'text_as_name'], ["SELECT 'a' 'b'", 'text_in_pieces'], ["SELECT 'a' x'41'", 'text_in_pieces'], ["SELECT 'a", 'open_text'], ["SELECT 'a\\'", 'open_text'], ['SELECT `a', 'open_name'],
  ['SELECT COUNT (*) FROM t', 'spaced_call'], ['SELECT NOW ()', 'spaced_call'], ['SELECT abs/**/(1)', 'spaced_call'], ['SELECT `abs`(1)', 'quoted_function'], ['SELECT t . a FROM t', 'spaced_dot'], ['SELECT t. a FROM t', 'spaced_dot'], ['SELECT t/**/.a FROM t', 'spaced_dot'],
  ["SELECT 1 INTO OUTFILE '/tmp/x'", 'unsupported_into'], ["SELECT 1 FROM t INTO DUMPFILE '/tmp/x'", 'unsupported_into'], ['SELECT 1 INTO @a', 'variable'], ['SELECT 1 FROM t PROCEDURE ANALYSE()', 'unsupported_procedure'], ['SELECT * FROM t PARTITION (p0)', 'unsupported_partition'],
  ['SELECT * FROM t IGNORE (a)', 'syntax_error'], ['SELECT * FROM t FORCE INDEX FOR DELETE (a)', 'syntax_error'], ['SELECT * FROM t USE INDEX a', 'syntax_error'], ['SELECT SQL_CALC_FOUND_ROWS 1', 'unsupported_sql_calc_found_rows'], ['INSERT INTO t VALUES (1) RETURNING a', 'unsupported_returning'], ['DELETE FROM t RETURNING a', 'unsupported_returning'],
  ["SELECT a SOUNDS LIKE 'b' FROM t", 'unsupported_sounds'], ["SELECT 1 MEMBER OF ('[1]')", 'unsupported_member'], ['SELECT 1 IN ((SELECT 1))', 'doubled_parentheses'], ['SELECT a FROM t ORDER BY TRUE', 'constant_order'], ['SELECT a FROM t GROUP BY (FALSE)', 'constant_order'], ['SELECT a FROM t GROUP BY a DESC', 'ordered_group'],
  ['SELECT 1 COLLATE latin1_swedish_ci', 'unknown_collation'], ["SELECT DATE '24-1-1'", 'strange_date'], ["SELECT TIMESTAMP '2024-01-01 10:00:00+05:00'", 'strange_date'], ['SELECT get_format(DATE, a)', 'unsupported_function'], ['SELECT NEXTVAL(s)', 'unsupported_function'], ['SELECT VALUE(a)', 'unsupported_function'],
  ['EXPLAIN ANALYZE SELECT 1', 'explain_analyze'], ['SELECT * FROM a CROSS JOIN b ON 1', 'condition_of_cross_join'], ['SELECT 1 UNION SELECT 2 FOR UPDATE', 'lock_of_set'], ['SELECT rank FROM t', 'reserved_word'], ['SELECT 1 AS groups', 'reserved_word'], ['SELECT 1 FROM t AS window', 'reserved_word'],
  ...['HANDLER t OPEN', 'DO SLEEP(1)', "PREPARE p FROM 'SELECT 1'", 'EXECUTE p', "EXECUTE IMMEDIATE 'SELECT 1'", 'SET sql_mode = 1', 'USE mysql', 'BEGIN NOT ATOMIC SELECT 1; END', 'START TRANSACTION', 'COMMIT', 'LOCK TABLES t READ', "LOAD DATA INFILE 'x' INTO TABLE t", 'CREATE TABLE t (a INT)',
    'DROP TABLE t', 'TRUNCATE t', 'RENAME TABLE a TO b', 'GRANT ALL ON *.* TO a', 'FLUSH TABLES', 'KILL 1', 'ANALYZE TABLE t', 'ANALYZE DELETE FROM t', 'IMPORT TABLE FROM x', 'CLONE LOCAL', 'BINLOG x', "INSTALL PLUGIN a SONAME 'b'", 'XA START x', 'HELP x', 'SIGNAL x', 'CACHE INDEX t IN x', 'CHECKSUM TABLE t'].map((sql) => [sql, 'unsupported_statement'] as const),
]
/** Not of the language at all, or only of one server's in this form. */
const unparsable = [
  'SELECT', 'SELECT *, * FROM t', 'SELECT a, * FROM t', 'SELECT 1 FROM', 'SELECT * FROM a JOIN b JOIN c ON 1', 'SELECT * FROM a LEFT JOIN b', 'SELECT * FROM a JOIN b JOIN c ON 1 ON 2', 'SELECT * FROM (a, b)', 'SELECT * FROM (SELECT 1)', 'SELECT a = NOT b', 'SELECT a IS TRUE = b', 'SELECT a IN (1) IN (2)', 'SELECT a LIKE b + c',
  'SELECT a LIKE b LIKE c', 'SELECT 1 BETWEEN 2 AND 3 IN (4)', 'SELECT INTERVAL 1 DAY + a', 'SELECT INTERVAL(1, 2, 3)', 'VALUES (1, 2)', 'VALUES ROW(1), (2)', 'SELECT 1 LIMIT 1 + 1', 'SELECT 1 LIMIT ALL', "SELECT 1 LIKE 'a' ESCAPE 'ab'", "SELECT 1 LIKE 'a' ESCAPE ''", 'SELECT CAST(1 AS INT)', 'SELECT CONVERT(a USING latin1)',
  'SELECT SUM(a) FILTER (WHERE 1)', 'SELECT f(DISTINCT a)', 'SELECT CHAR(1 USING utf8mb4)', 'SHOW VARIABLES', 'SHOW WARNINGS', 'SHOW PROCESSLIST', 'SHOW GRANTS', 'SHOW TABLES WHERE 1', 'SHOW CREATE VIEW v', 'UPDATE a, b SET x = 1 LIMIT 1', 'DELETE a FROM a ORDER BY x', 'SELECT * FROM t AS OF TIMESTAMP NOW()',
  'SELECT * FROM t FOR SYSTEM_TIME ALL', 'SELECT * FROM t TABLESAMPLE SYSTEM (1)', 'INSERT INTO t (t.a) VALUES (1) ON DUPLICATE', 'SELECT NEXT VALUE FOR s', 'SELECT 1 FROM t HAVING', 'WITH a AS (SELECT 1)', 'WITH a AS (SELECT 1) INSERT INTO t SELECT 1', 'SELECT ROW(1)', 'SELECT a->b FROM t', '()', '1', 'SELECT 1 ) ', 'SELECT ( 1',
]
/** Read, and held against the server. */
const read = [
  'SELECT 5 - -1, 5- -1, - - 5', 'SELECT 1 -- \n, 2', 'SELECT 1 --\t\n, 2', 'SELECT 1 --\n, 2', 'SELECT 1 # \n, 2', 'SELECT 1 --', 'SELECT 1 -- x\r, 2', 'SELECT/**/1/**/+/**/1', 'SELECT/* * / */2', 'SELECT\v1,\f2,\r3', "SELECT 'a''b', 'a\\'b', 'a\\\\', '\\Z' AS z, '\\x', '\\%', ' x'",
  'SELECT 0e0, 1e0, .1, 1.0e+2', "SELECT X'41' = 'A', 0x41 = 65, 0x41 + 0, b'1' + 0, x'41' + 0", "SELECT _utf8mb4'a', _utf8mb4 'b', _utf8mb4 x'63', _utf8mb4 0x64", 'SELECT -1 ^ 2, !1 + 1, ! 1 = 0, NOT 1 = 0, - 1 IS NULL, ~1 & 1, 2 ^ 3 ^ 2, 1 - 2 - 3, 8 / 4 / 2, 7 DIV 2 * 2, 1 << 1 << 1',
  'SELECT 1 = 2 IN (0), 1 < 2 < 2, 1 IN (1) IS TRUE, NULL IS NULL IS NULL, 1 = 1 IS TRUE, 1 XOR 1 AND 0, 1 OR 1 XOR 1, NOT NOT 1, NOT 1 IS NULL', 'SELECT 3 BETWEEN 1 AND 2 OR 1, 3 BETWEEN 2 | 1 AND 4 & 5, 1 AND 2 BETWEEN 0 AND 5 AND 1', "SELECT 'a' LIKE 'A' COLLATE utf8mb4_bin, BINARY 'a' LIKE 'A', 'a' COLLATE utf8mb4_bin LIKE 'A'",
  'SELECT a.`select`, a.select, a.from, `a`.`from` FROM (SELECT 1 AS `select`, 2 AS `from`) a', 'SELECT (((1))), ((1) + (2))', 'SELECT +1, + -1, +id FROM t ORDER BY +1, id', 'SELECT id FROM t GROUP BY id HAVING +1 ORDER BY -1 + id, (1)', 'SELECT `id` AS `a``b`, id AS `it\'s "x" \\ y` FROM t', 'SELECT id FROM t WHERE v = "" \'\''.replace('"" ', ''),
  'SELECT DATE\'2024-01-01\', DATE("2024-01-01")'.replaceAll('"', "'"), 'SELECT CASE WHEN 1 THEN 2 END, CASE 1 WHEN 1 THEN 2 ELSE 3 END IS NULL', 'SELECT id AS end_, v value, 1 status, 2 type, 3 date, 4 time, 5 user, 6 name, 7 password, 8 comment FROM t', '(SELECT 1)', '((SELECT 1))', '(((SELECT 1) UNION (SELECT 2)) LIMIT 1)', 'SELECT EXISTS(SELECT 1), NOT EXISTS ((SELECT 1))',
  'SELECT LEFT (\'abc\', 2), IF (1, 2, 3), REPLACE (\'a\', \'a\', \'b\'), MOD (5, 3)', 'SELECT COUNT(*) FROM t, t AS u', 'SELECT 1 FROM t AS a JOIN t AS b', 'SELECT INTERVAL_ FROM (SELECT 1 AS interval_) x', 'SELECT 1 IN (1, NULL), (1, 2) IN ((1, 2)), ROW(1, 2) = (1, 2), (SELECT 1, 2) = (1, 2)', 'SELECT 18446744073709551615, 99999999999999999999, 0.10, 00.5',
  "SELECT '2024-01-31' + INTERVAL 1 MONTH, '2024-01-31' - INTERVAL 1 + 1 DAY, DATE'2024-01-01' + INTERVAL '1:2' MINUTE_SECOND", "SELECT id FROM t WHERE v LIKE '%\\_%' OR v LIKE '!%' ESCAPE '!'", 'SELECT SUM(id) OVER w FROM t WINDOW w AS (ORDER BY id), w2 AS (w)',
]

describe('a text with two readings', () => {
  it('is not what a semicolon and a comment at the end make', () => {
    expect(printed('SELECT 1 ;  -- end')).toEqual(printed('SELECT 1'))
  })
  it.each(refused)('%j is refused: %s', (sql, reason) => {
    expect(printed(sql)).toEqual({ refused: expect.stringMatching(new RegExp(`^${reason}: `)) })
  })
  it.each(unparsable)('%j is not read', (sql) => {
    expect(printed(sql)).toEqual({ refused: expect.stringMatching(/^syntax_error: |^reserved_word: |^qualified_column: |^unsupported_function: |^unsupported_show: |^strange_character: /) })
  })
})

describe.skipIf(mysqlServer === null)(`a text that looks like another, on a real server${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  beforeAll(async () => {
    db = await startServer("CREATE DATABASE d; USE d; CREATE TABLE t (id INT, v VARCHAR(20)); INSERT INTO t VALUES (1, 'a'), (2, 'b_'), (3, '%'), (4, NULL); SET NAMES utf8mb4")
  }, 120_000)
  afterAll(() => db.stop())

  it.each(read)('%j is read as the server reads it', async (sql) => {
    const of = printed(sql)
    expect(of).toHaveProperty('text')
    if ('text' in of) expect(await difference(db.admin, sql, of.text), of.text).toBeNull()
  })

  it('has no word as a name that the server reserves', async () => {
    const [keywords] = await db.admin.query({ sql: 'SELECT LOWER(WORD) FROM information_schema.KEYWORDS', rowsAsArray: true })
    const taken: string[] = []
    for (const [word] of keywords as unknown as readonly (readonly [string])[]) {
      if (!/^[a-z_0-9]+$/.test(word) || isReserved(word)) continue
      for (const sql of [`SELECT ${word} FROM (SELECT 1 AS \`${word}\`) x`, `SELECT 1 ${word}`, `SELECT ${word}.a FROM (SELECT 1 AS a) ${word}`]) {
        const [rows] = await db.admin.query({ sql, rowsAsArray: true }).catch(() => [[]])
        if (JSON.stringify(rows) !== '[[1]]') taken.push(`${word}: ${sql}`)
      }
    }
    expect(taken).toEqual([])
  }, 60_000)
})
