import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { RequestListener, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { getRequestListener } from '@hono/node-server'
import { createApp } from '../../functions/app.ts'
import { isPermit } from '../../functions/decide/permit.ts'
import { createGate } from '../../functions/gate.ts'
import { startCluster, type Cluster } from '../../functions/local/cluster.ts'
import type { Seen } from '../../functions/local/cluster/serve.ts'
import { openFront } from '../../functions/local/front.ts'
import { kubeconfig } from '../../functions/local/kubeconfig.ts'
import { keepAuthority } from '../../functions/local/tls.ts'
import { refuseUpgrade } from '../../functions/local/upgrade.ts'
import { createKubernetes } from '../../functions/protocol/kubernetes/kubernetes.ts'
import { createCarrier, createInside } from '../../functions/protocol/inside.ts'
import { parseProtobuf } from '../../functions/protocol/kubernetes/protobuf.ts'
import type { Protocol } from '../../functions/protocol/protocol.ts'
import { createRemote } from '../../functions/protocol/remote.ts'
import { routed } from '../../functions/protocol/routed.ts'
import { ofNode } from '../../functions/target.ts'
import type { DetectorName, PolicyDocument } from '../../schema/policy.ts'
import { createWorld, type TokenOptions, type World } from '../support/ports.ts'

/** A demo cluster that names things the same way each time, and a gate over TLS before a cluster. */
export function steady(): (length: number) => string {
  let count = 0
  return (length) => createHash('sha256').update(String(++count)).digest('hex').slice(0, length)
}
/** With protobuf, as a real server has it: for the side of a comparison that has no gate before it. */
export const decode = (body: Buffer): unknown => {
  const read = parseProtobuf(body)
  if (!read.ok) throw new Error(read.refusal.detail)
  return read.value
}
export async function standAlone(options: { readonly see?: (seen: Seen) => void; readonly protobuf?: boolean } = {}): Promise<Cluster> {
  return startCluster({ authority: await keepAuthority(null, Date.now), now: Date.now, random: steady(), ...(options.see ? { see: options.see } : {}), ...(options.protobuf ? { decode } : {}) })
}

export interface Gated {
  readonly world: World
  /** `https://127.0.0.1:port` */
  readonly url: string
  /** PEM. */
  readonly authority: string
  /** A kubeconfig file of that caller. */
  as(caller: TokenOptions): Promise<string>
  /** Everything that was sent to callers, as it left the gate. */
  sent(): string
  close(): Promise<void>
}
/** `secret`: the kubeconfig that the connection `cluster` goes by. `wire`: the cluster is private, and hears every errand and every answer as they went. */
export async function standGate(documents: readonly PolicyDocument[], secret: string, wire?: (sealed: string, answer: string) => void): Promise<Gated> {
  const world = createWorld(Object.fromEntries(documents.map((document, index) => [`${index}.yaml`, document])))
  world.clock.ms = Date.now()
  const secrets = { get: async (name: string) => name === 'cluster-kubeconfig' ? secret : name === 'sluice-private-key' ? 'k'.repeat(44) : name === 'sluice-private-sight' ? 's'.repeat(44) : world.ports.secrets.get(name) }
  const parts = { secrets, now: Date.now, alarm: world.ports.alarm, isPermit }
  const here = createKubernetes(parts)
  const engine = wire ? routed(here, standApart(parts, here, wire)) : here
  const ports = { ...world.ports, now: Date.now, secrets, engines: { ...world.ports.engines, kubernetes: engine } }
  const authority = await keepAuthority(null, Date.now)
  const directory = await mkdtemp(join(tmpdir(), 'sluice-kubectl-'))
  const front = await openFront(0, '127.0.0.1', authority.issue('gate'))
  const left: string[] = []
  front.serve(tapped(getRequestListener(createApp(ports, createGate(ports), ofNode).fetch), left))
  front.upgrades((_request, socket) => refuseUpgrade(socket))
  let files = 0
  return {
    world, url: front.url, authority: authority.certificate,
    async as(caller) {
      const file = join(directory, `kubeconfig-${++files}`)
      await writeFile(file, kubeconfig(authority.certificate, [{ name: 'cluster', server: `${front.url}/v1/kubernetes/cluster`, user: { token: await world.token({ seconds: 3600, ...caller }) } }]), { mode: 0o600 })
      return file
    },
    sent: () => left.join('\n'),
    async close() {
      await front.close()
      await engine.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
/** The engine in a private network, errands carried to it within this process. */
function standApart(parts: Parameters<typeof createKubernetes>[0], here: Protocol, wire: (sealed: string, answer: string) => void): Protocol {
  const { isPermit, carry } = createCarrier()
  const engine = createKubernetes({ ...parts, isPermit })
  const inside = createInside({ ...parts, carry, engines: { kubernetes: engine } })
  const remote = createRemote({ ...parts, here, send: async (sealed) => {
    const answer = JSON.stringify(await inside(JSON.parse(sealed)))
    wire(sealed, gunzipSync(Buffer.from(JSON.parse(answer) as string, 'base64')).toString())
    return answer
  } })
  return { ...remote, close: () => engine.close() }
}
/** Keeps what the listener writes, heads included. */
function tapped(listener: RequestListener, parts: string[]): RequestListener {
  const keep = (chunk: unknown) => { if (typeof chunk === 'string') parts.push(chunk); else if (chunk instanceof Uint8Array) parts.push(Buffer.from(chunk).toString('latin1')) }
  return (request, response) => {
    const { write, end, writeHead } = response
    response.write = function (this: ServerResponse, ...args: unknown[]) { keep(args[0]); return Reflect.apply(write, this, args) as boolean } as typeof write
    response.end = function (this: ServerResponse, ...args: unknown[]) { keep(args[0]); return Reflect.apply(end, this, args) as ServerResponse } as typeof end
    response.writeHead = function (this: ServerResponse, ...args: unknown[]) { keep(JSON.stringify(args)); return Reflect.apply(writeHead, this, args) as ServerResponse } as typeof writeHead
    return listener(request, response)
  }
}

const everything = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const
/** Everything kubectl's suite does, by one role that also sees what is classified, and one that does not. Detectors spare nobody, so the comparison goes without. */
export const documents = (detect: readonly DetectorName[]): readonly PolicyDocument[] => [
  {
    version: 1, kind: 'connection', name: 'cluster', engine: 'kubernetes', secret: 'cluster-kubeconfig', serviceAccounts: { '*': 'sluice/operator' },
    classify: { 'configmaps:metadata.annotations[canary]': 'pii.record' }, mask: { '*': 'redact' }, detect: [...detect],
    limits: { bytes: 8 * 1024 * 1024, rows: 100_000, timeout: '60s', perHour: { statements: 100_000 } },
  },
  { version: 1, kind: 'role', name: 'operator', members: [{ group: 'operators' }, { group: 'seers' }], rules: [
    { allow: [...everything], connection: 'cluster', on: ['*', '*/*', '*/*/*'], permit: ['privileged', 'host-path', 'host-namespace', 'secret-mount', 'service-account'] },
    { allow: [...everything], connection: 'cluster', on: [
      ...['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings', 'roles/bind', 'clusterroles/bind', 'roles/escalate', 'clusterroles/escalate'].map((name) => `rbac.authorization.k8s.io/${name}`), 'serviceaccounts/token',
      ...['selfsubjectaccessreviews', 'selfsubjectrulesreviews'].map((name) => `authorization.k8s.io/${name}`), 'authentication.k8s.io/selfsubjectreviews',
    ] },
  ] },
  { version: 1, kind: 'role', name: 'seer', members: [{ group: 'seers' }], rules: [{ allow: ['get', 'list', 'watch'], reveal: ['*'], connection: 'cluster', on: ['*', '*/*', '*/*/*', 'serviceaccounts/token'] }] },
]
/** The account that the gate's calls go by in the suites: one that may do everything, so that policy alone decides. */
export const operator = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'operator', namespace: 'sluice' } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'operator' }, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }, { nonResourceURLs: ['*'], verbs: ['*'] }] },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'operator' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'operator' }, subjects: [{ kind: 'ServiceAccount', name: 'operator', namespace: 'sluice' }] },
] as const
