import { generateKeyPairSync } from 'node:crypto'
import { isPermit } from '../../functions/decide/permit.ts'
import type { Executed, Protocol, Run } from '../../functions/protocol/protocol.ts'
import { keyText, publicBlob } from '../../functions/protocol/ssh/certificate.ts'
import { rawOf } from '../../functions/protocol/ssh/raw.ts'
import { createSsh } from '../../functions/protocol/ssh/ssh.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { createApproving } from './approvals.ts'
import { demo } from './policy.ts'
import type { TokenOptions, World } from './ports.ts'

/**
 * A host that nobody connects to: the engine is the real one but for `execute`, so that what the gate around it does runs everywhere. What a real sshd makes of a command is judged in test/protocol/ssh.
 */
export interface FakeHost {
  /** Lines that were run. */
  readonly ran: string[]
  /** What the next command writes, and how it ends. */
  said: { readonly stdout: string; readonly stderr: string; readonly exitCode: number | null }
  /** What the connection's secret is. */
  secret: string
  /** How a command runs instead. */
  command: ((run: Run) => Promise<Executed>) | null
}
export const operator: TokenOptions = { subject: 'agent:operator', groups: ['operators'] }
export const bastion: PolicyDocument = { version: 1, kind: 'connection', name: 'bastion', engine: 'ssh', secret: 'bastion-ssh', logins: { operator: 'deploy' }, detect: ['email'], limits: { bytes: 1024 * 1024 } }
type Rules = Extract<PolicyDocument, { kind: 'role' }>['rules']
export const rules: Rules = [
  { allow: ['exec'], connection: 'bastion', on: [['df', '-h'], ['systemctl', 'status', '*'], ['grep', '*', '/var/log/mail.log']] },
  { allow: ['exec'], connection: 'bastion', on: [['systemctl', 'restart', '*']], approval: { by: ['support-leads'], quorum: 1, within: '30m' } },
  { deny: ['exec'], connection: 'bastion', on: [['systemctl', 'stop']] },
]
export const withRules = (its: Rules, connection: PolicyDocument = bastion): Readonly<Record<string, PolicyDocument>> => ({
  ...demo, 'bastion.yaml': connection, 'roles/operator.yaml': { version: 1, kind: 'role', name: 'operator', members: [{ group: 'operators' }], rules: its },
})

const { privateKey: authority } = generateKeyPairSync('ed25519')
export const secretOf = (url: string): string => JSON.stringify({ url, hostKeys: `ssh-ed25519 ${publicBlob(authority).toString('base64')}`, authority: keyText(authority) })

function engineOf(host: FakeHost, { ports: { now, alarm } }: World): Protocol {
  return {
    ...createSsh({ secrets: { get: async () => host.secret }, now, isPermit, alarm }),
    async execute(_, plan, run) {
      host.ran.push(plan.effects.accesses[0]?.resource ?? '')
      if (host.command) return host.command(run)
      const { stdout, stderr, exitCode } = host.said
      await run.heard?.('stdout', Buffer.from(stdout))
      await run.heard?.('stderr', Buffer.from(stderr))
      return { status: 'succeeded', rows: rawOf({ stdout: Buffer.from(stdout), stderr: Buffer.from(stderr), exitCode, truncated: false, cut: { stdout: false, stderr: false } }, 'sluice-1') }
    },
  }
}
/** A gate with the host behind it. */
export function createHosted(documents = withRules(rules)) {
  const host: FakeHost = { ran: [], secret: secretOf('ssh://gate@bastion.internal'), said: { stdout: 'hello\n', stderr: '', exitCode: 0 }, command: null }
  const approving = createApproving(documents, { engines: (world) => ({ ssh: engineOf(host, world) }) })
  /** `words` to `exec`. */
  const exec = async (words: readonly string[], more: Readonly<Record<string, unknown>> = {}, headers: Readonly<Record<string, string>> = {}, who = operator) =>
    (await approving.as(who)).call('POST', '/v1/connections/bastion/exec', { command: words, ...more }, headers)
  return { ...approving, host, exec }
}
