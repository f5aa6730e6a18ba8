/**
 * Field numbers of the API types that clients send as protobuf, after generated.proto and the struct tags of k8s.io/api and k8s.io/apimachinery (Kubernetes authors, Apache-2.0).
 * One message a line, `JSON name=number:type`: `s` string, `b` bytes, `i` integer, `o` bool, `d` double, `-` left out (a status, which no write of the object itself sets); `*` repeated,
 * `{` a map with string keys; the name `^` is a message whose members stand in the one around it.
 */
const table = `
ConfigMap: metadata=1:ObjectMeta immutable=4:o data=2:{s binaryData=3:{b
ObjectMeta: name=1:s generateName=2:s namespace=3:s selfLink=4:s uid=5:s resourceVersion=6:s generation=7:i creationTimestamp=8:Time deletionTimestamp=9:Time deletionGracePeriodSeconds=10:i labels=11:{s annotations=12:{s ownerReferences=13:*OwnerReference finalizers=14:*s managedFields=17:*ManagedFieldsEntry
OwnerReference: apiVersion=5:s kind=1:s name=3:s uid=4:s controller=6:o blockOwnerDeletion=7:o
ManagedFieldsEntry: manager=1:s operation=2:s apiVersion=3:s time=4:Time fieldsType=6:s fieldsV1=7:Raw subresource=8:s
Secret: metadata=1:ObjectMeta immutable=5:o data=2:{b stringData=4:{s type=3:s
Namespace: metadata=1:ObjectMeta spec=2:NamespaceSpec status=3:-
NamespaceSpec: finalizers=1:*s
Service: metadata=1:ObjectMeta spec=2:ServiceSpec status=3:-
ServiceSpec: ports=1:*ServicePort selector=2:{s clusterIP=3:s clusterIPs=18:*s type=4:s externalIPs=5:*s sessionAffinity=7:s loadBalancerIP=8:s loadBalancerSourceRanges=9:*s externalName=10:s externalTrafficPolicy=11:s healthCheckNodePort=12:i publishNotReadyAddresses=13:o sessionAffinityConfig=14:SessionAffinityConfig ipFamilies=19:*s ipFamilyPolicy=17:s allocateLoadBalancerNodePorts=20:o loadBalancerClass=21:s internalTrafficPolicy=22:s trafficDistribution=23:s
ServicePort: name=1:s protocol=2:s appProtocol=6:s port=3:i targetPort=4:IntOrString nodePort=5:i
SessionAffinityConfig: clientIP=1:ClientIPConfig
ClientIPConfig: timeoutSeconds=1:i
ServiceAccount: metadata=1:ObjectMeta secrets=2:*ObjectReference imagePullSecrets=3:*LocalObjectReference automountServiceAccountToken=4:o
ObjectReference: kind=1:s namespace=2:s name=3:s uid=4:s apiVersion=5:s resourceVersion=6:s fieldPath=7:s
LocalObjectReference: name=1:s
Pod: metadata=1:ObjectMeta spec=2:PodSpec status=3:-
PodSpec: volumes=1:*Volume initContainers=20:*Container containers=2:*Container ephemeralContainers=34:*EphemeralContainer restartPolicy=3:s terminationGracePeriodSeconds=4:i activeDeadlineSeconds=5:i dnsPolicy=6:s nodeSelector=7:{s serviceAccountName=8:s serviceAccount=9:s automountServiceAccountToken=21:o nodeName=10:s hostNetwork=11:o hostPID=12:o hostIPC=13:o shareProcessNamespace=27:o securityContext=14:PodSecurityContext imagePullSecrets=15:*LocalObjectReference hostname=16:s subdomain=17:s affinity=18:Affinity schedulerName=19:s tolerations=22:*Toleration hostAliases=23:*HostAlias priorityClassName=24:s priority=25:i dnsConfig=26:PodDNSConfig readinessGates=28:*PodReadinessGate runtimeClassName=29:s enableServiceLinks=30:o preemptionPolicy=31:s overhead=32:{Quantity topologySpreadConstraints=33:*TopologySpreadConstraint setHostnameAsFQDN=35:o os=36:PodOS hostUsers=37:o schedulingGates=38:*PodSchedulingGate resourceClaims=39:*PodResourceClaim resources=40:ResourceRequirements hostnameOverride=41:s schedulingGroup=43:PodSchedulingGroup evictionResponders=44:*EvictionResponder
Volume: name=1:s ^=2:VolumeSource
VolumeSource: hostPath=1:HostPathVolumeSource emptyDir=2:EmptyDirVolumeSource gcePersistentDisk=3:GCEPersistentDiskVolumeSource awsElasticBlockStore=4:AWSElasticBlockStoreVolumeSource gitRepo=5:GitRepoVolumeSource secret=6:SecretVolumeSource nfs=7:NFSVolumeSource iscsi=8:ISCSIVolumeSource glusterfs=9:GlusterfsVolumeSource persistentVolumeClaim=10:PersistentVolumeClaimVolumeSource rbd=11:RBDVolumeSource flexVolume=12:FlexVolumeSource cinder=13:CinderVolumeSource cephfs=14:CephFSVolumeSource flocker=15:FlockerVolumeSource downwardAPI=16:DownwardAPIVolumeSource fc=17:FCVolumeSource azureFile=18:AzureFileVolumeSource configMap=19:ConfigMapVolumeSource vsphereVolume=20:VsphereVirtualDiskVolumeSource quobyte=21:QuobyteVolumeSource azureDisk=22:AzureDiskVolumeSource photonPersistentDisk=23:PhotonPersistentDiskVolumeSource projected=26:ProjectedVolumeSource portworxVolume=24:PortworxVolumeSource scaleIO=25:ScaleIOVolumeSource storageos=27:StorageOSVolumeSource csi=28:CSIVolumeSource ephemeral=29:EphemeralVolumeSource image=30:ImageVolumeSource
HostPathVolumeSource: path=1:s type=2:s
EmptyDirVolumeSource: medium=1:s sizeLimit=2:Quantity mode=3:i
GCEPersistentDiskVolumeSource: pdName=1:s fsType=2:s partition=3:i readOnly=4:o
AWSElasticBlockStoreVolumeSource: volumeID=1:s fsType=2:s partition=3:i readOnly=4:o
GitRepoVolumeSource: repository=1:s revision=2:s directory=3:s
SecretVolumeSource: secretName=1:s items=2:*KeyToPath defaultMode=3:i optional=4:o defaultUser=5:i
KeyToPath: key=1:s path=2:s mode=3:i user=4:i
NFSVolumeSource: server=1:s path=2:s readOnly=3:o
ISCSIVolumeSource: targetPortal=1:s iqn=2:s lun=3:i iscsiInterface=4:s fsType=5:s readOnly=6:o portals=7:*s chapAuthDiscovery=8:o chapAuthSession=11:o secretRef=10:LocalObjectReference initiatorName=12:s
GlusterfsVolumeSource: endpoints=1:s path=2:s readOnly=3:o
PersistentVolumeClaimVolumeSource: claimName=1:s readOnly=2:o
RBDVolumeSource: monitors=1:*s image=2:s fsType=3:s pool=4:s user=5:s keyring=6:s secretRef=7:LocalObjectReference readOnly=8:o
FlexVolumeSource: driver=1:s fsType=2:s secretRef=3:LocalObjectReference readOnly=4:o options=5:{s
CinderVolumeSource: volumeID=1:s fsType=2:s readOnly=3:o secretRef=4:LocalObjectReference
CephFSVolumeSource: monitors=1:*s path=2:s user=3:s secretFile=4:s secretRef=5:LocalObjectReference readOnly=6:o
FlockerVolumeSource: datasetName=1:s datasetUUID=2:s
DownwardAPIVolumeSource: items=1:*DownwardAPIVolumeFile defaultMode=2:i defaultUser=3:i
DownwardAPIVolumeFile: path=1:s fieldRef=2:ObjectFieldSelector resourceFieldRef=3:ResourceFieldSelector mode=4:i user=5:i
ObjectFieldSelector: apiVersion=1:s fieldPath=2:s
ResourceFieldSelector: containerName=1:s resource=2:s divisor=3:Quantity
FCVolumeSource: targetWWNs=1:*s lun=2:i fsType=3:s readOnly=4:o wwids=5:*s
AzureFileVolumeSource: secretName=1:s shareName=2:s readOnly=3:o
ConfigMapVolumeSource: ^=1:LocalObjectReference items=2:*KeyToPath defaultMode=3:i optional=4:o defaultUser=5:i
VsphereVirtualDiskVolumeSource: volumePath=1:s fsType=2:s storagePolicyName=3:s storagePolicyID=4:s
QuobyteVolumeSource: registry=1:s volume=2:s readOnly=3:o user=4:s group=5:s tenant=6:s
AzureDiskVolumeSource: diskName=1:s diskURI=2:s cachingMode=3:s fsType=4:s readOnly=5:o kind=6:s
PhotonPersistentDiskVolumeSource: pdID=1:s fsType=2:s
ProjectedVolumeSource: sources=1:*VolumeProjection defaultMode=2:i defaultUser=3:i
VolumeProjection: secret=1:SecretProjection downwardAPI=2:DownwardAPIProjection configMap=3:ConfigMapProjection serviceAccountToken=4:ServiceAccountTokenProjection clusterTrustBundle=5:ClusterTrustBundleProjection podCertificate=6:PodCertificateProjection
SecretProjection: ^=1:LocalObjectReference items=2:*KeyToPath optional=4:o
DownwardAPIProjection: items=1:*DownwardAPIVolumeFile
ConfigMapProjection: ^=1:LocalObjectReference items=2:*KeyToPath optional=4:o
ServiceAccountTokenProjection: audience=1:s expirationSeconds=2:i path=3:s user=4:i
ClusterTrustBundleProjection: name=1:s signerName=2:s labelSelector=3:LabelSelector optional=5:o path=4:s user=6:i
LabelSelector: matchLabels=1:{s matchExpressions=2:*LabelSelectorRequirement
LabelSelectorRequirement: key=1:s operator=2:s values=3:*s
PodCertificateProjection: signerName=1:s keyType=2:s maxExpirationSeconds=3:i credentialBundlePath=4:s keyPath=5:s certificateChainPath=6:s userAnnotations=7:{s user=8:i
PortworxVolumeSource: volumeID=1:s fsType=2:s readOnly=3:o
ScaleIOVolumeSource: gateway=1:s system=2:s secretRef=3:LocalObjectReference sslEnabled=4:o protectionDomain=5:s storagePool=6:s storageMode=7:s volumeName=8:s fsType=9:s readOnly=10:o
StorageOSVolumeSource: volumeName=1:s volumeNamespace=2:s fsType=3:s readOnly=4:o secretRef=5:LocalObjectReference
CSIVolumeSource: driver=1:s readOnly=2:o fsType=3:s volumeAttributes=4:{s nodePublishSecretRef=5:LocalObjectReference
EphemeralVolumeSource: volumeClaimTemplate=1:PersistentVolumeClaimTemplate
PersistentVolumeClaimTemplate: metadata=1:ObjectMeta spec=2:PersistentVolumeClaimSpec
PersistentVolumeClaimSpec: accessModes=1:*s selector=4:LabelSelector resources=2:VolumeResourceRequirements volumeName=3:s storageClassName=5:s volumeMode=6:s dataSource=7:TypedLocalObjectReference dataSourceRef=8:TypedObjectReference volumeAttributesClassName=9:s
VolumeResourceRequirements: limits=1:{Quantity requests=2:{Quantity
TypedLocalObjectReference: apiGroup=1:s kind=2:s name=3:s
TypedObjectReference: apiGroup=1:s kind=2:s name=3:s namespace=4:s
ImageVolumeSource: reference=1:s pullPolicy=2:s
Container: name=1:s image=2:s command=3:*s args=4:*s workingDir=5:s ports=6:*ContainerPort envFrom=19:*EnvFromSource env=7:*EnvVar resources=8:ResourceRequirements resizePolicy=23:*ContainerResizePolicy restartPolicy=24:s restartPolicyRules=25:*ContainerRestartRule volumeMounts=9:*VolumeMount volumeDevices=21:*VolumeDevice livenessProbe=10:Probe readinessProbe=11:Probe startupProbe=22:Probe lifecycle=12:Lifecycle terminationMessagePath=13:s terminationMessagePolicy=20:s imagePullPolicy=14:s securityContext=15:SecurityContext stdin=16:o stdinOnce=17:o tty=18:o
ContainerPort: name=1:s hostPort=2:i containerPort=3:i protocol=4:s hostIP=5:s
EnvFromSource: prefix=1:s configMapRef=2:ConfigMapEnvSource secretRef=3:SecretEnvSource
ConfigMapEnvSource: ^=1:LocalObjectReference optional=2:o
SecretEnvSource: ^=1:LocalObjectReference optional=2:o
EnvVar: name=1:s value=2:s valueFrom=3:EnvVarSource
EnvVarSource: fieldRef=1:ObjectFieldSelector resourceFieldRef=2:ResourceFieldSelector configMapKeyRef=3:ConfigMapKeySelector secretKeyRef=4:SecretKeySelector fileKeyRef=5:FileKeySelector
ConfigMapKeySelector: ^=1:LocalObjectReference key=2:s optional=3:o
SecretKeySelector: ^=1:LocalObjectReference key=2:s optional=3:o
FileKeySelector: volumeName=1:s path=2:s key=3:s optional=4:o
ResourceRequirements: limits=1:{Quantity requests=2:{Quantity claims=3:*ResourceClaim
ResourceClaim: name=1:s request=2:s
ContainerResizePolicy: resourceName=1:s restartPolicy=2:s
ContainerRestartRule: action=1:s exitCodes=2:ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes: operator=1:s values=2:*i
VolumeMount: name=1:s readOnly=2:o recursiveReadOnly=7:s mountPath=3:s subPath=4:s mountPropagation=5:s subPathExpr=6:s bindMountOptions=8:*s
VolumeDevice: name=1:s devicePath=2:s
Probe: ^=1:ProbeHandler initialDelaySeconds=2:i timeoutSeconds=3:i periodSeconds=4:i successThreshold=5:i failureThreshold=6:i terminationGracePeriodSeconds=7:i
ProbeHandler: exec=1:ExecAction httpGet=2:HTTPGetAction tcpSocket=3:TCPSocketAction grpc=4:GRPCAction
ExecAction: command=1:*s
HTTPGetAction: path=1:s port=2:IntOrString host=3:s scheme=4:s httpHeaders=5:*HTTPHeader protocol=6:s
HTTPHeader: name=1:s value=2:s
TCPSocketAction: port=1:IntOrString host=2:s
GRPCAction: port=1:i service=2:s mode=3:s
Lifecycle: postStart=1:LifecycleHandler preStop=2:LifecycleHandler stopSignal=3:s
LifecycleHandler: exec=1:ExecAction httpGet=2:HTTPGetAction tcpSocket=3:TCPSocketAction sleep=4:SleepAction
SleepAction: seconds=1:i
SecurityContext: capabilities=1:Capabilities privileged=2:o seLinuxOptions=3:SELinuxOptions windowsOptions=10:WindowsSecurityContextOptions runAsUser=4:i runAsGroup=8:i runAsNonRoot=5:o readOnlyRootFilesystem=6:o allowPrivilegeEscalation=7:o procMount=9:s seccompProfile=11:SeccompProfile appArmorProfile=12:AppArmorProfile
Capabilities: add=1:*s drop=2:*s
SELinuxOptions: user=1:s role=2:s type=3:s level=4:s
WindowsSecurityContextOptions: gmsaCredentialSpecName=1:s gmsaCredentialSpec=2:s runAsUserName=3:s hostProcess=4:o
SeccompProfile: type=1:s localhostProfile=2:s
AppArmorProfile: type=1:s localhostProfile=2:s
EphemeralContainer: ^=1:EphemeralContainerCommon targetContainerName=2:s
EphemeralContainerCommon: name=1:s image=2:s command=3:*s args=4:*s workingDir=5:s ports=6:*ContainerPort envFrom=19:*EnvFromSource env=7:*EnvVar resources=8:ResourceRequirements resizePolicy=23:*ContainerResizePolicy restartPolicy=24:s restartPolicyRules=25:*ContainerRestartRule volumeMounts=9:*VolumeMount volumeDevices=21:*VolumeDevice livenessProbe=10:Probe readinessProbe=11:Probe startupProbe=22:Probe lifecycle=12:Lifecycle terminationMessagePath=13:s terminationMessagePolicy=20:s imagePullPolicy=14:s securityContext=15:SecurityContext stdin=16:o stdinOnce=17:o tty=18:o
PodSecurityContext: seLinuxOptions=1:SELinuxOptions windowsOptions=8:WindowsSecurityContextOptions runAsUser=2:i runAsGroup=6:i runAsNonRoot=3:o supplementalGroups=4:*i supplementalGroupsPolicy=12:s fsGroup=5:i sysctls=7:*Sysctl fsGroupChangePolicy=9:s seccompProfile=10:SeccompProfile appArmorProfile=11:AppArmorProfile seLinuxChangePolicy=13:s
Sysctl: name=1:s value=2:s
Affinity: nodeAffinity=1:NodeAffinity podAffinity=2:PodAffinity podAntiAffinity=3:PodAntiAffinity
NodeAffinity: requiredDuringSchedulingIgnoredDuringExecution=1:NodeSelector preferredDuringSchedulingIgnoredDuringExecution=2:*PreferredSchedulingTerm
NodeSelector: nodeSelectorTerms=1:*NodeSelectorTerm
NodeSelectorTerm: matchExpressions=1:*NodeSelectorRequirement matchFields=2:*NodeSelectorRequirement
NodeSelectorRequirement: key=1:s operator=2:s values=3:*s
PreferredSchedulingTerm: weight=1:i preference=2:NodeSelectorTerm
PodAffinity: requiredDuringSchedulingIgnoredDuringExecution=1:*PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution=2:*WeightedPodAffinityTerm
PodAffinityTerm: labelSelector=1:LabelSelector namespaces=2:*s topologyKey=3:s namespaceSelector=4:LabelSelector matchLabelKeys=5:*s mismatchLabelKeys=6:*s
WeightedPodAffinityTerm: weight=1:i podAffinityTerm=2:PodAffinityTerm
PodAntiAffinity: requiredDuringSchedulingIgnoredDuringExecution=1:*PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution=2:*WeightedPodAffinityTerm
Toleration: key=1:s operator=2:s value=3:s effect=4:s tolerationSeconds=5:i
HostAlias: ip=1:s hostnames=2:*s
PodDNSConfig: nameservers=1:*s searches=2:*s options=3:*PodDNSConfigOption
PodDNSConfigOption: name=1:s value=2:s
PodReadinessGate: conditionType=1:s
TopologySpreadConstraint: maxSkew=1:i topologyKey=2:s whenUnsatisfiable=3:s labelSelector=4:LabelSelector minDomains=5:i nodeAffinityPolicy=6:s nodeTaintsPolicy=7:s matchLabelKeys=8:*s
PodOS: name=1:s
PodSchedulingGate: name=1:s
PodResourceClaim: name=1:s resourceClaimName=3:s resourceClaimTemplateName=4:s
PodSchedulingGroup: podGroupName=1:s
EvictionResponder: name=1:s priority=2:i
PodTemplate: metadata=1:ObjectMeta template=2:PodTemplateSpec
PodTemplateSpec: metadata=1:ObjectMeta spec=2:PodSpec
ReplicationController: metadata=1:ObjectMeta spec=2:ReplicationControllerSpec status=3:-
ReplicationControllerSpec: replicas=1:i minReadySeconds=4:i selector=2:{s template=3:PodTemplateSpec
ResourceQuota: metadata=1:ObjectMeta spec=2:ResourceQuotaSpec status=3:-
ResourceQuotaSpec: hard=1:{Quantity scopes=2:*s scopeSelector=3:ScopeSelector
ScopeSelector: matchExpressions=1:*ScopedResourceSelectorRequirement
ScopedResourceSelectorRequirement: scopeName=1:s operator=2:s values=3:*s
LimitRange: metadata=1:ObjectMeta spec=2:LimitRangeSpec
LimitRangeSpec: limits=1:*LimitRangeItem
LimitRangeItem: type=1:s max=2:{Quantity min=3:{Quantity default=4:{Quantity defaultRequest=5:{Quantity maxLimitRequestRatio=6:{Quantity
PersistentVolumeClaim: metadata=1:ObjectMeta spec=2:PersistentVolumeClaimSpec status=3:-
Binding: metadata=1:ObjectMeta target=2:ObjectReference
Deployment: metadata=1:ObjectMeta spec=2:DeploymentSpec status=3:-
DeploymentSpec: replicas=1:i selector=2:LabelSelector template=3:PodTemplateSpec strategy=4:DeploymentStrategy minReadySeconds=5:i revisionHistoryLimit=6:i paused=7:o progressDeadlineSeconds=9:i
DeploymentStrategy: type=1:s rollingUpdate=2:RollingUpdateDeployment
RollingUpdateDeployment: maxUnavailable=1:IntOrString maxSurge=2:IntOrString
DaemonSet: metadata=1:ObjectMeta spec=2:DaemonSetSpec status=3:-
DaemonSetSpec: selector=1:LabelSelector template=2:PodTemplateSpec updateStrategy=3:DaemonSetUpdateStrategy minReadySeconds=4:i revisionHistoryLimit=6:i
DaemonSetUpdateStrategy: type=1:s rollingUpdate=2:RollingUpdateDaemonSet
RollingUpdateDaemonSet: maxUnavailable=1:IntOrString maxSurge=2:IntOrString
StatefulSet: metadata=1:ObjectMeta spec=2:StatefulSetSpec status=3:-
StatefulSetSpec: replicas=1:i selector=2:LabelSelector template=3:PodTemplateSpec volumeClaimTemplates=4:*PersistentVolumeClaim serviceName=5:s podManagementPolicy=6:s updateStrategy=7:StatefulSetUpdateStrategy revisionHistoryLimit=8:i minReadySeconds=9:i persistentVolumeClaimRetentionPolicy=10:StatefulSetPersistentVolumeClaimRetentionPolicy ordinals=11:StatefulSetOrdinals
StatefulSetUpdateStrategy: type=1:s rollingUpdate=2:RollingUpdateStatefulSetStrategy
RollingUpdateStatefulSetStrategy: partition=1:i maxUnavailable=2:IntOrString
StatefulSetPersistentVolumeClaimRetentionPolicy: whenDeleted=1:s whenScaled=2:s
StatefulSetOrdinals: start=1:i
ReplicaSet: metadata=1:ObjectMeta spec=2:ReplicaSetSpec status=3:-
ReplicaSetSpec: replicas=1:i minReadySeconds=4:i selector=2:LabelSelector template=3:PodTemplateSpec
Job: metadata=1:ObjectMeta spec=2:JobSpec status=3:-
JobSpec: parallelism=1:i completions=2:i activeDeadlineSeconds=3:i podFailurePolicy=11:PodFailurePolicy successPolicy=16:SuccessPolicy backoffLimit=7:i backoffLimitPerIndex=12:i maxFailedIndexes=13:i selector=4:LabelSelector manualSelector=5:o template=6:PodTemplateSpec ttlSecondsAfterFinished=8:i completionMode=9:s suspend=10:o podReplacementPolicy=14:s managedBy=15:s
PodFailurePolicy: rules=1:*PodFailurePolicyRule
PodFailurePolicyRule: action=1:s onExitCodes=2:PodFailurePolicyOnExitCodesRequirement onPodConditions=3:*PodFailurePolicyOnPodConditionsPattern
PodFailurePolicyOnExitCodesRequirement: containerName=1:s operator=2:s values=3:*i
PodFailurePolicyOnPodConditionsPattern: type=1:s status=2:-
SuccessPolicy: rules=1:*SuccessPolicyRule
SuccessPolicyRule: succeededIndexes=1:s succeededCount=2:i
CronJob: metadata=1:ObjectMeta spec=2:CronJobSpec status=3:-
CronJobSpec: schedule=1:s timeZone=8:s startingDeadlineSeconds=2:i concurrencyPolicy=3:s suspend=4:o jobTemplate=5:JobTemplateSpec successfulJobsHistoryLimit=6:i failedJobsHistoryLimit=7:i
JobTemplateSpec: metadata=1:ObjectMeta spec=2:JobSpec
Role: metadata=1:ObjectMeta rules=2:*PolicyRule
PolicyRule: verbs=1:*s apiGroups=2:*s resources=3:*s resourceNames=4:*s nonResourceURLs=5:*s
ClusterRole: metadata=1:ObjectMeta rules=2:*PolicyRule aggregationRule=3:AggregationRule
AggregationRule: clusterRoleSelectors=1:*LabelSelector
RoleBinding: metadata=1:ObjectMeta subjects=2:*Subject roleRef=3:RoleRef
Subject: kind=1:s apiGroup=2:s name=3:s namespace=4:s
RoleRef: apiGroup=1:s kind=2:s name=3:s
ClusterRoleBinding: metadata=1:ObjectMeta subjects=2:*Subject roleRef=3:RoleRef
PodDisruptionBudget: metadata=1:ObjectMeta spec=2:PodDisruptionBudgetSpec status=3:-
PodDisruptionBudgetSpec: minAvailable=1:IntOrString selector=2:LabelSelector maxUnavailable=3:IntOrString unhealthyPodEvictionPolicy=4:s
Eviction: metadata=1:ObjectMeta deleteOptions=2:DeleteOptions
DeleteOptions: gracePeriodSeconds=1:i preconditions=2:Preconditions orphanDependents=3:o propagationPolicy=4:s dryRun=5:*s ignoreStoreReadErrorWithClusterBreakingPotential=6:o
Preconditions: uid=1:s resourceVersion=2:s
Ingress: metadata=1:ObjectMeta spec=2:IngressSpec status=3:-
IngressSpec: ingressClassName=4:s defaultBackend=1:IngressBackend tls=2:*IngressTLS rules=3:*IngressRule
IngressBackend: service=4:IngressServiceBackend resource=3:TypedLocalObjectReference
IngressServiceBackend: name=1:s port=2:ServiceBackendPort
ServiceBackendPort: name=1:s number=2:i
IngressTLS: hosts=1:*s secretName=2:s
IngressRule: host=1:s ^=2:IngressRuleValue
IngressRuleValue: http=1:HTTPIngressRuleValue
HTTPIngressRuleValue: paths=1:*HTTPIngressPath
HTTPIngressPath: path=1:s pathType=3:s backend=2:IngressBackend
NetworkPolicy: metadata=1:ObjectMeta spec=2:NetworkPolicySpec
NetworkPolicySpec: podSelector=1:LabelSelector ingress=2:*NetworkPolicyIngressRule egress=3:*NetworkPolicyEgressRule policyTypes=4:*s
NetworkPolicyIngressRule: ports=1:*NetworkPolicyPort from=2:*NetworkPolicyPeer
NetworkPolicyPort: protocol=1:s port=2:IntOrString endPort=3:i
NetworkPolicyPeer: podSelector=1:LabelSelector namespaceSelector=2:LabelSelector ipBlock=3:IPBlock
IPBlock: cidr=1:s except=2:*s
NetworkPolicyEgressRule: ports=1:*NetworkPolicyPort to=2:*NetworkPolicyPeer
IngressClass: metadata=1:ObjectMeta spec=2:IngressClassSpec
IngressClassSpec: controller=1:s parameters=2:IngressClassParametersReference
IngressClassParametersReference: apiGroup=1:s kind=2:s name=3:s scope=4:s namespace=5:s
PriorityClass: metadata=1:ObjectMeta value=2:i globalDefault=3:o description=4:s preemptionPolicy=5:s
TokenRequest: metadata=1:ObjectMeta spec=2:TokenRequestSpec status=3:-
TokenRequestSpec: audiences=1:*s expirationSeconds=4:i boundObjectRef=3:BoundObjectReference attestations=5:{Strings
BoundObjectReference: kind=1:s apiVersion=2:s name=3:s uid=4:s
SelfSubjectReview: metadata=1:ObjectMeta status=2:-
TokenReview: metadata=1:ObjectMeta spec=2:TokenReviewSpec status=3:-
TokenReviewSpec: token=1:s audiences=2:*s
SelfSubjectAccessReview: metadata=1:ObjectMeta spec=2:SelfSubjectAccessReviewSpec status=3:-
SelfSubjectAccessReviewSpec: resourceAttributes=1:ResourceAttributes nonResourceAttributes=2:NonResourceAttributes
ResourceAttributes: namespace=1:s verb=2:s group=3:s version=4:s resource=5:s subresource=6:s name=7:s fieldSelector=8:FieldSelectorAttributes labelSelector=9:LabelSelectorAttributes
FieldSelectorAttributes: rawSelector=1:s requirements=2:*FieldSelectorRequirement
FieldSelectorRequirement: key=1:s operator=2:s values=3:*s
LabelSelectorAttributes: rawSelector=1:s requirements=2:*LabelSelectorRequirement
NonResourceAttributes: path=1:s verb=2:s
SelfSubjectRulesReview: metadata=1:ObjectMeta spec=2:SelfSubjectRulesReviewSpec status=3:-
SelfSubjectRulesReviewSpec: namespace=1:s
SubjectAccessReview: metadata=1:ObjectMeta spec=2:SubjectAccessReviewSpec status=3:-
SubjectAccessReviewSpec: resourceAttributes=1:ResourceAttributes nonResourceAttributes=2:NonResourceAttributes user=3:s groups=4:*s extra=5:{Strings uid=6:s
LocalSubjectAccessReview: metadata=1:ObjectMeta spec=2:SubjectAccessReviewSpec status=3:-
Scale: metadata=1:ObjectMeta spec=2:ScaleSpec status=3:-
ScaleSpec: replicas=1:i
HorizontalPodAutoscaler@autoscalingv1: metadata=1:ObjectMeta spec=2:HorizontalPodAutoscalerSpec@autoscalingv1 status=3:-
HorizontalPodAutoscalerSpec@autoscalingv1: scaleTargetRef=1:CrossVersionObjectReference@autoscalingv1 minReplicas=2:i maxReplicas=3:i targetCPUUtilizationPercentage=4:i
CrossVersionObjectReference@autoscalingv1: kind=1:s name=2:s apiVersion=3:s
HorizontalPodAutoscaler@autoscalingv2: metadata=1:ObjectMeta spec=2:HorizontalPodAutoscalerSpec@autoscalingv2 status=3:-
HorizontalPodAutoscalerSpec@autoscalingv2: scaleTargetRef=1:CrossVersionObjectReference@autoscalingv2 minReplicas=2:i maxReplicas=3:i metrics=4:*MetricSpec behavior=5:HorizontalPodAutoscalerBehavior
CrossVersionObjectReference@autoscalingv2: kind=1:s name=2:s apiVersion=3:s
MetricSpec: type=1:s object=2:ObjectMetricSource pods=3:PodsMetricSource resource=4:ResourceMetricSource containerResource=7:ContainerResourceMetricSource external=5:ExternalMetricSource
ObjectMetricSource: describedObject=1:CrossVersionObjectReference@autoscalingv2 target=2:MetricTarget metric=3:MetricIdentifier
MetricTarget: type=1:s value=2:Quantity averageValue=3:Quantity averageUtilization=4:i
MetricIdentifier: name=1:s selector=2:LabelSelector
PodsMetricSource: metric=1:MetricIdentifier target=2:MetricTarget
ResourceMetricSource: name=1:s target=2:MetricTarget
ContainerResourceMetricSource: name=1:s target=2:MetricTarget container=3:s
ExternalMetricSource: metric=1:MetricIdentifier target=2:MetricTarget
HorizontalPodAutoscalerBehavior: scaleUp=1:HPAScalingRules scaleDown=2:HPAScalingRules
HPAScalingRules: stabilizationWindowSeconds=3:i selectPolicy=1:s policies=2:*HPAScalingPolicy tolerance=4:Quantity
HPAScalingPolicy: type=1:s value=2:i periodSeconds=3:i
StorageClass: metadata=1:ObjectMeta provisioner=2:s parameters=3:{s reclaimPolicy=4:s mountOptions=5:*s allowVolumeExpansion=6:o volumeBindingMode=7:s allowedTopologies=8:*TopologySelectorTerm
TopologySelectorTerm: matchLabelExpressions=1:*TopologySelectorLabelRequirement
TopologySelectorLabelRequirement: key=1:s values=2:*s
Lease: metadata=1:ObjectMeta spec=2:LeaseSpec
LeaseSpec: holderIdentity=1:s leaseDurationSeconds=2:i acquireTime=3:Time6 renewTime=4:Time6 leaseTransitions=5:i strategy=6:s preferredHolder=7:s
`

/** `apiVersion` → kinds; `Kind=message` where two groups have one of the name. */
const roots = `
v1: ConfigMap Secret Namespace Service ServiceAccount Pod PodTemplate ReplicationController ResourceQuota LimitRange PersistentVolumeClaim Binding
apps/v1: Deployment DaemonSet StatefulSet ReplicaSet
batch/v1: Job CronJob
rbac.authorization.k8s.io/v1: Role ClusterRole RoleBinding ClusterRoleBinding
policy/v1: PodDisruptionBudget Eviction
networking.k8s.io/v1: Ingress NetworkPolicy IngressClass
scheduling.k8s.io/v1: PriorityClass
authentication.k8s.io/v1: TokenRequest SelfSubjectReview TokenReview
authentication.k8s.io/v1alpha1: SelfSubjectReview
authentication.k8s.io/v1beta1: SelfSubjectReview
authorization.k8s.io/v1: SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview LocalSubjectAccessReview
autoscaling/v1: Scale HorizontalPodAutoscaler=HorizontalPodAutoscaler@autoscalingv1
autoscaling/v2: HorizontalPodAutoscaler=HorizontalPodAutoscaler@autoscalingv2
meta.k8s.io/v1: DeleteOptions
storage.k8s.io/v1: StorageClass
coordination.k8s.io/v1: Lease
`

type Kind = 'one' | 'many' | 'map'
export interface Field { readonly name: string; readonly kind: Kind; readonly type: string }
export type Message = ReadonlyMap<number, Field>

const messages = new Map<string, Message>()
/** null: a message that is not in the table. Read when first asked for. */
export function messageOf(name: string): Message | null {
  if (messages.size === 0) for (const line of table.trim().split('\n')) messages.set(line.slice(0, line.indexOf(':')), fieldsIn(line.slice(line.indexOf(':') + 1).trim()))
  return messages.get(name) ?? null
}
function fieldsIn(text: string): Message {
  const fields = new Map<number, Field>()
  for (const part of text.split(' ')) {
    const [, name = '', number = '', mark = '', type = ''] = /^(\^|\w+)=(\d+):([*{]?)(.+)$/.exec(part) ?? []
    fields.set(Number(number), { name, kind: mark === '*' ? 'many' : mark === '{' ? 'map' : 'one', type })
  }
  return fields
}

/** The message of a kind; null: one that is not read as protobuf. Options of a delete are registered in every group. */
export function messageOfKind(apiVersion: string, kind: string): string | null {
  if (kind === 'DeleteOptions') return kind
  const line = roots.split('\n').find((one) => one.startsWith(`${apiVersion}: `))
  const found = line?.slice(apiVersion.length + 2).split(' ').find((one) => one === kind || one.startsWith(`${kind}=`))
  return found === undefined ? null : found.slice(found.indexOf('=') + 1)
}
