import { expect, test } from 'vitest'
import type { PolicyDocument } from '../../schema/policy.ts'
import { lead } from '../support/approvals.ts'
import { bastion, createHosted, operator, rules, withRules } from '../support/host.ts'

type Rules = Extract<PolicyDocument, { kind: 'role' }>['rules']
const host = (logins: Readonly<Record<string, string>>, more: object = {}): PolicyDocument => ({ ...bastion, logins, ...more }) as PolicyDocument
const role = (name: string, its: Rules): PolicyDocument => ({ version: 1, kind: 'role', name, members: [{ group: name }], rules: its })
/** Somebody who is `operator` (a) and `viewer` (z). */
const both: typeof operator = { ...operator, groups: ['operators', 'viewer'] }
function twoRoles(operators: Rules, viewers: Rules, logins: Readonly<Record<string, string>> = { operator: 'root', viewer: 'viewer' }) {
  return createHosted({ ...withRules(operators, host(logins)), 'roles/viewer.yaml': role('viewer', viewers) })
}
type At = ReturnType<typeof createHosted>
const ranAs = ({ world }: At) => { const intent = world.events.findLast(({ kind }) => kind === 'intent'); return intent && 'diff' in intent ? String(intent.diff).split('\n')[0] : undefined }
const run = async (at: At, words: readonly string[]) => [(await at.exec(words, {}, {}, both)).status, ranAs(at)]
const approve = async (at: At, words: readonly string[], headers: Readonly<Record<string, string>> = {}, who = both) => {
  const { request } = (await at.exec(words, {}, headers, who)).json as { request: { id: `arq_${string}`; digest: string } }
  await (await at.as(lead)).call('POST', `/v1/requests/${request.id}/decision`, { decision: 'approve', digest: request.digest })
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
  return request
}
const uptime: Rules[number] = { allow: ['exec'], connection: 'bastion', on: [['uptime']] }
const disks: Rules[number] = { allow: ['exec'], connection: 'bastion', on: [['df', '-h']] }
const asking = { approval: { by: ['support-leads'], quorum: 1, within: '30m' } }

test('a command runs as the user of a role whose rule gives it, not of one that its caller holds beside', async () => {
  const at = twoRoles([uptime], [disks])
  expect(await run(at, ['df', '-h'])).toEqual([200, 'as viewer'])
  expect(await run(at, ['uptime'])).toEqual([200, 'as root'])
  expect(await run(twoRoles([disks], [disks]), ['df', '-h'])).toEqual([200, 'as root'])
})

test('a role that gives it and has no login leads to the one of `*`, never to another role\'s; without one it is refused', async () => {
  expect(await run(twoRoles([uptime], [disks], { operator: 'root', '*': 'nobody' }), ['df', '-h'])).toEqual([200, 'as nobody'])
  const at = twoRoles([uptime], [disks], { operator: 'root' })
  expect((await at.exec(['df', '-h'], {}, {}, both)).json).toMatchObject({ status: 403, reason: 'no_login', detail: expect.stringContaining('no role of yours that gives this command has a login') as string })
  expect(at.host.ran).toEqual([])
})

test('what needs no people by one role does not run as the user of another, whose rule asks them', async () => {
  expect(await run(twoRoles([{ ...disks, ...asking }], [disks]), ['df', '-h'])).toEqual([200, 'as viewer'])
})

test('a request shows, and binds, the user of the role that gives it', async () => {
  const at = twoRoles([uptime], [{ ...disks, ...asking }])
  const { id } = await approve(at, ['df', '-h'])
  expect((await at.memory.requests.get(id))?.diff).toMatch(/^as viewer\n/)
  expect(ranAs(at)).toBe('as viewer')
})

const another = withRules(rules, host({ operator: 'nobody' }))
test('what one user\'s command wrote is not given under its key once it would run as another', async () => {
  const at = createHosted()
  await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' })
  await at.apply(another)
  expect((await at.exec(['df', '-h'], {}, { 'idempotency-key': 'k' })).json).toMatchObject({ status: 403, reason: 'answer_withheld' })
  expect((await at.exec(['df', '-h'], {}, { 'idempotency-key': 'other' })).status).toBe(200)
  expect(at.host.ran).toEqual(['df -h', 'df -h'])
})
test('an approved command is answered by its own end only while it would run as the same user: without its key it asks anew, with it nothing is told', async () => {
  const at = createHosted()
  await approve(at, ['systemctl', 'restart', 'cron'], { 'idempotency-key': 'k' }, operator)
  expect((await at.exec(['systemctl', 'restart', 'cron'])).status).toBe(200)
  await at.apply(another)
  expect((await at.exec(['systemctl', 'restart', 'cron'], {}, { 'idempotency-key': 'k' })).json).toMatchObject({ status: 403, reason: 'answer_withheld' })
  expect((await at.exec(['systemctl', 'restart', 'cron'])).status).toBe(202)
  expect(at.host.ran).toEqual(['systemctl restart cron'])
})

test('a login may be called `none`, and is somebody', async () => {
  const at = createHosted(withRules(rules, host({ operator: 'none' })))
  expect((await at.exec(['df', '-h'])).status).toBe(200)
  expect(ranAs(at)).toBe('as none')
})
