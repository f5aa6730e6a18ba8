import { capabilityNames, type Capability } from '../../../schema/policy.ts'
import type { Json } from '../json.ts'
import { membersOf, type Members } from './body.ts'

/**
 * What pod templates in an object may do, wherever they sit: not by the kind's schema but by the names of the members that give it, at any depth, so that a kind nobody here
 * heard of is read as well. After the baseline of the Pod Security Standards, and Secrets and service accounts beside it. Too much is found rather than too little.
 */
export function needsOf(values: readonly Json[]): readonly Capability[] {
  const found = new Set<Capability>()
  for (const value of values) walk(value, found, 0)
  return capabilityNames.filter((name) => found.has(name))
}
export const everyNeed = capabilityNames

/** Kinds in which no pod is made, whatever their members are called. */
export const harmlessKinds: ReadonlySet<string> = new Set(['configmaps', 'secrets', 'services', 'serviceaccounts', 'namespaces', 'endpoints', 'events', 'limitranges', 'resourcequotas', 'persistentvolumeclaims', 'bindings',
  'autoscaling/horizontalpodautoscalers', 'policy/poddisruptionbudgets', 'networking.k8s.io/ingresses', 'networking.k8s.io/networkpolicies', 'networking.k8s.io/ingressclasses', 'rbac.authorization.k8s.io/roles', 'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/clusterroles', 'rbac.authorization.k8s.io/clusterrolebindings', 'storage.k8s.io/storageclasses', 'scheduling.k8s.io/priorityclasses', 'coordination.k8s.io/leases', 'discovery.k8s.io/endpointslices', 'events.k8s.io/events',
  'authentication.k8s.io/tokenreviews', 'authentication.k8s.io/selfsubjectreviews', 'authorization.k8s.io/selfsubjectaccessreviews', 'authorization.k8s.io/selfsubjectrulesreviews', 'authorization.k8s.io/subjectaccessreviews', 'authorization.k8s.io/localsubjectaccessreviews',
  'apiextensions.k8s.io/customresourcedefinitions', 'admissionregistration.k8s.io/validatingwebhookconfigurations', 'admissionregistration.k8s.io/mutatingwebhookconfigurations'])

const maxDepth = 100
function walk(value: Json, found: Set<Capability>, depth: number): void {
  if (depth > maxDepth) { for (const name of capabilityNames) found.add(name); return }    // nobody looks there, so anything may be there
  if (typeof value !== 'object' || value === null) return
  for (const [key, member] of Object.entries(value) as [string, Json][]) {
    const need = needOf(key, member)
    if (need) for (const one of need) found.add(one)
    if (key === 'volumes') for (const volume of childrenOf(member)) volumeNeeds(volume, found)
    walk(member, found, depth + 1)
  }
}

/** Anything but an explicit no. */
const set = (value: Json | undefined): boolean => value !== undefined && value !== null && value !== false
/** Elements of a list, also where a JSON patch made members of their positions. */
function childrenOf(value: Json | undefined): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[]
  const members = membersOf(value)
  return members ? [members, ...Object.values(members)] : []
}
const texts = (value: Json | undefined): readonly Json[] => (typeof value === 'object' && value !== null ? Object.values(value) as readonly Json[] : value === undefined || value === null ? [] : [value])

/** Linux capabilities a container has anyway, or may have by the baseline. */
const plainCapabilities: readonly Json[] = ['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT']
const plainSysctls: readonly Json[] = ['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_local_reserved_ports', 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes']
const plainSelinux: readonly Json[] = ['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']

const confinement = /^(?:container\.apparmor\.security\.beta\.kubernetes\.io\/|(?:container\.)?seccomp\.security\.alpha\.kubernetes\.io\/)/
/** `secretRef`, `secretName`, `nodePublishSecretRef`: of a PersistentVolume in whatever namespace it names. */
const mentionsSecret = (value: Json): boolean => typeof value === 'object' && JSON.stringify(value).includes('ecret')

function needOf(key: string, value: Json): readonly Capability[] | null {
  switch (key) {
    case 'privileged': case 'hostProcess': return set(value) ? ['privileged'] : null
    case 'procMount': return set(value) && value !== 'Default' ? ['privileged'] : null
    case 'capabilities': return texts(membersOf(value)?.add).some((one) => !plainCapabilities.includes(one)) ? ['privileged'] : null
    case 'seccompProfile': case 'appArmorProfile': return membersOf(value)?.type === 'Unconfined' ? ['privileged'] : null
    case 'seLinuxOptions': return unusualSelinux(membersOf(value)) ? ['privileged'] : null
    case 'sysctls': return childrenOf(value).some((one) => { const name = membersOf(one)?.name; return name !== undefined && !plainSysctls.includes(name) }) ? ['privileged'] : null
    case 'hostPID': case 'hostIPC': case 'hostNetwork': return set(value) ? ['host-namespace'] : null
    case 'hostPort': return set(value) && value !== 0 ? ['host-namespace'] : null
    case 'hostPath': return set(value) ? ['host-path'] : null
    case 'local': return set(membersOf(value)?.path) ? ['host-path'] : null                // a PersistentVolume of a directory of the node
    case 'flexVolume': return set(value) ? ['host-path', ...(mentionsSecret(value) ? ['secret-mount' as const] : [])] : null
    case 'cephfs': case 'rbd': case 'iscsi': case 'cinder': case 'scaleIO': case 'storageos': case 'azureFile': case 'csi': return mentionsSecret(value) ? ['secret-mount'] : null
    // The kubelet asks, from the node's network, whatever address stands there.
    case 'httpGet': case 'tcpSocket': return set(membersOf(value)?.host) && membersOf(value)?.host !== '' ? ['host-namespace'] : null
    case 'secretKeyRef': return set(value) ? ['secret-mount'] : null
    case 'envFrom': return childrenOf(value).some((one) => set(membersOf(one)?.secretRef)) ? ['secret-mount'] : null
    case 'serviceAccountName': case 'serviceAccount': return set(value) && value !== '' && value !== 'default' ? ['service-account'] : null
    case 'annotations': return Object.entries(membersOf(value) ?? {}).some(([name, one]) => confinement.test(name) && one === 'unconfined') ? ['privileged'] : null
  }
  return null
}
function unusualSelinux(options: Members | null): boolean {
  return options !== null && ((set(options.user) && options.user !== '') || (set(options.role) && options.role !== '') || (set(options.type) && !plainSelinux.includes(options.type ?? '')))
}

/** Volumes that hold nothing of the node's and no Secret. A kind that is not known may do anything. */
const plainVolumes: ReadonlySet<string> = new Set(['name', 'emptyDir', 'configMap', 'downwardAPI', 'persistentVolumeClaim', 'ephemeral', 'image', 'hostPath', 'secret', 'projected', 'csi',
  'nfs', 'iscsi', 'fc', 'gcePersistentDisk', 'awsElasticBlockStore', 'azureDisk', 'azureFile', 'cinder', 'cephfs', 'rbd', 'glusterfs', 'quobyte', 'scaleIO', 'storageos', 'portworxVolume', 'photonPersistentDisk', 'vsphereVolume', 'flocker', '$patch', '$retainKeys'])
function volumeNeeds(volume: Json, found: Set<Capability>): void {
  const members = membersOf(volume)
  if (!members) return
  for (const [key, value] of Object.entries(members)) {
    if (!set(value)) continue
    if (key === 'secret' || key === 'csi') found.add('secret-mount')           // the secrets store of the CSI too
    else if (key === 'projected') for (const source of childrenOf(membersOf(value)?.sources)) projectedNeeds(source, found)
    else if (!plainVolumes.has(key) && !/^\d+$|^-$/.test(key)) found.add('host-path')
    else if (mentionsSecret(value)) found.add('secret-mount')   // secretRef, secretName of a network volume
  }
}
function projectedNeeds(source: Json, found: Set<Capability>): void {
  const members = membersOf(source)
  if (set(members?.secret)) found.add('secret-mount')
  // The token that every pod gets of the account it runs as is no more than that; one for another audience is.
  const audience = membersOf(members?.serviceAccountToken)?.audience
  if (set(audience) && audience !== '') found.add('service-account')
}
