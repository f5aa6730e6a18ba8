import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decide } from '../../functions/decide/decide.ts'
import { isPermit } from '../../functions/decide/permit.ts'
import { compile } from '../../functions/decide/compile.ts'
import { startPlanetScale, type PlanetScale } from '../../functions/local/planetscale.ts'
import { readTarget, usernameOf } from '../../functions/local/planetscale/target.ts'
import { createMySql } from '../../functions/protocol/mysql/mysql.ts'
import type { ConnectionDocument, PolicyDocument } from '../../schema/policy.ts'
import { mysqlServer, startServer, whyNot } from '../local/server.mysql.ts'

/** A text of the caller's choice beside a masked value, and a masked value many times over: whether all of it fits into the byte limit must not tell how long the value is. */
const bytes = 65_536
const schema = `CREATE DATABASE atk CHARACTER SET utf8mb4; USE atk;
CREATE TABLE members(id int PRIMARY KEY, email text, note text, born date, pin blob); INSERT INTO members VALUES (1, 'a@b.c', '', '2000-01-02', 'x'), (2, CONCAT(REPEAT('a', 50), '@example.com'), '', NULL, REPEAT('x', 60000)), (3, NULL, '', NULL, NULL), (4, REPEAT('x', 20000), '', '1999-01-01', 'y');
CREATE TABLE many(who int, n int, email text, PRIMARY KEY (who, n)); INSERT INTO many SELECT m.id, s.seq, m.email FROM members m JOIN (WITH RECURSIVE r(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM r WHERE seq < 150) SELECT * FROM r) s;
CREATE USER w@'127.0.0.1' IDENTIFIED BY 'w'; GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER, SHOW VIEW ON atk.* TO w@'127.0.0.1';`
const documents = (mask: 'redact' | 'email' | 'hash' | 'last4' | 'null'): readonly PolicyDocument[] => [
  { version: 1, kind: 'connection', name: 'target', engine: 'mysql', secret: 'write', searchPath: ['atk'], mask: { '*': mask }, limits: { rows: 1000, bytes, timeout: '10s', affected: 100 }, classify: { 'atk.members.email': 'pii', 'atk.many.email': 'pii', 'atk.members.pin': 'pii' } },
  { version: 1, kind: 'role', name: 'a', members: [{ everyone: true }], rules: [{ allow: ['select', 'update', 'lock'], connection: 'target', on: ['atk.*'] }] },
]

describe.skipIf(mysqlServer === null).each(['redact', 'email', 'hash', 'last4', 'null'] as const)(`under the mask %s, on MySQL${whyNot}`, (mask) => {
  let db: Awaited<ReturnType<typeof startServer>>
  let endpoint: PlanetScale
  let engine: ReturnType<typeof createMySql>
  beforeAll(async () => {
    db = await startServer(schema)
    endpoint = await startPlanetScale()
    engine = createMySql({ secrets: { get: async (name: string) => (name === 'sluice-mask-key' ? 'k'.repeat(32) : db.urlOf('w', 'w', 'atk')) }, now: Date.now, alarm: () => {}, isPermit, endpoint: (url: string) => ({ http: endpoint.url, username: usernameOf(readTarget(url)) }) } as unknown as Parameters<typeof createMySql>[0])
  }, 120_000)
  afterAll(async () => {
    await engine?.close?.()
    await endpoint?.close()
    await db?.stop()
  }, 60_000)
  const all = documents(mask)
  const [connection] = all as [ConnectionDocument]
  const policy = compile({ documents: all.map((document, i) => ({ path: `${i}.yaml`, document })) } as unknown as Parameters<typeof compile>[0])
  const caller = { issuer: 'test', subject: { id: 'agent:a', kind: 'agent', groups: [] }, actors: [], person: false, claims: {}, expiresAt: Date.now() + 3_600_000 }
  async function ask(sql: string) {
    const query = { statements: [{ sql, params: [] }], batch: false, isolation: 'read committed' as const, purpose: null, reveal: [], rowMode: 'array' as const, maxRows: null }
    const plan = await engine.classify(connection, query)
    if (!plan.ok) throw new Error(plan.refusal.detail)
    const decision = decide(policy, { caller, connection: 'target', effects: plan.value.effects, reveal: [], context: { purpose: null, session: 'ses_test', time: Date.now() } } as unknown as Parameters<typeof decide>[1])
    if (decision.kind !== 'permit') throw new Error(JSON.stringify(decision))
    const executed = await engine.execute(decision.permit, plan.value, { deadline: Date.now() + 30_000, rowMode: 'array', maxRows: null } as Parameters<typeof engine.execute>[2])
    if (executed.status !== 'succeeded') return { refused: executed.refusal.reason }
    const { results: [result] } = engine.mask(decision.permit, plan.value, executed.rows) as unknown as { readonly results: readonly { readonly rows: readonly (readonly unknown[])[]; readonly truncated: boolean; readonly columns: readonly unknown[] }[] }
    return { result }
  }
  const outcome = async (sql: string) => { const given = await ask(sql); return 'refused' in given ? given.refused : [given.result?.rows.length, given.result?.truncated] }

  test.each([
    (id: number, length: number) => `SELECT REPEAT('x', ${length}), email FROM members WHERE id = ${id}`,
    (id: number, length: number) => `SELECT REPEAT('x', ${length}), email FROM members WHERE id = ${id} UNION ALL SELECT 'y', NULL`,
    (id: number, length: number) => `SELECT REPEAT('x', ${length}), d.email FROM (SELECT email FROM members WHERE id = ${id}) d FOR UPDATE`,
    (id: number, length: number) => `SELECT REPEAT('"', ${length} / 2), email, pin FROM members WHERE id = ${id}`,
  ])('%s', async (write) => {
    const seen = new Set<unknown>()
    for (const length of [65_300, 65_480, 65_518, 65_528, 65_540, 130_000]) {
      const [short, ...others] = [await outcome(write(1, length)), await outcome(write(2, length)), await outcome(write(3, length)), await outcome(write(4, length))]
      expect([length, ...others]).toEqual([length, short, short, short])
      seen.add(JSON.stringify(short))
    }
    expect(seen.size).toBe(2)                                          // the limit lies between
  })
  const times = (count: number) => Array.from({ length: count }, (_, i) => `email AS e${i}`).join(', ')
  test.each([
    (id: number) => `SELECT ${times(26)} FROM members, many m WHERE members.id = ${id} AND m.who = 1`.replaceAll('email', 'members.email'),
    (id: number) => `SELECT ${times(100)} FROM many WHERE who = ${id}`,
    (id: number) => `SELECT ${times(100)} FROM many WHERE who = ${id} UNION ALL SELECT ${times(100)} FROM many WHERE 1 = 0`,
    (id: number) => `WITH w AS (SELECT email, n FROM many WHERE who = ${id}) SELECT ${times(100)} FROM w`,
    (id: number) => `SELECT ${times(100)} FROM many WHERE who = ${id} FOR UPDATE`,
  ])('however often a value is asked for: %s', async (query) => {
    const outcomes = [await outcome(query(1)), await outcome(query(2)), await outcome(query(3)), await outcome(query(4))]
    expect(outcomes).toEqual([outcomes[0], outcomes[0], outcomes[0], outcomes[0]])
    expect(outcomes[0]).not.toBe('answer_too_large')
  })
  test('and it shows what it shows of the whole value', async () => {
    const given = await ask('SELECT id, email, pin FROM members ORDER BY id')
    const shown = { redact: '[redacted]', email: '***@b.c', hash: expect.stringMatching(/^[0-9a-f]{32}$/), last4: '****', null: null }[mask]
    const rows = ('result' in given && given.result?.rows) || []
    expect(rows.map((row) => row[2])).toEqual([null, null, null, null])
    expect([rows[0]?.[1], rows[2]?.[1]]).toEqual([shown, null])
  })
})
