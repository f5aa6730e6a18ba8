import { stringify } from 'yaml'
import { kubernetesWrites } from '../../../schema/policy.ts'
import type { Ruled } from '../protocol.ts'
import type { Served } from './discovery.ts'
import { covered, partsOf } from './resource.ts'

/** What one service account needs: verbs on a resource in a namespace (null: in all of them, and of what is in none), of these names alone where they are given. */
export interface Need { readonly verb: string; readonly resource: string; readonly namespace: string | null; readonly names: readonly string[] | null }

const reads = ['get', 'list', 'watch'] as const
const verbs: ReadonlySet<string> = new Set([...reads, ...kubernetesWrites])
/** RBAC cannot hold these to names: there is none in the request. */
const nameless: ReadonlySet<string> = new Set(['create', 'list', 'watch', 'deletecollection'])
const literal = (texts: readonly string[] | undefined): readonly string[] | null => (texts !== undefined && texts.every((text) => !text.includes('*')) ? texts : null)

/** The least that serves these rules. A write brings `get`: the gate looks at what is there before it decides, and at the pod that an eviction or a command reaches. */
export function needsOf(rules: readonly Ruled[], served: readonly Served[]): readonly Need[] {
  const found = new Map<string, Need>()
  for (const rule of rules) {
    const wanted = new Set(rule.actions.flatMap((action): readonly string[] => (action === '*' ? [...reads, ...kubernetesWrites].filter((verb) => verb !== 'deletecollection') : action === 'write' ? kubernetesWrites.filter((verb) => verb !== 'deletecollection') : verbs.has(action) ? [action] : [])))
    if (['update', 'patch', 'delete'].some((verb) => wanted.has(verb))) wanted.add('get')
    const names = literal(rule.names)
    for (const resource of new Set(rule.on.flatMap((pattern) => covered(pattern, served)))) {
      const all = resource === 'pods/exec' && wanted.has('create') ? new Set([...wanted, 'get']) : wanted    // a WebSocket begins as a GET
      const offered = new Set(served.filter((one) => one.group === partsOf(resource).group && one.resource === partsOf(resource).resource).flatMap((one) => one.verbs))
      for (const namespace of literal(rule.namespaces) ?? [null]) {
        if (wanted.has('create') && (resource === 'pods/exec' || resource === 'pods/eviction')) { const look: Need = { verb: 'get', resource: 'pods', namespace, names }; found.set(JSON.stringify(look), look) }
        for (const verb of all) {
          if (!offered.has(verb) && !(resource === 'pods/exec' && verb === 'get')) continue
          const need: Need = { verb, resource, namespace, names: nameless.has(verb) ? null : names }
          found.set(JSON.stringify(need), need)
        }
      }
    }
  }
  const all = [...found.values()]
  return all.filter((one) => !all.some((other) => other !== one && other.verb === one.verb && other.resource === one.resource && implies(other, one)))
}
const implies = (wide: Need, narrow: Need): boolean =>
  (wide.namespace === null || wide.namespace === narrow.namespace) && (wide.names === null || (narrow.names !== null && narrow.names.every((name) => wide.names?.includes(name)))) && JSON.stringify(wide) !== JSON.stringify(narrow)

interface PolicyRule { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[]; readonly resourceNames?: readonly string[] }

function policyRules(needs: readonly Need[]): PolicyRule[] {
  const byResource = Map.groupBy(needs, ({ resource, names }) => JSON.stringify([resource, names]))
  const single = [...byResource.values()].map((some): PolicyRule & { readonly key: string } => {
    const [{ resource, names } = { resource: '', names: null }] = some
    const { group, resource: plural } = partsOf(resource)
    const rule = { apiGroups: [group], resources: [plural], verbs: some.map(({ verb }) => verb).sort(), ...(names ? { resourceNames: names } : {}) }
    return { ...rule, key: JSON.stringify([group, rule.verbs, names]) }
  })
  return [...Map.groupBy(single, ({ key }) => key).values()].map((some): PolicyRule => {
    const { key: _, ...rule } = some[0] ?? { key: '', apiGroups: [], resources: [], verbs: [] }
    return { ...rule, resources: some.flatMap(({ resources }) => resources).sort() }
  })
}

/** `gate`: who the secret's credential is to the cluster; null where it would not say. */
export function manifest(connection: string, accounts: ReadonlyMap<string, readonly Need[]>, gate: string | null): string {
  const documents = [...accounts].flatMap(([account, needs]) => {
    const [namespace = '', name = ''] = account.split('/')
    const subject = { kind: 'ServiceAccount', name, namespace }
    const granted = [...Map.groupBy(needs, (need) => need.namespace)].flatMap(([where, some]) => bound(`sluice:${connection}:${namespace}:${name}`, where, policyRules(some), subject))
    const mint = bound(`sluice:${connection}:mint:${name}`, namespace, [{ apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'], resourceNames: [name] }], gate === null ? null : gateSubject(gate))
    return [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace }, automountServiceAccountToken: false }, ...granted, ...mint]
  })
  const head = `# What the service accounts of connection ${connection} need, and no more. Read it, make the namespaces it names, then: kubectl apply -f FILE\n`
  const left = gate === null ? '# Who the credential of the connection\'s secret is, the cluster would not say: bind the roles sluice:…:mint:… to it.\n' : ''
  return head + left + documents.map((document) => `---\n${stringify(document)}`).join('')
}
const gateSubject = (user: string) => {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? []
  return name === undefined ? { kind: 'User', name: user, apiGroup: 'rbac.authorization.k8s.io' } : { kind: 'ServiceAccount', name, namespace }
}
function bound(name: string, namespace: string | null, rules: readonly PolicyRule[], subject: object | null): object[] {
  const [kind, metadata] = namespace === null ? ['ClusterRole', { name }] : ['Role', { name, namespace }]
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata, rules }
  return subject === null ? [role] : [role, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: `${kind}Binding`, metadata, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name }, subjects: [subject] }]
}
