import { conflict, expired, notFound } from './failure.ts'
import { apiVersionOf, type Kind } from './kinds.ts'
import { same, type Item, type Metadata } from './object.ts'

export interface Change { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly kind: Kind; readonly item: Item; /** As it was; null: it was not there. */ readonly before: Item | null; readonly revision: number }
/** A write that was read and judged: what is to stand there, with `resourceVersion` where the writer wants no other version overwritten. */
export interface Store {
  readonly revision: () => number
  get(kind: Kind, namespace: string, name: string): Item | null
  /** Sorted by namespace and name. `namespace` '': all of them. */
  list(kind: Kind, namespace: string): readonly Item[]
  /** Gives it uid, times, generation and version. The caller saw that nothing is there. */
  add(kind: Kind, item: Item): Item
  /** Counts the generation up where the spec changed; the same object again changes nothing. Throws conflict where `expect` is another version than is there. */
  replace(kind: Kind, item: Item, expect?: string): Item
  remove(kind: Kind, namespace: string, name: string): Item
  /** Changes after `revision`, then every one as it happens, until it is called. Throws 410 where the past is gone. */
  follow(kind: Kind, revision: number, see: (change: Change) => void): () => void
  /** Told of every change, after whoever made it has its answer. */
  observe(see: (change: Change) => void): void
}
const keptChanges = 2000

export function createStore({ now, uid }: { now: () => number; uid: () => string }): Store {
  const tables = new Map<Kind, Map<string, Item>>()
  const changes: Change[] = []
  const followers = new Set<{ readonly kind: Kind; readonly see: (change: Change) => void }>()
  const observers: ((change: Change) => void)[] = []
  let revision = 1000
  const table = (kind: Kind) => tables.get(kind) ?? (tables.set(kind, new Map()), tables.get(kind) as Map<string, Item>)
  const keyOf = (namespace: string, name: string) => `${namespace}/${name}`
  const time = () => new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z')

  function commit(type: Change['type'], kind: Kind, item: Item, before: Item | null): Item {
    const change = { type, kind, item, before, revision }
    changes.push(change)
    if (changes.length > keptChanges) changes.shift()
    for (const follower of [...followers]) if (follower.kind === kind) follower.see(change)
    for (const see of observers) queueMicrotask(() => see(change))
    return item
  }
  function stamp(kind: Kind, item: Item, metadata: Metadata): Item {
    return { ...item, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { ...metadata, resourceVersion: String(++revision) } }
  }
  return {
    revision: () => revision,
    get: (kind, namespace, name) => table(kind).get(keyOf(namespace, name)) ?? null,
    list: (kind, namespace) => [...table(kind)].filter(([key]) => namespace === '' || key.startsWith(`${namespace}/`)).sort(([one], [other]) => one < other ? -1 : 1).map(([, item]) => item),
    add(kind, item) {
      const metadata = { ...item.metadata, uid: uid(), creationTimestamp: time(), ...(kind.generation ? { generation: 1 } : {}) }
      const added = stamp(kind, item, metadata)
      table(kind).set(keyOf(added.metadata.namespace ?? '', added.metadata.name), added)
      return commit('ADDED', kind, added, null)
    },
    replace(kind, item, expect) {
      const { namespace = '', name } = item.metadata
      const before = table(kind).get(keyOf(namespace, name))
      if (!before) throw notFound(kind, name)
      if (expect !== undefined && expect !== before.metadata.resourceVersion) throw conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again')
      const { uid: id, creationTimestamp, resourceVersion, generation } = before.metadata
      const respecified = kind.generation !== null && !same(item['spec'], before['spec'])
      const metadata = { ...item.metadata, uid: id, creationTimestamp, resourceVersion, ...(generation === undefined ? {} : { generation: generation + (respecified ? 1 : 0) }) }
      const next = { ...item, apiVersion: before.apiVersion, kind: before.kind, metadata }
      if (same(next, before)) return before
      const stamped = stamp(kind, next, metadata)
      table(kind).set(keyOf(namespace, name), stamped)
      return commit('MODIFIED', kind, stamped, before)
    },
    remove(kind, namespace, name) {
      const before = table(kind).get(keyOf(namespace, name))
      if (!before) throw notFound(kind, name)
      table(kind).delete(keyOf(namespace, name))
      const gone = stamp(kind, before, before.metadata)
      return commit('DELETED', kind, gone, before)
    },
    follow(kind, from, see) {
      const oldest = changes[0]?.revision ?? revision
      if (from < oldest - 1 && changes.length >= keptChanges) throw expired(`too old resource version: ${from} (${oldest})`)
      for (const change of changes) if (change.kind === kind && change.revision > from) see(change)
      const follower = { kind, see }
      followers.add(follower)
      return () => { followers.delete(follower) }
    },
    observe(see) { observers.push(see) },
  }
}
