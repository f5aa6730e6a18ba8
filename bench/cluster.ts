import { createServer as createPlain } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { createApp } from '../functions/app.ts'
import { isPermit } from '../functions/decide/permit.ts'
import { kubeconfig } from '../functions/local/kubeconfig.ts'
import { keepAuthority } from '../functions/local/tls.ts'
import { createKubernetes } from '../functions/protocol/kubernetes/kubernetes.ts'
import { ofNode } from '../functions/target.ts'
import type { PolicyDocument } from '../schema/policy.ts'
import { createWorld } from '../test/support/ports.ts'

/**
 * One process of `bench/kubernetes.ts`: `upstream` (answers as an API server would, made up beforehand), `bare` (the least that streams the same bytes on: node:http in front, node:https
 * keep-alive behind, a token put in), or `gate` (the whole app with this engine; its stores are in memory, so that the two durable writes are not in it).
 */
const [kind = '', config = ''] = process.argv.slice(2)
const say = (value: object): void => { process.send?.(value) }

const pod = (n: number, of = 'front') => ({
  kind: 'Pod', apiVersion: 'v1',
  metadata: {
    name: `${of}-${n}`, namespace: 'web', uid: `0b1c2d3e-0000-4000-8000-${String(n).padStart(12, '0')}`, resourceVersion: String(100_000 + n), creationTimestamp: '2026-11-01T00:00:00Z', labels: { app: of, 'pod-template-hash': '6f8398cbe4' },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${of}-6f8398cbe4`, uid: 'c0ffee00-0000-4000-8000-000000000000', controller: true, blockOwnerDeletion: true }],
    managedFields: [{ manager: 'kube-controller-manager', operation: 'Update', apiVersion: 'v1', time: '2026-11-01T00:00:00Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:metadata': { 'f:generateName': {}, 'f:labels': { '.': {}, 'f:app': {} } }, 'f:spec': { 'f:containers': { 'k:{"name":"app"}': { '.': {}, 'f:image': {}, 'f:name': {}, 'f:resources': {} } } } } }],
  },
  spec: { nodeName: 'node-1', serviceAccountName: 'default', containers: [{ name: 'app', image: `registry.acme.dev/${of}:1.${n}`, env: [{ name: 'LOG', value: 'info' }], resources: { requests: { cpu: '100m', memory: '128Mi' } }, volumeMounts: [{ name: 'token', mountPath: '/var/run/secrets', readOnly: true }] }], volumes: [{ name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }] },
  status: { phase: 'Running', podIP: `10.244.${n >> 8 & 255}.${n & 255}`, startTime: '2026-11-01T00:00:05Z', conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({ type, status: 'True', lastTransitionTime: '2026-11-01T00:00:10Z' })), containerStatuses: [{ name: 'app', ready: true, restartCount: 0, image: `registry.acme.dev/${of}:1.${n}`, imageID: `sha256:${'ab'.repeat(32)}`, state: { running: { startedAt: '2026-11-01T00:00:09Z' } } }] },
})
const secret = (n: number) => ({ metadata: { name: `s-${n}`, namespace: 'web', uid: `s-${n}`, resourceVersion: String(n) }, data: { password: Buffer.from(`password ${n} `.repeat(8)).toString('base64'), user: 'YXBw' }, type: 'Opaque' })
const list = (what: string, items: readonly object[]): string => JSON.stringify({ kind: `${what}List`, apiVersion: 'v1', metadata: { resourceVersion: '1' }, items })

async function upstream(): Promise<void> {
  const authority = await keepAuthority(null, Date.now)
  const pods = Array.from({ length: 1000 }, (_, n) => { const { kind: _kind, apiVersion: _version, ...rest } = pod(n); return rest })
  const event = Array.from({ length: 1000 }, (_, n) => `${JSON.stringify({ type: 'MODIFIED', object: pod(n) })}\n`).join('')
  const long = pods.map((one) => JSON.stringify({ ...one, metadata: { ...one.metadata, annotations: { note: 'a longer note '.repeat(150) } } })).join(',')   // so that 200 MB are fewer objects than a page may have
  const whole: Readonly<Record<string, string>> = { '/api/v1/namespaces/web/pods/front-1': JSON.stringify(pod(1)), '/api/v1/namespaces/web/pods': list('Pod', pods), '/api/v1/namespaces/web/secrets': list('Secret', Array.from({ length: 1000 }, (_, n) => secret(n))) }
  const server = https.createServer(authority.issue('bench'), (request, response) => {
    const url = request.url ?? ''
    request.resume()
    response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json', 'audit-id': '0b1c' })
    const answer = request.method === 'POST' ? JSON.stringify({ spec: { expirationSeconds: 600 }, status: { token: 'upstream-token' } }) : url.includes('watch=true') ? event : whole[url.split('?', 1)[0] ?? '']                              // the gate asks for pages; this server has none
    if (answer !== undefined) return void response.end(answer)
    let left = Math.ceil(Number(/namespaces\/big-(\d+)\//.exec(url)?.[1] ?? 1) * 1024 * 1024 / long.length)     // megabytes
    response.write('{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[')
    const more = (): void => {
      while (left-- > 0) if (!response.write(left > 0 ? `${long},` : long)) return void response.once('drain', more)
      response.end(']}')
    }
    more()
  })
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1', () => say({ port: 0, kubeconfig: kubeconfig(authority.certificate, [{ name: 'bench', server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, user: { token: 'gate' } }]), ca: authority.certificate, upstream: (server.address() as AddressInfo).port }))
}

function bare({ ca, upstream: port }: { readonly ca: string; readonly upstream: number }): void {
  const agent = new https.Agent({ keepAlive: true, ca })
  serve(createPlain((request, response) => {
    const path = (request.url ?? '').replace('/v1/kubernetes/cluster', '')
    request.resume()
    https.get({ agent, host: '127.0.0.1', port, path, headers: { accept: request.headers.accept ?? '', authorization: 'Bearer upstream-token' } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] })
      answer.pipe(response)
    })
  }))
}

async function gate({ kubeconfig: secretText }: { readonly kubeconfig: string }): Promise<void> {
  const documents: Record<string, PolicyDocument> = {
    'connection.cluster.yaml': { version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'kube', serviceAccounts: { reader: 'sluice/reader' }, detect: ['credit-card', 'us-ssn', 'email', 'iban', 'secret'], limits: { rows: 100_000 } },
    'role.reader.yaml': { version: 1, kind: 'role', name: 'reader', members: [{ group: 'readers' }], rules: [{ allow: ['get', 'list', 'watch'], connection: 'cluster', on: ['pods', 'secrets'] }] },
  }
  const world = createWorld({ ...(await import('../test/support/policy.ts')).demo, ...documents })
  world.clock.ms = Date.now()
  const secrets = { get: async (name: string) => (name === 'kube' ? secretText : world.ports.secrets.get(name)) }
  const kubernetes = createKubernetes({ secrets, now: Date.now, isPermit, alarm: (what, detail) => { process.stderr.write(`${what} ${JSON.stringify(detail)}\n`) } })
  const app = createApp({ ...world.ports, now: Date.now, secrets, engines: { ...world.ports.engines, kubernetes } }, undefined, ofNode)
  const token = await world.token({ subject: 'agent:bench', groups: ['readers'], seconds: 3600 })
  setInterval(() => { world.events.length = 0 }, 200).unref()
  serve(createPlain(getRequestListener(app.fetch)), { token })
}

function serve(server: ReturnType<typeof createPlain>, more: object = {}): void {
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1', () => say({ port: (server.address() as AddressInfo).port, ...more }))
}

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  say({ cpu: user + system, peakKb: process.resourceUsage().maxRSS })
})
process.on('disconnect', () => process.exit(0))
if (kind === 'upstream') await upstream()
else if (kind === 'bare') bare(JSON.parse(config) as Parameters<typeof bare>[0])
else if (kind === 'gate') await gate(JSON.parse(config) as Parameters<typeof gate>[0])
else throw new Error(`no process ${kind}`)
