import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { differences } from '../../../functions/protocol/kubernetes/grants.ts'
import { grants } from '../../../functions/protocol/kubernetes/grants.ts'
import { inspect, ping } from '../../../functions/protocol/kubernetes/inspect.ts'
import { covers, glob, nameOf, partsOf } from '../../../functions/protocol/kubernetes/resource.ts'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import { bodyOf, connection, createRig, planOf, type Rig } from './rig.ts'
import { gateToken, json, startStub, status, type Stub } from './stub.ts'

let stub: Stub
let rig: Rig
let mint: Stub['mint']
beforeAll(async () => { stub = await startStub(); ({ mint } = stub) })
afterAll(() => stub.close())
beforeEach(() => { stub.seen.length = 0; stub.mint = mint; stub.handler = (_, response) => { json(response, 200, { kind: 'APIVersions', n: stub.seen.length }, { etag: '"1"' }) }; rig = createRig(stub) })
afterEach(() => { rig.close() })
const document = (target: string, accept = 'application/json') => planOf({ target, accept, attributes: { isResource: false, path: target.split('?')[0] ?? '', resource: '', namespace: null, name: null } })
const calls = () => stub.seen.filter(({ url }) => !url.endsWith('/token'))
const read = async (target: string, accept?: string) => bodyOf((await rig.run(document(target, accept))).masked)

describe('documents of discovery', () => {
  test('are asked for once while fresh, and with their ETag when they are old', async () => {
    expect(await read('/apis')).toBe(await read('/apis'))
    expect(calls()).toHaveLength(1)
    rig.now += 20_000
    stub.handler = ({ headers }, response) => { response.writeHead(headers['if-none-match'] === '"1"' ? 304 : 200); response.end() }
    expect(await read('/apis')).toContain('APIVersions')
    expect(calls()).toHaveLength(2)
    await read('/apis')
    expect(calls()).toHaveLength(2)
  })
  test('in another form, or of another target, are others', async () => {
    await read('/apis')
    await read('/apis', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
    await read('/api')
    expect(calls().map(({ url, headers }) => [url, headers.accept])).toEqual([['/apis', 'application/json'], ['/apis', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'], ['/api', 'application/json']])
  })
  test('named by their hash are kept', async () => {
    await read('/openapi/v3/apis/apps/v1?hash=0123456789abcdef0123')
    rig.now += 86_400_000
    await read('/openapi/v3/apis/apps/v1?hash=0123456789abcdef0123')
    expect(calls()).toHaveLength(1)
  })
  test('come with the parameters of their type, by which clients tell what they are', async () => {
    const type = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    stub.handler = (_, response) => { json(response, 200, {}, { 'content-type': type }) }
    expect((await rig.run(document('/apis', type))).masked?.answer?.headers['content-type']).toBe(type)
  })
  test('named by the hash of what they were are asked for by their own path, and not kept for ever', async () => {
    stub.handler = ({ url }, response) => { if (url.includes('hash')) { response.writeHead(301, { location: 'https://evil/' }); response.end() } else json(response, 200, { kind: 'OpenAPI' }) }
    expect(await read('/openapi/v3/apis/apps/v1?hash=0123456789abcdef0123')).toContain('OpenAPI')
    rig.now += 60_000
    await read('/openapi/v3/apis/apps/v1?hash=0123456789abcdef0123')
    expect(calls()).toHaveLength(4)
  })
  test('that many ask for at once are fetched once', async () => {
    await Promise.all(Array.from({ length: 6 }, () => read('/apis')))
    expect(calls()).toHaveLength(1)
  })
  test('are not kept where the cluster failed, and objects are never kept', async () => {
    stub.handler = (_, response) => { json(response, 503, status(503, 'ServiceUnavailable')) }
    expect((await rig.run(document('/apis'))).masked?.answer?.status).toBe(503)
    await read('/apis')
    expect(calls()).toHaveLength(2)
    stub.handler = (_, response) => { json(response, 200, { kind: 'Secret' }) }
    await rig.run(planOf({ target: '/api/v1/namespaces/web/secrets/s' }))
    await rig.run(planOf({ target: '/api/v1/namespaces/web/secrets/s' }))
    expect(calls()).toHaveLength(4)
  })
  test('behind another authority are another cluster\'s', async () => {
    const other = await startStub()
    try {
      await read('/apis')
      other.handler = (_, response) => { json(response, 200, { kind: 'Other' }) }
      rig.secrets['kube'] = other.kubeconfig()
      expect(await read('/apis')).toContain('Other')
    } finally {
      await other.close()
    }
  })
  test('too large to keep are no reason to fill memory', async () => {
    stub.handler = (_, response) => { response.writeHead(200, { 'content-type': 'application/json' }); response.end('x'.repeat(25 * 1024 * 1024)) }
    expect((await rig.run(document('/openapi/v2'))).masked?.answer?.status).toBe(507)
  })
})

describe('names of resources', () => {
  test.each([['pods', '', 'pods'], ['pods/log', '', 'pods/log'], ['apps/deployments', 'apps', 'deployments'], ['apps/deployments/scale', 'apps', 'deployments/scale'], ['acme.io/widgets/status', 'acme.io', 'widgets/status']])('%s is of group `%s`', (name, group, resource) => {
    expect(partsOf(name)).toEqual({ group, resource })
    expect(nameOf({ group, resource })).toBe(name)
  })
  test('`*` stays inside a part, and alone is everything', () => {
    expect([covers('*', 'apps/deployments/scale'), covers('apps/*', 'apps/deployments'), covers('apps/*', 'apps/deployments/scale'), covers('pods/*', 'pods/log'), covers('pod*', 'pods/log')]).toEqual([true, true, false, true, false])
    expect([glob('a*a', 'a'), glob('*b*', 'abc'), glob('a*b*c', 'acb'), glob('', '')]).toEqual([false, true, false, true])
  })
})

const served: Record<string, unknown> = {
  '/apis': { groups: [{ name: 'apps', versions: [{ groupVersion: 'apps/v1' }] }, { name: 'down.acme.io', versions: [{ groupVersion: 'down.acme.io/v1' }] }, { name: '../x', versions: [{ groupVersion: '../../api/v1/secrets' }] }] },
  '/api/v1': { resources: [{ name: 'pods', namespaced: true, verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'] }, { name: 'pods/log', namespaced: true, verbs: ['get'] }, { name: 'pods/exec', namespaced: true, verbs: ['create', 'get'] }, { name: 'nodes', namespaced: false, verbs: ['get', 'list'] }, { name: 'serviceaccounts/token', namespaced: true, verbs: ['create'] }] },
  '/apis/apps/v1': { resources: [{ name: 'deployments', namespaced: true, verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'] }, { name: 'deployments/scale', namespaced: true, verbs: ['get', 'update', 'patch'] }] },
  '/version': { major: '1' },
}
let rulesReview: object = { resourceRules: [], incomplete: false }
const cluster: Stub['handler'] = ({ url, headers }, response) => {
  if (url.endsWith('selfsubjectrulesreviews')) return json(response, 201, { status: rulesReview })
  if (url.endsWith('selfsubjectreviews')) return json(response, 201, { status: { userInfo: { username: headers.authorization === `Bearer ${gateToken}` ? 'system:serviceaccount:sluice:gate' : 'x' } } })
  if (served[url]) return json(response, 200, served[url])
  json(response, url.includes('down') ? 503 : 404, {})
}
const named = (from: 'classify' | 'on' | 'deny' | 'columns', name: string, optional = false) => ({ from, name, optional })

describe('a policy on the live cluster', () => {
  const look = (names: Parameters<typeof inspect>[1], one: ConnectionDocument = connection) => inspect(one, names, rig.parts)
  beforeEach(() => { stub.handler = cluster })
  test('names what the cluster serves', async () => {
    expect(await look([named('on', 'pods'), named('on', 'apps/*'), named('deny', 'apps/deployments/scale'), named('classify', 'pods:metadata.annotations.x'), named('on', '/version'), named('deny', '*')])).toEqual([])
  })
  test('what names nothing protects nothing', async () => {
    expect(await look([named('on', 'pod'), named('deny', 'apps/deployment'), named('classify', 'acme.io/widgets:spec.key'), named('deny', 'gone', true), named('columns', 'pods')])).toMatchObject([
      { level: 'warning', name: 'pod' }, { level: 'error', name: 'apps/deployment' }, { level: 'error', name: 'acme.io/widgets:spec.key', message: 'the cluster serves no `acme.io/widgets`' }, { level: 'error', name: 'pods' },
    ])
  })
  test('a group whose server is down is left out; a group that is no name is never asked for', async () => {
    await look([])
    expect(stub.seen.some(({ url }) => url.includes('secrets'))).toBe(false)
  })
  test('service accounts that the gate cannot be, and none at all', async () => {
    stub.mint = (_, response) => { json(response, 404, status(404, 'NotFound')) }
    expect(await look([])).toEqual([{ level: 'error', name: 'sluice/reader', message: 'the cluster has no service account `sluice/reader`' }])
    const { serviceAccounts: _, ...without } = connection
    expect(await look([], without)).toMatchObject([{ level: 'error', name: 'cluster' }])
  })
  test('a cluster that does not answer is a fault, and so is a secret that is none', async () => {
    stub.handler = (_, __, socket) => { socket.destroy() }
    await expect(look([])).rejects.toMatchObject({ code: 'target-unavailable' })
    await expect(ping(connection, rig.parts.reach)).rejects.toMatchObject({ code: 'target-unavailable' })
    rig.secrets['kube'] = '{}'
    await expect(ping(connection, rig.parts.reach)).rejects.toMatchObject({ code: 'secret-missing' })
  })
  test('a cluster that is there', async () => {
    await expect(ping(connection, rig.parts.reach)).resolves.toBeUndefined()
  })
})

describe('grants', () => {
  const give = (rules: Parameters<typeof grants>[1]) => grants(connection, rules, { ...rig.parts, send: rig.parts.transport.send, now: () => rig.now })
  const rule = (actions: Parameters<typeof grants>[1][number]['actions'], on: string[], more = {}) => ({ actions, on, role: 'reader', ...more })
  beforeEach(() => { stub.handler = cluster; rulesReview = { resourceRules: [], incomplete: true } })
  test('are the least verbs that the rules allow, in their namespaces, and the gate may mint and nothing else', async () => {
    const { script, roles } = await give([rule(['get', 'list'], ['pods', 'pods/log']), rule(['patch'], ['apps/deployments/scale'], { namespaces: ['web'], names: ['front'] }), rule(['list'], ['pods'], { namespaces: ['web'] })])
    expect(roles).toEqual([{ use: 'write', name: 'sluice/reader' }])
    expect(script).toMatchSnapshot()
    expect(script).not.toContain('*')
  })
  test('of `*` leave out what an allow must name in full', async () => {
    const { script } = await give([rule(['*'], ['*'])])
    for (const no of ['pods/exec', 'deletecollection']) expect(script).not.toContain(no)
    const { script: exec } = await give([rule(['create'], ['pods/exec'])])
    expect(exec).toContain('pods/exec')
    expect(exec).toMatch(/resources:\n\s+- pods\n/)                          // which pod has the name is looked at before
  })
  test('of a role without an account of its own go to `*`, or to nobody', async () => {
    expect((await give([rule(['get'], ['pods'], { role: 'other' })])).script).not.toContain('"pods"')
    expect((await grants({ ...connection, serviceAccounts: { '*': 'sluice/rest' } }, [rule(['get'], ['pods'], { role: 'other' })], { ...rig.parts, send: rig.parts.transport.send, now: () => rig.now })).script).toContain('- pods')
  })
  test('tell where those in force differ', () => {
    const need = { verb: 'get', resource: 'pods', namespace: null, names: null }
    const held = (verbs: string[], resources: string[], groups = [''], names: string[] = []) => ({ verbs, resources, groups, names })
    const of = (...has: ReturnType<typeof held>[]) => differences('a/b', null, [need], has, false).map(({ level, message }) => `${level}: ${message}`)
    expect(of(held(['get'], ['pods']))).toEqual([])
    expect(of()).toEqual(['warning: may not get `pods`, so the cluster refuses what rules allow'])
    expect(of(held(['get'], ['pods'], [''], ['one']))).toContain('warning: may not get `pods`, so the cluster refuses what rules allow')
    expect(of(held(['get', 'delete'], ['pods']), held(['get'], ['secrets']))).toEqual(['warning: may delete `pods`, which no rule allows', 'warning: may get `secrets`, which no rule allows'])
    expect(of(held(['*'], ['*'], ['*']))).toEqual(['error: may do everything to everything: nothing stands behind the gate\'s own rules'])
    expect(differences('a/b', 'web', [need], [], true)).toEqual([])
  })
})
