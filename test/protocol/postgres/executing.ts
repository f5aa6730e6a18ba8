import { afterAll, beforeAll, describe } from 'vitest'
import { openTarget } from '../../contract/target.ts'
import { transports } from '../../contract/transports.ts'
import { majors, withPostgres } from '../../support/postgres.ts'

export const canary = 'canary-7c1f'
const schema = `
  CREATE TABLE t (id int PRIMARY KEY, name text, secret text UNIQUE CHECK (secret <> 'no'), n numeric(4,1));
  INSERT INTO t SELECT i, 'n' || i, '${canary}-' || i, i FROM generate_series(1, 50) i;
  CREATE VIEW v AS SELECT id, name AS title FROM t;
  CREATE TABLE child (t int REFERENCES t ON DELETE CASCADE); INSERT INTO child SELECT 50 FROM generate_series(1, 30);
  CREATE TABLE parts (k int, x text) PARTITION BY LIST (k); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); INSERT INTO parts VALUES (1, 'p');
  CREATE TABLE later (id int PRIMARY KEY, t int REFERENCES t DEFERRABLE INITIALLY DEFERRED);
  CREATE TABLE narrow (open text, shut text); INSERT INTO narrow VALUES ('o', '${canary}');
  CREATE FUNCTION loud() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '${canary}' USING ERRCODE = 'CANRY', DETAIL = '${canary}', HINT = '${canary}'; END $$;
  CREATE FUNCTION noisy() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '${canary}'; RETURN 1; END $$;`
const roles = `
  DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN CREATE ROLE app LOGIN PASSWORD 'app'; CREATE ROLE granted LOGIN PASSWORD 'granted'; CREATE ROLE owner LOGIN PASSWORD 'owner'; CREATE ROLE member LOGIN PASSWORD 'member' IN ROLE owner; END IF; END $$;
  GRANT ALL ON ALL TABLES IN SCHEMA public TO app; GRANT SELECT (open) ON narrow TO granted; GRANT SELECT ON parts TO granted; GRANT SELECT ON v TO granted; GRANT INSERT (id, name), SELECT (id) ON t TO granted;
  CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO owner; GRANT SELECT ON owned TO PUBLIC; ALTER ROLE app SET search_path = 'evil'; ALTER ROLE app SET DateStyle = 'German'; ALTER ROLE app SET standard_conforming_strings = off;`

/** A server of that version with a target on it, reached by that transport; `as`: another, by another role; `count`: rows of `t`. */
async function startExecuting(major: number, transport: (typeof transports)[number][1]) {
  const server = await withPostgres({ major })
  const database = await server.createDatabase(schema + roles)
  const open: ReturnType<typeof openTarget>[] = []
  const as = (role: string, more: Partial<Parameters<typeof openTarget>[0]> = {}) => {
    const made = openTarget({ url: database.as(role, role), admin: database.url, transport: transport(server, more.now), ...more })
    open.push(made)
    return made
  }
  return {
    server, database, as, target: as('app'), count: async (where = 'true') => Number((await database.query(`SELECT count(*) FROM t WHERE ${where}`)).rows[0].count),
    async close() { for (const one of open) await one.close(); await server.stop() },
  }
}

type Executing = Awaited<ReturnType<typeof startExecuting>>
/** These tests on a real server of each version, by each transport. What `at` has is there once they run. */
export function executing(tests: (at: Executing) => void): void {
  for (const major of majors) describe.each(transports)(`on a real server, ${major}, %s`, (_, transport) => {
    const at = {} as Executing
    beforeAll(async () => { Object.assign(at, await startExecuting(major, transport)) })
    afterAll(() => at.close?.())
    tests(at)
  })
}
