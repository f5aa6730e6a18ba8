import { describe, expect, test } from 'vitest'
import { canary, executing } from './executing.ts'

/** What keeps a plan from running, or from saying what it must not. */
executing((at) => {
  describe('time', () => {
    test('a statement that takes too long is stopped by the target and told so', async () => {
      const plan = await at.target.draw([{ sql: 'SELECT pg_sleep(30)' }])
      expect(await at.target.run(plan, { obligations: { limits: { timeoutMs: 200 } } })).toMatchObject({ status: 'failed', refusal: { slug: 'timeout', sqlstate: '57014' } })
    })
    test('after the deadline nothing is sent', async () => {
      for (const sql of ['SELECT id FROM t', 'INSERT INTO t (id) VALUES (900)']) {
        const plan = await at.target.draw([{ sql }], { written: ['public.t'] })
        expect(await at.target.run(plan, { deadline: Date.now() - 1 })).toMatchObject({ status: 'failed', refusal: { slug: 'timeout', reason: 'deadline_passed' } })
      }
    })
    test('a process that was frozen between its own look at the clock and the sending does nothing: the target looks too', async () => {
      const frozen = at.as('app', { now: () => Date.now() - 3600_000 })
      for (const sql of ['SELECT 1', 'INSERT INTO t (id) VALUES (901)']) {
        const plan = await frozen.draw([{ sql }], { written: ['public.t'] })
        expect(await frozen.run(plan)).toMatchObject({ status: 'failed', refusal: { slug: 'timeout', reason: 'deadline_passed' } })
      }
      expect(await at.count('id >= 900')).toBe(0)
    })
  })

  describe('objects that changed between classify and execute', () => {
    test.each([
      ['a column came', 'ALTER TABLE moved ADD COLUMN b int'], ['a column was renamed', 'ALTER TABLE moved RENAME COLUMN a TO c'], ['the table was replaced', 'DROP TABLE moved; CREATE TABLE moved (a int)'],
      ['the table went', 'DROP TABLE moved'], ['a trigger came', 'CREATE TRIGGER x BEFORE INSERT ON moved FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'],
      ['it became a view', `DROP TABLE moved; CREATE VIEW moved AS SELECT secret AS a FROM t`], ['a policy came', 'CREATE POLICY p ON moved'],
    ])('%s: stale, nothing ran, the catalog is forgotten', async (_, change) => {
      for (const [sql, isolation] of [['SELECT a FROM moved', 'read committed'], ['INSERT INTO moved VALUES (1)', 'read committed'], ['SELECT a FROM moved', 'serializable'], ['INSERT INTO moved VALUES (1)', 'repeatable read']] as const) {
        await at.database.query("DO $$ BEGIN EXECUTE 'DROP VIEW IF EXISTS moved'; EXCEPTION WHEN OTHERS THEN NULL; END $$; DROP TABLE IF EXISTS moved; CREATE TABLE moved (a int); GRANT ALL ON moved TO app")
        const plan = await at.target.draw([{ sql }], { [sql.startsWith('S') ? 'relations' : 'written']: ['public.moved'], isolation })
        expect(await at.target.run(plan)).toMatchObject({ status: 'succeeded' })
        await at.database.query(`${change}; ${change === 'DROP TABLE moved' ? '' : 'GRANT ALL ON moved TO app'}`)
        at.target.forgotten.length = 0
        expect([sql, isolation, await at.target.run(plan)]).toMatchObject([sql, isolation, { status: 'stale', refusal: { reason: 'objects_changed' } }])
        expect(at.target.forgotten).toEqual(['shop'])
      }
    })
    test('a name that was never there is not called a change', async () => {
      const plan = await at.target.draw([{ sql: 'SELECT 1, nothing FROM t', outputs: [] }], { relations: ['public.t'] })
      const sql = 'SELECT 1, nothing FROM t'
      expect(await at.target.run(plan)).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate: '42703', span: { start: sql.indexOf('nothing'), end: sql.indexOf('nothing') + 7 } } })
    })
  })

  describe('what the server says and what the plan says disagree', () => {
    const outputs = (relation: number, column: number, name = 'id') => [{ name, origin: relation === 0 ? null : { relation, column }, shown: [] }]
    test.each([['origin', 1], ['name', 2], ['count', 3], ['expression', 4]])('%s: nothing leaves, a write is undone, the alarm rings', async (_, kind) => {
      const oid = Number((await at.database.query("SELECT 't'::regclass::oid::int4 AS oid")).rows[0].oid)
      const lie = { 1: outputs(oid, 2), 2: outputs(oid, 1, 'ID'), 3: [...outputs(oid, 1), ...outputs(oid, 1)], 4: outputs(0, 0) }[kind]!
      for (const statement of [{ sql: 'SELECT id FROM t', outputs: lie }, { sql: 'INSERT INTO t (id) VALUES (600) RETURNING id', outputs: lie }]) {
        at.target.alarms.length = 0
        expect(await at.target.run(await at.target.draw([statement], { written: ['public.t'] }))).toMatchObject({ status: 'failed', refusal: { slug: 'denied', reason: 'origin_mismatch' } })
        expect(at.target.alarms.map(({ what }) => what)).toEqual(['origin_mismatch'])
      }
      expect(await at.count('id = 600')).toBe(0)
    })
    test('a view reports its own columns', async () => {
      expect(await at.target.run(await at.target.draw([{ sql: 'SELECT title FROM v LIMIT 1' }], { relations: ['public.v'] }))).toMatchObject({ status: 'succeeded' })
    })
  })

  describe('the role of the connection', () => {
    test.each([['postgres', 'public.t'], ['owner', 'public.owned'], ['member', 'public.owned']])('%s, who could do anything to %s, is refused, unless that is meant', async (role, relation) => {
      const url = role === 'postgres' ? at.database.url : at.database.as(role, role)
      const sql = `SELECT id FROM ${relation} LIMIT 1`
      const refused = at.as('app', { url })
      expect(await refused.run(await refused.draw([{ sql }], { relations: [relation] }))).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', reason: 'owner_or_superuser' } })
      const allowed = at.as('app', { url, connection: { allowOwner: true } })
      expect(await allowed.run(await allowed.draw([{ sql }], { relations: [relation] }))).toMatchObject({ status: 'succeeded' })
      expect(allowed.alarms.map(({ what }) => what)).toEqual(['owner_allowed'])
    })
    test('a role that owns something else is fine', async () => {
      const other = at.as('owner')
      await at.database.query('GRANT SELECT ON t TO owner')
      expect(await other.run(await other.draw([{ sql: 'SELECT id FROM t' }], { relations: ['public.t'] }))).toMatchObject({ status: 'succeeded' })
    })
    test('a role for reading that could write rings the alarm once', async () => {
      const reader = at.as('app', { connection: { secrets: { read: 'r' } } })
      const plan = await reader.draw([{ sql: 'SELECT id FROM t' }], { relations: ['public.t'] })
      await reader.run(plan)
      await reader.run(plan)
      expect(reader.alarms.map(({ what }) => what)).toEqual(['read_role_can_write'])
    })
  })

  describe('errors of the engine', () => {
    const statements: readonly (readonly [string, string, string | null])[] = [
      ['SELECT secret::int FROM t', '22P02', null], ['SELECT (secret || id)::regclass FROM t', '42P01', null], ["SELECT 1/(id-id) FROM t WHERE secret LIKE 'c%'", '22012', null], [`INSERT INTO t (id, secret) VALUES (700, '${canary}-1')`, '23505', null],
      ["INSERT INTO t (id, secret) VALUES (1, 'x')", '23505', null], ["INSERT INTO t (id, secret) VALUES (701, 'no')", '23514', null], ['INSERT INTO t (id, n) VALUES (702, 123456)', '22003', null], ['SELECT loud()', 'XX000', null], ['SELECT sum(secret::numeric) FROM t', '22P02', null],
      ['SELECT (SELECT secret FROM t)', '21000', null], ["SELECT secret COLLATE \"nope\" FROM t", '42704', 'COLLATE'], ['SELECT x.id FROM t', '42P01', 'x.id'], ['SELECT é FROM t', '42703', 'é'], ['SELECT secret + 1 FROM t', '42883', '+'],
    ]
    test.each(statements)('%s says %s and nothing of the data', async (sql, sqlstate, spanned) => {
      const written = sql.startsWith('INSERT')
      const plan = await at.target.draw([{ sql, ...(spanned ? { outputs: [] } : {}) }], { [written ? 'written' : 'relations']: ['public.t'] })
      const ran = await at.target.run(plan)
      expect(ran).toMatchObject({ status: 'failed', refusal: { slug: 'target-error', sqlstate } })
      expect(JSON.stringify([ran, at.target.alarms])).not.toContain(canary)
      const span = 'refusal' in ran ? ran.refusal.span : undefined
      if (spanned) expect(sql.slice(span?.start, span?.end)).toBe(spanned)
    })
    test('near classified data, which data error or constraint it was is not told', async () => {
      const guarded = at.as('app', { connection: { classify: { 'public.t.secret': 'pii.x' } } })
      for (const [sql, state] of [['INSERT INTO t (id, secret) VALUES (1, NULL)', '23000'], ['SELECT secret::int FROM t', '22000'], ['SELECT name::int FROM t', '22000'], ["SELECT 'a'::int FROM t", '22000']] as const) {
        const ran = await guarded.run(await guarded.draw([{ sql, outputs: [] }], { written: ['public.t'], readOnly: sql.startsWith('S') }))
        expect([sql, ran]).toMatchObject([sql, { status: 'failed', refusal: { sqlstate: state } }])
        expect('refusal' in ran && ran.refusal.span).toBeUndefined()
      }
    })
    test('the place is that in the caller\'s words, whatever was put before them', async () => {
      const sql = 'SELECT id, nope FROM t'
      const original = `  /* 𝄞 */ ${sql} ;`
      const ran = await at.target.run(await at.target.draw([{ sql, outputs: [] }], { relations: ['public.t'], originals: [original] }))
      expect('refusal' in ran && original.slice(ran.refusal.span?.start, ran.refusal.span?.end)).toBe('nope')
    })
    test('notices go nowhere', async () => {
      const ran = await at.target.run(await at.target.draw([{ sql: 'SELECT noisy()' }]))
      expect(ran.status).toBe('succeeded')
      expect(JSON.stringify(ran)).not.toContain(canary)
    })
  })

  test('without a permit, or with one for another plan, it throws and nothing runs', async () => {
    const [one, two] = [await at.target.draw([{ sql: 'INSERT INTO t (id) VALUES (800)' }], { written: ['public.t'] }), await at.target.draw([{ sql: 'SELECT 1' }])]
    const run = { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null } as const
    await expect(at.target.execute({ ...at.target.permit(one) } as never, one, run)).rejects.toThrow('without a permit')
    await expect(at.target.execute(at.target.permit(two), one, run)).rejects.toThrow('another plan')
    expect(() => at.target.mask(at.target.permit(one), one, { raw: {}, rowCounts: [], truncated: false })).toThrow('not of this engine')
    expect(await at.count('id = 800')).toBe(0)
  })
})
