import { createHash } from 'node:crypto'
import { podSpec } from './admit.ts'
import { timeOf, type World } from './call.ts'
import { kindNamed, kinds } from './kinds.ts'
import { at, count, fields, list, same, text, withAt, type Fields, type Item } from './object.ts'
import { podSelector } from './selector.ts'
import { ownedBy, ownerOf } from './sub.ts'

/**
 * The controllers, as far as `rollout status` and `get pods` notice them: replicas become pods that run at once, jobs' pods succeed, what an owner
 * left behind goes. Each pass looks at one object as it is and does what is missing; every change brings it here again, until nothing is missing.
 */
export function reconcile(world: World): void {
  const { store } = world
  store.observe(({ kind, item, type }) => {
    if (type === 'DELETED') return collect(world, item, kind.kind)
    const now = store.get(kind, item.metadata.namespace ?? '', item.metadata.name)
    if (now) settle(world, now)
    const owner = ownerOf(item)
    const parent = owner['kind'] ? store.get(kindNamed(text(owner['kind'])), item.metadata.namespace ?? '', text(owner['name'])) : null
    if (parent) settle(world, parent)
  })
}

function settle(world: World, item: Item): void {
  switch (item.kind) {
    case 'Deployment': return deployment(world, item)
    case 'ReplicaSet': return replicas(world, item, count(at(item, 'spec', 'replicas')), () => `${item.metadata.name}-${world.random(5)}`)
    case 'StatefulSet': return replicas(world, item, count(at(item, 'spec', 'replicas')), (ordinal) => `${item.metadata.name}-${ordinal}`)
    case 'DaemonSet': return replicas(world, item, world.store.list(kindNamed('Node'), '').length, () => `${item.metadata.name}-${world.random(5)}`)
    case 'Job': return job(world, item)
    case 'Pod': case 'Service': return endpoints(world, item)
    case 'Namespace': return account(world, item)
    default:
  }
}

/** A pod that runs, of a template; `phase` Succeeded for those of jobs. */
export function podOf(world: World, owner: Item, name: string, phase: 'Running' | 'Succeeded'): Item {
  const template = at(owner, 'spec', 'template')
  const { namespace = '' } = owner.metadata
  const number = world.store.list(kindNamed('Pod'), '').length
  return podRunning(world, {
    apiVersion: 'v1', kind: 'Pod',
    metadata: { name, namespace, uid: '', resourceVersion: '', creationTimestamp: '', labels: fields(at(template, 'metadata', 'labels')) as Record<string, string>, ...(at(template, 'metadata', 'annotations') ? { annotations: fields(at(template, 'metadata', 'annotations')) as Record<string, string> } : {}), ownerReferences: [ownedBy(owner)] },
    spec: { serviceAccountName: 'default', serviceAccount: 'default', ...podSpec(at(template, 'spec')) },
  }, phase, number)
}
function podRunning(world: World, pod: Item, phase: 'Running' | 'Succeeded', number: number): Item {
  const time = timeOf(world)
  const state = phase === 'Running' ? { running: { startedAt: time } } : { terminated: { exitCode: 0, reason: 'Completed', startedAt: time, finishedAt: time } }
  const ip = `10.244.0.${number % 250 + 1}`
  return {
    ...pod, spec: { ...fields(pod['spec']), nodeName: text(at(pod, 'spec', 'nodeName')) || 'node-1' },
    status: {
      phase, hostIP: '10.0.0.1', podIP: ip, podIPs: [{ ip }], startTime: time, qosClass: 'BestEffort',
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({ type, status: phase === 'Running' || type === 'Initialized' || type === 'PodScheduled' ? 'True' : 'False', lastProbeTime: null, lastTransitionTime: time })),
      containerStatuses: list(at(pod, 'spec', 'containers')).map(fields).map((one) => ({ name: one['name'], image: one['image'], imageID: '', containerID: `demo://${text(one['name'])}`, ready: phase === 'Running', started: phase === 'Running', restartCount: 0, state, lastState: {} })),
    },
  }
}

function owned(world: World, owner: Item, kind: 'Pod' | 'ReplicaSet'): readonly Item[] {
  return world.store.list(kindNamed(kind), owner.metadata.namespace ?? '').filter((one) => ownerOf(one)['uid'] === owner.metadata.uid)
}
function status(world: World, item: Item, next: Fields): void {
  const kind = kindNamed(item.kind)
  const now = world.store.get(kind, item.metadata.namespace ?? '', item.metadata.name)
  if (now && !same(now['status'], next)) world.store.replace(kind, { ...now, status: next })
}
function replicas(world: World, item: Item, wanted: number, name: (ordinal: number) => string): void {
  const pods = kindNamed('Pod')
  const have = owned(world, item, 'Pod')
  for (const one of have.slice(wanted)) world.store.remove(pods, one.metadata.namespace ?? '', one.metadata.name)
  for (let ordinal = have.length; ordinal < wanted; ordinal++) world.store.add(pods, podOf(world, item, name(ordinal), 'Running'))
  const observed = { observedGeneration: item.metadata.generation }
  if (item.kind === 'DaemonSet') return status(world, item, { currentNumberScheduled: wanted, desiredNumberScheduled: wanted, numberAvailable: wanted, numberReady: wanted, updatedNumberScheduled: wanted, numberMisscheduled: 0, ...observed })
  const revision = item.kind === 'StatefulSet' ? { currentRevision: `${item.metadata.name}-1`, updateRevision: `${item.metadata.name}-1`, currentReplicas: wanted, updatedReplicas: wanted } : { fullyLabeledReplicas: wanted }
  status(world, item, { replicas: wanted, readyReplicas: wanted, availableReplicas: wanted, ...revision, ...observed })
}

const revisionKey = 'deployment.kubernetes.io/revision'
const hashKey = 'pod-template-hash'
function deployment(world: World, item: Item): void {
  if (at(item, 'spec', 'paused') === true) return
  const sets = kindNamed('ReplicaSet')
  const { namespace = '', name, uid } = item.metadata
  const wanted = count(at(item, 'spec', 'replicas'))
  const hash = createHash('sha256').update(JSON.stringify(at(item, 'spec', 'template'))).digest('hex').slice(0, 10)
  const all = owned(world, item, 'ReplicaSet')
  const newest = Math.max(0, ...all.map((one) => Number(one.metadata.annotations?.[revisionKey] ?? 0)))
  const current = all.find((one) => one.metadata.labels?.[hashKey] === hash)
  const revision = current && Number(current.metadata.annotations?.[revisionKey]) === newest ? newest : newest + 1
  const labels = { ...fields(at(item, 'spec', 'template', 'metadata', 'labels')), [hashKey]: hash } as Record<string, string>
  const annotations = { [revisionKey]: String(revision), ...(item.metadata.annotations?.['kubernetes.io/change-cause'] ? { 'kubernetes.io/change-cause': item.metadata.annotations['kubernetes.io/change-cause'] } : {}) }
  const set = { replicas: wanted, selector: { matchLabels: { ...fields(at(item, 'spec', 'selector', 'matchLabels')), [hashKey]: hash } }, template: withAt(fields(at(item, 'spec', 'template')), ['metadata', 'labels'], labels) }
  if (current) world.store.replace(sets, { ...current, spec: set, metadata: { ...current.metadata, annotations } })
  else world.store.add(sets, { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: `${name}-${hash}`, namespace, uid: '', resourceVersion: '', creationTimestamp: '', labels, annotations, ownerReferences: [ownedBy(item)] }, spec: set, status: {} })
  for (const old of all) if (old !== current && count(at(old, 'spec', 'replicas')) > 0) world.store.replace(sets, withAt(old, ['spec', 'replicas'], 0))
  const deployments = kindNamed('Deployment')
  const now = world.store.get(deployments, namespace, name)
  if (!now || now.metadata.uid !== uid) return
  const time = text(at(list(at(now, 'status', 'conditions'))[0], 'lastUpdateTime')) || timeOf(world)
  const condition = (type: string, reason: string, message: string) => ({ type, status: 'True', reason, message, lastUpdateTime: time, lastTransitionTime: time })
  const next = {
    observedGeneration: now.metadata.generation, replicas: wanted, updatedReplicas: wanted, readyReplicas: wanted, availableReplicas: wanted,
    conditions: [condition('Available', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'), condition('Progressing', 'NewReplicaSetAvailable', `ReplicaSet "${name}-${hash}" has successfully progressed.`)],
  }
  const marked = withAt(now, ['metadata', 'annotations', revisionKey], String(revision))
  if (!same(marked, { ...now, status: next }) || !same(now['status'], next)) world.store.replace(deployments, { ...marked, status: next })
}

function job(world: World, item: Item): void {
  if (at(item, 'spec', 'suspend') === true || count(at(item, 'status', 'succeeded')) > 0) return
  const wanted = count(at(item, 'spec', 'completions'), 1)
  const time = timeOf(world)
  for (let made = owned(world, item, 'Pod').length; made < wanted; made++) world.store.add(kindNamed('Pod'), podOf(world, item, `${item.metadata.name}-${world.random(5)}`, 'Succeeded'))
  status(world, item, { startTime: time, completionTime: time, succeeded: wanted, ready: 0, terminating: 0, conditions: [{ type: 'Complete', status: 'True', lastProbeTime: time, lastTransitionTime: time }] })
}

/** A bare pod starts running; services know the addresses of the pods they select. */
function endpoints(world: World, item: Item): void {
  const pods = kindNamed('Pod')
  if (item.kind === 'Pod' && at(item, 'status', 'phase') === 'Pending') { world.store.replace(pods, podRunning(world, item, 'Running', world.store.list(pods, '').length)); return }
  const { namespace = '' } = item.metadata
  for (const service of world.store.list(kindNamed('Service'), namespace)) {
    const selector = fields(at(service, 'spec', 'selector'))
    const matches = podSelector({ matchLabels: selector })
    const addresses = world.store.list(pods, namespace).filter((pod) => matches(pod) && at(pod, 'status', 'phase') === 'Running').map((pod) => ({ ip: at(pod, 'status', 'podIP'), targetRef: { kind: 'Pod', namespace, name: pod.metadata.name, uid: pod.metadata.uid } }))
    const ports = list(at(service, 'spec', 'ports')).map((port) => ({ ...(at(port, 'name') ? { name: at(port, 'name') } : {}), port: typeof at(port, 'targetPort') === 'number' ? at(port, 'targetPort') : at(port, 'port'), protocol: at(port, 'protocol') }))
    const subsets = addresses.length ? [{ addresses, ports }] : []
    const kind = kindNamed('Endpoints')
    const now = world.store.get(kind, namespace, service.metadata.name)
    if (now && !same(now['subsets'], subsets)) world.store.replace(kind, { ...now, subsets })
    else if (!now) world.store.add(kind, { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: service.metadata.name, namespace, uid: '', resourceVersion: '', creationTimestamp: '' }, subsets })
  }
}
function account(world: World, item: Item): void {
  const kind = kindNamed('ServiceAccount')
  const namespace = item.metadata.name
  if (!world.store.get(kind, namespace, 'default')) world.store.add(kind, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace, uid: '', resourceVersion: '', creationTimestamp: '' } })
}

/** What belonged to it, or lay in the namespace that is gone. */
function collect(world: World, gone: Item, kind: string): void {
  for (const one of kinds) for (const item of world.store.list(one, kind === 'Namespace' ? gone.metadata.name : gone.metadata.namespace ?? '')) {
    const orphaned = kind === 'Namespace' ? one.namespaced : list(item.metadata['ownerReferences']).some((owner) => at(owner, 'uid') === gone.metadata.uid)
    if (orphaned || (kind === 'Service' && one.kind === 'Endpoints' && item.metadata.name === gone.metadata.name)) world.store.remove(one, item.metadata.namespace ?? '', item.metadata.name)
  }
  const owner = ownerOf(gone)
  const parent = owner['kind'] ? world.store.get(kindNamed(text(owner['kind'])), gone.metadata.namespace ?? '', text(owner['name'])) : null
  if (parent && parent.metadata.uid === owner['uid']) settle(world, parent)             // a pod that is deleted comes again
  if (gone.kind === 'Pod') for (const service of world.store.list(kindNamed('Service'), gone.metadata.namespace ?? '').slice(0, 1)) endpoints(world, service)
}
