import { badRequest, invalid } from './failure.ts'
import { apiVersionOf, type Kind } from './kinds.ts'
import { at, fields, isFields, list, text, withAt, type Fields, type Item } from './object.ts'

/** Defaults, and the validation that clients notice. Everything else the real server checks is let through. */
const lowerCase = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/
const freelyNamed = new Set(['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'])

function container(value: unknown): Fields {
  const one = fields(value)
  const image = text(one['image'])
  return { ...one, terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File', imagePullPolicy: one['imagePullPolicy'] ?? (/:(?!latest$)[^/]+$/.test(image) ? 'IfNotPresent' : 'Always'), resources: one['resources'] ?? {},
    ...(one['ports'] ? { ports: list(one['ports']).map((port) => ({ ...fields(port), protocol: at(port, 'protocol') ?? 'TCP' })) } : {}) }
}
/** A pod's spec as it is kept. */
export function podSpec(value: unknown, restartPolicy = 'Always'): Fields {
  const spec = fields(value)
  return {
    restartPolicy, terminationGracePeriodSeconds: 30, dnsPolicy: 'ClusterFirst', securityContext: {}, schedulerName: 'default-scheduler', ...spec,
    containers: list(spec['containers']).map(container), ...(spec['initContainers'] ? { initContainers: list(spec['initContainers']).map(container) } : {}),
    ...(spec['serviceAccountName'] || spec['serviceAccount'] ? { serviceAccountName: spec['serviceAccountName'] ?? spec['serviceAccount'], serviceAccount: spec['serviceAccountName'] ?? spec['serviceAccount'] } : {}),
  }
}
const template = (value: unknown, restartPolicy?: string): Fields => ({ ...fields(value), metadata: { creationTimestamp: null, ...fields(at(value, 'metadata')) }, spec: podSpec(at(value, 'spec'), restartPolicy) })

function defaulted(kind: Kind, object: Fields, before: Item | null, address: () => string): Fields {
  const spec = fields(object['spec'])
  switch (kind.kind) {
    case 'Pod': return { ...object, spec: { serviceAccountName: 'default', serviceAccount: 'default', ...podSpec(spec) } }
    case 'Deployment': return { ...object, spec: { replicas: 1, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } }, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, ...spec, template: template(spec['template']) } }
    case 'ReplicaSet': case 'StatefulSet': return { ...object, spec: { replicas: 1, ...spec, template: template(spec['template']) } }
    case 'DaemonSet': return { ...object, spec: { ...spec, template: template(spec['template']) } }
    case 'Job': return { ...object, spec: jobSpec(object, spec) }
    case 'CronJob': return { ...object, spec: { concurrencyPolicy: 'Allow', suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1, ...spec } }
    case 'Service': return { ...object, spec: { type: 'ClusterIP', sessionAffinity: 'None', ...spec, clusterIP: spec['clusterIP'] || at(before, 'spec', 'clusterIP') || address(), ports: list(spec['ports']).map((port) => ({ protocol: 'TCP', targetPort: at(port, 'port'), ...fields(port) })) } }
    case 'Secret': return secret(object)
    case 'Namespace': return { ...object, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' }, metadata: { ...fields(object['metadata']), labels: { ...fields(at(object, 'metadata', 'labels')), 'kubernetes.io/metadata.name': text(at(object, 'metadata', 'name')) } } }
    case 'RoleBinding': case 'ClusterRoleBinding': return { ...object, subjects: list(object['subjects']).map((one) => at(one, 'kind') === 'ServiceAccount' ? one : { apiGroup: 'rbac.authorization.k8s.io', ...fields(one) }), roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...fields(object['roleRef']) } }
    default: return object
  }
}
function jobSpec(object: Fields, spec: Fields): Fields {
  const own = { 'job-name': text(at(object, 'metadata', 'name')), 'batch.kubernetes.io/job-name': text(at(object, 'metadata', 'name')) }
  const pods = template(spec['template'], 'Never')
  const labels = { ...own, ...fields(at(pods, 'metadata', 'labels')) }
  return { parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false, selector: { matchLabels: own }, ...spec, template: withAt(pods, ['metadata', 'labels'], labels) }
}
function secret(object: Fields): Fields {
  const { stringData, ...rest } = object
  const written = Object.entries(fields(stringData)).map(([key, value]) => [key, Buffer.from(text(value)).toString('base64')] as const)
  return { ...rest, type: rest['type'] || 'Opaque', ...(rest['data'] || written.length ? { data: { ...fields(rest['data']), ...Object.fromEntries(written) } } : {}) }
}

/** The object as it is to be kept. Throws 400 where it is not what the path says, 422 where it cannot be. `address`: the next cluster address. */
export function admit(kind: Kind, given: Fields, place: { readonly namespace: string; readonly name: string; readonly before: Item | null; readonly address: () => string }): Item {
  const { namespace, name, before } = place
  if (given['kind'] !== undefined && given['kind'] !== kind.kind) throw badRequest(`${text(given['kind'])} in version "${text(given['apiVersion'])}" cannot be handled as a ${kind.kind}`)
  if (given['apiVersion'] !== undefined && given['apiVersion'] !== apiVersionOf(kind)) throw badRequest(`the API version in the data (${text(given['apiVersion'])}) does not match the expected API version (${apiVersionOf(kind)})`)
  const metadata = fields(given['metadata'])
  if (kind.namespaced && metadata['namespace'] !== undefined && metadata['namespace'] !== '' && metadata['namespace'] !== namespace) throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  if (metadata['name'] !== undefined && metadata['name'] !== '' && metadata['name'] !== name) throw badRequest(`the name of the object (${text(metadata['name'])}) does not match the name on the URL (${name})`)
  if (!(freelyNamed.has(kind.kind) ? /^[^/%]+$/ : lowerCase).test(name)) throw invalid(kind, name, [['metadata.name', `Invalid value: "${name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character`]])
  const { namespace: _given, ...named } = metadata
  const rest = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== '' && value !== null && value !== 0))   // what a client's zero values say: nothing
  const object = defaulted(kind, { ...given, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { ...rest, name, ...(kind.namespaced ? { namespace } : {}) } }, before, place.address)
  const causes = problems(kind, object, before)
  if (causes.length > 0) throw invalid(kind, name, causes)
  return object as Item
}

function problems(kind: Kind, object: Fields, before: Item | null): (readonly [string, string, string?])[] {
  const found: (readonly [string, string, string?])[] = []
  const pods = kind.kind === 'Pod' ? object['spec'] : at(object, 'spec', 'template', 'spec')
  const where = kind.kind === 'Pod' ? 'spec' : 'spec.template.spec'
  if (isFields(pods)) {
    if (list(pods['containers']).length === 0) found.push([`${where}.containers`, 'Required value', 'FieldValueRequired'])
    list(pods['containers']).forEach((one, index) => { if (!at(one, 'image')) found.push([`${where}.containers[${index}].image`, 'Required value', 'FieldValueRequired']) })
  }
  if (['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet'].includes(kind.kind)) {
    const wanted = Object.entries(fields(at(object, 'spec', 'selector', 'matchLabels')))
    const labels = fields(at(object, 'spec', 'template', 'metadata', 'labels'))
    if (wanted.length === 0) found.push(['spec.selector', 'Required value', 'FieldValueRequired'])
    else if (wanted.some(([key, value]) => labels[key] !== value)) found.push(['spec.template.metadata.labels', `Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``])
    const replicas = at(object, 'spec', 'replicas')
    if (replicas !== undefined && (!Number.isInteger(replicas) || (replicas as number) < 0)) found.push(['spec.replicas', `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`])
  }
  for (const [key, value] of Object.entries(fields(kind.kind === 'Secret' ? object['data'] : null))) if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) found.push([`data[${key}]`, 'Invalid value: illegal base64 data'])
  if ((kind.kind === 'Secret' || kind.kind === 'ConfigMap') && before?.['immutable'] === true && JSON.stringify(before['data']) !== JSON.stringify(object['data'])) found.push(['data', 'Forbidden: field is immutable when `immutable` is set', 'FieldValueForbidden'])
  for (const key of Object.keys(fields(at(object, 'metadata', 'labels')))) if (!/^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(key)) found.push(['metadata.labels', `Invalid value: ${JSON.stringify(key)}: name part must consist of alphanumeric characters`])
  return found
}
