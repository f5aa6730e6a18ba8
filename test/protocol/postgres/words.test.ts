import { expect, test } from 'vitest'
import { parse } from '../../../functions/protocol/postgres/parse.ts'

/** A refusal of a kind of statement says it in the words of whoever wrote it, and what passes instead; no name of a syntax tree's node comes out. */
test.each<[string, string]>([
  ['BEGIN', 'transaction control is not supported through the gate; send the statements as `transaction`, which runs whole or not at all'],
  ['SET search_path = x', '`set` is not supported through the gate; settings are the gate\'s; leave it out, write tables with their schema and times with `at time zone`'],
  ['COPY t TO STDOUT', '`copy` is not supported through the gate; use select or insert'],
  ['CREATE ROLE x', '`create role` is not supported through the gate'],
  ['ALTER TABLE t ADD c int', '`alter table` is not supported through the gate; what changes names belongs into a migration, run by whoever owns the tables'],
  ['SELECT 1 INTO t', '`select into` is not supported through the gate; insert into a table that is there'],
  ['LOCK TABLE t', '`lock table` is not supported through the gate; use `select … for update`'],
  ['DECLARE c CURSOR FOR SELECT 1', 'a cursor is not supported through the gate; page with `limit` and a filter on a key'],
  ['VACUUM', '`vacuum`, as `analyze`, is not supported through the gate; the server does both by itself; leave it out'],
])('%s', async (sql, words) => {
  expect(await parse(sql)).toMatchObject({ ok: false, refusal: { slug: 'statement-unsupported', reason: 'unknown_syntax', next: 'fix', detail: words } })
})
