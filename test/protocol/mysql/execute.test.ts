import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Effects, Obligations, Shown } from '../../../schema/effects.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Permit } from '../../../functions/permit.ts'
import { startPlanetScale, type PlanetScale } from '../../../functions/local/planetscale.ts'
import { readTarget, usernameOf } from '../../../functions/local/planetscale/target.ts'
import type { Plan, Run } from '../../../functions/protocol/protocol.ts'
import { createDirect } from '../../../functions/protocol/mysql/direct.ts'
import { createExecute } from '../../../functions/protocol/mysql/execute.ts'
import { digestOfSet } from '../../../functions/protocol/mysql/guard.ts'
import { createMask } from '../../../functions/protocol/mysql/mask.ts'
import type { MySqlPlan, PlannedStatement } from '../../../functions/protocol/mysql/plan.ts'
import { createSessions, type Sessions } from '../../../functions/protocol/mysql/sessions.ts'
import { openSession, type Session } from '../../../functions/protocol/mysql/transport.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'

const canary = 'canary-7c1f'
const schema = `
CREATE DATABASE d; USE d;
CREATE TABLE t (id int PRIMARY KEY, name varchar(20), secret varchar(40) UNIQUE, n decimal(4,1), CHECK (n < 900));
INSERT INTO t SELECT seq, CONCAT('n', seq), CONCAT('${canary}-', seq), seq FROM (WITH RECURSIVE r(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM r WHERE seq < 50) SELECT * FROM r) x;
CREATE TABLE copy (id int PRIMARY KEY, name varchar(20));
CREATE TABLE types (id int, big bigint unsigned, dec_ decimal(20,4), f double, at datetime(3), ts timestamp NULL, d date, y year, tm time, b varbinary(8), bits bit(3), kind enum('x','y'), doc json, txt text);
INSERT INTO types VALUES (1, 18446744073709551615, 1.5, 0.25, '2026-01-02 03:04:05.006', '2026-01-02 03:04:05', '2026-01-02', 2026, '-01:02:03', x'00ff80', b'101', 'x', '{"n": 12345678901234567890}', 'Zoë ☃');
CREATE TABLE told (id int PRIMARY KEY AUTO_INCREMENT, what varchar(20)); CREATE TABLE watched (id int PRIMARY KEY, n int); INSERT INTO watched VALUES (1, 1), (2, 2);
CREATE TRIGGER telling AFTER UPDATE ON watched FOR EACH ROW INSERT INTO told(what) VALUES ('a'), ('b'), ('c'), ('d'), ('e'), ('f');
CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1;
CREATE VIEW v AS SELECT id, name AS title FROM t;
CREATE USER app@'127.0.0.1' IDENTIFIED BY 'app'; GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON d.* TO app@'127.0.0.1';
CREATE USER slim@'127.0.0.1' IDENTIFIED BY 'slim'; GRANT SELECT (id, name) ON d.t TO slim@'127.0.0.1'; GRANT SELECT (id) ON d.v TO slim@'127.0.0.1';`

const guardQuery = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'd' ORDER BY TABLE_NAME, ORDINAL_POSITION"
const permits = new WeakSet<object>()

const ways: readonly (readonly [string, (endpoint: PlanetScale) => (url: string) => Session])[] = [
  ['by planetscale', (endpoint) => (url) => openSession(url, { http: endpoint.url, username: usernameOf(readTarget(url)) })],
  ['by mysql2', () => createDirect(() => {})],
]

describe.skipIf(mysqlServer === null).each(ways)(`a plan on a real server, %s${whyNot}`, (_, way) => {
  let db: Awaited<ReturnType<typeof startServer>>
  let endpoint: PlanetScale
  let expected = ''
  const alarms: [string, unknown][] = []
  const plans = new WeakMap<object, MySqlPlan>()
  /** What comes between the engine and its session, by the test at hand. */
  let tap: (session: Session) => Session = (session) => session

  const urlOf = (account: string) => db.urlOf(account, account, 'd')
  let session: (url: string) => Session
  const look = async (sql: string) => {
    const one = session(urlOf('app'))
    return (await one.run(sql, { maxBytes: 1e6, timeoutMs: 5000 }).finally(() => one.end?.())).rows
  }
  beforeAll(async () => {
    db = await startServer(schema)
    endpoint = await startPlanetScale({ sessions: { size: 12 } })
    session = way(endpoint)
    expected = digestOfSet(await look(guardQuery))
  }, 120_000)
  afterAll(async () => {
    await endpoint?.close()
    await db?.stop()
  }, 60_000)

  const statement = (text: string, columns: readonly (string | { name: string; origin?: string; shown?: number[]; json?: true })[] | null, more: Partial<PlannedStatement> = {}): PlannedStatement => ({
    kind: columns ? 'select' : 'update', text, capped: columns && !/limit|for update/i.test(text) ? (rows) => `${text} LIMIT ${rows}` : null,
    outputs: columns?.map((one) => {
      const { name, origin = null, shown = [], json } = typeof one === 'string' ? { name: one } as { name: string; origin?: string; shown?: number[]; json?: true } : one
      const [schema = '', table = '', column = ''] = origin?.split('.') ?? []
      return { name, shown, origin: origin ? { schema, table, column } : null, ...(json ? { json } : {}) }
    }) ?? null, ...more,
  })
  const bounds = { rows: 100, bytes: 65_536, timeoutMs: 5000, affected: 10, statementsPerHour: null, rowsPerHour: null }
  const calling = { action: 'call' as const, resource: 'd.f', columns: null, system: false, via: [], statement: 0, span: null }
  interface Asked { sessions?: Sessions; calls?: boolean;  account?: string; plan?: Partial<MySqlPlan>; run?: Partial<Run>; limits?: Partial<typeof bounds>; shown?: Shown[]; masks?: Obligations['masks']; detect?: Obligations['detect']; classify?: ConnectionDocument['classify'] }
  async function go(statements: readonly PlannedStatement[], { account = 'app', plan: more = {}, run = {}, limits = {}, shown = [], masks = [], detect = [], classify, calls = false, sessions = createSessions((url) => tap(session(url)), Date.now) }: Asked = {}) {
    const inner: MySqlPlan = {
      connection: 'billing', statements, isolation: 'read committed', relations: [{ schema: 'd', name: 't', named: true, written: false }], plain: true, readOnly: statements.every(({ outputs }) => outputs !== null), fresh: true,
      guard: { query: guardQuery, expected }, ...more,
    }
    const effects: Effects = { accesses: calls ? [calling] : [], shown, used: [], readOnly: inner.readOnly, fingerprint: '' }
    const plan: Plan = { effects, plan: inner }
    plans.set(inner, inner)
    const permit = { obligations: { masks, revealed: [], detect, limits: { ...bounds, ...limits } }, effects } as unknown as Permit
    permits.add(permit)
    const connection = { version: 1, kind: 'connection', name: 'billing', engine: 'postgres', secret: account, ...(classify ? { classify } : {}) } as ConnectionDocument
    const isPermit = (value: unknown) => permits.has(value as object)
    const understood = () => ({ connection, plan: inner })
    const execute = createExecute({
      secrets: { get: async (name: string) => (name === 'sluice-mask-key' ? 'key' : urlOf(name)) } as never, now: Date.now, alarm: (what, detail) => alarms.push([what, detail]), isPermit, understood,
      sessions, checkAccount: async () => ({ ok: true, value: null }), flavourOf: async () => ((await look('SELECT VERSION()'))[0]?.[0]?.includes('MariaDB') ? 'mariadb' : 'mysql'), look: (_, sql) => look(sql), forget: () => {},
    })
    const done = await execute(permit, plan, { deadline: Date.now() + 10_000, rowMode: 'object', maxRows: null, ...run })
    const masked = done.status === 'succeeded' ? createMask({ isPermit, understood })(permit, plan, done.rows).results : null
    return { ...done, masked, refusal: done.status === 'succeeded' ? null : done.refusal }
  }
  const count = async (where: string) => Number(((await db.admin.query(`SELECT COUNT(*) AS n FROM d.t WHERE ${where}`))[0] as { n: number }[])[0]?.n)
  const insert = (text: string) => statement(text, null, { kind: 'insert' })

  it('gives rows as objects or arrays, a repeated name numbered', async () => {
    const two = statement('SELECT id, name AS who, n, id FROM d.t WHERE id <= 2 ORDER BY id', [{ name: 'id', origin: 'd.t.id' }, { name: 'who', origin: 'd.t.name' }, { name: 'n', origin: 'd.t.n' }, { name: 'id', origin: 'd.t.id' }])
    expect((await go([two])).masked).toEqual([{ columns: [{ name: 'id', type: 'int' }, { name: 'who', type: 'varchar' }, { name: 'n', type: 'decimal' }, { name: 'id_2', type: 'int' }], rows: [{ id: 1, who: 'n1', n: '1.0', id_2: 1 }, { id: 2, who: 'n2', n: '2.0', id_2: 2 }], rowCount: 2, truncated: false }])
    expect((await go([two], { run: { rowMode: 'array' } })).masked?.[0]?.rows).toEqual([[1, 'n1', '1.0', 1], [2, 'n2', '2.0', 2]])
  })
  it('gives each type its form: big numbers and decimals as strings, times ISO, bytes base64, documents whole', async () => {
    const names = ['id', 'big', 'dec_', 'f', 'at', 'ts', 'd', 'y', 'tm', 'b', 'bits', 'kind', 'doc', 'txt']
    const { masked } = await go([statement('SELECT * FROM d.types', names.map((name) => ({ name, origin: `d.types.${name}`, ...(name === 'doc' ? { json: true as const } : {}) })))])
    expect(masked?.[0]?.rows).toEqual([{ id: 1, big: '18446744073709551615', dec_: '1.5000', f: 0.25, at: '2026-01-02T03:04:05.006', ts: '2026-01-02T03:04:05Z', d: '2026-01-02', y: 2026, tm: '-01:02:03', b: 'AP+A', bits: '5', kind: 'x', doc: { n: '12345678901234567890' }, txt: 'Zoë ☃' }])
  })
  it('stops at the row cap on the target, and says truncated only where there were more', async () => {
    const all = statement('SELECT id FROM d.t ORDER BY id', ['id'])
    expect((await go([all], { run: { maxRows: 50 } })).masked?.[0]).toMatchObject({ rowCount: 50, truncated: false })
    expect((await go([all], { run: { maxRows: 49 } })).masked?.[0]).toMatchObject({ rowCount: 49, truncated: true })
    const unbounded = statement('SELECT a.id FROM d.t a, d.t b, d.t c ORDER BY 1', ['id'], { capped: null })
    expect((await go([unbounded], { run: { maxRows: 2 } })).masked?.[0]).toMatchObject({ rowCount: 2, truncated: true })
  })
  it('shares one budget of rows and bytes between statements; none is left out unsaid', async () => {
    const all = statement('SELECT id FROM d.t ORDER BY id', ['id'])
    expect((await go([all, all], { run: { maxRows: 60 } })).masked?.map(({ rowCount, truncated }) => [rowCount, truncated])).toEqual([[50, false], [10, true]])
    const wide = statement("SELECT REPEAT('x', 3000) AS x FROM d.t", ['x'])
    expect((await go([wide])).masked?.[0]).toMatchObject({ rowCount: 21, truncated: true })
    expect((await go([wide, all])).refusal).toMatchObject({ slug: 'too-large', reason: 'answer_too_large' })
    expect((await go([statement("SELECT REPEAT('x', 4000000) AS x FROM d.t", ['x'])])).refusal).toMatchObject({ slug: 'too-large' })
  })
  it('leaves nothing out by bytes beside masked values: that would tell their lengths', async () => {
    const shown: Shown[] = [{ dataClass: 'pii', resource: 'd.t', column: 'secret', statement: 0, span: null, output: 1 }]
    const beside = statement("SELECT REPEAT('x', 3000) AS x, secret FROM d.t", ['x', { name: 'secret', origin: 'd.t.secret', shown: [0] }])
    expect((await go([beside], { shown, masks: ['redact'] })).refusal).toMatchObject({ reason: 'answer_too_large' })
  })
  it('masks what may not be seen, finds what nobody classified, and never shows a column nobody accounted for', async () => {
    const shown: Shown[] = [{ dataClass: 'pii', resource: 'd.t', column: 'secret', statement: 0, span: null, output: 1 }]
    const text = statement("SELECT id, secret, 'mail to joe@example.com' AS note FROM d.t WHERE id = 1", ['id', { name: 'secret', origin: 'd.t.secret', shown: [0] }, 'note'])
    const { masked } = await go([text], { shown, masks: ['redact'], detect: ['email'], classify: { 'd.t.secret': 'pii' } })
    expect(masked?.[0]).toMatchObject({ columns: [{ name: 'id' }, { name: 'secret', class: 'pii', masked: 'redact' }, { name: 'note' }], rows: [{ id: 1, secret: '[redacted]' }], detected: { email: 1 } })
    expect(JSON.stringify(masked)).not.toContain('joe@')
    expect(JSON.stringify(masked)).not.toContain(canary)
  })
  it('refuses and raises an alarm where the server reports another column, or a classified one that the analysis missed', async () => {
    alarms.length = 0
    expect((await go([statement('SELECT secret AS name FROM d.t', [{ name: 'name', origin: 'd.t.name' }])])).refusal).toMatchObject({ slug: 'denied', reason: 'origin_mismatch' })
    expect((await go([statement('SELECT secret AS name FROM d.t', ['name'])], { classify: { 'd.T.Secret': 'pii' } })).refusal).toMatchObject({ reason: 'origin_mismatch' })
    expect((await go([statement('SELECT id, name FROM d.t', ['id'])])).refusal).toMatchObject({ reason: 'origin_mismatch' })
    expect(alarms).toHaveLength(3)
    expect(JSON.stringify(alarms)).not.toContain(canary)
  })
  it('refuses before COMMIT when it does: a write of a wrong plan leaves nothing', async () => {
    expect((await go([insert("INSERT INTO d.copy VALUES (77, 'x')"), statement('SELECT id, name FROM d.copy', ['id'])], { plan: { readOnly: false } })).refusal).toMatchObject({ reason: 'origin_mismatch' })
    expect(((await db.admin.query('SELECT COUNT(*) AS n FROM d.copy'))[0] as { n: number }[])[0]?.n).toBe(0)
  })

  it('commits a write, and counts what it changed', async () => {
    expect(await go([statement("UPDATE d.t SET name = 'changed' WHERE id <= 3", null)])).toMatchObject({ status: 'succeeded', rows: { rowCounts: [3] } })
    expect(await count("name = 'changed'")).toBe(3)
  })
  it('tells how many rows were found, not how many really changed, where that would tell of a classified value', async () => {
    const counted = (where: string) => statement(`UPDATE d.t SET secret = '${canary}-1' WHERE ${where}`, null, { counted: (rows) => `SELECT 1 FROM d.t WHERE ${where} LIMIT ${rows} FOR UPDATE` })
    expect(await go([counted('id = 1')])).toMatchObject({ status: 'succeeded', rows: { rowCounts: [1] } })     // it was the same
    expect(await go([statement(`UPDATE d.t SET secret = '${canary}-1' WHERE id = 1`, null)])).toMatchObject({ rows: { rowCounts: [0] } })
    expect((await go([counted('id > 1')])).refusal).toMatchObject({ reason: 'too_many_affected' })
  })
  it('counts what triggers change', async () => {
    const update = (id: string) => statement(`UPDATE d.watched SET n = n + 1 WHERE ${id}`, null)
    expect(await go([update('id = 1')], { calls: true })).toMatchObject({ status: 'succeeded' })          // 1 and 6
    expect((await go([update('id > 0')], { calls: true })).refusal).toMatchObject({ reason: 'too_many_affected' })   // 2 and 12, of 10
    expect(((await db.admin.query('SELECT COUNT(*) AS n FROM d.told'))[0] as { n: number }[])[0]?.n).toBe(6)
  })
  it('gives nothing of a routine that was changed between the comparison and its use', async () => {
    const routines = "SELECT ROUTINE_NAME, LAST_ALTERED FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'd' ORDER BY 1"
    const guard = { query: routines, expected: digestOfSet(await look(routines)) }
    const asks = statement('SELECT d.f() AS n', ['n'])
    expect(await go([asks], { calls: true, plan: { readOnly: false, guard } })).toMatchObject({ status: 'succeeded', masked: [{ rows: [{ n: 1 }] }] })
    tap = (inner) => ({ run: async (text, within) => { if (text.startsWith('SELECT d.f()')) await db.admin.query('DROP FUNCTION d.f; CREATE FUNCTION d.f() RETURNS int DETERMINISTIC RETURN 2'); return inner.run(text, within) } })
    expect(await go([asks], { calls: true, plan: { readOnly: false, guard } })).toMatchObject({ status: 'stale' })
    tap = (session) => session
  })
  it('rolls back all of it past the limit of affected rows, in one statement or together', async () => {
    expect((await go([statement("UPDATE d.t SET name = 'many'", null)])).refusal).toMatchObject({ slug: 'too-large', reason: 'too_many_affected' })
    const some = (from: number) => statement(`UPDATE d.t SET name = 'many' WHERE id BETWEEN ${from} AND ${from + 5}`, null)
    expect((await go([some(1), some(11)])).refusal).toMatchObject({ reason: 'too_many_affected', statement: 1 })
    expect(await count("name = 'many'")).toBe(0)
  })
  it('rolls back a batch whose second statement fails, and says which', async () => {
    expect((await go([statement("UPDATE d.t SET name = 'first' WHERE id = 1", null), insert("INSERT INTO d.t VALUES (1, 'x', 'y', 1)")])).refusal).toMatchObject({ slug: 'target-error', sqlstate: '23000', statement: 1 })
    expect(await count("name = 'first'")).toBe(0)
  })
  it('does not cut an INSERT … SELECT at the row cap', async () => {
    expect(await go([insert('INSERT INTO d.copy SELECT id, name FROM d.t WHERE id > 42')], { run: { maxRows: 2 } })).toMatchObject({ status: 'succeeded', rows: { rowCounts: [8] } })
    await db.admin.query('DELETE FROM d.copy')
  })
  it('cannot write in a transaction that reads, whatever the account may', async () => {
    expect((await go([statement("UPDATE d.t SET name = 'sneak' WHERE id = 1", null)], { plan: { readOnly: true } })).refusal).toMatchObject({ slug: 'target-error', sqlstate: '25006' })
    expect(await count("name = 'sneak'")).toBe(0)
  })

  it('runs nothing when an object changed after it was decided, and nothing can change between the comparison and the run', async () => {
    await db.admin.query('ALTER TABLE d.t ADD COLUMN later int')
    expect(await go([statement("UPDATE d.t SET name = 'stale' WHERE id = 1", null)])).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    await db.admin.query('ALTER TABLE d.t DROP COLUMN later')
    let [altered, before]: [Promise<unknown> | null, boolean] = [null, false]
    let settled = false
    tap = (inner) => ({
      ...inner, run: async (text, within) => {
        if (text.startsWith('SELECT id, name')) {
          altered = db.admin.query('ALTER TABLE d.t CHANGE name name2 varchar(20)').then(() => { settled = true })
          await expect.poll(async () => settled || JSON.stringify((await db.other.query('SHOW PROCESSLIST'))[0]).includes('metadata lock')).toBe(true)
          before = settled
        }
        return inner.run(text, within)
      },
    })
    const done = await go([statement('SELECT id, name FROM d.t WHERE id = 1', [{ name: 'id', origin: 'd.t.id' }, { name: 'name', origin: 'd.t.name' }])])
    tap = (inner) => inner
    await altered
    await db.admin.query('ALTER TABLE d.t CHANGE name2 name varchar(20)')
    expect([done.status, before, settled]).toEqual(['succeeded', false, true])
  })
  it('is stale, not an error, where what it names is gone', async () => {
    expect(await go([statement('SELECT id FROM d.gone', ['id'])], { plan: { relations: [{ schema: 'd', name: 'gone', named: true, written: false }] } })).toMatchObject({ status: 'stale' })
  })
  it('holds with the rights of an account that sees some columns only', async () => {
    expect(await go([statement('SELECT id FROM d.t WHERE id = 1', ['id'])], { account: 'slim' })).toMatchObject({ status: 'succeeded' })
    expect(await go([statement('SELECT id FROM d.v WHERE id = 1', ['id'])], { account: 'slim', plan: { relations: [{ schema: 'd', name: 'v', named: true, written: false }] } })).toMatchObject({ status: 'succeeded' })
    expect((await go([statement('SELECT secret FROM d.t WHERE id = 1', ['secret'])], { account: 'slim' })).refusal).toMatchObject({ slug: 'target-error', sqlstate: '42000' })
  })

  it('runs under settings of its own, whatever the server has', async () => {
    await db.admin.query("SET GLOBAL sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT', GLOBAL time_zone = '+05:00', GLOBAL group_concat_max_len = 4")
    const names = ['a', 'b', 'c', 'd']
    expect((await go([statement("SELECT \"x\" AS a, 1 || 0 AS b, TIMEDIFF(NOW(), UTC_TIMESTAMP()) AS c, (SELECT GROUP_CONCAT(name) FROM d.t) LIKE '%n50' AS d", names)])).masked?.[0]?.rows).toEqual([{ a: 'x', b: 1, c: '00:00:00', d: 1 }])
    await db.admin.query("SET GLOBAL sql_mode = DEFAULT, GLOBAL time_zone = 'SYSTEM', GLOBAL group_concat_max_len = DEFAULT")
  })
  it('runs nothing where a setting does not hold', async () => {
    tap = (inner) => ({ ...inner, run: (text, within) => inner.run(text.startsWith('SET ') ? "SET @@session.time_zone = '+05:00'" : text, within) })
    expect((await go([statement("UPDATE d.t SET name = 'loose' WHERE id = 1", null)])).refusal).toMatchObject({ reason: 'setting_not_held' })
    tap = (inner) => inner
    expect(await count("name = 'loose'")).toBe(0)
  })
  it('stops what takes too long by the server\'s own limit', async () => {
    expect((await go([statement('SELECT SLEEP(90) AS s', ['s'])], { limits: { timeoutMs: 300 } })).refusal).toMatchObject({ slug: 'timeout' })
    await expect.poll(async () => JSON.stringify((await db.admin.query('SHOW PROCESSLIST'))[0])).not.toContain('SLEEP(90)')
  })
  it('begins nothing after the deadline, by our clock or the target\'s', async () => {
    expect((await go([statement("UPDATE d.t SET name = 'late' WHERE id = 1", null)], { run: { deadline: Date.now() - 1 } })).refusal).toMatchObject({ reason: 'deadline_passed' })
    tap = (inner) => ({ ...inner, run: async (text, within) => { const done = await inner.run(text, within); return text.startsWith('(SELECT UNIX_TIMESTAMP') ? { ...done, rows: done.rows.map(([clock, ...rest]) => [String(Number(clock) + 60), ...rest]) } : done } })
    expect((await go([statement("UPDATE d.t SET name = 'late' WHERE id = 1", null)])).refusal).toMatchObject({ reason: 'deadline_passed' })
    tap = (inner) => inner
    expect(await count("name = 'late'")).toBe(0)
  })
  it('calls a lost answer to COMMIT unknown, and anything lost before it failed', async () => {
    const losing = (lost: string) => (inner: Session): Session => ({ ...inner, run: async (text, within) => { const done = await inner.run(text, within); if (text.startsWith(lost)) throw new (await import('../../../functions/protocol/post.ts')).TransportError('unreachable', 'lost'); return done } })
    tap = losing('COMMIT')
    expect(await go([statement("UPDATE d.t SET name = 'lost' WHERE id = 4", null)])).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown' } })
    tap = losing('UPDATE')
    expect(await go([statement("UPDATE d.t SET name = 'lost' WHERE id = 5", null)])).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    tap = (inner) => inner
    expect(await count("name = 'lost' AND id = 4")).toBe(1)
    await expect.poll(() => count("name = 'lost' AND id = 5")).toBe(0)
  })
  it('sends no COMMIT to a session that was told to stop as its last statement answered, and knows that nothing is there', async () => {
    const told: string[] = []
    tap = (inner) => {
      let over = false
      const run: Session['run'] = async (text, within) => {
        told.push(text.split(' ')[0] ?? '')
        const done = await inner.run(text, within)
        over ||= text.startsWith('UPDATE')
        return done
      }
      return { run, over: () => over, end: () => { inner.run('ROLLBACK', { maxBytes: 1e6, timeoutMs: 5000 }).catch(() => {}) } }
    }
    const change = [statement("UPDATE d.t SET name = 'over' WHERE id = 5", null)]
    expect(await go(change)).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    const cut = new AbortController()
    const inner = tap
    tap = (session) => { const own = inner(session); return { ...own, over: () => { const over = own.over?.() ?? false; if (over) cut.abort(new Error('locked')); return over } } }
    expect(await go(change, { run: { cut: cut.signal } })).toMatchObject({ status: 'failed', refusal: { reason: 'cut' } })
    tap = (session) => session
    expect([told.includes('UPDATE'), told.includes('COMMIT'), await count("name = 'over'")]).toEqual([true, false, 0])
  })
  it('tells errors in words of its own: no value, key or name of the target leaves, and near classified data not which of them it was', async () => {
    const broken = [insert(`INSERT INTO d.t VALUES (99, 'x', '${canary}-1', 1)`), insert("INSERT INTO d.t VALUES (99, 'x', 'y', 950)"), insert("INSERT INTO d.t VALUES (99, 'far longer than twenty characters', 'y', 1)"), statement('UPDATE d.t SET n = n / 0 WHERE id = 1', null)]
    const told = []
    for (const one of broken) told.push((await go([one], { classify: { 'd.t.secret': 'pii' } })).refusal, (await go([one])).refusal)
    expect(JSON.stringify(told)).not.toMatch(/canary|PRIMARY|secret|far longer|'n'/)
    expect(told.filter((_, index) => index % 2 === 0).map((one) => `${one?.reason} ${one?.sqlstate}`)).toEqual(['constraint_violation 23000', 'constraint_violation 23000', 'data_exception 22000', 'data_exception 22000'])
  })
  it('keeps the session of a read for the next one pinned alike, which says no settings again; never that of a write, of a call, of what failed, or of RAND()', async () => {
    let told: string[] = []
    let [at, opened] = [Date.now(), 0]
    const sessions = createSessions((url) => { opened++; const inner = session(url); return { ...inner, run: (text, within) => { told.push(text.replace(/^\(/, '').split(' ')[0] ?? ''); return inner.run(text, within) } } }, () => at)
    const read = statement('SELECT id FROM d.t WHERE id = 1', ['id'])
    const said = async (statements: PlannedStatement[], more: Asked = {}) => { told = []; const { status } = await go(statements, { sessions, ...more }); return `${status} ${told.join(' ')}` }
    expect(await said([read])).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(await said([read])).toBe('succeeded SELECT SELECT COMMIT')
    expect(await said([read], { run: { maxRows: 7 } })).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(await said([read], { account: 'slim' })).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(await said([statement('SELECT RAND() AS r', ['r'])])).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(await said([statement("UPDATE d.t SET name = 'kept' WHERE id = 1", null)])).toBe('succeeded SET SELECT UPDATE COMMIT')
    expect(await said([statement("UPDATE d.t SET name = 'sneak' WHERE id = 1", null)], { plan: { readOnly: true } })).toBe('failed SELECT UPDATE ROLLBACK')
    expect(await said([read])).toBe('succeeded SET SELECT SELECT COMMIT')
    at += 3000
    expect(await said([read], { run: { deadline: at + 10_000 } })).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(opened).toBe(7)
    sessions.close()
    expect(await said([read], { run: { deadline: at + 10_000 } })).toBe('succeeded SET SELECT SELECT COMMIT')
    sessions.close()
  })
  it('begins anew where a kept session is gone, or is not as it was', async () => {
    const open: Session[] = []
    const sessions = createSessions((url) => { const one = session(url); open.push(one); return one }, Date.now)
    const read = statement('SELECT id FROM d.t WHERE id = 1', ['id'])
    for (const text of ['SET @@session.autocommit = 1', 'SET @@session.tx_read_only = 0', 'SET @@session.sql_select_limit = 1', "SET @@session.sql_mode = ''", "SET @@session.tx_isolation = 'READ-UNCOMMITTED'"]) {
      expect(await go([read], { sessions })).toMatchObject({ status: 'succeeded' })
      await open.at(-1)?.run(text, { maxBytes: 1e6, timeoutMs: 5000 })
      const before = open.length
      expect([await go([read], { sessions }).then(({ status }) => status), open.length]).toEqual(['succeeded', before + 1])
    }
    const [[own]] = await db.admin.query("SELECT GROUP_CONCAT(id) AS ids FROM information_schema.PROCESSLIST WHERE USER = 'app'") as unknown as [[{ ids: string }]]
    for (const id of own.ids.split(',')) await db.admin.query(`KILL ${id}`).catch(() => {})
    expect(await go([read], { sessions })).toMatchObject({ status: 'succeeded' })
    sessions.close()
  })
  it('refuses a permit that is none, or of another plan', async () => {
    const connection = { version: 1, kind: 'connection', name: 'billing', engine: 'postgres', secret: 'app' } as ConnectionDocument
    const execute = createExecute({ secrets: { get: async () => urlOf('app') } as never, now: Date.now, alarm: () => {}, isPermit: (value) => permits.has(value as object), understood: () => ({ connection, plan: {} as MySqlPlan }), sessions: createSessions(session, Date.now), checkAccount: async () => ({ ok: true, value: null }), flavourOf: async () => 'mariadb', look: async () => [], forget: () => {} })
    const effects: Effects = { accesses: [], shown: [], used: [], readOnly: true, fingerprint: '' }
    const run = { deadline: Date.now() + 1000, rowMode: 'object', maxRows: null } as const
    await expect(execute({ effects } as unknown as Permit, { effects, plan: {} }, run)).rejects.toThrow('invariant')
    const other = { effects: { ...effects } } as unknown as Permit
    permits.add(other)
    await expect(execute(other, { effects, plan: {} }, run)).rejects.toThrow('invariant')
  })
})
