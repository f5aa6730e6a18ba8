import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decide } from '../../../functions/decide/decide.ts'
import { compile } from '../../../functions/decide/compile.ts'
import type { Caller } from '../../../schema/caller.ts'
import type { ConnectionDocument, PolicyDocument } from '../../../schema/policy.ts'
import type { Param } from '../../../schema/request.ts'
import { withPostgres, type TestPostgres } from '../../support/postgres.ts'
import { analysisOf } from './target.ts'

/** A mask written back over the real value, in every way a value reaches a column. */
const schema = `CREATE TABLE people (id int PRIMARY KEY, name text, email text, ssn text, born date, seen timestamptz, note text, extra jsonb, mails text[], dates date[]);
  CREATE TABLE staging (id int, email text, note text);`
const connection: ConnectionDocument = {
  version: 1, kind: 'connection', name: 'tested', engine: 'postgres', secret: 'tested', mask: { 'pii.email': 'email', 'pii.ssn': 'last4', 'pii.born': 'year' },
  classify: { 'public.people.email': 'pii.email', 'public.people.mails': 'pii.email', 'public.people.ssn': 'pii.ssn', 'public.people.born': 'pii.born', 'public.people.dates': 'pii.born', 'public.people.seen': 'pii.born' },
}
const writes: { allow: ('select' | 'write')[]; connection: string; on: string[] } = { allow: ['select', 'write'], connection: 'tested', on: ['public.*'] }
const documents: readonly PolicyDocument[] = [
  connection,
  { version: 1, kind: 'role', name: 'clerk', members: [{ group: 'clerks' }], rules: [writes] },
  { version: 1, kind: 'role', name: 'lead', members: [{ group: 'leads' }], rules: [{ ...writes, reveal: ['*'] }] },
]
const policy = compile({ documents: documents.map((document) => ({ path: `${document.name}.yaml`, document })) })
const callerIn = (group: string): Caller => ({ issuer: 'test', subject: { id: 'agent:a', kind: 'agent', groups: [group] }, actors: [], person: false, claims: {}, expiresAt: 0 })

let server: TestPostgres
let a: ReturnType<typeof analysisOf>
beforeAll(async () => {
  server = await withPostgres()
  a = analysisOf(await server.createDatabase(schema), connection)
})
afterAll(() => server.stop())

async function refused(sql: string, params: readonly Param[], group = 'clerks') {
  const { effects } = await a.plan({ sql, params: [...params] })
  const decision = decide(policy, { caller: callerIn(group), connection: 'tested', effects, reveal: [], context: { purpose: null, session: null, time: 0 } })
  return decision.kind === 'deny' ? decision.refusal : null
}

describe('is refused where it would destroy the value', () => {
  test.each<[string, Param[]]>([
    ["UPDATE people SET email = 'j***@example.com' WHERE id = 1", []],
    ['UPDATE people SET email = $1 WHERE id = 1', ['j***@example.com']],
    ["UPDATE people SET email = '***' WHERE id = 1", []],
    ['UPDATE people SET ssn = $2 WHERE id = $1', [1, '****6789']],
    ['UPDATE people SET ssn = $2 WHERE id = $1', [1, '***-**-6789']],
    ['UPDATE people SET ssn = $1', ['[redacted]']],
    ['UPDATE people SET ssn = $1', [' [REDACTED] ']],
    ['UPDATE people SET born = $1 WHERE id = 1', ['1984-01-01']],
    ['UPDATE people SET dates = $1 WHERE id = 1', [[null, '1984-01-01']]],
    ['UPDATE people SET dates = $1 WHERE id = 1', [[['2001-05-06'], ['1984-01-01']]]],
    ['UPDATE people SET dates = $1 WHERE id = 1', [['2001-05-06', '1984-01-01']]],
    ["UPDATE people SET seen = '1984-01-01T00:00:00.000Z'", []],
    ["UPDATE people SET seen = '1984-01-01 00:00:00+00'::timestamptz", []],
    ["UPDATE people SET (name, ssn) = ('x', '****6789')", []],
    ["UPDATE people SET (name, ssn) = (SELECT 'x', $1)", ['****6789']],
    ["UPDATE people SET email = coalesce($1, 'nobody@example.com')", ['j***@example.com']],
    ["UPDATE people SET email = lower((SELECT m FROM (VALUES ('J***@example.com')) AS v(m)))", []],
    ['UPDATE people p SET email = v.m FROM (VALUES (1, $1), (2, $2)) AS v(id, m) WHERE v.id = p.id', ['ok@example.com', 'j***@example.com']],
    ["WITH v(id, m) AS (SELECT 1, 'j***@example.com') UPDATE people SET email = v.m FROM v WHERE v.id = people.id", []],
    ["INSERT INTO people (id, email) VALUES (1, 'ok@example.com'), (2, 'j***@example.com')", []],
    ['INSERT INTO people (id, email) SELECT 1, $1', ['j***@example.com']],
    ["INSERT INTO people (id, email) SELECT 1, 'ok@example.com' UNION ALL SELECT 2, $1", ['j***@example.com']],
    ['INSERT INTO people (id, email) SELECT 1, m FROM unnest($1::text[]) AS m', [['ok@example.com', 'j***@example.com']]],
    ['INSERT INTO people (id, email) SELECT id, email FROM jsonb_to_recordset($1) AS r(id int, email text)', [[{ id: 1, email: 'j***@example.com' }]]],
    ['INSERT INTO people (id, mails) VALUES (1, $1)', [['j***@example.com']]],
    ["INSERT INTO people (id, name) VALUES (1, 'j***@example.com') ON CONFLICT (id) DO UPDATE SET email = excluded.name", []],
    ['INSERT INTO people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET email = $1', ['j***@example.com']],
    ["MERGE INTO people p USING (VALUES (1, '****6789')) AS s(id, ssn) ON s.id = p.id WHEN MATCHED THEN UPDATE SET ssn = s.ssn", []],
    ['MERGE INTO people p USING staging s ON s.id = p.id WHEN NOT MATCHED THEN INSERT (id, ssn) VALUES (s.id, $1)', ['****6789']],
    ["WITH RECURSIVE r(n, m) AS (SELECT 1, 'j***@example.com' UNION ALL SELECT n + 1, m FROM r WHERE n < 3) INSERT INTO people (id, email) SELECT n, m FROM r", []],
    ["WITH w AS (UPDATE people SET ssn = '****6789' WHERE id = 1 RETURNING id) SELECT count(*) FROM w", []],
  ])('%s %j', async (sql, params) => {
    expect(await refused(sql, params)).toMatchObject({ slug: 'denied', reason: 'mask_written_back', next: 'fix', span: expect.anything() })
  })

  test.each<[string, Param[]]>([
    ["UPDATE people SET note = 'card [redacted: credit-card], call back'", []],
    ['UPDATE people SET note = $1', ['card [redacted: credit-card]']],
    ['INSERT INTO people (id, extra) VALUES (1, $1)', [{ card: '[redacted: credit-card]' }]],
    ['INSERT INTO staging (note) VALUES ($1)', ['[withheld: too large to inspect]']],
  ])('a mark of a detector in any column, whoever asks: %s %j', async (sql, params) => {
    expect(await refused(sql, params)).toMatchObject({ reason: 'mask_written_back' })
    expect(await refused(sql, params, 'leads')).toMatchObject({ reason: 'mask_written_back' })
  })
})

describe('passes where it is what was meant', () => {
  test.each<[string, Param[]]>([
    ['UPDATE people SET email = $1 WHERE id = $2', ['jane@example.com', 1]],
    ["UPDATE people SET ssn = '078-05-1120', born = '1984-01-02'", []],
    ['UPDATE people SET email = $1', [null]],
    ["UPDATE people SET email = 'ok@example.com' WHERE note = '[redacted: email]' AND name = '***'", []],
    ["UPDATE people SET name = '***', note = '[redacted]'", []],
    ["UPDATE people SET note = '2024-01-01'", []],
    ["UPDATE people SET email = (SELECT email FROM staging WHERE note = '[redacted]')", []],
    ['INSERT INTO people (id, name, email) VALUES (1, $1, $2)', ['***', 'ok@example.com']],
    ["DELETE FROM people WHERE note LIKE '%[redacted: email]%'", []],
    ["SELECT id FROM people WHERE note = '***'", []],
  ])('%s %j', async (sql, params) => {
    expect(await refused(sql, params)).toBeNull()
  })

  test('who may see the class in clear sees no mask, and may write a first of January', async () => {
    expect(await refused('UPDATE people SET born = $1', ['1984-01-01'], 'leads')).toBeNull()
  })

  test('a statement is judged by the values of each call, also when its analysis is kept', async () => {
    const sql = 'UPDATE people SET email = $1 WHERE id = 7'
    expect(await refused(sql, ['a@example.com'])).toBeNull()
    expect(await refused(sql, ['j***@example.com'])).toMatchObject({ reason: 'mask_written_back' })
    expect(await refused(sql, ['b@example.com'])).toBeNull()
  })
})

test('the refusal says which column, what is wrong, and what would pass', async () => {
  expect((await refused('UPDATE people SET email = $1', ['j***@example.com']))?.detail)
    .toBe('the value set in `email` of `public.people` reads like its mask (email), and would destroy the real one: leave the column out, or set what is really meant')
})
