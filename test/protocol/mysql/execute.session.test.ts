import { expect, it } from 'vitest'
import type { PlannedStatement } from '../../../functions/protocol/mysql/plan.ts'
import { createSessions } from '../../../functions/protocol/mysql/sessions.ts'
import type { Session } from '../../../functions/protocol/mysql/transport.ts'
import { type Asked, executing, statement } from './executing.ts'

/** What a plan runs under: settings of its own, and sessions that are kept. */
executing((at) => {
  it('runs under settings of its own, whatever the server has', async () => {
    await at.db.admin.query("SET GLOBAL sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT', GLOBAL time_zone = '+05:00', GLOBAL group_concat_max_len = 4")
    const names = ['a', 'b', 'c', 'd']
    expect((await at.go([statement("SELECT \"x\" AS a, 1 || 0 AS b, TIMEDIFF(NOW(), UTC_TIMESTAMP()) AS c, (SELECT GROUP_CONCAT(name) FROM d.t) LIKE '%n50' AS d", names)])).masked?.[0]?.rows).toEqual([{ a: 'x', b: 1, c: '00:00:00', d: 1 }])
    await at.db.admin.query("SET GLOBAL sql_mode = DEFAULT, GLOBAL time_zone = 'SYSTEM', GLOBAL group_concat_max_len = DEFAULT")
  })
  it('runs nothing where a setting does not hold', async () => {
    at.tap((inner) => ({ ...inner, run: (text, within) => inner.run(text.startsWith('SET ') ? "SET @@session.time_zone = '+05:00'" : text, within) }))
    expect((await at.go([statement("UPDATE d.t SET name = 'loose' WHERE id = 1", null)])).refusal).toMatchObject({ reason: 'setting_not_held' })
    expect(await at.count("name = 'loose'")).toBe(0)
  })
  it('keeps the session of a read for the next one pinned alike, which says no settings again; never that of a write, of a call, of what failed, or of RAND()', async () => {
    let told: string[] = []
    let [now, opened] = [Date.now(), 0]
    const sessions = createSessions((url) => { opened++; const inner = at.session(url); return { ...inner, run: (text, within) => { told.push(text.replace(/^\(/, '').split(' ')[0] ?? ''); return inner.run(text, within) } } }, () => now)
    const read = statement('SELECT id FROM d.t WHERE id = 1', ['id'])
    const said = async (statements: PlannedStatement[], more: Asked = {}) => { told = []; const { status } = await at.go(statements, { sessions, ...more }); return `${status} ${told.join(' ')}` }
    expect(await said([read])).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(await said([read])).toBe('succeeded SELECT SELECT COMMIT')
    expect(await said([read], { run: { maxRows: 7 } })).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(await said([read], { account: 'slim' })).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(await said([statement('SELECT RAND() AS r', ['r'])])).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(await said([statement("UPDATE d.t SET name = 'kept' WHERE id = 1", null)])).toBe('succeeded SET SELECT UPDATE COMMIT')
    expect(await said([statement("UPDATE d.t SET name = 'sneak' WHERE id = 1", null)], { plan: { readOnly: true } })).toBe('failed SELECT UPDATE ROLLBACK')
    expect(await said([read])).toBe('succeeded SET SELECT SELECT COMMIT')
    now += 3000
    expect(await said([read], { run: { deadline: now + 10_000 } })).toBe('succeeded SET SELECT SELECT COMMIT')
    expect(opened).toBe(7)
    sessions.close()
    expect(await said([read], { run: { deadline: now + 10_000 } })).toBe('succeeded SET SELECT SELECT COMMIT')
    sessions.close()
  })
  it('begins anew where a kept session is gone, or is not as it was', async () => {
    const open: Session[] = []
    const sessions = createSessions((url) => { const one = at.session(url); open.push(one); return one }, Date.now)
    const read = statement('SELECT id FROM d.t WHERE id = 1', ['id'])
    for (const text of ['SET @@session.autocommit = 1', 'SET @@session.tx_read_only = 0', 'SET @@session.sql_select_limit = 1', "SET @@session.sql_mode = ''", "SET @@session.tx_isolation = 'READ-UNCOMMITTED'"]) {
      expect(await at.go([read], { sessions })).toMatchObject({ status: 'succeeded' })
      await open.at(-1)?.run(text, { maxBytes: 1e6, timeoutMs: 5000 })
      const before = open.length
      expect([await at.go([read], { sessions }).then(({ status }) => status), open.length]).toEqual(['succeeded', before + 1])
    }
    const [[own]] = await at.db.admin.query("SELECT GROUP_CONCAT(id) AS ids FROM information_schema.PROCESSLIST WHERE USER = 'app'") as unknown as [[{ ids: string }]]
    for (const id of own.ids.split(',')) await at.db.admin.query(`KILL ${id}`).catch(() => {})
    expect(await at.go([read], { sessions })).toMatchObject({ status: 'succeeded' })
    sessions.close()
  })
})
