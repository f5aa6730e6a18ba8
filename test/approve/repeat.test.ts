import { expect, test } from 'vitest'
import { support } from '../support/caller.ts'
import { asked, createApproving, lead, path, refund, say } from '../support/approvals.ts'
import { demo } from '../support/policy.ts'
import { refunds, withRules } from './rules.ts'

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

test('a renewed token finds the request its call made, in whatever order it lists groups, and whatever of it is another in each token', async () => {
  const rule = (when: string) => withRules([{ ...refunds, when }])
  for (const when of ['true', 'has(claims.department)', '"department" in claims && !("team" in claims)', 'claims["department"] == "d" && claims.iat > 0']) {
    const at = createApproving(rule(when))
    const token = (groups: readonly string[], aio: string) => ({ ...support, groups: [...groups], claims: { aio, department: 'd' } })
    const one = await asked(await at.as(token(['support-agents', 'b'], 'AVQAq1')))
    at.world.clock.ms += 5_000
    expect([when, (await asked(await at.as(token(['b', 'support-agents'], 'AVQAq2')))).id]).toEqual([when, one.id])
  }
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

test('who comes back for an answer is given it, however much of theirs waits and however often they asked', async () => {
  const at = createApproving({ ...demo, 'shop.yaml': { ...demo['shop.yaml']!, limits: { pending: 1 } } as typeof demo[string] })
  const agent = await at.as(support)
  const request = await asked(agent)
  await say(await at.as(lead), 'approve', request)
  await at.approver.proceed(request.id)
  await asked(agent, { ...refund, params: [8] })
  for (let n = 0; n < 10; n++) expect((await agent.call('POST', path, refund)).status).toBe(200)
})
