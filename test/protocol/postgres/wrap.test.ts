import fc from 'fast-check'
import { expect, test } from 'vitest'
import { entered, wrapped } from '../../../functions/protocol/postgres/frame.ts'
import { parse } from '../../../functions/protocol/postgres/parse.ts'

const bare = (tree: unknown): string => JSON.stringify(tree, (key, value: unknown) => (/location$|^(?:list|rexpr_list)_(?:start|end)$/.test(key) ? undefined : value))

/** null: not one SELECT; else whether the wrapped text holds exactly its tree as the only thing it selects from. */
async function survives(sql: string): Promise<boolean | null> {
  const alone = await parse(sql)
  if (!alone.ok || !('SelectStmt' in alone.value.node)) return null
  const again = await parse(alone.value.text)
  if (!again.ok || bare(again.value.node) !== bare(alone.value.node)) return false
  const outer = await parse(wrapped(alone.value.text, 8))
  if (!outer.ok || !('SelectStmt' in outer.value.node)) return false
  const frame = await parse(wrapped('SELECT 1', 8))
  if (!frame.ok || !('SelectStmt' in frame.value.node)) return false
  const expected = bare(frame.value.node).replace(bare({ SelectStmt: subquery(frame.value.node) }), () => bare(alone.value.node))
  return bare(outer.value.node) === expected
}
function subquery(node: unknown): unknown {
  return (node as { SelectStmt: { fromClause: { RangeSubselect: { subquery: { SelectStmt: unknown } } }[] } }).SelectStmt.fromClause[0]?.RangeSubselect.subquery.SelectStmt
}

/** As `survives`, in a WITH entry; also of writes. */
async function enters(sql: string): Promise<boolean | null> {
  const alone = await parse(sql)
  if (!alone.ok || !/^(Select|Insert|Update|Delete|Merge)Stmt$/.test(Object.keys(alone.value.node)[0] ?? '')) return null
  const [outer, frame] = [await parse(entered(alone.value.text, 8, 's.c1 AS "a"', 's(c1)')), await parse(entered('SELECT 1', 8, 's.c1 AS "a"', 's(c1)'))]
  if (!outer.ok || !frame.ok) return false
  return bare(outer.value.node) === bare(frame.value.node).replace(bare(entry(frame.value.node)), () => bare(alone.value.node))
}
const entry = (node: unknown): unknown => (node as { SelectStmt: { withClause: { ctes: { CommonTableExpr: { ctequery: unknown } }[] } } }).SelectStmt.withClause.ctes[0]?.CommonTableExpr.ctequery
const writing = ['INSERT INTO t VALUES (1) RETURNING a -- )', "UPDATE t SET a = 'b' RETURNING a", 'DELETE FROM t RETURNING * /* ) */', 'WITH x AS (SELECT 1) UPDATE t SET a = 1 RETURNING a', 'SELECT a FROM t FOR UPDATE', 'MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE RETURNING t.a', 'INSERT INTO t DEFAULT VALUES RETURNING $a$ ) $a$']
test.each(writing)('`%s` is the same statement in a WITH entry', async (sql) => { expect(await enters(sql)).toBe(true) })

const honest = [
  'SELECT 1', '(SELECT 1)', '((SELECT 1) UNION (SELECT 2)) ORDER BY 1', 'VALUES (1), (2)', 'TABLE t', 'WITH a AS (SELECT 1) SELECT * FROM a', "SELECT 'a'\n'b'", 'SELECT 1 -- )',
  'SELECT 1 /* ) */', 'SELECT $a$ ) $a$', "SELECT U&'\\0061'", 'SELECT U&"\\0061" FROM t', 'SELECT "a)" FROM t', "SELECT E'\\')'", 'SELECT 1; -- )', ';SELECT 1;', '; ; SELECT 1 ; ;', 'SELECT a FROM t ORDER BY a NULLS LAST', 'SELECT a !', 'SELECT 1 LIMIT 2',
  'SELECT 1 AS a\u00a0', 'SELECT 1 /* a /* b */ ) */', 'SELECT NOT a FROM t', 'SELECT a FROM t WINDOW w AS ()', 'SELECT 1.', 'SELECT 0x1F', 'SELECT a.* FROM a', 'SELECT FROM t', 'SELECT', 'SELECT a FROM t FETCH FIRST ROW WITH TIES', 'SELECT 1 AS with',
]
test.each(honest)('`%s` is the same statement inside the parentheses, or none at all', async (sql) => { expect(await survives(sql)).not.toBe(false) })

const pieces = ['SELECT', 'select 1', '(', ')', ',', ';', '1', '1.', "'", "''", "'a'", '"', '"a"', '$$', '$a$', '$1', 'a', 'FROM t', 'AS s', 'LIMIT 1', 'UNION', 'VALUES (1)', 'TABLE t', 'WITH a AS (SELECT 1)', '--', '-- )\n', '/*', '*/', '/* ) */', '\n',
  ' ', '\t', '\v', '\u00a0', 'E', "E'\\'", 'U&', "U&'a'", "UESCAPE '!'", 'x', "X'1f'", "N'a'", '+', '-', '!', '@', '::', ':', '.', '*', '=', '<', '[', ']', 'NOT', 'NULLS', 'FIRST', 'ORDER BY 1', 'WITH', 'FORMAT', 'JSON', 'ORDINALITY', '\\', 'é', 'OVER ()', 'IN (1)']
const soup = fc.array(fc.constantFrom(...pieces), { maxLength: 9 }).map((parts) => `SELECT 1${parts.join('')}`)
const spaced = fc.array(fc.constantFrom(...pieces), { maxLength: 9 }).map((parts) => parts.join(' '))
test('whatever parses as one SELECT is, wrapped, a subquery with the same tree and nothing beside it', async () => {
  let seen = 0
  await fc.assert(fc.asyncProperty(fc.oneof(soup, spaced, fc.tuple(fc.constantFrom(...honest, ...writing), soup).map(([a, b]) => `${a}${b.slice(8)}`)), async (sql) => {
    const held = await survives(sql)
    if (held !== null) seen++
    return held !== false && await enters(sql) !== false
  }), { numRuns: 4000 })
  expect(seen).toBeGreaterThan(200)
})
test('what is part of a name to the server is not cut off as white space', async () => {
  for (const end of ['\u00a0', '\ufeff', '\u2028', '\u3000']) {
    const parsed = await parse(`SELECT a FROM t${end}`)
    expect(parsed.ok && parsed.value.text).toBe(`SELECT a FROM t${end}`)
  }
})
