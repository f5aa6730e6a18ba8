import type { Attributes, KubernetesPlan } from './plan.ts'
import { isObject } from './precondition.ts'
import type { Cluster } from './kubeconfig.ts'
import { type Reach, StatusError } from './reach.ts'
import { wholeOf } from './bytes.ts'

/** A resource the cluster serves, subresources as `pods/log`. */
export interface Served { readonly group: string; readonly version: string; readonly resource: string; readonly namespaced: boolean; readonly verbs: readonly string[] }
export interface Discovery {
  /** The whole answer to a request for a discovery or OpenAPI document, from memory where it is fresh; null for any other request. Throws as Reach.call does. */
  answer(cluster: Cluster, account: string, plan: KubernetesPlan, deadline: number): Promise<Document | null>
  /** Everything served, asked as the gate itself. Throws as Reach.json does. */
  resources(cluster: Cluster): Promise<readonly Served[]>
  /** Whether the API behind a group heeds `dryRun`: what does not know it would do the write. */
  knowsDryRun(cluster: Cluster, account: string, attributes: Attributes): Promise<boolean>
}
export interface Document { readonly status: number; readonly contentType: string; readonly headers: Readonly<Record<string, string>>; readonly audit: null; readonly bytes: Uint8Array }

/** Every kubectl asks for these first; they are the same for whoever is authenticated. */
const documents = /^\/(?:api|apis|openapi\/v2|openapi\/v3|version|api\/v1|apis\/[^/]+(?:\/[^/]+)?|openapi\/v3\/(?:api|apis)(?:\/[^/]+){0,2})$/
const freshMs = 15_000
const documentMs = 15_000
const mostBytes = 96 * 1024 * 1024
const largestBytes = 24 * 1024 * 1024
const mostDocuments = 2000
/** Served by the API server itself, which has known dry runs since 1.13. */
const builtIn = /^(?:|apps|batch|autoscaling|policy|extensions|(?:networking|rbac\.authorization|storage|scheduling|coordination|discovery|events|admissionregistration|apiextensions|apiregistration|certificates|flowcontrol\.apiserver|node|resource)\.k8s\.io)$/

interface Kept { readonly document: Document; at: number; readonly forever: boolean }

/** Discovery and OpenAPI, kept per cluster (where it is and whose word it rests on), representation and target; bounded; asked again with its ETag when it is old. */
export function createDiscovery({ reach, now }: { readonly reach: Reach; readonly now: () => number }): Discovery {
  const kept = new Map<string, Kept>()
  const asking = new Map<string, Promise<Document>>()
  const dry = new Map<string, Promise<boolean>>()
  let bytes = 0

  function keep(key: string, one: Kept): void {
    drop(key)
    kept.set(key, one)
    bytes += one.document.bytes.byteLength
    for (const old of kept.keys()) {
      if (bytes <= mostBytes && kept.size <= mostDocuments) break
      drop(old)
    }
  }
  function drop(key: string): void {
    bytes -= kept.get(key)?.document.bytes.byteLength ?? 0
    kept.delete(key)
  }

  /** Not kept where it is no 200. Whoever asks meanwhile waits for the same answer. */
  async function fetch(key: string, cluster: Cluster, account: string, { target, accept }: KubernetesPlan, deadline: number): Promise<Document> {
    const old = kept.get(key)
    const etag = old?.document.headers['etag']
    const ask = (where: string) => reach.call(cluster, account, { method: 'GET', target: where, accept, deadline, headersMs: documentMs, signal: AbortSignal.timeout(documentMs), ...(etag === undefined ? {} : { etag }) })
    const first = await ask(target)
    const moved = first.status === 301 && target.includes('?')               // named by the hash of what it was: its own path has what it is
    if (moved) first.body.destroy()
    const reply = moved ? await ask(target.split('?', 1)[0] ?? target) : first
    const body = await wholeOf(reply.body, documentMs, largestBytes)
    if (old && reply.status === 304) {
      old.at = now()
      return old.document
    }
    const { status, contentType, headers: { 'audit-id': _, ...headers } } = reply
    const document: Document = body === null ? tooLarge : { status, contentType, headers, audit: null, bytes: body }
    if (document.status === 200) keep(key, { document, at: now(), forever: !moved && /[?&]hash=[0-9A-Za-z]{16,}(?:&|$)/.test(target) })
    return document
  }

  return {
    async answer(cluster, account, plan, deadline) {
      const { attributes, method, target, accept } = plan
      if (method !== 'GET' || attributes.isResource || !documents.test(attributes.path)) return null
      const key = `${cluster.identity} ${accept} ${target}`
      const old = kept.get(key)
      if (old && (old.forever || now() - old.at < freshMs)) {
        kept.delete(key)                                                  // the least recently asked for goes first
        kept.set(key, old)
        return old.document
      }
      const under = asking.get(key)
      if (under) return under
      const promise = fetch(key, cluster, account, plan, deadline).finally(() => { asking.delete(key) })
      asking.set(key, promise)
      return promise
    },
    resources: (cluster) => resourcesOf(reach, cluster),
    knowsDryRun(cluster, account, attributes) {
      if (builtIn.test(attributes.group)) return Promise.resolve(true)
      const key = `${cluster.identity} ${attributes.group}/${attributes.version}/${attributes.resource} ${attributes.verb}`
      const known = dry.get(key) ?? dryInOpenApi(reach, cluster, account, attributes)
      if (dry.size >= mostDocuments) dry.clear()
      dry.set(key, known)
      known.then((yes) => { if (!yes) dry.delete(key) }, () => { dry.delete(key) })
      return known
    },
  }
}
const tooLarge: Document = {
  status: 507, contentType: 'application/json', headers: {}, audit: null,
  bytes: Buffer.from(JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'Unknown', message: 'the document is larger than may be', code: 507 })),
}

/** What the group itself publishes: a parameter `dryRun` on this way of writing this resource. Servers before 1.24 have all groups in one document of the second version. */
async function dryInOpenApi(reach: Reach, cluster: Cluster, account: string, { group, version, resource, verb }: Attributes): Promise<boolean> {
  const method = verb === 'create' ? 'post' : verb === 'update' ? 'put' : 'patch'
  const read = (target: string) => reach.json(cluster, account, target, { maxBytes: largestBytes })
  try {
    const paths = (await read(`/openapi/v3/apis/${group}/${version}`) ?? await read('/openapi/v2'))?.['paths']
    if (!isObject(paths)) return false
    return Object.entries(paths).some(([path, item]) => path.startsWith(`/apis/${group}/${version}/`) && path.split('/').includes(resource) && isObject(item) && isObject(item[method]) && list(item[method]['parameters']).some(({ name }) => name === 'dryRun'))
  } catch (error) {
    if (error instanceof StatusError) return false
    throw error
  }
}

/** By the documents every API server has, one a group version; a group whose own server is down is left out. */
async function resourcesOf(reach: Reach, cluster: Cluster): Promise<readonly Served[]> {
  const groups = await reach.json(cluster, null, '/apis')
  const versions = list(groups?.['groups']).flatMap((group) => list(group['versions']).map((one) => String(one['groupVersion']))).filter((one) => /^[a-z0-9.-]+\/v[a-z0-9]+$/.test(one)).slice(0, 500)
  const paths = ['/api/v1', ...versions.map((one) => `/apis/${one}`)]
  const found: Served[] = []
  for (let at = 0; at < paths.length; at += atOnce) found.push(...(await Promise.all(paths.slice(at, at + atOnce).map((path) => servedAt(reach, cluster, path)))).flat())
  return found
}
const atOnce = 8
async function servedAt(reach: Reach, cluster: Cluster, path: string): Promise<Served[]> {
  const [, , group = '', version = 'v1'] = path === '/api/v1' ? ['', '', '', 'v1'] : path.split('/')
  const document = await reach.json(cluster, null, path).catch((error: unknown) => {
    if (error instanceof StatusError && path !== '/api/v1') return null
    throw error
  })
  return list(document?.['resources']).flatMap(({ name, namespaced, verbs }) => (typeof name === 'string' ? [{ group, version, resource: name, namespaced: namespaced === true, verbs: Array.isArray(verbs) ? verbs.map(String) : [] }] : []))
}
const list = (value: unknown): readonly Readonly<Record<string, unknown>>[] => (Array.isArray(value) ? value.filter(isObject) : [])
