import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { isPermit, makePermit } from '../../../functions/decide/permit.ts'
import { createKubernetes } from '../../../functions/protocol/kubernetes/kubernetes.ts'
import { connection, createRig, planOf, type Rig } from './rig.ts'
import { json, startStub, status, type Stub } from './stub.ts'

let stub: Stub
let rig: Rig
beforeAll(async () => { stub = await startStub() })
afterAll(() => stub.close())
beforeEach(() => { stub.seen.length = 0; upgrades = 0; rig = createRig(stub) })
afterEach(() => { rig.close() })
let upgrades = 0
const calls = () => stub.seen.filter(({ url }) => !url.endsWith('/token')).map(({ method, url }) => `${method} ${url}`)
const pod = '/api/v1/namespaces/web/pods/db-0'
const object = (uid: string, image = 'scratch:1') => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'db-0', uid, resourceVersion: '7' }, spec: { containers: [{ name: 'c', image }] } })
const seen = { uid: 'u-1', containers: [{ name: 'c', image: 'scratch:1' }] }
const eviction = (deleteOptions?: unknown) => planOf({ method: 'POST', target: `${pod}/eviction`, contentType: 'application/json', body: JSON.stringify({ kind: 'Eviction', ...(deleteOptions === undefined ? {} : { deleteOptions }) }), preview: true, attributes: { subresource: 'eviction', verb: 'create', name: 'db-0' } })
const command = () => planOf({ method: 'POST', target: `${pod}/exec?command=ls`, form: 'exec', preview: true, attributes: { subresource: 'exec', verb: 'create', name: 'db-0' } })
/** Runs until the test ends it. */
function serve(): Promise<WebSocket> {
  const server = new WebSocketServer({ noServer: true, handleProtocols: () => 'v5.channel.k8s.io' })
  return new Promise((resolve) => { stub.upgrade = (request, socket, head) => { upgrades++; server.handleUpgrade(request, socket, head, (one) => { one.on('error', () => undefined); resolve(one) }) } })
}
const end = (socket: WebSocket) => { socket.send(Buffer.concat([Buffer.from([3]), Buffer.from('{"metadata":{},"status":"Success"}')])); socket.close() }

describe('a look before an eviction and a command', () => {
  test.each([['an eviction', eviction], ['a command', command]])('is at the pod itself, and tries nothing: %s', async (_, plan) => {
    stub.handler = (_, response) => { json(response, 200, object('u-1')) }
    expect(await rig.parts.preview.run(rig.known(plan()))).toEqual({ dry: { pod: seen } })
    expect(calls()).toEqual([`GET ${pod}`])
  })
  test('there is none: that fails, and people see it', async () => {
    stub.handler = (_, response) => { json(response, 404, status(404, 'NotFound')) }
    expect(await rig.parts.preview.run(rig.known(command()))).toMatchObject({ dry: { pod: null }, fails: { slug: 'not-found' }, silent: 'there is no such pod' })
  })
  test('an account that may not read pods may still do it, and people are told what that means', async () => {
    stub.handler = (_, response) => { json(response, 403, status(403, 'Forbidden')) }
    expect(await rig.parts.preview.run(rig.known(eviction()))).toEqual({ dry: {}, silent: expect.stringContaining('whichever has the name') as string })
  })
})

describe('an eviction', () => {
  const preconditions = () => stub.seen.filter(({ method }) => method === 'POST' ).filter(({ url }) => url.endsWith('/eviction')).map(({ body }) => (JSON.parse(body) as { deleteOptions?: { preconditions?: unknown } }).deleteOptions)
  test('names the pod that was seen, beside whatever its caller asks', async () => {
    stub.handler = (_, response) => { json(response, 201, { kind: 'Status', status: 'Success' }) }
    for (const given of [undefined, {}, { gracePeriodSeconds: 0, preconditions: { resourceVersion: '7' } }, { preconditions: { uid: 'u-1' } }, { preconditions: null }]) expect((await rig.run(eviction(given), { dry: { pod: seen } })).executed.status).toBe('succeeded')
    expect(preconditions()).toEqual([{ preconditions: { uid: 'u-1' } }, { preconditions: { uid: 'u-1' } }, { gracePeriodSeconds: 0, preconditions: { resourceVersion: '7', uid: 'u-1' } }, { preconditions: { uid: 'u-1' } }, { preconditions: { uid: 'u-1' } }])
  })
  test('of another pod than was seen is not sent', async () => {
    expect((await rig.run(eviction({ preconditions: { uid: 'u-2' } }), { dry: { pod: seen } })).executed).toMatchObject({ status: 'failed', refusal: { reason: 'object_differs' } })
    expect(preconditions()).toEqual([])
  })
  test('that meets another pod of the name has done nothing', async () => {
    stub.handler = (_, response) => { json(response, 409, status(409, 'Conflict', 'Precondition failed: UID in precondition: u-1, UID in object meta: u-2')) }
    expect((await rig.run(eviction(), { dry: { pod: seen }, run: { agreed: true } })).executed).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    expect(preconditions()).toHaveLength(1)
  })
  test('that is only tried stays as it is', async () => {
    stub.handler = (_, response) => { json(response, 201, { kind: 'Status', status: 'Success' }) }
    await rig.run(planOf({ ...eviction(), target: `${pod}/eviction?dryRun=All`, dryRun: true }), { dry: { pod: seen } })
    expect(calls()).toEqual([`POST ${pod}/eviction?dryRun=All`])
    expect(stub.seen.at(-1)?.body).toBe('{"kind":"Eviction"}')
  })
})

describe('a command that people agreed to', () => {
  test.each<[string, number, object]>([['another pod has the name', 200, object('u-2')], ['there is none', 404, status(404, 'NotFound')], ['the pod is not to be seen any more', 403, status(403, 'Forbidden')]])('does not begin where %s when its connection would be opened', async (_, code, body) => {
    void serve()
    stub.handler = (_, response) => { json(response, code, body) }
    expect((await rig.run(command(), { dry: { pod: seen }, run: { agreed: true } })).executed).toMatchObject({ status: 'stale', refusal: { reason: 'objects_changed' } })
    expect([upgrades, calls()]).toEqual([0, [`GET ${pod}`]])
  })
  test('begins in the pod that was seen', async () => {
    void serve().then(end)
    stub.handler = (_, response) => { json(response, 200, object('u-1')) }
    expect((await rig.run(command(), { dry: { pod: seen }, run: { agreed: true } })).executed.status).toBe('succeeded')
  })
})

test('while a command runs, whether it may go on is asked about the pod that was seen, and the cluster nothing: not even where the pod changes does an approval of it end', async () => {
  const engine = createKubernetes({ secrets: { get: async () => stub.kubeconfig() }, now: Date.now, isPermit, alarm: () => undefined })
  const opened = serve()
  stub.handler = (_, response) => { json(response, 200, object('u-1')) }
  const read = await engine.read?.('POST', `${pod}/exec?command=ls`, { accept: 'application/json' }, null)
  if (!read?.ok) throw new Error('unread')
  const judge = async () => { const found = await engine.classify(connection, read.value, ['reader']); if (!found.ok) throw new Error(found.refusal.reason); const done = await found.value.preview?.() ?? found; if (!done.ok) throw new Error(done.refusal.reason); return done.value }
  const plan = await judge()
  expect(plan.diff).toBe('# of the object with uid u-1\n# its container `c` runs scratch:1')
  const permit = makePermit(plan.effects, { masks: [], revealed: [], detect: [], limits: { rows: 1, bytes: 1000, timeoutMs: 20_000, affected: 1, statementsPerHour: null, rowsPerHour: null } })
  const done = engine.execute(permit, plan, { deadline: Date.now() + 20_000, rowMode: 'object', maxRows: null })
  const socket = await opened
  stub.handler = (_, response) => { json(response, 200, object('u-2')) }
  const before = stub.seen.length
  expect((await judge()).effects.fingerprint).toBe(plan.effects.fingerprint)
  expect(stub.seen.length).toBe(before)
  end(socket)
  expect((await done).status).toBe('succeeded')
  expect((await judge()).effects.fingerprint).not.toBe(plan.effects.fingerprint)
  await engine.close()
})
