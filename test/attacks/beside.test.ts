import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { batchOf, analysisOf } from '../protocol/postgres/target.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'

/** What a change of one column tells of the classified one beside it: by the length of an index entry or a row, by another partition, by a foreign key's action. */
const wide = Array.from({ length: 330 }, (_, i) => `c${i} text DEFAULT 'abcdefghijklmnopqrst'`).join(', ')
const schema = `
CREATE TABLE people (id int PRIMARY KEY, name text, email text, rank int, code varchar(20), nick citext, tag text GENERATED ALWAYS AS (lower(name)) STORED); CREATE INDEX ON people (name, email); CREATE INDEX ON people (rank) INCLUDE (email);
INSERT INTO people (id, name, email) SELECT i, 'n', translate(encode(sha256(i::text::bytea), 'hex'), '', '') || CASE WHEN i = 2 THEN (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 6) g) ELSE '' END FROM generate_series(1, 2) i;
CREATE TABLE tight (id int PRIMARY KEY, code varchar(20), email varchar(100)); CREATE INDEX ON tight (code, email);
CREATE TABLE made (id int PRIMARY KEY, name text, email text, low text GENERATED ALWAYS AS (lower(name)) STORED); CREATE INDEX ON made (low, email);
CREATE TABLE flat (id int PRIMARY KEY, note text, email text); ALTER TABLE flat ALTER note SET STORAGE PLAIN; INSERT INTO flat VALUES (1, '', 'a@b.c'), (2, '', 'abcdefgh@ijklmnop.qrst');
CREATE TABLE broad (id int PRIMARY KEY, email text, ${wide});
CREATE TABLE cells (k int, sub int, name text, ssn text) PARTITION BY LIST (k); CREATE TABLE cells_1 PARTITION OF cells FOR VALUES IN (1) PARTITION BY LIST (sub); CREATE TABLE cells_1_1 PARTITION OF cells_1 FOR VALUES IN (1);
CREATE TABLE cells_2 PARTITION OF cells FOR VALUES IN (2); CREATE UNIQUE INDEX ON cells_1_1 (ssn); CREATE UNIQUE INDEX ON cells_1_1 (name, ssn); INSERT INTO cells VALUES (1, 1, 'a', '123'), (2, 1, 'b', '123'), (2, 1, 'c', '456');
CREATE TABLE even (k int, name text, note text, ssn text) PARTITION BY LIST (k); CREATE TABLE even_1 PARTITION OF even FOR VALUES IN (1); CREATE TABLE even_2 PARTITION OF even FOR VALUES IN (2); CREATE INDEX ON even (name, ssn);
CREATE TABLE teams (id int PRIMARY KEY, title text UNIQUE); INSERT INTO teams VALUES (0, 'none'), (1, 'one'), (2, 'two');
CREATE TABLE staff (id int PRIMARY KEY, team int DEFAULT 0 REFERENCES teams ON DELETE SET DEFAULT, ssn text, UNIQUE (team, ssn)); INSERT INTO staff VALUES (1, 0, '123'), (2, 1, '123'), (3, 2, '456');
CREATE TABLE badges (id int PRIMARY KEY, title text REFERENCES teams (title) ON UPDATE CASCADE, ssn text); CREATE INDEX ON badges (title, ssn);
CREATE TABLE shouts (k int PRIMARY KEY, name text, ssn text) PARTITION BY LIST (k); CREATE TABLE shouts_1 PARTITION OF shouts FOR VALUES IN (1);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := (SELECT ssn FROM staff WHERE id = 1); NEW.ssn := NEW.name; RETURN NEW; END $$; CREATE TRIGGER t BEFORE INSERT ON shouts_1 FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO shouts VALUES (1, 'x', 'y');
`
const classify = Object.fromEntries(['people.email', 'tight.email', 'made.email', 'flat.email', 'broad.email', 'cells.ssn', 'even.ssn', 'staff.ssn', 'badges.ssn', 'shouts.ssn'].map((name) => [`public.${name}`, name]))

describe.each(majors)('what stands beside a column that is set, on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  let a: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres({ major })
    const has = (await (await server.createDatabase()).query("SELECT FROM pg_available_extensions WHERE name = 'citext'")).rowCount
    database = await server.createDatabase(has ? `CREATE EXTENSION citext; ${schema}` : schema.replace('citext', 'text'))
    a = analysisOf(database, { classify, mask: { '*': 'redact' } })
  })
  afterAll(() => server.stop())
  const code = (sql: string) => database.query(`BEGIN; ${sql}; ROLLBACK`).then(() => 'done', async (error: { code?: string }) => { await database.query('ROLLBACK'); return error.code })
  const random = (bytes: number) => `(SELECT left(string_agg(md5(g::text), ''), ${bytes}) FROM generate_series(1, 100) g)`

  test('the attacks are real', async () => {
    const lengths = async (id: number) => { for (let n = 2300; n < 2700; n += 8) if (await code(`UPDATE people SET name = ${random(n)} WHERE id = ${id}`) === '54000') return n; return null }
    const [short, long] = [await lengths(1), await lengths(2)]
    expect(short).toBeGreaterThan((long ?? 0) + 100)
    expect([await code(`UPDATE flat SET note = ${random(3000)} || ${random(3000)} || ${random(2112)} WHERE id = 1`), await code(`UPDATE flat SET note = ${random(3000)} || ${random(3000)} || ${random(2112)} WHERE id = 2`)]).toEqual(['done', '54000'])
    expect([await code("UPDATE cells SET k = 1 WHERE name = 'b'"), await code("UPDATE cells SET k = 1 WHERE name = 'c'")]).toEqual(['23505', 'done'])
    expect([await code('DELETE FROM teams WHERE id = 1'), await code('DELETE FROM teams WHERE id = 2')]).toEqual(['23505', 'done'])
  })

  test.each([
    ["UPDATE people SET name = repeat('x', 2500) WHERE id = 1", 'people.email'], [`UPDATE people SET name = '${'x'.repeat(257)}'`, 'people.email'], ['UPDATE people SET name = name || name', 'people.email'],
    ["UPDATE people SET name = 'x'::char(2000)", 'people.email'], ["INSERT INTO people (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = repeat(excluded.name, 2500)", 'people.email'],
    ["INSERT INTO people (id, name) SELECT 1, repeat('x', 2500) ON CONFLICT (id) DO UPDATE SET name = excluded.name", 'people.email'], ["MERGE INTO people p USING teams t ON p.id = t.id WHEN MATCHED THEN UPDATE SET name = repeat(t.title, 900)", 'people.email'],
    ["UPDATE made SET name = repeat('x', 2500)", 'made.email'], ["UPDATE made SET name = 'x'", 'made.email'],
    ['UPDATE flat SET note = note || note', 'flat.email'], ["UPDATE broad SET c1 = 'abcdefghijklmnopqrst'", 'broad.email'], ["UPDATE broad SET c1 = ''  || c2", 'broad.email'],
    ['UPDATE cells SET k = 1', 'cells_1_1.ssn'], ['UPDATE cells SET sub = 1', 'cells_1_1.ssn'], ["UPDATE cells SET name = 'a'", 'cells_1_1.ssn'],
    ['DELETE FROM teams WHERE id = 1', 'staff.ssn'], ["UPDATE teams SET title = repeat('x', 2600)", 'badges.ssn'],
    ["INSERT INTO shouts (k, name) VALUES (1, 'x') ON CONFLICT (k) DO UPDATE SET name = excluded.ssn", 'shouts.ssn'],
  ])('is used: %s', async (sql, column) => {
    expect((await a.used(sql)).filter((use) => use.startsWith(`${column} `))).not.toEqual([])
  })
  test.each([
    "UPDATE people SET name = 'Ada Lovelace' WHERE id = 1", 'UPDATE people SET name = NULL', 'UPDATE people SET name = DEFAULT', "UPDATE people SET name = 'x'::text", 'UPDATE people SET rank = rank + 1', "UPDATE people SET nick = repeat('x', 5000)",
    "INSERT INTO people (id, name) VALUES (9, repeat('x', 2500))", "INSERT INTO people (id, name) VALUES (1, 'short') ON CONFLICT (id) DO UPDATE SET name = excluded.name", 'UPDATE tight SET code = upper(code)', "UPDATE flat SET note = 'short'",
    "UPDATE teams SET id = id", 'UPDATE even SET k = 2', "UPDATE even SET note = repeat('x', 9000)", "UPDATE cells_2 SET name = 'b'",
  ])('is not: %s', async (sql) => {
    expect(await a.used(sql)).toEqual([])
  })
  test('a parameter is judged by its length, with each call', async () => {
    const used = async (value: string | number | null) => { const result = await a.classifier.classify(a.connection, batchOf({ sql: 'UPDATE people SET name = $1 WHERE id = $2', params: [value, 1] })); return result.ok && result.value.effects.used.map(({ column }) => column) }
    expect([await used('short'), await used('é'.repeat(60)), await used(null), await used(7)]).toEqual([[], [], [], []])
    expect([await used('x'.repeat(3000)), await used('é'.repeat(65))]).toEqual([['email'], ['email']])
  })
})
