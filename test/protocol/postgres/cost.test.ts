import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../../functions/app.ts'
import { costIn } from '../../../functions/protocol/postgres/cost.ts'
import type { ConnectionDocument, PolicyDocument } from '../../../schema/policy.ts'
import { mint, openPorts, startPlace } from '../../support/local.ts'

/** What one statement may cost, on a real server through the gate itself: the ceiling on the estimate, and bombs that die at the budget while others are answered. */
const schema = `CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x'; ALTER ROLE p SET temp_file_limit = '8MB';
  CREATE TABLE big (id int PRIMARY KEY, n int); INSERT INTO big SELECT i, i % 10 FROM generate_series(1, 20000) i; ANALYZE big; GRANT SELECT, INSERT, UPDATE, DELETE ON big TO w, r, p;`
const connection = (name: string, cost?: number): ConnectionDocument =>
  ({ version: 1, kind: 'connection', name, engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' }, limits: { timeout: '2s', affected: 100_000, ...(cost === undefined ? {} : { cost }) } })
const documents: readonly PolicyDocument[] = [
  connection('shop'), connection('fenced', 5000),
  { version: 1, kind: 'role', name: 'all', members: [{ group: 'all' }], rules: [{ allow: ['select', 'write'], connection: '*', on: ['public.*'] }] },
]
let at: Awaited<ReturnType<typeof startPlace>>
let ports: ReturnType<typeof openPorts>
let app: ReturnType<typeof createApp>
let token = ''
beforeAll(async () => {
  at = await startPlace({ schema, documents })
  ports = openPorts(at.place)
  app = createApp(ports)
  token = await mint(at.place, 'agent:a', ['all'])
})
afterAll(async () => {
  await ports.engines.postgres?.close()
  ports.close()
  await at.stop()
})
async function query(name: string, body: Readonly<Record<string, unknown>>) {
  const response = await app.request(`/v1/connections/${name}/query`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  return { status: response.status, json: await response.json() as Record<string, unknown> }
}
const rows = async () => Number((await at.database.query('SELECT sum(n) FROM big')).rows[0].sum)

describe('a ceiling on the estimate', () => {
  const cheap = ['SELECT n FROM big WHERE id = 7', 'SELECT count(*) FROM big', 'SELECT a.n FROM big a, big b LIMIT 1', 'UPDATE big SET n = n WHERE id = 7']
  test.each(cheap)('lets pass: %s', async (sql) => {
    expect((await query('fenced', { sql })).status).toBe(200)
  })
  const dear = ['SELECT count(*) FROM big a, big b', 'WITH x AS (SELECT a.n FROM big a, big b) SELECT sum(n) FROM x', 'UPDATE big SET n = (SELECT count(*) FROM big b, big c WHERE b.n <> big.id)', 'DELETE FROM big USING big b WHERE big.n < b.n', 'INSERT INTO big SELECT 100000 + b.id, 1 FROM big b, big c']
  test.each(dear)('refuses, and nothing runs: %s', async (sql) => {
    const before = await rows()
    const { status, json } = await query('fenced', { sql })
    expect([status, json['type'], json['reason'], json['next']]).toEqual([413, '/problems/too-large', 'too_costly', 'fix'])
    expect(JSON.stringify({ ...json, evaluation: '' })).not.toMatch(/\d{4,}|plan|Seq Scan/i)
    expect(await rows()).toBe(before)
  })
  test('parameters are estimated as they are bound, and a batch is one sum', async () => {
    expect((await query('fenced', { sql: 'SELECT a.n FROM big a, big b WHERE a.id = $1 AND b.id = $2', params: [1, 2] })).status).toBe(200)
    const one = { sql: 'SELECT count(*) FROM big WHERE n = $1', params: [3] }
    expect((await query('fenced', { transaction: [one, one] })).status).toBe(200)
    expect((await query('fenced', { transaction: Array.from({ length: 20 }, () => one) })).json).toMatchObject({ reason: 'too_costly' })
  })
  test('an error of the estimate is told in the caller\'s own statement', async () => {
    const sql = 'SELECT n FROM big WHERE n = $1::text'
    expect((await query('fenced', { sql, params: ['x'] })).json).toMatchObject({ sqlstate: '42883', span: { start: sql.indexOf('='), end: sql.indexOf('=') + 1 } })
  })
  test('the cost of an answer that cannot be read is too much', () => {
    expect(costIn({ rows: [['[{"Plan": {"Total Cost": 12.5}}]']] })).toBe(12.5)
    for (const text of [null, '', '[]', '{}', '[{"Plan": {}}]', '[{"Plan": {"Total Cost": "1"}}]', 'null']) expect(costIn({ rows: [[text]] })).toBe(Infinity)
  })
})

test('five bombs die at the budget, and honest statements are answered while they burn', async () => {
  const bombs = [
    'SELECT count(*) FROM generate_series(1, 100000000000) i', 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b', 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n % 1000000 + 1 FROM r) SELECT count(*) FROM r',
    "SELECT repeat('x', 1000) || i AS x FROM generate_series(1, 50000000) i ORDER BY 1", 'SELECT count(*) FROM big a, big b, big c WHERE a.n + b.n + c.n = 5',
  ]
  let burning = bombs.length
  const bombed = bombs.map(async (sql) => { const answer = await query('shop', { sql }); burning--; return answer })
  let answeredMeanwhile = 0
  while (burning === bombs.length || answeredMeanwhile < 5) {
    const honest = await query('shop', { sql: 'SELECT n FROM big WHERE id = $1', params: [7] })
    expect(honest.status).toBe(200)
    if (burning > 0) answeredMeanwhile++
    else break
  }
  expect(answeredMeanwhile).toBeGreaterThanOrEqual(5)
  for (const { status, json } of await Promise.all(bombed)) expect([[504, 'statement_timeout'], [504, 'target_timeout'], [422, 'statement_refused'], [422, 'target_error']]).toContainEqual([status, json['reason']])
  await expect.poll(async () => (await at.database.query("SELECT count(*) FROM pg_stat_activity WHERE usename IN ('r', 'p') AND state = 'active'")).rows[0].count).toBe('0')   // a caller is answered before the server has let go
}, 120_000)

test('an estimate plans a write as who would run it, and runs nothing', async () => {
  const shop = connection('shop')
  const before = await rows()
  const estimate = async (...statements: readonly { sql: string; params?: readonly (string | number)[] }[]) =>
    ports.engines.postgres?.estimate?.(shop, { statements: statements.map(({ sql, params = [] }) => ({ sql, params })), batch: true, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null })
  const [update, one, insert] = await estimate({ sql: 'UPDATE big SET n = 0' }, { sql: 'DELETE FROM big WHERE id = $1', params: [7] }, { sql: 'INSERT INTO big VALUES (0, 1)' }) ?? []
  expect([update?.rows, one?.rows, insert?.rows]).toEqual([20000, 1, 1])
  expect(await rows()).toBe(before)
  expect(await estimate({ sql: 'UPDATE nothing SET n = 0' })).toEqual([null])
  expect(await estimate({ sql: 'UPDATE' })).toEqual([null])
})
