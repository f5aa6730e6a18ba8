import { afterEach, expect, test } from 'vitest'
import { lead } from '../support/approvals.ts'
import { createHosted, operator } from '../support/host.ts'
import { closers, createRig } from './rig.ts'

afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

async function stand() {
  const hosted = createHosted()
  const rig = await createRig({ hosted })
  const client = await rig.as(operator)
  const exec = (id: string, command: unknown, more: object = {}) => client.call({ id, action: 'exec', connection: 'bastion', body: { command }, ...more })
  return { hosted, rig, client, exec }
}

test('a command over a socket is the route\'s own: answer, refusal, question, and one run however often its frame comes', async () => {
  const { hosted, client, exec } = await stand()
  expect(await exec('1', ['df', '-h'])).toMatchObject({ status: 200, body: { stdout: 'hello\n', exitCode: 0 } })
  client.say({ id: '1', action: 'exec', connection: 'bastion', body: { command: ['df', '-h'] } })
  expect(await exec('2', ['df', '-k'])).toMatchObject({ status: 403, body: { reason: 'no_rule' } })
  expect(await exec('3', 'df -h')).toMatchObject({ status: 400, body: { reason: 'command' } })
  expect(await client.call({ id: '4', action: 'explain', connection: 'bastion', body: { command: ['systemctl', 'restart', 'cron'] } })).toMatchObject({ status: 200, body: { decision: 'ask' } })
  expect(await client.call({ id: '5', action: 'query', connection: 'bastion', body: { sql: 'select 1' } })).toMatchObject({ status: 404, body: { detail: expect.stringContaining('a host: commands go to') as string } })
  expect(await client.call({ id: '6', action: 'exec', connection: 'shop', body: { command: ['df'] } })).toMatchObject({ status: 404 })
  expect(await client.call({ id: '7', action: 'shell', connection: 'bastion', body: {} })).toMatchObject({ status: 400, body: { detail: expect.stringContaining('`exec`') as string } })
  expect(hosted.host.ran).toEqual(['df -h'])
})

test('one that needs people is answered at once, and what it wrote is pushed to whoever asked', async () => {
  const { hosted, rig, client, exec } = await stand()
  const asked = await exec('1', ['systemctl', 'restart', 'cron'])
  expect(asked).toMatchObject({ status: 202, body: { request: { status: 'pending' } } })
  const { id, digest } = asked.body['request'] as { id: `arq_${string}`; digest: string }
  await rig.quiet()
  await (await hosted.as(lead)).call('POST', `/v1/requests/${id}/decision`, { decision: 'approve', digest })
  expect(await hosted.approver.proceed(id)).toBe('succeeded')
  await rig.tell(id)
  expect(JSON.stringify(await client.hear((frame) => frame['request'] === id))).toContain('hello\\\\n')
  expect(await exec('2', ['systemctl', 'restart', 'cron'])).toMatchObject({ status: 200, body: { stdout: 'hello\n' } })
  expect(hosted.host.ran).toEqual(['systemctl restart cron'])
})

test('an answer over 100 KB has run, and says how to have it all the same', async () => {
  const { hosted, exec } = await stand()
  hosted.host.said = { stdout: 'x'.repeat(150_000), stderr: '', exitCode: 0 }
  const told = await exec('1', ['df', '-h'])
  expect(told).toMatchObject({ status: 413, body: { reason: 'answer_too_large' } })
  const [, key = ''] = /idempotency-key: ([^`]+)`/.exec(String(told.body['detail'])) ?? []
  expect(String((await hosted.exec(['df', '-h'], {}, { 'idempotency-key': key })).json['stdout'])).toHaveLength(150_000)
  expect(hosted.host.ran).toEqual(['df -h'])
})
