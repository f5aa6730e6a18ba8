import { at, count, fields, list, text, type Item } from './object.ts'

/** What `kubectl get` shows of a kind, beside its name and age. `wide`: only with `-o wide`. */
export interface Column { readonly name: string; readonly type: 'string' | 'integer'; readonly wide?: true; readonly cell: (item: Item, now: number) => unknown }

/** As `kubectl` says how long something has been: `5s`, `2m5s`, `3h`, `4d2h`, `30d`. */
export function age(since: unknown, now: number): string {
  const start = Date.parse(text(since))
  if (Number.isNaN(start)) return '<unknown>'
  const seconds = Math.max(0, Math.floor((now - start) / 1000))
  const two = (big: number, small: number, unit: string, lesser: string) => `${big}${unit}${small > 0 ? `${small}${lesser}` : ''}`
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return two(minutes, seconds % 60, 'm', 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 8) return two(hours, minutes % 60, 'h', 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  return hours < 192 ? two(days, hours % 24, 'd', 'h') : `${days}d`
}
const column = (name: string, cell: Column['cell'], type: Column['type'] = 'string'): Column => ({ name, type, cell })
const wide = (name: string, cell: Column['cell']): Column => ({ name, type: 'string', wide: true, cell })
const or = (value: unknown, otherwise = '<none>') => text(value) || otherwise
const joined = (values: readonly string[]) => values.join(',') || '<none>'
const containers = (item: Item) => list(at(item, 'spec', 'template', 'spec', 'containers')).map(fields)
const labels = (value: unknown) => joined(Object.entries(fields(value)).map(([key, is]) => `${key}=${String(is)}`))
const workload = [
  wide('Containers', (item) => joined(containers(item).map(({ name }) => text(name)))), wide('Images', (item) => joined(containers(item).map(({ image }) => text(image)))),
  wide('Selector', (item) => labels(at(item, 'spec', 'selector', 'matchLabels'))),
]
const amount = (name: string, ...path: string[]) => column(name, (item) => count(at(item, ...path)), 'integer')
const roleRef = column('Role', (item) => `${text(at(item, 'roleRef', 'kind'))}/${text(at(item, 'roleRef', 'name'))}`)
const subjects = (kind: string) => (item: Item) => list(item['subjects']).map(fields).filter((one) => one['kind'] === kind).map((one) => kind === 'ServiceAccount' ? `${text(one['namespace'])}/${text(one['name'])}` : text(one['name'])).join(', ')
const bindings = [roleRef, wide('Users', subjects('User')), wide('Groups', subjects('Group')), wide('ServiceAccounts', subjects('ServiceAccount'))]
const ports = (item: Item) => joined(list(at(item, 'spec', 'ports')).map(fields).map((port) => `${String(port['port'])}/${or(port['protocol'], 'TCP')}`))
const entries = (item: Item) => Object.keys(fields(item['data'])).length + Object.keys(fields(item['binaryData'])).length

/** Before the age, by kind; a kind without an entry has name and age. */
export const columnsOf: Readonly<Record<string, readonly Column[]>> = {
  Namespace: [column('Status', (item) => at(item, 'status', 'phase'))],
  Node: [column('Status', () => 'Ready'), column('Roles', () => 'worker'), column('Version', (item) => at(item, 'status', 'nodeInfo', 'kubeletVersion')), wide('Internal-IP', () => '10.0.0.1'), wide('OS-Image', (item) => at(item, 'status', 'nodeInfo', 'osImage'))],
  Pod: [
    column('Ready', (item) => { const all = list(at(item, 'status', 'containerStatuses')).map(fields); return `${all.filter(({ ready }) => ready === true).length}/${list(at(item, 'spec', 'containers')).length}` }),
    column('Status', (item) => item.metadata.deletionTimestamp ? 'Terminating' : at(item, 'status', 'phase') === 'Succeeded' ? 'Completed' : at(item, 'status', 'phase')),
    column('Restarts', (item) => String(list(at(item, 'status', 'containerStatuses')).reduce((sum: number, one) => sum + count(at(one, 'restartCount')), 0))),
    wide('IP', (item) => or(at(item, 'status', 'podIP'))), wide('Node', (item) => or(at(item, 'spec', 'nodeName'))), wide('Nominated Node', () => '<none>'), wide('Readiness Gates', () => '<none>'),
  ],
  Service: [column('Type', (item) => at(item, 'spec', 'type')), column('Cluster-IP', (item) => or(at(item, 'spec', 'clusterIP'))), column('External-IP', () => '<none>'), column('Port(s)', ports), wide('Selector', (item) => labels(at(item, 'spec', 'selector')))],
  Endpoints: [column('Endpoints', (item) => joined(list(item['subsets']).flatMap((subset) => list(at(subset, 'addresses')).flatMap((address) => list(at(subset, 'ports')).map((port) => `${text(at(address, 'ip'))}:${String(at(port, 'port'))}`)))))],
  ConfigMap: [column('Data', entries, 'integer')],
  Secret: [column('Type', (item) => item['type']), column('Data', entries, 'integer')],
  ServiceAccount: [column('Secrets', (item) => list(item['secrets']).length, 'integer')],
  Event: [
    column('Type', (item) => item['type']), column('Reason', (item) => item['reason']), column('Object', (item) => `${text(at(item, 'involvedObject', 'kind')).toLowerCase()}/${text(at(item, 'involvedObject', 'name'))}`),
    column('Message', (item) => item['message']),
  ],
  PersistentVolumeClaim: [column('Status', (item) => or(at(item, 'status', 'phase'))), column('Volume', (item) => text(at(item, 'spec', 'volumeName'))), column('Capacity', (item) => text(at(item, 'status', 'capacity', 'storage'))), column('Access Modes', (item) => list(at(item, 'spec', 'accessModes')).join(',')), column('StorageClass', (item) => text(at(item, 'spec', 'storageClassName')))],
  Deployment: [column('Ready', (item) => `${count(at(item, 'status', 'readyReplicas'))}/${count(at(item, 'spec', 'replicas'))}`), amount('Up-to-date', 'status', 'updatedReplicas'), amount('Available', 'status', 'availableReplicas'), ...workload],
  ReplicaSet: [amount('Desired', 'spec', 'replicas'), amount('Current', 'status', 'replicas'), amount('Ready', 'status', 'readyReplicas'), ...workload],
  StatefulSet: [column('Ready', (item) => `${count(at(item, 'status', 'readyReplicas'))}/${count(at(item, 'spec', 'replicas'))}`), ...workload.slice(0, 2)],
  DaemonSet: [amount('Desired', 'status', 'desiredNumberScheduled'), amount('Current', 'status', 'currentNumberScheduled'), amount('Ready', 'status', 'numberReady'), amount('Up-to-date', 'status', 'updatedNumberScheduled'), amount('Available', 'status', 'numberAvailable'), column('Node Selector', (item) => labels(at(item, 'spec', 'template', 'spec', 'nodeSelector'))), ...workload],
  ControllerRevision: [column('Controller', (item) => `${text(at(list(item.metadata['ownerReferences'])[0], 'kind')).toLowerCase()}/${text(at(list(item.metadata['ownerReferences'])[0], 'name'))}`), column('Revision', (item) => count(item['revision']), 'integer')],
  Job: [column('Status', (item) => count(at(item, 'status', 'succeeded')) >= count(at(item, 'spec', 'completions'), 1) ? 'Complete' : 'Running'), column('Completions', (item) => `${count(at(item, 'status', 'succeeded'))}/${count(at(item, 'spec', 'completions'), 1)}`), column('Duration', (item, now) => age(at(item, 'status', 'startTime'), Date.parse(text(at(item, 'status', 'completionTime'))) || now)), ...workload],
  CronJob: [column('Schedule', (item) => at(item, 'spec', 'schedule')), column('Timezone', () => '<none>'), column('Suspend', (item) => at(item, 'spec', 'suspend') === true ? 'True' : 'False'), column('Active', () => 0, 'integer'), column('Last Schedule', () => '<none>')],
  Ingress: [column('Class', (item) => or(at(item, 'spec', 'ingressClassName'))), column('Hosts', (item) => list(at(item, 'spec', 'rules')).map((rule) => or(at(rule, 'host'), '*')).join(',') || '*'), column('Address', () => ''), column('Ports', (item) => list(at(item, 'spec', 'tls')).length ? '80, 443' : '80')],
  NetworkPolicy: [column('Pod-Selector', (item) => labels(at(item, 'spec', 'podSelector', 'matchLabels')))],
  RoleBinding: bindings, ClusterRoleBinding: bindings,
  Role: [], ClusterRole: [],
  Widget: [column('Size', (item) => String(at(item, 'spec', 'size') ?? '')), column('Color', (item) => or(at(item, 'spec', 'color'), ''))],
}
