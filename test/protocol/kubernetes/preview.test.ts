import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { guarded } from '../../../functions/protocol/kubernetes/precondition.ts'
import { dryTarget } from '../../../functions/protocol/kubernetes/preview.ts'
import { stateOf } from '../../../functions/protocol/kubernetes/state.ts'
import { createRig, planOf, type Rig } from './rig.ts'
import { json, startStub, status, type Stub } from './stub.ts'

let stub: Stub
let rig: Rig
beforeAll(async () => { stub = await startStub() })
afterAll(() => stub.close())
beforeEach(() => { stub.seen.length = 0; rig = createRig(stub) })
afterEach(() => { rig.close() })
const calls = () => stub.seen.filter(({ url }) => !url.endsWith('/token')).map(({ method, url }) => `${method} ${url}`)
const target = '/apis/apps/v1/namespaces/web/deployments/front'
const deployment = { attributes: { group: 'apps', resource: 'deployments', name: 'front' } }
const object = (replicas: number, resourceVersion = '7') => ({ kind: 'Deployment', metadata: { name: 'front', uid: 'u-1', resourceVersion, managedFields: [{ time: resourceVersion }] }, spec: { replicas }, status: { observed: Number(resourceVersion) } })
const patch = (more = {}) => planOf({ method: 'PATCH', target: `${target}?fieldManager=kubectl`, contentType: 'application/merge-patch+json', body: '{"spec":{"replicas":5}}', preview: true, ...deployment, ...more })
const look = (plan = patch()) => rig.parts.preview.run(rig.known(plan))

describe('a look before a write', () => {
  test('reads what is there, tries the same request, and changes nothing', async () => {
    stub.handler = ({ method }, response) => { json(response, 200, object(method === 'GET' ? 2 : 5)) }
    expect(await look()).toEqual({ dry: { oldObject: object(2), object: object(5) } })
    expect(calls()).toEqual([`GET ${target}`, `PATCH ${target}?fieldManager=kubectl&dryRun=All`])
    expect(stub.seen.at(-1)).toMatchObject({ body: '{"spec":{"replicas":5}}', headers: { 'content-type': 'application/merge-patch+json', authorization: `Bearer token-${stub.minted}` } })
  })
  test('never tries a delete: with a body the API server would not read `dryRun` from the query, and would delete', async () => {
    stub.handler = (_, response) => { json(response, 200, object(2)) }
    expect(await look(planOf({ method: 'DELETE', target, body: '{"kind":"DeleteOptions"}', preview: true, ...deployment }))).toEqual({ dry: { oldObject: object(2), object: null } })
    expect(calls()).toEqual([`GET ${target}`])
  })
  test('before a create there is nothing to read', async () => {
    stub.handler = (_, response) => { json(response, 201, object(1)) }
    expect(await look(planOf({ method: 'POST', target: '/apis/apps/v1/namespaces/web/deployments', body: '{}', contentType: 'application/json', preview: true, ...deployment }))).toEqual({ dry: { oldObject: null, object: object(1) } })
    expect(calls()).toEqual(['POST /apis/apps/v1/namespaces/web/deployments?dryRun=All'])
  })
  test('what is not there: an apply would make it, a patch fails', async () => {
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 404, status(404, 'NotFound')); else json(response, 201, object(1)) }
    expect(await look(patch({ contentType: 'application/apply-patch+yaml' }))).toEqual({ dry: { oldObject: null, object: object(1) } })
    stub.seen.length = 0
    expect(await look()).toMatchObject({ dry: { oldObject: null }, fails: { slug: 'not-found' } })
    expect(calls()).toEqual([`GET ${target}`])
  })
  test('what may not be read is not known, which is not the same as nothing', async () => {
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 403, status(403, 'Forbidden')); else json(response, 200, object(5)) }
    expect((await look()).dry).toEqual({ object: object(5) })
  })
  test('a dry run that is refused leaves what it would become unknown, and says so', async () => {
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 200, object(2)); else json(response, 422, status(422, 'Invalid', 'spec.replicas: Invalid value: "CANARY"')) }
    const seen = await look()
    expect(seen).toMatchObject({ dry: { oldObject: object(2) }, fails: { slug: 'target-error' }, silent: 'the cluster refuses it now (status 422)' })
    expect('object' in seen.dry).toBe(false)
    expect(JSON.stringify(seen)).not.toContain('CANARY')
  })
  test('a webhook without dry runs says nothing of the write itself', async () => {
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 200, object(2)); else json(response, 400, status(400, 'BadRequest', 'admission webhook "x" does not support dry run')) }
    const seen = await look()
    expect([seen.dry, 'fails' in seen, seen.silent]).toEqual([{ oldObject: object(2) }, false, expect.stringContaining('does not know dry runs')])
  })
  test('is not tried where a group\'s own server does not say that it knows dry runs: it would do the write', async () => {
    const custom = { attributes: { group: 'acme.io', resource: 'widgets', name: 'w' } }
    const widget = '/apis/acme.io/v1/namespaces/web/widgets/w'
    let documents: object = { paths: { '/apis/acme.io/v1/namespaces/{namespace}/widgets/{name}': { patch: { parameters: [{ name: 'force' }] } } } }
    stub.handler = ({ url, method }, response) => { if (url.startsWith('/openapi')) json(response, 200, documents); else json(response, 200, object(method === 'GET' ? 1 : 2)) }
    const plan = () => planOf({ method: 'PATCH', target: widget, contentType: 'application/merge-patch+json', body: '{}', preview: true, ...custom })
    expect(await look(plan())).toMatchObject({ dry: { oldObject: object(1) }, silent: expect.stringContaining('without doing it') as string })
    expect(calls()).not.toContain(`PATCH ${widget}?dryRun=All`)
    documents = { paths: { '/apis/acme.io/v1/namespaces/{namespace}/widgets/{name}': { patch: { parameters: [{ name: 'dryRun' }] } } } }
    expect((await look(plan())).dry).toEqual({ oldObject: object(1), object: object(2) })
  })
  test('is tried where a server too old for documents of each group says so in the one it has', async () => {
    const custom = { attributes: { group: 'acme.io', resource: 'widgets', name: 'w' } }
    const parameters = [{ name: 'dryRun', in: 'query' }]
    let group = 'acme.io'
    stub.handler = ({ url, method }, response) => {
      if (url.startsWith('/openapi/v3')) json(response, 404, status(404, 'NotFound'))
      else json(response, 200, url === '/openapi/v2' ? { paths: { [`/apis/${group}/v1/namespaces/{namespace}/widgets/{name}`]: { patch: { parameters } } } } : object(method === 'GET' ? 1 : 2))
    }
    const plan = () => planOf({ method: 'PATCH', target: '/apis/acme.io/v1/namespaces/web/widgets/w', contentType: 'application/merge-patch+json', body: '{}', preview: true, ...custom })
    group = 'other.io'
    expect(await look(plan())).toMatchObject({ silent: expect.stringContaining('without doing it') as string })
    group = 'acme.io'
    expect((await look(plan())).dry).toEqual({ oldObject: object(1), object: object(2) })
  })
  test('an apply of what is not of its type is refused in the server\'s way, a 500: it is no server that cannot answer', async () => {
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 200, object(1)); else json(response, 500, { kind: 'Status', status: 'Failure', message: 'failed to create typed patch object: .data.z: expected string', code: 500 }) }
    expect(await look()).toMatchObject({ fails: { slug: 'target-error', reason: 'dry_run_refused' } })
  })
  test('a cluster that does not let the gate in is no fault: an operator must mend it', async () => {
    const { mint } = stub
    stub.mint = (_, response) => { json(response, 404, status(404, 'NotFound')) }
    expect(await look()).toMatchObject({ dry: {}, refused: { slug: 'target-unavailable', reason: 'target_refused_login', next: 'none', inner: expect.stringContaining('has no service account') as string } })
    stub.mint = mint
  })
  test.each([500, 429])('a cluster that cannot answer (%i) is a fault, not a guess', async (code) => {
    stub.handler = (_, response) => { json(response, code, {}) }
    await expect(look()).rejects.toMatchObject({ code: 'target-unavailable' })
  })
  test('`dryRun` stands in the query once', () => {
    expect(dryTarget('/a?dryRun=All&x=1')).toBe('/a?x=1&dryRun=All')
    expect(dryTarget('/a')).toBe('/a?dryRun=All')
  })
})

describe('what an object is to whoever decides by it', () => {
  test('status, versions and managers do not count; everything else does', () => {
    expect(stateOf(object(2, '7'))).toBe(stateOf(object(2, '8')))
    expect(stateOf(object(2))).not.toBe(stateOf(object(3)))
    expect(stateOf({ ...object(2), metadata: { ...object(2).metadata, uid: 'u-2' } })).not.toBe(stateOf(object(2)))
    expect(stateOf({ a: 1, b: [{ c: 1, d: 2 }] })).toBe(stateOf({ b: [{ d: 2, c: 1 }], a: 1 }))
    expect(new Set([stateOf(null), stateOf(undefined), stateOf({})]).size).toBe(3)
  })
})

describe('the precondition of a write', () => {
  const old = object(2)
  const bodyOf = (plan: ReturnType<typeof planOf>, of: typeof old | null | undefined = old): unknown => { const { body } = guarded(plan, of); return body === null ? null : JSON.parse(body) }
  test.each(['application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'])('%s carries the version that was decided on', (contentType) => {
    expect(bodyOf(patch({ contentType, body: '{"metadata":{"labels":{"a":"b"}},"spec":{"replicas":5}}' }))).toEqual({ metadata: { labels: { a: 'b' }, resourceVersion: '7' }, spec: { replicas: 5 } })
  })
  test('an update carries it too; the caller\'s own stays', () => {
    expect(bodyOf(planOf({ method: 'PUT', target, body: '{"spec":{}}', contentType: 'application/json', ...deployment }))).toEqual({ spec: {}, metadata: { resourceVersion: '7' } })
    expect(guarded(patch({ body: '{"metadata":{"resourceVersion":"3"}}' }), old)).toMatchObject({ body: '{"metadata":{"resourceVersion":"3"}}', bound: false, elsewhere: true })
    expect(guarded(patch({ body: '{"metadata":{"resourceVersion":"7"}}' }), old)).toMatchObject({ bound: false, elsewhere: false })
  })
  test('a json patch is given one more operation, unless it touches the version itself', () => {
    const json = (operations: object[]) => patch({ contentType: 'application/json-patch+json', body: JSON.stringify(operations) })
    expect(bodyOf(json([{ op: 'add', path: '/spec/x', value: 1 }]))).toEqual([{ op: 'add', path: '/spec/x', value: 1 }, { op: 'add', path: '/metadata/resourceVersion', value: '7' }])
    expect(guarded(json([{ op: 'replace', path: '/metadata/resourceVersion', value: '3' }, { op: 'test', path: '/metadata/resourceVersion', value: '3' }]), old).bound).toBe(false)
  })
  // Each of these is to the API server no precondition at all, and would let a write pass over what was decided on.
  test.each([null, '', '0', '00', 0, 7, ' ', {}])('a version that is none (%j) is not the caller\'s own', (resourceVersion) => {
    expect(bodyOf(patch({ body: JSON.stringify({ metadata: { resourceVersion } }) }))).toEqual({ metadata: { resourceVersion: '7' } })
    expect(bodyOf(planOf({ method: 'PUT', target, body: JSON.stringify({ metadata: { resourceVersion } }), contentType: 'application/json', ...deployment }))).toEqual({ metadata: { resourceVersion: '7' } })
  })
  test.each([
    [{ op: 'remove', path: '/metadata/resourceVersion' }], [{ op: 'replace', path: '/metadata/resourceVersion', value: '0' }], [{ op: 'replace', path: '/metadata', value: {} }], [{ op: 'replace', path: '', value: {} }],
    [{ op: 'move', from: '/metadata/resourceVersion', path: '/metadata/labels/x' }], [{ op: 'copy', from: '/metadata/name', path: '/metadata/resourceVersion' }],
    [{ op: 'replace', path: '/metadata/resourceVersion', value: '3' }, { op: 'remove', path: '/metadata/resourceVersion' }],
  ])('a json patch that does away with the version gets it back: %j', (...operations) => {
    expect(bodyOf(patch({ contentType: 'application/json-patch+json', body: JSON.stringify(operations) }))).toEqual([...operations, { op: 'add', path: '/metadata/resourceVersion', value: '7' }])
  })
  test('a delete with preconditions that say nothing, or half, is given the rest', () => {
    const preconditions = (value: unknown) => (bodyOf(planOf({ method: 'DELETE', target, body: JSON.stringify({ preconditions: value }), contentType: 'application/json', ...deployment })) as { preconditions: unknown }).preconditions
    for (const none of [{}, null, { uid: null }, 'x']) expect(preconditions(none)).toEqual({ uid: 'u-1', resourceVersion: '7' })
    expect(preconditions({ uid: 'mine' })).toEqual({ uid: 'mine', resourceVersion: '7' })
    expect(preconditions({ resourceVersion: '3' })).toEqual({ uid: 'u-1', resourceVersion: '3' })
  })
  test('a delete names the object and its version, and takes along what the query asked: with a body the API server does not read it there', () => {
    const remove = (query: string, body: string | null = null) => planOf({ method: 'DELETE', target: target + query, body, contentType: body && 'application/json', ...deployment })
    expect(bodyOf(remove(''))).toEqual({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'u-1', resourceVersion: '7' } })
    expect(bodyOf(remove('?gracePeriodSeconds=0&propagationPolicy=Orphan'))).toMatchObject({ gracePeriodSeconds: 0, propagationPolicy: 'Orphan', preconditions: { uid: 'u-1' } })
    expect(bodyOf(remove('', '{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}'))).toMatchObject({ propagationPolicy: 'Background', preconditions: { uid: 'u-1', resourceVersion: '7' } })
    expect(guarded(remove('?ignoreStoreReadErrorWithClusterBreakingPotential=true'), old)).toMatchObject({ body: null, bound: false })
  })
  test('a delete that is only tried stays only tried', () => {
    expect(guarded(planOf({ method: 'DELETE', target: `${target}?dryRun=All`, dryRun: true, ...deployment }), old)).toMatchObject({ body: null, bound: false })
    expect(guarded(planOf({ method: 'DELETE', target: `${target}?dryRun=All`, ...deployment }), old)).toMatchObject({ body: null, bound: false })
  })
  test('numbers keep their digits, and no spelling of one does without the precondition', () => {
    expect(guarded(patch({ body: '{"spec":{"big":12345678901234567890,"one":1.0,"e":1e3}}' }), old).body).toBe('{"spec":{"big":12345678901234567890,"one":1.0,"e":1e3},"metadata":{"resourceVersion":"7"}}')
  })
  test('nothing seen, nothing promised', () => {
    for (const of of [null, undefined]) expect(guarded(patch(), of)).toMatchObject({ bound: false })
  })
})

describe('a conflict over the precondition', () => {
  const conflict = status(409, 'Conflict')
  const agreed = { run: { agreed: true } } as const
  test('over what people were not asked about: what they agreed to goes through on the newer version, and what nobody was asked about is decided again', async () => {
    const version = 8
    stub.handler = ({ method, body }, response) => {
      if (method === 'GET') return json(response, 200, object(2, String(version)))
      if (!body.includes(`"resourceVersion":"${version}"`)) return json(response, 409, conflict)
      json(response, 200, object(5, '9'))
    }
    const dry = { oldObject: object(2, '7'), object: object(5) }
    expect((await rig.run(patch(), { dry })).executed).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    expect(calls().map((one) => one.split(' ')[0])).toEqual(['PATCH', 'GET'])
    stub.seen.length = 0
    expect((await rig.run(patch(), { dry, ...agreed })).executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: 200 } } })
    expect(calls().map((one) => one.split(' ')[0])).toEqual(['PATCH', 'GET', 'PATCH'])
  })
  test('over the object itself: nothing ran, and it is decided again', async () => {
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 200, object(3, '8')); else json(response, 409, conflict) }
    expect((await rig.run(patch(), { dry: { oldObject: object(2), object: object(5) }, ...agreed })).executed).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    expect(calls().map((one) => one.split(' ')[0])).toEqual(['PATCH', 'GET'])
  })
  test('over the very part of the status that it changes: likewise; over the rest of it, it goes through', async () => {
    const at = (type: string, beat: number, resourceVersion: string) => ({ ...object(2, resourceVersion), status: { conditions: [{ type }], beat } })
    const plan = () => patch({ basis: { all: false, managers: false, status: ['conditions'] } })
    const dry = { oldObject: at('Maintenance', 1, '7'), object: at('Done', 1, '7') }
    const after = (there: object) => { stub.handler = ({ method, body }, response) => { if (method === 'GET') json(response, 200, there); else if (body.includes('"resourceVersion":"7"')) json(response, 409, conflict); else json(response, 200, there) } }
    after(at('Quarantined', 1, '8'))
    expect((await rig.run(plan(), { dry, ...agreed })).executed).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    after(at('Maintenance', 2, '8'))
    expect((await rig.run(plan(), { dry, ...agreed })).executed.status).toBe('succeeded')
  })
  test('another object of the same name: likewise', async () => {
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 200, { ...object(2, '8'), metadata: { ...object(2, '8').metadata, uid: 'u-2' } }); else json(response, 409, conflict) }
    expect((await rig.run(patch(), { dry: { oldObject: object(2), object: object(5) }, ...agreed })).executed.status).toBe('stale')
  })
  test('gone meanwhile, or unreadable: likewise, or failed; never unknown, for nothing was written', async () => {
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 404, status(404, 'NotFound')); else json(response, 409, conflict) }
    expect((await rig.run(patch(), { dry: { oldObject: object(2), object: object(5) }, ...agreed })).executed.status).toBe('stale')
    stub.handler = ({ method }, response, socket) => { if (method === 'GET') socket.destroy(); else json(response, 409, conflict) }
    expect((await rig.run(patch(), { dry: { oldObject: object(2), object: object(5) }, ...agreed })).executed.status).toBe('failed')
  })
  test('for ever: it ends', async () => {
    let version = 8
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 200, object(2, String(version++))); else json(response, 409, conflict) }
    expect((await rig.run(patch(), { dry: { oldObject: object(2), object: object(5) }, ...agreed })).executed.status).toBe('stale')
    expect(calls().filter((one) => one.startsWith('PATCH'))).toHaveLength(4)
  })
  test('of another kind, such as over another manager\'s fields, is the cluster\'s answer, and is not tried again', async () => {
    stub.handler = ({ method }, response) => { if (method === 'GET') json(response, 200, object(2, '7')); else json(response, 409, status(409, 'Conflict', 'Apply failed with 1 conflict: conflict with "helm": .spec.replicas')) }
    expect((await rig.run(patch({ contentType: 'application/apply-patch+yaml' }), { dry: { oldObject: object(2), object: object(5) } })).executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: 409 } } })
    expect(calls().filter((one) => one.startsWith('PATCH'))).toHaveLength(1)
  })
  test.each<[string, Parameters<typeof patch>[0]]>([
    ['in a merge patch', { body: '{"metadata":{"resourceVersion":"8"}}' }], ['in an update', { method: 'PUT', contentType: 'application/json', body: '{"metadata":{"resourceVersion":"8"}}' }], ['in a json patch', { contentType: 'application/json-patch+json', body: '[{"op":"replace","path":"/metadata/resourceVersion","value":"8"}]' }],
  ])('a version of the caller\'s own that is still to come undoes nothing by an old decision: %s', async (_, how) => {
    stub.handler = ({ url }, response) => { json(response, 200, object(5, url.includes('dryRun=All') ? '8' : '9')) }
    const { executed } = await rig.run(patch(how), { dry: { oldObject: object(2, '7'), object: object(2, '8') } })
    expect(executed).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    expect(calls().filter((one) => !one.includes('dryRun=All'))).toEqual([])
  })
  test.each(['{"preconditions":{"resourceVersion":"3"}}', '{"preconditions":{"resourceVersion":"99"}}', '{"preconditions":{"uid":"u-2"}}'])('a delete of what is not there is an answer and not decided over and over; where it is there by now, it is decided anew; it is never sent: %s', async (body) => {
    stub.handler = (_, response) => { json(response, 200, object(2, '8')) }
    const { executed } = await rig.run(patch({ method: 'DELETE', contentType: 'application/json', body }), { dry: { oldObject: object(2, '7'), object: null } })
    expect(executed).toMatchObject({ status: 'failed', refusal: { slug: 'approval-stale', reason: 'object_differs', next: 'fix' } })
    expect(calls()).toEqual([`GET ${target}`])
    stub.handler = (_, response) => { json(response, 200, { ...object(2), metadata: { ...object(2).metadata, resourceVersion: body.includes('99') ? '99' : '3', uid: body.includes('u-2') ? 'u-2' : 'u-1' } }) }
    expect((await rig.run(patch({ method: 'DELETE', contentType: 'application/json', body }), { dry: { oldObject: object(2, '7'), object: null } })).executed).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    expect(calls()).toEqual([`GET ${target}`, `GET ${target}`])
  })
  test('over the caller\'s own version, or a name that is taken, is the cluster\'s answer', async () => {
    stub.handler = (_, response) => { json(response, 409, conflict) }
    expect((await rig.run(patch({ body: '{"metadata":{"resourceVersion":"3"}}' }), { dry: { oldObject: object(2), object: object(5) } })).executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: 409 } } })
    stub.handler = (_, response) => { json(response, 409, status(409, 'AlreadyExists')) }
    expect((await rig.run(patch(), { dry: { oldObject: object(2), object: object(5) } })).executed).toMatchObject({ status: 'succeeded', rows: { answered: { status: 409 } } })
  })
})
