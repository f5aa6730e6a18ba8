import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compile } from '../../../functions/decide/compile.ts'
import { decide } from '../../../functions/decide/decide.ts'
import { parse } from '../../../functions/protocol/postgres/parse.ts'
import type { Caller } from '../../../schema/caller.ts'
import type { PolicyDocument } from '../../../schema/policy.ts'
import { withPostgres, type TestPostgres } from '../../support/postgres.ts'
import { analysisOf } from './target.ts'

/** What a refusal tells whoever wrote another server's language, or asked for what the gate never gives: the thing that works. */
const refused = async (sql: string) => { const parsed = await parse(sql); return parsed.ok ? '' : parsed.refusal.detail }

test.each([
  ['\\d books', '/schema'], ['DESCRIBE books', '/schema'], ['SHOW CREATE TABLE books', '/schema'], ['USE shop', '/schema'], ['SELECT `id` FROM `books`', 'double quotes'], ['SELECT id FROM books LIMIT 5, 10', '`limit 10 offset 5`'], ['SELECT TOP 5 * FROM books', '`limit`'],
  ['INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 1', 'on conflict'], ['REPLACE INTO t (a) VALUES (1)', 'on conflict'], ['SELECT now() - INTERVAL 1 DAY', "`interval '1 day'`"], ["SELECT group_concat(a SEPARATOR ',') FROM t", 'string_agg'],
  ['SELECT * FROM t WHERE a = ?', '`$1`'], ['SELECT * FROM t WHERE a = :id', '`$1`'], ['SELECT * FROM t WHERE a = %s', '`$1`'], ['SELECT [id] FROM t', 'brackets'],
  ['CREATE INDEX ON t (a)', 'migration'], ['ANALYZE t', 'by itself'], ['SET TIME ZONE \'UTC\'', 'at time zone'],
])('%s is told what to write here', async (sql, instead) => { expect(await refused(sql)).toContain(instead) })
test.each(['SELECT a FROM t WHERE', "SELECT subjects[1] FROM t WHERE a->>'b' = FROM", 'SELECT 1 +', 'SELECT a::text FROM t t2 t3'])('an ordinary slip is told as the grammar has it, without a guess: %s', async (sql) => { expect(await refused(sql)).toMatch(/^syntax error [^;]*$/) })

describe('on a server', () => {
  let server: TestPostgres
  let there: ReturnType<typeof analysisOf>
  let bare: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres()
    const table = 'CREATE TABLE books (id int PRIMARY KEY, title text);'
    there = analysisOf(await server.createDatabase(`${table} CREATE FUNCTION ifnull(text, text) RETURNS text LANGUAGE sql AS 'select 1::text'; CREATE FUNCTION year(int) RETURNS int LANGUAGE sql AS 'select 1'`), {})
    bare = analysisOf(await server.createDatabase(table), {})
  })
  afterAll(() => server?.stop())
  const caller: Caller = { issuer: 'test', subject: { id: 'agent:a', kind: 'agent', groups: [] }, actors: [], person: false, claims: {}, expiresAt: Date.now() + 60_000 }
  const said = async (a: typeof there, sql: string, more: readonly string[] = []) => {
    const plan = await a.ask(sql)
    if (!plan.ok) return plan.refusal
    const documents: PolicyDocument[] = [{ version: 1, kind: 'connection', name: 'tested', engine: 'postgres', secret: 'tested' }, { version: 1, kind: 'role', name: 'r', members: [{ everyone: true }], rules: [{ allow: ['select'], connection: 'tested', on: ['public.books'] }, ...(more.length > 0 ? [{ allow: ['call' as const], connection: 'tested', on: [...more] }] : [])] }]
    const decision = decide(compile({ documents: documents.map((document, i) => ({ path: `${i}.yaml`, document })) }), { caller, connection: 'tested', effects: plan.value.effects, reveal: [], context: { purpose: null, session: 'ses_x', time: Date.now() } })
    return decision.kind === 'permit' ? plan.value.fails ?? null : decision.refusal
  }

  test.each(["SELECT ifnull(title, '') FROM books", 'SELECT year(id) FROM books', 'SELECT strftime(title, title) FROM books'])('a hint does not tell whether the target has a function of that name: %s', async (sql) => {
    expect(await said(there, sql)).toEqual(await said(bare, sql))
    expect(await said(bare, sql)).toMatchObject({ slug: 'denied', reason: 'no_rule', next: 'fix', detail: expect.stringContaining('; if the server\'s own is meant, here it is `') as string })
  })
  test('a function that is no other server\'s has none', async () => {
    expect(await said(bare, 'SELECT frobnicate(1)')).toMatchObject({ next: 'none', detail: '`call` on `public.frobnicate` needs a rule that allows it; your roles allow `call` on nothing of `tested`' })
    expect(await said(bare, 'SELECT constructor(1)')).toMatchObject({ next: 'none' })
  })
  test('whoever may call it hears that it is missing, and what serves', async () => {
    expect(await said(bare, "SELECT ifnull(title, '') FROM books", ['public.*'])).toMatchObject({ sqlstate: '42883', detail: 'there is no function `ifnull` with 2 arguments; here it is `coalesce(a, b)`' })
  })
  test('the catalog is closed without a rule, and the way to what one may see is told', async () => {
    expect(await said(bare, 'SELECT table_name FROM information_schema.tables')).toMatchObject({ next: 'fix', detail: expect.stringContaining('`/v1/connections/tested/schema`') as string })
  })
  test.each([
    ["SELECT nextval('s')", 'leave the column out of the insert'], ["SELECT set_config('a.b', 'c', true)", 'leave it out'], ['SELECT pg_sleep(1)', 'waits'], ['SELECT pg_advisory_lock(1)', 'for update'], ["SELECT query_to_xml('select 1', true, true, '')", 'send the statement itself'],
    ['SHOW TABLES', '/schema'], ['EXPLAIN ANALYZE SELECT 1', 'send it by itself'],
  ])('%s is told why, and what is to be had', async (sql, instead) => { expect((await said(bare, sql))?.detail).toContain(instead) })
  test('`show server_version` tells what version() does, by the same rule', async () => {
    for (const sql of ['SHOW server_version', 'SHOW server_version_num', 'SELECT version()']) {
      expect(await said(bare, sql)).toMatchObject({ resource: 'pg_catalog.version' })
      expect(await said(bare, sql, ['pg_catalog.version'])).toBeNull()
    }
    for (const sql of ['SHOW server_encoding', 'SHOW max_identifier_length', 'SHOW client_min_messages']) expect(await said(bare, sql)).toBeNull()
    for (const sql of ['SHOW data_directory', 'SHOW hba_file', 'SHOW ALL', 'SHOW app.secret', 'SHOW session_authorization']) expect(await said(bare, sql)).toMatchObject({ reason: 'unknown_setting' })
  })
})
