import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { createApp } from '../functions/app.ts'
import type { Call, Gate } from '../functions/gate.ts'
import { inTime } from '../functions/remaining.ts'

/** Lambda's context, as it stands in what hono's adapter hands on. */
const left = (ms: number) => ({ event: { rawPath: '/x' }, lambdaContext: { getRemainingTimeInMillis: () => ms } })

test('a statement longer than what is left of the function\'s time is answered as one whose outcome is not known, before the function dies', async () => {
  let ended = false
  const slow = Promise.withResolvers<void>()
  const app = inTime(new Hono().post('/x', async (c) => { await slow.promise; ended = true; return c.text('rows') }))
  const answer = await app.request('/x', { method: 'POST' }, left(1010))
  expect(answer.status).toBe(502)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(await answer.json()).toMatchObject({ type: '/problems/outcome-unknown', reason: 'out_of_time', next: 'none' })
  expect(ended).toBe(false)
  slow.resolve()                                                    // it goes on by itself, and its outcome is recorded when it comes
})
test.each([[1000, 'context'], [3, 'lambdaContext'], [0, 'context'], [-5, 'lambdaContext']])('with %i ms left nothing is begun (%s)', async (ms, name) => {
  let begun = false
  const answer = await inTime(new Hono().post('/x', (c) => { begun = true; return c.text('rows') })).request('/x', { method: 'POST' }, { [name]: { getRemainingTimeInMillis: () => ms } })
  expect([answer.status, begun]).toEqual([504, false])
  expect(await answer.json()).toMatchObject({ type: '/problems/timeout', reason: 'too_late_to_begin', next: 'retry' })
})
test('what is answered in time is that answer, with the platform\'s own event before it', async () => {
  const app = inTime(new Hono<{ Bindings: { event: { rawPath: string } } }>().get('/x', (c) => c.text(c.env.event.rawPath)).notFound((c) => c.text('ours', 404)))
  expect(await (await app.request('/x', {}, left(30_000))).text()).toBe('/x')
  expect(await (await app.request('/y', {}, left(30_000))).text()).toBe('ours')
})
test.each([{}, undefined, { lambdaContext: null }, { lambdaContext: { getRemainingTimeInMillis: () => NaN } }, { lambdaContext: { getRemainingTimeInMillis: 5 } }])('where nobody says what is left (%j), nothing is cut', async (env) => {
  expect(await (await inTime(new Hono().get('/x', (c) => c.text('rows'))).request('/x', {}, env)).text()).toBe('rows')
})
test.each(['query', 'exec'])('a %s has ended before its function does, and with it whoever judges it: whatever runs is told when', async (path) => {
  const calls: Call[] = []
  const gate = { query: async (call: Call) => { calls.push(call); return { evaluation: 'eval_x', session: null, result: { ok: false, refusal: { slug: 'denied', reason: 'x', detail: 'x', next: 'none' } } } } } as unknown as Gate
  const app = createApp({ now: () => 1_000_000, self: { url: 'http://gate.test', console: 'http://gate.test' }, engines: {} } as never, gate)
  const ask = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }
  await app.request(`/v1/connections/shop/${path}`, ask, left(59_000))
  await app.request(`/v1/connections/shop/${path}`, ask)
  expect(calls.map(({ until }) => until)).toEqual([1_055_000, undefined])
})
