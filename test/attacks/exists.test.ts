import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { mint, openPorts, startPlace } from '../support/local.ts'

/** What no rule of the caller names answers the same whether it is there or not, whatever else stands in the statement: through the gate itself, on a real server. */
const schema = `CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x'; CREATE SCHEMA hr; GRANT USAGE ON SCHEMA hr TO r, w, p;
  CREATE TYPE hr.mood AS ENUM ('good', 'bad'); CREATE DOMAIN hr.grade AS int CHECK (VALUE > 0); CREATE TYPE hr.span AS RANGE (subtype = int4); CREATE TYPE hr.pair AS (a int, b int); CREATE TABLE hr.payroll (id int, pay int); CREATE VIEW hr.paid AS SELECT id FROM hr.payroll;
  CREATE FUNCTION hr.total(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
  CREATE TYPE kind AS ENUM ('a', 'b'); CREATE TABLE plain (id int, kind kind, kinds kind[]); GRANT SELECT ON ALL TABLES IN SCHEMA public, hr TO w, r, p;`
const documents: readonly PolicyDocument[] = [
  { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' } },
  { version: 1, kind: 'role', name: 'stranger', members: [{ group: 'strangers' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.plain'] }] },
]
let at: Awaited<ReturnType<typeof startPlace>>
let ports: ReturnType<typeof openPorts>
let token = ''
let app: ReturnType<typeof createApp>
beforeAll(async () => {
  at = await startPlace({ schema, documents })
  ports = openPorts(at.place)
  app = createApp(ports)
  token = await mint(at.place, 'agent:b', ['strangers'])
})
afterAll(async () => {
  await ports.engines.postgres?.close()
  ports.close()
  await at.stop()
})
async function hear(body: object, way = 'query') {
  const response = await app.request(`/v1/connections/shop/${way}`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const { evaluation: _e, session: _s, instance: _i, ...json } = await response.json() as Record<string, unknown>
  return [response.status, JSON.stringify(json, (key, value: unknown) => (key === 'evaluation' || key === 'span' ? undefined : value))] as const
}
/** The same length, so that spans agree too. */
const names: Readonly<Record<string, string>> = { mood: 'mooo', grade: 'grate', span: 'spam', pair: 'paar', payroll: 'payrool', paid: 'pair_'.slice(0, 4), total: 'totel' }
const absent = (sql: string) => sql.replace(/hr\.(_?)(\w+)/g, (_, bar: string, name: string) => `hr.${bar}${name === 'paid' ? 'paed' : names[name]}`)
const back = (text: string) => text.replace(/mooo|grate|spam|paar|payrool|paed|totel/g, (name) => ({ mooo: 'mood', grate: 'grade', spam: 'span', paar: 'pair', payrool: 'payroll', paed: 'paid', totel: 'total' })[name] ?? '')

test.each([
  "SELECT 'good'::hr.mood", "SELECT 'none'::hr.mood", 'SELECT 0::hr.grade', "SELECT null::hr.span", 'SELECT ROW(1, 2)::hr.pair', 'SELECT null::hr.mood[]', 'SELECT null::hr._mood', "SELECT hr.mood('good')", 'SELECT CAST($1 AS hr.mood)',
  "SELECT 'good'::hr.mood, pg_sleep(1)", "SELECT id FROM plain WHERE kind::text = 'good'::hr.mood::text", "SELECT * FROM jsonb_to_recordset('[]') AS x(a hr.mood)",
  'SELECT * FROM hr.payroll', 'SELECT * FROM hr.payroll, pg_sleep(1)', 'SELECT pg_sleep(1) FROM hr.payroll', 'SELECT nothing FROM hr.payroll', 'SELECT $1 FROM hr.payroll', 'SELECT * FROM hr.paid, nothing.at_all', 'SELECT xmin FROM hr.payroll',
  'SELECT * FROM hr.payroll FOR UPDATE', 'INSERT INTO hr.payroll VALUES (pg_sleep(1))', 'UPDATE hr.paid SET id = 1', 'DELETE FROM hr.payroll WHERE CURRENT OF c', 'TRUNCATE hr.paid', 'DROP TABLE hr.paid', 'SELECT hr.total(1), pg_sleep(1)', 'EXPLAIN SELECT * FROM hr.paid', 'MERGE INTO hr.payroll USING plain ON true WHEN MATCHED THEN DELETE',
])('%s', async (sql) => {
  const one = await hear({ sql, params: sql.includes('CAST') ? ['x'] : [] })
  const other = await hear({ sql: absent(sql), params: sql.includes('CAST') ? ['x'] : [] })
  expect([other[0], back(other[1])]).toEqual(one)
  if (!sql.includes('$1 FROM')) expect(one[0]).toBe(403)
  const [status, text] = await hear({ sql: absent(sql), params: sql.includes('CAST') ? ['x'] : [] }, 'explain')
  expect([status, back(text)]).toEqual(await hear({ sql, params: sql.includes('CAST') ? ['x'] : [] }, 'explain'))
})
test('in a transaction beside others', async () => {
  for (const second of ['DROP TABLE hr.payroll', 'SELECT pg_sleep(1) FROM hr.payroll', 'SELECT $1 FROM hr.payroll']) {
    const batch = (sql: string) => hear({ transaction: [{ sql: 'SELECT id FROM plain' }, { sql }] })
    expect([second, (await batch(second))[0], back((await batch(absent(second)))[1])]).toEqual([second, ...await batch(second)])
  }
})
test('a type of a column is known with its table; what the gate does not know is told to whom the rest is permitted', async () => {
  for (const sql of ["SELECT id FROM plain WHERE kind = 'a'::kind", "SELECT id FROM plain WHERE kind = ANY ('{a,b}'::kind[])"]) expect([sql, (await hear({ sql }))[0]]).toEqual([sql, 200])
  expect((await hear({ sql: "SELECT 'a'::kind" }))[0]).toBe(403)
  const [status, text] = await hear({ sql: 'SELECT pg_sleep(1) FROM plain' })
  expect([status, text]).toEqual([403, expect.stringContaining('unknown_function')])
  expect((await hear({ sql: 'SELECT pg_sleep(1) FROM plain' }, 'explain'))[1]).toContain('unknown_function')
})
