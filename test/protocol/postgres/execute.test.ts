import { describe, expect, test } from 'vitest'
import type { Effects } from '../../../schema/effects.ts'
import { createDirect } from '../../../functions/protocol/postgres/direct.ts'
import { canary, executing } from './executing.ts'

/** What is read and written; what stops it is in execute.stop.test.ts. */
executing((at) => {
  test('read or written, it waits for the target in the turn of whose it is', async () => {
    const [direct, told]: [ReturnType<typeof createDirect>, unknown[]] = [createDirect(() => {}), []]
    const target = at.as('app', { transport: { ...direct, batch: (batch) => { told.push(batch.whose); return direct.batch(batch) }, take: (...call) => { told.push(call[3]); return direct.take(...call) } } })
    for (const [sql, whose] of [['SELECT id FROM t', 'okta agent:a'], ['UPDATE t SET n = n WHERE id = 1', 'okta agent:b']] as const) {
      const plan = await target.draw([{ sql }], { relations: ['public.t'], written: sql.startsWith('UPDATE') ? ['public.t'] : [] })
      told.length = 0
      expect([(await target.run(plan, { whose })).status, new Set(told.filter((one) => one !== undefined))]).toEqual(['succeeded', new Set([whose])])   // nobody's: whether the role is the right one, which is asked for all
    }
  })
  describe('a read', () => {
    test('returns rows as objects or arrays, with the types of its columns', async () => {
      const plan = await at.target.draw([{ sql: 'SELECT id, name AS who, n FROM t WHERE id <= $1 ORDER BY id', params: [2] }], { relations: ['public.t'] })
      const objects = await at.target.run(plan)
      expect(objects.masked?.results).toEqual([{
        columns: [{ name: 'id', type: 'integer' }, { name: 'who', type: 'text' }, { name: 'n', type: 'numeric' }], rows: [{ id: 1, who: 'n1', n: '1.0' }, { id: 2, who: 'n2', n: '2.0' }], rowCount: 2, truncated: false,
      }])
      expect((await at.target.run(plan, { rowMode: 'array' })).masked?.results[0]?.rows).toEqual([[1, 'n1', '1.0'], [2, 'n2', '2.0']])
    })
    test('says truncated when there were more rows than the cap, and not when there were as many', async () => {
      const plan = await at.target.draw([{ sql: 'SELECT id FROM t ORDER BY id' }], { relations: ['public.t'] })
      expect((await at.target.run(plan, { maxRows: 50 })).masked?.results[0]).toMatchObject({ rowCount: 50, truncated: false })
      const less = await at.target.run(plan, { maxRows: 49 })
      expect(less).toMatchObject({ rows: { rowCounts: [49], truncated: true } })
      expect(less.masked?.results[0]).toMatchObject({ rowCount: 49, truncated: true })
      expect((await at.target.run(plan, { obligations: { limits: { rows: 3 } } })).masked?.results[0]?.rows).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
    })
    test('stops at the row cap on the target: a bomb of rows is never made', async () => {
      const plan = await at.target.draw([{ sql: 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r' }])
      expect((await at.target.run(plan, { maxRows: 2 })).masked?.results[0]).toMatchObject({ rows: [{ n: 1 }, { n: 2 }], truncated: true })
    })
    test('past the byte cap it keeps whole rows and says so, also when the answer had to be cut off as it came', async () => {
      for (const size of [400, 30_000]) {
        const plan = await at.target.draw([{ sql: `SELECT i, repeat('é"\\', ${size}) AS x FROM generate_series(1, 40) i` }])
        const { masked } = await at.target.run(plan, { obligations: { limits: { bytes: 4096 + size * 10 } } })
        const [result] = masked!.results
        expect(result?.truncated).toBe(true)
        expect(result!.rows.length).toBeGreaterThan(0)
        expect(result!.rows.length).toBeLessThan(40)
        result!.rows.forEach((row, index) => expect(row).toEqual({ i: index + 1, x: 'é"\\'.repeat(size) }))
      }
    })
    test('several statements share one budget of rows; none is left out unsaid', async () => {
      const plan = await at.target.draw([{ sql: 'SELECT id FROM t ORDER BY 1' }, { sql: 'SELECT id FROM t ORDER BY 1 DESC' }], { relations: ['public.t'] })
      expect((await at.target.run(plan, { maxRows: 60 })).masked?.results.map(({ rowCount, truncated }) => [rowCount, truncated])).toEqual([[50, false], [10, true]])
      const big = await at.target.draw([{ sql: "SELECT repeat('x', 3000000)" }, { sql: 'SELECT 1 AS one' }])
      expect(await at.target.run(big, { obligations: { limits: { bytes: 4096 } } })).toMatchObject({ status: 'failed', refusal: { slug: 'too-large' } })
    })
    test('repeated names lose no value, and __proto__ is a name like any other', async () => {
      const plan = await at.target.draw([{ sql: 'SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS "__proto__", 5 AS constructor' }])
      expect(JSON.stringify((await at.target.run(plan)).masked?.results[0]?.rows)).toBe('[{"a":1,"a_3":2,"a_2":3,"__proto__":4,"constructor":5}]')
    })
    test('runs in a transaction and as settings that cannot change anything', async () => {
      for (const sql of ["SELECT nextval('q')", 'SELECT 1 FROM t FOR UPDATE']) {
        await at.database.query('CREATE SEQUENCE IF NOT EXISTS q; GRANT ALL ON q TO app')
        expect(await at.target.run(await at.target.draw([{ sql, wrappable: false }]))).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate: '25006' } })
      }
    })
    test('is one statement, whatever the text holds', async () => {
      for (const sql of ['SELECT 1) AS s; DELETE FROM t; --', 'SELECT 1; DELETE FROM t', 'COMMIT', 'COMMIT; DELETE FROM t']) {
        const plan = await at.target.draw([{ sql, outputs: [] }, { sql: 'DELETE FROM t', outputs: null }], { readOnly: true })
        const ran = await at.target.run(plan).catch((error: Error) => error.message)
        expect(ran === 'invariant: a statement that cannot be wrapped was called wrappable' || (ran as { status: string }).status === 'failed').toBe(true)
      }
      expect(await at.count()).toBe(50)
    })
    test('COMMIT as a statement of a read batch changes nothing, because what follows runs as a role that may not write', async () => {
      const reader = at.as('granted')
      const plan = await reader.draw([{ sql: 'COMMIT', wrappable: false, outputs: [] }, { sql: "UPDATE narrow SET open = 'x'", wrappable: false, outputs: [] }], { readOnly: true })
      expect(await reader.run(plan)).toMatchObject({ status: 'failed' })
      expect((await at.database.query('SELECT open FROM narrow')).rows).toEqual([{ open: 'o' }])
    })
    test('pins what the role would have otherwise', async () => {
      const names = ['search_path', 'DateStyle', 'TimeZone', 'standard_conforming_strings', 'transaction_read_only', 'row_security', 'client_min_messages', 'jit', 'statement_timeout', 'IntervalStyle']
      const plan = await at.target.draw([{ sql: `SELECT ${names.map((name) => `current_setting('${name}') AS "${name}"`).join(', ')}` }])
      expect((await at.target.run(plan)).masked?.results[0]?.rows).toEqual([{
        search_path: '"public", "pg_temp"', DateStyle: 'ISO, MDY', TimeZone: 'UTC', standard_conforming_strings: 'on', transaction_read_only: 'on', row_security: 'on', client_min_messages: 'error', jit: 'off', statement_timeout: '5s', IntervalStyle: 'postgres',
      }].map((row) => ({ ...row, search_path: expect.stringMatching(/^"?public"?, "?pg_temp"?$/) })))
    })
    test('works with column grants, through a view and over partitions', async () => {
      const reader = at.as('granted')
      for (const [sql, relation] of [['SELECT open FROM narrow', 'narrow'], ['SELECT title FROM v WHERE id = 1', 'v'], ['SELECT x FROM parts', 'parts']] as const) {
        expect(await reader.run(await reader.draw([{ sql }], { relations: [`public.${relation}`] }))).toMatchObject({ status: 'succeeded', rows: { rowCounts: [1] } })
      }
      expect(await reader.run(await reader.draw([{ sql: 'SELECT shut FROM narrow' }], { relations: ['public.narrow'] }))).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate: '42501' } })
    })
  })

  describe('a write', () => {
    test('is there after it succeeded, and says how many rows', async () => {
      const plan = await at.target.draw([{ sql: 'INSERT INTO t (id, name) VALUES ($1, $2), (101, NULL) RETURNING id, name', params: [100, "it's $1"] }], { written: ['public.t'] })
      expect((await at.target.run(plan)).masked?.results).toMatchObject([{ rows: [{ id: 100, name: "it's $1" }, { id: 101, name: null }], rowCount: 2 }])
      const gone = await at.target.run(await at.target.draw([{ sql: 'DELETE FROM t WHERE id >= 100' }], { written: ['public.t'] }))
      expect(gone.masked?.results).toEqual([{ columns: [], rows: [], rowCount: 2, truncated: false }])
    })
    test('over the limit of changed rows it is rolled back: by its tag, by a CTE that writes, by a cascade, by a sum over a batch', async () => {
      const limits = { obligations: { limits: { affected: 10 } } }
      for (const statements of [
        [{ sql: "UPDATE t SET name = 'x'" }], [{ sql: "WITH u AS (UPDATE t SET name = 'x' RETURNING 1) SELECT count(*) FROM u" }], [{ sql: 'DELETE FROM t WHERE id = 50' }],
        [{ sql: "UPDATE t SET name = 'x' WHERE id <= 6" }, { sql: "UPDATE t SET name = 'x' WHERE id BETWEEN 7 AND 12" }],
      ]) {
        const plan = await at.target.draw(statements, { written: ['public.t', 'public.child'], readOnly: false })
        expect([statements[0]?.sql, await at.target.run(plan, limits)]).toMatchObject([statements[0]?.sql, { status: 'failed', refusal: { slug: 'too-large', reason: 'too_many_affected' } }])
      }
      expect([await at.count("name = 'x'"), await at.count()]).toEqual([0, 50])
      const within = await at.target.draw([{ sql: "UPDATE t SET name = name WHERE id <= 10" }], { written: ['public.t'] })
      for (let n = 0; n < 3; n++) expect(await at.target.run(within, limits)).toMatchObject({ status: 'succeeded' })      // counts of a kept session's last transaction do not add up
    })
    test('a batch is all or nothing', async () => {
      const plan = await at.target.draw([{ sql: 'INSERT INTO t (id) VALUES (200)' }, { sql: 'INSERT INTO t (id) VALUES (1)' }], { written: ['public.t'] })
      expect(await at.target.run(plan)).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate: '23505', statement: 1 } })
      expect(await at.count('id = 200')).toBe(0)
    })
    test('a constraint that is checked at COMMIT is an answer, not a lost one', async () => {
      const plan = await at.target.draw([{ sql: 'INSERT INTO later VALUES (1, 999)' }], { written: ['public.later'] })
      expect(await at.target.run(plan)).toMatchObject({ status: 'failed', refusal: { sqlstate: '23503' } })
    })
    test('what returns more than may come back changes nothing', async () => {
      for (const limits of [{ rows: 3 }, { bytes: 1100 }]) {
        const plan = await at.target.draw([{ sql: "UPDATE t SET name = repeat('y', 300) WHERE id <= 10 RETURNING name" }], { written: ['public.t'] })
        expect(await at.target.run(plan, { obligations: { limits } })).toMatchObject({ status: 'failed', refusal: { slug: 'too-large' } })
      }
      expect(await at.count("name LIKE 'y%'")).toBe(0)
    })
    test('an answer past the byte cap is cut off as it comes, not after it filled the memory', async () => {
      const plan = await at.target.draw([{ sql: "UPDATE t SET name = name WHERE id <= 30 RETURNING repeat('x', 1000000)" }], { written: ['public.t'] })
      expect(await at.target.run(plan, { obligations: { limits: { bytes: 4096 } } })).toMatchObject({ status: 'failed', refusal: { slug: 'too-large', inner: 'the answer went past the byte cap' } })
    })
    test('transaction control inside a batch keeps nothing past a refusal', async () => {
      for (const control of ['COMMIT', 'COMMIT AND CHAIN', 'ROLLBACK', 'END']) {
        const plan = await at.target.draw([{ sql: 'INSERT INTO t (id) VALUES (300)' }, { sql: control, kind: 'show', wrappable: false, outputs: [] }, { sql: 'INSERT INTO t (id) VALUES (1)' }], { written: ['public.t'], readOnly: false })
        const ran = await at.target.run(plan)
        expect(ran.status).not.toBe('succeeded')
        await at.database.query('DELETE FROM t WHERE id = 300')
      }
    })
    test('needs only the privileges of the statement itself', async () => {
      const writer = at.as('granted')
      const plan = await writer.draw([{ sql: "INSERT INTO t (id, name) VALUES (400, 'g')" }], { written: ['public.t'] })
      expect(await writer.run(plan)).toMatchObject({ status: 'succeeded' })
      await at.database.query('DELETE FROM t WHERE id = 400')
    })
    test('several at once neither mix nor starve', async () => {
      const plans = await Promise.all(Array.from({ length: 24 }, (_, n) => at.target.draw([{ sql: `INSERT INTO t (id) VALUES (${500 + n}) RETURNING id` }], { written: ['public.t'] })))
      const ran = await Promise.all(plans.map((plan) => at.target.run(plan, { rowMode: 'array' })))
      expect(ran.map(({ masked }) => masked?.results[0]?.rows)).toEqual(plans.map((_, n) => [[500 + n]]))
      await at.database.query('DELETE FROM t WHERE id >= 500')
    })
    test('a session whose server end went away while it rested is replaced, unseen', async () => {
      const plan = await at.target.draw([{ sql: "UPDATE t SET name = 'n1' WHERE id = 1" }], { written: ['public.t'] })
      expect(await at.target.run(plan)).toMatchObject({ status: 'succeeded' })
      await at.database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
      expect(await at.target.run(plan)).toMatchObject({ status: 'succeeded' })
    })
  })

  describe('masks and detectors on what came', () => {
    const shown = (output: number, dataClass = 'pii.x'): Effects['shown'][number] => ({ dataClass, resource: 'public.t', column: 'secret', statement: 0, span: null, output })
    test('each column as its obligation says; the type stays', async () => {
      const oid = Number((await at.database.query("SELECT 't'::regclass::oid::int4 AS oid")).rows[0].oid)
      const plan = await at.target.draw([{ sql: 'SELECT id, secret, secret AS again, n FROM t WHERE id = 1', outputs: [
        { name: 'id', origin: { relation: oid, column: 1 }, shown: [] }, { name: 'secret', origin: { relation: oid, column: 3 }, type: 25, shown: [0] }, { name: 'again', origin: { relation: oid, column: 3 }, type: 25, shown: [1] }, { name: 'n', origin: { relation: oid, column: 4 }, type: 1700, shown: [2] },
      ] }], { relations: ['public.t'], shown: [shown(1), shown(2), shown(3)] })
      const ran = await at.target.run(plan, { obligations: { masks: ['redact', 'hash', 'last4'] } })
      expect(ran.masked?.results[0]).toEqual({
        columns: [{ name: 'id', type: 'integer' }, { name: 'secret', type: 'text', class: 'pii.x', masked: 'redact' }, { name: 'again', type: 'text', class: 'pii.x', masked: 'hash' }, { name: 'n', type: 'numeric', class: 'pii.x', masked: 'last4' }],
        rows: [{ id: 1, secret: '[redacted]', again: expect.stringMatching(/^[0-9a-f]{32}$/), n: null }], rowCount: 1, truncated: false,
      })
      expect((await at.target.run(plan, { obligations: { masks: [null, null, null] } })).masked?.results[0]?.rows).toEqual([{ id: 1, secret: `${canary}-1`, again: `${canary}-1`, n: '1.0' }])
      expect(JSON.stringify((await at.target.run(plan, { obligations: { masks: [] } })).masked)).not.toContain(canary)
    })
    test('what nobody classified is looked through, in text, documents, arrays, bytes and types of their own', async () => {
      const card = '4111111111111111'
      const plan = await at.target.draw([{ sql: `SELECT 'pay ${card}' AS a, jsonb_build_object('k', '${card}') AS b, ARRAY['${card}'] AS c, '${card}'::bytea AS d, ROW('${card}') AS e, ${card} AS f, ARRAY['x${card}'::bytea] AS g, 'ok'::bytea AS h` }])
      const ran = await at.target.run(plan, { obligations: { detect: ['credit-card'] } })
      expect(ran.masked?.results[0]).toMatchObject({ rows: [{ a: 'pay [redacted: credit-card]', b: { k: '[redacted: credit-card]' }, c: ['[redacted: credit-card]'], d: null, e: null, f: card, g: null, h: 'b2s=' }], detected: { 'credit-card': 6 } })
    })
  })
})
