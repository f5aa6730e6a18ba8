import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { startNeon } from '../../functions/local/neon.ts'
import { beforeEachMajor, driver, failure, post, send, through } from './neon.ts'

beforeEachMajor((at) => {
  const sql = (url = at.database.url) => driver(url)

  describe('connections', () => {
    it('carry nothing from one request to the next', async () => {
      const url = at.database.as('postgres', new URL(at.database.url).password)
      const pool = { size: 1 }
      const endpoint = await startNeon({ pool })
      through(endpoint.url)
      try {
        const s = sql(url)
        const backend = (await s.query('SELECT pg_backend_pid() AS pid')).rows[0]?.['pid']
        await s.query(`SELECT set_config('search_path', 'evil', false), set_config('a.secret', 'x', false)`)
        await s.query('CREATE TEMP TABLE people (id int)')
        await s.query('PREPARE p AS SELECT 1')
        const left = (await s.query(`SELECT pg_backend_pid() AS pid, current_setting('search_path') AS path, current_setting('a.secret', true) AS secret, (SELECT count(*) FROM pg_prepared_statements) AS prepared, to_regclass('pg_temp.people') AS temp`)).rows[0]
        expect(left).toEqual({ pid: backend, path: '"$user", public', secret: left?.['secret'], prepared: '0', temp: null })
        expect(left?.['secret'] ?? '').toBe('')
      } finally {
        await endpoint.close()
        through(at.server.neonUrl)
      }
    })

    it('with a transaction left open are ended, and it is rolled back', async () => {
      const endpoint = await startNeon({ pool: { size: 1 } })
      const ask = async (query: string) => (await post(endpoint.url, at.database.url, { query, params: [] })).body.rows
      try {
        const before = await ask('SELECT pg_backend_pid() AS pid')
        await ask('BEGIN')
        expect(await ask('SELECT pg_backend_pid() AS pid')).not.toEqual(before)
        await ask(`INSERT INTO people (id, name) VALUES (20, 'committed')`)
        expect((await at.database.query('SELECT FROM people WHERE id = 20')).rowCount).toBe(1)
      } finally {
        await endpoint.close()
      }
    })

    it('that the server drops in the middle are an error, and the next request works', async () => {
      const s = sql()
      const error = await failure(s.query(`SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)`))
      expect(error.code === '57P01' || error.message.includes('500')).toBe(true)
      expect((await s.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })

    it('that the server drops while idle are not used again', async () => {
      const s = sql()
      await s.query('SELECT 1')
      await at.database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
      await expect.poll(async () => s.query('SELECT 1 AS one').then(({ rows }) => rows, () => null)).toEqual([{ one: 1 }])
    })

    it('of a caller that hangs up are cancelled, and what waited for one does not run for nobody', async () => {
      const endpoint = await startNeon({ pool: { size: 1 } })
      try {
        const first = send(endpoint.url, at.database.url, { query: 'SELECT pg_sleep(60)', params: [] })
        await expect.poll(() => running('%pg_sleep(60)%')).toBe(1)
        const second = send(endpoint.url, at.database.url, { query: `INSERT INTO people (id, name) VALUES (30, 'nobody')`, params: [] })
        await new Promise((done) => { second.once('finish', done) })
        await fetch(endpoint.url)                                // answered after what was sent before it was read
        second.destroy()
        first.destroy()
        await expect.poll(() => running('%pg_sleep(60)%')).toBe(0)
        expect((await post(endpoint.url, at.database.url, { query: 'SELECT count(*)::int AS n FROM people WHERE id = 30', params: [] })).body.rows).toEqual([{ n: '0' }])
      } finally {
        await endpoint.close()
      }
    })

    it('are no more than the pool allows, and the pools no more than the cap', async () => {
      const endpoint = await startNeon({ pool: { size: 2, pools: 1, waitMs: 200 } })
      const one = at.database.url
      const gate = new pg.Client(one)                                  // the two that work wait until it opens
      await gate.connect()
      try {
        await gate.query('SELECT pg_advisory_lock(77)')
        const work = [1, 2].map(() => post(endpoint.url, one, { query: 'SELECT pg_advisory_xact_lock_shared(77)', params: [] }))
        await expect.poll(() => running('%lock_shared(77)%')).toBe(2)
        expect((await post(endpoint.url, one, { query: 'SELECT 1', params: [] })).status).toBe(503)
        expect((await post(endpoint.url, at.server.superuserUrl, { query: 'SELECT 1', params: [] })).status).toBe(503)
        await gate.end()
        expect((await Promise.all(work)).map(({ status }) => status)).toEqual([200, 200])
        await expect.poll(async () => (await post(endpoint.url, at.server.superuserUrl, { query: 'SELECT 1', params: [] })).status).toBe(200)   // an idle pool makes room
      } finally {
        await gate.end()
        await endpoint.close()
      }
    })

    it('to a server that is not there are a 500 without the connection string in it', async () => {
      const answer = await post(at.server.neonUrl, 'postgres://someone:s3cret@127.0.0.1:1/db', { query: 'SELECT 1', params: [] })
      expect(answer.status).toBe(500)
      expect(answer.text).not.toContain('s3cret')
    })

    it('with a wrong password are the server\'s own refusal', async () => {
      expect(await failure(sql(at.database.as('postgres', 'wrong')).query('SELECT 1'))).toMatchObject({ code: '28P01' })
    })
  })

  const running = async (pattern: string): Promise<number> =>
    (await at.database.query(`SELECT FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE $1`, [pattern])).rowCount ?? 0
})
