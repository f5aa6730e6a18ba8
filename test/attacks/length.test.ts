import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { documentsOf, grants, openGate, type Gate } from '../benign/gate.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'

/** A text of the caller's choice beside a masked value: whether both fit into the byte limit must not tell how long the value is. */
const bytes = 65_536
describe.each(['redact', 'email', 'hash'] as const)('under the mask %s', (mask) => {
  let server: TestPostgres
  let gate: Gate
  beforeAll(async () => {
    server = await withPostgres()
    const database = await server.createDatabase(`CREATE TABLE members (id int, email text, note text); INSERT INTO members VALUES (1, 'a@b.c', ''), (2, repeat('a', 50) || '@example.com', ''), (3, NULL, ''); CREATE TABLE many (who int, email text, note text); INSERT INTO many SELECT id, email, '' FROM members, generate_series(1, 60); ${grants([])}`)
    const documents = documentsOf({ 'public.members.email': 'pii.email', 'public.many.email': 'pii.email' }).map((document) => (document.kind === 'connection' ? { ...document, mask: { '*': mask }, limits: { ...document.limits, bytes } } : document))
    gate = openGate(server, database, documents)
  })
  afterAll(async () => {
    await gate.close()
    await server.stop()
  })
  const outcome = async (sql: string) => {
    const given = await gate.ask(sql)
    return 'refused' in given ? given.refused : given.result.truncated
  }
  test.each([
    (id: number, length: number) => `SELECT repeat('x', ${length}), email FROM members WHERE id = ${id}`,
    (id: number, length: number) => `SELECT repeat('x', ${length}), email FROM members WHERE id = ${id} UNION ALL SELECT '', NULL WHERE false`,
    (id: number, length: number) => `UPDATE members SET note = '' WHERE id = ${id} RETURNING repeat('x', ${length}), email`,
    (id: number, length: number) => `SELECT repeat('"', ${length / 2}), email FROM members WHERE id = ${id} UNION ALL SELECT '', NULL WHERE false`,
  ])('%s', async (write) => {
    const seen = new Set<unknown>()
    for (const length of [65_400, 65_440, 65_470, 65_500, 65_518, 65_524, 65_528, 65_540]) {
      const [short, ...others] = [await outcome(write(1, length)), await outcome(write(2, length)), await outcome(write(3, length))]
      expect([length, ...others]).toEqual([length, short, short])
      seen.add(short)
    }
    expect(seen.size).toBe(2)                                          // the limit lies between
  })
  /** Many times over, what a mask hides is large, and the cap on what is carried would be met by it. */
  const times = (count: number) => Array.from({ length: count }, (_, i) => `email AS e${i}`).join(', ')
  test.each([
    (id: number) => `SELECT ${times(26)} FROM members, generate_series(1, 400) WHERE id = ${id}`,
    (id: number) => `SELECT ${times(26)} FROM members, generate_series(1, 400) WHERE id = ${id} UNION ALL SELECT ${times(26)} FROM members WHERE false`,
    (id: number) => `SELECT ${times(300)} FROM many WHERE who = ${id} FOR UPDATE`,
    (id: number) => `UPDATE many SET note = '' WHERE who = ${id} RETURNING ${times(300)}`,
    (id: number) => `WITH x AS (UPDATE many SET note = '' WHERE who = ${id} RETURNING *) SELECT ${times(300)} FROM x`,
    (id: number) => `UPDATE many SET note = '' WHERE who = ${id} RETURNING repeat('x', 1000000 + 60000), ${times(2)}`,
  ])('however often a value is asked for: %s', async (query) => {
    const outcomes = [await outcome(query(1)), await outcome(query(2)), await outcome(query(3))]
    expect(outcomes).toEqual([outcomes[0], outcomes[0], outcomes[0]])
  })
})
