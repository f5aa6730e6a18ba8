import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPermit, makePermit } from '../../functions/decide/permit.ts'
import { createDirect } from '../../functions/protocol/postgres/direct.ts'
import { createPostgres } from '../../functions/protocol/postgres/postgres.ts'
import type { Protocol } from '../../functions/protocol/protocol.ts'
import { widest } from '../contract/target.ts'
import { majors, withPostgres, type TestPostgres } from '../support/postgres.ts'
import { connection, refusedBy } from './policy.ts'

/**
 * The attacks once more, through the whole engine on the server's own protocol: those that the analysis permits run as a role that may do everything a role may, masked, and nothing of a classified value may be in what
 * comes, in an error or in an alarm. And those it refuses are sent all the same, straight to the transport, as one read: whatever they are, they change nothing.
 */
interface Attack { readonly id: string; readonly effect: string; readonly statements: readonly string[] }
const here = import.meta.dirname
const lines = (file: string) => readFileSync(join(here, file), 'utf8').trim().split('\n')
const known = lines('postgres.jsonl').map((line) => JSON.parse(line) as Attack)
const own = lines('more.sql').filter((line) => line !== '' && !line.startsWith('--')).map((line, i): Attack => ({ id: `own-${i + 1}`, effect: line.startsWith('+ ') ? 'leak' : 'refused', statements: [line.replace(/^\+ /, '')] }))
const canaries = ['123-45-6789', '987-65-4321', 'alice@example.com', 'bob@example.com', '91234', '45678']

describe.each(majors.slice(0, 1))('on PostgreSQL %i, by its own protocol', (major) => {
  let server: TestPostgres
  let engine: Protocol
  let [url, print] = ['', async (): Promise<string> => '']
  const alarms: unknown[] = []
  const transport = createDirect(() => {})
  beforeAll(async () => {
    server = await withPostgres({ major })
    const database = await server.createDatabase('CREATE ROLE agent LOGIN')
    const has = new Set((await database.query('SELECT name FROM pg_available_extensions')).rows.map((row: { name: string }) => row.name))
    const schema = lines('schema.sql').filter((line) => { const needs = /^CREATE EXTENSION IF NOT EXISTS (\w+)/.exec(line)?.[1]; return needs === undefined || has.has(needs) })
    await database.query(`${schema.join('\n')}\nRESET ROLE;\n${readFileSync(join(here, 'more-schema.sql'), 'utf8')}`)
    const schemas = (await database.query("SELECT string_agg(quote_ident(nspname), ', ') AS all FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema'")).rows[0].all as string
    await database.query(`CREATE ROLE wide LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA ${schemas} TO wide; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schemas} TO wide`)
    url = database.as('wide', 'p')
    const tables = (await database.query("SELECT format('%I.%I', nspname, relname) AS t FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' AND nspname !~ '^pg_|^information_schema' ORDER BY 1")).rows as { t: string }[]
    print = async () => JSON.stringify((await database.query(tables.map(({ t }) => `SELECT '${t.replaceAll("'", "''")}' AS t, md5(string_agg(x::text, ',' ORDER BY x::text)) AS m FROM ${t} x`).join(' UNION ALL '))).rows)
    engine = createPostgres({ now: Date.now, isPermit, alarm: (what, detail) => { alarms.push([what, detail]) }, secrets: { get: async (name) => (name === 'sluice-mask-key' ? 'k'.repeat(32) : url) }, transport })
  })
  afterAll(async () => { await engine?.close(); await server?.stop() })

  test('nothing classified leaves in clear by any of them', async () => {
    const leaks: string[] = []
    let ran = 0
    for (const { id, statements } of [...known, ...own]) {
      const plan = await engine.classify(connection, { statements: statements.map((sql) => ({ sql, params: [] })), batch: statements.length > 1, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'array', maxRows: null })
      if (!plan.ok || refusedBy(plan.value.effects) !== null) continue
      const permit = makePermit(plan.value.effects, { masks: plan.value.effects.shown.map(() => 'redact'), revealed: [], detect: [], limits: { ...widest, timeoutMs: 500 } })
      const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 20_000, rowMode: 'array', maxRows: null })
      ran++
      const out = JSON.stringify(executed.status === 'succeeded' ? engine.mask(permit, plan.value, executed.rows) : executed)
      if (canaries.some((canary) => `${out} ${JSON.stringify(alarms)}`.includes(canary))) leaks.push(`${id} ${statements.join('; ')}`)
    }
    expect(leaks).toEqual([])
    expect(ran).toBeGreaterThan(10)
    expect(alarms.filter((one) => JSON.stringify(one).includes('origin_mismatch'))).toEqual([])
  }, 300_000)
  test('sent as a read they change nothing, whatever they are', async () => {
    const before = await print()
    for (const { statements } of [...known, ...own]) {
      await transport.batch({ url, statements: statements.map((text) => ({ text, values: [] })), maxBytes: 65_536, timeoutMs: 300 }).catch(() => null)
    }
    expect(await print()).toBe(before)
  }, 300_000)
})
