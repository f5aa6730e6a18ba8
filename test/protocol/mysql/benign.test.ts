import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { corpus, difference } from './roundtrip.ts'
import { analysisOf } from './target.ts'

/** Statements as people, ORMs and agents write them: with nothing classified each is understood, and what is printed gives what the caller's own text gives on a direct connection. */
const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'benign', engine: 'mysql', secret: 'x', searchPath: ['shop'] }
/** Refused, and why that is right. */
const refused: readonly string[] = [
  'SELECT "customers"."id"', "SELECT 'a' 'b'",                                                            // text to one setting and a name to another; two texts or a text and a name
  'SELECT ISNULL(NULL), INET_ATON',                                                                       // uuid(), last_insert_id()
]
/** The clock goes on between the two, and a text beyond three bytes a character has no name of its own. */
const unequal: readonly string[] = ['SELECT NOW()', "SELECT 1 AS one, 'it''s' AS text"]

describe.skipIf(mysqlServer === null)(`the benign corpus on a real server${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  beforeAll(async () => { db = await startServer(`CREATE DATABASE here; USE here;\n${readFileSync(new URL('corpus/schema.sql', import.meta.url), 'utf8')}`) }, 120_000)
  afterAll(() => db?.stop(), 60_000)

  test.each([['read', 'shop'], ['write', 'shop'], ['orm', 'shop'], ['errand', 'shop'], ['tpch', 'tpch']] as const)('%s', async (name, schema) => {
    const { ask } = analysisOf(db.admin, { ...connection, searchPath: [schema] }, true)
    await db.admin.query(`USE ${schema}`)
    await db.admin.query('SET NAMES utf8mb4')
    const wrong: string[] = []
    const all = corpus(name)
    for (const sql of all) {
      const result = await ask(sql)
      const why = !result.ok ? result.refusal : result.value.fails
      if (why) { if (!refused.some((text) => sql.startsWith(text))) wrong.push(`${why.detail} | ${sql}`); continue }
      const [statement] = result.ok ? result.value.plan.statements : []
      if (statement?.kind === 'show' || statement?.kind === 'explain') continue
      if (unequal.some((text) => sql.startsWith(text))) continue
      const differs = await difference(db.admin, sql, statement?.text ?? '')
      if (differs?.startsWith('gives')) wrong.push(`${differs} | ${sql} | ${statement?.text}`)
    }
    expect(wrong).toEqual([])
  }, 120_000)
})
