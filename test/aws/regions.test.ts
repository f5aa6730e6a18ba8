import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import type { Dynamo, Item, Place as Where } from '../../functions/aws/dynamo.ts'
import { policyHomeOf, regionsOf } from '../../functions/aws/home.ts'
import { createStores } from '../../functions/aws/ports.ts'
import { prefixed } from '../../functions/aws/prefix.ts'
import { signedDynamo } from '../../functions/aws/signed.ts'
import { createIds } from '../../functions/aws/ulid.ts'
import { startDynamo } from '../../functions/local/dynamodb.ts'
import { numbered } from '../../functions/numbering.ts'
import type { Ports } from '../../functions/ports.ts'
import { sealing } from '../../functions/record/content.ts'
import type { PolicyDocument } from '../../schema/policy.ts'
import { isEventId, isRequestId, outcomeId, tables } from '../../schema/item.ts'
import { codeOf, elsewhere, keptElsewhere, readRegions } from '../../schema/region.ts'
import { mint, openPorts, startPlace } from '../support/local.ts'

const text = 'eu-central-1=https://sluice.acme.dev,us-east-1=https://us.sluice.acme.dev'
const urls = readRegions(text)
const names = [...urls.keys()] as [string, string]
const documents: readonly PolicyDocument[] = [
  { version: 1, kind: 'connection', name: 'shop', engine: 'postgres', secrets: { write: 'shop-write', read: 'shop-read', plain: 'shop-plain' } },
  { version: 1, kind: 'role', name: 'clerks', members: [{ group: 'clerks' }], rules: [{ allow: ['select', 'insert'], connection: 'shop', on: ['public.refunds'] }, { allow: ['delete'], connection: 'shop', on: ['public.refunds'], approval: { by: ['leads'], quorum: 1, within: '30m' } }] },
]

/** Two deployments with one target: each has a DynamoDB of its own, and the second's policy follows the first's when it is told to. */
describe('two regions', () => {
  let around: Awaited<ReturnType<typeof startPlace>>
  let second: Awaited<ReturnType<typeof startDynamo>>
  let where: readonly [Where, Where]
  let token: string
  const open: { close(): void }[] = []
  const raw: (Dynamo & { close(): void })[] = []
  beforeAll(async () => {
    around = await startPlace({ documents, schema: `CREATE TABLE public.refunds (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, reason text); CREATE ROLE w LOGIN PASSWORD 'x'; CREATE ROLE r LOGIN PASSWORD 'x'; CREATE ROLE p LOGIN PASSWORD 'x';
      GRANT SELECT, INSERT, DELETE ON public.refunds TO w; GRANT SELECT ON public.refunds TO r, p;` })
    const { credentials, url } = around.place.dynamo
    second = await startDynamo({ directory: null, credentials })
    where = [{ region: names[0], endpoint: url, credentials }, { region: names[1], endpoint: second.url, credentials }]
    raw.push(...where.map((place) => signedDynamo({ ...place, now: Date.now })))
    const stores = createStores(where[1])
    await stores.createTables()
    stores.close()
    token = await mint(around.place, 'agent:bot', ['clerks'])
  }, 60_000)
  afterAll(async () => {
    for (const one of [...open, ...raw]) one.close()
    await second?.close()
    await around?.stop()
  })

  const storesOf = (at: 0 | 1, more: { readonly now?: () => number; readonly alone?: true } = {}) => {
    const stores = createStores(where[at], more.now ?? Date.now, null, null, more.alone ? null : { here: names[at], home: at === 0 ? null : where[0] })
    open.push(stores)
    return stores
  }
  /** A gate as it would be in that region; `alone`: without the rule. */
  const gateOf = (at: 0 | 1, alone?: true) => {
    const stores = storesOf(at, { ...(alone && { alone }) })
    const ports: Ports & { close(): void } = openPorts(around.place)
    open.push(ports)
    const sealed = sealing(numbered(stores, { ...stores, alarm: () => {} }), stores.keys, stores.now)
    const app = createApp({ ...ports, ...sealed, approvals: { requests: sealed.requests, workflow: { start: async () => {}, wake: async () => {} }, post: { slack: null, mail: null } }, self: { ...ports.self, ...(alone ? {} : { regions: { here: names[at], urls } }) } })
    return async (method: string, path: string, body?: object, headers: Readonly<Record<string, string>> = { authorization: `Bearer ${token}` }) => {
      const answer = await app.request(path, { method, headers: { 'content-type': 'application/json', ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      return { status: answer.status, body: await answer.json() as { reason?: string; detail?: string; next?: string; request?: { id: string }; receipt?: { event: string }; evaluation?: string } }
    }
  }
  const insert = (gate: ReturnType<typeof gateOf>, key: string) => gate('POST', '/v1/connections/shop/query', { sql: `insert into public.refunds (reason) values ('${key}')` }, { authorization: `Bearer ${token}`, 'idempotency-key': key })
  const rows = async (reason: string) => (await around.database.query(`select id from public.refunds where reason = '${reason}'`)).rows.length
  /** Everything that the first region's policy table has arrives in the second. */
  async function replicate(): Promise<void> {
    for (const pk of ['policy', `policy#${(await storesOf(0).policies.pointer())?.version}`]) {
      const { Items = [] } = await raw[0]!('Query', { TableName: tables.policy.name, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': { S: pk } }, ConsistentRead: true })
      for (const item of Items) await raw[1]!('PutItem', { TableName: tables.policy.name, Item: item as Item })
    }
  }

  test('without the rule, one idempotency key that comes to both before they have met executes twice', async () => {
    await replicate()
    const answers = await Promise.all([insert(gateOf(0, true), 'control'), insert(gateOf(1, true), 'control')])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(await rows('control')).toBe(2)
  })

  test('with it one executes, and the other says where the key belongs', async () => {
    await storesOf(0).beat()
    await replicate()
    const [here, there] = [gateOf(0), gateOf(1)]
    const [one, two] = await Promise.all([insert(here, 'once'), insert(there, 'once')])
    expect([one.status, two.status, two.body.reason, two.body.next]).toEqual([200, 400, 'idempotency_elsewhere', 'fix'])
    expect(two.body.detail).toContain('https://sluice.acme.dev')
    expect(await rows('once')).toBe(1)
    const [three, four] = await Promise.all([insert(here, 'us-east-1:once'), insert(there, 'us-east-1:once')])
    expect([three.status, four.status, three.body.reason]).toEqual([400, 200, 'idempotency_elsewhere'])
    expect(await rows('us-east-1:once')).toBe(1)
    expect([await insert(there, 'us-east-1:once'), await rows('us-east-1:once')]).toEqual([four, 1])
    // A call that asks people claims its key in the same way.
    const asks = (gate: ReturnType<typeof gateOf>) => gate('POST', '/v1/connections/shop/query', { sql: 'delete from public.refunds where id = 0' }, { authorization: `Bearer ${token}`, 'idempotency-key': 'asked' })
    expect([(await asks(there)).body.reason, (await asks(here)).status]).toEqual(['idempotency_elsewhere', 202])
  })

  test('a request is answered where it was made, and elsewhere with where that is; by nothing to who is nobody', async () => {
    await storesOf(0).beat()
    await replicate()
    const [here, there] = [gateOf(0), gateOf(1)]
    const asked = (await there('POST', '/v1/connections/shop/query', { sql: 'delete from public.refunds where id = 1' })).body.request?.id ?? ''
    expect(isRequestId(asked)).toBe(true)
    expect((await there('GET', `/v1/requests/${asked}`)).status).toBe(200)
    for (const method of ['GET', 'DELETE'] as const) {
      const answer = await here(method, `/v1/requests/${asked}`)
      expect([answer.status, answer.body.reason, answer.body.next, answer.body.detail]).toEqual([404, 'request_elsewhere', 'fix', expect.stringContaining(`https://us.sluice.acme.dev/v1/requests/${asked}`)])
    }
    expect((await there('GET', `/v1/requests/${asked}`)).status).toBe(200)
    expect((await here('GET', `/v1/requests/${asked}`, undefined, {})).status).toBe(401)
    const unknown = createIds(Date.now, names[0])('arq')
    expect((await here('GET', `/v1/requests/${unknown}`)).body.reason).toBe('no_request')
    expect((await here('GET', `/v1/requests/${createIds(Date.now, 'ap-south-1')('arq')}`)).body.reason).toBe('no_request')
  })

  test('each region\'s intents, outcomes and evaluations say whose they are, and lie there alone', async () => {
    await storesOf(0).beat()
    await replicate()
    const { body } = await gateOf(1)('POST', '/v1/connections/shop/query', { sql: 'select id from public.refunds' })
    const event = body.receipt?.event ?? ''
    expect(isEventId(event)).toBe(true)
    expect([event, body.evaluation ?? ''].map((id) => elsewhere({ here: names[0], urls }, id)?.region)).toEqual(['us-east-1', 'us-east-1'])
    expect(elsewhere({ here: names[1], urls }, event)).toBe(null)
    expect(await storesOf(1).ledger.get(event as never)).toMatchObject({ id: event })
    expect(await storesOf(0).ledger.get(event as never)).toBe(null)
  })

  test('a lock set anywhere is written at home, and holds elsewhere when it has come; a replica of a home that is silent decides nothing', async () => {
    const lock = { target: 'connection:shop', by: 'user:ops', at: new Date().toISOString(), reason: null, until: null }
    await storesOf(0).beat()
    await replicate()
    expect(await storesOf(1).policies.lock(lock)).toBe(true)
    expect((await storesOf(0).policies.pointer())?.locks.map(({ target }) => target)).toEqual(['connection:shop'])
    expect((await storesOf(1).policies.pointer())?.locks).toEqual([])
    await replicate()
    expect((await storesOf(1).policies.pointer())?.locks).toHaveLength(1)
    expect((await gateOf(1)('POST', '/v1/connections/shop/query', { sql: 'select id from public.refunds' })).status).toBe(403)
    // Lifted through the replica that has not seen it lifted, and twice.
    expect([await storesOf(1).policies.unlock('connection:shop'), await storesOf(1).policies.unlock('connection:shop')]).toEqual([true, false])
    for (const [ms, holds] of [[140_000, true], [151_000, false], [-20_000, true], [-40_000, false]] as const) {
      const read = storesOf(1, { now: () => Date.now() + ms }).policies.pointer()
      await (holds ? expect(read).resolves.not.toBe(null) : expect(read).rejects.toMatchObject({ code: 'store-unavailable' }))
    }
    await expect(storesOf(0, { now: () => Date.now() + 3_600_000 }).policies.pointer()).resolves.not.toBe(null)         // at home nothing is behind
    await raw[1]!('UpdateItem', { TableName: tables.policy.name, Key: { pk: { S: 'policy' }, sk: { S: 'pointer' } }, UpdateExpression: 'REMOVE beat' })
    await expect(storesOf(1).policies.pointer()).rejects.toThrow('never said')
    expect(await gateOf(1)('POST', '/v1/connections/shop/query', { sql: 'select id from public.refunds' })).toMatchObject({ status: 503, body: { reason: 'policy_unreadable' } })
  })

  test('the home\'s word makes no pointer where there is none, and keeps locks and version', async () => {
    const before = await storesOf(0).policies.pointer()
    await storesOf(0).beat()
    expect(await storesOf(0).policies.pointer()).toEqual(before)
    const empty = await startDynamo({ directory: null, credentials: around.place.dynamo.credentials })
    const stores = createStores({ ...where[0], endpoint: empty.url })
    await stores.createTables()
    await stores.beat()
    expect(await stores.policies.pointer()).toBe(null)
    stores.close()
    await empty.close()
  })
})

describe('an id', () => {
  test('of any region is one of ours, is never made twice and sorts by time, and an outcome is where its intent is', () => {
    for (const region of [null, ...names]) {
      const make = createIds(() => 1e12, region)
      const ids = Array.from({ length: 3000 }, () => make('evt'))
      expect(new Set(ids).size).toBe(3000)
      expect(ids).toEqual(ids.toSorted())
      expect(ids.every(isEventId)).toBe(true)
      if (region !== null) for (const id of [...ids, ...ids.map(outcomeId)]) expect(id.slice(15, 17)).toBe(codeOf(region))
    }
  })
  test.each(['', 'arq_', 'arq_01JD9Z7V8M000000000000000', `x${createIds(Date.now, 'us-east-1')('arq')}x`, '../us-east-1'])('that is none leads nowhere: %j', (id) => {
    expect(elsewhere({ here: names[0], urls }, id)).toBe(null)
  })
  test('leads nowhere where there is one region', () => {
    expect(elsewhere(undefined, createIds(Date.now, 'us-east-1')('arq'))).toBe(null)
    expect(keptElsewhere(undefined, 'us-east-1:k')).toBe(null)
  })
})

describe('regions are named', () => {
  test.each(['eu-central-1=https://a.dev', 'eu-central-1=http://a.dev,us-east-1=https://b.dev', 'eu-central-1=https://a.dev,eu-central-1=https://b.dev', 'eu-central-1=https://a.dev/x,us-east-1=https://b.dev', 'eu-central-1,us-east-1', ','])('%j is no list of them', (wrong) => {
    expect(() => readRegions(wrong)).toThrow('SLUICE_REGIONS')
  })
  const env = { SLUICE_REGIONS: text, SLUICE_HOME_REGION: 'us-east-1', SLUICE_PUBLIC_URL: 'https://us.sluice.acme.dev/', SLUICE_POLICY_TABLES: 'sluice-production' }
  const place = { region: 'us-east-1', endpoint: 'https://dynamodb.us-east-1.amazonaws.com', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, tables: 'sluice-us' }
  test('and one that is not among them, or has another address there, does not start', () => {
    expect(regionsOf(env)).toEqual({ here: 'us-east-1', urls })
    expect(regionsOf({})).toBeUndefined()
    for (const wrong of [{ SLUICE_HOME_REGION: 'eu-west-1' }, { SLUICE_HOME_REGION: '' }, { SLUICE_PUBLIC_URL: 'https://sluice.acme.dev' }, { SLUICE_REGIONS: 'us-east-1' }]) expect(() => regionsOf({ ...env, ...wrong })).toThrow('SLUICE_REGIONS')
  })
  test('the first writes the policy, and the others know where', () => {
    expect(policyHomeOf(place, env)).toMatchObject({ region: 'eu-central-1', endpoint: 'https://dynamodb.eu-central-1.amazonaws.com', tables: 'sluice-production' })
    expect(policyHomeOf({ ...place, region: 'eu-central-1' }, { ...env, SLUICE_HOME_REGION: 'eu-central-1', SLUICE_PUBLIC_URL: 'https://sluice.acme.dev' })).toBe(null)
    expect(() => policyHomeOf(place, { ...env, SLUICE_POLICY_TABLES: '' })).toThrow('SLUICE_POLICY_TABLES')
  })
  test('the replica has the name of the table it follows, and no other table has', async () => {
    const sent: object[] = []
    const dynamo = prefixed(async (_, input) => { sent.push(input); return {} }, 'sluice-us', 'sluice-production')
    for (const { name } of Object.values(tables)) await dynamo('GetItem', { TableName: name })
    expect(sent.map((input) => (input as { TableName: string }).TableName)).toEqual(Object.values(tables).map(({ name }) => (name === 'sluice-policy' ? 'sluice-production-policy' : name.replace('sluice-', 'sluice-us-'))))
  })
})
