/** Every resource this API server has, in the order discovery lists them. */
export interface Kind {
  /** '' for core. */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** Lower case, as in paths. */
  readonly plural: string
  readonly singular: string
  readonly short: readonly string[]
  readonly namespaced: boolean
  readonly categories: readonly string[]
  readonly subresources: readonly string[]
  /** A question, answered and not kept: only `create`. */
  readonly virtual: boolean
  /** What `metadata.generation` counts changes of; null: it has none. */
  readonly generation: 'spec' | null
}
type More = Partial<Pick<Kind, 'short' | 'categories' | 'subresources' | 'virtual' | 'generation'>> & { readonly cluster?: true; readonly plural?: string }

function kind(groupVersion: string, name: string, { cluster, plural, ...more }: More = {}): Kind {
  const [group = '', version = ''] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion]
  const singular = name.toLowerCase()
  return { group, version, kind: name, singular, plural: plural ?? `${singular}s`, namespaced: cluster !== true, short: [], categories: [], subresources: [], virtual: false, generation: null, ...more }
}

export const kinds: readonly Kind[] = [
  kind('v1', 'Namespace', { cluster: true, short: ['ns'], subresources: ['status', 'finalize'] }),
  kind('v1', 'Node', { cluster: true, short: ['no'], subresources: ['status', 'proxy'] }),
  kind('v1', 'Pod', { short: ['po'], categories: ['all'], subresources: ['status', 'log', 'exec', 'attach', 'portforward', 'proxy', 'eviction', 'ephemeralcontainers'], generation: null }),
  kind('v1', 'Service', { short: ['svc'], categories: ['all'], subresources: ['status', 'proxy'] }),
  kind('v1', 'Endpoints', { short: ['ep'], plural: 'endpoints' }),
  kind('v1', 'ConfigMap', { short: ['cm'] }),
  kind('v1', 'Secret'),
  kind('v1', 'ServiceAccount', { short: ['sa'], subresources: ['token'] }),
  kind('v1', 'Event', { short: ['ev'] }),
  kind('v1', 'PersistentVolumeClaim', { short: ['pvc'], subresources: ['status'] }),
  kind('v1', 'ResourceQuota', { short: ['quota'] }),
  kind('v1', 'LimitRange', { short: ['limits'] }),
  kind('apps/v1', 'Deployment', { short: ['deploy'], categories: ['all'], subresources: ['status', 'scale'], generation: 'spec' }),
  kind('apps/v1', 'ReplicaSet', { short: ['rs'], categories: ['all'], subresources: ['status', 'scale'], generation: 'spec' }),
  kind('apps/v1', 'StatefulSet', { short: ['sts'], categories: ['all'], subresources: ['status', 'scale'], generation: 'spec' }),
  kind('apps/v1', 'DaemonSet', { short: ['ds'], categories: ['all'], subresources: ['status'], generation: 'spec' }),
  kind('apps/v1', 'ControllerRevision'),
  kind('batch/v1', 'Job', { categories: ['all'], subresources: ['status'], generation: 'spec' }),
  kind('batch/v1', 'CronJob', { short: ['cj'], categories: ['all'], subresources: ['status'], generation: 'spec' }),
  kind('networking.k8s.io/v1', 'Ingress', { short: ['ing'], plural: 'ingresses', subresources: ['status'], generation: 'spec' }),
  kind('networking.k8s.io/v1', 'NetworkPolicy', { short: ['netpol'], plural: 'networkpolicies', generation: 'spec' }),
  kind('discovery.k8s.io/v1', 'EndpointSlice'),
  kind('coordination.k8s.io/v1', 'Lease'),
  kind('rbac.authorization.k8s.io/v1', 'Role'),
  kind('rbac.authorization.k8s.io/v1', 'RoleBinding'),
  kind('rbac.authorization.k8s.io/v1', 'ClusterRole', { cluster: true }),
  kind('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', { cluster: true }),
  kind('authorization.k8s.io/v1', 'SelfSubjectAccessReview', { cluster: true, virtual: true }),
  kind('authorization.k8s.io/v1', 'SelfSubjectRulesReview', { cluster: true, virtual: true }),
  kind('authentication.k8s.io/v1', 'SelfSubjectReview', { cluster: true, virtual: true }),
  kind('acme.io/v1', 'Widget', { short: ['wd'], subresources: ['status', 'scale'], generation: 'spec' }),
]

export const apiVersionOf = ({ group, version }: Pick<Kind, 'group' | 'version'>) => group === '' ? version : `${group}/${version}`
export const findKind = (group: string, version: string, plural: string): Kind | null => kinds.find((kind) => kind.group === group && kind.version === version && kind.plural === plural) ?? null
export const kindNamed = (name: string): Kind => {
  const found = kinds.find(({ kind }) => kind === name)
  if (!found) throw new TypeError(`no kind \`${name}\``)
  return found
}
export const storedVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const
export const verbsOf = (kind: Kind): readonly string[] => kind.virtual ? ['create'] : storedVerbs
/** What discovery says of a subresource: its kind, whose group and version that is, and its verbs. */
export function subresourceOf(kind: Kind, name: string): { readonly group: string; readonly version: string; readonly kind: string; readonly verbs: readonly string[] } {
  const own = { group: kind.group, version: kind.version, kind: kind.kind }
  switch (name) {
    case 'scale': return { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] }
    case 'eviction': return { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] }
    case 'token': return { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] }
    case 'log': return { ...own, verbs: ['get'] }
    case 'exec': case 'attach': return { ...own, kind: `Pod${name === 'exec' ? 'Exec' : 'Attach'}Options`, verbs: ['create', 'get'] }
    case 'portforward': return { ...own, kind: 'PodPortForwardOptions', verbs: ['create', 'get'] }
    case 'proxy': return { ...own, kind: `${kind.kind}ProxyOptions`, verbs: ['create', 'delete', 'get', 'patch', 'update'] }
    case 'finalize': return { ...own, verbs: ['update'] }
    case 'ephemeralcontainers': case 'status': return { ...own, verbs: ['get', 'patch', 'update'] }
    default: throw new TypeError(`no subresource \`${name}\``)
  }
}
