import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as ask, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import { createApart } from '../../functions/aws/apart.ts'
import { createStores } from '../../functions/aws/ports.ts'
import { isPermit } from '../../functions/decide/permit.ts'
import { createGate } from '../../functions/gate.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import type { Ports } from '../../functions/ports.ts'
import type { Protocol } from '../../functions/protocol/protocol.ts'
import { routed } from '../../functions/protocol/routed.ts'
import { createSsh } from '../../functions/protocol/ssh/ssh.ts'
import { bundle } from '../../infra/bundle.ts'
import type { ConnectionDocument, PolicyDocument } from '../../schema/policy.ts'
import { credentials } from '../local/machine.ts'
import { mysqlServer, startServer, whyNot } from '../local/server.mysql.ts'
import { createGateway } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import { createWorld } from '../support/ports.ts'
import { withPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'
import { noSshd, sshd, startSshd, type Sshd } from '../support/sshd.ts'
import { startRuntime, type Runtime } from './runtime.ts'

/**
 * A lock, from the gate to a target that only a private network reaches: the gate in this process, the bundle that is deployed under a Runtime API behind a stub of Lambda's Invoke, DynamoDB between the two, and real servers. Whatever
 * runs there would run for a minute, and is seen at the server to be over before that.
 */
const minute = 60
const directory = mkdtempSync(join(tmpdir(), 'sluice-cut-'))
const [key, sight] = ['k'.repeat(44), 's'.repeat(44)]
let [server, database, dynamo, runtime, lambda] = [null, null, null, null, null] as unknown as [TestPostgres, TestDatabase, Awaited<ReturnType<typeof startDynamo>>, Runtime, Server]
let mysql: Awaited<ReturnType<typeof startServer>> | null = null
let host: Sshd | null = null
/** Errands that came, all of them, since a test began. */
let errands = 0
/** What DynamoDB was asked by the function in the network. */
let looks = 0

const sql = (name: string, engine: 'postgres' | 'mysql', schema: string): ConnectionDocument => ({ version: 1, kind: 'connection', name, engine, transport: 'private', secret: name, searchPath: [schema], limits: { timeout: `${minute}s` } })
const documents = (): Readonly<Record<string, PolicyDocument>> => ({
  ...demo, 'ledger.yaml': sql('ledger', 'postgres', 'public'), 'bills.yaml': sql('bills', 'mysql', 'd'),
  'bastion.yaml': { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', transport: 'private', secret: 'bastion-ssh', limits: { timeout: `${minute}s` } },
  'roles/operator.yaml': { version: 1, kind: 'role', name: 'operator', members: [{ group: 'operators' }], rules: [
    { allow: ['select', 'insert'], connection: 'ledger', on: ['public.people'] }, { allow: ['call'], connection: 'ledger', on: ['public.nap'] },
    { allow: ['select', 'insert'], connection: 'bills', on: ['d.people'] }, { allow: ['call'], connection: 'bills', on: ['d.nap'] },
    { allow: ['exec'], connection: 'bastion', on: [['sh', loop()], ['sleep', '*']] },
  ] },
})
const loop = () => join(host?.directory ?? '', 'loop')
const lines = () => join(host?.directory ?? '', 'lines')

beforeAll(async () => {
  server = await withPostgres()
  database = await server.createDatabase(`CREATE TABLE people (id int PRIMARY KEY, n numeric); INSERT INTO people SELECT i, i FROM generate_series(1, 3000) i; CREATE FUNCTION nap(s int) RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(s); RETURN s; END';
    CREATE ROLE app LOGIN PASSWORD 'p'; GRANT SELECT, INSERT ON people TO app`)
  if (mysqlServer !== null) mysql = await startServer("SET GLOBAL log_bin_trust_function_creators = 1; CREATE DATABASE d; CREATE TABLE d.people (id int PRIMARY KEY, n int); CREATE FUNCTION d.nap(s int) RETURNS int NOT DETERMINISTIC READS SQL DATA RETURN SLEEP(s); CREATE USER app@'127.0.0.1' IDENTIFIED BY 'p'; GRANT SELECT, INSERT, TRIGGER, EXECUTE ON d.* TO app@'127.0.0.1'")
  if (sshd !== null) host = await startSshd()
  if (host !== null) writeFileSync(loop(), `i=0; while [ $i -lt ${minute * 5} ]; do echo out; echo x >> ${lines()}; sleep 0.2; i=$((i+1)); done`)
  dynamo = await startDynamo({ directory: null, credentials })
  const stores = createStores({ region: 'local', endpoint: dynamo.url, credentials, tables: 'sluice-test' })
  await stores.createTables()
  stores.close()
  const aws = { AWS_REGION: 'local', AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey, SLUICE_TABLES: 'sluice-test' }
  const watched = createServer((request, response) => {
    if (String(request.headers['x-amz-target']).endsWith('.GetItem')) looks++
    const { hostname: to, port } = new URL(dynamo.url)
    request.pipe(ask({ host: to, port, method: 'POST', headers: request.headers }, (answer) => { response.writeHead(answer.statusCode ?? 500, answer.headers); answer.pipe(response) }))   // under the name it was signed for
  })
  lambda = createServer((request, response) => {
    errands++
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      void runtime.call(JSON.parse(Buffer.concat(parts).toString()), 900_000).then((answer) => { response.end(JSON.stringify(answer)) }, () => { response.writeHead(500).end() })
    })
  })
  for (const one of [watched, lambda]) await new Promise<void>((resolve) => { one.listen(0, '127.0.0.1', resolve) })
  closing.push(() => { watched.closeAllConnections(); watched.close() })
  const { file } = await bundle('private', directory)
  const secrets = { SLUICE_PRIVATE_FOR: 'hold,http', SLUICE_SECRET_SLUICE_PRIVATE_KEY_HTTP: key, SLUICE_SECRET_SLUICE_PRIVATE_SIGHT: sight, SLUICE_SECRET_LEDGER: database.as('app', 'p'), ...(host && { SLUICE_SECRET_BASTION_SSH: host.certified }), ...(mysql && { SLUICE_SECRET_BILLS: mysql.urlOf('app', 'p', 'd') }) }
  runtime = await startRuntime(file, { ...aws, AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${(watched.address() as AddressInfo).port}`, ...secrets })
}, 120_000)
const closing: (() => void)[] = []
afterAll(async () => {
  await runtime?.stop()
  for (const close of closing) close()
  lambda?.closeAllConnections()
  lambda?.close()
  await dynamo?.close()
  await mysql?.stop()
  await host?.stop()
  await server?.stop()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

/** A gate that has no credential of a target: the engines are those of `SLUICE_PRIVATE`, as a function that executes makes them. `deaf`: its cuts go nowhere. */
async function stand({ deaf = false }: { readonly deaf?: boolean } = {}) {
  const world = createWorld(documents())
  world.clock.ms = Date.now()
  const none = { get: async (name: string) => { if (name === 'sluice-private-key-http') return key; throw new Error('the gate has no credential of a private target') } }
  const env = {
    SLUICE_PRIVATE: 'Private', SLUICE_PRIVATE_AS: 'http', SLUICE_TABLES: 'sluice-test', AWS_REGION: 'local', AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_DYNAMODB: deaf ? 'http://127.0.0.1:1' : dynamo.url, AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${(lambda.address() as AddressInfo).port}`,
  }
  const open = { close: async () => {} } as Protocol
  const apart = createApart({ secrets: none, isPermit }, env)
  const ssh = createSsh({ secrets: none, now: Date.now, alarm: () => {}, isPermit })
  const ports: Ports = { ...world.ports, now: Date.now, engines: { postgres: routed(open, apart), mysql: routed(open, apart), ssh: routed(ssh, createApart({ secrets: none, isPermit, here: ssh }, env)) } }
  const gate = createGate(ports)
  const caller = await createGateway({ ...world, ports }, createApp(ports, gate)).as({ subject: 'agent:operator', groups: ['operators'] })
  const lock = () => ports.policies.lock({ target: 'subject:agent:operator', by: 'user:x', at: '', reason: null, until: null })
  const outcome = () => world.events.filter(({ kind }) => kind === 'outcome').at(-1) as { readonly status: string; readonly refusal?: { readonly reason: string; readonly inner?: string } } | undefined
  errands = 0
  looks = 0
  return { world, caller, lock, outcome, query: (on: string, text: string) => caller.call('POST', `/v1/connections/${on}/query`, { sql: text }), exec: (...command: readonly string[]) => caller.call('POST', '/v1/connections/bastion/exec', { command }) }
}
const patient = { timeout: 30_000, interval: 100 }
/** Until it runs at its target; throws what was answered where it never does. */
const begun = async (running: Promise<unknown>, probe: () => unknown, much: unknown = 1) => Promise.race([expect.poll(probe, patient).toEqual(much), running.then((answer) => { throw new Error(`it did not run: ${JSON.stringify(answer)}`) })])
/** How many statements with this in them run on PostgreSQL. */
const active = async (what: string) => Number((await database.query(`SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state = 'active' AND query LIKE $1`, [`%${what}%`])).rows[0].count)

describe('a lock reaches what runs in a private network', () => {
  test.each([
    ['a read', 'SELECT count(*) FROM people a, people b, people c WHERE a.n + b.n + c.n < 0', 'people'], ['what a function does', `SELECT public.nap(${minute})`, 'nap'],
  ])('on PostgreSQL: %s is over at the server, and on record as cut', async (_, text, what) => {
    const at = await stand()
    const running = at.query('ledger', text)
    await begun(running, () => active(what))
    await at.lock()
    await expect.poll(() => active(what), patient).toBe(0)
    expect(await running).toMatchObject({ status: 504, json: { reason: 'cut' } })
    expect(at.outcome()).toMatchObject({ status: 'failed', refusal: { reason: 'cut', inner: 'cut: locked' } })
    expect(errands).toBe(2)                                             // one to understand it, one to run it: that it may go on was asked of nobody there
  }, 60_000)
  test('on PostgreSQL: a write is undone', async () => {
    const at = await stand()
    const running = at.query('ledger', `INSERT INTO people (id) SELECT 9000 + public.nap(${minute})`)
    await begun(running, () => active('nap'))
    await at.lock()
    await expect.poll(() => active('nap'), patient).toBe(0)
    expect(await running).toMatchObject({ status: 504, json: { reason: 'cut' } })
    expect((await database.query('SELECT count(*) FROM people WHERE id >= 9000')).rows).toEqual([{ count: '0' }])
  }, 60_000)
  test.skipIf(mysqlServer === null)(`on MySQL: a statement is over at the server, and on record as cut${whyNot}`, async () => {
    const naps = async () => {
      const [all] = await mysql?.admin.query('SHOW FULL PROCESSLIST') ?? [[]]
      return (all as { readonly Info: string | null }[]).filter(({ Info }) => Info?.includes('`nap`')).length
    }
    const at = await stand()
    const running = at.query('bills', `INSERT INTO people (id, n) VALUES (1, d.nap(${minute}))`)
    await begun(running, naps)
    await at.lock()
    await expect.poll(naps, patient).toBe(0)
    expect(await running).toMatchObject({ status: 504, json: { reason: 'cut' } })
    expect(at.outcome()).toMatchObject({ status: 'failed', refusal: { reason: 'cut', inner: 'cut: locked' } })
    expect((await mysql?.admin.query('SELECT count(*) AS n FROM d.people'))?.[0]).toEqual([{ n: 0 }])
  }, 60_000)
  test.skipIf(sshd === null)(`on a host: the command is let go of with its connection, ends when it next writes, and what it wrote is on record${sshd === null ? ` (${noSshd})` : ''}`, async () => {
    const at = await stand()
    const written = () => (existsSync(lines()) ? readFileSync(lines(), 'utf8').length / 2 : 0)
    const running = at.exec('sh', loop())
    await begun(running, () => written() > 2, true)
    await at.lock()
    expect(await running).toMatchObject({ status: 502, json: { type: '/problems/outcome-unknown', reason: 'cut' } })
    expect(at.outcome()).toMatchObject({ status: 'unknown', refusal: { reason: 'cut', inner: expect.stringMatching(/^cut: locked \(sluice-/) as unknown } })
    expect(JSON.stringify(at.world.events)).toContain('out\\nout')
    let before = -1
    await expect.poll(() => { const [last, now] = [before, written()]; before = now; return now - last }, { ...patient, interval: 1000 }).toBe(0)
    expect(written()).toBeLessThan(minute * 5)
  }, 60_000)
  test.skipIf(sshd === null)(`on a host: also of one that writes nothing the connection is gone${sshd === null ? ` (${noSshd})` : ''}`, async () => {
    const at = await stand()
    const connections = () => { const log = host?.log() ?? ''; return log.split('Accepted publickey').length - log.split(/Disconnected from user|Connection closed by|Connection reset by/).length }
    const running = at.exec('sleep', String(minute))
    await begun(running, connections)
    await at.lock()
    expect(await running).toMatchObject({ status: 502, json: { reason: 'cut' } })
    await expect.poll(connections, patient).toBe(0)
  }, 60_000)
})

describe('what it costs, and what is left where it is lost', () => {
  test('a call that is over before anybody would look costs no look, no word and no errand more', async () => {
    const at = await stand()
    expect(await at.query('ledger', 'SELECT id FROM people WHERE id = 1')).toMatchObject({ status: 200 })
    expect([errands, looks, at.outcome()?.status]).toEqual([2, 0, 'succeeded'])
  })
  test('a cut that could not be said ends the call, and what runs has its own time', async () => {
    const at = await stand({ deaf: true })
    const running = at.query('ledger', 'SELECT public.nap(12)')
    await begun(running, () => active('nap'))
    await at.lock()
    const answer = await running
    expect([answer.status, at.outcome()]).toMatchObject([502, { status: 'unknown', refusal: { reason: 'answer_lost' } }])
    await expect.poll(() => active('nap'), patient).toBe(0)
  }, 60_000)
})
