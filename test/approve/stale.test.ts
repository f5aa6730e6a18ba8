import { expect, test } from 'vitest'
import { support } from '../support/caller.ts'
import { asked, createApproving, lead, path, refund, say } from '../support/approvals.ts'
import type { demo } from '../support/policy.ts'
import { kinds, refunds, withRules } from './rules.ts'

test.each([
  ['the rule that asked', async (at: ReturnType<typeof createApproving>) => at.apply(withRules([{ ...refunds, approval: { by: ['support-leads'], quorum: 1, within: '20m' } }]))],
  ['the rule is gone', async (at: ReturnType<typeof createApproving>) => at.apply(withRules([]))],
  ['a deny came', async (at: ReturnType<typeof createApproving>) => at.apply(withRules([refunds, { deny: ['insert'], connection: 'shop', on: ['public.refunds'] }]))],
  ['it needs nobody any more', async (at: ReturnType<typeof createApproving>) => at.apply(withRules([{ allow: ['insert', 'update'], connection: 'shop', on: ['public.refunds'] }]))],
  ['the agent is locked', async (at: ReturnType<typeof createApproving>) => { await at.ports.policies.lock({ target: 'subject:agent:support-bot', by: 'user:x', at: '', reason: null, until: null }); at.world.clock.ms += 3000 }],
  ['its approver is locked', async (at: ReturnType<typeof createApproving>) => { await at.ports.policies.lock({ target: 'subject:user:lea@acme.dev', by: 'user:x', at: '', reason: null, until: null }); at.world.clock.ms += 3000 }],
  ['the connection is locked', async (at: ReturnType<typeof createApproving>) => { await at.ports.policies.lock({ target: 'connection:shop', by: 'user:x', at: '', reason: null, until: null }); at.world.clock.ms += 3000 }],
])('changed between approval and execution: %s', async (_, change) => {
  const at = createApproving(withRules([refunds]))
  const agent = await at.as(support)
  const request = await asked(agent)
  await say(await at.as(lead), 'approve', request)
  await change(at)
  expect(await at.approver.proceed(request.id)).toBe('stale')
  expect(at.world.engine.ran).toEqual([])
  expect((await at.memory.requests.get(request.id))?.ending?.refusal?.slug).toBe('approval-stale')
  expect(kinds(at.world)).toEqual(['request', 'approval', 'stale'])
})

test('a policy that changes elsewhere leaves the approval as it is', async () => {
  const at = createApproving(withRules([refunds]))
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request)
  await at.apply({ ...withRules([refunds]), 'roles/analyst.yaml': { version: 1, kind: 'role', name: 'analyst', members: [], rules: [] } })
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
})

test('a digest of another request, or of an earlier reading, decides nothing', async () => {
  const at = createApproving()
  const request = await asked(await at.as(support))
  const reply = await say(await at.as(lead), 'approve', { id: request.id, digest: '0'.repeat(64) })
  expect([reply.status, reply.json['type'], reply.json['reason']]).toEqual([409, '/problems/approval-stale', 'digest_differs'])
})

test('a call that waited gets no rows when a lock came meanwhile', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const request = await asked(agent)
  const { get } = at.memory.requests
  Object.assign(at.memory.requests, { get: async (id: typeof request.id) => { const found = await get(id); if (found?.status === 'succeeded') at.world.clock.ms += 3000; return found } })
  const waiting = agent.call('POST', path, refund, { prefer: 'wait=50' })
  await say(await at.as(lead), 'approve', request)
  await at.ports.policies.lock({ target: 'subject:agent:support-bot', by: 'user:x', at: '', reason: null, until: null })
  await at.approver.proceed(request.id)
  expect((await waiting).json['reason']).toBe('locked')
  expect((await (await at.as(support)).call('GET', `/v1/requests/${request.id}`)).json).not.toHaveProperty('result')
})

const okta = (change: Partial<Extract<typeof demo[string], { kind: 'issuer' }>> = {}): typeof demo => ({
  ...withRules([refunds]),
  'okta.yaml': { version: 1, kind: 'issuer', name: 'local', issuer: 'http://127.0.0.1:8787/dev/oidc', audience: 'x', groups: { claim: 'groups', accept: ['*'] }, agents: { subject: 'agent:{sub}' }, ...change },
})
test.each([
  ['narrows the groups it accepts', okta({ groups: { claim: 'groups', accept: ['analysts'] } })], ['names its agents otherwise', okta({ agents: { subject: 'agent:okta-{sub}' } })], ['is at another address', okta({ issuer: 'https://elsewhere.example' })],
])('an issuer whose document %s after the approval vouches for it no more', async (_, after) => {
  const at = createApproving(withRules([refunds]))
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request)
  await at.apply(after)
  expect(await at.approver.proceed(request.id)).toBe('stale')
  expect(at.world.engine.ran).toEqual([])
})
