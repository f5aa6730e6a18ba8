import { expect, it } from 'vitest'
import type { Shown } from '../../../schema/effects.ts'
import { canary, executing, insert, statement } from './executing.ts'

/** What is read and written; what stops it is in execute.stop.test.ts, what it runs under in execute.session.test.ts. */
executing((at) => {
  it('is sent in the turn of whose it is, all that it says', async () => {
    const told = new Set<string | undefined>()
    at.tap((inner) => ({ ...inner, run: (text, bounds) => { told.add(bounds.whose); return inner.run(text, bounds) } }))
    expect((await at.go([statement('SELECT id FROM d.t WHERE id = 1', ['id'])], { run: { whose: 'okta agent:a' } })).masked).toHaveLength(1)
    expect(told).toEqual(new Set(['okta agent:a']))
    at.tap()
  })
  it('gives rows as objects or arrays, a repeated name numbered', async () => {
    const two = statement('SELECT id, name AS who, n, id FROM d.t WHERE id <= 2 ORDER BY id', [{ name: 'id', origin: 'd.t.id' }, { name: 'who', origin: 'd.t.name' }, { name: 'n', origin: 'd.t.n' }, { name: 'id', origin: 'd.t.id' }])
    expect((await at.go([two])).masked).toEqual([{ columns: [{ name: 'id', type: 'int' }, { name: 'who', type: 'varchar' }, { name: 'n', type: 'decimal' }, { name: 'id_2', type: 'int' }], rows: [{ id: 1, who: 'n1', n: '1.0', id_2: 1 }, { id: 2, who: 'n2', n: '2.0', id_2: 2 }], rowCount: 2, truncated: false }])
    expect((await at.go([two], { run: { rowMode: 'array' } })).masked?.[0]?.rows).toEqual([[1, 'n1', '1.0', 1], [2, 'n2', '2.0', 2]])
  })
  it('gives each type its form: big numbers and decimals as strings, times ISO, bytes base64, documents whole', async () => {
    const names = ['id', 'big', 'dec_', 'f', 'at', 'ts', 'd', 'y', 'tm', 'b', 'bits', 'kind', 'doc', 'txt']
    const { masked } = await at.go([statement('SELECT * FROM d.types', names.map((name) => ({ name, origin: `d.types.${name}`, ...(name === 'doc' ? { json: true as const } : {}) })))])
    expect(masked?.[0]?.rows).toEqual([{ id: 1, big: '18446744073709551615', dec_: '1.5000', f: 0.25, at: '2026-01-02T03:04:05.006', ts: '2026-01-02T03:04:05Z', d: '2026-01-02', y: 2026, tm: '-01:02:03', b: 'AP+A', bits: '5', kind: 'x', doc: { n: '12345678901234567890' }, txt: 'Zoë ☃' }])
  })
  it('stops at the row cap on the target, and says truncated only where there were more', async () => {
    const all = statement('SELECT id FROM d.t ORDER BY id', ['id'])
    expect((await at.go([all], { run: { maxRows: 50 } })).masked?.[0]).toMatchObject({ rowCount: 50, truncated: false })
    expect((await at.go([all], { run: { maxRows: 49 } })).masked?.[0]).toMatchObject({ rowCount: 49, truncated: true })
    const unbounded = statement('SELECT a.id FROM d.t a, d.t b, d.t c ORDER BY 1', ['id'], { capped: null })
    expect((await at.go([unbounded], { run: { maxRows: 2 } })).masked?.[0]).toMatchObject({ rowCount: 2, truncated: true })
  })
  it('shares one budget of rows and bytes between statements; none is left out unsaid', async () => {
    const all = statement('SELECT id FROM d.t ORDER BY id', ['id'])
    expect((await at.go([all, all], { run: { maxRows: 60 } })).masked?.map(({ rowCount, truncated }) => [rowCount, truncated])).toEqual([[50, false], [10, true]])
    const wide = statement("SELECT REPEAT('x', 3000) AS x FROM d.t", ['x'])
    expect((await at.go([wide])).masked?.[0]).toMatchObject({ rowCount: 21, truncated: true })
    expect((await at.go([wide, all])).refusal).toMatchObject({ slug: 'too-large', reason: 'answer_too_large' })
    expect((await at.go([statement("SELECT REPEAT('x', 4000000) AS x FROM d.t", ['x'])])).refusal).toMatchObject({ slug: 'too-large' })
  })
  it('leaves nothing out by bytes beside masked values: that would tell their lengths', async () => {
    const shown: Shown[] = [{ dataClass: 'pii', resource: 'd.t', column: 'secret', statement: 0, span: null, output: 1 }]
    const beside = statement("SELECT REPEAT('x', 3000) AS x, secret FROM d.t", ['x', { name: 'secret', origin: 'd.t.secret', shown: [0] }])
    expect((await at.go([beside], { shown, masks: ['redact'] })).refusal).toMatchObject({ reason: 'answer_too_large' })
  })
  it('masks what may not be seen, finds what nobody classified, and never shows a column nobody accounted for', async () => {
    const shown: Shown[] = [{ dataClass: 'pii', resource: 'd.t', column: 'secret', statement: 0, span: null, output: 1 }]
    const text = statement("SELECT id, secret, 'mail to joe@example.com' AS note FROM d.t WHERE id = 1", ['id', { name: 'secret', origin: 'd.t.secret', shown: [0] }, 'note'])
    const { masked } = await at.go([text], { shown, masks: ['redact'], detect: ['email'], classify: { 'd.t.secret': 'pii' } })
    expect(masked?.[0]).toMatchObject({ columns: [{ name: 'id' }, { name: 'secret', class: 'pii', masked: 'redact' }, { name: 'note' }], rows: [{ id: 1, secret: '[redacted]' }], detected: { email: 1 } })
    expect(JSON.stringify(masked)).not.toContain('joe@')
    expect(JSON.stringify(masked)).not.toContain(canary)
  })
  it('holds with the rights of an account that sees some columns only', async () => {
    expect(await at.go([statement('SELECT id FROM d.t WHERE id = 1', ['id'])], { account: 'slim' })).toMatchObject({ status: 'succeeded' })
    expect(await at.go([statement('SELECT id FROM d.v WHERE id = 1', ['id'])], { account: 'slim', plan: { relations: [{ schema: 'd', name: 'v', named: true, written: false }] } })).toMatchObject({ status: 'succeeded' })
    expect((await at.go([statement('SELECT secret FROM d.t WHERE id = 1', ['secret'])], { account: 'slim' })).refusal).toMatchObject({ slug: 'target-error', sqlstate: '42000' })
  })
  it('commits a write, and counts what it changed', async () => {
    expect(await at.go([statement("UPDATE d.t SET name = 'changed' WHERE id <= 3", null)])).toMatchObject({ status: 'succeeded', rows: { rowCounts: [3] } })
    expect(await at.count("name = 'changed'")).toBe(3)
  })
  it('tells how many rows were found, not how many really changed, where that would tell of a classified value', async () => {
    const counted = (where: string) => statement(`UPDATE d.t SET secret = '${canary}-1' WHERE ${where}`, null, { counted: (rows) => `SELECT 1 FROM d.t WHERE ${where} LIMIT ${rows} FOR UPDATE` })
    expect(await at.go([counted('id = 1')])).toMatchObject({ status: 'succeeded', rows: { rowCounts: [1] } })     // it was the same
    expect(await at.go([statement(`UPDATE d.t SET secret = '${canary}-1' WHERE id = 1`, null)])).toMatchObject({ rows: { rowCounts: [0] } })
    expect((await at.go([counted('id > 1')])).refusal).toMatchObject({ reason: 'too_many_affected' })
  })
  it('counts what triggers change', async () => {
    const update = (id: string) => statement(`UPDATE d.watched SET n = n + 1 WHERE ${id}`, null)
    expect(await at.go([update('id = 1')], { calls: true })).toMatchObject({ status: 'succeeded' })          // 1 and 6
    expect((await at.go([update('id > 0')], { calls: true })).refusal).toMatchObject({ reason: 'too_many_affected' })   // 2 and 12, of 10
    expect(await at.rowsOf('told')).toBe(6)
  })
  it('rolls back all of it past the limit of affected rows, in one statement or together', async () => {
    expect((await at.go([statement("UPDATE d.t SET name = 'many'", null)])).refusal).toMatchObject({ slug: 'too-large', reason: 'too_many_affected' })
    const some = (from: number) => statement(`UPDATE d.t SET name = 'many' WHERE id BETWEEN ${from} AND ${from + 5}`, null)
    expect((await at.go([some(1), some(11)])).refusal).toMatchObject({ reason: 'too_many_affected', statement: 1 })
    expect(await at.count("name = 'many'")).toBe(0)
  })
  it('rolls back a batch whose second statement fails, and says which', async () => {
    expect((await at.go([statement("UPDATE d.t SET name = 'first' WHERE id = 1", null), insert("INSERT INTO d.t VALUES (1, 'x', 'y', 1)")])).refusal).toMatchObject({ slug: 'target-error', sqlstate: '23000', statement: 1 })
    expect(await at.count("name = 'first'")).toBe(0)
  })
  it('does not cut an INSERT … SELECT at the row cap', async () => {
    expect(await at.go([insert('INSERT INTO d.copy SELECT id, name FROM d.t WHERE id > 42')], { run: { maxRows: 2 } })).toMatchObject({ status: 'succeeded', rows: { rowCounts: [8] } })
    await at.db.admin.query('DELETE FROM d.copy')
  })
  it('cannot write in a transaction that reads, whatever the account may', async () => {
    expect((await at.go([statement("UPDATE d.t SET name = 'sneak' WHERE id = 1", null)], { plan: { readOnly: true } })).refusal).toMatchObject({ slug: 'target-error', sqlstate: '25006' })
    expect(await at.count("name = 'sneak'")).toBe(0)
  })
})
