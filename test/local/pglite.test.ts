import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNeon, type Neon } from '../../functions/local/neon.ts'
import { startPglite } from '../../functions/local/pglite.ts'
import { proves } from '../../functions/local/pglite/scram.ts'

/** What a platform without native binaries gets. Slow to begin with, so one server serves the file. */
describe('pglite behind the wire protocol', () => {
  let directory: string
  let server: Awaited<ReturnType<typeof startPglite>>
  let neon: Neon
  const url = (user: string, password: string) => Object.assign(new URL(server.superuserUrl), { username: user, password }).href
  const ask = async (connection: string, query: string, params: unknown[] = []) => {
    const response = await fetch(`${neon.url}/sql`, { method: 'POST', headers: { 'neon-connection-string': connection, 'neon-raw-text-output': 'true' }, body: JSON.stringify({ query, params }) })
    return await response.json() as { rows?: unknown[]; code?: string; fields?: { tableID: number; columnID: number }[] }
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-test-'))
    server = await startPglite({ directory })
    neon = await startNeon({ pool: { size: 1, idleMs: 0 } })
    const client = new pg.Client(server.superuserUrl)
    await client.connect()
    await client.query(`CREATE TABLE t (id int, secret text); INSERT INTO t VALUES (1, 'x'); CREATE ROLE reader LOGIN PASSWORD 'r'; CREATE ROLE closed NOLOGIN PASSWORD 'c';
      GRANT SELECT (id) ON t TO reader; ALTER ROLE reader SET default_transaction_read_only = on`)
    await client.end()
  })
  afterAll(async () => {
    await neon.close()
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  })

  it('serves a role by its password, with its own rights and settings', async () => {
    expect((await ask(url('reader', 'r'), 'SELECT id, session_user AS who FROM t WHERE id = $1', [1])).rows).toEqual([{ id: '1', who: 'reader' }])
    expect((await ask(url('reader', 'r'), 'SELECT secret FROM t')).code).toBe('42501')
    expect((await ask(url('reader', 'r'), 'INSERT INTO t VALUES (2)')).code).toBe('25006')
    expect((await ask(server.superuserUrl, 'SELECT secret FROM t')).fields?.[0]).toMatchObject({ columnID: 2 })
  })

  it('lets nobody in with a wrong password, a role that may not log in, or none', async () => {
    for (const [user, password] of [['reader', 'x'], ['reader', ''], ['closed', 'c'], ['nobody', 'r'], ['postgres', 'r']] as const) expect([user, (await ask(url(user, password), 'SELECT 1')).code]).toEqual([user, '28P01'])
  })

  it('takes turns, and leaves nothing of one connection to the next', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => ask(n % 2 ? url('reader', 'r') : server.superuserUrl, 'SELECT session_user AS who')))
    expect(answers.map(({ rows }) => rows?.[0])).toEqual(Array.from({ length: 8 }, (_, n) => ({ who: n % 2 ? 'reader' : 'postgres' })))
    const client = new pg.Client(server.superuserUrl)
    await client.connect()
    await client.query('BEGIN')
    await client.query(`SET search_path = evil`)
    await client.query('DELETE FROM public.t')
    await client.end()
    expect((await ask(server.superuserUrl, `SELECT count(*)::int AS n, current_setting('search_path') AS path FROM t`)).rows).toEqual([{ n: '1', path: 'public' }])
  })

  it('lives through noise and half a message', async () => {
    for (const noise of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0]), Buffer.from([255, 255, 255, 255])]) {
      await new Promise<void>((done) => {
        const socket = connect(server.port, '127.0.0.1', () => {
          socket.write(noise)
          setTimeout(() => socket.destroy(), 20)
        }).on('error', () => {}).on('close', () => done())
      })
    }
    expect((await ask(server.superuserUrl, 'SELECT 1 AS one')).rows).toEqual([{ one: '1' }])
  })
})

describe('a stored password', () => {
  it('is proven by the right one alone, and nothing is proven by what is not SCRAM', () => {
    const salt = Buffer.from('0123456789abcdef').toString('base64')
    expect(proves('r', null)).toBe(false)
    for (const stored of ['', 'r', 'md5abc', 'SCRAM-SHA-256$4096:', `SCRAM-SHA-256$4096:${salt}$:`, `SCRAM-SHA-256$4096:${salt}$AAAA:BBBB`]) expect([stored, proves('r', stored)]).toEqual([stored, false])
  })
})
