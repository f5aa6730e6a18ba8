import { expect, test } from 'vitest'
import { lead } from '../support/approvals.ts'
import { createHosted, operator, rules, withRules } from '../support/host.ts'

const ask = ['systemctl', 'restart', 'cron'] as const
async function approved(at: ReturnType<typeof createHosted>, headers: Readonly<Record<string, string>> = {}) {
  const { request } = (await at.exec(ask, {}, headers)).json as { request: { id: `arq_${string}`; digest: string } }
  await (await at.as(lead)).call('POST', `/v1/requests/${request.id}/decision`, { decision: 'approve', digest: request.digest })
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
  return request
}

test('the same key and command is answered with what the first wrote, masked, and never runs again; another command under it is refused', async () => {
  const at = createHosted()
  at.host.said = { stdout: 'to ann@acme.dev\n', stderr: '', exitCode: 2 }
  const first = await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' })
  expect(String(first.json['stdout'])).not.toContain('ann@')
  at.host.said = { stdout: 'another\n', stderr: '', exitCode: 0 }
  const again = await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' })
  expect([again.status, again.json['stdout'], again.json['exitCode']]).toEqual([200, first.json['stdout'], 2])
  expect((await at.exec(['systemctl', 'status', 'cron'], {}, { 'idempotency-key': 'k' })).status).toBe(422)
  expect((await at.exec(['df', '-h'], { purpose: 'x' }, { 'idempotency-key': 'k' })).status).toBe(422)
  expect(at.host.ran).toEqual(['df -h'])
  expect(at.world.events.map(({ kind }) => kind)).toEqual(['intent', 'outcome', 'repeat', 'refusal', 'refusal'])
})

test('a key is its caller\'s: another\'s same key and command is a run of its own', async () => {
  const at = createHosted()
  await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' })
  await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' }, { ...operator, subject: 'agent:other' })
  expect(at.host.ran).toEqual(['df -h', 'df -h'])
})

test('a stored answer is given only where the command would be permitted now', async () => {
  const at = createHosted()
  await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' })
  await at.apply(withRules([...rules, { deny: ['exec'], connection: 'bastion', on: [['df']] }]))
  expect((await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' })).status).toBe(403)
})

test('for a quarter of an hour an approved command is answered by its own end, to whoever asked alone, and then asks anew', async () => {
  const at = createHosted()
  at.host.said = { stdout: 'mailed ann@acme.dev\n', stderr: '', exitCode: 0 }
  await approved(at)
  const again = await at.exec(ask)
  expect([again.status, again.json['exitCode']]).toEqual([200, 0])
  expect(String(again.json['stdout'])).toMatch(/^mailed (?!ann@)/)
  // Another agent, the same words: a request of its own.
  expect((await at.exec(ask, {}, {}, { ...operator, subject: 'agent:other' })).status).toBe(202)
  // Another command, another request.
  expect((await at.exec(['systemctl', 'restart', 'nginx'])).status).toBe(202)
  at.world.clock.ms += 16 * 60_000
  expect((await at.exec(ask)).status).toBe(202)
  expect(at.host.ran).toEqual(['systemctl restart cron'])
})

test('a key leads to the request it became, whatever ended it; under it no other command asks', async () => {
  const at = createHosted()
  await approved(at, { 'idempotency-key': 'k' })
  at.world.clock.ms += 16 * 60_000
  expect((await at.exec(ask, {}, { 'idempotency-key': 'k' })).json).toMatchObject({ stdout: 'hello\n' })
  expect((await at.exec(['systemctl', 'restart', 'nginx'], {}, { 'idempotency-key': 'k' })).status).toBe(422)
  expect(at.host.ran).toHaveLength(1)
})

test('one whose end was not heard of is unknown, on record, and does not run again under its key', async () => {
  const at = createHosted()
  at.host.command = async (run) => { await run.heard?.('stdout', Buffer.from('half')); return { status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'answer_lost', next: 'none', detail: 'lost' } } }
  expect((await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' })).status).toBe(502)
  const again = await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' })
  expect([409, 502]).toContain(again.status)
  expect(at.host.ran).toHaveLength(1)
  expect(at.world.events.at(1)).toMatchObject({ kind: 'outcome', status: 'unknown', said: { stdout: 'half' } })
})
