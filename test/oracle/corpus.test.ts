import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClassifier } from '../../functions/protocol/postgres/classify.ts'
import { ServerError } from '../support/oracle.ts'
import { majors, withPostgres, type TestPostgres } from '../support/postgres.ts'
import { isAllowed } from './allowed.ts'
import { readCorpus } from './corpus.ts'
import { connectionOf, createJudge, type Verdict } from './judge.ts'
import { unsaidLocks } from './locks.ts'
import { openSession, type Opened } from './session.ts'

/** Of the corpus, how much the analysis may refuse: it holds every kind of syntax, the rare ones too. */
const refusedShare = 0.15
const directory = join(import.meta.dirname, 'corpus')

describe.each(majors)('over the corpus, on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let session: Opened
  const verdicts: (Verdict & { at: string })[] = []
  const locks: string[] = []
  beforeAll(async () => {
    server = await withPostgres({ major })
    session = await openSession((await server.createDatabase(readFileSync(join(directory, 'schema.sql'), 'utf8'))).url)
    await session.run('SET search_path = pg_catalog, public, pg_temp; SET statement_timeout = 10000')
    const { judge } = createJudge(createClassifier, isAllowed)
    for (const { file, number, sql } of readCorpus(directory, major < 18 ? ['schema.sql', 'modern.sql'] : undefined)) {
      await session.run('BEGIN')
      const verdict = await judge(session, sql, connectionOf(['public']))
      await session.run('ROLLBACK')
      verdicts.push({ at: `${file}#${number}`, ...verdict })
      // Without values for its parameters it cannot run; an error in mid-run rolls back like everything here.
      if (verdict.effects === undefined || /\$\d/.test(sql)) continue
      const more = await unsaidLocks(session, sql, verdict.effects).catch((error: unknown) => { if (error instanceof ServerError) return []; throw error })
      locks.push(...more.map((line) => `${file}#${number} ${sql}: ${line}`))
    }
  })
  afterAll(async () => {
    await session.close()
    await server.stop()
  })
  const of = (...outcomes: readonly Verdict['outcome'][]) => verdicts.filter(({ outcome }) => outcomes.includes(outcome)).map(({ at, sql, reason, missing }) => ({ at, sql, why: missing.length > 0 ? missing : reason }))

  test('it holds at least 300 statements and the server takes every one', () => {
    expect(verdicts.length).toBeGreaterThanOrEqual(300)
    expect(of('rejected', 'unlabelled')).toEqual([])
  })
  test('the server never reaches more than the analysis said', () => {
    expect(of('disagreed', 'crashed')).toEqual([])
  })
  test('nothing is locked that no access names', () => {
    expect(locks).toEqual([])
  })
  test('the server returns the columns the plan says it returns', () => {
    expect(of('unconfirmed')).toEqual([])
  })
  test('most of it is understood', () => {
    const refused = of('refused')
    console.log(`refused ${refused.length} of ${verdicts.length}:\n${refused.map(({ at, why }) => `  ${at} ${String(why)}`).join('\n')}`)
    expect(refused.length / verdicts.length).toBeLessThanOrEqual(refusedShare)
  })
})
