import { afterAll, afterEach, beforeAll, describe } from 'vitest'
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

export const canary = 'canary-7c1f'
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

type Way = (endpoint: PlanetScale) => (url: string) => Session
const ways: readonly (readonly [string, Way])[] = [
  ['by planetscale', (endpoint) => (url) => openSession(url, { http: endpoint.url, username: usernameOf(readTarget(url)) })],
  ['by mysql2', () => createDirect(() => {})],
]

type Column = string | { readonly name: string; readonly origin?: string; readonly shown?: number[]; readonly json?: true }
/** As classify would plan it. `columns`: what it returns; null: no rows. */
export const statement = (text: string, columns: readonly Column[] | null, more: Partial<PlannedStatement> = {}): PlannedStatement => ({
  kind: columns ? 'select' : 'update', text, capped: columns && !/limit|for update/i.test(text) ? (rows) => `${text} LIMIT ${rows}` : null,
  outputs: columns?.map((one) => {
    const { name, origin = null, shown = [], json } = typeof one === 'string' ? { name: one } as Exclude<Column, string> : one
    const [schema = '', table = '', column = ''] = origin?.split('.') ?? []
    return { name, shown, origin: origin ? { schema, table, column } : null, ...(json ? { json } : {}) }
  }) ?? null, ...more,
})
export const insert = (text: string): PlannedStatement => statement(text, null, { kind: 'insert' })

const bounds = { rows: 100, bytes: 65_536, timeoutMs: 5000, affected: 10, statementsPerHour: null, rowsPerHour: null }
const calling = { action: 'call' as const, resource: 'd.f', columns: null, system: false, via: [], statement: 0, span: null }
export interface Asked {
  readonly sessions?: Sessions; readonly calls?: boolean; readonly account?: string; readonly plan?: Partial<MySqlPlan>; readonly run?: Partial<Run>; readonly limits?: Partial<typeof bounds>
  readonly shown?: Shown[]; readonly masks?: Obligations['masks']; readonly detect?: Obligations['detect']; readonly classify?: ConnectionDocument['classify']
}

/** A server with the engine on it, reached by that way. `go`: what becomes of statements; `tap`: what comes between the engine and its sessions from now on, nothing where it is left out; `count`: rows of `t`. */
async function startExecuting(way: Way) {
  const db = await startServer(schema)
  const endpoint = await startPlanetScale({ sessions: { size: 12 } })
  const session = way(endpoint)
  const alarms: [string, unknown][] = []
  const permits = new WeakSet<object>()
  let between: (session: Session) => Session = (inner) => inner
  const urlOf = (account: string) => db.urlOf(account, account, 'd')
  const look = async (sql: string) => {
    const one = session(urlOf('app'))
    return (await one.run(sql, { maxBytes: 1e6, timeoutMs: 5000 }).finally(() => one.end?.())).rows
  }
  const expected = digestOfSet(await look(guardQuery))

  const isPermit = (value: unknown) => permits.has(value as object)
  const permitFor = (effects: Effects, obligations: object = {}): Permit => {
    const permit = { obligations, effects } as unknown as Permit
    permits.add(permit)
    return permit
  }
  /** The engine of a connection that has this account, where whatever is asked was understood as that plan. */
  const engine = (inner: MySqlPlan, { account = 'app', classify, sessions = createSessions((url) => between(session(url)), Date.now) }: Pick<Asked, 'account' | 'classify' | 'sessions'> = {}) => {
    const connection = { version: 1, kind: 'connection', name: 'billing', engine: 'postgres', secret: account, ...(classify ? { classify } : {}) } as ConnectionDocument
    const understood = () => ({ connection, plan: inner })
    const execute = createExecute({
      secrets: { get: async (name: string) => (name === 'sluice-mask-key' ? 'key' : urlOf(name)) } as never, now: Date.now, alarm: (what, detail) => alarms.push([what, detail]), isPermit, understood,
      sessions, checkAccount: async () => ({ ok: true, value: null }), flavourOf: async () => ((await look('SELECT VERSION()'))[0]?.[0]?.includes('MariaDB') ? 'mariadb' : 'mysql'), look: (_, sql) => look(sql), forget: () => {},
    })
    return { execute, mask: createMask({ isPermit, understood }) }
  }
  async function go(statements: readonly PlannedStatement[], { plan: more = {}, run = {}, limits = {}, shown = [], masks = [], detect = [], calls = false, ...how }: Asked = {}) {
    const inner: MySqlPlan = {
      connection: 'billing', statements, isolation: 'read committed', relations: [{ schema: 'd', name: 't', named: true, written: false }], plain: true, readOnly: statements.every(({ outputs }) => outputs !== null), fresh: true,
      guard: { query: guardQuery, expected }, ...more,
    }
    const effects: Effects = { accesses: calls ? [calling] : [], shown, used: [], readOnly: inner.readOnly, fingerprint: '' }
    const plan: Plan = { effects, plan: inner }
    const permit = permitFor(effects, { masks, revealed: [], detect, limits: { ...bounds, ...limits } })
    const { execute, mask } = engine(inner, how)
    const done = await execute(permit, plan, { deadline: Date.now() + 10_000, rowMode: 'object', maxRows: null, ...run })
    const masked = done.status === 'succeeded' ? mask(permit, plan, done.rows).results : null
    return { ...done, masked, refusal: done.status === 'succeeded' ? null : done.refusal }
  }
  const rowsOf = async (table: string, where = 'true') => Number(((await db.admin.query(`SELECT COUNT(*) AS n FROM d.${table} WHERE ${where}`))[0] as { n: number }[])[0]?.n)
  return {
    db, go, session, look, alarms, engine, permitFor, rowsOf, count: (where: string) => rowsOf('t', where),
    tap: (change: typeof between = (inner) => inner) => { between = change },
    async close() { await endpoint.close(); await db.stop() },
  }
}

type Executing = Awaited<ReturnType<typeof startExecuting>>
/** These tests on a real server, by each way to it. What `at` has is there once they run. */
export function executing(tests: (at: Executing) => void): void {
  describe.skipIf(mysqlServer === null).each(ways)(`a plan on a real server, %s${whyNot}`, (_, way) => {
    const at = {} as Executing
    beforeAll(async () => { Object.assign(at, await startExecuting(way)) }, 120_000)
    afterEach(() => at.tap())
    afterAll(() => at.close?.(), 60_000)
    tests(at)
  })
}
