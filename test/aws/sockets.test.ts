import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { signature } from '../../functions/aws/push.ts'
import { createSockets } from '../../functions/aws/sockets.ts'
import type { Socket, Sockets } from '../../functions/ports.ts'
import { carriers, createRig, credentials, type Rig } from '../contract/rig.ts'

const reach = { push: async () => 'sent' as const, close: async () => {} }
const request = 'arq_01M817QNM001G4M4JQJ0BCSN40'

describe.each(carriers)('connections in DynamoDB by %s', (carrier) => {
  let rig: Rig
  let sockets: Sockets
  beforeEach(async () => { rig = await createRig(carrier); sockets = createSockets({ hot: rig.dynamo, now: () => rig.clock.ms, reach }) })
  afterEach(() => rig.close())
  const socket = (id: string, more: Partial<Socket> = {}): Socket =>
    ({ id, issuer: 'okta', subject: 'agent:a', actors: ['agent:b'], session: 'ses_x', expiresAt: rig.clock.ms + 3600_000, sealed: 'sealed', ...more })
  const limits = (more: { perSecond?: number; inFlight?: number; until?: number } = {}) => ({ perSecond: 5, inFlight: 3, until: rig.clock.ms + 30_000, ...more })

  test('what is put is got and listed, until it is removed or past its end', async () => {
    const ids = Array.from({ length: 40 }, (_, i) => `conn/${i}+=`)
    for (const id of ids) await sockets.put(socket(id))
    expect(await sockets.get('conn/7+=')).toEqual(socket('conn/7+='))
    const listed: string[] = []
    for (let after: string | null = null; ;) {
      const page = await sockets.all(after)
      listed.push(...page.sockets.map(({ id }) => id))
      if (page.next === null) break
      after = page.next
    }
    expect(listed.sort()).toEqual(ids.sort())
    await sockets.remove('conn/7+=')
    await sockets.remove('conn/7+=')
    expect(await sockets.get('conn/7+=')).toBeNull()
    rig.clock.ms += 3600_000
    expect(await sockets.get('conn/8+=')).toBeNull()
  })

  test('of many frames at once as many enter as there is room, whichever process they meet', async () => {
    await sockets.put(socket('c'))
    const other = createSockets({ hot: rig.dynamo, now: () => rig.clock.ms, reach })
    const entered = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? other : sockets).enter('c', `f${i}`, limits())))
    expect(entered.filter(({ state }) => state === 'entered')).toHaveLength(3)
    expect(entered.filter(({ state }) => state === 'crowded')).toHaveLength(7)
  })

  test('a second holds so many frames, also those refused are counted, and the next is empty again', async () => {
    await sockets.put(socket('c'))
    for (let i = 0; i < 5; i++) {
      expect(await sockets.enter('c', `f${i}`, limits())).toMatchObject({ state: 'entered', frames: i + 1 })
      expect(await sockets.leave('c', `f${i}`)).toBe(true)
    }
    expect(await sockets.enter('c', 'f5', limits())).toMatchObject({ state: 'crowded', frames: 6 })
    expect(await sockets.enter('c', 'f6', limits())).toMatchObject({ state: 'crowded', frames: 7 })
    rig.clock.ms += 1000
    expect(await sockets.enter('c', 'f7', limits())).toMatchObject({ state: 'entered', frames: 1 })
  })

  test('a process whose clock is behind does not begin the count anew', async () => {
    await sockets.put(socket('c'))
    const late = createSockets({ hot: rig.dynamo, now: () => rig.clock.ms - 2000, reach })
    for (let i = 0; i < 5; i++) {
      await (i % 2 ? late : sockets).enter('c', `f${i}`, limits({ inFlight: 99 }))
    }
    expect(await late.enter('c', 'x', limits({ inFlight: 99 }))).toMatchObject({ state: 'crowded', frames: 6 })
  })

  test('places of a process that died are free again after their time, and a frame delivered twice has one place', async () => {
    await sockets.put(socket('c'))
    for (const frame of ['a', 'b', 'b', 'c']) expect(await sockets.enter('c', frame, limits({ perSecond: 99 }))).toMatchObject({ state: frame === 'c' ? 'entered' : 'entered' })
    expect(await sockets.enter('c', 'd', limits({ perSecond: 99 }))).toMatchObject({ state: 'crowded' })
    rig.clock.ms += 30_000
    const entered = await Promise.all(['d', 'e', 'f', 'g'].map((frame) => sockets.enter('c', frame, limits({ perSecond: 99 }))))
    expect(entered.filter(({ state }) => state === 'entered')).toHaveLength(3)
    rig.clock.ms += 30_000
    expect(await sockets.enter('c', 'd', limits({ perSecond: 99 }))).toMatchObject({ state: 'entered' })      // its own stale place is taken over
  })

  test('nothing enters a connection that is gone, nor brings it back', async () => {
    expect(await sockets.enter('never', 'f', limits())).toEqual({ state: 'gone' })
    await sockets.put(socket('c'))
    await sockets.enter('c', 'f', limits())
    await sockets.remove('c')
    expect(await sockets.enter('c', 'g', limits())).toEqual({ state: 'gone' })
    expect(await sockets.leave('c', 'f')).toBe(false)
    expect((await sockets.get('c'))).toBeNull()
    expect((await sockets.all(null)).sockets).toEqual([])
  })

  test('followers of a request are those that asked, bounded, until their end; another key is none', async () => {
    for (let i = 0; i < 20; i++) expect(await sockets.follow(request, `c${i}`, rig.clock.ms + 10_000 + i)).toBe(i < 16)
    expect(await sockets.follow(request, 'c0', rig.clock.ms + 10_000)).toBe(true)
    expect((await sockets.followers(request)).toSorted()).toEqual(Array.from({ length: 16 }, (_, i) => `c${i}`).sort())
    expect(await sockets.followers('arq_01M817QNM001G4M4JQJ0BCSN41')).toEqual([])
    expect(await sockets.follow('arq_x#socket' as typeof request, 'c', rig.clock.ms + 1000)).toBe(false)
    rig.clock.ms += 120_000
    expect(await sockets.followers(request)).toEqual([])
  })

  test('a store that fails is a fault, and an entry whose answer was lost does not count as two places', async () => {
    await sockets.put(socket('c'))
    await sockets.enter('c', 'warm', limits({ perSecond: 99 }))
    rig.break({ after: 'error' }, { operation: 'UpdateItem', only: 1 })
    await sockets.enter('c', 'a', limits({ perSecond: 99 }))
    expect(await sockets.enter('c', 'b', limits({ perSecond: 99 }))).toMatchObject({ state: 'entered' })
    rig.break({ before: 'error' })
    await expect(sockets.get('c')).rejects.toMatchObject({ code: 'store-unavailable' })
  })
})

test.each([['with a session token', credentials], ['without one', { ...credentials, sessionToken: undefined }]])('a push is signed as the SDK signs it, %s', async (_, its) => {
  const at = Date.parse('2026-11-22T23:59:59.000Z')
  const host = 'abc123.execute-api.eu-central-1.amazonaws.com'
  const path = `/prod/@connections/${encodeURIComponent('L0SM9cO/vHc+Ihw=')}`
  const { accessKeyId, secretAccessKey, sessionToken } = its
  const client = new DynamoDBClient({ region: 'eu-central-1', credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } })
  const signer = await client.config.signer({ name: 'sigv4', signingName: 'execute-api', signingRegion: 'eu-central-1', properties: {} })
  for (const [method, body] of [['POST', '{"€":1}'], ['DELETE', '']] as const) {
    const theirs = await signer.sign({ method, protocol: 'https:', hostname: host, path, query: {}, body, headers: { host } }, { signingDate: new Date(at), unsignableHeaders: new Set(['x-amz-content-sha256']) })
    const ours = signature({ region: 'eu-central-1', credentials: its, host }, method, path, body, at)
    expect(ours['x-amz-date']).toBe(theirs.headers['x-amz-date'])
    expect(ours['authorization']).toBe(theirs.headers['authorization'])
  }
})
