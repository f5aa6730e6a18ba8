import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import { createDirect } from '../../../functions/protocol/mysql/direct.ts'
import { createMySql } from '../../../functions/protocol/mysql/mysql.ts'
import type { Protocol } from '../../../functions/protocol/protocol.ts'
import { widest } from '../../contract/target.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'
import { refusedBy, type Rules } from './target.ts'

/** The attacks once more, through the whole engine on the server's own protocol: what the analysis permits is run masked, as an account that may do whatever an account may, and nothing classified may be in what comes, in an error or in an alarm. */
const here = join(import.meta.dirname, 'attacks')
const lines = (file: string) => readFileSync(join(here, file), 'utf8').trim().split('\n')
const all = [...lines('known.jsonl').map((line) => (JSON.parse(line) as { readonly sql: string }).sql), ...lines('more.sql').filter((line) => !line.startsWith('--')).map((line) => line.replace(/^\+ /, ''))]
const canaries = ['123-45-6789', '987-65-4321', 'alice@example.com', 'bob@example.com']
const tables = new Set('users orders notes v_users pusers people accounts listed parts badges v_initials v_filtered v_indexed v_twice v_num v_first keyless logged fast counter'.split(' ').map((name) => `atk.${name}`))
const rules: Rules = { readable: tables, writable: new Set() }
const connection: ConnectionDocument = {
  version: 1, kind: 'connection', name: 'attacked', engine: 'mysql', transport: 'private', secret: 'attacked', searchPath: ['atk'],
  classify: Object.fromEntries(['users.ssn', 'users.email', 'pusers.ssn', 'people.ssn', 'people.email', 'accounts.email', 'listed.ssn', 'parts.born', 'badges.email', 'keyless.email'].map((column) => [`atk.${column}`, `pii.${column.split('.')[1]}`]).concat([['hr.payroll.ssn', 'pii.ssn']])),
}

describe.skipIf(mysqlServer === null)(`attacks by MySQL's own protocol${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let engine: Protocol
  let url = ''
  const alarms: unknown[] = []
  const open = createDirect(() => {})
  beforeAll(async () => {
    db = await startServer(readFileSync(join(here, 'schema.sql'), 'utf8'))
    await db.admin.query("CREATE USER wide@'127.0.0.1' IDENTIFIED BY 'p'; GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER, SHOW VIEW, EXECUTE ON atk.* TO wide@'127.0.0.1'")
    url = db.urlOf('wide', 'p', 'atk')
    engine = createMySql({ now: Date.now, isPermit, alarm: (what, detail) => { alarms.push([what, detail]) }, secrets: { get: async (name) => (name === 'sluice-mask-key' ? 'k'.repeat(32) : url) }, open })
  }, 120_000)
  afterAll(async () => { await engine?.close(); await db?.stop() }, 60_000)

  test('nothing classified leaves in clear by any of them', async () => {
    const leaks: string[] = []
    let ran = 0
    for (const sql of all) {
      const plan = await engine.classify(connection, { statements: [{ sql, params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'array', maxRows: null })
      if (!plan.ok || refusedBy(plan.value.effects, rules) !== null) continue
      const permit = makePermit(plan.value.effects, { masks: plan.value.effects.shown.map(() => 'redact'), revealed: [], detect: [], limits: { ...widest, timeoutMs: 1000 } })
      const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 20_000, rowMode: 'array', maxRows: null })
      ran++
      const out = `${JSON.stringify(executed.status === 'succeeded' ? engine.mask(permit, plan.value, executed.rows) : executed)} ${JSON.stringify(alarms)}`
      if (canaries.some((canary) => out.includes(canary) && !sql.includes(canary))) leaks.push(sql)
    }
    expect(leaks).toEqual([])
    expect(ran).toBeGreaterThan(10)
    expect(alarms.filter((one) => JSON.stringify(one).includes('origin_mismatch'))).toEqual([])
  }, 300_000)
  test('sent as they are in a transaction that reads they change nothing', async () => {
    const names = [...tables].filter((name) => !name.includes('.v_'))
    const print = async () => JSON.stringify((await db.admin.query(`CHECKSUM TABLE ${names.join(', ')}`))[0])
    const before = await print()
    for (const sql of all) {
      const session = open(url)
      const bounds = { maxBytes: 65_536, timeoutMs: 1000 }
      try {
        for (const text of ['SET SESSION max_statement_time = 0.3', 'SET SESSION TRANSACTION READ ONLY', 'START TRANSACTION READ ONLY', sql]) await session.run(text, bounds)
      } catch { /* refused, as most are */ } finally { session.end?.() }
    }
    expect(await print()).toBe(before)
  }, 300_000)
})
