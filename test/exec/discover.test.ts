import { expect, test } from 'vitest'
import type { PolicyDocument } from '../../schema/policy.ts'
import { clusterDocument } from '../support/cluster.ts'
import { createHosted, operator, rules, withRules } from '../support/host.ts'

const documents: Readonly<Record<string, PolicyDocument>> = {
  ...withRules([...rules, { allow: ['select'], connection: 'shop', on: ['public.orders'] }, { allow: ['get'], connection: 'cluster', on: ['pods'] }]), 'cluster.yaml': clusterDocument,
}
const stand = async (who = operator) => { const at = createHosted(documents); return { at, caller: await at.as(who) } }

test('an agent is told its commands as lists of words, and that a host has no tables', async () => {
  const { caller } = await stand()
  const { abilities } = (await caller.call('GET', '/v1/me')).json as { abilities: { connection: string; principals: { may: { on: unknown }[]; never: { on: unknown }[] }[] }[] }
  const [principal] = abilities.find(({ connection }) => connection === 'bastion')?.principals ?? []
  expect([principal?.may[0]?.on, principal?.never[0]?.on]).toEqual([[['df', '-h'], ['systemctl', 'status', '*'], ['grep', '*', '/var/log/mail.log']], [['systemctl', 'stop']]])
  expect((await caller.call('GET', '/v1/connections')).json['connections']).toContainEqual({ name: 'bastion', engine: 'ssh', locked: false })
  expect((await caller.call('GET', '/v1/connections/bastion/schema')).json).toEqual({ connection: 'bastion', relations: [], hint: expect.stringContaining('abilities') as string })
})

test('who has no rule of the host hears nothing of it', async () => {
  const { caller } = await stand({ subject: 'agent:analyst', groups: ['analysts'] })
  expect((await caller.call('GET', '/v1/me')).text).not.toContain('bastion')
  for (const [method, path, body] of [['GET', '/v1/connections/bastion/schema'], ['POST', '/v1/connections/bastion/exec', { command: ['df', '-h'] }], ['POST', '/v1/connections/bastion/query', { sql: 'select 1' }]] as const) {
    const real = await caller.call(method, path, body)
    const none = await caller.call(method, path.replace('bastion', 'nothing'), body)
    expect([real.status, String(real.json['detail'])]).toEqual([none.status, String(none.json['detail']).replace('nothing', 'bastion')])
  }
})

test.each([
  ['sql on a host', 'bastion/query', { sql: 'select 1' }, /`bastion`.* it is a host: commands go to \/v1\/connections\/bastion\/exec, such as `\{"command": \["df", "-h"\]\}`/], ['sql to be explained on a host', 'bastion/explain', { sql: 'select 1' }, /it is a host/],
  ['a command on a database', 'shop/exec', { command: ['df', '-h'] }, /`shop`.* it is a database: it is asked at \/v1\/connections\/shop\/query/], ['a command without a container on a cluster', 'cluster/exec', { command: ['df', '-h'] }, /it is a cluster: .*`namespace` and `pod`/],
  ['a container on a host', 'bastion/exec', { command: ['df', '-h'], namespace: 'web', pod: 'p' }, /there is no connection to a cluster here/], ['sql beside a command', 'bastion/exec', { command: ['df', '-h'], sql: 'select 1' }, /member `sql` is not known; there are command, purpose/],
  ['a command as one text', 'bastion/exec', { command: 'df -h' }, /`command`: /], ['a program that is an option', 'bastion/exec', { command: ['-h'] }, /the command names no program/],
])('%s is refused with where it goes, and nothing runs', async (_, path, body, detail) => {
  const { at, caller } = await stand()
  const answer = await caller.call('POST', `/v1/connections/${path}`, body)
  expect([answer.status, answer.json['next']]).toEqual([expect.toSatisfy((status: number) => status === 400 || status === 404), expect.any(String)])
  expect(answer.json['detail']).toMatch(detail)
  expect([at.host.ran, at.world.events.filter(({ kind }) => kind === 'intent')]).toEqual([[], []])
})
