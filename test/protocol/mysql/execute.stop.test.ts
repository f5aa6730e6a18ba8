import { expect, it } from 'vitest'
import type { Effects } from '../../../schema/effects.ts'
import type { Permit } from '../../../functions/permit.ts'
import { digestOfSet } from '../../../functions/protocol/mysql/guard.ts'
import type { MySqlPlan } from '../../../functions/protocol/mysql/plan.ts'
import type { Session } from '../../../functions/protocol/mysql/transport.ts'
import { TransportError } from '../../../functions/protocol/post.ts'
import { canary, executing, insert, statement } from './executing.ts'

/** What keeps a plan from running, or from saying what it must not. */
executing((at) => {
  it('refuses and raises an alarm where the server reports another column, or a classified one that the analysis missed', async () => {
    at.alarms.length = 0
    expect((await at.go([statement('SELECT secret AS name FROM d.t', [{ name: 'name', origin: 'd.t.name' }])])).refusal).toMatchObject({ slug: 'denied', reason: 'origin_mismatch' })
    expect((await at.go([statement('SELECT secret AS name FROM d.t', ['name'])], { classify: { 'd.T.Secret': 'pii' } })).refusal).toMatchObject({ reason: 'origin_mismatch' })
    expect((await at.go([statement('SELECT id, name FROM d.t', ['id'])])).refusal).toMatchObject({ reason: 'origin_mismatch' })
    expect(at.alarms).toHaveLength(3)
    expect(JSON.stringify(at.alarms)).not.toContain(canary)
  })
  it('refuses before COMMIT when it does: a write of a wrong plan leaves nothing', async () => {
    expect((await at.go([insert("INSERT INTO d.copy VALUES (77, 'x')"), statement('SELECT id, name FROM d.copy', ['id'])], { plan: { readOnly: false } })).refusal).toMatchObject({ reason: 'origin_mismatch' })
    expect(await at.rowsOf('copy')).toBe(0)
  })
  it('gives nothing of a routine that was changed between the comparison and its use', async () => {
    const routines = "SELECT ROUTINE_NAME, LAST_ALTERED FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'd' ORDER BY 1"
    // Who may not see a body knows by the second alone when it was changed: the one it was made in has to be over.
    await expect.poll(async () => (await at.look("SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'd' AND LAST_ALTERED < NOW()"))[0]?.[0]).toBe('1')
    const guard = { query: routines, expected: digestOfSet(await at.look(routines)) }
    const asks = statement('SELECT d.f() AS n', ['n'])
    expect(await at.go([asks], { calls: true, plan: { readOnly: false, guard } })).toMatchObject({ status: 'succeeded', masked: [{ rows: [{ n: 1 }] }] })
    at.tap((inner) => ({ run: async (text, within) => { if (text.startsWith('SELECT d.f()')) await at.db.admin.query('DROP FUNCTION d.f; CREATE FUNCTION d.f() RETURNS int DETERMINISTIC RETURN 2'); return inner.run(text, within) } }))
    expect(await at.go([asks], { calls: true, plan: { readOnly: false, guard } })).toMatchObject({ status: 'stale' })
    at.tap()
  })
  it('runs nothing when an object changed after it was decided, and nothing can change between the comparison and the run', async () => {
    await at.db.admin.query('ALTER TABLE d.t ADD COLUMN later int')
    expect(await at.go([statement("UPDATE d.t SET name = 'stale' WHERE id = 1", null)])).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    await at.db.admin.query('ALTER TABLE d.t DROP COLUMN later')
    let [altered, before]: [Promise<unknown> | null, boolean] = [null, false]
    let settled = false
    at.tap((inner) => ({
      ...inner, run: async (text, within) => {
        if (text.startsWith('SELECT id, name')) {
          altered = at.db.admin.query('ALTER TABLE d.t CHANGE name name2 varchar(20)').then(() => { settled = true })
          await expect.poll(async () => settled || JSON.stringify((await at.db.other.query('SHOW PROCESSLIST'))[0]).includes('metadata lock')).toBe(true)
          before = settled
        }
        return inner.run(text, within)
      },
    }))
    const done = await at.go([statement('SELECT id, name FROM d.t WHERE id = 1', [{ name: 'id', origin: 'd.t.id' }, { name: 'name', origin: 'd.t.name' }])])
    at.tap()
    await altered
    await at.db.admin.query('ALTER TABLE d.t CHANGE name2 name varchar(20)')
    expect([done.status, before, settled]).toEqual(['succeeded', false, true])
  })
  it('is stale, not an error, where what it names is gone', async () => {
    expect(await at.go([statement('SELECT id FROM d.gone', ['id'])], { plan: { relations: [{ schema: 'd', name: 'gone', named: true, written: false }] } })).toMatchObject({ status: 'stale' })
  })
  it('stops what takes too long by the server\'s own limit', async () => {
    expect((await at.go([statement('SELECT SLEEP(90) AS s', ['s'])], { limits: { timeoutMs: 300 } })).refusal).toMatchObject({ slug: 'timeout' })
    await expect.poll(async () => JSON.stringify((await at.db.admin.query('SHOW PROCESSLIST'))[0])).not.toContain('SLEEP(90)')
  })
  it('begins nothing after the deadline, by our clock or the target\'s', async () => {
    expect((await at.go([statement("UPDATE d.t SET name = 'late' WHERE id = 1", null)], { run: { deadline: Date.now() - 1 } })).refusal).toMatchObject({ reason: 'deadline_passed' })
    at.tap((inner) => ({ ...inner, run: async (text, within) => { const done = await inner.run(text, within); return text.startsWith('(SELECT UNIX_TIMESTAMP') ? { ...done, rows: done.rows.map(([clock, ...rest]) => [String(Number(clock) + 60), ...rest]) } : done } }))
    expect((await at.go([statement("UPDATE d.t SET name = 'late' WHERE id = 1", null)])).refusal).toMatchObject({ reason: 'deadline_passed' })
    at.tap()
    expect(await at.count("name = 'late'")).toBe(0)
  })
  it('calls a lost answer to COMMIT unknown, and anything lost before it failed', async () => {
    const losing = (lost: string) => (inner: Session): Session => ({ ...inner, run: async (text, within) => { const done = await inner.run(text, within); if (text.startsWith(lost)) throw new TransportError('unreachable', 'lost'); return done } })
    at.tap(losing('COMMIT'))
    expect(await at.go([statement("UPDATE d.t SET name = 'lost' WHERE id = 4", null)])).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown' } })
    at.tap(losing('UPDATE'))
    expect(await at.go([statement("UPDATE d.t SET name = 'lost' WHERE id = 5", null)])).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    at.tap()
    expect(await at.count("name = 'lost' AND id = 4")).toBe(1)
    await expect.poll(() => at.count("name = 'lost' AND id = 5")).toBe(0)
  })
  it('sends no COMMIT to a session that was told to stop as its last statement answered, and knows that nothing is there', async () => {
    const told: string[] = []
    const stopped = (inner: Session): Session => {
      let over = false
      const run: Session['run'] = async (text, within) => {
        told.push(text.split(' ')[0] ?? '')
        const done = await inner.run(text, within)
        over ||= text.startsWith('UPDATE')
        return done
      }
      return { run, over: () => over, end: () => { inner.run('ROLLBACK', { maxBytes: 1e6, timeoutMs: 5000 }).catch(() => {}) } }
    }
    at.tap(stopped)
    const change = [statement("UPDATE d.t SET name = 'over' WHERE id = 5", null)]
    expect(await at.go(change)).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    const cut = new AbortController()
    at.tap((inner) => { const own = stopped(inner); return { ...own, over: () => { const over = own.over?.() ?? false; if (over) cut.abort(new Error('locked')); return over } } })
    expect(await at.go(change, { run: { cut: cut.signal } })).toMatchObject({ status: 'failed', refusal: { reason: 'cut' } })
    at.tap()
    expect([told.includes('UPDATE'), told.includes('COMMIT'), await at.count("name = 'over'")]).toEqual([true, false, 0])
  })
  it('tells errors in words of its own: no value, key or name of the target leaves, and near classified data not which of them it was', async () => {
    const broken = [insert(`INSERT INTO d.t VALUES (99, 'x', '${canary}-1', 1)`), insert("INSERT INTO d.t VALUES (99, 'x', 'y', 950)"), insert("INSERT INTO d.t VALUES (99, 'far longer than twenty characters', 'y', 1)"), statement('UPDATE d.t SET n = n / 0 WHERE id = 1', null)]
    const told = []
    for (const one of broken) told.push((await at.go([one], { classify: { 'd.t.secret': 'pii' } })).refusal, (await at.go([one])).refusal)
    expect(JSON.stringify(told)).not.toMatch(/canary|PRIMARY|secret|far longer|'n'/)
    expect(told.filter((_, index) => index % 2 === 0).map((one) => `${one?.reason} ${one?.sqlstate}`)).toEqual(['constraint_violation 23000', 'constraint_violation 23000', 'data_exception 22000', 'data_exception 22000'])
  })
  it('refuses a permit that is none, or of another plan', async () => {
    const { execute } = at.engine({} as MySqlPlan)
    const effects: Effects = { accesses: [], shown: [], used: [], readOnly: true, fingerprint: '' }
    const run = { deadline: Date.now() + 1000, rowMode: 'object', maxRows: null } as const
    await expect(execute({ effects } as unknown as Permit, { effects, plan: {} }, run)).rejects.toThrow('invariant')
    const other = at.permitFor({ ...effects })
    await expect(execute(other, { effects, plan: {} }, run)).rejects.toThrow('invariant')
  })
})
