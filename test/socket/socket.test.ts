import { afterEach, describe, expect, test } from 'vitest'
import { sealToken } from '../../functions/socket/token.ts'
import { analyst, support } from '../support/caller.ts'
import { canary } from '../support/tables.ts'
import { asked, lead, path, refund, say } from '../support/approvals.ts'
import { closers, createRig, holdExecution, inflate } from './rig.ts'

afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })
const read = { sql: 'select id from public.orders order by id' }
const query = (id: string, body: unknown = read, more: object = {}) => ({ id, action: 'query', connection: 'shop', body, ...more })

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

describe('approvals', () => {
  test('a call that needs people is answered 202 at once, and its outcome is pushed from another process', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    const waiting = await client.call(query('1', refund))
    expect(waiting.status).toBe(202)
    const request = waiting.body['request'] as Awaited<ReturnType<typeof asked>>
    expect((await say(await rig.as_(lead), 'approve', request)).status).toBe(200)
    await rig.approver.proceed(request.id)
    await rig.tell(request.id)
    const outcome = await client.hear((frame) => frame['request'] === request.id)
    expect(outcome).toMatchObject({ request: request.id, status: 200, body: { request: { status: 'succeeded', mine: true }, result: { rowCount: 1 } } })
    expect(outcome).not.toHaveProperty('id')
  })

  test('after a reconnect, follow gives the state and subscribes again; a lost push is harmless', async () => {
    const rig = await createRig()
    const first = await rig.as(support)
    const request = (await first.call(query('1', refund))).body['request'] as Awaited<ReturnType<typeof asked>>
    first.web.terminate()
    await rig.stored(0)
    const second = await rig.as(support)
    expect(await second.call({ id: 'f', action: 'follow', request: request.id })).toMatchObject({ status: 200, body: { request: { status: 'pending' } } })
    await say(await rig.as_(lead), 'reject', request, 'no')
    await rig.tell(request.id)
    expect(await second.hear((frame) => frame['request'] === request.id)).toMatchObject({ body: { request: { status: 'rejected' } } })
    const third = await rig.as(support)
    expect(await third.call({ id: 'f', action: 'follow', request: request.id })).toMatchObject({ status: 200, body: { request: { status: 'rejected' } } })
  })

  test('an end between the answer and the subscription is pushed all the same', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    const { follow } = rig.sockets
    Object.assign(rig.sockets, { follow: async (...args: Parameters<typeof follow>) => {
      const [id] = args
      const found = await rig.ports.approvals.requests.get(id)
      await say(await rig.as_(lead), 'reject', { id, digest: found?.digest ?? '' })
      return follow(...args)
    } })
    const waiting = await client.call(query('1', refund))
    expect(await client.hear((frame) => frame['request'] !== undefined)).toMatchObject({ request: (waiting.body['request'] as { id: string }).id, body: { request: { status: 'rejected' } } })
  })

  test('another subject\'s request is not there, is not pushed to whoever names it, and an approver who follows gets no rows', async () => {
    const rig = await createRig()
    const request = await asked(await rig.as_(support))
    const [stranger, delegated, approver] = [await rig.as(analyst), await rig.as({ ...support, actor: 'agent:other' }), await rig.as(lead)]
    for (const client of [stranger, delegated]) {
      expect(await client.call({ id: 'f', action: 'follow', request: request.id })).toMatchObject({ status: 404, body: { reason: 'no_request' } })
      expect(await client.call({ id: 'c', action: 'cancel', request: request.id })).toMatchObject({ status: 404 })
    }
    expect(await approver.call({ id: 'f', action: 'follow', request: request.id })).toMatchObject({ status: 200, body: { request: { mine: false } } })
    for (const id of await rig.stored(3)) await rig.sockets.follow(request.id, id, rig.world.clock.ms + 60_000)     // as if each had slipped into the list
    await say(await rig.as_(lead), 'approve', request)
    await rig.approver.proceed(request.id)
    await rig.tell(request.id)
    for (const client of [stranger, delegated, approver]) {
      await client.call({ id: 'p', action: 'ping' })
      expect(client.seen.filter((frame) => frame['request'] !== undefined)).toEqual([])
    }
  })

  test('cancel takes a request back, and its followers hear', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    const request = (await client.call(query('1', refund))).body['request'] as Awaited<ReturnType<typeof asked>>
    expect(await client.call({ id: '2', action: 'cancel', request: request.id })).toMatchObject({ status: 200, body: { request: { status: 'cancelled' } } })
    await rig.tell(request.id)
    expect(await client.hear((frame) => frame['request'] !== undefined)).toMatchObject({ body: { request: { status: 'cancelled' } } })
  })

  test('an outcome over 100 KB is pushed as its id', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    const request = (await client.call(query('1', refund))).body['request'] as Awaited<ReturnType<typeof asked>>
    inflate(rig, 110_000)
    await say(await rig.as_(lead), 'approve', request)
    await rig.approver.proceed(request.id)
    await rig.tell(request.id)
    expect(await client.hear((frame) => frame['request'] !== undefined)).toEqual({ request: request.id, status: 303, location: `/v1/requests/${request.id}` })
    expect(await client.call({ id: 'f', action: 'follow', request: request.id })).toEqual({ id: 'f', status: 303, request: request.id, location: `/v1/requests/${request.id}` })
    expect((await (await rig.as_(support)).call('GET', `/v1/requests/${request.id}`)).text.length).toBeGreaterThan(110_000)
  })

  test('a gateway that does not answer costs nobody their outcome', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    const request = (await client.call(query('1', refund))).body['request'] as Awaited<ReturnType<typeof asked>>
    await say(await rig.as_(lead), 'reject', request)
    const { push } = rig.sockets
    Object.assign(rig.sockets, { push: async () => { throw new Error('no route') } })
    await rig.tell(request.id)
    expect(rig.world.alarms.length).toBeGreaterThan(0)
    Object.assign(rig.sockets, { push })
    expect(await client.call({ id: 'f', action: 'follow', request: request.id })).toMatchObject({ body: { request: { status: 'rejected' } } })
  })
})

describe('being cut off', () => {
  test('a frame after the token\'s end is answered with 401, closes, and runs nothing', async () => {
    const rig = await createRig()
    const client = await rig.as({ ...support, seconds: 600 })
    rig.world.clock.ms += 601_000
    expect(await client.call(query('1'))).toMatchObject({ status: 401, body: { reason: 'token_expired' } })
    await client.closed
    expect(rig.world.engine.ran).toEqual([])
    expect(await rig.stored(0)).toEqual([])
  })

  test('a token that ends while its call runs gets no rows', async () => {
    const rig = await createRig()
    const client = await rig.as({ ...analyst, seconds: 600 })
    const hold = holdExecution(rig)
    client.say(query('1', { sql: 'select name from public.customers' }))
    await hold.begun
    rig.world.clock.ms += 601_000
    hold.release()
    await client.closed
    expect(client.seen).toMatchObject([{ id: null, status: 401, body: { reason: 'token_expired' } }])
    expect(JSON.stringify(client.seen)).not.toContain('Jane')
  })

  test('the local server closes an idle socket when its token ends', async () => {
    const rig = await createRig()
    const client = await rig.as({ ...support, seconds: 1 })
    await client.closed
    expect(client.seen).toMatchObject([{ id: null, status: 401, body: { reason: 'token_expired' } }])
    await rig.stored(0)
  })

  test.each(['subject:agent:support-bot', 'role:support-agent', 'everything'])('a lock on %s: the sweep closes an idle socket, and only that', async (target) => {
    const rig = await createRig()
    const client = await rig.as(support)
    const other = target === 'everything' ? null : await rig.as(analyst)
    await rig.ports.policies.lock({ target, by: 'user:x', at: '', reason: 'secret reason', until: null })
    rig.world.clock.ms += 3000
    expect(await rig.sweep()).toBe(1)
    await client.closed
    expect(client.seen).toMatchObject([{ id: null, status: 403, body: { reason: 'locked' } }])
    expect(JSON.stringify(client.seen)).not.toContain('secret reason')
    if (other) expect((await other.call({ id: '1', action: 'ping' })).status).toBe(200)
  })

  test('a lock while a call runs: the sweep cuts it, and its rows go nowhere', async () => {
    const rig = await createRig()
    const client = await rig.as(analyst)
    const hold = holdExecution(rig)
    client.say(query('1', { sql: 'select name from public.customers' }))
    await hold.begun
    await rig.ports.policies.lock({ target: 'subject:agent:analyst', by: 'user:x', at: '', reason: null, until: null })
    rig.world.clock.ms += 3000
    await rig.sweep()
    hold.release()
    await client.closed
    expect(JSON.stringify(client.seen)).not.toContain('Jane')
  })

  test('a connection that was cut gets no answer, also where the gateway could not be told to close it', async () => {
    const rig = await createRig()
    const client = await rig.as(analyst)
    const hold = holdExecution(rig)
    client.say(query('1', { sql: 'select name from public.customers' }))
    await hold.begun
    await rig.ports.policies.lock({ target: 'subject:agent:analyst', by: 'user:x', at: '', reason: null, until: null })
    rig.world.clock.ms += 3000
    const { close } = rig.sockets
    Object.assign(rig.sockets, { close: async () => { throw new Error('no route') } })
    expect(await rig.sweep()).toBe(1)
    hold.release()
    await rig.quiet()
    client.say({ id: '2', action: 'ping' })
    await rig.quiet()
    Object.assign(rig.sockets, { close })
    client.say({ id: '3', action: 'ping' })                               // a frame of no connection is what closes it then
    await client.closed
    expect(client.seen).toMatchObject([{ id: null, status: 403 }])
  })

  test('any frame of a locked subject is refused and closes; a lock on one target stops statements there, not the socket', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    await rig.ports.policies.lock({ target: 'connection:shop', by: 'user:x', at: '', reason: null, until: null })
    rig.world.clock.ms += 3000
    expect(await client.call(query('1'))).toMatchObject({ status: 403, body: { reason: 'locked' } })
    expect(await client.call({ id: '2', action: 'ping' })).toMatchObject({ status: 200 })
    await rig.ports.policies.lock({ target: 'subject:agent:support-bot', by: 'user:x', at: '', reason: null, until: null })
    rig.world.clock.ms += 3000
    expect(await client.call({ id: '3', action: 'ping' })).toMatchObject({ status: 403 })
    await client.closed
  })

  test('a push to a locked subject closes instead', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    const request = (await client.call(query('1', refund))).body['request'] as Awaited<ReturnType<typeof asked>>
    await rig.quiet()
    await say(await rig.as_(lead), 'reject', request)
    await rig.ports.policies.lock({ target: 'subject:agent:support-bot', by: 'user:x', at: '', reason: null, until: null })
    rig.world.clock.ms += 3000
    await rig.tell(request.id)
    await client.closed
    expect(client.seen.filter((frame) => frame['request'] !== undefined)).toEqual([])
  })

  test('a policy that takes a rule away holds for the next frame', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    expect((await client.call(query('1'))).status).toBe(200)
    const { 'roles/support-agent.yaml': _, ...rest } = (await import('../support/policy.ts')).demo
    await rig.apply(rest)
    expect((await client.call(query('2'))).status).toBe(404)
  })

  test('a key withdrawn at the issuer closes the socket at its next frame', async () => {
    const rig = await createRig()
    const client = await rig.as({ ...support, seconds: 7200 })
    expect((await client.call({ id: '1', action: 'ping' })).status).toBe(200)
    const { fetchJson } = rig.ports
    const withdrawn = async (url: string) => url.includes('.well-known') ? fetchJson(url) : { keys: [] }
    Object.assign(rig.ports, { fetchJson: withdrawn })
    rig.world.clock.ms += 3600_000
    const answer = await client.call({ id: '2', action: 'ping' })
    expect(answer.status).toBe(401)
    await client.closed
  })

  test('an answer that could not be pushed has run once, and the same frame again gets it', async () => {
    const rig = await createRig()
    const client = await rig.as(analyst)
    const { push } = rig.sockets
    Object.assign(rig.sockets, { push: async () => { throw new Error('no route') } })
    const insert = query('1', { sql: 'insert into public.orders (id) values (9)' })
    client.say(insert)
    while (rig.world.alarms.length === 0) await new Promise((done) => { setTimeout(done, 5) })
    Object.assign(rig.sockets, { push })
    expect(await client.call(insert)).toMatchObject({ status: 200 })
    expect(rig.world.engine.ran).toHaveLength(1)
  })

  test.each([['its subject', { subject: 'agent:other' }], ['its issuer', { issuer: 'okta' }], ['an actor', { actors: ['agent:x'] }]])('a policy that now gives the same token another name (%s) makes it nobody\'s socket', async (_, was) => {
    const rig = await createRig()
    const token = await rig.world.token(support)
    const client = await rig.open(token)
    const [id = ''] = await rig.stored(1)
    const socket = await rig.sockets.get(id)
    if (!socket) throw new Error('gone')
    const bound = { ...socket, ...was }                                   // as it was named when it was opened
    await rig.sockets.put({ ...bound, sealed: await sealToken(rig.ports, bound, token) })
    expect(await client.call(query('2'))).toMatchObject({ status: 401 })
    await client.closed
    expect(rig.world.engine.ran).toEqual([])
  })

  test('a store that does not answer refuses the frame and keeps the socket', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    rig.world.clock.ms += 10_000
    rig.world.broken.add('policies')
    expect(await client.call(query('1'))).toMatchObject({ status: 503 })
    expect(await rig.sweep()).toBe(0)
    rig.world.broken.delete('policies')
    expect((await client.call(query('2'))).status).toBe(200)
  })

  test('a frame that arrives after its connection ended is served nowhere', async () => {
    const rig = await createRig()
    const client = await rig.as(support)
    await client.call(query('1'))
    client.web.close()
    await client.closed
    await rig.stored(0)
    const event = JSON.parse(JSON.stringify(rig.events.find((one) => JSON.stringify(one).includes('"query'.slice(1)))).replace('\\"id\\":\\"1\\"', '\\"id\\":\\"2\\"')) as unknown
    await rig.invoke(event)
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
