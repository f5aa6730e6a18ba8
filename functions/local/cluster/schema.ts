import { kinds } from './kinds.ts'

/**
 * The shapes behind `explain`, client-side validation and strict decoding: one line a type, `field type`. `*` after a field: required. Types: `string`, `int`, `bool`,
 * `time`, `any` (nothing is said of what is inside), `map` (of strings), `bytes` (map of base64), `intOrString`, another type's name, `[]T`, `[]T:key` for a list merged by that key.
 */
const lines: Readonly<Record<string, string>> = {
  ObjectMeta: 'name string, generateName string, namespace string, labels map, annotations map, uid string, resourceVersion string, generation int, creationTimestamp time, deletionTimestamp time, deletionGracePeriodSeconds int, finalizers []string, ownerReferences []OwnerReference:uid, managedFields []any, selfLink string',
  OwnerReference: 'apiVersion* string, kind* string, name* string, uid* string, controller bool, blockOwnerDeletion bool',
  LabelSelector: 'matchLabels map, matchExpressions []any',
  LocalObjectReference: 'name string',
  ObjectReference: 'kind string, namespace string, name string, uid string, apiVersion string, resourceVersion string, fieldPath string',
  Namespace: 'metadata ObjectMeta, spec NamespaceSpec, status any',
  NamespaceSpec: 'finalizers []string',
  Node: 'metadata ObjectMeta, spec NodeSpec, status any',
  NodeSpec: 'podCIDR string, podCIDRs []string, providerID string, unschedulable bool, taints []any',
  Pod: 'metadata ObjectMeta, spec PodSpec, status any',
  PodTemplateSpec: 'metadata ObjectMeta, spec PodSpec',
  PodSpec: 'containers* []Container:name, initContainers []Container:name, ephemeralContainers []EphemeralContainer:name, volumes []Volume:name, restartPolicy string, terminationGracePeriodSeconds int, activeDeadlineSeconds int, dnsPolicy string, nodeSelector map, serviceAccountName string, serviceAccount string, automountServiceAccountToken bool, nodeName string, hostNetwork bool, hostPID bool, hostIPC bool, shareProcessNamespace bool, securityContext any, imagePullSecrets []LocalObjectReference:name, hostname string, subdomain string, affinity any, schedulerName string, tolerations []any, hostAliases []any, priorityClassName string, priority int, dnsConfig any, readinessGates []any, runtimeClassName string, enableServiceLinks bool, preemptionPolicy string, overhead any, topologySpreadConstraints []any, setHostnameAsFQDN bool, os any, hostUsers bool, schedulingGates []any, resourceClaims []any',
  Container: 'name* string, image string, command []string, args []string, workingDir string, ports []ContainerPort:containerPort, envFrom []any, env []EnvVar:name, resources any, resizePolicy []any, restartPolicy string, volumeMounts []VolumeMount:mountPath, volumeDevices []any, livenessProbe any, readinessProbe any, startupProbe any, lifecycle any, terminationMessagePath string, terminationMessagePolicy string, imagePullPolicy string, securityContext any, stdin bool, stdinOnce bool, tty bool',
  EphemeralContainer: 'name* string, image string, command []string, args []string, workingDir string, envFrom []any, env []EnvVar:name, resources any, volumeMounts []VolumeMount:mountPath, terminationMessagePath string, terminationMessagePolicy string, imagePullPolicy string, securityContext any, stdin bool, stdinOnce bool, tty bool, targetContainerName string',
  ContainerPort: 'containerPort* int, hostIP string, hostPort int, name string, protocol string',
  EnvVar: 'name* string, value string, valueFrom any',
  VolumeMount: 'name* string, mountPath* string, readOnly bool, recursiveReadOnly string, subPath string, subPathExpr string, mountPropagation string',
  Volume: 'name* string, configMap any, secret any, emptyDir any, hostPath any, persistentVolumeClaim any, projected any, downwardAPI any, nfs any, csi any, ephemeral any, image any',
  Service: 'metadata ObjectMeta, spec ServiceSpec, status any',
  ServiceSpec: 'ports []ServicePort:port, selector map, clusterIP string, clusterIPs []string, type string, externalIPs []string, sessionAffinity string, sessionAffinityConfig any, loadBalancerIP string, loadBalancerSourceRanges []string, loadBalancerClass string, externalName string, externalTrafficPolicy string, internalTrafficPolicy string, healthCheckNodePort int, publishNotReadyAddresses bool, ipFamilies []string, ipFamilyPolicy string, allocateLoadBalancerNodePorts bool, trafficDistribution string',
  ServicePort: 'name string, protocol string, appProtocol string, port* int, targetPort intOrString, nodePort int',
  Endpoints: 'metadata ObjectMeta, subsets []any',
  ConfigMap: 'metadata ObjectMeta, data map, binaryData bytes, immutable bool',
  Secret: 'metadata ObjectMeta, data bytes, stringData map, type string, immutable bool',
  ServiceAccount: 'metadata ObjectMeta, secrets []ObjectReference:name, imagePullSecrets []LocalObjectReference:name, automountServiceAccountToken bool',
  Event: 'metadata ObjectMeta, involvedObject ObjectReference, reason string, message string, source any, firstTimestamp time, lastTimestamp time, count int, type string, eventTime time, series any, action string, related any, reportingComponent string, reportingInstance string',
  PersistentVolumeClaim: 'metadata ObjectMeta, spec PersistentVolumeClaimSpec, status any',
  PersistentVolumeClaimSpec: 'accessModes []string, selector LabelSelector, resources any, volumeName string, storageClassName string, volumeMode string, dataSource any, dataSourceRef any, volumeAttributesClassName string',
  ResourceQuota: 'metadata ObjectMeta, spec any, status any',
  LimitRange: 'metadata ObjectMeta, spec any',
  Deployment: 'metadata ObjectMeta, spec DeploymentSpec, status any',
  DeploymentSpec: 'replicas int, selector* LabelSelector, template* PodTemplateSpec, strategy DeploymentStrategy, minReadySeconds int, revisionHistoryLimit int, paused bool, progressDeadlineSeconds int',
  DeploymentStrategy: 'type string, rollingUpdate any',
  ReplicaSet: 'metadata ObjectMeta, spec ReplicaSetSpec, status any',
  ReplicaSetSpec: 'replicas int, minReadySeconds int, selector* LabelSelector, template PodTemplateSpec',
  StatefulSet: 'metadata ObjectMeta, spec StatefulSetSpec, status any',
  StatefulSetSpec: 'replicas int, selector* LabelSelector, template* PodTemplateSpec, volumeClaimTemplates []any, serviceName string, podManagementPolicy string, updateStrategy any, revisionHistoryLimit int, minReadySeconds int, persistentVolumeClaimRetentionPolicy any, ordinals any',
  DaemonSet: 'metadata ObjectMeta, spec DaemonSetSpec, status any',
  DaemonSetSpec: 'selector* LabelSelector, template* PodTemplateSpec, updateStrategy any, minReadySeconds int, revisionHistoryLimit int',
  ControllerRevision: 'metadata ObjectMeta, data any, revision int',
  Job: 'metadata ObjectMeta, spec JobSpec, status any',
  JobSpec: 'parallelism int, completions int, activeDeadlineSeconds int, backoffLimit int, selector LabelSelector, manualSelector bool, template* PodTemplateSpec, ttlSecondsAfterFinished int, completionMode string, suspend bool, podFailurePolicy any, podReplacementPolicy string, backoffLimitPerIndex int, maxFailedIndexes int, successPolicy any, managedBy string',
  CronJob: 'metadata ObjectMeta, spec CronJobSpec, status any',
  CronJobSpec: 'schedule* string, timeZone string, startingDeadlineSeconds int, concurrencyPolicy string, suspend bool, jobTemplate* JobTemplateSpec, successfulJobsHistoryLimit int, failedJobsHistoryLimit int',
  JobTemplateSpec: 'metadata ObjectMeta, spec JobSpec',
  Ingress: 'metadata ObjectMeta, spec IngressSpec, status any',
  IngressSpec: 'ingressClassName string, defaultBackend any, tls []any, rules []any',
  NetworkPolicy: 'metadata ObjectMeta, spec any',
  EndpointSlice: 'metadata ObjectMeta, addressType string, endpoints []any, ports []any',
  Lease: 'metadata ObjectMeta, spec any',
  Role: 'metadata ObjectMeta, rules []PolicyRule',
  ClusterRole: 'metadata ObjectMeta, rules []PolicyRule, aggregationRule any',
  PolicyRule: 'verbs* []string, apiGroups []string, resources []string, resourceNames []string, nonResourceURLs []string',
  RoleBinding: 'metadata ObjectMeta, subjects []Subject, roleRef* RoleRef',
  ClusterRoleBinding: 'metadata ObjectMeta, subjects []Subject, roleRef* RoleRef',
  Subject: 'kind* string, apiGroup string, name* string, namespace string',
  RoleRef: 'apiGroup* string, kind* string, name* string',
  SelfSubjectAccessReview: 'metadata ObjectMeta, spec any, status any',
  SelfSubjectRulesReview: 'metadata ObjectMeta, spec any, status any',
  SelfSubjectReview: 'metadata ObjectMeta, status any',
  Widget: 'metadata ObjectMeta, spec WidgetSpec, status any',
  WidgetSpec: 'size int, color string, replicas int, parts []any',
}

export interface Field { readonly name: string; readonly required: boolean; /** Without `[]` and key. */ readonly type: string; readonly list: boolean; readonly key: string | null }
/** Type → its fields, `apiVersion` and `kind` of the kinds included. */
export const types: ReadonlyMap<string, readonly Field[]> = new Map(Object.entries(lines).map(([type, line]) => [type, [
  ...kinds.some(({ kind }) => kind === type) ? ['apiVersion string', 'kind string'] : [], ...line.split(', '),
].map((one) => {
  const [name = '', spelled = ''] = one.split(' ')
  const [, list, inner = '', key = null] = /^(\[\])?([A-Za-z]+)(?::(.+))?$/.exec(spelled) ?? []
  return { name: name.replace('*', ''), required: name.endsWith('*'), type: inner, list: list !== undefined, key: key ?? null }
})]))

/** Paths of fields that the type does not have, as strict decoding names them; empty where all are known. */
export function unknownFields(type: string, value: unknown, path = ''): readonly string[] {
  const known = types.get(type)
  if (known === undefined || typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    const field = known.find((one) => one.name === name)
    const here = path === '' ? name : `${path}.${name}`
    if (!field) return [here]
    if (field.list && Array.isArray(inner)) return inner.flatMap((element, index) => unknownFields(field.type, element, `${here}[${index}]`))
    return unknownFields(field.type, inner, here)
  })
}
