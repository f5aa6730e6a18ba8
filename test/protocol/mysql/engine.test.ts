import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Param } from '../../../schema/request.ts'
import { readPolicy } from '../../../functions/cli/policy/read.ts'
import { loadBilling } from '../../../functions/local/billing.ts'
import { startPlanetScale, type PlanetScale } from '../../../functions/local/planetscale.ts'
import { readTarget, usernameOf } from '../../../functions/local/planetscale/target.ts'
import type { Permit } from '../../../functions/permit.ts'
import { Fault } from '../../../functions/ports.ts'
import { createMySql } from '../../../functions/protocol/mysql/mysql.ts'
import type { Protocol, Ruled } from '../../../functions/protocol/protocol.ts'
import { mysqlServer, startServer, whyNot } from '../../local/server.mysql.ts'

describe.skipIf(mysqlServer === null)(`the engine on the demo's billing${whyNot}`, () => {
  let db: Awaited<ReturnType<typeof startServer>>
  let endpoint: PlanetScale
  let engine: Protocol
  let billing: ConnectionDocument
  let secrets: Record<string, string>
  const used: string[] = []
  const alarms: string[] = []
  const permits = new WeakSet<object>()
  beforeAll(async () => {
    db = await startServer('SELECT 1')
    endpoint = await startPlanetScale()
    const made = await loadBilling(db.server.superuserUrl)
    secrets = { ...made, root: `${db.server.superuserUrl.replace(/\/mysql$/, '/billing')}`, wrong: (made['billing-read'] ?? '').replace(/:[^:@]+@/, ':no@'), away: 'mysql://a:b@127.0.0.1:1/billing' }
    engine = createMySql({
      secrets: { get: async (name: string) => { used.push(name); const value = secrets[name]; if (!value) throw new Fault('secret-missing', name); return value } } as never, now: Date.now, alarm: (what) => alarms.push(what),
      isPermit: (value) => permits.has(value as object), endpoint: (url) => ({ http: endpoint.url, username: usernameOf(readTarget(url)) }),
    })
    const { bundle } = await readPolicy(join(import.meta.dirname, '../../../policy'))
    billing = bundle?.documents.map(({ document }) => document).find((one): one is ConnectionDocument => one.kind === 'connection' && one.name === 'billing') as ConnectionDocument
  }, 120_000)
  afterAll(async () => {
    await engine?.close()
    await endpoint?.close()
    await db?.stop()
  }, 60_000)

  const limits = { rows: 100, bytes: 65_536, timeoutMs: 5000, affected: 10, statementsPerHour: null, rowsPerHour: null }
  async function classify(sql: string, params: readonly Param[] = [], connection = billing) {
    const plan = await engine.classify(connection, { statements: [{ sql, params }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null })
    if (!plan.ok) throw new Error(`${plan.refusal.reason}: ${plan.refusal.detail}`)
    return plan.value
  }
  async function go(sql: string, params: readonly Param[] = [], { connection = billing, more = {}, between = async () => {} }: { connection?: ConnectionDocument; more?: object; between?: () => Promise<unknown> } = {}) {
    const plan = await classify(sql, params, connection)
    await between()
    used.length = 0
    const permit = { effects: plan.effects, obligations: { masks: plan.effects.shown.map(({ dataClass }) => connection.mask?.[dataClass] ?? 'redact'), revealed: [], detect: [], limits: { ...limits, ...more } } } as unknown as Permit
    permits.add(permit)
    const done = await engine.execute(permit, plan, { deadline: Date.now() + 10_000, rowMode: 'object', maxRows: null })
    return { status: done.status, refusal: done.status === 'succeeded' ? null : done.refusal, rows: done.status === 'succeeded' ? engine.mask(permit, plan, done.rows).results[0]?.rows : null, as: used[0] }
  }

  it('runs as the least account that can do it, and masks what is classified', async () => {
    expect(await go('select number, total from open_balances where number = \'2026-00002\'')).toMatchObject({ status: 'succeeded', as: 'billing-plain', rows: [{ number: '2026-00002', total: '27.40' }] })
    expect(await go('select id, email, tax_id from customers where id = 1')).toMatchObject({ as: 'billing-read', rows: [{ id: 1, email: 'f***@harbor.example', tax_id: '****4729' }] })
    expect(await go('select email from open_balances where number = \'2026-00002\'')).toMatchObject({ as: 'billing-read', rows: [{ email: expect.stringMatching(/^.\*\*\*@/) }] })
    expect(await go('insert into credits (invoice_id, amount, reason) values (?, ?, ?)', [1, '5.00', 'it\'s \\ late'])).toMatchObject({ status: 'succeeded', as: 'billing-write' })
    expect((await go('select c.reason, j.what from credits c join journal j on j.invoice_id = c.invoice_id')).rows).toEqual([{ reason: 'it\'s \\ late', what: 'credit of 5.00' }])
    expect((await go('select net_total(1) as n')).rows).toEqual([{ n: '18.70' }])
  })
  it('takes a parameter for a value, whatever is in it', async () => {
    for (const value of ['x\' or 1=1 -- ', '\\\' or 1=1 #', '\u0000', '"; drop table credits; --', '/*!99999 x*/', '𝒳\u200b', '%', '\\%']) {
      expect((await go('select ? as it, id from customers where name = ?', [value, value])).rows).toEqual([])
      expect((await go('select ? as it', [value])).rows).toEqual([{ it: value }])
    }
    expect((await go('select id from customers where id = ?', [2])).rows).toEqual([{ id: 2 }])
  })
  it('is stale when a table or a view changed after the decision, and knows the new one then', async () => {
    expect(await go('select id, notes from customers where id = 1', [], { between: () => db.admin.query('ALTER TABLE billing.customers ADD COLUMN extra int') })).toMatchObject({ status: 'stale' })
    expect(await go('select id, notes from customers where id = 1')).toMatchObject({ status: 'succeeded' })
    await db.admin.query('ALTER TABLE billing.customers DROP COLUMN extra')
    const text = (column: string) => `CREATE OR REPLACE DEFINER = 'billing_owner'@'127.0.0.1' VIEW billing.plans AS SELECT id, ${column} AS it FROM billing.customers`
    await db.admin.query(`${text('name')}; GRANT SELECT ON billing.plans TO 'billing_plain'@'127.0.0.1'`)
    await engine.inspect(billing, [])                               // looks anew
    expect(await go('select it from plans where id = 1', [], { between: () => db.admin.query(text('tax_id')) })).toMatchObject({ status: 'stale' })
    expect((await go('select it from plans where id = 1')).rows).toEqual([{ it: '****4729' }])
    await db.admin.query('DROP VIEW billing.plans')
  })
  it('is stale when a trigger came to a table that is written', async () => {
    expect(await go('insert into credits (invoice_id, amount) values (2, 1)', [], { between: () => db.admin.query('CREATE TRIGGER billing.spy AFTER INSERT ON billing.credits FOR EACH ROW INSERT INTO billing.journal (what, invoice_id) SELECT email, 1 FROM billing.customers LIMIT 1') })).toMatchObject({ status: 'stale' })
    await db.admin.query('DROP TRIGGER billing.spy')
  })
  it('holds a ceiling on what the target expects to look at', async () => {
    expect(await go('select count(*) as n from invoices a, invoices b', [], { more: { cost: 1000 } })).toMatchObject({ status: 'failed', refusal: { reason: 'too_costly' } })
    expect(await go('select id from invoices where id = 1', [], { more: { cost: 1000 } })).toMatchObject({ status: 'succeeded' })
  })
  it('refuses an account that may do everything, unless the connection says so', async () => {
    const root: ConnectionDocument = { ...billing, secrets: { read: 'root', write: 'root' } }
    expect(await go('select id from invoices where id = 1', [], { connection: root })).toMatchObject({ status: 'failed', refusal: { reason: 'owner_or_superuser' } })
    expect(await go('select id from invoices where id = 1', [], { connection: { ...root, allowOwner: true } })).toMatchObject({ status: 'succeeded' })
    expect(alarms).toEqual(expect.arrayContaining(['owner_allowed', 'read_role_can_write']))
  })
  it('compares plain text with text that wants hex: one collation for both', async () => {
    expect((await go("select concat('a', 'b') = 'a\u00e9' as same, 'x' < '\u00e9' as less")).rows).toEqual([{ same: 0, less: 0 }])
  })
  it('describes tables and views with their classes', async () => {
    const { relations } = await engine.describe(billing)
    expect(relations.map(({ name, kind }) => `${name} ${kind}`)).toEqual(['credits table', 'customers table', 'invoices table', 'journal table', 'open_balances view', 'payments table'])
    const classes = (name: string) => Object.fromEntries(relations.find((one) => one.name === name)?.columns.filter((column) => column.class).map((column) => [column.name, column.class]) ?? [])
    expect(classes('customers')).toEqual({ email: 'pii.email', phone: 'pii.phone', tax_id: 'pii.taxid' })
    expect(classes('open_balances')).toEqual({ email: 'pii.email' })
  })
  it('finds the names of a policy that name nothing', async () => {
    const names = [
      { from: 'classify', name: 'billing.customers.EMAIL', optional: false }, { from: 'classify', name: 'billing.customers.mail', optional: false }, { from: 'classify', name: 'billing.net_total.net_total', optional: false },
      { from: 'classify', name: 'billing.gone.x', optional: true }, { from: 'deny', name: 'payroll.*', optional: false }, { from: 'on', name: 'billing.*', optional: false }, { from: 'on', name: 'billing.credits_journal', optional: false },
      { from: 'columns', name: 'billing.customers', columns: ['id', 'nothing'], optional: false },
    ] as const
    expect((await engine.inspect(billing, names)).map(({ level, name }) => `${level} ${name}`)).toEqual(['error billing.customers.mail', 'error payroll.*', 'error billing.customers'])
  })
  it('finds columns of a rule that are spelled otherwise than the server spells them, because rules compare with case', async () => {
    const found = await engine.inspect(billing, [{ from: 'columns', name: 'billing.customers', columns: ['EMAIL', 'email', 'e*', 'E*'], optional: false }])
    expect(found.map(({ level, message }) => `${level}: ${message}`)).toEqual(['error: no table or view that `billing.customers` names has a column `EMAIL`; write it as the server does: `email`', 'error: no table or view that `billing.customers` names has a column `E*`'])
  })
  it('estimates without running anything', async () => {
    const query = (sql: string) => ({ statements: [{ sql, params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null } as const)
    const [one] = await engine.estimate?.(billing, query('select * from invoices where customer_id = 5')) ?? []
    expect(one?.rows).toBeGreaterThan(0)
    expect(one?.rows).toBeLessThan(900)
    expect((await engine.estimate?.(billing, query('update invoices set memo = \'x\' where status = \'open\'')))?.[0]?.rows).toBeGreaterThan(10)
    expect(await engine.estimate?.(billing, query('select net_total(1)'))).toEqual([null])
    expect((await db.admin.query('SELECT COUNT(*) AS n FROM billing.invoices WHERE memo = \'x\''))[0]).toEqual([{ n: 0 }])
  })
  it('prints grants that the demo\'s accounts agree with, and that serve what the policy allows once they are run', async () => {
    const rules: Ruled[] = [{ actions: ['select'], on: ['billing.*'] }, { actions: ['insert'], on: ['billing.credits'] }, { actions: ['call'], on: ['billing.net_total', 'billing.credits_journal'] }]
    const { script, roles, findings } = await engine.grants?.(billing, rules) ?? { script: '', roles: [], findings: [] }
    expect(findings).toEqual([])
    expect(roles.map(({ use, name }) => `${use} ${name}`)).toEqual(['write billing_write@127.0.0.1', 'read billing_read@127.0.0.1', 'plain billing_plain@127.0.0.1'])
    expect(script).toContain('GRANT SELECT (`id`, `name`, `country`, `plan`, `settings`, `notes`, `created_at`) ON `billing`.`customers` TO `billing_plain`@`127.0.0.1`')
    await db.admin.query(script)
    await engine.inspect(billing, [])                               // the account it is read as is shown less now
    const twice = async (sql: string) => { const first = await go(sql); return first.status === 'stale' ? go(sql) : first }   // as the gate does
    expect(await twice('insert into credits (invoice_id, amount) values (3, 1)')).toMatchObject({ refusal: null })
    expect(await twice('select name, total from open_balances limit 1')).toMatchObject({ refusal: null, as: 'billing-plain' })
    expect(await twice('select net_total(3) as n')).toMatchObject({ refusal: null })
    await db.admin.query('GRANT SELECT ON billing.customers TO billing_plain@\'127.0.0.1\'; GRANT DELETE ON billing.journal TO billing_read@\'127.0.0.1\'')
    expect((await engine.grants?.(billing, rules))?.findings.map(({ message }) => message)).toEqual(['the read account may write', 'the plain account may read classified columns of `billing.customers`'])
    expect((await engine.grants?.({ ...billing, secrets: { read: 'billing-write', write: 'billing-write' } }, rules))?.findings.length).toBeGreaterThan(1)
  })
  it('says whether the target answers, in words without a name of it', async () => {
    await engine.ping?.(billing)
    for (const secret of ['wrong', 'away']) {
      const error = await engine.ping?.({ ...billing, secrets: { read: secret } }).then(() => null, (it: Fault) => it)
      expect([error?.code, JSON.stringify([error?.message, String(error?.cause)])]).toEqual(['target-unavailable', expect.not.stringMatching(/127|billing_|10\.|mysql:/)])
    }
    await expect(engine.ping?.({ ...billing, secrets: { read: 'none' } })).rejects.toMatchObject({ code: 'secret-missing' })
  })
})
