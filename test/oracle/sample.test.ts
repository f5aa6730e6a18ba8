import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createClassifier } from '../../functions/protocol/postgres/classify.ts'
import { majors, withPostgres } from '../support/postgres.ts'
import { isAllowed } from './allowed.ts'
import { connectionOf, createJudge, type Verdict } from './judge.ts'
import { openSession } from './session.ts'
import { findSmith, generate } from './smith.ts'
import { findSuite, makeRegression, playSuite, suiteSettings } from './suite.ts'

/** A few seconds of what `npm run oracle` does whole. */
const suite = await findSuite({ fetch: false })
const noSmith = majors.includes(15) ? await findSmith() : 'PostgreSQL 15 is missing: apt-get install -y postgresql-15'
const wrong = (verdicts: readonly Verdict[]) => verdicts.filter(({ outcome }) => outcome === 'disagreed' || outcome === 'crashed').map(({ sql, missing, reason }) => ({ sql, missing, reason }))
const titled = (title: string, why: string | null) => why === null ? title : `${title} (${why})`

describe('a sample of the oracle', () => {
  const noSuite = typeof suite === 'string' ? suite : null
  test.skipIf(noSuite !== null)(titled("over PostgreSQL's own suite the server never reaches more than the analysis said", noSuite), { timeout: 300_000 }, async () => {
    if (typeof suite === 'string') throw new Error(suite)
    const server = await withPostgres({ major: 15, settings: suiteSettings })
    try {
      const admin = await openSession(server.superuserUrl)
      await makeRegression(admin)
      await admin.close()
      const verdicts: Verdict[] = []
      const target = { host: '127.0.0.1', port: server.port, password: decodeURIComponent(new URL(server.superuserUrl).password) }
      await playSuite(suite, target, createJudge(createClassifier, isAllowed), { only: new Set(), files: new Set(['create_index', 'select', 'subselect', 'union', 'with', 'returning', 'insert_conflict']), step: 5 }, (judged) => { verdicts.push(judged) })
      expect(verdicts.length).toBeGreaterThan(150)
      expect(wrong(verdicts)).toEqual([])
    } finally {
      await server.stop()
    }
  })

  test.skipIf(noSmith !== null)(titled('over what sqlsmith makes up the server never reaches more than the analysis said', noSmith), { timeout: 300_000 }, async () => {
    const server = await withPostgres({ major: 15, settings: { log_min_messages: 'fatal' } })
    try {
      const { url } = await server.createDatabase(readFileSync(join(import.meta.dirname, 'corpus/schema.sql'), 'utf8'))
      const session = await openSession(url)
      const { judge } = createJudge(createClassifier, isAllowed)
      const verdicts: Verdict[] = []
      for await (const sql of generate(url, 7, 150)) {
        await session.run('BEGIN; SET LOCAL search_path = pg_catalog, public, pg_temp')
        verdicts.push(await judge(session, sql, connectionOf(['public'])))
        await session.run('ROLLBACK')
      }
      await session.close()
      expect(verdicts.length).toBe(150)
      expect(wrong(verdicts)).toEqual([])
    } finally {
      await server.stop()
    }
  })
})
