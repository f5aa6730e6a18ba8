import { expect, test } from 'vitest'
import { openOf } from '../../schema/content.ts'
import type { Event } from '../../schema/event.ts'
import { rowOf } from '../../functions/record/row.ts'
import { lead } from '../support/approvals.ts'
import { createHosted, operator, rules, withRules } from '../support/host.ts'

const open = (events: readonly Event[]): string => events.map((event) => JSON.stringify(openOf(event))).join('\n')

test('a command runs as its words, and what it wrote is answered and on record with its outcome', async () => {
  const at = createHosted()
  const answer = await at.exec(['df', '-h'], { purpose: 'the disk' })
  expect([answer.status, answer.json]).toMatchObject([200, { stdout: 'hello\n', stderr: '', exitCode: 0, truncated: false, receipt: { event: at.world.events[1]?.id } }])
  expect(at.host.ran).toEqual(['df -h'])
  expect(at.world.events).toMatchObject([
    { kind: 'intent', purpose: 'the disk', statements: [{ sql: 'df -h', params: [] }], accesses: [{ action: 'exec', resource: 'df -h' }], rules: ['operator.rules[0]'] },
    { kind: 'outcome', status: 'succeeded', said: { stdout: 'hello\n', stderr: '', exitCode: 0 }, answered: { audit: 'sluice-1' } },
  ])
})

test('of a command only the words that a rule names stay in clear: what else stands in it goes with its content', async () => {
  const at = createHosted()
  await at.exec(['grep', 'ann@acme.dev', '/var/log/mail.log'])
  await at.exec(['systemctl', 'status', 'ann-acme-dev'])
  await at.exec(['grep', 'ann@acme.dev', '/etc/passwd'])
  await at.exec(['ann@acme.dev', 'ann@acme.dev'])
  await at.exec(['systemctl', 'stop', 'ann@acme.dev'])
  await at.exec(['systemctl', 'restart', 'ann-acme-dev'])
  expect(at.world.events.map(({ kind }) => kind)).toEqual(['intent', 'outcome', 'intent', 'outcome', 'refusal', 'refusal', 'refusal', 'request'])
  expect(open(at.world.events)).not.toMatch(/ann|acme/)
  const reached = at.world.events.flatMap((event): readonly { readonly resource: string }[] => event.kind === 'intent' || event.kind === 'refusal' ? event.accesses : event.kind === 'request' ? event.change['accesses'] as { resource: string }[] : []).map(({ resource }) => resource)
  expect(reached).toEqual(['grep * /var/log/mail.log', 'systemctl status *', 'grep * *', '* *', 'systemctl stop *', 'systemctl restart *'])
  // Whoever may read content reads the whole of it.
  expect(at.world.events[0]).toMatchObject({ statements: [{ sql: 'grep ann@acme.dev /var/log/mail.log' }] })
})

test('a star that a rule means as itself is told as one', async () => {
  const at = createHosted(withRules([{ allow: ['exec'], connection: 'bastion', on: [['find', '*', '-name', '\\*.log', '-newer', '*']] }]))
  expect((await at.exec(['find', '/var', '-name', '*.log', '-newer', '/tmp/x'])).status).toBe(200)
  expect(at.world.events[0]).toMatchObject({ accesses: [{ resource: 'find * -name \'*.log\' -newer *' }] })
})

test('what the index finds a command by is what the log says of it', async () => {
  const at = createHosted()
  await at.exec(['df', '-h'])
  await at.exec(['systemctl', 'status', 'cron'])
  const rows = at.world.events.map((event, index) => rowOf({ id: event.id, kind: event.kind, at: event.at, whole: true, event: Object.fromEntries(Object.entries(openOf(event))) } as never, index))
  expect(rows.flatMap(({ accesses }) => accesses)).toEqual([{ action: 'exec', object: 'df -h' }, { action: 'exec', object: 'systemctl status *' }])
})

test('a request and its execution name their command alike, whatever other rules came meanwhile', async () => {
  const at = createHosted()
  const asked = (await at.exec(['systemctl', 'restart', 'cron'])).json as { request: { id: `arq_${string}`; digest: string } }
  await at.apply({ ...withRules(rules), 'roles/other.yaml': { version: 1, kind: 'role', name: 'other', members: [{ group: 'others' }], rules: [{ allow: ['exec'], connection: 'bastion', on: [['systemctl', 'restart', 'cron']] }] } })
  const person = await at.as(lead)
  expect((await person.call('POST', `/v1/requests/${asked.request.id}/decision`, { decision: 'approve', digest: asked.request.digest })).status).toBe(200)
  expect(await at.approver.proceed(asked.request.id)).toBe('succeeded')
  const named = at.world.events.flatMap((event) => event.kind === 'intent' ? event.accesses : event.kind === 'request' ? event.change['accesses'] : [])
  expect(named).toEqual([{ action: 'exec', resource: 'systemctl restart *' }, { action: 'exec', resource: 'systemctl restart *' }])
})

test('a password in a command is nowhere on record: not in its refusal\'s words, nor in those of an approval that went stale', async () => {
  const its = ['app', '--password', 'hunter2'] as const
  const at = createHosted(withRules([...rules, { allow: ['exec'], connection: 'bastion', on: [['app', '--password', '*']], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }]))
  await at.exec([...its, '`'])
  await at.exec([...its, 'x'.repeat(500)])
  await (await at.as(operator)).call('POST', '/v1/connections/bastion/explain', { command: its })
  const { request } = (await at.exec(its)).json as { request: { id: `arq_${string}`; digest: string } }
  await (await at.as(lead)).call('POST', `/v1/requests/${request.id}/decision`, { decision: 'approve', digest: request.digest })
  await at.apply(withRules([...rules, { deny: ['exec'], connection: 'bastion', on: [['app']] }]))
  expect(await at.approver.proceed(request.id)).toBe('stale')
  expect(at.world.events.map(({ kind }) => kind)).toEqual(['refusal', 'refusal', 'explain', 'request', 'approval', 'stale'])
  for (const event of at.world.events) expect([event.kind, JSON.stringify(event).includes('hunter2'), event.kind === 'approval' || JSON.stringify(event).includes('[redacted: ')]).toEqual([event.kind, false, true])
})

test('output over what an outcome has room for is on record in parts, masked, and no byte of it in clear', async () => {
  const at = createHosted()
  at.host.said = { stdout: `${'x'.repeat(99)}\n`.repeat(4000), stderr: 'mail to ann@acme.dev\n', exitCode: 3 }
  const answer = await at.exec(['df', '-h'])
  expect(answer.json).toMatchObject({ exitCode: 3, stderr: expect.not.stringContaining('ann@') as string })
  const parts = at.world.events.filter(({ kind }) => kind === 'output')
  expect(parts.length).toBeGreaterThan(1)
  expect(at.world.events.at(-1)).toMatchObject({ kind: 'outcome', said: { parts: parts.length, stdout: { bytes: 400_000 }, exitCode: 3 } })
  expect(open(at.world.events)).not.toMatch(/xxx|ann@/)
})
