import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPermit } from '../../../functions/decide/permit.ts'
import { createPostgres } from '../../../functions/protocol/postgres/postgres.ts'
import type { Grants, Ruled } from '../../../functions/protocol/protocol.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'

/** The script makes roles that the check has nothing against, and the check sees what each role has too much, or too little. */
const schema = `CREATE SCHEMA "Odd ""name"; CREATE TABLE people (id serial PRIMARY KEY, name text, email text); CREATE TABLE refunds (id int GENERATED ALWAYS AS IDENTITY, amount int);
  CREATE TABLE "Odd ""name"."Ta;ble" (a int, "b c" text); CREATE TABLE other (id int); CREATE TABLE "Odd ""name".parts (k int) PARTITION BY LIST (k); CREATE TABLE "Odd ""name".parts_1 PARTITION OF "Odd ""name".parts FOR VALUES IN (1); CREATE VIEW contacts AS SELECT id, name, email AS mail FROM people;
  CREATE FUNCTION total(a int, b text DEFAULT 'x') RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION total FROM PUBLIC;`
const connection: ConnectionDocument = {
  version: 1, kind: 'connection', name: 'shop-1', engine: 'postgres', secrets: { write: 'w', read: 'r', plain: 'p' }, searchPath: ['public'],
  classify: { 'public.people.email': 'pii.email' }, limits: { timeout: '3s' },
}
const rules: readonly Ruled[] = [
  { actions: ['select'], on: ['public.people', 'public.contacts', 'Odd "name.*'] }, { actions: ['insert', 'update'], on: ['public.refunds', 'public.people'] }, { actions: ['call'], on: ['public.total'] },
]

describe.each(majors)('on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  const engines: ReturnType<typeof createPostgres>[] = []
  function engineOf(secrets: Readonly<Record<string, string>>) {
    const endpoint = { http: `${server.neonUrl}/sql`, websocket: `${server.neonUrl.replace('http:', 'ws:')}/v2` }
    const engine = createPostgres({ secrets: { get: async (name) => secrets[name] ?? '' }, endpoint: () => endpoint, now: Date.now, alarm: () => {}, isPermit })
    engines.push(engine)
    return engine
  }
  const ask = async (secrets: Readonly<Record<string, string>>, document = connection): Promise<Grants> => await engineOf(secrets).grants?.(document, rules) as Grants
  const said = ({ findings }: Grants) => findings.map(({ level, name, message }) => `${level} ${name} ${message}`).sort()
  const least = () => ({ w: database.as('least_w', 'x'), r: database.as('least_r', 'x'), p: database.as('least_p', 'x') })

  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase(schema)
    await database.query("CREATE ROLE least_w LOGIN PASSWORD 'x'; CREATE ROLE least_r LOGIN PASSWORD 'x'; CREATE ROLE least_p LOGIN PASSWORD 'x'")
    const { script } = await ask(least())
    await database.query(script)
  })
  afterAll(async () => {
    for (const engine of engines) await engine.close()
    await server.stop()
  })

  test('after its own script there is nothing left to say', async () => {
    expect(said(await ask(least()))).toEqual([])
  })
  test('the script run again leaves the same', async () => {
    await database.query((await ask(least())).script)
    expect(said(await ask(least()))).toEqual([])
  })
  test('with its grants the rules work, and what they do not allow does not', async () => {
    const as = async (role: string, sql: string) => { await database.query(`SET ROLE ${role}`); try { await database.query(sql); return 'done' } catch (error) { return (error as { code?: string }).code } finally { await database.query('RESET ROLE') } }
    expect(await as('least_p', 'SELECT id, name FROM people')).toBe('done')
    expect(await as('least_p', 'SELECT id, name FROM contacts')).toBe('done')
    expect(await as('least_p', 'SELECT email FROM people')).toBe('42501')
    expect(await as('least_p', 'SELECT mail FROM contacts')).toBe('42501')
    expect(await as('least_p', 'SELECT "b c" FROM "Odd ""name"."Ta;ble"')).toBe('done')
    expect(await as('least_r', 'SELECT email, total(1) FROM people')).toBe('done')
    expect(await as('least_r', 'INSERT INTO refunds (amount) VALUES (1)')).toBe('42501')
    expect(await as('least_r', 'CREATE TEMP TABLE t (a int)')).toBe('42501')
    expect(await as('least_w', "INSERT INTO people (name) VALUES ('x')")).toBe('done')
    expect(await as('least_w', 'UPDATE refunds SET amount = 2')).toBe('done')
    expect(await as('least_w', 'DELETE FROM refunds')).toBe('42501')
    expect(await as('least_w', 'SELECT id FROM other')).toBe('42501')
  })
  test('a partition that a rule names may be granted by itself, and need not be', async () => {
    await database.query('GRANT SELECT ON "Odd ""name".parts_1 TO least_r')
    expect(said(await ask(least()))).toEqual([])
  })
  test.each<[string, string, RegExp]>([
    ['GRANT SELECT (email) ON people TO least_p', 'REVOKE SELECT (email) ON people FROM least_p', /^error least_p .*`public\.people\.email`, which is classified/],
    ['GRANT SELECT (mail) ON contacts TO least_p', 'REVOKE SELECT (mail) ON contacts FROM least_p', /^error least_p .*`public\.contacts\.mail`, which is classified/],
    ['GRANT UPDATE (name) ON people TO least_r', 'REVOKE UPDATE (name) ON people FROM least_r', /^error least_r .*can write `public\.people`/],
    ['GRANT DELETE ON people TO least_w', 'REVOKE DELETE ON people FROM least_w', /^warning least_w .*`DELETE on public\.people`/],
    ['REVOKE UPDATE ON refunds FROM least_w', 'GRANT UPDATE ON refunds TO least_w', /^warning least_w .*lacks what rules allow: `UPDATE on public\.refunds`/],
    ['REVOKE SELECT (name) ON people FROM least_p', 'GRANT SELECT (name) ON people TO least_p', /^warning least_p .*cannot read `public\.people\.name`/],
    ['GRANT SELECT ON other TO PUBLIC', 'REVOKE SELECT ON other FROM PUBLIC', /^warning least_r .*can read `public\.other`, which no rule names/],
    ['GRANT CREATE ON SCHEMA public TO least_r', 'REVOKE CREATE ON SCHEMA public FROM least_r', /^error least_r .*create objects in `public`/],
    ['GRANT DELETE ON "Odd ""name".parts_1 TO least_w', 'REVOKE DELETE ON "Odd ""name".parts_1 FROM least_w', /^warning least_w .*`DELETE on Odd "name\.parts_1`/],
    ['ALTER TABLE other OWNER TO least_w', 'ALTER TABLE other OWNER TO CURRENT_USER', /^error least_w .*owns `public\.other`/],
    ['GRANT pg_read_all_data TO least_p', 'REVOKE pg_read_all_data FROM least_p', /^error least_p .*`pg_read_all_data`/],
    ['GRANT least_w TO least_p', 'REVOKE least_w FROM least_p', /^warning least_p .*member of `least_w`/],
    ['ALTER ROLE least_r CREATEROLE', 'ALTER ROLE least_r NOCREATEROLE', /^error least_r .*`createrole`/],
    ['ALTER ROLE least_r SUPERUSER', 'ALTER ROLE least_r NOSUPERUSER', /^error least_r .*`superuser`/],
    ['GRANT EXECUTE ON FUNCTION pg_sleep(double precision) TO least_p', 'REVOKE EXECUTE ON FUNCTION pg_sleep(double precision) FROM least_p', /^warning least_p .*pg_sleep/],
    ['ALTER ROLE least_r RESET lock_timeout', "ALTER ROLE least_r SET lock_timeout = '5s'", /^warning least_r .*lock_timeout/],
    [`DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO least_r', current_database()); END $$`, `DO $$ BEGIN EXECUTE format('REVOKE TEMP ON DATABASE %I FROM least_r', current_database()); END $$`, /^warning least_r .*temporary/],
  ])('sees: %s', async (change, back, finding) => {
    await database.query(change)
    expect(said(await ask(least()))).toContainEqual(expect.stringMatching(finding))
    await database.query(back)
    expect(said(await ask(least()))).toEqual([])
  })
  test('one role for two uses, a missing plain role and a credential that does not work are said', async () => {
    expect(said(await ask({ ...least(), p: least().r }))).toContainEqual('error least_r it is both the plain and the read role')
    const { plain: _, ...two } = connection.secrets ?? { read: 'r' }
    expect(said(await ask(least(), { ...connection, secrets: two }))).toContainEqual(expect.stringMatching(/^warning shop-1 there is no `plain` secret/))
    expect(said(await ask({ ...least(), p: database.as('least_p', 'wrong') }))).toContainEqual('error p as the plain role, it cannot be checked: the target refuses it (28P01)')
  })
  test('for one secret it names the three roles to make', async () => {
    const { secrets: _, ...one } = connection
    const { script, findings } = await ask({ s: database.url }, { ...one, secret: 's' })
    expect(script).toContain('CREATE ROLE "sluice_shop_1_plain" LOGIN NOINHERIT')
    expect(findings.map(({ level }) => level)).toContain('error')
    await database.query(script)
  })
})
