import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pinStatement } from '../../../functions/protocol/postgres/pins.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'
import { analysisOf } from './target.ts'

/** Rows that nothing sorts come in some order all the same, and it must not be that of a classified column. */
const schema = `
CREATE TABLE people (id int, tenant int, ssn text, bulk text);
INSERT INTO people SELECT i, i % 50, md5(i::text), repeat('x', 500) FROM generate_series(1, 5000) i;
CREATE INDEX people_ssn ON people (ssn) INCLUDE (id);
CREATE TABLE listed (id int, tenant int, ssn text, open boolean, bulk text);
INSERT INTO listed SELECT i, i / 3, md5(i::text), i BETWEEN 700 AND 703, repeat('x', 500) FROM generate_series(1, 5000) i;
CREATE INDEX listed_open ON listed (ssn) INCLUDE (id) WHERE open; CREATE INDEX listed_tenant ON listed (tenant, ssn);
CREATE TABLE keyed (id int PRIMARY KEY, ssn text UNIQUE, name text); CREATE INDEX ON keyed (id, ssn); CREATE INDEX ON keyed (name, id);
CREATE TABLE partly (id int, ssn text, open boolean); CREATE INDEX ON partly (ssn) WHERE open; CREATE TABLE lowered (id int, ssn text); CREATE INDEX ON lowered (id, lower(ssn));
CREATE TABLE kin (id int, ssn text); CREATE TABLE kid (more int) INHERITS (kin); CREATE INDEX ON kid (ssn, id); CREATE VIEW kin_ids AS SELECT id FROM kin;
CREATE TABLE grown (ssn text, kind int) PARTITION BY RANGE (ssn); CREATE TABLE grown_1 PARTITION OF grown FOR VALUES FROM ('a') TO ('m'); CREATE TABLE grown_2 PARTITION OF grown FOR VALUES FROM ('m') TO ('zz');
INSERT INTO grown VALUES ('nina', 1), ('anna', 2), ('otto', 3), ('carl', 4);
`

describe.each(majors)('the order of rows, on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  let client: pg.Client
  let a: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(schema)
    client = new pg.Client(database.url)
    await client.connect()
    await client.query('VACUUM ANALYZE')
    a = analysisOf(database, { classify: Object.fromEntries(['people', 'listed', 'keyed', 'lowered', 'partly', 'kin', 'grown'].map((table) => [`public.${table}.ssn`, 'pii.ssn'])) })
  })
  afterAll(async () => {
    await client.end()
    await server.stop()
  })
  async function ids(sql: string, heapOrder: boolean): Promise<number[]> {
    await client.query('BEGIN')
    const { text, values } = pinStatement({ searchPath: ['public'], limits: { timeoutMs: 5000 }, deadline: Date.now() + 5000, readOnly: true, heapOrder, nonce: 'n' })
    await client.query(text, [...values])
    const { rows } = await client.query<{ id: number }>(sql)
    await client.query('ROLLBACK')
    return rows.map(({ id }) => id)
  }

  test.each([
    'SELECT id FROM people', 'SELECT id FROM people LIMIT 10', 'SELECT id FROM listed WHERE open', 'SELECT id FROM listed WHERE tenant = 700',
  ])('an index over a classified column would give its order, and does not: %s', async (sql) => {
    const { plan } = (await a.plan(sql))
    expect(plan.heapOrder).toBe(true)
    const bare = await ids(sql, false)
    const kept = await ids(sql, true)
    const sorted = (await database.query(`SELECT id FROM ${/FROM (\w+)/.exec(sql)?.[1]} WHERE id = ANY ($1) ORDER BY ssn COLLATE "C"`, [bare])).rows.map(({ id }: { id: number }) => id)
    expect(bare).toEqual(sorted)                                       // the attack is real
    expect(kept).toEqual([...kept].sort((x, y) => x - y))              // as they were inserted
  })
  test.each<[string, boolean]>([
    ['SELECT name FROM keyed', false], ['SELECT id FROM lowered', true], ['SELECT id FROM partly WHERE open', true], ['SELECT id FROM kin', true], ['SELECT id FROM ONLY kin', false], ['SELECT id FROM kin_ids', true],
    ['UPDATE people SET tenant = 1 RETURNING id', true], ['DELETE FROM people RETURNING id', true], ['INSERT INTO people (id) VALUES (1) RETURNING id', false],
    ['MERGE INTO people p USING (VALUES (1)) v(i) ON p.id = v.i WHEN NOT MATCHED THEN INSERT (id) VALUES (v.i)', true], ['WITH x AS (SELECT id FROM people) SELECT 1', true],
  ])('%s: heap order %s', async (sql, expected) => {
    expect((await a.plan(sql)).plan.heapOrder).toBe(expected)
  })
  test('one statement of a batch is enough', async () => {
    expect((await a.plan('SELECT name FROM keyed', 'SELECT id FROM people')).plan.heapOrder).toBe(true)
  })

  test.each(['SELECT kind AS id FROM grown', 'UPDATE grown SET kind = kind RETURNING kind AS id', 'DELETE FROM grown RETURNING kind AS id'])('partitions by a classified column come in its order, so reading or writing them uses it: %s', async (sql) => {
    await client.query('BEGIN')
    const { rows } = await client.query<{ id: number }>(sql)
    await client.query('ROLLBACK')
    expect(rows.map(({ id }) => id)).toEqual([2, 4, 1, 3])             // the attack is real
    expect(await a.used(sql)).toContain('grown.ssn where it decides in which partition of grown a row lies')
  })
  test.each([
    'UPDATE grown_1 SET kind = 5 RETURNING kind', 'DELETE FROM grown_2', 'MERGE INTO grown g USING (VALUES (1)) v(i) ON g.kind = v.i WHEN MATCHED THEN DELETE',
    'MERGE INTO grown g USING (VALUES (1)) v(i) ON g.kind = v.i WHEN NOT MATCHED THEN INSERT (kind) VALUES (1)', 'SELECT kind FROM grown_1', 'WITH w AS (DELETE FROM grown RETURNING kind) SELECT 1',
  ])('nor by another way: %s', async (sql) => {
    expect((await a.used(sql)).some((use) => use.startsWith('grown') && use.includes('where it decides in which partition'))).toBe(true)
  })
})
