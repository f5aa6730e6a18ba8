import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadDemo } from '../../functions/local/demo-data.ts'
import { majors, withPostgres, type TestPostgres } from '../support/postgres.ts'

const connection = parse(await readFile(join(import.meta.dirname, '../../policy/connection.shop.yaml'), 'utf8')) as { classify: Record<string, string> }
const classified = Object.entries(connection.classify).filter(([, name]) => name !== 'none').map(([column]) => column.split('.') as [string, string, string])
/** One digest over every row of the shop: what makes a README's output the same everywhere. */
const digestOf = `SELECT md5(string_agg(d, ',')) AS digest FROM (
  SELECT md5(string_agg(md5(t::text), '' ORDER BY id)) AS d FROM public.customers t UNION ALL SELECT md5(string_agg(md5(t::text), '' ORDER BY id)) FROM public.orders t
  UNION ALL SELECT md5(string_agg(md5(t::text), '' ORDER BY order_id, line)) FROM public.order_items t UNION ALL SELECT md5(string_agg(md5(t::text), '' ORDER BY id)) FROM public.payments t
  UNION ALL SELECT md5(string_agg(md5(t::text), '' ORDER BY id)) FROM public.refunds t UNION ALL SELECT md5(string_agg(md5(t::text), '' ORDER BY id)) FROM public.events t
  UNION ALL SELECT md5(string_agg(md5(t::text), '' ORDER BY employee_id)) FROM payroll.salaries t UNION ALL SELECT md5(string_agg(md5(t::text), '' ORDER BY id)) FROM audit.changes t) AS parts`
const digests = new Set<string>()

describe.each(majors)('the demo shop on postgresql %i', (major) => {
  let server: TestPostgres
  let secrets: Readonly<Record<string, string>>
  let owner: pg.Client
  const as = async (secret: string, sql: string): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client(secrets[secret])
    await client.connect()
    try {
      return (await client.query(sql)).rows as Record<string, unknown>[]
    } finally {
      await client.end()
    }
  }
  const code = (secret: string, sql: string) => as(secret, sql).then(() => 'it ran', (error: pg.DatabaseError) => error.code)
  const one = async (sql: string): Promise<Record<string, unknown>> => ((await owner.query(sql)).rows[0] ?? {}) as Record<string, unknown>

  beforeAll(async () => {
    server = await withPostgres({ major })
    const demo = await loadDemo(server.superuserUrl)
    expect(demo.loaded).toBe(true)
    secrets = demo.secrets
    owner = new pg.Client(server.superuserUrl.replace(/postgres$/, 'shop'))
    await owner.connect()
    await owner.query(`SET timezone = 'UTC'`)
  })
  afterAll(async () => {
    await owner.end()
    await server.stop()
  })

  it('has the size of a real one', async () => {
    const sizes = await one(`SELECT (SELECT count(*)::int FROM public.customers) AS customers, (SELECT count(*)::int FROM public.orders) AS orders, (SELECT count(*)::int FROM public.order_items) AS items,
      (SELECT count(*)::int FROM public.payments) AS payments, (SELECT count(*)::int FROM public.refunds) AS refunds, (SELECT count(*)::int FROM public.events) AS events, (SELECT count(DISTINCT tableoid)::int FROM public.events) AS partitions,
      (SELECT count(*)::int FROM payroll.salaries) AS salaries, (SELECT count(*)::int FROM audit.changes) AS changes, (SELECT count(*)::int FROM public.customer_contacts) AS contacts`)
    expect(sizes).toMatchObject({ customers: 12_000, orders: 120_000, events: 40_000, partitions: 5, salaries: 240 })
    for (const [name, least] of [['items', 200_000], ['payments', 80_000], ['refunds', 5_000], ['changes', 2_000], ['contacts', 11_000]] as const) expect([name, Number(sizes[name]) > least]).toEqual([name, true])
  })

  it('has its mess: nulls, duplicates, odd addresses, other scripts, values hidden in text', async () => {
    const mess = await one(`SELECT count(*) FILTER (WHERE email IS NULL) AS missing, count(email) - count(DISTINCT email) AS twice, count(*) FILTER (WHERE email !~ '^[^@ ]+@[^@ ]+\\.[a-z]+$') AS odd,
      count(*) FILTER (WHERE name ~ '[^ -~]') AS scripts, count(*) FILTER (WHERE name LIKE '%''%') AS quotes, count(*) FILTER (WHERE notes ~ '@') AS mails, count(*) FILTER (WHERE notes ~ '\\d{16}') AS cards, count(*) FILTER (WHERE notes ~ '\\d{3}-\\d\\d-\\d{4}') AS ssns FROM public.customers`)
    expect(Object.entries(mess).filter(([, count]) => Number(count) < 50)).toEqual([])
    expect((await one('SELECT id, name, email FROM public.customers WHERE id = 1'))).toEqual({ id: 1, name: 'Ada Okafor', email: 'ada.okafor@example.com' })
  })

  it('has card numbers that pass luhn and accounts that pass mod 97, where whole', async () => {
    const { rows } = await owner.query<{ card: string }>(`SELECT DISTINCT card_number AS card FROM public.payments WHERE card_number IS NOT NULL`)
    const luhn = (digits: string) => [...digits].toReversed().reduce((sum, digit, at) => sum + (at % 2 === 1 ? Number(digit) * 2 - (Number(digit) > 4 ? 9 : 0) : Number(digit)), 0) % 10 === 0
    expect(rows.length).toBeGreaterThan(5000)
    expect(rows.filter(({ card }) => !luhn(card.replaceAll(/[ -]/g, '')) || card.replaceAll(/[ -]/g, '').length !== 16)).toEqual([])
    const { rows: ibans } = await owner.query<{ iban: string }>('SELECT iban FROM payroll.salaries')
    expect(ibans.filter(({ iban }) => BigInt(`${iban.slice(4)}1314${iban.slice(2, 4)}`) % 97n !== 1n)).toEqual([])
  })

  it('adds up: an order is the sum of its items', async () => {
    expect(await one('SELECT count(*)::int AS wrong FROM (SELECT order_id, sum(quantity * unit_price) AS total FROM public.order_items GROUP BY 1) AS s FULL JOIN public.orders AS o ON o.id = order_id WHERE o.total IS DISTINCT FROM s.total')).toEqual({ wrong: 0 })
  })

  it('is the same on every server', async () => {
    digests.add(String((await one(digestOf))['digest']))
    expect(digests.size).toBe(1)
  })

  it('is loaded once; new passwords at every start lock the old ones out', async () => {
    const again = await loadDemo(server.superuserUrl)
    expect(again.loaded).toBe(false)
    expect(await code('shop-read', 'SELECT 1')).toBe('28P01')
    secrets = again.secrets
    expect(await as('shop-read', 'SELECT count(*)::int AS n FROM public.orders')).toEqual([{ n: 120_000 }])
  })

  describe('the three accounts', () => {
    const roles = ['shop-write', 'shop-read', 'shop-plain']

    it('own nothing, are nothing special, and may create nothing', async () => {
      for (const role of roles) {
        expect(await as(role, `SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication, (SELECT count(*)::int FROM pg_class WHERE relowner = r.oid) AS owned, (SELECT count(*)::int FROM pg_auth_members WHERE member = r.oid) AS memberships FROM pg_roles AS r WHERE rolname = current_user`))
          .toEqual([{ rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false, rolreplication: false, owned: 0, memberships: 0 }])
        const write = 'BEGIN READ WRITE; '
        for (const sql of ['CREATE TABLE public.x (a int)', 'CREATE TEMP TABLE x (a int)', 'CREATE SCHEMA x', 'CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS $$SELECT 1$$', 'DO $$ BEGIN END $$', 'TRUNCATE public.refunds', 'SET ROLE shop_owner', 'SET SESSION AUTHORIZATION postgres', 'ALTER TABLE public.refunds ADD a int', 'DROP TABLE public.refunds']) {
          expect([role, sql, await code(role, write + sql)]).toEqual([role, sql, '42501'])
        }
      }
    })

    it('cannot reach past the tables', async () => {
      for (const role of roles) for (const sql of [
        `SELECT pg_read_file('/etc/passwd')`, `SELECT pg_ls_dir('/')`, `COPY (SELECT 1) TO '/tmp/x'`, `COPY (SELECT 1) TO PROGRAM 'id'`, 'SELECT lo_create(0)', `SELECT lo_from_bytea(0, 'x')`, 'SELECT pg_advisory_lock(1)', 'SELECT pg_try_advisory_xact_lock(1)',
        'SELECT pg_terminate_backend(1)', 'SELECT pg_cancel_backend(1)', 'SELECT pg_sleep(0)', `SELECT pg_notify('a', 'b')`, `SELECT query_to_xml('SELECT 1', true, true, '')`, `SELECT table_to_xml('public.orders', true, true, '')`,
        `SELECT * FROM ts_stat('SELECT ''a''::tsvector')`, `SELECT pg_export_snapshot()`, `SELECT pg_logical_emit_message(true, 'a', 'b')`, 'SELECT query FROM pg_stat_activity', 'SELECT * FROM pg_stat_get_activity(NULL)', 'SELECT * FROM pg_stats', 'SELECT rolpassword FROM pg_authid', 'SELECT * FROM pg_statistic',
      ]) expect([role, sql, await code(role, sql)]).toEqual([role, sql, '42501'])
    })

    it('that read cannot write, even when the session says they may', async () => {
      for (const role of ['shop-read', 'shop-plain']) {
        expect(await code(role, `UPDATE public.refunds SET status = status WHERE id = 1`)).toBe('25006')
        for (const table of ['public.customers', 'public.orders', 'public.refunds', 'public.events', 'audit.changes', 'payroll.salaries']) {
          expect(await code(role, `BEGIN READ WRITE; DELETE FROM ${table}`)).toBe('42501')
        }
        expect(await code(role, `BEGIN READ WRITE; SELECT nextval('public.refunds_id_seq')`)).toBe('42501')
      }
    })

    it('that write change the shop and neither payroll nor the audit', async () => {
      expect(await as('shop-write', `INSERT INTO public.refunds (order_id, amount, reason) VALUES (1, 5, 'test') RETURNING order_id, status`)).toEqual([{ order_id: 1, status: 'requested' }])
      expect(await code('shop-write', `UPDATE payroll.salaries SET amount = 1`)).toBe('42501')
      expect(await code('shop-write', `DELETE FROM audit.changes`)).toBe('42501')
      await as('shop-write', `UPDATE public.customers SET tier = tier WHERE id = 12000`)
      expect(await one(`SELECT actor, change->>'email' IS NOT NULL OR change ? 'email' AS kept FROM audit.changes ORDER BY id DESC LIMIT 1`)).toEqual({ actor: 'shop_write', kept: true })
    })

    it('the plain one reads no column that the policy classifies, by table, by view or as a whole row', async () => {
      expect(classified.length).toBeGreaterThan(5)
      for (const [schema, table, column] of classified) {
        expect([table, column, await code('shop-plain', `SELECT "${column}" FROM "${schema}"."${table}" LIMIT 1`)]).toEqual([table, column, '42501'])
        expect([table, await code('shop-plain', `SELECT t FROM "${schema}"."${table}" AS t LIMIT 1`)]).toEqual([table, '42501'])
        expect([table, column, await code('shop-plain', `SELECT count(*) FROM "${schema}"."${table}" WHERE "${column}" IS NOT NULL`)]).toEqual([table, column, '42501'])
      }
      expect(await code('shop-plain', 'SELECT email FROM public.customer_contacts')).toBe('42501')
      expect(await code('shop-plain', 'SELECT phone FROM public.customer_contacts')).toBe('42501')
      expect(await as('shop-plain', 'SELECT count(*)::int AS n FROM public.customers WHERE id < 10')).toEqual([{ n: 9 }])
    })
  })

  it('of other scripts is made anew', async () => {
    await owner.query(`COMMENT ON DATABASE shop IS 'sluice demo of another version'; DROP TABLE public.refunds`)
    await owner.end()
    const again = await loadDemo(server.superuserUrl)
    expect(again.loaded).toBe(true)
    owner = new pg.Client(server.superuserUrl.replace(/postgres$/, 'shop'))
    await owner.connect()
    expect(Number((await one('SELECT count(*) AS n FROM public.refunds'))['n'])).toBeGreaterThan(5000)
  }, 120_000)
})
