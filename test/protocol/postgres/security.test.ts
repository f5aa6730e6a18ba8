import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClassifier } from '../../../functions/protocol/postgres/classify.ts'
import { isAllowed } from '../../oracle/allowed.ts'
import { connectionOf, createJudge } from '../../oracle/judge.ts'
import { openSession, type Opened } from '../../oracle/session.ts'
import { majors, withPostgres, type TestPostgres } from '../../support/postgres.ts'
import { analysisOf } from './target.ts'

/** Row security of what a statement reaches: what it reads and calls is the statement's too, and the server, asked as a role it holds for, never reaches more. */
const schema = `
CREATE FUNCTION loud(int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END';
CREATE TABLE deeper (id int, why text); CREATE VIEW open_ids AS SELECT id FROM deeper WHERE loud(id);
CREATE TABLE allowed (id int, who name); ALTER TABLE allowed ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON allowed USING (id IN (SELECT id FROM open_ids));
CREATE TABLE doc (id int, tenant text, body text); ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON doc FOR SELECT USING (id IN (SELECT a.id FROM allowed a WHERE a.who = current_user AND doc.tenant = current_setting('app.tenant', true)));
CREATE TABLE writers (id int); CREATE TABLE graves (id int);
CREATE POLICY w ON doc FOR UPDATE USING (EXISTS (SELECT FROM writers WHERE writers.id = doc.id)) WITH CHECK (loud(id));
CREATE POLICY d ON doc FOR DELETE USING (id IN (SELECT id FROM graves));
CREATE TABLE person (id int, email text, name text); ALTER TABLE person ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON person USING (email = current_user);
CREATE FUNCTION sees(int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT email > ''m'' FROM person WHERE id = $1';
CREATE TABLE seen (id int); ALTER TABLE seen ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON seen USING (sees(id));
CREATE VIEW docs AS SELECT id, body FROM doc;
CREATE TABLE roundabout (id int); CREATE TABLE back (id int); ALTER TABLE roundabout ENABLE ROW LEVEL SECURITY; ALTER TABLE back ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON roundabout USING (id IN (SELECT id FROM back)); CREATE POLICY q ON back TO postgres USING (id IN (SELECT id FROM roundabout)); CREATE POLICY r ON back USING (true);
CREATE TABLE filed (id int); ALTER TABLE filed ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON filed USING (pg_read_file('/etc/hostname') <> '');
CREATE TABLE itself (id int); ALTER TABLE itself ENABLE ROW LEVEL SECURITY; CREATE MATERIALIZED VIEW kept AS SELECT id FROM itself;
CREATE POLICY p ON itself USING (id IN (SELECT id FROM kept));
CREATE TABLE asleep (id int); CREATE POLICY p ON asleep USING (id IN (SELECT id FROM graves));
CREATE TABLE split (id int, k int) PARTITION BY LIST (k); CREATE TABLE split_1 PARTITION OF split FOR VALUES IN (1);
ALTER TABLE split ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON split USING (loud(id) AND tableoid IS NOT NULL);
`

describe.each(majors)('row security on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let session: Opened
  let a: ReturnType<typeof analysisOf>
  beforeAll(async () => {
    server = await withPostgres({ major })
    const database = await server.createDatabase(`CREATE ROLE teller LOGIN PASSWORD 'teller'; ${schema} GRANT ALL ON ALL TABLES IN SCHEMA public TO teller`)
    a = analysisOf(database, { classify: { 'public.person.email': 'pii.email', 'public.writers.id': 'secret', 'public.sees.sees': 'pii.email' } })
    session = await openSession(database.as('teller', 'teller'))
    await session.run('SET search_path = public, pg_temp')
  })
  afterAll(async () => {
    await session.close()
    await server.stop()
  })
  const ofDoc = ['call public.loud via public.doc > public.allowed > public.open_ids', 'select public.allowed(id,who) via public.doc', 'select public.deeper(id) via public.doc > public.allowed > public.open_ids', 'select public.open_ids(id) via public.doc > public.allowed']

  test.each([
    ['SELECT body FROM doc', [...ofDoc, 'select public.doc(body)']],
    ['SELECT id FROM allowed', ['call public.loud via public.allowed > public.open_ids', 'select public.allowed(id)', 'select public.deeper(id) via public.allowed > public.open_ids', 'select public.open_ids(id) via public.allowed']],
    ['SELECT body FROM docs', [...ofDoc.map((line) => line.replace('via public.doc', 'via public.docs > public.doc')), 'select public.doc(body,id) via public.docs', 'select public.docs(body)']],
    ["INSERT INTO doc VALUES (1, 'a', 'b')", ['insert public.doc']],
    ["INSERT INTO doc VALUES (1, 'a', 'b') RETURNING id", [...ofDoc, 'insert public.doc', 'select public.doc(id)']],
    ["INSERT INTO allowed VALUES (1, 'a')", ['call public.loud via public.allowed > public.open_ids', 'insert public.allowed', 'select public.deeper(id) via public.allowed > public.open_ids', 'select public.open_ids(id) via public.allowed']],
    ["UPDATE doc SET body = 'b'", [...ofDoc, 'call public.loud via public.doc', 'select public.writers(id) via public.doc', 'update public.doc']],
    ['DELETE FROM doc', [...ofDoc, 'delete public.doc', 'select public.graves(id) via public.doc']],
    ["MERGE INTO doc USING writers w ON doc.id = w.id WHEN NOT MATCHED THEN INSERT VALUES (1, 'a', 'b')", [...ofDoc, 'insert public.doc', 'select public.doc(id)', 'select public.writers(id)']],
    ["MERGE INTO doc USING writers w ON w.id = 1 WHEN NOT MATCHED THEN INSERT VALUES (1, 'a', 'b')", [...ofDoc, 'insert public.doc', 'select public.doc()', 'select public.writers(id)']],
    ['SELECT id FROM roundabout', ['select public.back(id) via public.roundabout', 'select public.roundabout(id)', 'select public.roundabout(id) via public.roundabout > public.back']],
    ['SELECT id FROM itself', ['select public.itself(id)', 'select public.kept(id) via public.itself']],
    ['SELECT id FROM asleep', ['select public.asleep(id)']],
    ['SELECT id FROM split', ['call public.loud via public.split', 'select public.split(id)', 'select public.split_1(id) part of public.split']],
  ])('%s', async (sql, expected) => {
    expect((await a.accesses(sql)).sort()).toEqual([...expected].sort())
  })
  test.each([
    'SELECT body FROM doc', 'SELECT id FROM allowed', 'SELECT body FROM docs', "INSERT INTO doc VALUES (1, 'a', 'b')", 'UPDATE doc SET body = NULL WHERE id = 1', 'DELETE FROM doc WHERE id = 1', "INSERT INTO doc VALUES (1, 'a', 'b') RETURNING body", "INSERT INTO doc VALUES (1, 'a', 'b') RETURNING 1", 'MERGE INTO doc USING writers w ON doc.id = w.id WHEN MATCHED THEN DELETE', 'SELECT body FROM doc FOR UPDATE',
    'SELECT id FROM roundabout', 'SELECT id FROM itself', 'SELECT id FROM split', 'SELECT name FROM person', 'WITH w AS (UPDATE doc SET body = NULL RETURNING id) SELECT * FROM w JOIN allowed USING (id)',
  ])('the server reaches no more: %s', async (sql) => {
    const judge = createJudge(createClassifier, (routine) => isAllowed(routine) || (routine.builtin && ['current_setting'].includes(routine.name)))
    await session.run('BEGIN')
    const { outcome, missing, reason } = await judge.judge(session, sql, connectionOf(['public']))
    await session.run('ROLLBACK')
    expect({ outcome, missing, reason }).toEqual({ outcome: 'agreed', missing: [], reason: '' })
  })
  test('a row lock asks the policies of an update, and locks nothing of what they read', async () => {
    const accesses = await a.accesses('SELECT body FROM doc FOR UPDATE')
    expect(accesses).toContain('select public.writers(id) via public.doc')
    expect(accesses.filter((line) => line.startsWith('lock'))).toEqual(['lock public.doc'])
    expect(await a.accesses('SELECT body FROM doc')).not.toContain('select public.writers(id) via public.doc')
  })
  test('a classified column that decides which rows come is a use, its own and another table\'s', async () => {
    expect(await a.used('SELECT name FROM person')).toEqual(['person.email in row security of person'])
    expect(await a.used('UPDATE doc SET body = NULL')).toEqual(['writers.id in a where clause'])
    expect(await a.used('SELECT body FROM doc')).toEqual([])
    expect(await a.used('SELECT id FROM seen')).toEqual(['sees.* in what sees() may return'])
    expect(await a.used('SELECT id FROM open_ids')).toEqual(['loud.* in what loud() may return'])   // a view's is the view author's alone
  })
  test('what the gate does not know to be harmless is refused by name, also where only a policy says it', async () => {
    expect(await a.refusal('SELECT id FROM filed')).toMatchObject({ reason: 'unknown_function', detail: expect.stringContaining('`pg_read_file`') })
    expect(await a.refusal('SELECT 1 WHERE EXISTS (SELECT FROM filed)')).toMatchObject({ reason: 'unknown_function' })
    expect(await a.refusal("SELECT current_setting('app.tenant')")).toMatchObject({ reason: 'unknown_function' })
  })
})
