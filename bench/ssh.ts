import { fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { createApp } from '../functions/app.ts'
import { isPermit } from '../functions/decide/permit.ts'
import { createSsh } from '../functions/protocol/ssh/ssh.ts'
import type { PolicyDocument } from '../schema/policy.ts'
import { createWorld } from '../test/support/ports.ts'
import { noSshd, sshd, startSshd, type Sshd } from '../test/support/sshd.ts'
import { message } from './load.ts'

/**
 * The rows of bench/run.ts for SSH: CPU of the gate's process for one command on a host ÷ that of a bare ssh2 client that logs in with the same key to the same OpenSSH server, runs the same command and reads its output, both in this
 * run, in processes of their own, lowest of the interleaved rounds. The gate is the whole app but HTTP's socket and its durable writes. `node bench/ssh.ts` prints the table; raw rounds with `--json`. ROUNDS and COUNT (commands a round).
 */
const rounds = Number(process.env['ROUNDS'] ?? 6)
const count = Number(process.env['COUNT'] ?? 24)
const warmUps = 2
/** At once: each is a process or three of the host's. */
const connections = 2
const command = ['echo', 'up', '4', 'days'] as const
type Target = Pick<Sshd, 'port' | 'hostKey' | 'certified' | 'keyed'>
type Side = () => Promise<unknown>

function bare({ port, hostKey, keyed }: Target): Side {
  const { privateKey } = JSON.parse(keyed) as { privateKey: string }
  const { username } = new URL((JSON.parse(keyed) as { url: string }).url)
  const known = Buffer.from(hostKey.split(' ')[1] ?? '', 'base64')
  return () => new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    client.on('error', reject).on('ready', () => {
      client.exec(command.join(' '), (error, channel) => {
        if (error) return reject(error)
        let text = ''
        channel.on('data', (bytes: Buffer) => { text += bytes.toString() }).on('close', () => { client.end(); resolve(text) })
        channel.stderr.resume()
      })
    }).connect({ host: '127.0.0.1', port, username, privateKey, algorithms: { kex: ['curve25519-sha256'], cipher: ['aes256-gcm@openssh.com'], serverHostKey: ['ssh-ed25519'] }, hostVerifier: (shown: Buffer) => shown.equals(known) })
  })
}

async function gate(secret: string): Promise<Side> {
  const documents: Record<string, PolicyDocument> = {
    'connection.bastion.yaml': { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh', detect: ['credit-card', 'us-ssn', 'email', 'iban', 'secret'], limits: { timeout: '30s' } },
    'role.runner.yaml': { version: 1, kind: 'role', name: 'runner', members: [{ group: 'runners' }], rules: [{ allow: ['exec'], connection: 'bastion', on: [[...command.slice(0, 2), '*', 'days']] }] },
  }
  const world = createWorld({ ...(await import('../test/support/policy.ts')).demo, ...documents })
  world.clock.ms = Date.now()
  const secrets = { get: async (name: string) => (name === 'bastion-ssh' ? secret : world.ports.secrets.get(name)) }
  const app = createApp({ ...world.ports, now: Date.now, secrets, engines: { ...world.ports.engines, ssh: createSsh({ secrets, now: Date.now, isPermit, alarm: (what, detail) => { process.stderr.write(`${what} ${JSON.stringify(detail)}\n`) } }) } })
  const token = await world.token({ subject: 'agent:bench', groups: ['runners'], seconds: 3600 })
  return async () => {
    const answer = await app.request('/v1/connections/bastion/exec', { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ command }) })
    const said = await answer.text()
    if (answer.status !== 200) throw new Error(`status ${answer.status}: ${said}`)
    world.events.length = 0
  }
}

/** A process of its own: answers each message with the CPU, µs, that it took for each of so many commands. */
async function serve(kind: string, target: Target): Promise<void> {
  const side = kind === 'bare' ? bare(target) : await gate(kind === 'gate, keyed' ? target.keyed : target.certified)
  process.on('message', (count: number) => {
    const before = process.cpuUsage()
    let left = count
    void Promise.all(Array.from({ length: connections }, async () => { while (left-- > 0) await side() })).then(() => { const { user, system } = process.cpuUsage(before); process.send?.((user + system) / count) }, (error: unknown) => { console.error(error); process.exit(1) })
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.('ready')
}

async function measure(): Promise<void> {
  const { stop, port, hostKey, certified, keyed } = await startSshd()
  const target = JSON.stringify({ port, hostKey, certified, keyed })
  const kinds = ['bare', 'gate, keyed', 'gate, certified']
  const sides = await Promise.all(kinds.map(async (kind) => { const child = fork(join(import.meta.dirname, 'ssh.ts'), ['--serve', kind, target]); await message(child); return [kind, child] as const }))
  const raw: Record<string, number[]> = {}
  for (let round = 1 - warmUps; round <= rounds; round++) for (const [kind, child] of sides) {
    const answer = message<number>(child)
    child.send(count)
    const cpu = await answer
    if (round >= 1) (raw[kind] ??= []).push(cpu)
  }
  for (const [, child] of sides) child.disconnect()
  await stop()
  const lowest = (kind: string): number => Math.min(...(raw[kind] ?? [Number.NaN]))
  const ratios = [['a command, key of its own ÷ bare ssh2', lowest('gate, keyed') / lowest('bare')], ['a command, certificate for it alone ÷ bare ssh2', lowest('gate, certified') / lowest('bare')]] as const
  if (process.argv.includes('--json')) return console.log(JSON.stringify({ raw, ratios }))
  const line = (what: string, value: string) => console.log(`  ${what.padEnd(58)} ${value.padStart(9)}`)
  console.log(`\nCPU µs a command, lowest of ${rounds} rounds of ${count}, ${connections} at once, Node ${process.version}, ssh2, OpenSSH's own server`)
  for (const kind of kinds) line(kind, lowest(kind).toFixed(0))
  for (const [what, value] of ratios) line(what, value.toFixed(2))
  mkdirSync(join(import.meta.dirname, 'results'), { recursive: true })
  writeFileSync(join(import.meta.dirname, 'results/ssh.json'), JSON.stringify({ node: process.version, rounds, count, raw }, null, 1))
}

const [, , flag, kind = '', target = ''] = process.argv
if (flag === '--serve') await serve(kind, JSON.parse(target) as Target)
else if (sshd === null) console.log(process.argv.includes('--json') ? 'null' : noSshd)
else await measure()
