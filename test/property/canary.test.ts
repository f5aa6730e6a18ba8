import { join } from 'node:path'
import * as fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Effects } from '../../schema/effects.ts'
import { createClassifier, type Classifier } from '../../functions/protocol/postgres/classify.ts'
import { documentsOf, grants, openGate, type Gate } from '../benign/gate.ts'
import { readCorpus } from '../oracle/corpus.ts'
import { queryOf } from '../oracle/judge.ts'
import { openSession, type Opened } from '../oracle/session.ts'
import { withPostgres, type TestPostgres } from '../support/postgres.ts'
import { statement } from './canary/grammar.ts'
import { canary, connection, schemaOf, unclassified } from './canary/schema.ts'

/** `npm run test:long` asks for 10 000; a seed that failed is printed by fast-check and may be given again. */
const numRuns = Number(process.env['SLUICE_RUNS'] ?? 400)
const seed = process.env['SLUICE_SEED'] === undefined ? {} : { seed: Number(process.env['SLUICE_SEED']) }

/** Policy in one line: everything but calls, nothing revealed. */
const refusedBy = (effects: Effects): boolean => effects.used.length > 0 || effects.accesses.some(({ action }) => action === 'call')
/** A classified value of world `a`, as it is or as part of something. */
const classified = new RegExp(`${canary.a}|\\b71[0-9]{3}\\b|1971-03`, 'i')

describe('random statements over classified columns', () => {
  let server: TestPostgres
  let classifier: Classifier
  let reader: Opened
  let worlds: readonly [pg.Client, pg.Client]
  let gate: Gate
  let origins: ReadonlySet<string>
  const counts = { refused: 0, permitted: 0, failed: 0 }

  beforeAll(async () => {
    server = await withPostgres({ settings: { autovacuum: 'off' } })
    const tables = ['orders', 'notes', 'v_plain', 'v_filter', 'v_made']
    const [a, b] = [await server.createDatabase(schemaOf('a') + grants(tables)), await server.createDatabase(schemaOf('b'))]
    reader = await openSession(a.url)
    classifier = createClassifier({ read: reader.read, now: Date.now })
    worlds = [await open(a.url), await open(b.url)]
    gate = openGate(server, a, documentsOf(connection.classify as Record<string, string>))
    origins = await classifiedOrigins(reader)
  })
  afterAll(async () => {
    console.log(`statements: ${counts.permitted} permitted and run in both worlds, ${counts.failed} of them failing alike; ${counts.refused} refused`)
    await gate?.close()
    await reader?.close()
    await Promise.all((worlds ?? []).map((client) => client.end()))
    await server.stop()
  })

  /** null: refused, or nothing of it depends on the world. Otherwise how it does. */
  async function leak(sql: string): Promise<string | null> {
    const plan = await classifier.classify(connection, queryOf(sql))
    const planned = plan.ok ? plan.value.plan.statements[0] : undefined
    if (!plan.ok || planned === undefined || planned.missing !== undefined || refusedBy(plan.value.effects)) { counts.refused++; return null }
    const masked = new Set(planned.outputs?.flatMap(({ shown }, index) => shown.length > 0 ? [index] : []))
    const [a, b] = [await observe(worlds[0], sql, masked), await observe(worlds[1], sql, masked)]
    counts.permitted++
    if ('sqlstate' in a.seen) counts.failed++
    const [ours, theirs] = [JSON.stringify(a.seen), JSON.stringify(b.seen)]
    if (ours !== theirs) return `differs: ${ours} ${theirs}`
    if (classified.test(ours)) return `shows: ${ours}`
    const unmasked = a.origins.filter((origin, index) => origins.has(origin) && !masked.has(index))
    return unmasked.length > 0 ? `the server says ${unmasked.join(', ')} is classified` : null
  }

  test.each(readCorpus(join(import.meta.dirname, 'canary')).map(({ sql }) => sql))('%s', async (sql) => { expect(await leak(sql)).toBeNull() })

  test('what a permitted statement shows unmasked, how often and in which order does not depend on them', { timeout: 3_600_000 }, async () => {
    await fc.assert(fc.asyncProperty(statement, async (sql) => {
      expect(await leak(sql), sql).toBeNull()
    }), { numRuns, ...seed })
    expect(counts.permitted).toBeGreaterThan(numRuns / 20)
  })

  test('and no byte of them comes through classify, decide, execute and mask, in rows or in words', { timeout: 3_600_000 }, async () => {
    await fc.assert(fc.asyncProperty(statement, async (sql) => {
      const given = await gate.ask(sql)
      expect(JSON.stringify(given), sql).not.toMatch(classified)
    }), { numRuns: Math.ceil(numRuns / 4), ...seed })
    expect(gate.alarms.filter((what) => what === 'origin_mismatch')).toEqual([])
  })
})

async function open(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, options: '-c search_path=pg_catalog,public,pg_temp -c statement_timeout=10s' })
  await client.connect()
  return client
}

/** All of it that leaves: rows without the outputs that would come masked, the error's state, and what carries no class afterwards. Rolled back. */
async function observe(client: pg.Client, sql: string, masked: ReadonlySet<number>): Promise<{ readonly seen: object; readonly origins: readonly string[] }> {
  await client.query('BEGIN')
  try {
    const one: pg.QueryArrayConfig & { readonly queryMode: 'extended' } = { text: sql, rowMode: 'array', queryMode: 'extended', types: { getTypeParser: () => String } }
    const { rows, fields, rowCount } = await client.query<unknown[]>(one)
    const after = await client.query({ text: unclassified, rowMode: 'array' })
    return { seen: { rowCount, rows: rows.map((row) => row.map((value, index) => masked.has(index) ? 'masked' : value)), after: after.rows }, origins: fields.map(({ tableID, columnID }) => `${tableID}/${columnID}`) }
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    return { seen: { sqlstate: error.code }, origins: [] }
  } finally {
    await client.query('ROLLBACK')
  }
}

/** Every column that holds classified data as itself: base tables, what inherits from them, and the views' columns that pass one on. */
async function classifiedOrigins(session: Opened): Promise<ReadonlySet<string>> {
  const columns = ['ssn', 'email', 'salary', 'born', 'extra', 'tags', 'payload', 'code', 'inner_code'].map((name) => `'${name}'`).join(', ')
  const { rows } = await session.run(`SELECT a.attrelid || '/' || a.attnum AS origin FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attname IN (${columns})`)
  return new Set(rows.map(({ origin }) => origin ?? ''))
}
