import { afterEach, describe, expect, test } from 'vitest'
import { analyst, support } from '../support/caller.ts'
import { asked, lead, refund, say } from '../support/approvals.ts'
import { closers, createRig, inflate, query } from './rig.ts'

afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

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
