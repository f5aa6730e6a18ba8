import { afterEach, describe, expect, test } from 'vitest'
import { sealToken } from '../../functions/socket/token.ts'
import { analyst, support } from '../support/caller.ts'
import { type asked, lead, refund, say } from '../support/approvals.ts'
import { closers, createRig, holdExecution, query } from './rig.ts'

afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

/** A call that has begun to run, and its caller locked longer than the policy at hand is good for. */
async function lockedInACall() {
  const rig = await createRig()
  const client = await rig.as(analyst)
  const hold = holdExecution(rig)
  client.say(query('1', { sql: 'select name from public.customers' }))
  await hold.begun
  await rig.ports.policies.lock({ target: 'subject:agent:analyst', by: 'user:x', at: '', reason: null, until: null })
  rig.world.clock.ms += 3000
  return { rig, client, hold }
}

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
    const { rig, client, hold } = await lockedInACall()
    await rig.sweep()
    hold.release()
    await client.closed
    expect(JSON.stringify(client.seen)).not.toContain('Jane')
  })

  test('a connection that was cut gets no answer, also where the gateway could not be told to close it', async () => {
    const { rig, client, hold } = await lockedInACall()
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
    await expect.poll(() => rig.world.alarms).not.toEqual([])
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
