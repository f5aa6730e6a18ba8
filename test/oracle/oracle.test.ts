import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askLocks, askRewriter, ServerError } from '../support/oracle.ts'
import { majors, withPostgres, type TestPostgres } from '../support/postgres.ts'
import { nameOf } from './names.ts'
import { openSession, type Opened } from './session.ts'

const schema = `
CREATE TABLE t (a int PRIMARY KEY, b text, c numeric);
CREATE TABLE child (t int REFERENCES t, ":relid 5} {X" int);
CREATE VIEW v AS SELECT a, b FROM t WHERE c > 1;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM child';
CREATE FUNCTION near(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT abs($1 - $2) < 2';
CREATE OPERATOR ~~~~ (LEFTARG = int, RIGHTARG = int, FUNCTION = near);
INSERT INTO t VALUES (1, 'x', 2)`

describe.each(majors)('what PostgreSQL %i says of a statement', (major) => {
  let server: TestPostgres
  let session: Opened
  beforeAll(async () => {
    server = await withPostgres({ major })
    session = await openSession((await server.createDatabase(schema)).url)
  })
  afterAll(async () => {
    await session.close()
    await server.stop()
  })
  const say = async (sql: string) => {
    const said = await askRewriter(session, sql)
    const names = await nameOf(session, said)
    return {
      said,
      relations: Object.fromEntries([...said.relations].map(([oid, it]) => {
        const { name, columns } = names.relations.get(oid)!
        const column = (number: number) => number === 0 ? '*' : columns.get(number)
        const verbs = (['select', 'insert', 'update', 'delete', 'lock'] as const).filter((verb) => it[verb])
        return [name, [...verbs, ...[...it.read].sort().map(column)].join(' ')]
      })),
      functions: [...names.functions.values()].filter(({ builtin }) => !builtin).map(({ name }) => name).sort(),
      builtins: [...names.functions.values()].filter(({ builtin }) => builtin).map(({ name }) => name).sort(),
    }
  }

  test('a view is named, and so is what it reads', async () => {
    expect((await say('SELECT a FROM v')).relations).toEqual({ 'public.v': 'select a', 'public.t': 'select a b c' })
  })
  test('a whole row is column 0, a system column keeps its name', async () => {
    expect((await say('SELECT t, ctid FROM t')).relations).toEqual({ 'public.t': 'select ctid *' })
  })
  test('writes, and what a write reads', async () => {
    expect((await say('INSERT INTO t(a) VALUES (2) ON CONFLICT (a) DO UPDATE SET c = excluded.c + t.c')).relations['public.t']).toBe('select insert update a c')
    expect((await say('DELETE FROM child USING t WHERE child.t = t.a AND t.b = $1')).relations).toEqual({ 'public.child': 'select delete t', 'public.t': 'select a b' })
  })
  test('a write inside a query is seen', async () => {
    const { said, relations } = await say('WITH gone AS (DELETE FROM child RETURNING t) SELECT * FROM gone')
    expect([...said.commands].sort()).toEqual([1, 4])
    expect(relations['public.child']).toBe('select delete t')
  })
  test('a row lock is told from an update', async () => {
    expect((await say('SELECT a FROM t FOR UPDATE')).relations['public.t']).toBe('select update lock a')
    expect((await say('SELECT a FROM v FOR SHARE')).relations['public.v']).toBe('select update lock a')
  })
  test('functions are found behind calls, operators, casts and aggregates', async () => {
    expect((await say('SELECT twice(a) FROM t WHERE a ~~~~ 3')).functions).toEqual(['near', 'twice'])
    expect((await say("SELECT sum(a) FILTER (WHERE b LIKE 'x'), a::text::varchar(3) FROM t GROUP BY 2")).builtins).toEqual(expect.arrayContaining(['sum', 'textlike', 'varchar']))
  })
  test('a system view is counted itself and not looked into', async () => {
    const { relations, builtins } = await say('SELECT viewname FROM pg_catalog.pg_views')
    expect(relations).toEqual({ 'pg_catalog.pg_views': 'select viewname' })
    expect(builtins).toEqual([])
  })
  test('outputs come with their origin, and a hostile column name is no syntax', async () => {
    const { said } = await say('SELECT ":relid 5} {X" AS "(", t + 1 AS n, * FROM child')
    const [first] = [...said.relations.keys()]
    expect(said.outputs).toEqual([
      { name: '(', relation: first, column: 2 }, { name: 'n', relation: 0, column: 0 },
      { name: 't', relation: first, column: 1 }, { name: ':relid 5} {X', relation: first, column: 2 },
    ])
  })
  test('what the server refuses is its error, and the session goes on', async () => {
    await expect(askRewriter(session, 'SELECT nothing FROM t')).rejects.toThrow(ServerError)
    expect((await say('SELECT 1')).relations).toEqual({})
  })
  test('locks see into functions and foreign keys, and nothing stays', async () => {
    const names = async (sql: string) => {
      const locks = await askLocks(session, sql)
      const { rows } = await session.run('SELECT oid::text, relname::text FROM pg_class')
      return rows.filter(({ oid }) => locks.has(Number(oid))).map(({ relname }) => relname).sort()
    }
    expect(await names('SELECT peek()')).toEqual(['child'])
    expect(await names('INSERT INTO child VALUES (1, 1)')).toEqual(['child', 't'])
    expect((await session.run('SELECT count(*)::text AS n FROM child')).rows).toEqual([{ n: '0' }])
  })
})
