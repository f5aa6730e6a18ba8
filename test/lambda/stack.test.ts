import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { rejectAction } from '../../functions/approve/blocks.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { createSockets } from '../../functions/aws/sockets.ts'
import { startStepFunctions, type StepFunctions } from '../../functions/local/stepfunctions.ts'
import { startGateway, type Gateway } from '../../functions/local/websocket.ts'
import type { Sockets } from '../../functions/ports.ts'
import { approvalDefinition } from '../../infra/approval.ts'
import { bundle } from '../../infra/bundle.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { functionArn } from '../local/machine.ts'
import { openPorts } from '../support/local.ts'
import { noSshd, sshd, startSshd, type Sshd } from '../support/sshd.ts'
import { openssl, startGate } from './gate.ts'
import { type Runtime, startRuntime, urlEvent } from './runtime.ts'

/**
 * The bundles of HTTP, commands, approvals, sockets and the sweeper as one stack, each under its Runtime API, and what is deployed between them: the state machine, the WebSocket API and the tables. They speak with a database by Neon's two protocols and
 * with OpenSSH's own server.
 */
const why = openssl === undefined ? ' (no openssl for a test certificate)' : sshd === null ? ` (${noSshd})` : ''
const documents = (issuer: string): readonly PolicyDocument[] => [
  { version: 1, kind: 'issuer', name: 'okta', issuer, audience: 'https://gate.sluice.test', groups: { claim: 'groups', accept: ['*'] }, people: { clients: ['console'], subject: 'user:{sub}' }, agents: { subject: 'agent:{sub}' } },
  { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' }, classify: { 'public.customers.email': 'pii.email' }, mask: { 'pii.email': 'email' } },
  { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh', detect: ['email'] },
  { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [
    { allow: ['select'], connection: 'shop', on: ['public.customers', 'public.refunds'] }, { allow: ['insert'], connection: 'shop', on: ['public.notes'] },
    { allow: ['insert'], connection: 'shop', on: ['public.refunds'], approval: { by: ['leads'], quorum: 1, within: '30m' } },
    { allow: ['exec'], connection: 'bastion', on: [['printf', 'at once %s', '*']] }, { allow: ['exec'], connection: 'bastion', on: [['touch', '*'], ['printf', 'asked %s', '*']], approval: { by: ['leads'], quorum: 1, within: '30m' } },
  ] },
  { version: 1, kind: 'notify', name: 'leads', group: 'leads', people: { U0LEA000: 'user:lea' } },
]
const signing = '8f742231b10e8888abcd99yyyzzz85a5'
const schema = `CREATE TABLE public.refunds (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, reason text); CREATE TABLE public.notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
  GRANT SELECT, INSERT ON public.refunds, public.notes TO w; GRANT SELECT ON public.refunds TO r, p`
type Said = Readonly<Record<string, unknown>>
interface Request { readonly id: string; readonly digest: string; readonly status: string }

describe.skipIf(openssl === undefined || sshd === null)(`the bundles together${why}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-stack-'))
  let [http, lasting, approval, websocket, sweeper] = [null, null, null, null, null] as unknown as [Runtime, Runtime, Runtime, Runtime, Runtime]
  let [around, host, machines] = [null, null, null] as unknown as [Awaited<ReturnType<typeof startGate>>, Sshd, StepFunctions]
  let [gateway, server, sockets, lead] = [null, null, null, ''] as unknown as [Gateway, Server, Sockets & { end(): void }, string]

  beforeAll(async () => {
    host = await startSshd()
    around = await startGate(directory, { documents, schema, env: { SLUICE_SECRET_BASTION_SSH: host.certified, SLUICE_SLACK: 'yes', SLUICE_SECRET_SLACK_SIGNING_SECRET: signing } })
    const { credentials, url } = around.place.dynamo
    lead = await around.mint('lea', ['leads'], { client_id: 'console', auth_time: Math.floor(Date.now() / 1000) })
    machines = await startStepFunctions({ directory: join(directory, 'machines'), credentials, alarm: () => {} })
    gateway = await startGateway({ credentials, now: Date.now, endOf: async () => null, end: async () => {} })
    const env = { ...around.env, AWS_ENDPOINT_URL_SFN: machines.url, SLUICE_STATE_MACHINE: await machines.define('approval', approvalDefinition(functionArn)), SLUICE_SOCKET_ENDPOINT: gateway.url }
    const start = async (name: Parameters<typeof bundle>[0]) => startRuntime((await bundle(name, directory)).file, env, around.preload)
    http = await start('http')
    lasting = await start('lasting')
    approval = await start('approval')
    websocket = await start('websocket')
    sweeper = await start('sweeper')
    machines.run(new Map([[functionArn, (event) => approval.call(event, 900_000)]]))
    gateway.serve((event) => websocket.call(event) as Promise<{ readonly statusCode: number }>)
    server = createServer((_, response) => response.writeHead(404).end()).on('upgrade', gateway.upgrade)
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const dynamo = signedDynamo({ region: 'local', endpoint: url, credentials, now: Date.now })
    sockets = { ...createSockets({ hot: dynamo, now: Date.now, reach: { push: async () => 'gone', close: async () => {} } }), end: () => dynamo.close() }
  }, 120_000)
  afterAll(async () => {
    await gateway?.close()
    server?.closeAllConnections()
    server?.close()
    await machines?.close()
    for (const runtime of [http, lasting, approval, websocket, sweeper]) await runtime?.stop()
    sockets?.end()
    await around?.stop()
    await host?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  async function send(method: string, path: string, body?: object, token = around.token): Promise<{ readonly status: number; readonly body: Said }> {
    const { status, body: text } = await (path.endsWith('/exec') ? lasting : http).invoke(urlEvent(method, path, { headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, ...(body && { body: JSON.stringify(body) }) }))
    return { status, body: JSON.parse(text) as Said }
  }
  const query = (sql: string) => send('POST', '/v1/connections/shop/query', { sql })
  const exec = (command: readonly string[]) => send('POST', '/v1/connections/bastion/exec', { command })
  /** Asks, lets somebody decide, and gives what became of it: the approval bundle alone executes. */
  async function decided(asked: { readonly status: number; readonly body: Said }, decision: 'approve' | 'reject'): Promise<Said> {
    expect(asked.status, JSON.stringify(asked.body)).toBe(202)
    const { id, digest } = asked.body['request'] as Request
    const answer = await send('POST', `/v1/requests/${id}/decision`, { decision, digest }, lead)
    expect(answer.status, JSON.stringify(answer.body)).toBe(200)
    for (;;) {
      const { body } = await send('GET', `/v1/requests/${id}`)
      if (!['pending', 'approved', 'executing'].includes((body['request'] as Request).status)) return body
      await pause(50)
    }
  }
  const reasons = async () => (await around.database.query('SELECT reason FROM public.refunds ORDER BY id')).rows.map(({ reason }: { reason: string }) => reason)
  const logins = () => host.log().split('Accepted publickey').length - 1

  test('a write goes to PostgreSQL by the WebSocket of Neon\'s driver, and a read needs none', async () => {
    expect((await query('select id from customers where id = 1')).status).toBe(200)
    expect(around.tunnels()).toBe(0)
    const wrote = await query("insert into notes (what) values ('by the bundle')")
    expect([wrote.status, wrote.body['rowCount']], JSON.stringify(wrote.body) + http.output()).toEqual([200, 1])
    expect((await around.database.query('SELECT what FROM public.notes')).rows).toEqual([{ what: 'by the bundle' }])
    expect(around.tunnels()).toBe(1)
  })

  test('a write that people approve is executed by the approval bundle, over a WebSocket of its own, once', async () => {
    const before = around.tunnels()
    const told = await decided(await query("insert into refunds (reason) values ('approved') returning id"), 'approve')
    expect(told, approval.output()).toMatchObject({ request: { status: 'succeeded' }, result: { rowCount: 1 } })
    expect([await reasons(), around.tunnels()]).toEqual([['approved'], before + 1])
    // The same call is that request's answer, and no second write.
    expect(await query("insert into refunds (reason) values ('approved') returning id")).toMatchObject({ status: 200, body: { rowCount: 1 } })
    expect(await reasons()).toEqual(['approved'])
    // Lambda may deliver an event again at any time, also after the end.
    expect(await approval.call({ step: 'proceed', request: (told['request'] as Request).id })).toEqual({ status: 'succeeded' })
    expect(await reasons()).toEqual(['approved'])
  })

  test('what people reject is never executed', async () => {
    const before = [await reasons(), logins()]
    expect(await decided(await query("insert into refunds (reason) values ('rejected')"), 'reject')).toMatchObject({ request: { status: 'rejected' } })
    expect(await decided(await exec(['touch', join(host.directory, 'rejected')]), 'reject')).toMatchObject({ request: { status: 'rejected' } })
    expect([await reasons(), logins()]).toEqual(before)
  })

  test('a press of *Reject* that Slack signed rejects; what is signed by anybody else does nothing', async () => {
    const before = await reasons()
    const { body: asked } = await query("insert into refunds (reason) values ('pressed')")
    const { id } = asked['request'] as Request
    const form = `payload=${encodeURIComponent(JSON.stringify({ type: 'block_actions', user: { id: 'U0LEA000' }, actions: [{ action_id: rejectAction, type: 'button', value: id }] }))}`
    const press = async (key: string) => {
      const at = String(Math.floor(Date.now() / 1000))
      const { status } = await http.invoke(urlEvent('POST', '/v1/slack', { headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-slack-request-timestamp': at, 'x-slack-signature': `v0=${createHmac('sha256', key).update(`v0:${at}:${form}`).digest('hex')}` }, body: form }))
      return [status, ((await send('GET', `/v1/requests/${id}`)).body['request'] as Request).status]
    }
    expect(await press('another')).toEqual([401, 'pending'])
    expect(await press(signing), http.output()).toEqual([200, 'rejected'])
    expect(await reasons()).toEqual(before)
  })

  test('a command that people approve is run by the approval bundle on its host, and what it wrote is masked', async () => {
    const before = logins()
    const told = await decided(await exec(['printf', 'asked %s', 'joe@acme.dev']), 'approve')
    expect(told, approval.output()).toMatchObject({ request: { status: 'succeeded' }, result: { status: 200, body: JSON.stringify({ stdout: 'asked [redacted: email]', stderr: '', exitCode: 0, truncated: false }) } })
    expect(logins()).toBe(before + 1)
  })

  /** Opens a socket by the gateway; every frame that comes, and one that answers. */
  async function open(token: string | null) {
    const web = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/socket`, { headers: token === null ? {} : { authorization: `Bearer ${token}` } })
    const seen: Said[] = []
    web.on('message', (data: Buffer) => { seen.push(JSON.parse(data.toString()) as Said) })
    await new Promise<void>((resolve, reject) => { web.on('open', resolve).on('error', reject).on('unexpected-response', (_, response) => { reject(new Error(`status ${response.statusCode}`)); response.resume() }) })
    const hear = async (wanted: (frame: Said) => boolean): Promise<Said> => {
      for (;;) {
        const found = seen.find(wanted)
        if (found) return found
        if (web.readyState === WebSocket.CLOSED) throw new Error(`closed; seen ${JSON.stringify(seen)}\n${websocket.output()}`)
        await pause(20)
      }
    }
    const ended = new Promise<number>((resolve) => { web.on('close', resolve) })
    return { web, hear, ended, call: (frame: Said & { readonly id: string }) => { web.send(JSON.stringify(frame)); return hear(({ id }) => id === frame.id) } }
  }
  async function stored(): Promise<readonly string[]> {
    const subjects: string[] = []
    for (let after: string | null = null; ;) {
      const page = await sockets.all(after)
      subjects.push(...page.sockets.map(({ subject }) => subject))
      if (page.next === null) return subjects
      after = page.next
    }
  }

  test('the socket bundle lets nobody in without a token of the issuer\'s, and keeps nothing of who was not let in', async () => {
    await expect(open(null)).rejects.toThrow('status 401')
    await expect(open(`${around.token.slice(0, -6)}AAAAAA`)).rejects.toThrow('status 401')
    expect(await stored()).toEqual([])
  })

  test('serves a socket from its handshake to its end: ping, statement, command, refusal, and what people decided pushed by the approval bundle', async () => {
    const { web, call, hear } = await open(around.token)
    expect(await stored()).toEqual(['agent:bot'])
    expect(await call({ id: '1', action: 'ping' })).toMatchObject({ status: 200 })
    expect(await call({ id: '2', action: 'query', connection: 'shop', body: { sql: 'select email from customers where id = 1' } })).toMatchObject({ status: 200, body: { rows: [{ email: 'c***@example.com' }] } })
    expect(await call({ id: '3', action: 'query', connection: 'shop', body: { sql: "insert into notes (what) values ('by a frame')" } })).toMatchObject({ status: 200, body: { rowCount: 1 } })
    expect(await call({ id: '4', action: 'exec', connection: 'bastion', body: { command: ['printf', 'at once %s', 'joe@acme.dev'] } })).toMatchObject({ status: 200, body: { stdout: 'at once [redacted: email]', exitCode: 0 } })
    expect(await call({ id: '5', action: 'exec', connection: 'bastion', body: { command: ['id'] } })).toMatchObject({ status: 403, body: { reason: 'no_rule' } })
    const asked = await call({ id: '6', action: 'exec', connection: 'bastion', body: { command: ['printf', 'asked %s', 'ann@acme.dev'] } })
    const { request } = asked['body'] as { request: Request }
    await decided({ status: asked['status'] as number, body: asked['body'] as Said }, 'approve')
    expect(JSON.stringify(await hear((frame) => frame['request'] === request.id))).toContain('asked [redacted: email]')
    web.close()
    await expect.poll(stored, { timeout: 20_000 }).toEqual([])
  })

  test('the sweeper bundle ends a socket whose holder is locked out, idle as it is, and says why; it leaves one that stands', async () => {
    const ports = openPorts(around.place)
    const [{ hear, ended }, other] = [await open(around.token), await open(await around.mint('other', ['readers']))]
    await sweeper.call({ source: 'schedule' })
    expect((await stored()).toSorted()).toEqual(['agent:bot', 'agent:other'])
    await ports.policies.lock({ target: 'subject:agent:bot', by: 'user:ops@acme.dev', at: new Date().toISOString(), reason: null, until: null })
    await pause(2500)                                                // until what it knows of the policy is too old to be used
    await sweeper.call({ source: 'schedule' })
    expect(await hear(({ id }) => id === null)).toMatchObject({ body: { reason: 'locked' } })
    await ended
    expect(await stored()).toEqual(['agent:other'])
    expect(await other.call({ id: '1', action: 'ping' })).toMatchObject({ status: 200 })
    other.web.close()
    ports.close()
  })
})
