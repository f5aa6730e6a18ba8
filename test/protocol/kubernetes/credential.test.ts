import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { accountOf } from '../../../functions/protocol/kubernetes/credential.ts'
import { bodyOf, createRig, planOf, type Rig } from './rig.ts'
import { gateToken, json, startStub, status, type Stub } from './stub.ts'

let stub: Stub
let rig: Rig
let mint: Stub['mint']
beforeAll(async () => { stub = await startStub(); ({ mint } = stub) })
afterAll(() => stub.close())
beforeEach(() => { stub.seen.length = 0; stub.minted = 0; stub.refused.clear(); stub.mint = mint; stub.handler = (_, response) => { json(response, 200, { kind: 'Pod' }) }; rig = createRig(stub) })
afterEach(() => { rig.close() })
const mints = () => stub.seen.filter(({ url }) => url.endsWith('/token'))

describe('which service account', () => {
  const serviceAccounts = { b: 'ns/b', a: 'ns/a', '*': 'ns/other' }
  test.each([[['b', 'a'], 'ns/a'], [['zz', 'b'], 'ns/b'], [['zz'], 'ns/other'], [[], null], [['*'], 'ns/other'], [['toString'], 'ns/other']] as const)('of roles %j: %s', (roles, account) => {
    expect(accountOf({ serviceAccounts }, roles)).toBe(account)
  })
  test('none without `*`, none without a map, none by a name every object has', () => {
    expect(accountOf({ serviceAccounts: { a: 'ns/a' } }, ['b'])).toBeNull()
    expect(accountOf({}, ['a'])).toBeNull()
    expect(accountOf({ serviceAccounts: { a: 'ns/a' } }, ['constructor'])).toBeNull()
  })
})

describe('tokens', () => {
  test('are asked for as the gate, for minutes, and calls carry them alone', async () => {
    await rig.run(planOf())
    expect(mints()).toHaveLength(1)
    expect(mints()[0]).toMatchObject({ method: 'POST', url: '/api/v1/namespaces/sluice/serviceaccounts/reader/token', headers: { authorization: `Bearer ${gateToken}` } })
    expect(JSON.parse(mints()[0]?.body ?? '')).toEqual({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } })
    expect(stub.seen[1]?.headers.authorization).toBe('Bearer token-1')
  })
  test('are minted once for all who wait, and again two minutes before their end', async () => {
    await Promise.all(Array.from({ length: 8 }, () => rig.run(planOf())))
    expect(mints()).toHaveLength(1)
    rig.now += 479_000
    await rig.run(planOf())
    expect(mints()).toHaveLength(1)
    rig.now += 2000
    await rig.run(planOf())
    expect(mints()).toHaveLength(2)
  })
  test('a life longer than asked for is not believed, a shorter one is', async () => {
    stub.mint = (_, response) => { json(response, 201, { spec: { expirationSeconds: 86_400 }, status: { token: `token-${++stub.minted}` } }) }
    await rig.run(planOf())
    rig.now += 481_000
    await rig.run(planOf())
    expect(mints()).toHaveLength(2)
    stub.mint = (_, response) => { json(response, 201, { spec: { expirationSeconds: 60 }, status: { token: `token-${++stub.minted}` } }) }
    rig.now += 481_000
    await rig.run(planOf())
    await rig.run(planOf())
    expect(mints()).toHaveLength(4)
  })
  test('one the cluster no longer takes is renewed once, and the write goes through once', async () => {
    await rig.run(planOf())
    stub.refused.add('token-1')
    const { executed } = await rig.run(planOf({ method: 'PUT', body: '{}', contentType: 'application/json' }))
    expect(executed.status).toBe('succeeded')
    expect(stub.seen.filter(({ method }) => method === 'PUT').map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2'])
  })
  test('a second 401 is `target-unavailable`, not another try', async () => {
    stub.handler = (_, response) => { json(response, 401, status(401, 'Unauthorized')) }
    const { executed } = await rig.run(planOf({ method: 'POST', body: '{}', contentType: 'application/json' }))
    expect(executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'target_refused_login', next: 'none' } })
    expect(executed.status === 'failed' ? executed.refusal : {}).not.toHaveProperty('retryAfterSeconds')          // client-go would try for half a minute, and then not say why
    expect(stub.seen.filter(({ url }) => !url.endsWith('/token'))).toHaveLength(2)
  })
  test.each([[401, 'does not accept the credential'], [403, 'may not create `serviceaccounts/token`'], [404, 'no service account `sluice/reader`'], [500, 'minted no token'], [200, 'something else']])('a TokenRequest answered with %i is no effect of the write', async (code, words) => {
    stub.mint = (_, response) => { json(response, code, status(code, 'x', gateToken)) }
    const { executed } = await rig.run(planOf({ method: 'DELETE' }))
    expect(executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    expect(executed.status === 'failed' ? executed.refusal.inner : '').toContain(words)
    expect(JSON.stringify(executed)).not.toContain(gateToken)
    expect(stub.seen).toHaveLength(1)
  })
  test.each(['x\r\nImpersonate-User: system:admin', 'a b', '', 42])('a token that is none (%j) is never sent', async (token) => {
    stub.mint = (_, response) => { json(response, 201, { spec: { expirationSeconds: 600 }, status: { token } }) }
    const { executed } = await rig.run(planOf())
    expect(executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable' } })
    expect(stub.seen).toHaveLength(1)
  })
  test('a minting that breaks off in mid-answer leaves a write undone, not unknown', async () => {
    stub.mint = (_, response) => { response.writeHead(201, { 'content-length': '500' }); response.write('{"status":{"token":"sec', () => { response.destroy() }) }
    const { executed } = await rig.run(planOf({ method: 'DELETE' }))
    expect(executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'connection_lost' } })
    expect(JSON.stringify(executed)).not.toContain('sec')
  })
  test('of another cluster of the same name, or behind another authority, are not shared', async () => {
    const other = await startStub()
    try {
      await rig.run(planOf())
      rig.secrets['kube'] = other.kubeconfig()
      other.handler = (_, response) => { json(response, 200, { kind: 'Pod' }) }
      expect(await bodyOf((await rig.run(planOf())).masked)).toBe('{"kind":"Pod"}')
      expect(other.seen.map(({ url }) => url.split('/').at(-1))).toEqual(['token', 'p'])
    } finally {
      await other.close()
    }
  })
  test('a secret that is no kubeconfig, and one that is missing: failed, with nothing of it in the words', async () => {
    rig.secrets['kube'] = 'CANARY: [token'
    const { executed } = await rig.run(planOf())
    expect(executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'secret_missing' } })
    expect(JSON.stringify(executed)).not.toContain('CANARY')
    delete rig.secrets['kube']
    expect((await rig.run(planOf())).executed).toMatchObject({ status: 'failed', refusal: { slug: 'target-unavailable', reason: 'secret_missing' } })
    expect(stub.seen).toEqual([])
  })
})
