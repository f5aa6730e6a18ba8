import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientOf, type Client } from '../local/cluster.ts'
import { disagreements, type Heard } from './agreement.ts'
import { kubectlToTest } from './kubectl.ts'
import { furnished } from './real/alike.ts'
import { followAudit } from './real/audit.ts'
import { installBehind } from './real/behind.ts'
import { findServers, startReal, type RealCluster } from './real/servers.ts'
import { bodyOf, callAt, method, prefix, spelling } from './spell.ts'
import { documents, standGate, type Gated } from './stand.ts'

/**
 * The gate before Kubernetes' own API server, which is asked what it read (its audit log), what it answers about values it holds (its words quote them), and what becomes of calls when it, or
 * what it goes by, is gone. Where `npm run cluster` has built it; elsewhere skipped.
 */
const servers = findServers()
const binary = kubectlToTest()
const there = servers !== null && binary !== null

let directory: string
let real: RealCluster
let admin: Client
let gated: Gated
let token: string
let ask: Client
const under = '/v1/kubernetes/cluster'
const account = 'system:serviceaccount:sluice:operator'
const policy = documents(['email']).map((document) => document.kind === 'connection' ? { ...document, classify: { 'configmaps:data.tint': 'app.tint', 'acme.io/widgets:spec.key': 'app.key', 'acme.io/widgets:spec.tags[*]': 'app.tag', 'acme.io/widgets:spec.pairs[*].id': 'app.id' }, limits: { ...document.limits, timeout: '4s' } } : document)

if (!there) it.skip('the gate before a real API server, which `npm run cluster` builds from Debian\'s source package in some ten minutes')
else describe('the gate before a real API server', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    if (servers === null || binary === null) return
    directory = await mkdtemp(join(tmpdir(), 'sluice-real-test-'))
    real = await startReal(servers)
    admin = clientOf(real.admin)
    const { minter } = await installBehind(binary, real.file, directory)
    gated = await standGate(policy, minter)
    const caller = { subject: 'user:ada@acme.dev', groups: ['operators'], seconds: 3600 }
    token = await gated.world.token(caller)
    ask = clientOf(readFileSync(await gated.as(caller), 'utf8'))
    await furnish()
    await furnished(admin, ['web'])                                        // takes pods by now, and so has its account
    await furnish()
  }, 180_000)
  afterAll(async () => {
    await gated?.close()
    await real?.close()
    if (directory) await rm(directory, { recursive: true, force: true })
  })
  const through: Client = (method, target, body, headers) => ask(method, `${under}${target}`, body, headers)

  describe('shows nothing that holds a class', () => { canaries(through); quoted(through) })
  describe('is read as it was decided', () => { spellings() })
  describe('stands what befalls it', () => { hardships(through) })
})

const canary = 'canary7f3e9d'
const b64 = (text: string) => Buffer.from(text).toString('base64')
/** As it is, as base64, and as base64 that begins a byte later or ends a byte sooner: what a message quotes of a body is cut anywhere. */
const forms = [canary.slice(1, -1), b64(canary).slice(2, -4), b64(` ${canary}`).slice(2, -4), b64(`  ${canary}`).slice(3, -4), Buffer.from(canary).toString('hex')]
const shown = (text: string): readonly string[] => forms.filter((form) => text.includes(form))

const secrets = '/api/v1/namespaces/web/secrets'
const maps = '/api/v1/namespaces/web/configmaps'
const widgets = '/apis/acme.io/v1/namespaces/web/widgets'
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'widgets.acme.io' },
  spec: { group: 'acme.io', scope: 'Namespaced', names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' }, versions: [{
    name: 'v1', served: true, storage: true, additionalPrinterColumns: [{ name: 'Key', type: 'string', jsonPath: '.spec.key' }],
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: {
      key: { type: 'string' }, size: { type: 'integer' }, tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
      pairs: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['id'], items: { type: 'object', required: ['id'], properties: { id: { type: 'string' }, v: { type: 'string' } } } },
    } } } } },
  }] },
}
async function furnish(): Promise<void> {
  const made = { labels: { app: 'front' } }
  await admin('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  for (let tries = 0; tries < 100; tries++) {
    if ((await admin('POST', '/api/v1/namespaces', { metadata: { name: 'web' } })).status === 201) break
    if (!(await admin('GET', '/api/v1/namespaces/web')).body['metadata']?.['deletionTimestamp']) break
    await sleep(200)                                                       // a spelling has deleted it
  }
  await admin('POST', secrets, { metadata: { name: 'front-db', ...made }, stringData: { password: 'x' } })
  await admin('POST', maps, { metadata: { name: 'front-config', ...made }, data: { level: 'info' } })
  await admin('POST', '/apis/apps/v1/namespaces/web/deployments', { metadata: { name: 'front', ...made }, spec: { replicas: 0, selector: { matchLabels: { app: 'front' } }, template: { metadata: made, spec: { containers: [{ name: 'front', image: 'acme/front:1' }] } } } })
  await admin('POST', '/api/v1/namespaces/web/pods', { metadata: { name: 'front-1', ...made }, spec: { containers: [{ name: 'front', image: 'acme/front:1' }] } })
  await admin('POST', '/api/v1/namespaces/web/services', { metadata: { name: 'front', ...made }, spec: { selector: made.labels, ports: [{ port: 80 }] } })
  await admin('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name: 'support', ...made }, rules: [] })
  await admin('POST', widgets, { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'sprocket', ...made }, spec: { size: 1 } })
}

const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
const patch = (kind: string) => ({ 'content-type': `application/${kind}` })
const [merge, strategic, json, apply] = [patch('merge-patch+json'), patch('strategic-merge-patch+json'), patch('json-patch+json'), patch('apply-patch+yaml')]
type Asked = readonly [method: string, target: string, body?: unknown, headers?: Readonly<Record<string, string>>]
/** Every verb and form, then writes that the server refuses in words that quote what is there. */
function asked(where: string, name: string, object: object): readonly Asked[] {
  const one = `${where}/${name}`
  return [
    ['GET', one], ['GET', where], ['GET', one, undefined, table], ['GET', `${where}?includeObject=Object`, undefined, table], ['GET', `${where}?limit=1`], ['GET', `${where}?fieldSelector=metadata.name%3D${name}`, undefined, table], ['HEAD', one],
    ['GET', one, undefined, { accept: 'application/vnd.kubernetes.protobuf' }], ['GET', one, undefined, { accept: 'application/yaml' }], ['GET', where, undefined, { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' }],
    ['GET', `${where}?watch=true&timeoutSeconds=1`], ['GET', `${where}?watch=true&timeoutSeconds=1&includeObject=Object`, undefined, table], ['GET', `${where}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true`, undefined, { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' }], ['GET', `${where}?watch=true&resourceVersion=1&timeoutSeconds=1`],
    ['PATCH', one, {}, merge], ['PATCH', one, [], json], ['PATCH', `${one}?dryRun=All`, { metadata: { labels: { a: 'b' } } }, merge], ['PATCH', one, { metadata: { labels: { a: 'c' } } }, merge],
    ['PATCH', `${one}?fieldManager=me&force=true`, { ...object, metadata: { name, labels: { d: 'e' } } }, apply],
    // The server decodes what the patch made, and says around which bytes it failed.
    ...[{ data: { zz: 5 } }, { data: { aa: { b: 1 } } }, { data: [1] }, { data: 'x' }, { metadata: { labels: 5 } }, { metadata: { annotations: { a: 5 } } }, { metadata: { generation: 'x' } }, { spec: { size: 'x' } }, { spec: 7 }, { type: 5 }, { immutable: 'maybe' }].flatMap((body): Asked[] => [['PATCH', one, body, merge], ['PATCH', one, body, strategic], ['PATCH', `${one}?dryRun=All`, body, merge]]),
    ...['/data/zz', '/spec/size', '/metadata/labels', '/immutable', '/metadata/deletionTimestamp'].map((path): Asked => ['PATCH', one, [{ op: 'add', path, value: 5 }], json]),
    ['PATCH', one, [{ op: 'remove', path: '/data/none' }], json], ['PATCH', one, [{ op: 'add', path: '/data/p/x', value: 'y' }], json], ['PATCH', one, [{ op: 'replace', path: '/metadata/labels/none', value: 'y' }], json],
    ['PATCH', `${one}?fieldManager=me`, { ...object, metadata: { name }, data: { zz: 5 }, spec: { size: 'x' } }, apply], ['PATCH', `${one}?fieldManager=me`, { ...object, metadata: { name, labels: { app: 5 } } }, apply],
    ['PUT', one, { ...object, metadata: { name, resourceVersion: '1' } }], ['PUT', one, { ...object, metadata: { name, uid: 'b9b0d2a4-0000-0000-0000-000000000000' } }], ['PATCH', one, { metadata: { resourceVersion: '1', labels: { x: 'y' } } }, merge],
    ['DELETE', one, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { resourceVersion: '1' } }], ['DELETE', one, { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }], ['DELETE', `${where}?dryRun=All`], ['DELETE', one, { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 'x' }],
  ]
}

function canaries(through: Client): void {
  const note = (applied: object) => ({ note: canary, 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(applied) })
  it.each([
    ['a Secret', secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held', annotations: note({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'held' }, stringData: { p: canary } }) }, data: { p: b64(canary), q: b64(` ${canary}`), r: b64(`  ${canary}`) } }],
    ['an immutable Secret', secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'fixed', annotations: note({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'fixed' }, data: { p: b64(canary) } }) }, data: { p: b64(canary) }, immutable: true }],
    ['a Secret with a form of its own', secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'docker' }, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': b64(JSON.stringify({ auths: { 'acme.dev': { auth: canary } } })) } }],
    ['what a policy classifies of a ConfigMap', maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held', annotations: note({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held' }, data: { tint: canary } }) }, data: { tint: canary, plain: 'plain' } }],
    ['what a policy classifies of a custom resource', widgets, { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'held', annotations: note({ apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'held' }, spec: { key: canary } }) }, spec: { key: canary, size: 1, tags: [canary, `${canary}-2`], pairs: [{ id: canary, v: 'x' }] } }],
  ])('of %s: in no verb, form, refusal or record', async (_, where, object) => {
    const { name } = object.metadata
    expect((await admin('POST', where, object)).status).toBe(201)
    const from = gated.world.events.length
    const bare = { apiVersion: object.apiVersion, kind: object.kind }
    const leaks: string[] = []
    const quoted: string[] = []
    const troubled: string[] = []
    const statuses = new Map<number, number>()
    for (const [method, target, body, headers] of asked(where, name, bare)) {
      const { status, text, headers: heads } = await through(method, target, body, headers)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status > 500) troubled.push(`${method} ${target} ${JSON.stringify(body)}: ${text.slice(0, 300)}`)
      const found = shown(`${text} ${JSON.stringify(heads)}`)
      if (found.length > 0) leaks.push(`${method} ${target} ${JSON.stringify(body)}: ${status} ${text.slice(0, 600)}`)
      if (method === 'PATCH' && status >= 400 && shown((await admin(method, target, body, headers)).text).length > 0) quoted.push(JSON.stringify(body))
    }
    expect(leaks.map((leak) => leak.slice(0, 200))).toEqual([])
    expect(troubled).toEqual([])
    expect(shown(JSON.stringify(gated.world.events.slice(from)))).toEqual([])
    expect(statuses.get(200)).toBeGreaterThan(10)
    if (process.env['SLUICE_SAY']) console.warn(name, JSON.stringify([...statuses]), 'quoted by the server itself:', quoted.length, quoted.join(' '))
    expect((await admin('GET', `${where}/${name}`)).text).toContain(where === secrets ? '"data"' : canary)                // it lives
    expect((await through('DELETE', where)).text).not.toContain(canary)
  })
}

function quoted(through: Client): void {
  it('not where a stricter schema makes the server quote what has been there all along', async () => {
    const made = await admin('POST', widgets, { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'old' }, spec: { key: canary, tags: [canary], pairs: [{ id: canary }] } })
    expect([made.status, made.text]).toEqual([201, expect.stringContaining(canary)])
    const path = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties'
    const stricter = [{ op: 'add', path: `${path}/key/enum`, value: ['a'] }, { op: 'add', path: `${path}/tags/items/maxLength`, value: 3 }, { op: 'add', path: `${path}/pairs/items/properties/id/pattern`, value: '^a$' }]
    const crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.acme.io'
    expect((await admin('PATCH', crd, stricter, json)).status).toBe(200)
    const asked = (): Promise<Awaited<ReturnType<Client>>> => admin('PATCH', `${widgets}/old?dryRun=All`, { metadata: { labels: { a: 'b' } } }, merge)
    expect(await until(async () => (await asked()).text.includes(`Unsupported value: \\"${canary}`))).toBe(true)           // the server does quote it
    const from = gated.world.events.length
    for (const [target, body, type] of [['', { metadata: { labels: { a: 'b' } } }, merge], ['?dryRun=All', { metadata: { labels: { a: 'b' } } }, merge], ['?fieldManager=me&force=true', { apiVersion: 'acme.io/v1', kind: 'Widget', metadata: { name: 'old', labels: { a: 'b' } } }, apply], ['', [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }], json]] as const) {
      const { status, text } = await through('PATCH', `${widgets}/old${target}`, body, type)
      expect([status, shown(text)]).toEqual([422, []])
    }
    expect(shown(JSON.stringify(gated.world.events.slice(from)))).toEqual([])
    await admin('PATCH', crd, stricter.map(({ path }) => ({ op: 'remove', path })), json)
  })
}

function spellings(): void {
  it('however a path is spelt: the API server\'s own audit log agrees with every decision', async () => {
    const follow = followAudit(real.audit, account)
    const agent = new Agent({ keepAlive: true, ca: gated.authority, maxSockets: 1 })
    const call = callAt(gated.url, agent, token)
    await follow()
    const tally = { forwarded: 0, requests: 0, resources: 0 }
    await fc.assert(fc.asyncProperty(method, prefix, spelling, async (how, before, target) => {
      const from = gated.world.events.length
      await call(how, `${before}${target}`, bodyOf(how, target))
      const heard: readonly Heard[] = await follow()
      if (heard.length > 0) tally.forwarded++
      tally.requests += heard.length
      tally.resources += heard.filter(({ reading }) => reading?.isResource).length
      expect(disagreements(heard, gated.world.events.slice(from))).toEqual([])
      if (how === 'DELETE' && heard.length > 0) await furnish()
    }), { numRuns: Number(process.env['SLUICE_RUNS'] ?? 1000) }).finally(() => agent.destroy())
    console.warn(`in the audit log: ${tally.requests} requests of ${tally.forwarded} spellings that were forwarded, ${tally.resources} for a resource`)
    expect(tally.resources).toBeGreaterThan(20)
  }, 300_000)
}

/** What comes of a stream through the gate, as it comes. */
function stream(target: string): { readonly text: () => string; readonly ended: Promise<'whole' | 'torn'>; leave(): void } {
  const { hostname, port } = new URL(gated.url)
  let text = ''
  let leave = () => {}
  const ended = new Promise<'whole' | 'torn'>((done) => {
    const asked = request({ hostname, port, ca: gated.authority, agent: false, path: `${under}${target}`, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.setEncoding('utf8').on('data', (part: string) => { text += part }).on('end', () => done(response.complete ? 'whole' : 'torn')).on('error', () => done('torn'))
    })
    asked.on('error', () => done('torn')).end()
    leave = () => asked.destroy()
  })
  return { text: () => text, ended, leave }
}
async function until(holds: () => boolean | Promise<boolean>, ms = 20_000): Promise<boolean> {
  for (const from = Date.now(); Date.now() - from < ms; await sleep(50)) if (await holds()) return true
  return false
}
const causes = (text: string): string => ((JSON.parse(text) as { details?: { causes?: { reason: string; message: string }[] } }).details?.causes ?? []).map(({ reason, message }) => `${reason}: ${message}`).join('; ')

function hardships(through: Client): void {
  it('a watch whose API server dies is torn, calls meanwhile say so, and all is well once it is back', async () => {
    const ends = () => gated.world.events.filter(({ kind }) => kind === 'stream').map((event) => JSON.stringify(event))
    const before = ends().length
    const watch = stream(`${maps}?watch=true`)
    expect(await until(() => watch.text().includes('front-config'))).toBe(true)
    await real.apiserver.stop()
    expect(await watch.ended).toBe('torn')
    const refused = await through('GET', maps)
    expect([refused.status, refused.body['reason'], causes(refused.text)]).toEqual([503, 'ServiceUnavailable', expect.stringContaining('target-unavailable: target_unreachable')])
    const write = await through('POST', maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'lost' } })
    expect([write.status, causes(write.text)]).toEqual([503, expect.stringContaining('target-unavailable')])
    expect(await until(() => ends().length > before)).toBe(true)
    expect(ends().at(-1)).toContain('target broke off')
    await real.apiserver.start()
    expect(await until(async () => (await through('GET', maps)).status === 200)).toBe(true)
    expect((await admin('GET', `${maps}/lost`)).status).toBe(404)
  })

  it('a store that stalls: reads end in time, a write that may have happened is not known, and nothing is sent twice', async () => {
    await admin('POST', '/api/v1/namespaces/web/pods', { metadata: { name: 'evicted' }, spec: { containers: [{ name: 'a', image: 'a' }] } })
    expect((await through('GET', `${maps}/front-config`)).status).toBe(200)
    real.etcd.stall()
    try {
      const read = await through('GET', `${maps}/front-config`)
      expect([read.status, read.body['reason'], causes(read.text)]).toEqual([504, 'Timeout', expect.stringContaining('timeout: target_timeout')])
      const [looked, sent] = await Promise.all([
        through('POST', maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'stalled' } }),
        through('POST', '/api/v1/namespaces/web/pods/evicted/eviction', { apiVersion: 'policy/v1beta1', kind: 'Eviction', metadata: { name: 'evicted', namespace: 'web' } }),
      ])
      expect([looked.status, causes(looked.text)]).toEqual([expect.any(Number), expect.not.stringContaining('outcome-unknown')])
      expect([sent.status, causes(sent.text)]).toEqual([502, expect.stringContaining('outcome-unknown: answer_lost')])
    } finally {
      real.etcd.resume()
    }
    expect(await until(async () => (await through('GET', `${maps}/front-config`)).status === 200)).toBe(true)
    expect((await admin('GET', `${maps}/stalled`)).status).toBe(404)
  })

  it('a service account that is deleted: nobody gets through, and with a new one of that name everybody does', async () => {
    expect((await through('GET', maps)).status).toBe(200)
    expect((await admin('DELETE', '/api/v1/namespaces/sluice/serviceaccounts/operator')).status).toBe(200)
    // The API server believes a token for ten seconds after it has looked.
    expect(await until(async () => { const { status, text } = await through('GET', maps); return status === 503 && causes(text).includes('target-unavailable: target_refused_login') }, 30_000)).toBe(true)
    expect(JSON.stringify(gated.world.events.at(-1))).toContain('the cluster has no service account `sluice/operator`')
    const write = await through('PATCH', `${maps}/front-config`, { data: { a: 'b' } }, merge)
    expect([write.status, write.headers['retry-after'], causes(write.text)]).toEqual([503, undefined, expect.stringContaining('target-unavailable: target_refused_login')])
    expect(JSON.stringify(gated.world.events.at(-1))).toContain('the cluster has no service account `sluice/operator`')
    await admin('POST', '/api/v1/namespaces/sluice/serviceaccounts', { metadata: { name: 'operator' } })
    expect(await until(async () => (await through('GET', maps)).status === 200)).toBe(true)
  })

  it('a certificate of somebody else\'s is nobody to ask: not a byte of the call is sent', async () => {
    const other = await standGate(policy, readFileSync(real.file, 'utf8').replace(/certificate-authority-data: .*/, `certificate-authority-data: ${b64(gated.authority)}`))
    try {
      const answer = await clientOf(readFileSync(await other.as({ subject: 'user:ada@acme.dev', groups: ['operators'] }), 'utf8'))('GET', `${under}${maps}`)
      expect([answer.status, causes(answer.text)]).toEqual([503, expect.stringContaining('target-unavailable: target_untrusted')])
    } finally {
      await other.close()
    }
  })
}
