import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'
import { analysisOf } from './target.ts'

/** A classified column in a GROUP BY is no use where the server takes it out before it plans: beside the whole primary key of its table. So each statement that passes is planned here, and no plan groups, sorts or hashes by one. */
const schema = (major: number) => `
CREATE TABLE people (id int PRIMARY KEY, name text, email text, kind int); CREATE TABLE pairs (a int, b int, email text, PRIMARY KEY (a, b)); CREATE TABLE visits (id int PRIMARY KEY, person int, pages int);
CREATE TABLE loose (id int, email text); CREATE TABLE uniq (id int UNIQUE NOT NULL, email text); CREATE TABLE later (id int PRIMARY KEY DEFERRABLE, email text);
CREATE TABLE parent (id int PRIMARY KEY, email text); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1, 'a'); INSERT INTO child VALUES (1, 'b');
CREATE TABLE parts (id int PRIMARY KEY, email text) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE mails (email text PRIMARY KEY, name text);
CREATE VIEW seen AS SELECT id, email FROM people; CREATE VIEW grouped AS SELECT p.id, p.email, count(*) AS n FROM people p JOIN visits v ON v.person = p.id GROUP BY p.id, p.email;
${major >= 18 ? 'CREATE TABLE virt (id int PRIMARY KEY, email text, shout text GENERATED ALWAYS AS (upper(email)) VIRTUAL); CREATE EXTENSION btree_gist; CREATE TABLE spans (id int, during daterange, email text, PRIMARY KEY (id, during WITHOUT OVERLAPS));' : ''}
INSERT INTO people SELECT i, 'n' || i, md5(i::text), i % 3 FROM generate_series(1, 3000) i; INSERT INTO visits SELECT i, i % 3000 + 1, i FROM generate_series(1, 9000) i; INSERT INTO pairs SELECT i, i % 7, md5(i::text) FROM generate_series(1, 500) i; ANALYZE;
CREATE TABLE widow (id int PRIMARY KEY, email text); CREATE TABLE orphan () INHERITS (widow); DROP TABLE orphan`

describe.each(majors)('a group by a table\'s key, on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  let a: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(schema(major))
    a = analysisOf(database, { classify: Object.fromEntries(['people', 'pairs', 'loose', 'uniq', 'later', 'parent', 'widow', 'parts', 'mails', ...(major >= 18 ? ['virt', 'spans'] : [])].map((table) => [`public.${table}.email`, 'pii.email'])) })
  })
  afterAll(() => server?.stop())

  test.each([
    'SELECT p.id, p.name, p.email, count(*) FROM people p JOIN visits v ON v.person = p.id GROUP BY p.id, p.name, p.email',
    'SELECT p.id, p.email, count(*) AS n FROM people p JOIN visits v ON v.person = p.id GROUP BY p.email, p.id ORDER BY n DESC, p.id LIMIT 5',
    'SELECT people.id, name, email, count(*) FROM people, visits WHERE person = people.id GROUP BY 1, 2, 3',
    'SELECT p.id AS key, p.email AS mail, sum(v.pages) FROM people p LEFT JOIN visits v ON v.person = p.id GROUP BY key, mail HAVING sum(v.pages) > 10',
    'SELECT v.id, p.id, p.email, count(*) FROM visits v LEFT JOIN people p ON v.person = p.id GROUP BY v.id, p.id, p.email',
    'SELECT people.*, count(v.id) FROM people JOIN visits v ON v.person = people.id GROUP BY 1, 2, 3, 4',
    'SELECT a, b, email FROM pairs GROUP BY a, b, email',
    'SELECT name, email, kind, count(*) FROM people JOIN visits ON person = people.id GROUP BY people.id, name, email, kind',
    'SELECT x.email, y.name FROM people x JOIN people y ON x.kind = y.kind WHERE x.id < 5 GROUP BY x.id, y.id, x.email, y.name',
    'WITH g AS (SELECT p.id, p.email, count(*) AS n FROM people p JOIN visits v ON v.person = p.id GROUP BY p.id, p.email) SELECT * FROM g ORDER BY n, id',
    'SELECT s.id, s.email FROM (SELECT id, email FROM people GROUP BY id, email) s',
    'SELECT id, email, n FROM grouped', 'SELECT id AS email FROM people GROUP BY email, id',
    'SELECT p.id, p.email, rank() OVER (ORDER BY count(*) DESC) FROM people p JOIN visits v ON v.person = p.id GROUP BY p.id, p.email',
  ])('is by the key alone, to us and to the server: %s', async (sql) => {
    expect(await a.used(sql)).toEqual([])
    expect((await a.shown(sql)).flat().every((column) => column.endsWith('.email'))).toBe(true)
    for (const settings of ['', 'SET LOCAL enable_hashagg = off', 'SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off', 'SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off']) {
      const [, plan] = [await database.query(`BEGIN; ${settings}`), await database.query(`EXPLAIN (COSTS OFF, VERBOSE) ${sql}`)]
      await database.query('ROLLBACK')
      const keys = (plan.rows as { 'QUERY PLAN': string }[]).map((row) => row['QUERY PLAN']).filter((line) => / (Group|Sort|Presorted|Hash) (Key|Cond)/.test(line))
      expect(keys.some((line) => line.includes('Group Key'))).toBe(true)
      expect(keys.filter((line) => /email/.test(line))).toEqual([])
    }
  })

  test.each([
    'SELECT email, count(*) FROM people GROUP BY email', 'SELECT name, email FROM people GROUP BY name, email', 'SELECT a, email FROM pairs GROUP BY a, email',
    'SELECT id, email FROM loose GROUP BY id, email', 'SELECT id, email FROM uniq GROUP BY id, email', 'SELECT id, email FROM later GROUP BY id, email', 'SELECT email, name FROM mails GROUP BY email, name',
    'SELECT id, email FROM parent GROUP BY id, email', 'SELECT id, email FROM ONLY parent GROUP BY id, email', 'SELECT id, email FROM widow GROUP BY id, email', 'SELECT id, email FROM parts GROUP BY id, email',
    'SELECT id, email FROM seen GROUP BY id, email', 'SELECT id, email FROM (SELECT id, email FROM people) s GROUP BY id, email', 'WITH c AS (SELECT id, email FROM people) SELECT id, email FROM c GROUP BY id, email',
    'SELECT y.email FROM people x, people y GROUP BY x.id, y.email', 'SELECT p.email FROM visits v JOIN people p ON p.id = v.person GROUP BY v.id, p.email', 'SELECT v.person, p.email FROM visits v JOIN people p ON p.id = v.person GROUP BY v.person, p.email',
    'SELECT id, email FROM people GROUP BY GROUPING SETS ((id), (email))', 'SELECT id, email FROM people GROUP BY ROLLUP (id, email)', 'SELECT id, email FROM people GROUP BY id, CUBE (email)', 'SELECT id, email FROM people GROUP BY id, ROLLUP (name), email',
    'SELECT id, email FROM people GROUP BY DISTINCT id, email', 'SELECT id FROM people GROUP BY id, email || name', 'SELECT id + 0, email FROM people GROUP BY id + 0, email', 'SELECT id + 0 AS id2, email FROM people GROUP BY 1, 2',
    'SELECT j.id, j.email FROM (people p JOIN visits v (vid, person, pages) ON v.person = p.id) AS j GROUP BY j.id, j.email', 'SELECT id, p.email FROM people p FULL JOIN visits v USING (id) GROUP BY id, p.email',
    'SELECT id, email FROM people GROUP BY id, email HAVING email > \'m\'', 'SELECT id, email FROM people GROUP BY id, email ORDER BY email', 'SELECT DISTINCT id, email FROM people GROUP BY id, email', 'SELECT upper(email) FROM people GROUP BY id, email', 'SELECT id, max(email) FROM people GROUP BY id, name',
    'SELECT id, rank() OVER (ORDER BY email) FROM people GROUP BY id, email', 'SELECT (SELECT count(*) FROM visits v GROUP BY p.id, p.email) FROM people p', 'SELECT id, people FROM people GROUP BY id, people',
    ...(major >= 18 ? ['SELECT id, shout FROM virt GROUP BY id, shout', 'SELECT id, during, email FROM spans GROUP BY id, during, email'] : []),
  ])('is a use where it is not: %s', async (sql) => {
    expect((await a.used(sql)).join()).toContain('.email')
  })
})
