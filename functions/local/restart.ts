import type { Gate, Step } from './story.ts'

/** The host's part of the demo: commands as rules name them, what they print looked through, and one that asks. */
const exec = '/v1/connections/bastion/exec'
const journal = ['journalctl', '-u', 'front', '-n', '50', '--no-pager']
const agent = (gate: Gate) => gate.token('agent:support-bot', ['support-agents'])
const pidOf = (out: string): string => /Main PID: (\d+)/.exec(out)?.[1] ?? ''

async function pid(gate: Gate): Promise<string> {
  const { status, body } = await gate.call('POST', exec, await agent(gate), { command: ['systemctl', 'status', 'front'] })
  expect(status === 200 && body.exitCode === 0, `the unit's status, got ${status} ${body.reason ?? ''}`)
  return pidOf(body.stdout ?? '')
}

export const restart: readonly Step[] = [
  {
    title: 'the agent reads a service\'s journal on a host, by SSH; addresses, a card and a token in it do not come out',
    async run(gate) {
      const { status, body } = await gate.call('POST', exec, await agent(gate), { command: journal })
      const lines = (body.stdout ?? '').split('\n').filter((line) => line.includes('[redacted: '))
      expect(status === 200 && ['email', 'credit-card', 'secret'].every((name) => lines.some((line) => line.includes(`[redacted: ${name}]`))), `a journal without them, got ${status} ${body.reason ?? ''}`)
      return [journal.join(' '), ...lines.slice(-3)]
    },
  },
  {
    title: 'it puts a second command into the name of a unit; a `*` is one plain argument',
    async run(gate) {
      const { status, body } = await gate.call('POST', exec, await agent(gate), { command: ['systemctl', 'status', 'front; cat /etc/shadow'] })
      expect(status === 403 && body.reason === 'no_rule', `a refusal, got ${status} ${body.reason ?? ''}`)
      return [body.detail ?? '']
    },
  },
  {
    title: 'it wants to restart the service: a lead agrees, and it runs once',
    async run(gate) {
      const before = await pid(gate)
      const asked = await gate.call('POST', exec, await agent(gate), { command: ['systemctl', 'restart', 'front'], purpose: `the checkout hangs, demo of ${new Date().toISOString()}` })
      const { request } = asked.body
      expect(asked.status === 202 && request !== undefined, `a request that waits, got ${asked.status} ${asked.body.reason ?? ''}`)
      const lead = await gate.token('user:sofia@acme.dev', ['support-leads'])
      const said = await gate.call('POST', `/v1/requests/${request?.id}/decision`, lead, { decision: 'approve', digest: request?.digest })
      expect(said.status === 200, `the lead's word taken, got ${said.status} ${said.body.reason ?? ''}`)
      for (let i = 0; i < 100; i++) {
        const now = await gate.call('GET', `/v1/requests/${request?.id}`, await agent(gate))
        if (now.body.request?.status === 'succeeded') break
        await new Promise((resolve) => { setTimeout(resolve, 100) })
      }
      const after = await pid(gate)
      expect(before !== '' && after !== '' && after !== before, `another process than ${before}, got ${after}`)
      return ['systemctl restart front', `${request?.id} succeeded; the service's process was ${before} and is ${after}`]
    },
  },
]

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected ${what}`)
}
