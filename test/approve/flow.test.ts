import { expect, test, vi } from 'vitest'
import { createApprover } from '../../functions/approver.ts'
import { createGate } from '../../functions/gate.ts'
import { support } from '../support/caller.ts'
import { asked, createApproving, lead, otherLead, path, refund, say } from '../support/approvals.ts'
import { demo } from '../support/policy.ts'
import { kinds, refunds, withRules } from './rules.ts'

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

test('two processes at one approved request are charged for one, whoever begins it; where the hour is used up it fails, and nothing runs', async () => {
  const at = createApproving(withRules([{ ...refunds, limits: { perHour: { statements: 1, rows: 20_000 } } }]))
  const agent = await at.as(support)
  const [request, more] = [await asked(agent), await asked(agent, { ...refund, params: [8] })]
  for (const one of [request, more]) await say(await at.as(lead), 'approve', one)
  const other = createApprover(at.ports, createGate(at.ports))
  const { swap } = at.memory.requests
  const slow = Promise.withResolvers<undefined>()                        // the store does not answer whoever has the quota until the other one was refused
  Object.assign(at.memory.requests, { swap: async (...given: Parameters<typeof swap>) => { if (given[0].status === 'executing') await slow.promise; return swap(...given) } })
  const both = [at.approver.proceed(request.id), other.proceed(request.id)]
  await vi.waitFor(() => { expect(at.world.events.filter(({ kind }) => kind === 'refusal')).toMatchObject([{ refusal: { reason: 'hourly_quota' } }]) })
  slow.resolve(undefined)
  expect([await Promise.all(both), at.world.engine.ran.length]).toEqual([['succeeded', 'succeeded'], 1])
  expect([await at.approver.proceed(more.id), at.world.engine.ran.length]).toEqual(['failed', 1])
  expect((await at.memory.requests.get(more.id))?.ending?.refusal).toMatchObject({ reason: 'hourly_quota' })
})

test('where a list goes on tells nobody of what it does not show, and goes on for its reader alone', async () => {
  const at = createApproving()
  const agent = await at.as(support)
  const ids: string[] = []
  for (let i = 0; i < 45; i++) {
    ids.unshift((await asked(i % 20 === 0 ? agent : await at.as({ ...support, subject: `agent:bot-${i}` }), { ...refund, params: [i] })).id)
    at.world.clock.ms += 1000
  }
  const nobody = await at.as({ subject: 'user:zoe@acme.dev', groups: ['analysts'] })
  const page = async (who: typeof nobody, after: string | null) => (await who.call('GET', `/v1/requests?limit=1${after === null ? '' : `&after=${after}`}`)).json as { requests?: { id: string }[]; next?: string; reason?: string }
  const all = async (who: typeof nobody) => {
    const [seen, cursors]: [string[], string[]] = [[], []]
    for (let after: string | null = null; ;) {
      const { requests = [], next } = await page(who, after)
      seen.push(...requests.map(({ id }) => id))
      if (next === undefined) return { seen, cursors }
      cursors.push(after = next)
    }
  }
  const { seen, cursors } = await all(nobody)
  expect([seen, cursors.length]).toEqual([[], 2])
  for (const text of cursors.flatMap((cursor) => [cursor, Buffer.from(cursor, 'base64url').toString('latin1')])) expect(ids.filter((id) => text.includes(id.slice(4, 14)))).toEqual([])
  expect((await all(await at.as(lead))).seen).toEqual(ids)
  expect((await all(agent)).seen).toEqual([ids[4], ids[24], ids[44]])
  const written = Buffer.from(`x ${ids[3]}`).toString('base64url')
  for (const wrong of [written, 'x', '', `${cursors[0]}A`, cursors[0]?.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) ?? '']) expect((await page(nobody, wrong)).reason).toBe('after')
  expect((await page(agent, cursors[0] ?? '')).reason).toBe('after')
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
