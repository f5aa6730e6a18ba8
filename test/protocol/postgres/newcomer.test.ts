import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../../../functions/app.ts'
import type { ConnectionDocument, PolicyDocument } from '../../../schema/policy.ts'
import { mint, openPorts, startPlace } from '../../support/local.ts'

/** A column that comes to a classified table after the policy was applied, and one that goes, on a real server and through the gate itself. */
const schema = `CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x';
  CREATE TABLE people (id int PRIMARY KEY, name text, email text); INSERT INTO people VALUES (1, 'Jane', 'jane@example.com');
  CREATE TABLE plain (id int); CREATE TABLE parts (at date, who text, kind text) PARTITION BY RANGE (at);
  CREATE VIEW names AS SELECT id, name FROM people;
  GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO w, r; GRANT SELECT (id, name) ON people TO p; GRANT SELECT ON plain, names TO p; GRANT SELECT (at, kind) ON parts TO p;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO r, p;`
const classify = { 'public.people.email': 'pii.email', 'public.parts.who': 'pii.name' }
const shop: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' }, classify }
const roles: readonly PolicyDocument[] = [
  { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [{ allow: ['select', 'write'], connection: 'shop', on: ['public.*'], through: true }] },
  { version: 1, kind: 'role', name: 'stranger', members: [{ group: 'strangers' }], rules: [{ allow: ['select'], connection: 'shop', on: ['public.plain'] }] },
  { version: 1, kind: 'role', name: 'platform', members: [{ group: 'platform' }], rules: [{ allow: ['read', 'apply'], connection: 'sluice', on: ['policy'] }] },
]
let at: Awaited<ReturnType<typeof startPlace>>
let ports: ReturnType<typeof openPorts>
let app: ReturnType<typeof createApp>
let tokens: { reader: string; stranger: string; platform: string }
beforeAll(async () => {
  at = await startPlace({ schema, documents: [shop, ...roles] })
  ports = openPorts(at.place)
  app = createApp(ports)
  tokens = { reader: await mint(at.place, 'agent:a', ['readers']), stranger: await mint(at.place, 'agent:b', ['strangers']), platform: await mint(at.place, 'user:p', ['platform']) }
})
afterAll(async () => {
  await ports.engines.postgres?.close()
  ports.close()
  await at.stop()
})

async function call(who: keyof typeof tokens, method: string, path: string, body?: unknown) {
  const response = await app.request(path, { method, headers: { authorization: `Bearer ${tokens[who]}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  return { status: response.status, json: await response.json() as Record<string, unknown> }
}
/** A name that is missing is looked for again in a catalog that is a second old. */
const aged = () => new Promise((resolve) => setTimeout(resolve, 1100))
const query = async (sql: string) => { const { status, json } = await call('reader', 'POST', '/v1/connections/shop/query', { sql }); return status === 200 ? json['rows'] : json['reason'] }
async function apply(more: Record<string, string> = {}, less: readonly string[] = []) {
  const entries = Object.entries({ ...classify, ...more }).filter(([name]) => !less.includes(name))
  const documents = [{ ...shop, classify: Object.fromEntries(entries) }, ...roles].map((document) => ({ path: `${document.kind}.${document.name}.yaml`, document }))
  const present = await call('platform', 'GET', '/v1/policy')
  const planned = await call('platform', 'POST', '/v1/policy/plan', { documents })
  const applied = await call('platform', 'PUT', '/v1/policy', { documents, from: present.json['version'] })
  await new Promise((resolve) => setTimeout(resolve, 2100))          // the copy of the policy at hand may be two seconds old
  return { planned, applied }
}

test('a new column of a table with a class is refused until it is classified, whatever else is applied meanwhile', async () => {
  const first = await apply()
  expect(first.applied.status).toBe(200)
  expect(first.applied.json['version']).toBe(first.planned.json['to'])
  expect(await query('SELECT * FROM people')).toEqual([{ id: 1, name: 'Jane', email: '[redacted]' }])
  await at.database.query("ALTER TABLE people ADD COLUMN iban text DEFAULT 'DE1'; ALTER TABLE plain ADD COLUMN free text; GRANT SELECT (iban) ON people TO p")
  await aged()

  for (const sql of ['SELECT iban FROM people', 'SELECT * FROM people', 'SELECT id FROM people WHERE iban IS NULL', 'SELECT count(iban) FROM people', 'SELECT id FROM people ORDER BY iban',
    "UPDATE people SET iban = 'x'", "INSERT INTO people (id, iban) VALUES (2, 'x')", "INSERT INTO people VALUES (2, 'n', 'e@example.com', 'x')", 'UPDATE people SET name = name RETURNING *', 'INSERT INTO plain (id) SELECT length(iban) FROM people']) {
    expect([sql, await query(sql)]).toEqual([sql, 'column_unclassified'])
  }
  expect(await query('SELECT p FROM people p')).toBe('classified_use')
  expect(await query('SELECT id, name FROM people')).toEqual([{ id: 1, name: 'Jane' }])
  expect(await query('SELECT count(*) FROM people')).toEqual([{ count: '1' }])
  expect(await query('SELECT * FROM names')).toEqual([{ id: 1, name: 'Jane' }])
  expect(await query('SELECT * FROM plain')).toEqual([])
  await at.database.query('CREATE VIEW wider AS SELECT id, iban FROM people')
  await aged()
  const through = await call('reader', 'POST', '/v1/connections/shop/query', { sql: 'SELECT * FROM wider' })
  expect(through.json).toMatchObject({ reason: 'column_unclassified', detail: expect.stringContaining('`public.wider`') })
  expect(through.json['detail']).not.toMatch(/iban|people/)

  const schema = await call('reader', 'GET', '/v1/connections/shop/schema')
  expect(JSON.stringify(schema.json)).not.toContain('"iban","type"')
  const again = await apply()
  expect(again.applied.json['findings']).toMatchObject([{ level: 'warning', name: 'public.people.iban', connection: 'shop' }])
  expect(await query('SELECT iban FROM people')).toBe('column_unclassified')
  await apply({ 'public.people.iban': 'pci.iban' })
  expect(await query('SELECT iban FROM people')).toEqual([{ iban: '[redacted]' }])
  await apply({ 'public.people.iban': 'none' })
  expect(await query('SELECT iban FROM people')).toEqual([{ iban: 'DE1' }])
})

test('who may not name the table hears of no new column, and of no closed table', async () => {
  await at.database.query('ALTER TABLE people ADD COLUMN secret text')
  const hear = async (sql: string) => { const { status, json } = await call('stranger', 'POST', '/v1/connections/shop/query', { sql }); return [status, json['reason'], String(json['detail']).replace('nowhere', 'people')] }
  expect(await hear('SELECT secret FROM people')).toEqual(await hear('SELECT secret FROM nowhere'))
  expect((await hear('SELECT secret FROM people'))[1]).toBe('no_rule')
})

test('a new partition has the columns of its parent, and a column of its own is refused', async () => {
  await at.database.query("CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); INSERT INTO parts VALUES ('2024-02-02', 'Jane', 'k'); CREATE TABLE heirs (extra text) INHERITS (people); GRANT SELECT ON heirs TO r")
  expect(await query('SELECT kind, who FROM parts')).toEqual([{ kind: 'k', who: '[redacted]' }])
  expect(await query('SELECT kind FROM parts_1')).toEqual([{ kind: 'k' }])
  expect(await query('SELECT id FROM heirs')).toEqual([])
  expect(await query('SELECT extra FROM heirs')).toBe('column_unclassified')
})

test('a classify entry whose column is gone closes its table, in classify and in apply', async () => {
  await at.database.query('ALTER TABLE parts RENAME COLUMN who TO whom')
  expect(await query('SELECT kind FROM parts')).toBe('classification_stale')
  expect(await query('SELECT whom FROM parts')).toBe('classification_stale')
  const closed = await call('stranger', 'POST', '/v1/connections/shop/query', { sql: 'SELECT kind FROM parts' })
  expect([closed.status, closed.json['reason']]).toEqual([403, 'no_rule'])
  const { applied } = await apply()
  expect([applied.status, applied.json['reason']]).toEqual([400, 'names'])
  expect((await apply({ 'public.parts.whom': 'pii.name', 'public.people.iban': 'none', 'public.people.secret': 'none' }, ['public.parts.who'])).applied.status).toBe(200)
  expect(await query('SELECT kind, whom FROM parts')).toEqual([{ kind: 'k', whom: '[redacted]' }])
})

test('a plan looks again each time: what was missing a moment ago is found', async () => {
  const documents = [{ ...shop, classify: { 'public.soon.mail': 'pii.email' } }, ...roles].map((document) => ({ path: `${document.kind}.${document.name}.yaml`, document }))
  const errors = async () => ((await call('platform', 'POST', '/v1/policy/plan', { documents })).json['findings'] as { level: string; name: string }[]).filter(({ level }) => level === 'error').map(({ name }) => name)
  expect(await errors()).toEqual(['public.soon.mail'])
  await at.database.query('CREATE TABLE soon (mail text)')
  expect(await errors()).toEqual([])
})

test('apply sees the target as it is now, and a schema is at most two seconds old', async () => {
  expect(await query('SELECT id FROM plain')).toEqual([])                    // the catalog is at hand
  await at.database.query('CREATE TABLE late (id int, mail text); GRANT SELECT ON late TO p, r')
  const { planned } = await apply({ 'public.late.mail': 'pii.email', 'public.parts.whom': 'pii.name' }, ['public.parts.who'])
  expect((planned.json['findings'] as { level: string }[]).filter(({ level }) => level === 'error')).toEqual([])
  expect(JSON.stringify((await call('reader', 'GET', '/v1/connections/shop/schema')).json)).toContain('"mail"')
  await at.database.query('ALTER TABLE plain ADD COLUMN fresh text')
  await new Promise((resolve) => setTimeout(resolve, 2100))
  expect(JSON.stringify((await call('reader', 'GET', '/v1/connections/shop/schema')).json)).toContain('"fresh"')
})
