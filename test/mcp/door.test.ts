import { describe, expect, test } from 'vitest'
import type { PolicyDocument } from '../../schema/policy.ts'
import { createGateway, platform, support } from '../support/caller.ts'
import { demo } from '../support/policy.ts'
import { createWorld } from '../support/ports.ts'
import { connect, modern, post } from './client.ts'

const shop = demo['shop.yaml']
if (shop?.kind !== 'connection') throw new Error('no connection')
const roomy: PolicyDocument = { ...shop, limits: { rows: 1000 } }
const message = modern('tools/call', { name: 'run', arguments: { connection: 'shop', sql: 'select id from public.orders' } })

describe('who calls', () => {
  test('without a token the challenge is bare and names the metadata; with a bad one it says invalid_token', async () => {
    const { app, world } = createGateway()
    const none = await post(app, null, ...message)
    expect([none.status, none.headers.get('www-authenticate'), none.json?.['reason']]).toEqual([401, 'Bearer resource_metadata="http://127.0.0.1:8787/.well-known/oauth-protected-resource"', 'no_token'])
    for (const token of ['x', await world.token({ ...support, seconds: -60 }), `${await world.token(support)}=`]) {
      const bad = await post(app, token, ...message)
      expect([bad.status, bad.headers.get('www-authenticate')?.startsWith('Bearer error="invalid_token"')]).toEqual([401, true])
    }
    expect(world.engine.ran).toEqual([])
  })
  test('a stranger is answered before a byte of the body is read', async () => {
    const { app } = createGateway()
    let read = false
    const body = new ReadableStream({ pull(controller) { read = true; controller.enqueue(new Uint8Array(1024)); controller.close() } }, { highWaterMark: 0 })
    const response = await app.request(new Request('http://127.0.0.1:8787/mcp', { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'application/json' } }))
    expect([response.status, read]).toEqual([401, false])
  })
  test('a page of another origin is refused, also with a good token; the gate\'s own is not', async () => {
    const { app, world } = createGateway()
    const token = await world.token(support)
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:8788', 'http://127.0.0.1:8787.evil.example', 'https://127.0.0.1:8787', '']) {
      expect(await post(app, token, message[0], { ...message[1], origin })).toMatchObject({ status: 403, json: { reason: 'origin' } })
    }
    expect(world.engine.ran).toEqual([])
    expect((await post(app, token, message[0], { ...message[1], origin: 'http://127.0.0.1:8787' })).status).toBe(200)
  })
  test('a body over 1 MiB is refused before it is parsed', async () => {
    const { app, world } = createGateway()
    const large = modern('tools/call', { name: 'run', arguments: { connection: 'shop', sql: `select id from public.orders -- ${'x'.repeat(1_100_000)}` } })
    expect(await post(app, await world.token(support), ...large)).toMatchObject({ status: 413, json: { error: { data: { reason: 'body_too_large' } } } })
  })
  test('calls are grouped by Sluice-Session as over HTTP, and another\'s is not taken', async () => {
    const { app, world } = createGateway()
    const token = await world.token(support)
    const first = (await post(app, token, ...message)).headers.get('sluice-session') ?? ''
    expect(first).toMatch(/^ses_/)
    expect((await post(app, token, message[0], { ...message[1], 'sluice-session': first })).headers.get('sluice-session')).toBe(first)
    expect(new Set(world.events.map(({ session }) => session))).toEqual(new Set([first]))
    expect((await post(app, await world.token(platform), message[0], { ...message[1], 'sluice-session': first })).status).toBe(404)
  })
  test('nothing is cached or sniffed', async () => {
    const { app, world } = createGateway()
    for (const token of [await world.token(support), null]) {
      const { headers } = await post(app, token, ...message)
      expect([headers.get('cache-control'), headers.get('x-content-type-options'), headers.get('mcp-session-id')]).toEqual(['no-store', 'nosniff', null])
    }
  })
})

const refusedAlike: readonly (readonly [name: string, body: Record<string, unknown>, connection?: string])[] = [
  ['no rule', { sql: 'select id from public.payments' }], ['a deny', { sql: 'select amount from payroll.salaries' }], ['a filter on what is masked', { sql: 'select id from public.customers where email = \'a\'' }],
  ['what cannot be parsed', { sql: 'selec 1' }], ['what is unsupported', { sql: 'do $$ begin end $$' }], ['an unknown connection', { sql: 'select 1' }, 'nowhere'], ['a connection one may not know', { sql: 'select 1' }, 'hidden'],
  ['an unknown member', { sql: 'select id from public.orders', parms: [] }], ['NUL', { sql: 'select id from public.orders\0' }], ['both forms', { sql: 'select 1', transaction: [] }], ['neither', {}],
  ['a wrong count of parameters', { sql: 'select id from public.orders', params: [1] }], ['a statement over 64 KB', { sql: `select id from public.orders -- ${'x'.repeat(70_000)}` }], ['a write that asks, where nobody can be asked', { sql: 'insert into public.refunds (order_id) values (1)' }],
]

describe('both doors lead through one gate', () => {
  test.each(refusedAlike.map(([name, body, connection = 'shop']) => ({ name, body, connection })))('the refusal is the same: $name', async ({ body, connection }) => {
    const { app, as, world } = createGateway()
    const over = (await (await as(support)).call('POST', `/v1/connections/${connection}/query`, body)).json
    const { isError, structured } = await (await connect(app, await world.token(support), '2026-07-28')).call('run', { connection, ...body })
    expect(isError).toBe(true)
    const { type, title: _title, status: _status, evaluation: _evaluation, ...members } = over
    const { slug, evaluation, message: _message, notice: _notice, begin: _begin, end: _end, data: _data, ...machine } = structured
    expect({ type: `/problems/${String(slug)}`, ...machine, ...structured.data }).toEqual({ type, ...members })
    expect(evaluation).toMatch(/^eval_/)
    expect(world.engine.ran).toEqual([])
  })

  test('a check runs nothing and says what the decision would be', async () => {
    const { app, world } = createGateway()
    const { call } = await connect(app, await world.token(support))
    expect(await call('run', { connection: 'shop', sql: 'insert into public.refunds (order_id) values (1)', check: true })).toMatchObject({ isError: false, structured: { decision: 'ask', data: { demands: [{ by: ['support-leads'] }] } } })
    expect(await call('run', { connection: 'shop', sql: 'select amount from payroll.salaries', check: true })).toMatchObject({ isError: false, structured: { decision: 'deny' } })
    expect(world.engine.ran).toEqual([])
  })

  test('the same key and call run once; another call under it is refused', async () => {
    const { app, world } = createGateway()
    const { call } = await connect(app, await world.token({ subject: 'agent:analyst', groups: ['analysts'] }))
    const insert = { connection: 'shop', sql: 'insert into public.orders (id) values (9)', key: 'k-1' }
    const first = await call('run', insert)
    expect(first.isError).toBe(false)
    expect((await call('run', insert)).data).toEqual(first.data)
    expect(world.engine.ran).toHaveLength(1)
    expect(await call('run', { ...insert, sql: 'insert into public.orders (id) values (10)' })).toMatchObject({ isError: true, structured: { slug: 'idempotency-mismatch' } })
    expect(await call('run', { ...insert, key: 'has space' })).toMatchObject({ isError: true, structured: { slug: 'invalid-request' } })
    expect(world.engine.ran).toHaveLength(1)
  })

  test('masked values stay masked in both faces of a result', async () => {
    const { app, world } = createGateway()
    const { client } = await connect(app, await world.token(support))
    expect(JSON.stringify(await client.callTool({ name: 'run', arguments: { connection: 'shop', sql: 'select * from public.customers' } }))).not.toMatch(/jane\.canary|078-05-1120/)
  })

  test('a hundred rows are given unless more are asked for', async () => {
    const { app, world } = createGateway(createWorld({ ...demo, 'shop.yaml': roomy }))
    const seen: unknown[] = []
    const execute = world.engine.execute
    world.engine.execute = async (permit, plan, options) => { seen.push(options.maxRows); return execute(permit, plan, options) }
    const { call } = await connect(app, await world.token(support))
    await call('run', { connection: 'shop', sql: 'select id from public.orders' })
    await call('run', { connection: 'shop', sql: 'select id from public.orders', maxRows: 7 })
    expect(seen).toEqual([100, 7])
  })
})
