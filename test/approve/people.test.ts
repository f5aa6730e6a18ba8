import { expect, test } from 'vitest'
import { support } from '../support/caller.ts'
import { asked, createApproving, lead, otherLead, say } from '../support/approvals.ts'
import { refunds, type Rules, withRules } from './rules.ts'

test('a quorum counts people, not approvals', async () => {
  const at = createApproving(withRules([{ ...refunds, approval: { by: ['support-leads', 'security'], quorum: 2, within: '30m' } }]))
  const request = await asked(await at.as(support))
  const both = await at.as({ ...lead, groups: ['support-leads', 'security'] })
  expect((await say(both, 'approve', request)).json['request']).toMatchObject({ status: 'pending', demands: [{ missing: 1 }] })
  expect((await say(both, 'approve', request)).json['request']).toMatchObject({ status: 'pending', demands: [{ missing: 1 }] })
  await say(await at.as({ ...lead, subject: 'user:LEA@acme.dev' }), 'approve', request)
  expect(await at.approver.proceed(request.id)).toBe('pending')
  expect((await say(await at.as(otherLead), 'approve', request)).json['request']).toMatchObject({ status: 'approved' })
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
})

test('demands of several rules all hold', async () => {
  const ask: Rules[number] = { ask: ['write'], connection: '*', when: 'subject.kind == "agent"', approval: { by: ['security'], quorum: 1, within: '10m' } }
  const at = createApproving(withRules([refunds, ask]))
  const request = await asked(await at.as(support))
  expect(Date.parse(request.expiresAt) - at.world.clock.ms).toBe(600_000)
  await say(await at.as(lead), 'approve', request)
  expect(await at.approver.proceed(request.id)).toBe('pending')
  await say(await at.as({ subject: 'user:sam@acme.dev', groups: ['security'] }), 'approve', request)
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
})

test.each([
  ['the agent itself', support, 404],
  ['the agent with the approvers\' group', { ...support, groups: ['support-agents', 'support-leads'] }, 403],
  ['another agent with the approvers\' group', { subject: 'agent:lead-bot', groups: ['support-leads'] }, 404],
  ['a person through an agent', { ...lead, actor: 'agent:helper' }, 404],
  ['an agent that claims to be a person', { subject: 'agent:x', groups: ['support-leads'], claims: { person: true, kind: 'user', amr: ['mfa'] } }, 404],
  ['the owner of the agent', { subject: 'user:olga@acme.dev', groups: ['support-leads'] }, 404],
  ['the owner in capitals', { subject: 'user:OLGA@acme.dev', groups: ['support-leads'] }, 404],
  ['a person of another group', { subject: 'user:zoe@acme.dev', groups: ['analysts'] }, 404],
  ['a group that is called like a person', { subject: 'user:zoe@acme.dev', groups: ['user:lea@acme.dev'] }, 404],
  ['a sign-in of 16 minutes ago', { ...lead, claims: { auth_time: Date.parse('2026-11-22T08:44:00Z') / 1000 } }, 403],
  ['a sign-in that is no number', { ...lead, claims: { auth_time: 'now' } }, 403],
  ['a sign-in to come', { ...lead, claims: { auth_time: Date.parse('2026-11-22T10:00:00Z') / 1000 } }, 403],
])('does not decide: %s', async (_, token, status) => {
  const at = createApproving(withRules([{ ...refunds, approval: { by: ['support-leads', 'user:lea@acme.dev'], quorum: 1, within: '30m' } }]))
  const request = await asked(await at.as(support))
  const reply = await say(await at.as(token), 'approve', request)
  expect([reply.status, (await at.memory.requests.get(request.id))?.status, (await at.memory.requests.get(request.id))?.verdicts]).toEqual([status === 404 && token.subject === 'agent:support-bot' ? 403 : status, 'pending', []])
})

test('a person who asks does not decide, also as one of the approvers', async () => {
  const at = createApproving({ ...withRules([refunds]), 'roles/lead.yaml': { version: 1, kind: 'role', name: 'lead', members: [{ group: 'support-leads' }], rules: [refunds] } })
  const person = await at.as(lead)
  const request = await asked(person)
  expect((await say(person, 'approve', request)).json).toMatchObject({ reason: 'own_request' })
  expect((await say(await at.as(otherLead), 'approve', request)).json['request']).toMatchObject({ status: 'approved' })
})
