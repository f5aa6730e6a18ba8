import { afterEach, describe, expect, test } from 'vitest'
import { analyst, support } from '../support/caller.ts'
import { canary } from '../support/tables.ts'
import { path } from '../support/approvals.ts'
import { closers, createRig, holdExecution, inflate, query, read } from './rig.ts'

afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

describe('opening', () => {
  test('a token in the header, or as a subprotocol of which the answer names only the version', async () => {
    const rig = await createRig()
    const token = await rig.world.token(support)
    expect((await rig.open(token)).web.protocol).toBe('')
    const browser = await rig.open(null, { protocols: ['sluice.v1', `bearer.${token}`], headers: { origin: 'http://127.0.0.1:8787' } })
    expect(browser.web.protocol).toBe('sluice.v1')
    expect((await browser.call({ id: '1', action: 'ping' })).status).toBe(200)
  })

  test.each([
    ['a token in the url', 400, { path: '/v1/socket?token=TOKEN' }], ['any query string', 400, { path: '/v1/socket?x=1' }], ['an access_token beside a good header', 400, { path: '/v1/socket?access_token=TOKEN', header: true }],
    ['no token', 401, {}], ['garbage', 401, { protocols: ['sluice.v1', 'bearer.a.b.c'] }], ['a token said twice', 400, { protocols: ['sluice.v1', 'bearer.TOKEN'], header: true }],
    ['two tokens', 400, { protocols: ['sluice.v1', 'bearer.TOKEN', 'bearer.other'] }], ['a token without the version', 400, { protocols: ['bearer.TOKEN'] }],
    ['another origin', 403, { header: true, origin: 'https://evil.example' }], ['an opaque origin', 403, { header: true, origin: 'null' }], ['an origin that begins as ours', 403, { header: true, origin: 'http://127.0.0.1:8787.evil.example' }],
    ['another path', 404, { path: '/v1/socket/x', header: true }], ['another host', 421, { header: true, host: 'evil.example' }],
  ] as const)('%s is refused with %i and leaves nothing', async (_, status, how: { path?: string; protocols?: readonly string[]; header?: boolean; origin?: string; host?: string }) => {
    const rig = await createRig()
    const token = await rig.world.token(support)
    const fill = (text: string) => text.replaceAll('TOKEN', token)
    await expect(rig.open(how.header ? token : null, {
      path: fill(how.path ?? '/v1/socket'), protocols: (how.protocols ?? []).map(fill), headers: { ...(how.origin ? { origin: how.origin } : {}), ...(how.host ? { host: how.host } : {}) },
    })).rejects.toThrow(`status ${status}`)
    expect(await rig.stored(0)).toEqual([])
  })

  test('an expired token, and one whose subject is locked, open nothing', async () => {
    const rig = await createRig()
    const token = await rig.world.token({ ...support, seconds: 60 })
    await rig.ports.policies.lock({ target: 'role:support-agent', by: 'user:x', at: '', reason: null, until: null })
    await expect(rig.open(token)).rejects.toThrow('status 403')
    await rig.ports.policies.unlock('role:support-agent')
    rig.world.clock.ms += 120_000
    await expect(rig.open(token)).rejects.toThrow('status 401')
  })

  test('what is stored of it shows no token, and opens under no other connection', async () => {
    const rig = await createRig()
    const token = await rig.world.token(support)
    await rig.open(token)
    const other = await rig.as(analyst)
    const [a, b] = await Promise.all((await rig.stored(2)).map((id) => rig.sockets.get(id)))
    if (!a || !b) throw new Error('two')
    expect(JSON.stringify([a, b])).not.toContain(token.split('.')[1])
    const [mine, victim] = a.subject === analyst.subject ? [a, b] : [b, a]
    await rig.sockets.put({ ...mine, sealed: victim.sealed })
    expect(await other.call({ id: '1', action: 'ping' })).toMatchObject({ status: 401 })
    await other.closed
  })
})

describe('calls', () => {
  test('answer as over HTTP: rows masked, refusals as problems, explanations', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    const http = await (await rig.as_(support)).call('POST', path, { sql: 'select email from public.customers' })
    const rows = await client.call(query('1', { sql: 'select email from public.customers' }))
    expect(rows.body['rows']).toEqual(http.json['rows'])
    expect(JSON.stringify(rows)).not.toContain(canary.email)
    expect(await client.call(query('2', { sql: 'select * from payroll.salaries' }))).toMatchObject({ status: 403, body: { type: '/problems/denied' } })
    expect(await client.call(query('3', { sqll: 'x' }))).toMatchObject({ status: 400, body: { type: '/problems/invalid-request' } })
    expect(await client.call({ ...query('4'), action: 'explain' })).toMatchObject({ status: 200, body: { decision: 'permit' } })
    expect(await client.call({ id: '5', action: 'query', connection: 'hidden', body: read })).toMatchObject({ status: 404 })
    expect(await client.call({ id: '6', action: 'ping' })).toEqual({ id: '6', status: 200, body: {} })
  })

  test.each([
    ['no json', '{"id":', null], ['an array', '[]', null], ['a member twice', '{"id":"1","action":"ping","action":"cancel"}', null], ['an unknown action', { id: '1', action: 'approve', request: 'arq_00000000000000000000000000' }, '1'],
    ['an unknown member', { id: '1', action: 'ping', token: 'x' }, '1'], ['another\'s session', { id: '1', action: 'query', connection: 'shop', body: read, session: 'ses_x' }, '1'], ['no body', { id: '1', action: 'query', connection: 'shop' }, '1'],
    ['an endless id', { id: 'x'.repeat(65), action: 'ping' }, null], ['an id with a newline', { id: 'a\nb', action: 'ping' }, null], ['a number as id', { id: 7, action: 'ping' }, null], ['nothing', '', null], ['a request id that is another key', { id: '1', action: 'follow', request: 'call#x' }, '1'],
  ])('%s is an invalid request, and the socket stays', async (_, frame, id) => {
    const rig = await createRig()
    const client = await rig.as(support)
    client.say(frame)
    expect(await client.hear(() => true)).toMatchObject({ id, status: 400, body: { type: '/problems/invalid-request', next: 'fix' } })
    expect((await client.call({ id: 'p', action: 'ping' })).status).toBe(200)
    expect(rig.world.engine.ran).toEqual([])
  })

  test('a statement gets no more time than API Gateway gives the answer, whatever its connection lets it', async () => {
    const rig = await createRig()
    const { engine, clock } = rig.world
    const execute = engine.execute.bind(engine)
    const untils: (number | undefined)[] = []
    Object.assign(engine, { execute: (...given: Parameters<typeof execute>) => { untils.push(given[2].until); return execute(...given) } })
    const client = await rig.as(support)
    expect(await client.call(query('1'))).toMatchObject({ status: 200 })
    expect(untils.map((until) => until !== undefined && until > clock.ms && until < clock.ms + 29_000)).toEqual([true])
  })

  test('a frame delivered twice runs once, and the same id on another connection is another call', async () => {
    const rig = await createRig()
    const client = await rig.as(analyst)
    const insert = query('delivered-twice', { sql: 'insert into public.orders (id) values (9)' })
    await client.call(insert)
    const event = rig.events.find((one) => JSON.stringify(one).includes('delivered-twice'))
    await rig.invoke(event)
    await rig.invoke(event)
    expect(rig.world.engine.ran).toHaveLength(1)
    const answers = client.seen.filter(({ id }) => id === 'delivered-twice')
    expect(answers.length).toBe(3)
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    await (await rig.as(analyst)).call(insert)
    expect(rig.world.engine.ran).toHaveLength(2)
  })

  test('with a key of its own a call may be repeated on another connection, or over HTTP', async () => {
    const rig = await createRig()
    const insert = { sql: 'insert into public.orders (id) values (9)' }
    const first = await (await rig.as(analyst)).call(query('1', insert, { idempotencyKey: 'k1' }))
    const again = await (await rig.as(analyst)).call(query('77', insert, { idempotencyKey: 'k1' }))
    expect(again.body).toEqual(first.body)
    expect((await (await rig.as_(analyst)).call('POST', path, insert, { 'idempotency-key': 'k1' })).json).toEqual(first.body)
    expect(rig.world.engine.ran).toHaveLength(1)
  })

  test('an answer over 100 KB says how to have it without running again', async () => {
    const rig = await createRig()
    const client = await rig.as(analyst)
    inflate(rig, 110_000)
    const answer = await client.call(query('big'))
    expect(answer).toMatchObject({ status: 413, body: { reason: 'answer_too_large', next: 'fix' } })
    const [, key = ''] = /idempotency-key: ([^`]+)`/.exec(String(answer.body['detail'])) ?? []
    const http = await (await rig.as_(analyst)).call('POST', path, read, { 'idempotency-key': key })
    expect(http.status).toBe(200)
    expect(http.text.length).toBeGreaterThan(110_000)
    expect(rig.world.engine.ran).toHaveLength(1)
  })
})

describe('limits', () => {
  test('a thousand pings: some answered, many refused, then cut; others are served meanwhile', async () => {
    const rig = await createRig()
    const [flood, other] = [await rig.as(support), await rig.as(analyst)]
    for (let i = 0; i < 1000; i++) flood.say({ id: `p${i}`, action: 'ping' })
    expect((await other.call({ id: '1', action: 'ping' })).status).toBe(200)
    await flood.closed
    const statuses = flood.seen.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(20)
    expect(statuses).toContain(429)
    expect(flood.seen.at(-1)).toMatchObject({ id: null, status: 429 })
  })

  test('more calls at once than a connection may have are refused, and none of them runs; a place is free again afterwards', async () => {
    const rig = await createRig()
    const client = await rig.as(analyst)
    const hold = holdExecution(rig)
    for (let i = 0; i < 12; i++) client.say(query(`q${i}`))
    await client.hear(() => client.seen.filter(({ status }) => status === 429).length >= 4)
    hold.release()
    for (let i = 0; i < 12; i++) await client.hear(({ id }) => id === `q${i}`)
    expect(client.seen.filter(({ status }) => status === 200)).toHaveLength(8)
    expect(rig.world.engine.ran).toHaveLength(8)
    rig.world.clock.ms += 1000
    expect((await client.call(query('after'))).status).toBe(200)
  })
})
