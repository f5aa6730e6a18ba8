import { apiVersionOf, kinds, subresourceOf, verbsOf, type Kind } from './kinds.ts'
import type { Fields } from './object.ts'

/** What is here, in both forms that clients ask for: group by group, and all in one (`as=APIGroupDiscoveryList`). */
const groups = [...new Set(kinds.map(({ group }) => group))]
const versionsOf = (group: string) => [...new Set(kinds.filter((kind) => kind.group === group).map(({ version }) => version))]

function apiGroup(group: string): Fields {
  const versions = versionsOf(group).map((version) => ({ groupVersion: `${group}/${version}`, version }))
  return { name: group, versions, preferredVersion: versions[0] }
}
function resources(kind: Kind): readonly Fields[] {
  return [
    {
      name: kind.plural, singularName: kind.singular, namespaced: kind.namespaced, kind: kind.kind, verbs: verbsOf(kind),
      ...(kind.short.length ? { shortNames: kind.short } : {}), ...(kind.categories.length ? { categories: kind.categories } : {}), ...(kind.virtual ? {} : { storageVersionHash: 'demo' }),
    },
    ...kind.subresources.map((name) => {
      const { group, version, kind: its, verbs } = subresourceOf(kind, name)
      return { name: `${kind.plural}/${name}`, singularName: '', namespaced: kind.namespaced, ...(group === kind.group ? {} : { group, version }), kind: its, verbs }
    }),
  ]
}
function aggregated(kind: Kind): Fields {
  const scope = kind.namespaced ? 'Namespaced' : 'Cluster'
  return {
    resource: kind.plural, responseKind: { group: kind.group, version: kind.version, kind: kind.kind }, scope, singularResource: kind.singular, verbs: verbsOf(kind),
    ...(kind.short.length ? { shortNames: kind.short } : {}), ...(kind.categories.length ? { categories: kind.categories } : {}),
    ...(kind.subresources.length ? { subresources: kind.subresources.map((name) => {
      const { group, version, kind: its, verbs } = subresourceOf(kind, name)
      return { subresource: name, responseKind: { group, version, kind: its }, verbs }
    }) } : {}),
  }
}
function all(of: readonly string[], version: string): Fields {
  return {
    kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {},
    items: of.map((group) => ({
      metadata: { creationTimestamp: null, ...(group ? { name: group } : {}) },
      versions: versionsOf(group).map((one) => ({ version: one, freshness: 'Current', resources: kinds.filter((kind) => kind.group === group && kind.version === one).map(aggregated) })),
    })),
  }
}

/** null: no such path of discovery. `aggregate`: which version of the all-in-one form the caller prefers, null: none. */
export function discovery(path: string, aggregate: 'v2' | 'v2beta1' | null): Fields | null {
  if (path === '/api') return aggregate ? all([''], aggregate) : { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1' }] }
  const named = groups.filter((group) => group !== '')
  if (path === '/apis') return aggregate ? all(named, aggregate) : { kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(apiGroup) }
  const [, root, ...rest] = path.split('/')
  if (root === 'apis' && rest.length === 1 && named.includes(rest[0] ?? '')) return { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(rest[0] ?? '') }
  const [group, version] = root === 'api' ? ['', rest[0]] : [rest[0], rest[1]]
  const own = kinds.filter((kind) => kind.group === group && kind.version === version)
  if (own.length === 0 || rest.length !== (root === 'api' ? 1 : 2) || (root === 'apis' && group === '')) return null
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf(own[0] as Kind), resources: own.flatMap(resources) }
}
