import { expect, test } from 'vitest'
import { parse } from '../../../functions/protocol/postgres/parse.ts'

const reason = async (sql: string) => { const parsed = await parse(sql); return parsed.ok ? 'parsed' : parsed.refusal.reason }
const refusal = async (sql: string) => { const parsed = await parse(sql); if (parsed.ok) throw new Error('parsed'); return parsed.refusal }
const text = async (sql: string) => { const parsed = await parse(sql); return parsed.ok ? parsed.value.text : parsed.refusal.reason }

test('what has two readings is refused before the grammar sees it', async () => {
  expect(await reason("SELECT 1\0; DROP TABLE t")).toBe('nul_byte')
  expect(await reason("SELECT '\ud800'")).toBe('ill_formed_text')
  expect((await refusal(`SELECT '${'x'.repeat(64 * 1024)}'`)).slug).toBe('too-large')
  expect(await reason(`SELECT 1 ${'+'.repeat(257)} 1`)).toBe('operator_run')
  expect(await reason(`SELECT '${'/*'.repeat(20_000)}'`)).toBe('operator_run')
})
test('exactly one statement', async () => {
  for (const sql of ['', '   ', '-- nothing', '/* nothing */', ';', ';;']) expect(await reason(sql), sql).toBe('empty_statement')
  for (const sql of ['SELECT 1; SELECT 2', 'SELECT 1;SELECT 2;', 'SELECT 1; DROP TABLE t; --']) expect(await reason(sql), sql).toBe('several_statements')
  expect(await reason('SELECT 1;;')).toBe('parsed')
})
test('a statement that breaks the grammar instance leaves the next one a working grammar', async () => {
  expect(await reason(`SELECT ${'1+'.repeat(12_000)}1`)).toBe('too_deep')
  expect(await reason(`SELECT ${'('.repeat(3_000)}1${')'.repeat(3_000)}`)).not.toBe('crashed')
  expect(await reason('SELECT 1')).toBe('parsed')
})
test('depth is bounded by our own walk', async () => {
  expect(await reason(`SELECT ${'abs('.repeat(40)}1${')'.repeat(40)}`)).toBe('parsed')
  expect(await reason(`SELECT ${'abs('.repeat(600)}1${')'.repeat(600)}`)).toBe('too_deep')
})
test('the text that runs has no semicolon and no comment after it, and every byte before', async () => {
  expect(await text('SELECT 1 -- x')).toBe('SELECT 1')
  expect(await text('SELECT 1; -- x /* ')).toBe('SELECT 1')
  expect(await text("SELECT '--' /* a -- b */")).toBe("SELECT '--'")
  expect(await text("SELECT 1 /* a */ + 2 /* b */ -- c")).toBe('SELECT 1 /* a */ + 2')
  expect(await text("SELECT $$ -- $$")).toBe('SELECT $$ -- $$')
  expect(await text('SELECT "a--b", U&"\\0061--" UESCAPE \'!\' -- "')).toBe('SELECT "a--b", U&"\\0061--" UESCAPE \'!\'')
})
test('spans count UTF-16 units, though the grammar counts bytes and characters', async () => {
  const sql = "SELECT 'ä😀', nope nope nope"
  const { span } = await refusal(sql)
  expect(sql.slice(span?.start, span?.end)).toBe('nope')
  const parsed = await parse("SELECT 'ä😀' AS x, users.ssn FROM users")
  if (!parsed.ok) throw new Error('refused')
  const at = parsed.value.span(Buffer.byteLength("SELECT 'ä😀' AS x, "))
  expect("SELECT 'ä😀' AS x, users.ssn FROM users".slice(at?.start, at?.end)).toBe('users.ssn')
})
test.each(['BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT a', 'SET x = 1', "SET LOCAL ROLE a", 'RESET ALL', 'DO $$BEGIN END$$', 'COPY t TO STDOUT', 'COPY (SELECT 1) TO PROGRAM $$id$$', 'PREPARE a AS SELECT 1', 'EXECUTE a', 'DEALLOCATE a',
  'DECLARE c CURSOR FOR SELECT 1', 'FETCH c', 'MOVE c', 'CLOSE c', 'LISTEN c', 'NOTIFY c', 'UNLISTEN *', 'DISCARD ALL', 'LOAD $$x$$', 'VACUUM', 'ANALYZE', 'CLUSTER', 'REINDEX TABLE t', 'CHECKPOINT', 'SELECT 1 INTO t', 'CREATE TABLE t AS SELECT 1',
  'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1$$', 'CREATE EXTENSION dblink', 'ALTER SYSTEM SET x = 1', 'ALTER ROLE a SUPERUSER', 'GRANT a TO b', 'SECURITY LABEL ON TABLE t IS NULL', 'COMMENT ON TABLE t IS NULL', 'LOCK t', 'REFRESH MATERIALIZED VIEW v',
  'IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c', 'REASSIGN OWNED BY a TO b', 'SET CONSTRAINTS ALL DEFERRED', 'SELECT * FROM XMLTABLE($$/a$$ PASSING x COLUMNS y int)', "SELECT * FROM JSON_TABLE(j, '$' COLUMNS (a int PATH '$'))", 'UPDATE t SET a = 1 WHERE CURRENT OF c',
  'CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING', 'SELECT * FROM a.b.c', 'DROP TABLE IF EXISTS t', 'TRUNCATE t RESTART IDENTITY'])('`%s` is refused by name', async (sql) => {
  const { slug, reason: why, detail } = await refusal(sql)
  expect(['statement-unsupported', 'statement-unparsable']).toContain(slug)
  expect(['unknown_syntax', 'syntax_error']).toContain(why)
  expect(detail).toMatch(/^[^A-Z]*`?/)
})
