import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { analysisOf, refusedBy, rowsOf, type Rules } from './target.ts'

/**
 * Statements that leak or do harm on a bare server. Each must be refused, or come out so that what leaves unmasked holds no classified value. Those that are permitted are run here, unmasked, to see that the
 * analysis marked every column that carries one.
 */
const here = join(import.meta.dirname, 'attacks')
const lines = (file: string) => readFileSync(join(here, file), 'utf8').trim().split('\n')
const known = lines('known.jsonl').map((line) => JSON.parse(line) as { readonly id: string; readonly effect: string; readonly sql: string })
const own = lines('more.sql').filter((line) => !line.startsWith('--')).map((line, i) => ({ id: `own-${i + 1}`, effect: line.startsWith('+ ') ? 'permitted' : 'refused', sql: line.replace(/^\+ /, '') }))
const canaries = ['123-45-6789', '987-65-4321', 'alice@example.com', 'bob@example.com']
const tables = (names: string) => new Set(names.split(' ').map((name) => `atk.${name}`))
/** The known attacks were seen under the narrow rules; ours may read and write more, so that nothing but the analysis is in their way. */
const narrow: Rules = { readable: tables('users orders notes v_users pusers'), writable: tables('notes') }
const wide: Rules = { readable: tables('users orders notes v_users pusers people accounts listed parts badges v_initials v_filtered v_indexed v_twice v_num v_first v_lists v_loose v_limited v_ordered keyless logged fast counter marked mixed history'), writable: tables('notes people accounts listed badges logged fast marked mixed history') }
const connection: ConnectionDocument = {
  version: 1, kind: 'connection', name: 'attacked', engine: 'mysql', secret: 'attacked', searchPath: ['atk'],
  classify: Object.fromEntries(['users.ssn', 'users.email', 'pusers.ssn', 'people.ssn', 'people.email', 'accounts.email', 'listed.ssn', 'parts.born', 'badges.email', 'keyless.email', 'marked.ssn', 'mixed.ssn', 'mixed.email', 'history.ssn'].map((column) => [`atk.${column}`, `pii.${column.split('.')[1]}`]).concat([['hr.payroll.ssn', 'pii.ssn']])),
}

describe.skipIf(mysqlServer === null)(`attacks on a real server${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let ask: ReturnType<typeof analysisOf>['ask']
  beforeAll(async () => {
    db = await startServer(readFileSync(join(here, 'schema.sql'), 'utf8'))
    ask = analysisOf(db.admin, connection).ask
  }, 120_000)
  afterAll(() => db?.stop(), 60_000)

  test.each([...known.map((one) => ({ ...one, rules: narrow })), ...own.map((one) => ({ ...one, rules: wide }))])('$id ($effect) $sql', async ({ effect, sql, rules }) => {
    const result = await ask(sql)
    const refused = result.ok ? refusedBy(result.value.effects, rules) ?? (result.value.fails ? `fails: ${result.value.fails.detail}` : null) : result.refusal.detail
    if (effect === 'permitted') expect(refused).toBeNull()
    if (!result.ok || refused !== null) return expect(refused).toMatch(/\S/)
    const { effects, plan: { statements: [statement] } } = result.value
    if (effect === 'dos' && result.value.wants === 'seen') return expect(result.value.effects.readOnly).toBe(true)     // of what the caller may see, which is nothing here
    expect(['leak', 'permitted']).toContain(effect)     // an oracle, a write or an escape is never permitted with masks
    expect(effects.readOnly).toBe(true)
    const { names, rows } = statement?.answer ? { names: statement.answer.columns, rows: statement.answer.rows } : await rowsOf(db.admin, statement?.text ?? '')
    expect(names).toEqual(statement?.outputs?.map(({ name }) => name))
    const clear = rows.flatMap((row) => row.filter((_, i) => statement?.outputs?.[i]?.shown.length === 0))
    for (const canary of canaries) expect(JSON.stringify(clear)).not.toContain(canary)
  })

  test('an index over a classified column gives rows in its order on a bare server, and not through the gate', async () => {
    const bare = await rowsOf(db.admin, 'SELECT id FROM atk.people')
    expect(bare.rows).toEqual([['2'], ['1']])
    const result = await ask('SELECT id FROM people')
    const [statement] = result.ok ? result.value.plan.statements : []
    expect((await rowsOf(db.admin, statement?.text ?? '')).rows).toEqual([['1'], ['2']])
    expect((await rowsOf(db.admin, statement?.capped?.(1) ?? '')).rows).toEqual([['1']])
  })
  test('how many rows `replace` changes tells a bare server\'s caller whether the value was there', async () => {
    const [same] = await db.admin.query("REPLACE INTO atk.listed VALUES (1, '123-45-6789')")
    const [other] = await db.admin.query("REPLACE INTO atk.listed VALUES (1, 'x')")
    expect([same, other]).toMatchObject([{ affectedRows: 1 }, { affectedRows: 2 }])
  })
})
