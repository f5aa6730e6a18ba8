import { Pool } from '@neondatabase/serverless'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startNeon } from '../../functions/local/neon.ts'
import { beforeEachMajor, driver, failure, post, upgrade } from './neon.ts'

beforeEachMajor((at) => {
  const sql = (url = at.database.url) => driver(url)

  describe('one statement', () => {
    it('gives rows as the server wrote them, with the origin of each column', async () => {
      const oid = Number((await at.database.query(`SELECT 'people'::regclass::oid AS oid`)).rows[0]?.oid)
      const text = 'SELECT id, name AS n, born, tags, data, big, id + 1 AS next FROM people WHERE id = $1'
      expect((await post(at.server.neonUrl, at.database.url, { query: text, params: ['1'] })).body.rows).toEqual([{ id: '1', n: 'Zoë 🐕', born: '1990-02-03', tags: '{a,NULL,"b c"}', data: '{"a": [1, null]}', big: '9007199254740993', next: '2' }])
      const result = await sql().query(text, [1])
      expect(result.fields.map(({ name, tableID, columnID, dataTypeID }) => [name, tableID, columnID, dataTypeID])).toEqual([
        ['id', oid, 1, 23], ['n', oid, 2, 25], ['born', oid, 3, 1082], ['tags', oid, 4, 1009], ['data', oid, 5, 3802], ['big', oid, 6, 20], ['next', 0, 0, 23]])
      expect([result.command, result.rowCount]).toEqual(['SELECT', 1])
    })

    it('reports the view, not its table, as the origin of a view\'s column', async () => {
      const oid = Number((await at.database.query(`SELECT 'names'::regclass::oid AS oid`)).rows[0]?.oid)
      const { fields } = await sql().query('SELECT called FROM names')
      expect(fields.map(({ tableID, columnID }) => [tableID, columnID])).toEqual([[oid, 1]])
    })

    it('refuses two statements in one string', async () => {
      expect((await failure(sql().query('DELETE FROM people; SELECT 1'))).code).toBe('42601')
      expect((await sql().query('SELECT count(*) FROM people')).rows).toEqual([{ count: '2' }])
    })

    it('gives every field of an error', async () => {
      const error = await failure(sql().query(`INSERT INTO people (id, name) VALUES (1, 'x')`))
      expect(error).toMatchObject({ code: '23505', severity: 'ERROR', detail: 'Key (id)=(1) already exists.', schema: 'public', table: 'people', constraint: 'people_pkey' })
      expect(await failure(sql().query('SELECT nothing FROM people'))).toMatchObject({ code: '42703', position: '8' })
    })

    it('counts what a write changed, and says when there are no rows', async () => {
      const result = await sql().query(`UPDATE people SET name = name WHERE id < 3`)
      expect([result.command, result.rowCount, result.rows, result.fields]).toEqual(['UPDATE', 2, [], []])
    })

    it('refuses a zero byte before it reaches the wire, where it would end the string', async () => {
      for (const [text, params] of [['SELECT 1\0; DROP TABLE people', []], ['SELECT $1::text', ['a\0b']]] as const) {
        const error = await failure(sql().query(text, [...params]))
        expect(error.message).toContain('zero byte')
      }
    })

    it('refuses more parameters than the wire can count', async () => {
      const answer = await post(at.server.neonUrl, at.database.url, { query: 'SELECT 1', params: Array.from({ length: 65_536 }, () => 1) })
      expect([answer.status, answer.body.message]).toEqual([400, 'more than 65535 parameters'])
    })
  })

  describe('a batch', () => {
    it('is one transaction', async () => {
      const s = sql()
      const error = await failure(s.transaction([s.query(`INSERT INTO people (id, name) VALUES (10, 'x')`), s.query('SELECT 1/0')]))
      expect(error.code).toBe('22012')
      expect((await s.query('SELECT count(*) FROM people WHERE id = 10')).rows).toEqual([{ count: '0' }])
    })

    it('takes isolation, read only and deferrable from the headers', async () => {
      const s = sql()
      const show = ['transaction_isolation', 'transaction_read_only', 'transaction_deferrable'].map((name) => s.query(`SHOW ${name}`))
      const results = await s.transaction(show, { isolationLevel: 'Serializable', readOnly: true, deferrable: true })
      expect(results.map(({ rows }) => Object.values(rows[0] ?? {})[0])).toEqual(['serializable', 'on', 'on'])
      const plain = await s.transaction(['transaction_isolation', 'transaction_read_only', 'transaction_deferrable'].map((name) => s.query(`SHOW ${name}`)))
      expect(plain.map(({ rows }) => Object.values(rows[0] ?? {})[0])).toEqual(['read committed', 'off', 'off'])
    })

    it('refuses an isolation level nobody knows', async () => {
      const answer = await post(at.server.neonUrl, at.database.url, { queries: [{ query: 'SELECT 1', params: [] }] }, { 'neon-batch-isolation-level': 'ReadCommitted; DROP TABLE people' })
      expect([answer.status, answer.body.message]).toEqual([400, 'unknown `Neon-Batch-Isolation-Level`'])
    })

    it('keeps a write out of a read-only one, though COMMIT inside it opens the way, as with neon itself', async () => {
      const s = sql()
      const write = `UPDATE people SET born = '2000-01-01' WHERE id = 2`
      expect((await failure(s.transaction([s.query(write)], { readOnly: true }))).code).toBe('25006')
      await s.transaction([s.query('COMMIT'), s.query(write)], { readOnly: true })
      expect((await s.query('SELECT born::text FROM people WHERE id = 2')).rows).toEqual([{ born: '2000-01-01' }])
    })

    it('of none gives none', async () => {
      const answer = await post(at.server.neonUrl, at.database.url, { queries: [] })
      expect([answer.status, answer.body.results]).toEqual([200, []])
    })
  })

  describe('caps', () => {
    it('answers over 10 MiB are a 507, and the next request works', async () => {
      const answer = await post(at.server.neonUrl, at.database.url, { query: `SELECT repeat('x', 1000000) FROM generate_series(1, 12)`, params: [] })
      expect([answer.status, answer.body.message]).toEqual([507, 'response is too large (max is 10485760 bytes)'])
      expect((await post(at.server.neonUrl, at.database.url, { query: 'SELECT 1 AS one', params: [] })).status).toBe(200)
    })

    it('the answers of a batch count together, and an oversized one leaves nothing', async () => {
      const big = { query: `SELECT repeat('x', 6000000)`, params: [] }
      const answer = await post(at.server.neonUrl, at.database.url, { queries: [{ query: `INSERT INTO people (id, name) VALUES (40, 'x')`, params: [] }, big, big] })
      expect(answer.status).toBe(507)
      expect((await at.database.query('SELECT 1 FROM people WHERE id = 40')).rowCount).toBe(0)
    })

    it('requests over 10 MiB are a 413', async () => {
      const answer = await post(at.server.neonUrl, at.database.url, { query: 'SELECT $1', params: ['x'.repeat(10 * 1024 * 1024)] })
      expect(answer.status).toBe(413)
    })
  })

  describe('the websocket', () => {
    it('carries the wire protocol, notices and several statements included', async () => {
      const pool = new Pool({ connectionString: at.database.url })
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        expect((await client.query('SELECT name FROM people WHERE id = $1', [1])).rows).toEqual([{ name: 'Zoë 🐕' }])
        await client.query('ROLLBACK')
        expect((await client.query(`SELECT repeat('y', 3000000) AS y`)).rows[0]?.y).toHaveLength(3_000_000)
      } finally {
        client.release()
        await pool.end()
      }
    })

    it('is not for a browser, nor for a database that is not allowed', async () => {
      const socket = at.server.neonUrl.replace('http', 'ws')
      expect(await upgrade(`${socket}/v2?address=127.0.0.1:${at.server.port}`, { Origin: 'https://evil.example' })).toBe(403)
      expect(await upgrade(`${socket}/v2?address=10.0.0.1:5432`)).toBe(403)
      expect(await upgrade(`${socket}/v2?address=127.0.0.1`)).toBe(400)
      expect(await upgrade(`${socket}/v2`)).toBe(400)
      expect(await upgrade(`${socket}/other?address=127.0.0.1:${at.server.port}`)).toBe(404)
      expect(await upgrade(`${socket}/v2?address=127.0.0.1:${at.server.port}`, { Host: 'rebound.example' })).toBe(403)
      expect(await upgrade(`${socket}/v2?address=127.0.0.1:${at.server.port}`)).toBe(101)
    })
  })

  describe('who may ask', () => {
    const statement = { query: 'SELECT 1', params: [] }
    it('only programs on this machine: no rebound name, no page', async () => {
      expect((await post(at.server.neonUrl, at.database.url, statement, { host: 'rebound.example' })).status).toBe(403)
      expect((await post(at.server.neonUrl, at.database.url, statement, { host: '127.0.0.1.evil.example' })).status).toBe(403)
      expect((await post(at.server.neonUrl, at.database.url, statement, { origin: 'http://localhost:3000' })).status).toBe(403)
      expect((await post(at.server.neonUrl, at.database.url, statement, { host: `localhost:${new URL(at.server.neonUrl).port}` })).status).toBe(200)
    })

    it('for databases that are allowed, whatever the connection string tries', async () => {
      const endpoint = await startNeon({ allow: (host, port) => host === '127.0.0.1' && port === at.server.port })
      try {
        const { password } = new URL(at.database.url)
        const place = `127.0.0.1:${at.server.port}`
        for (const url of [
          `postgres://postgres:${password}@localhost:${at.server.port}/postgres`, `postgres://postgres:${password}@127.0.0.1:1/postgres`,
          `postgres://postgres:${password}@${place}/postgres?host=10.0.0.1`, `postgres://postgres:${password}@${place}/postgres?port=1`,
          `postgres://postgres:${password}@${place}/postgres?sslrootcert=/etc/passwd`, `postgres://postgres:${password}@%2Fvar%2Frun/postgres`,
          'socket:/var/run/postgresql?db=x', '/var/run/postgresql x', 'not a url', '', 'https://127.0.0.1/x', `postgres://${place}/postgres`, `postgres://postgres:%zz@${place}/postgres`,
        ]) {
          const { status, text } = await post(endpoint.url, url, statement)
          expect([url, [400, 403].includes(status)]).toEqual([url, true])
          expect(text).not.toContain(password)
        }
        expect((await post(endpoint.url, at.database.url, statement)).status).toBe(200)
      } finally {
        await endpoint.close()
      }
    })

    it('says what is wrong with a body, and lives', async () => {
      for (const body of ['', 'nonsense', '[]', 'null', '1', '{}', '{"query":1}', '{"query":"SELECT 1","params":{}}', '{"queries":{}}', '{"queries":[1]}', '{"queries":[{"query":null}]}', '{"query":"SELECT 1","arrayMode":"x"}']) {
        expect([body, (await post(at.server.neonUrl, at.database.url, body)).status]).toEqual([body, 400])
      }
      expect((await post(at.server.neonUrl, at.database.url, statement, { 'neon-raw-text-output': 'false' })).status).toBe(400)
      expect((await post(at.server.neonUrl, at.database.url, statement, { authorization: 'Bearer x' })).status).toBe(400)
      expect((await post(at.server.neonUrl, at.database.url, statement)).status).toBe(200)
    })

    it('lives through noise on the socket', async () => {
      const { hostname, port } = new URL(at.server.neonUrl)
      for (const noise of ['\0\x01\x02', 'GET', 'POST /sql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\n', 'GET /v2?address=127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n']) {
        await new Promise<void>((done) => {
          const socket = connect(Number(port), hostname, () => {
            socket.write(noise)
            setTimeout(() => socket.destroy(), 20)
          }).on('error', () => {}).on('close', () => done())
        })
      }
      expect((await post(at.server.neonUrl, at.database.url, statement)).status).toBe(200)
    })
  })
})
