import { generateKeyPairSync } from 'node:crypto'
import { connect } from 'node:net'
import ssh2, { type Client, type ConnectConfig } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commandLine } from '../../schema/command.ts'
import type { Bundle, ConnectionDocument } from '../../schema/policy.ts'
import { isPermit, makePermit } from '../../functions/decide/permit.ts'
import { startBastion, type Bastion } from '../../functions/local/bastion.ts'
import { createMachine } from '../../functions/local/bastion/machine.ts'
import { keyText } from '../../functions/protocol/ssh/certificate.ts'
import { createSsh } from '../../functions/protocol/ssh/ssh.ts'

const connection: ConnectionDocument = { version: 1, kind: 'connection', name: 'host', engine: 'ssh', secret: 'host-ssh' }
const bundle: Bundle = { documents: [{ path: 'host.yaml', document: connection }] }
let bastion: Bastion
beforeAll(async () => { bastion = await startBastion({ bundle, demo: true, now: Date.now }) })
afterAll(() => bastion.close())

/** Through the gate's own engine. */
async function said(words: readonly string[], detect: readonly ('email' | 'credit-card' | 'secret')[] = []) {
  const engine = createSsh({ secrets: { get: async (name) => bastion.secrets[name] ?? '' }, now: Date.now, isPermit, alarm: () => {} })
  const plan = await engine.classify(connection, { statements: [{ sql: commandLine(words), params: [] }], batch: false, isolation: 'read committed', purpose: null, reveal: [], rowMode: 'object', maxRows: null, form: 'ssh' })
  if (!plan.ok) throw new Error(plan.refusal.detail)
  const permit = makePermit(plan.value.effects, { masks: [], revealed: [], detect, limits: { rows: 1, bytes: 65_536, timeoutMs: 5000, affected: 0, statementsPerHour: null, rowsPerHour: null } })
  const executed = await engine.execute(permit, plan.value, { deadline: Date.now() + 5000, rowMode: 'object', maxRows: null })
  if (executed.status !== 'succeeded') throw new Error(JSON.stringify(executed))
  const body = engine.mask(permit, plan.value, executed.rows).answer?.body
  return JSON.parse(Buffer.from(body as Uint8Array).toString('utf8')) as { readonly stdout: string; readonly stderr: string; readonly exitCode: number }
}

describe('the demo\'s host', () => {
  it('answers through the gate\'s engine, also where all of its answer comes in one packet', async () => {
    expect(await said(['systemctl', 'status', 'front'])).toMatchObject({ stdout: expect.stringMatching(/^● front\.service - Shop front\n[^]*Active: active \(running\)/), stderr: '', exitCode: 0 })
    expect(await said(['true'])).toEqual({ stdout: '', stderr: '', exitCode: 0, truncated: false })
  })
  it('logs what detectors find: an address, a card, a token', async () => {
    const words = ['journalctl', '-u', 'front', '-n', '50', '--no-pager']
    expect((await said(words)).stdout).toMatch(/ada\.okafor@[^]*4111 1111 1111 1111[^]*Bearer eyJ/)
    const shown = await said(words, ['email', 'credit-card', 'secret'])
    expect(shown.stdout).not.toMatch(/@mail|4111|eyJ/)
    for (const name of ['email', 'credit-card', 'secret']) expect(shown.stdout).toContain(`[redacted: ${name}]`)
  })
  it('is not there for another policy, or one without hosts', async () => {
    for (const it of [await startBastion({ bundle, demo: false, now: Date.now }), await startBastion({ bundle: { documents: [] }, demo: true, now: Date.now })]) expect(it.secrets).toEqual({})
  })
  it('stops while somebody is connected, and answers nobody then', async () => {
    const other = await startBastion({ bundle, demo: true, now: Date.now })
    const client = await login(other)
    const gone = new Promise((done) => { client.once('close', () => { done(null) }) })
    await other.close()
    await gone
    const refused = await new Promise((done) => { connect({ host: '127.0.0.1', port: placeOf(other).port }).once('error', (error: NodeJS.ErrnoException) => done(error.code)).once('connect', () => done('connected')) })
    expect(refused).toBe('ECONNREFUSED')
  })
})

describe('nobody but the one login by its one key', () => {
  const own = keyText(generateKeyPairSync('ed25519').privateKey)
  it.each<[string, () => ConnectConfig]>([
    ['another key', () => ({ privateKey: own })], ['another login', () => ({ username: 'root' })], ['a password', () => ({ password: 'support', authHandler: ['password'] })],
    ['no credential', () => ({ authHandler: ['none'] })], ['questions and answers', () => ({ tryKeyboard: true, authHandler: ['keyboard-interactive'] })],
  ])('%s', async (_, wrong) => { await expect(login(bastion, wrong())).rejects.toThrow(/authentication/i) })
  it('its key is the one that the secret names', async () => {
    let shown = ''
    const client = await login(bastion, { hostVerifier: (key: Buffer) => { shown = key.toString('base64'); return true } })
    client.end()
    expect(placeOf(bastion).hostKeys.split(' ')[1]).toBe(shown)
  })
})

describe('nothing of the protocol but a command', () => {
  it.each<[string, (client: Client, done: (error: Error | undefined) => void) => void]>([
    ['a shell', (client, done) => { client.shell((error) => { done(error) }) }], ['a shell without a terminal', (client, done) => { client.shell(false, (error) => { done(error) }) }],
    ['a terminal', (client, done) => { client.exec('uptime', { pty: true }, (error) => { done(error) }) }], ['files', (client, done) => { client.sftp((error) => { done(error) }) }],
    ['a subsystem', (client, done) => { client.subsys('netconf', (error) => { done(error) }) }], ['a display', (client, done) => { client.exec('uptime', { x11: true }, (error) => { done(error) }) }],
    ['a connection onwards', (client, done) => { client.forwardOut('127.0.0.1', 1, '127.0.0.1', 22, (error) => { done(error) }) }],
    ['a port', (client, done) => { client.forwardIn('127.0.0.1', 0, (error) => { done(error) }) }], ['a socket', (client, done) => { client.openssh_forwardOutStreamLocal('/run/docker.sock', (error) => { done(error) }) }],
  ])('%s is refused', async (_, ask) => {
    const client = await login(bastion)
    expect(await new Promise((done) => { ask(client, done) })).toBeInstanceOf(Error)
    client.end()
  })
  it.each(['uptime; reboot', 'uptime && id', 'echo $(id)', 'uptime > /tmp/x', '', ' uptime', 'A=b uptime', '\'uptime\''])('a line that is not one command\'s words is no shell\'s either: %s', async (line) => {
    const client = await login(bastion)
    const code = await new Promise((done) => { client.exec(line, (error, channel) => { if (error) return done(error.message); channel.resume().once('exit', done) }) })
    client.end()
    expect(code).toBe(2)
  })
})

describe('the machine that is not there', () => {
  const now = Date.parse('2026-11-22T16:00:00Z')
  const machine = (at = () => now) => createMachine(at)
  it.each<[string, number, RegExp]>([
    ['uptime', 0, /^ 16:00:00 up 41 days, {2}3:07, {2}1 user, {2}load average: /], ['df -h', 0, /98% \/var\/lib\/postgresql\n$/], ['cat /etc/os-release', 0, /^PRETTY_NAME="Debian/], ['systemctl status billing-worker', 3, /× billing-worker\.service[^]*failed \(Result: exit-code\)/],
    ['systemctl status postgres.service', 0, /● postgres\.service/], ['systemctl status nothing', 4, /^$/], ['systemctl is-active front', 0, /^active\n$/], ['systemctl restart nothing', 5, /^$/], ['systemctl stop front', 1, /^$/], ['journalctl -u front -n 1 --no-pager', 0, /^Nov 22 15:59:00 bastion front\[1844\]: [^\n]+\n$/],
    ['journalctl -u front --since yesterday', 1, /^$/], ['cat /etc/shadow', 1, /^$/], ['/usr/bin/uptime', 0, /up 41 days/], ['nmap localhost', 127, /^$/],
  ])('%s', (line, code, out) => {
    const ran = machine()(line.split(' '))
    expect([ran.code, ran.out]).toEqual([code, expect.stringMatching(out)])
    expect(ran.err === '').toBe(code === 0 || code === 3)
  })
  it('says of what there is not what a shell would', () => expect(machine()(['nmap']).err).toBe('sh: 1: nmap: not found\n'))
  it('a restart is seen in the status: another process, just now', () => {
    let at = now
    const run = machine(() => at)
    const before = run(['systemctl', 'status', 'billing-worker'])
    expect(run(['systemctl', 'restart', 'billing-worker'])).toEqual({ out: '', err: '', code: 0 })
    at += 5000
    const after = run(['systemctl', 'status', 'billing-worker'])
    expect([before.code, after.code, after.out]).toEqual([3, 0, expect.stringContaining('Active: active (running) since Sun 2026-11-22 16:00:00 UTC; 5s ago')])
  })
})

interface Place { readonly host: string; readonly port: number; readonly hostKeys: string; readonly privateKey: string }
function placeOf({ secrets }: Bastion): Place {
  const { url, hostKeys, privateKey } = JSON.parse(secrets['host-ssh'] ?? '{}') as { url: string; hostKeys: string; privateKey: string }
  return { host: new URL(url).hostname, port: Number(new URL(url).port), hostKeys, privateKey }
}
function login(to: Bastion, other: ConnectConfig = {}): Promise<Client> {
  const { host, port, privateKey } = placeOf(to)
  const client = new ssh2.Client()
  return new Promise((done, fail) => { client.once('ready', () => done(client)).on('error', fail).connect({ host, port, username: 'support', privateKey, ...other }) })
}
