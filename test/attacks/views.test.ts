import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { analysisOf } from '../protocol/postgres/target.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'

/** A view that fails on some values, in a part that nobody asks for: that it failed tells of them. */
const schema = `
CREATE TABLE staff (id int PRIMARY KEY, name text, salary int, code text); INSERT INTO staff VALUES (1, 'a', 0, 'x'), (2, 'b', 5, '7'); CREATE TABLE plain (id int PRIMARY KEY, note text); INSERT INTO plain VALUES (1), (2);
CREATE VIEW simple AS SELECT id, 1 / salary AS rate, code::int AS n FROM staff; CREATE VIEW kept AS WITH x AS MATERIALIZED (SELECT id, 1 / salary AS rate FROM staff) SELECT id, rate FROM x; CREATE VIEW twice AS WITH x AS (SELECT id, 1 / salary AS rate FROM staff) SELECT a.id, b.rate FROM x a JOIN x b USING (id);
CREATE VIEW drawn AS SELECT id, 1 / salary + random() AS rate FROM staff; CREATE VIEW joined AS SELECT id, 1 / salary AS rate FROM staff UNION ALL SELECT 0, 0::numeric; CREATE VIEW top AS SELECT id, 1 / salary AS rate FROM staff ORDER BY id LIMIT 100; CREATE VIEW over_simple AS SELECT id, upper(n::text) AS n FROM simple ORDER BY id LIMIT 100;
CREATE VIEW safe AS WITH x AS MATERIALIZED (SELECT id, lower(code) || ' ' || COALESCE(name, '') AS label, salary > 3 AS well FROM staff) SELECT id, label, well FROM x; CREATE VIEW safe_union AS SELECT id, length(code) AS n FROM staff UNION ALL SELECT 0, 0; CREATE VIEW safe_top AS SELECT id, salary::text AS n FROM staff ORDER BY id LIMIT 100;
CREATE VIEW inner_cte AS SELECT id, (WITH x AS MATERIALIZED (SELECT 1 / s.salary AS r) SELECT r FROM x) AS rate FROM staff s;
`
describe.each(majors)('what a view computes, on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  let a: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(schema)
    a = analysisOf(database, { classify: { 'public.staff.salary': 'pay', 'public.staff.code': 'code' }, mask: { '*': 'redact' } })
  })
  afterAll(() => server.stop())
  const code = (sql: string) => database.query(sql).then(() => 'done', (error: { code?: string }) => error.code)

  test.each([
    'SELECT id FROM kept', 'SELECT id FROM twice', 'SELECT id FROM drawn', 'SELECT count(*) FROM joined', "UPDATE plain SET note = 'x' FROM top WHERE top.id = plain.id", 'SELECT plain.id FROM plain, top WHERE top.id = plain.id FOR UPDATE OF plain',
    'SELECT s.id FROM (SELECT plain.id FROM plain, top WHERE top.id = plain.id) s FOR UPDATE', 'DELETE FROM plain USING over_simple o WHERE o.id = plain.id AND false IS NULL OR o.id = 99',
  ])('tells where it fails: %s', async (sql) => {
    expect(await code(sql)).toMatch(/^22/)                             // the attack is real
    expect(await a.used(sql)).not.toEqual([])
  })
  test.each(['SELECT id FROM simple', 'SELECT id FROM top', 'SELECT id FROM over_simple', 'SELECT count(*) FROM inner_cte', 'SELECT id FROM safe', 'SELECT id FROM safe_union', "UPDATE plain SET note = 'x' FROM safe_top WHERE safe_top.id = plain.id"])('does not where it is not computed, or cannot fail: %s', async (sql) => {
    expect([await code(sql), await a.used(sql)]).toEqual(['done', []])
  })
})
