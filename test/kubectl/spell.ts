import { request, type Agent } from 'node:https'
import * as fc from 'fast-check'

/** Paths spelt in every way that two readers take differently, and a client that sends them as they are. */
const base = [
  '/api/v1/namespaces/web/pods', '/api/v1/namespaces/web/pods/front-1', '/api/v1/namespaces/web/pods/front-1/log', '/api/v1/namespaces/web/secrets/front-db', '/api/v1/namespaces/web/configmaps/front-config',
  '/api/v1/namespaces/web', '/api/v1/namespaces', '/api/v1/namespaces/web/status', '/api/v1/pods', '/api/v1/nodes/node-1', '/api/v1/nodes/node-1/proxy/metrics', '/api/v1/namespaces/web/services/front:80/proxy/x/y',
  '/apis/apps/v1/namespaces/web/deployments/front', '/apis/apps/v1/namespaces/web/deployments/front/scale', '/apis/apps/v1/deployments', '/apis/acme.io/v1/namespaces/web/widgets/sprocket', '/apis/rbac.authorization.k8s.io/v1/clusterroles/support',
  '/api/v1/watch/namespaces/web/pods', '/api/v1/proxy/namespaces/web/pods/front-1', '/apis', '/apis/apps/v1', '/version', '/openapi/v3/api/v1', '/healthz', '/', '/metrics', '/logs/kubelet.log',
] as const
const swaps: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\//g, ['%2f', '%2F', '//', '/./', '/../', '/%2e/', '/%2e%2e/', '/x/../', '\\', '%5c', '%252f', '/;/', ';a=b/', '/%20', '/%00', '%00/', '/.%2e/', '/\xe2\x80\x8b/', '/\xef\xbc\x8f', '/~/', '/@/', '/:/']],
  [/web/g, ['data', 'Web', 'w%65b', 'web%20', 'web.', '', '*', 'web,data', '%77eb', 'web%2fsecrets%2ffront-db%3f']],
  [/pods/g, ['secrets', 'Pods', 'p%6fds', 'pods.', 'pods%2f..%2fsecrets', 'namespaces', 'watch', 'proxy', 'pods:log']],
  [/namespaces/g, ['Namespaces', 'namespace', 'watch/namespaces', 'proxy/namespaces', 'namespaces/web/namespaces', 'n%61mespaces']],
  [/api/g, ['apis', 'Api', 'a%70i', 'api/api', '%61pi']],
  [/$/g, ['/', '//', '?', '?watch=1', '?watch', '?watch=', '?watch=false', '?watch=FALSE&watch=1', '?watch=0&watch=1', '?w%61tch=1', '?watch=1;x=y', '?;watch=1', '?fieldSelector=metadata.name=front-db', '?fieldSelector=metadata.name%3Dfront-db,metadata.namespace%3Ddata', '?fieldSelector=metadata.name%3Da&fieldSelector=metadata.name%3Db',
    '?fieldSelector=metadata.name!=x', '?fieldSelector=metadata.name==front-db', '?fieldSelector=metadata.name=front-db,', '?fieldSelector=,metadata.name=x', '?fieldSelector=metadata.name%3Da%5C%3Db', '?FieldSelector=metadata.name=x', '?dryRun=All', '?dryRun=All&dryRun=', '?dryRun=None', '#/secrets', '%23', '%3fwatch=1', '%3Fwatch=1', '/log', '/exec?command=id', '/status', '/proxy/x', '/proxy/../../../secrets', '/eviction', '/token', '?as=admin', '?pretty=1', '?labelSelector=a%0Ab', '?limit=1&continue=x', '?=x', '?&&', '?%zz=1', '?a=%zz', '/%zz']],
]
const mutation = fc.constantFrom(...swaps).chain(([pattern, replacements]) => fc.record({ pattern: fc.constant(pattern), to: fc.constantFrom(...replacements), nth: fc.nat(8) }))
export const spelling = fc.record({ start: fc.constantFrom(...base), changes: fc.array(mutation, { maxLength: 3 }) }).map(({ start, changes }) => changes.reduce<string>((target, { pattern, to, nth }) => {
  const places = [...target.matchAll(pattern)].length
  let at = 0
  return target.replace(pattern, (found) => places > 0 && at++ === nth % places ? to : found)
}, start))
export const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')
export const prefix = fc.constantFrom(...Array.from({ length: 12 }, () => '/v1/kubernetes/cluster'), '/v1/kubernetes/./cluster', '/v1/kubernetes/clu%73ter', '//v1/kubernetes/cluster', '/v1/kubernetes/cluster/..', '/v1/kubernetes/other/../cluster', '/v1%2fkubernetes/cluster', '/v1/kubernetes/cluster%2f')

const kinds: readonly (readonly [RegExp, string, string])[] = [
  [/scale/, 'autoscaling/v1', 'Scale'], [/deployments/, 'apps/v1', 'Deployment'], [/clusterroles/, 'rbac.authorization.k8s.io/v1', 'ClusterRole'], [/widgets/, 'acme.io/v1', 'Widget'], [/eviction/, 'policy/v1beta1', 'Eviction'], [/secrets/, 'v1', 'Secret'],
  [/configmaps/, 'v1', 'ConfigMap'], [/nodes/, 'v1', 'Node'], [/services/, 'v1', 'Service'], [/pods/, 'v1', 'Pod'], [/namespaces/, 'v1', 'Namespace'],
]
/** A body where the method has one: of the kind that the path seems to be of, so that what is wrong with it is the path alone. */
export function bodyOf(method: string, target: string): string {
  if (method !== 'POST' && method !== 'PUT' && method !== 'PATCH') return ''
  const [, apiVersion, kind] = kinds.find(([pattern]) => pattern.test(target)) ?? []
  return JSON.stringify({ ...(kind ? { apiVersion, kind } : {}), metadata: { labels: { a: 'b' } } })
}
const patienceMs = 150
/** Status of one call; a stream is left as soon as it begins. 0: no answer at all. */
export const callAt = (url: string, agent: Agent, token: string) => (method: string, target: string, body = ''): Promise<number> => new Promise((done) => {
  const { hostname, port } = new URL(url)
  const headers = { authorization: `Bearer ${token}`, ...(body ? { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json', 'content-length': String(body.length) } : {}) }
  const asked = request({ hostname, port, agent, method, path: target, headers }, (response) => {
    const status = response.statusCode ?? 0
    const leave = setTimeout(() => { asked.destroy(); done(status) }, patienceMs)                 // a watch that has nothing to say
    response.on('data', () => {}).on('end', () => { clearTimeout(leave); done(status) }).on('error', () => { clearTimeout(leave); done(status) })
  })
  asked.on('error', () => done(0)).end(body)
})
