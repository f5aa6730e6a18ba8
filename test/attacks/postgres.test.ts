import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import pg from 'pg'
import { analysisOf } from '../protocol/postgres/target.ts'
import { majors, withPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'
import { connection, refusedBy } from './policy.ts'

/**
 * Statements that leak or do harm on a bare server. Each must be refused, or come out so that what leaves unmasked holds no classified value. Those that
 * are permitted are run here, unmasked, to see that the analysis marked every column that carries one, and that the server tells the same origins.
 */
interface Attack { readonly id: string; readonly effect: string; readonly statements: readonly string[]; readonly twin?: string }
const here = import.meta.dirname
const lines = (file: string) => readFileSync(join(here, file), 'utf8').trim().split('\n')
const known = lines('postgres.jsonl').map((line) => JSON.parse(line) as Attack)
const own = lines('more.sql').filter((line) => line !== '' && !line.startsWith('--')).map((line, i): Attack => ({ id: `own-${i + 1}`, effect: line.startsWith('+ ') ? 'leak' : 'refused', statements: [line.replace(/^\+ /, '')] }))
const canaries = ['123-45-6789', '987-65-4321', 'alice@example.com', 'bob@example.com', '91234', '45678']

describe.each(majors)('on PostgreSQL %i', (major) => {
  let server: TestPostgres
  let database: TestDatabase
  let ask: ReturnType<typeof analysisOf>['ask']
  beforeAll(async () => {
    server = await withPostgres({ major })
    database = await server.createDatabase('CREATE ROLE agent LOGIN')
    const has = new Set((await database.query('SELECT name FROM pg_available_extensions')).rows.map((row: { name: string }) => row.name))
    const schema = lines('schema.sql').filter((line) => { const needs = /^CREATE EXTENSION IF NOT EXISTS (\w+)/.exec(line)?.[1]; return needs === undefined || has.has(needs) })
    await database.query(`${schema.join('\n')}\nRESET ROLE;\n${readFileSync(join(here, 'more-schema.sql'), 'utf8')}`)
    ask = analysisOf(database, connection).ask
  })
  afterAll(() => server.stop())

  test.each([...known, ...own])('$id ($effect) $statements', async ({ effect, statements }) => {
    const result = await ask(...statements)
    const refused = result.ok ? refusedBy(result.value.effects) : result.refusal.detail
    if (!result.ok || refused !== null) return expect(refused).toMatch(/\S/)
    const [statement] = result.value.plan.statements
    expect(statements).toHaveLength(1)
    if (statement?.missing) return
    expect(['leak', 'dos']).toContain(effect)       // an oracle, a write or an escape is never permitted with masks
    expect(result.value.effects.readOnly).toBe(true)
    if (effect === 'dos') return
    const client = new pg.Client(database.url)
    await client.connect()
    try {
      await client.query("SET search_path = public, pg_temp; SET statement_timeout = '5s'; BEGIN READ ONLY")
      const { rows, fields } = await client.query<unknown[]>({ text: statement?.text ?? '', rowMode: 'array' })
      expect(fields.map((field) => [field.name, field.tableID, field.columnID])).toEqual(statement?.outputs?.map(({ name, origin }) => [name, origin?.relation ?? 0, origin?.column ?? 0]))
      const clear = rows.flatMap((row) => row.filter((_, i) => statement?.outputs?.[i]?.shown.length === 0))
      for (const canary of canaries) expect(JSON.stringify(clear)).not.toContain(canary)
    } finally {
      await client.end()
    }
  })
})
