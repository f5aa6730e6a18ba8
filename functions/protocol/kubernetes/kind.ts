import type { Attributes } from './plan.ts'

/** Resources of Kubernetes itself: `resource Kind` by group; `!` those in no namespace. */
const table: Readonly<Record<string, string>> = {
  '': 'pods Pod,services Service,configmaps ConfigMap,secrets Secret,serviceaccounts ServiceAccount,namespaces Namespace!,nodes Node!,persistentvolumes PersistentVolume!,persistentvolumeclaims PersistentVolumeClaim,events Event,endpoints Endpoints,limitranges LimitRange,resourcequotas ResourceQuota,replicationcontrollers ReplicationController,podtemplates PodTemplate,bindings Binding,componentstatuses ComponentStatus!',
  apps: 'deployments Deployment,daemonsets DaemonSet,statefulsets StatefulSet,replicasets ReplicaSet,controllerrevisions ControllerRevision',
  batch: 'jobs Job,cronjobs CronJob', autoscaling: 'horizontalpodautoscalers HorizontalPodAutoscaler', policy: 'poddisruptionbudgets PodDisruptionBudget',
  'networking.k8s.io': 'ingresses Ingress,networkpolicies NetworkPolicy,ingressclasses IngressClass!,ipaddresses IPAddress!,servicecidrs ServiceCIDR!',
  'rbac.authorization.k8s.io': 'roles Role,rolebindings RoleBinding,clusterroles ClusterRole!,clusterrolebindings ClusterRoleBinding!',
  'storage.k8s.io': 'storageclasses StorageClass!,volumeattachments VolumeAttachment!,csidrivers CSIDriver!,csinodes CSINode!,csistoragecapacities CSIStorageCapacity,volumeattributesclasses VolumeAttributesClass!',
  'scheduling.k8s.io': 'priorityclasses PriorityClass!', 'coordination.k8s.io': 'leases Lease', 'discovery.k8s.io': 'endpointslices EndpointSlice', 'events.k8s.io': 'events Event', 'node.k8s.io': 'runtimeclasses RuntimeClass!',
  'admissionregistration.k8s.io': 'validatingwebhookconfigurations ValidatingWebhookConfiguration!,mutatingwebhookconfigurations MutatingWebhookConfiguration!,validatingadmissionpolicies ValidatingAdmissionPolicy!,validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding!,mutatingadmissionpolicies MutatingAdmissionPolicy!,mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding!',
  'apiextensions.k8s.io': 'customresourcedefinitions CustomResourceDefinition!', 'apiregistration.k8s.io': 'apiservices APIService!', 'certificates.k8s.io': 'certificatesigningrequests CertificateSigningRequest!,clustertrustbundles ClusterTrustBundle!',
  'flowcontrol.apiserver.k8s.io': 'flowschemas FlowSchema!,prioritylevelconfigurations PriorityLevelConfiguration!',
  'authentication.k8s.io': 'tokenreviews TokenReview!,selfsubjectreviews SelfSubjectReview!',
  'authorization.k8s.io': 'selfsubjectaccessreviews SelfSubjectAccessReview!,selfsubjectrulesreviews SelfSubjectRulesReview!,subjectaccessreviews SubjectAccessReview!,localsubjectaccessreviews LocalSubjectAccessReview',
}
const known = new Map<string, { readonly kind: string; readonly clusterScoped: boolean }>()
for (const [group, resources] of Object.entries(table)) {
  for (const entry of resources.split(',')) {
    const [resource = '', kind = ''] = entry.split(' ')
    known.set(named(group, resource, null), { kind: kind.replace('!', ''), clusterScoped: kind.endsWith('!') })
  }
}

/** `pods`, `pods/log`, `apps/deployments`, `apps/deployments/scale`: as rules name it. */
export function named(group: string, resource: string, subresource: string | null): string {
  return `${group === '' ? '' : `${group}/`}${resource}${subresource === null ? '' : `/${subresource}`}`
}
export const resourceOf = ({ isResource, path, group, resource, subresource }: Attributes): string => (isResource ? named(group, resource, subresource) : path)

/** undefined: a resource that is not Kubernetes' own. */
export const kindOf = (group: string, resource: string): { readonly kind: string; readonly clusterScoped: boolean } | undefined => known.get(named(group, resource, null))

/** Whether a write changes the status too: one of the status itself, and one of a kind that is not Kubernetes' own, whose definition may keep no status apart. */
export const writesStatus = ({ group, resource, subresource }: Attributes): boolean => subresource === 'status' || subresource === 'approval' || (subresource === null && kindOf(group, resource) === undefined)

/** What a body must say it is: `apiVersion` and `kind`, several where several are served; null: any, for the resource or subresource is not Kubernetes' own. */
export function bodyKinds({ group, version, resource, subresource }: Attributes): readonly { readonly apiVersion: string; readonly kind: string | null }[] | null {
  const own = group === '' ? version : `${group}/${version}`
  switch (subresource) {
    case null: case 'status': case 'ephemeralcontainers': case 'resize': case 'approval': case 'finalize': return [{ apiVersion: own, kind: kindOf(group, resource)?.kind ?? null }]
    case 'scale': return [{ apiVersion: 'autoscaling/v1', kind: 'Scale' }]
    case 'eviction': return [{ apiVersion: 'policy/v1', kind: 'Eviction' }, { apiVersion: 'policy/v1beta1', kind: 'Eviction' }]
    case 'binding': return [{ apiVersion: 'v1', kind: 'Binding' }]
    case 'token': return [{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' }]
  }
  return null
}

const wholeGroups: ReadonlySet<string> = new Set(['rbac.authorization.k8s.io', 'admissionregistration.k8s.io', 'apiregistration.k8s.io', 'apiextensions.k8s.io'])
const single: ReadonlySet<string> = new Set(['pods/exec', 'pods/attach', 'pods/portforward', 'pods/proxy', 'pods/ephemeralcontainers', 'services/proxy', 'serviceaccounts/token', 'authentication.k8s.io/tokenreviews'])
/** What reaches beyond the object it names: a rule allows it by its own name only, `*` never. */
export function isSystem(group: string, resource: string, subresource: string | null): boolean {
  if (wholeGroups.has(group) || subresource === 'proxy') return true
  if (group === '' && resource === 'nodes' && subresource !== null) return true
  if (group === 'certificates.k8s.io' && subresource !== null) return true
  return single.has(named(group, resource, subresource))
}
