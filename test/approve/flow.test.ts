import { expect, test } from 'vitest'
import { compile } from '../../functions/decide/policy.ts'
import { createGate } from '../../functions/gate.ts'
import { createSteward } from '../../functions/steward.ts'
import { support } from '../support/caller.ts'
import { asked, createApproving, lead, otherLead, path, refund, say } from '../support/approvals.ts'
import { demo } from '../support/policy.ts'

const kinds = (world: ReturnType<typeof createApproving>['world']) => world.events.map(({ kind }) => kind)
type Rules = Extract<typeof demo[string], { kind: 'role' }>['rules']
const withRules = (rules: Rules): typeof demo => ({ ...demo, 'roles/support-agent.yaml': { version: 1, kind: 'role', name: 'support-agent', members: [{ group: 'support-agents' }, { subject: 'agent:support-bot', owner: 'user:olga@acme.dev' }], rules } })
const refunds: Rules[number] = { allow: ['insert', 'update'], connection: 'shop', on: ['public.refunds'], approval: { by: ['support-leads'], quorum: 1, within: '30m' } }

test('a write that needs a person is 202, runs when one approves, and the same call then gets its rows', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const reply = await agent.call('POST', path, refund)
  expect(reply.status).toBe(202)
  const { request } = reply.json as { request: Awaited<ReturnType<typeof asked>> }
  expect(reply.headers.get('location')).toBe(`/v1/requests/${request.id}`)
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(request).toMatchObject({ status: 'pending', approvers: ['support-leads'], quorum: 1, url: `${at.ports.self.console}/requests/${request.id}` })
  expect([at.started, at.world.engine.ran]).toEqual([[request.id], []])

  const approved = await say(await at.as(lead), 'approve', request)
  expect(approved.status).toBe(200)
  expect(approved.json['request']).toMatchObject({ status: 'approved' })
  expect(at.woken).toEqual([request.id])
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
  expect(at.world.engine.ran).toEqual([refund.sql])

  const again = await agent.call('POST', path, refund)
  expect(again.status).toBe(200)
  expect(again.json).toMatchObject({ rowCount: 1 })
  expect(at.world.engine.ran).toHaveLength(1)
  const shown = await agent.call('GET', `/v1/requests/${request.id}`)
  expect(shown.json).toMatchObject({ request: { status: 'succeeded', mine: true }, result: { rowCount: 1 } })
  expect(kinds(at.world)).toEqual(['request', 'approval', 'intent', 'outcome', 'repeat', 'repeat'])
  expect(at.world.events.filter((event) => event.request === request.id).map(({ kind }) => kind)).toEqual(['request', 'approval', 'intent', 'outcome', 'repeat'])
})

test('the approver sees all that would run, and counts afterwards, never rows', async () => {
  const at = createApproving()
  const request = await asked(await at.as(support))
  const person = await at.as(lead)
  const before = await person.call('GET', `/v1/requests/${request.id}`)
  expect(before.json['request']).toMatchObject({ statements: [{ sql: refund.sql, params: [7] }], purpose: 'late parcel', subject: 'agent:support-bot', accesses: [{ action: 'insert', resource: 'public.refunds' }], mayDecide: true, mine: false })
  await say(person, 'approve', request)
  await at.approver.proceed(request.id)
  const after = await person.call('GET', `/v1/requests/${request.id}`)
  expect(after.json['request']).toMatchObject({ status: 'succeeded', ending: { rowCounts: [1] }, mayDecide: false })
  expect(after.json).not.toHaveProperty('result')
})

test('the same call while it waits finds the same request; another body is another', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const one = await asked(agent)
  expect((await asked(agent)).id).toBe(one.id)
  expect((await asked(agent, { ...refund, params: ['7'] })).id).not.toBe(one.id)
  expect((await asked(agent, { ...refund, purpose: 'other' })).id).not.toBe(one.id)
  expect((await asked(await at.as({ ...support, subject: 'agent:other' }))).id).not.toBe(one.id)
  expect(at.started).toHaveLength(4)
})

test('one rejection ends it: 403 with the reason, nothing ran, and nobody can approve it any more', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const request = await asked(agent)
  expect((await say(await at.as(lead), 'reject', request, 'no receipt')).json['request']).toMatchObject({ status: 'rejected' })
  expect(await at.approver.proceed(request.id)).toBe('rejected')
  const again = await agent.call('POST', path, refund)
  expect([again.status, again.json['type']]).toEqual([403, '/problems/approval-rejected'])
  expect(again.json['detail']).toContain('no receipt')
  const late = await say(await at.as(otherLead), 'approve', request)
  expect([late.status, late.json['type']]).toEqual([409, '/problems/request-settled'])
  expect(at.world.engine.ran).toEqual([])
})

test('what nobody decides in time expires, and cannot be approved after it', async () => {
  const at = createApproving()
  const request = await asked(await at.as(support))
  at.world.clock.ms += 30 * 60_000
  const late = await say(await at.as(lead), 'approve', request)
  expect([late.status, late.json['type']]).toEqual([410, '/problems/approval-expired'])
  const again = await at.as(support)
  expect((await again.call('POST', path, refund)).status).toBe(410)
  expect(await at.approver.proceed(request.id)).toBe('expired')
  const ended = await again.call('POST', path, refund)
  expect([ended.status, ended.json['type'], ended.headers.get('retry-after')]).toEqual([410, '/problems/approval-expired', '900'])
  at.world.clock.ms += 15 * 60_000
  expect((await asked(await at.as(support))).id).not.toBe(request.id)
  expect([at.world.engine.ran, kinds(at.world)]).toEqual([[], ['request', 'expiry', 'request']])
})

test('approved in time and begun too late does not run', async () => {
  const at = createApproving()
  const request = await asked(await at.as(support))
  at.world.clock.ms += 30 * 60_000 - 1
  await say(await at.as(lead), 'approve', request)
  at.world.clock.ms += 1
  expect(await at.approver.proceed(request.id)).toBe('expired')
  expect(at.world.engine.ran).toEqual([])
})

test('whoever asked takes it back, and may ask anew; nobody else takes it back', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const request = await asked(agent)
  expect((await (await at.as(lead)).call('DELETE', `/v1/requests/${request.id}`)).status).toBe(403)
  expect((await (await at.as({ ...support, subject: 'agent:other' })).call('DELETE', `/v1/requests/${request.id}`)).status).toBe(404)
  expect((await agent.call('DELETE', `/v1/requests/${request.id}`)).json['request']).toMatchObject({ status: 'cancelled' })
  expect((await say(await at.as(lead), 'approve', request)).status).toBe(409)
  expect(await at.approver.proceed(request.id)).toBe('cancelled')
  expect((await asked(agent)).id).not.toBe(request.id)
})

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

test('a digest of another request, or of an earlier reading, decides nothing', async () => {
  const at = createApproving()
  const request = await asked(await at.as(support))
  const reply = await say(await at.as(lead), 'approve', { id: request.id, digest: '0'.repeat(64) })
  expect([reply.status, reply.json['type'], reply.json['reason']]).toEqual([409, '/problems/approval-stale', 'digest_differs'])
})

test('a call that waits is answered as soon as it is decided, with its rows', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const request = await asked(agent)
  const waiting = agent.call('POST', path, refund, { prefer: 'wait=50' })
  await say(await at.as(lead), 'approve', request)
  await at.approver.proceed(request.id)
  expect((await waiting).status).toBe(200)
})

test('a list shows one\'s own and those one may decide, and nothing else', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const { id } = await asked(agent)
  const ids = async (token: Parameters<typeof at.as>[0], search = '') => ((await (await at.as(token)).call('GET', `/v1/requests${search}`)).json['requests'] as { id: string }[] | undefined)?.map((one) => one.id)
  expect(await ids(support)).toEqual([id])
  expect(await ids(lead, '?status=pending')).toEqual([id])
  expect(await ids(lead, '?status=rejected')).toEqual([])
  expect(await ids({ subject: 'user:zoe@acme.dev', groups: ['analysts'] })).toEqual([])
  expect(await ids({ ...support, actor: 'agent:other' })).toEqual([])
  expect((await agent.call('GET', '/v1/requests?status=done')).status).toBe(400)
})

test('a subject has only so many requests waiting on a connection', async () => {
  const at = createApproving({ ...demo, 'shop.yaml': { ...demo['shop.yaml']!, limits: { pending: 2 } } as typeof demo[string] })
  const agent = await at.as(support)
  await asked(agent, { ...refund, params: [1] })
  await asked(agent, { ...refund, params: [2] })
  const third = await agent.call('POST', path, { ...refund, params: [3] })
  expect([third.status, third.json['reason']]).toEqual([429, 'too_many_pending'])
  expect((await asked(agent, { ...refund, params: [2] })).status).toBe('pending')
})

test('two processes that execute at once: one begins', async () => {
  const at = createApproving()
  const request = await asked(await at.as(support))
  await say(await at.as(lead), 'approve', request)
  const ended = await Promise.all([1, 2, 3, 4].map(async () => at.approver.proceed(request.id)))
  expect(at.world.engine.ran).toHaveLength(1)
  expect(ended.every((status) => status === 'succeeded' || status === 'executing')).toBe(true)
  expect(kinds(at.world).filter((kind) => kind === 'intent' || kind === 'outcome')).toEqual(['intent', 'outcome'])
})

test('a target that lost its answer leaves outcome-unknown, alarmed, and never runs again', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const request = await asked(agent)
  await say(await at.as(lead), 'approve', request)
  at.world.engine.next = { status: 'unknown', refusal: { slug: 'outcome-unknown', reason: 'connection_lost', detail: 'the answer was lost', next: 'none' } }
  expect(await at.approver.proceed(request.id)).toBe('outcome-unknown')
  at.world.engine.next = null
  expect(await at.approver.proceed(request.id)).toBe('outcome-unknown')
  expect((await agent.call('POST', path, refund)).status).toBe(502)
  expect(at.world.engine.ran).toEqual([])
  expect(at.world.alarms.map(({ what }) => what)).toContain('the outcome of an approved request is not known')
})

test('an idempotency key leads to the request its call became, for a day; with another body it is refused', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const key = { 'idempotency-key': 'k-1' }
  const first = await agent.call('POST', path, refund, key)
  const { request } = first.json as { request: Awaited<ReturnType<typeof asked>> }
  expect((await agent.call('POST', path, refund, key)).json['request']).toMatchObject({ id: request.id })
  expect((await agent.call('POST', path, { ...refund, params: [8] }, key)).status).toBe(422)
  await say(await at.as(lead), 'approve', request)
  await at.approver.proceed(request.id)
  at.world.clock.ms += 3600_000                                          // long after the same call without a key would ask anew
  const later = await (await at.as(support)).call('POST', path, refund, key)
  expect([later.status, later.json['rowCount'], at.world.engine.ran.length]).toEqual([200, 1, 1])
  await at.apply(withRules([{ allow: ['insert'], connection: 'shop', on: ['public.refunds'] }]))
  const free = await (await at.as(support)).call('POST', path, refund, key)
  expect([free.status, free.json['reason'], at.world.engine.ran.length]).toEqual([409, 'asked_people', 1])
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

const ci = { subject: 'agent:ci', groups: ['ci'] }
const asks: Rules[number] = { allow: ['apply', 'read'], connection: 'sluice', on: ['policy'], approval: { by: ['platform'], quorum: 1, within: '30m' } }
const locks: Rules[number] = { allow: ['set'], connection: 'sluice', on: ['locks'], approval: { by: ['platform'], quorum: 1, within: '30m' } }
const withCi: typeof demo = { ...demo, 'roles/ci.yaml': { version: 1, kind: 'role', name: 'ci', members: [{ group: 'ci' }], rules: [asks, locks] } }
const pia = { subject: 'user:pia@acme.dev', groups: ['platform'] }

test('a policy that a machine proposes waits for a person, and is in force when one approves', async () => {
  const at = createApproving(withCi)
  const machine = await at.as(ci)
  const from = at.world.pointer()?.version
  const documents = Object.entries({ ...withCi, 'roles/analyst.yaml': { version: 1, kind: 'role', name: 'analyst', members: [], rules: [] } }).map(([file, document]) => ({ path: file, document }))
  const reply = await machine.call('PUT', '/v1/policy', { from, commit: 'abc1234', documents })
  expect(reply.status).toBe(202)
  expect(reply.headers.get('location')).toMatch(/^\/v1\/requests\/arq_/)
  const { request } = reply.json as { request: Awaited<ReturnType<typeof asked>> }
  expect(at.world.pointer()?.version).toBe(from)
  const seen = await (await at.as(pia)).call('GET', `/v1/requests/${request.id}`)
  expect(seen.json['request']).toMatchObject({ connection: 'sluice', accesses: [{ action: 'apply', resource: 'policy' }] })
  expect((seen.json['request'] as { statements: { sql: string }[] }).statements[0]?.sql).toMatch(new RegExp(`^apply policy [0-9a-f]{64} over ${from}, commit abc1234\n  .*analyst`))
  await say(await at.as(pia), 'approve', request)
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
  expect([at.world.pointer()?.version === from, at.world.pointer()?.appliedBy]).toEqual([false, 'agent:ci'])
  expect(kinds(at.world)).toEqual(['request', 'approval', 'intent', 'policy', 'policy', 'outcome'])
  expect((await machine.call('GET', `/v1/requests/${request.id}`)).json).toMatchObject({ request: { status: 'succeeded' }, result: { from, commit: 'abc1234' } })
})

test('a policy that keeps the record less long asks whoever erasing asks as well, says first what it destroys, and what its author writes is no line of that', async () => {
  const erasing: Rules[number] = { allow: ['delete'], connection: 'sluice', on: ['audit'], approval: { by: ['auditors'], quorum: 1, within: '30m' } }
  const audrey = { subject: 'user:audrey@acme.dev', groups: ['auditors'] }
  const policy: typeof demo = { ...withCi, 'roles/eraser.yaml': { version: 1, kind: 'role', name: 'eraser', members: [{ group: 'ci' }], rules: [erasing] } }
  const shorter: typeof demo = { ...policy, 'audit.yaml': { version: 1, kind: 'audit', name: 'record', retention: { content: '30d' } } }
  const put = async (at: ReturnType<typeof createApproving>) => (await at.as(ci)).call('PUT', '/v1/policy', { from: at.world.pointer()?.version, commit: 'abc\n  narrows: nothing\u2028x', documents: Object.entries(shorter).map(([path, document]) => ({ path, document })) })
  const alone = await put(createApproving(withCi))
  expect([alone.status, alone.json['detail']]).toEqual([403, expect.stringContaining('`delete` on `audit` needs a rule')])
  const at = createApproving(policy)
  const { request } = (await put(at)).json as { request: Awaited<ReturnType<typeof asked>> }
  const bound = (await at.memory.requests.get(request.id))!.bound
  expect(bound.accesses).toMatchObject([{ action: 'apply', resource: 'policy' }, { action: 'delete', resource: 'audit' }])
  expect(bound.query.statements[0]?.sql.split('\n')).toEqual([
    expect.stringMatching(/^apply policy [0-9a-f]{64} over [0-9a-f]{64}, which destroys what is on record, commit abc   narrows: nothing x$/),
    expect.stringMatching(/^ {2}destroys for good content older than 30d from .* on, \d+ sheets? of keys by then \(was: kept for ever\)$/), expect.stringContaining('narrows: content of the record'),
  ])
  await say(await at.as(pia), 'approve', request)
  expect(await at.approver.proceed(request.id)).toBe('pending')
  await say(await at.as(audrey), 'approve', request)
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
  expect(at.world.events.filter(({ kind }) => kind === 'policy')).toMatchObject([{ change: { phase: 'intended', destroys: [{ what: 'content', age: '30d', was: null }] } }, { change: { phase: 'applied' } }])
})

test('words that do not say it carry no policy that keeps the record less long', async () => {
  const at = createApproving(withCi)
  const documents = Object.entries({ ...withCi, 'audit.yaml': { version: 1, kind: 'audit', name: 'record', retention: { content: '30d' } } }).map(([path, document]) => ({ path, document }))
  const from = at.world.pointer()?.version
  const admitted = { policy: compile(await at.ports.policies.load(from!, 1)), locks: [], caller: { issuer: 'x', subject: { id: 'agent:ci', kind: 'agent', groups: ['ci'] }, actors: [], person: false, claims: {}, expiresAt: 0 }, session: null } as unknown as Parameters<ReturnType<typeof createSteward>['perform']>[0]
  const gate = createGate(at.ports)
  const query = { statements: [{ sql: `apply policy ${'0'.repeat(64)} over ${from}`, params: [{ from, documents }] }] } as unknown as Parameters<ReturnType<typeof createSteward>['perform']>[1]
  const done = await createSteward(at.ports, gate).perform(admitted, query, gate.recorder.begin(at.ports.id('eval'), admitted, 'sluice'))
  expect([done, at.world.pointer()?.version]).toEqual([expect.objectContaining({ refusal: expect.objectContaining({ reason: 'erasure_undecided' }) }), from])
})

test('a policy proposed over one that is not in force any more asks nobody, and one overtaken while it waited fails', async () => {
  const at = createApproving(withCi)
  const machine = await at.as(ci)
  const documents = Object.entries({ ...withCi, 'roles/analyst.yaml': { version: 1, kind: 'role', name: 'analyst', members: [], rules: [] } }).map(([file, document]) => ({ path: file, document }))
  expect((await machine.call('PUT', '/v1/policy', { from: '0'.repeat(64), documents })).status).toBe(409)
  const { request } = (await machine.call('PUT', '/v1/policy', { from: at.world.pointer()?.version, documents })).json as { request: Awaited<ReturnType<typeof asked>> }
  await at.apply({ ...withCi, 'roles/auditor.yaml': { version: 1, kind: 'role', name: 'auditor', members: [], rules: [] } })
  const present = at.world.pointer()?.version
  await say(await at.as(pia), 'approve', request)
  expect(await at.approver.proceed(request.id)).toBe('failed')
  expect(at.world.pointer()?.version).toBe(present)
})

test('a lock that a machine wants waits for a person, and so does lifting one', async () => {
  const at = createApproving(withCi)
  const machine = await at.as(ci)
  for (const [method, sql, there] of [['PUT', 'set lock subject:agent:x', true], ['DELETE', 'lift lock subject:agent:x', false]] as const) {
    const reply = await (await at.as(ci)).call(method, '/v1/locks/subject:agent:x', method === 'PUT' ? { reason: 'odd' } : undefined)
    expect(reply.status).toBe(202)
    const { request } = reply.json as { request: Awaited<ReturnType<typeof asked>> }
    expect((await at.memory.requests.get(request.id))?.bound.query.statements[0]?.sql).toBe(sql)
    await say(await at.as(pia), 'approve', request)
    expect(await at.approver.proceed(request.id)).toBe('succeeded')
    expect(at.world.pointer()?.locks.some(({ target }) => target === 'subject:agent:x')).toBe(there)
    at.world.clock.ms += 3000
  }
  expect((await machine.call('DELETE', '/v1/locks/subject:agent:x')).status).toBe(404)
})

test('connection `sluice` is no target: a statement to it is not found, whatever it says', async () => {
  const at = createApproving(withCi)
  for (const sql of ['apply policy x', 'set lock everything']) expect((await (await at.as(ci)).call('POST', '/v1/connections/sluice/query', { sql, params: [{}] })).status).toBe(404)
  expect(at.started).toEqual([])
})

test('a key whose call could not ask anybody is free again, and leads to one request when it could', async () => {
  const at = createApproving({ ...demo, 'shop.yaml': { ...demo['shop.yaml']!, limits: { pending: 1 } } as typeof demo[string] })
  const agent = await at.as(support)
  const other = await asked(agent, { ...refund, params: [1] })
  const key = { 'idempotency-key': 'k-2' }
  expect((await agent.call('POST', path, refund, key)).json['reason']).toBe('too_many_pending')
  await agent.call('DELETE', `/v1/requests/${other.id}`)
  const { request } = (await agent.call('POST', path, refund, key)).json as { request: Awaited<ReturnType<typeof asked>> }
  await say(await at.as(lead), 'approve', request)
  await at.approver.proceed(request.id)
  at.world.clock.ms += 16 * 60_000
  expect((await (await at.as(support)).call('POST', path, refund, key)).status).toBe(200)
  expect(at.world.engine.ran).toHaveLength(1)
})

test.each(['cancelled', 'expired'] as const)('a key whose request is %s asks anew once the same call may', async (how) => {
  const at = createApproving()
  const key = { 'idempotency-key': 'k-3' }
  const { request } = (await (await at.as(support)).call('POST', path, refund, key)).json as { request: Awaited<ReturnType<typeof asked>> }
  if (how === 'cancelled') await (await at.as(support)).call('DELETE', `/v1/requests/${request.id}`)
  else {
    at.world.clock.ms += 30 * 60_000
    await at.approver.proceed(request.id)
    expect((await (await at.as(support)).call('POST', path, refund, key)).status).toBe(410)
    at.world.clock.ms += 15 * 60_000
  }
  const again = await (await at.as(support)).call('POST', path, refund, key)
  expect(again.status).toBe(202)
  const next = (again.json as { request: typeof request }).request
  expect(next.id).not.toBe(request.id)
  expect((await (await at.as(support)).call('POST', path, refund, key)).json['request']).toMatchObject({ id: next.id })
})

test('a request that failed because the target did not answer is no answer to the same call', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const request = await asked(agent)
  await say(await at.as(lead), 'approve', request)
  at.world.engine.next = { status: 'failed', refusal: { slug: 'target-unavailable', reason: 'unreachable', detail: 'the target does not answer', next: 'retry', retryAfterSeconds: 2 } }
  expect(await at.approver.proceed(request.id)).toBe('failed')
  expect((await asked(agent)).id).not.toBe(request.id)
})

test('who takes back and asks anew is stopped within the hour, before people are told again', async () => {
  const at = createApproving({ ...demo, 'shop.yaml': { ...demo['shop.yaml']!, limits: { pending: 1 } } as typeof demo[string] })
  const agent = await at.as(support)
  for (let n = 0; n < 6; n++) await agent.call('DELETE', `/v1/requests/${(await asked(agent)).id}`)
  const seventh = await agent.call('POST', path, refund)
  expect([seventh.status, seventh.json['reason'], at.started.length]).toEqual([429, 'too_many_requests', 6])
})

test('the target is not asked for an estimate of what a lock stops', async () => {
  const at = createApproving()
  const request = await asked(await at.as(support))
  let estimates = 0
  Object.assign(at.world.engine, { estimate: async () => { estimates++; return [{ rows: 1, cost: 1 }] } })
  const read = async () => (await (await at.as(lead)).call('GET', `/v1/requests/${request.id}`)).json['request'] as { estimate?: unknown }
  expect((await read()).estimate).toEqual([{ rows: 1, cost: 1 }])
  await at.ports.policies.lock({ target: 'subject:agent:support-bot', by: 'user:x', at: '', reason: null, until: null })
  at.world.clock.ms += 3000
  expect([(await read()).estimate, estimates]).toEqual([undefined, 1])
})

test('who comes back for an answer is given it, however much of theirs waits and however often they asked', async () => {
  const at = createApproving({ ...demo, 'shop.yaml': { ...demo['shop.yaml']!, limits: { pending: 1 } } as typeof demo[string] })
  const agent = await at.as(support)
  const request = await asked(agent)
  await say(await at.as(lead), 'approve', request)
  await at.approver.proceed(request.id)
  await asked(agent, { ...refund, params: [8] })
  for (let n = 0; n < 10; n++) expect((await agent.call('POST', path, refund)).status).toBe(200)
})

test.each(['subject:agent:ci', 'role:ci', 'connection:sluice', 'subject:user:pia@acme.dev'])('a policy that people approved is not applied under a lock on %s', async (target) => {
  const at = createApproving(withCi)
  const documents = Object.entries({ ...withCi, 'roles/analyst.yaml': { version: 1, kind: 'role', name: 'analyst', members: [], rules: [] } }).map(([file, document]) => ({ path: file, document }))
  const from = at.world.pointer()?.version
  const { request } = (await (await at.as(ci)).call('PUT', '/v1/policy', { from, documents })).json as { request: Awaited<ReturnType<typeof asked>> }
  await say(await at.as(pia), 'approve', request)
  await at.ports.policies.lock({ target, by: 'user:x', at: '', reason: null, until: null })
  at.world.clock.ms += 3000
  expect(await at.approver.proceed(request.id)).toBe('stale')
  expect(at.world.pointer()?.version).toBe(from)
})

test('a lock on everything can be lifted by approval: it stops statements, not its own end', async () => {
  const at = createApproving(withCi)
  await at.ports.policies.lock({ target: 'everything', by: 'user:x', at: '', reason: null, until: null })
  at.world.clock.ms += 3000
  const { request } = (await (await at.as(ci)).call('DELETE', '/v1/locks/everything')).json as { request: Awaited<ReturnType<typeof asked>> }
  expect((await say(await at.as(pia), 'approve', request)).status).toBe(200)
  expect(await at.approver.proceed(request.id)).toBe('succeeded')
  expect(at.world.pointer()?.locks).toEqual([])
})
