import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import type { Catalog } from '../../../functions/protocol/postgres/catalog.ts'
import { wrapped } from '../../../functions/protocol/postgres/frame.ts'
import { clearOf } from '../../../functions/protocol/postgres/outcome.ts'
import { parse } from '../../../functions/protocol/postgres/parse.ts'
import { createPostgres } from '../../../functions/protocol/postgres/postgres.ts'
import { withheldOf } from '../../../functions/protocol/postgres/withhold.ts'
import type { Protocol } from '../../../functions/protocol/protocol.ts'
import type { ConnectionDocument, MaskName } from '../../../schema/policy.ts'
import { widest } from '../../contract/target.ts'
import { maskerOf } from '../../../functions/protocol/postgres/masks.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'
import { batchOf } from './target.ts'

/** What is shown redacted is not fetched: seen in what came from the target, beside what the caller is given, which is as if it had been. */
const canary = 'canary-5d'
const schema = `
  CREATE DOMAIN label AS text CHECK (VALUE <> ''); CREATE DOMAIN count AS int; CREATE TYPE mood AS ENUM ('${canary}');
  CREATE TABLE people (id int PRIMARY KEY, email text, code varchar(20), fixed char(12), age int, tags text[], doc jsonb, l label, n count, m mood, born date, "we""ird""; --" text);
  INSERT INTO people SELECT i, '${canary}' || i, '${canary}' || i, '${canary}', 7700 + i, ARRAY['${canary}'], '{"a": "${canary}"}', '${canary}' || i, 8800 + i, '${canary}', '1990-05-06', '${canary}' FROM generate_series(1, 3) i; INSERT INTO people (id) VALUES (4);
  CREATE TABLE empty (email text); CREATE DOMAIN note AS text; CREATE TABLE long (id int, a text, b varchar(2000), c note, d citext, list text[]);
  CREATE VIEW seen AS SELECT id, email AS mail, age FROM people;
  CREATE ROLE reader LOGIN PASSWORD 'p'; GRANT SELECT, UPDATE, INSERT, DELETE ON ALL TABLES IN SCHEMA public TO reader;`
const classified = ['email', 'code', 'fixed', 'age', 'tags', 'doc', 'l', 'n', 'm', 'born', 'we"ird"; --']
const shop: ConnectionDocument = { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secret: 'reader', searchPath: ['public'], classify: { 'public.empty.email': 'c.email', ...Object.fromEntries(['a', 'b', 'c', 'd', 'list'].map((column) => [`public.long.${column}`, 'c.a'])), ...Object.fromEntries(classified.map((column) => [`public.people.${column}`, `c.${column.replace(/\W/g, '')}`])) } }

for (const major of majors) describe(`what is only shown redacted, ${major}`, () => {
  let server: TestPostgres
  let engine: Protocol
  let database: TestDatabase
  let cased = false
  const alarms: string[] = []
  beforeAll(async () => {
    server = await withPostgres({ major })
    cased = (await (await server.createDatabase()).query("SELECT FROM pg_available_extensions WHERE name = 'citext'")).rowCount === 1
    database = await server.createDatabase(cased ? `CREATE EXTENSION citext; ${schema}` : schema.replace('citext', 'text'))
    engine = createPostgres({
      now: Date.now, isPermit, alarm: (what) => { alarms.push(what) }, secrets: { get: async (name) => (name === 'sluice-mask-key' ? 'k'.repeat(32) : database.as('reader', 'p')) },
      endpoint: () => ({ http: `${server.neonUrl}/sql`, websocket: `${server.neonUrl.replace('http', 'ws')}/v2` }),
    })
  })
  afterAll(async () => { await engine.close(); await server.stop() })

  /** What came, and what is given; `masks` by class, of one class or for all. */
  async function run(sql: string | readonly string[], masks: MaskName | null | Readonly<Record<string, MaskName | null>>, isolation: 'read committed' | 'serializable' = 'read committed') {
    const plan = await engine.classify(shop, { ...batchOf(...[sql].flat()), isolation, rowMode: 'array' })
    if (!plan.ok) throw new Error(plan.refusal.detail)
    const { effects } = plan.value
    const permit = makePermit(effects, { masks: effects.shown.map(({ dataClass }) => (masks !== null && typeof masks === 'object' ? masks[dataClass] ?? null : masks)), revealed: [], detect: [], limits: widest })
    const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 20_000, rowMode: 'array', maxRows: null })
    if (executed.status !== 'succeeded') throw new Error(JSON.stringify(executed))
    return { came: clearOf(executed.rows).results.map(({ rows }) => rows), given: engine.mask(permit, plan.value, executed.rows).results }
  }

  test.each<[string, MaskName]>([['redact', 'redact'], ['null', 'null']])('with %s nothing of any value comes, types and names stay, and NULL stays NULL', async (_, mask) => {
    const { came, given } = await run('SELECT id, email, code, fixed, age, tags, doc, l, n, m, born, "we""ird""; --" FROM people WHERE id IN (2, 4) ORDER BY id', mask)
    const there = mask === 'redact' ? '' : null
    expect(came).toEqual([[['2', there, there, there, null, null, null, there, null, null, null, there], ['4', ...Array(11).fill(null)]]])
    const shown = mask === 'redact' ? '[redacted]' : null
    expect(given[0]?.rows).toEqual([[2, shown, shown, shown, null, null, null, shown, null, null, null, shown], [4, ...Array(11).fill(null)]])
    expect(given[0]?.columns.map(({ name, type }) => `${name} ${type}`)).toEqual(
      ['id integer', 'email text', 'code character varying', 'fixed character', 'age integer', 'tags text[]', 'doc jsonb', 'l text', 'n integer', 'm mood', 'born date', 'we"ird"; -- text'])
    expect(alarms).toEqual([])
  })
  test('a mask that has no form in a type needs nothing of it; one that has comes whole; what is revealed comes', async () => {
    expect((await run('SELECT email, age, born FROM people WHERE id = 1', 'last4')).came).toEqual([[[`${canary}1`, null, null]]])
    expect((await run('SELECT email, age, born FROM people WHERE id = 1', { 'c.email': null, 'c.age': 'redact', 'c.born': 'year' })).came).toEqual([[[`${canary}1`, null, '1990-05-06']]])
    expect((await run('SELECT email FROM people WHERE id = 1', null)).came).toEqual([[[`${canary}1`]]])
  })
  test.each([
    'SELECT mail FROM seen', 'SELECT p.* FROM people p ORDER BY id', 'WITH p AS (SELECT email, id FROM people) SELECT email AS "a""; DROP TABLE people; --", email FROM p ORDER BY p.id DESC LIMIT 2', 'SELECT email FROM people ORDER BY id OFFSET 1',
    'SELECT a.email, b.email FROM people a JOIN people b ON b.id = a.id + 1 ORDER BY a.id', 'SELECT email, count(*) OVER () FROM people -- x', 'TABLE seen',
  ])('%s: nothing of it comes, and as many rows in the same order', async (sql) => {
    for (const isolation of ['read committed', 'serializable'] as const) {
      const clear = await run(sql, null, isolation)
      const { came, given } = await run(sql, 'redact', isolation)
      expect(JSON.stringify(clear.came)).toContain(canary)
      expect(JSON.stringify([came, given])).not.toMatch(/canary|77\d\d|88\d\d/)
      expect(given[0]?.rows).toEqual(clear.given[0]?.rows.map((row) => (row as (string | null)[]).map((cell, index) => {
        const { type, class: known } = clear.given[0]!.columns[index]!
        return cell === null || known === undefined ? cell : /^(text|character.*)$/.test(type) ? '[redacted]' : null
      })))
      expect(given[0]?.columns.map(({ name, type }) => [name, type])).toEqual(clear.given[0]?.columns.map(({ name, type }) => [name, type]))
    }
  })
  test('each statement of a batch by itself', async () => {
    const { came } = await run(['SELECT id, email FROM people WHERE id = 1', 'SELECT age, id FROM people WHERE id = 2', 'SELECT id FROM people WHERE id = 3'], 'redact')
    expect(came).toEqual([[['1', '']], [[null, '2']], [['3']]])
  })
  test.each([
    'SELECT email FROM people WHERE id < 3 UNION ALL SELECT email FROM people WHERE id = 4', 'SELECT email FROM people WHERE id < 3 UNION ALL SELECT code FROM people WHERE id = 4', 'UPDATE people SET id = id WHERE id IN (1, 2, 4) RETURNING email', 'SELECT email FROM people WHERE id <> 3 ORDER BY id FOR UPDATE',
    'WITH x AS (SELECT 1 AS one) UPDATE people SET id = id FROM x WHERE id IN (1, 2, 4) RETURNING email -- x', "INSERT INTO people (id, email) VALUES (1, 'x'), (2, 'x'), (4, 'x') ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING email", 'DELETE FROM empty RETURNING email',
    ...(major >= 17 ? ['MERGE INTO people p USING (VALUES (1), (2), (4)) v(id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET id = v.id RETURNING p.email'] : []),
  ])('neither does what a set operation, a write or a lock gives: %s', async (sql) => {
    const { came, given } = await run(sql, 'redact')
    expect(JSON.stringify([came, given])).not.toContain(canary)
    expect(given[0]?.rows).toEqual(sql.startsWith('DELETE') ? [] : [['[redacted]'], ['[redacted]'], [null]])
    expect(given[0]?.columns.map(({ name, type, masked }) => `${name} ${type} ${masked}`)).toEqual([expect.stringMatching(/^email (text|character varying) redact$/)])
    expect(alarms).toEqual([])
  })
  test('where the type is not certain nothing is shown', async () => {
    expect((await run("SELECT email FROM people WHERE id = 1 UNION ALL SELECT NULL", 'redact')).given[0]?.rows).toEqual([[null], [null]])
  })
  test('of what is long no more comes than the mask looks at, and it shows the same as all of it would', async () => {
    const values = [...['a@b.co', 'é'.repeat(160) + '@b.co', `${'a'.repeat(400)}@b.co`, `${'x'.repeat(300)}4111`, `4111111111111111${'-'.repeat(300)}`, '*'.repeat(4) + '1111', `2024-05-06${' '.repeat(100)}`, '𝔸'.repeat(90), '𝔸'.repeat(64), '', ' '.repeat(300), 'z'.repeat(256), 'z'.repeat(257), '\u0001'.repeat(500)]]
    await database.query('DELETE FROM long')
    await database.query('INSERT INTO long SELECT n, v, v, v, v, ARRAY[v] FROM unnest($1::text[]) WITH ORDINALITY AS t(v, n)', [values])
    for (const mask of ['email', 'last4', 'year', 'hash', 'redact'] as const) {
      const { came, given } = await run('SELECT a, b, c, d, list FROM long ORDER BY id', mask)
      const show = maskerOf(mask, { name: 'text', kind: 'text', array: false, delimiter: ',' }, 'c.a', 'k'.repeat(32))
      expect([mask, given[0]?.rows.map((row) => (row as unknown[])[0])]).toEqual([mask, values.map(show)])
      expect(given[0]?.columns.map(({ type }) => type)).toEqual(['text', 'character varying', 'text', 'citext', 'text[]'].map((type) => (cased ? type : type.replace('citext', 'text'))))
      if (mask !== 'hash') for (const row of given[0]!.rows as unknown[][]) expect([row[1], row[2], row[3]]).toEqual([row[0], row[0], row[0]])
      for (const row of came[0] ?? []) for (const cell of row) expect(Buffer.byteLength(cell ?? '')).toBeLessThanOrEqual(mask === 'redact' ? 0 : 1024)
    }
  })
})

test('whatever the columns are called, the list around the statement is one of names, and the statement stays alone in its parentheses', async () => {
  const name = fc.oneof(fc.string({ minLength: 1, maxLength: 20 }), fc.string({ unit: fc.constantFrom('"', "'", ';', '\\', '--', '/*', '$$', ')', 'é', '\n', 'U&'), minLength: 1, maxLength: 12 }))
    .filter((text) => !text.includes('\0') && text.isWellFormed() && Buffer.byteLength(text) < 64)
  await fc.assert(fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 4 }), async (names) => {
    const outputs = names.map((one, index) => ({ name: one, origin: { relation: 1, column: index + 1 }, shown: [index] }))
    const shown = names.map((column, output) => ({ dataClass: 'x', resource: 'public.t', column, statement: 0, span: null, output }))
    const withheld = withheldOf({ kind: 'select', text: 'SELECT 1', params: [], wrappable: true, outputs }, { masks: names.map(() => 'null' as const) }, shown, { relations: new Map(), types: new Map() } as unknown as Catalog)
    const parsed = await parse(wrapped('SELECT 1', 8, withheld?.select, withheld?.alias))
    if (!parsed.ok) throw new Error(parsed.refusal.detail)
    const { targetList, fromClause } = (parsed.value.node as { SelectStmt: { targetList: { ResTarget: { name: string } }[]; fromClause: unknown[] } }).SelectStmt
    expect(targetList.map(({ ResTarget }) => ResTarget.name)).toEqual(names)
    expect(fromClause).toHaveLength(1)
  }), { numRuns: 300 })
})
