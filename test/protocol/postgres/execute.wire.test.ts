import { createServer as createHttp, request as httpRequest, type Server } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { openTarget } from '../../contract/target.ts'
import { createNeon } from '../../../functions/protocol/postgres/transport.ts'
import { endpointOf } from '../../contract/transports.ts'
import { withPostgres, type TestDatabase, type TestPostgres } from '../../support/postgres.ts'

/** What the way between us and the target does to a write at COMMIT, and to the answer of a read. */
type Weather = 'fine' | 'commit-never-arrives' | 'commit-answer-lost' | 'cut-before-commit' | 'cut-in-answer' | 'no-answer' | 'garbage' | 'wrong-status'

let server: TestPostgres
let database: TestDatabase
let proxy: Server
let weather: Weather = 'fine'
let cutAt = 'UPDATE'
const opened: ReturnType<typeof openTarget>[] = []

/** Relays both protocols and spoils them on demand. Frames are seen whole, so that a message can be let through and its answer lost. */
async function startProxy(target: string): Promise<Server> {
  const http = createHttp((request, response) => {
    if (weather === 'no-answer') return
    const onward = httpRequest(`${target}${request.url}`, { method: request.method, headers: request.headers }, (answer) => {
      if (weather === 'garbage') { answer.resume(); response.writeHead(200).end('<html>captive portal</html>'); return }
      if (weather === 'wrong-status') { answer.resume(); response.writeHead(502).end('bad gateway secret-7c1f'); return }
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      if (weather === 'cut-in-answer') answer.once('data', (chunk: Buffer) => { response.write(chunk.subarray(0, 40)); setTimeout(() => response.destroy(), 5) })
      else answer.pipe(response)
    })
    request.pipe(onward)
  })
  new WebSocketServer({ server: http }).on('connection', (near, request) => {
    const far = new WebSocket(`${target.replace('http', 'ws')}${request.url}`)
    const waiting: Buffer[] = []
    let losing = false
    near.on('message', (data: Buffer) => {
      if (weather === 'no-answer') return
      if (data.includes('COMMIT\0') && weather === 'commit-never-arrives') return near.terminate()
      if (data.includes('COMMIT\0') && weather === 'commit-answer-lost') losing = true
      if (data.includes(cutAt) && !data.includes('EXPLAIN') && weather === 'cut-before-commit') return near.terminate()
      if (far.readyState === WebSocket.OPEN) far.send(data)
      else waiting.push(data)
    })
    far.on('open', () => { for (const data of waiting) far.send(data) })
    far.on('message', (data: Buffer) => (losing ? near.terminate() : near.send(data)))
    near.on('close', () => far.close())
    for (const socket of [near, far]) socket.on('error', () => {})
  })
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
  return http
}
const open = (port: number) => {
  const made = openTarget({ url: database.as('app', 'app'), admin: database.url, transport: createNeon({ now: Date.now, endpointOf: () => endpointOf(`http://127.0.0.1:${port}`) }) })
  opened.push(made)
  return made
}
const target = () => open((proxy.address() as AddressInfo).port)
const value = async () => (await database.query('SELECT x FROM t')).rows[0].x as number
const write = 'UPDATE t SET x = x + 1'

beforeAll(async () => {
  server = await withPostgres()
  database = await server.createDatabase("CREATE TABLE t (x int); INSERT INTO t VALUES (0); CREATE ROLE app LOGIN PASSWORD 'app'; GRANT ALL ON t TO app")
  proxy = await startProxy(server.neonUrl)
})
afterEach(() => { weather = 'fine'; cutAt = 'UPDATE' })
afterAll(async () => {
  for (const one of opened) await one.close()
  proxy.closeAllConnections()
  proxy.close()
  await server.stop()
})
/** The role is looked at before; here the way shall fail at the statement itself. */
async function warm(sql: string, more: Parameters<ReturnType<typeof openTarget>['draw']>[1]) {
  const one = target()
  await one.run(await one.draw([{ sql: 'SELECT 1' }]))
  return { one, plan: await one.draw([{ sql }], more) }
}

/** Nothing of the test's own ends within it. */
const patient = { obligations: { limits: { timeoutMs: 55_000 } } }

describe('a write', () => {
  test('whose COMMIT never arrived is unknown, and is not tried again', async () => {
    const { one, plan } = await warm(write, { written: ['public.t'] })
    const before = await value()
    weather = 'commit-never-arrives'
    expect(await one.run(plan)).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown', next: 'none' } })
    expect(await value()).toBe(before)
  })
  test('whose answer to COMMIT was lost is unknown, and is there once', async () => {
    const { one, plan } = await warm(write, { written: ['public.t'] })
    const before = await value()
    weather = 'commit-answer-lost'
    expect(await one.run(plan)).toMatchObject({ status: 'unknown', refusal: { slug: 'outcome-unknown' } })
    expect(await value()).toBe(before + 1)
  })
  test.each(['UPDATE', 'BEGIN', 'set_config', 'xact_tuples'])('cut off at %s, before COMMIT, has failed and left nothing', async (at) => {
    const { one, plan } = await warm(write, { written: ['public.t'] })
    const before = await value()
    weather = 'cut-before-commit'
    cutAt = at
    expect(await one.run(plan)).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', next: 'retry' } })
    expect(await value()).toBe(before)
    weather = 'fine'
    expect(await one.run(plan)).toMatchObject({ status: 'succeeded' })
    expect(await value()).toBe(before + 1)
  })
  test('whose server is killed in the middle has failed', async () => {
    const { one, plan } = await warm('UPDATE t SET x = x + 1 FROM pg_sleep(50)', { written: ['public.t'] })
    const before = await value()
    const ran = one.run(plan, patient)
    for (let killed = 0; killed === 0;) killed = (await database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'UPDATE%pg_sleep%' AND usename = 'app' AND state = 'active'")).rowCount ?? 0
    expect(await ran).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    expect(await value()).toBe(before)
  })
})

describe('a read', () => {
  const rows = "SELECT i, repeat('x', 1000) FROM generate_series(1, 500) i"
  test.each<[Weather, string]>([['cut-in-answer', 'target-unavailable'], ['garbage', 'target-unavailable'], ['wrong-status', 'target-unavailable'], ['no-answer', 'timeout']])('in weather %s is refused as %s, never a part of an answer', async (what, slug) => {
    const { one, plan } = await warm(rows, {})
    weather = what
    const ran = await one.run(plan, what === 'no-answer' ? { obligations: { limits: { timeoutMs: 300 } } } : patient)
    expect(ran).toMatchObject({ status: 'failed', refusal: { slug } })
    expect(JSON.stringify(ran)).not.toContain('7c1f')
    weather = 'fine'
    expect(await one.run(plan)).toMatchObject({ status: 'succeeded', rows: { rowCounts: [500] } })
  })
  test('whose server is killed in the middle is refused', async () => {
    const { one, plan } = await warm('SELECT x FROM t, pg_sleep(50)', { relations: ['public.t'] })
    const ran = one.run(plan, patient)
    for (let killed = 0; killed === 0;) killed = (await database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT * FROM (SELECT x%' AND usename = 'app' AND state = 'active'")).rowCount ?? 0
    expect(await ran).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
  })
})

describe('a target that is not there', () => {
  test('refuses connections: both ways say so at once', async () => {
    const { one } = await warm('SELECT 1', {})
    const plans = [await one.draw([{ sql: 'SELECT 1' }]), await one.draw([{ sql: write }], { written: ['public.t'] })]
    const listener = createServer()
    await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done))
    const { port } = listener.address() as AddressInfo
    await new Promise((done) => listener.close(done))
    const gone = open(port)
    for (const sql of ['SELECT 1', write]) expect(await gone.run(await gone.draw([{ sql }]))).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    for (const plan of plans) expect(await one.run(plan)).toMatchObject({ status: 'succeeded' })
  })
  test('takes the connection and says nothing: both ways end at the limit', async () => {
    const one = target()
    const plans = [await one.draw([{ sql: 'SELECT 1' }]), await one.draw([{ sql: write }], { written: ['public.t'] })]
    await one.run(plans[0]!)
    weather = 'no-answer'
    for (const plan of plans) expect(await one.run(plan, { obligations: { limits: { timeoutMs: 200 } } })).toMatchObject({ status: 'failed', refusal: { slug: 'timeout' } })
  })
  test('a wrong password is the operator\'s affair, and is not told in words', async () => {
    const wrong = openTarget({ url: database.as('app', 'wrong-7c1f'), admin: database.url, transport: createNeon({ now: Date.now, endpointOf: () => endpointOf(server.neonUrl) }) })
    opened.push(wrong)
    const ran = await wrong.run(await wrong.draw([{ sql: 'SELECT 1' }]))
    expect(ran).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'target_refused_login' } })
    expect(JSON.stringify(ran)).not.toMatch(/7c1f|app/)
  })
})
