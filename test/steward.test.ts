import { expect, test } from 'vitest'
import { compile } from '../functions/decide/compile.ts'
import { createGate } from '../functions/gate.ts'
import { createSteward } from '../functions/steward.ts'
import { type asked, createApproving, say } from './support/approvals.ts'
import { demo } from './support/policy.ts'
import { kinds, type Rules } from './approve/rules.ts'

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

const target = 'subject:agent:bot'
const locked = (reason: string | null, more: object = {}) => ({ target, by: 'user:ann@acme.dev', at: '2026-11-22T09:00:00.000Z', reason, until: null, ...more })
const incident = locked('INCIDENT 12', { by: 'user:sec@acme.dev' })
type Asked = { readonly request: Awaited<ReturnType<typeof asked>> & { readonly diff?: string; readonly ending?: object } }

test.each(['PUT', 'DELETE'] as const)('people read whose lock goes, and why, and who asks does not; another lock that came meanwhile stays (%s)', async (method) => {
  for (const late of [true, false]) {
    const at = createApproving(withCi)
    await at.ports.policies.lock(locked('trying\n+ out\u2028locks', { until: '2026-11-23T00:00:00.000Z' }))
    const machine = await at.as(ci)
    const ask = async () => (await machine.call(method, `/v1/locks/${target}`, method === 'PUT' ? { reason: 'rate of errors', until: '2026-11-22T10:00:00.000Z' } : undefined)).json as Asked
    const { request } = await ask()
    const of = async (who: typeof pia) => (await (await at.as(who)).call('GET', `/v1/requests/${request.id}`)).json as Asked
    expect((await of(pia)).request.diff).toBe(`- ${target} locked by user:ann@acme.dev at 2026-11-22T09:00:00.000Z, until 2026-11-23T00:00:00.000Z\n-   reason: trying + out locks`)
    expect(JSON.stringify(await of(ci))).not.toMatch(/ann@|trying/)
    if (late) { await at.ports.policies.lock(incident); at.world.clock.ms += 3000 }
    await say(await at.as(pia), 'approve', request)
    if (!late) await at.ports.policies.lock(incident)                    // the copy that the approval is judged by does not have it yet
    expect(await at.approver.proceed(request.id)).toBe(late ? 'stale' : 'failed')
    expect((await of(ci)).request.ending).toMatchObject({ slug: 'approval-stale' })
    expect(at.world.pointer()?.locks).toEqual([incident])
    at.world.clock.ms += 3000
    const again = await ask()
    await say(await at.as(pia), 'approve', again.request)
    expect([again.request.id === request.id, await at.approver.proceed(again.request.id), at.world.pointer()?.locks.some(({ by }) => by === incident.by)]).toEqual([false, 'succeeded', false])
  }
})

test('a lock that people are asked to set where none is is not set over one that came meanwhile', async () => {
  const at = createApproving(withCi)
  const { request } = (await (await at.as(ci)).call('PUT', `/v1/locks/${target}`, { until: '2026-11-22T10:00:00.000Z' })).json as Asked
  await at.ports.policies.lock(incident)
  at.world.clock.ms += 3000
  await say(await at.as(pia), 'approve', request)
  expect([await at.approver.proceed(request.id), at.world.pointer()?.locks]).toEqual(['stale', [incident]])
})

test('connection `sluice` is no target: a statement to it is not found, whatever it says', async () => {
  const at = createApproving(withCi)
  for (const sql of ['apply policy x', 'set lock everything']) expect((await (await at.as(ci)).call('POST', '/v1/connections/sluice/query', { sql, params: [{}] })).status).toBe(404)
  expect(at.started).toEqual([])
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
