import { Failure } from './failure.ts'
import { mergeKeyOf } from './strategic.ts'
import { fields, isFields, list, same, text, type Fields, type Item } from './object.ts'

/**
 * Who owns which field. Simplified: a leaf, and an element of a keyed list, is owned; structs and maps are not. Paths are the steps of `fieldsV1`:
 * `f:spec`, `k:{"name":"web"}`.
 */
type Path = readonly string[]
interface Entry { readonly manager: string; readonly operation: 'Apply' | 'Update'; readonly subresource?: string; readonly paths: ReadonlyMap<string, Path> }
const idOf = (path: Path) => JSON.stringify(path)
const ignored = new Set(['apiVersion', 'kind', 'managedFields', 'name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'generation', 'selfLink'])

/** Owned paths of a value, with what stands there. */
function leaves(value: unknown, path: Path = [], into = new Map<string, { path: Path; value: unknown }>()): Map<string, { path: Path; value: unknown }> {
  if (isFields(value) && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) {
      if ((path.length === 0 || (path.length === 1 && path[0] === 'f:metadata')) && ignored.has(key)) continue
      const key2 = Array.isArray(inner) ? mergeKeyOf(key, inner) : null
      const here = [...path, `f:${key}`]
      if (key2 === null) leaves(inner, here, into)
      else for (const element of list(inner)) {
        const step = [...here, `k:${JSON.stringify({ [key2]: fields(element)[key2] })}`]
        leaves(element, step, into)
      }
    }
  } else if (path.length > 0) into.set(idOf(path), { path, value })
  return into
}

function read(item: Item): readonly Entry[] {
  return list(item.metadata['managedFields']).map(fields).map((entry) => ({
    manager: text(entry['manager']), operation: entry['operation'] === 'Apply' ? 'Apply' : 'Update', ...(entry['subresource'] ? { subresource: text(entry['subresource']) } : {}),
    paths: new Map(walk(fields(entry['fieldsV1'])).map((path) => [idOf(path), path])),
  }))
}
function walk(tree: Fields, path: Path = []): Path[] {
  const keys = Object.keys(tree).filter((key) => key !== '.')
  return keys.length === 0 ? (path.length ? [path] : []) : keys.flatMap((key) => walk(fields(tree[key]), [...path, key]))
}
function write(item: Item, entries: readonly Entry[], time: string, changed: Entry): Item {
  const before = list(item.metadata['managedFields']).map(fields)
  const managedFields = entries.filter(({ paths }) => paths.size > 0).map((entry) => {
    const fieldsV1: Record<string, unknown> = {}
    for (const path of entry.paths.values()) path.reduce((tree, key) => (tree[key] ??= {}) as Record<string, unknown>, fieldsV1)
    const old = before.find((one) => one['manager'] === entry.manager && one['operation'] === entry.operation && text(one['subresource']) === (entry.subresource ?? ''))
    return {
      manager: entry.manager, operation: entry.operation, apiVersion: item.apiVersion, time: entry === changed || !old ? time : old['time'],
      fieldsType: 'FieldsV1', fieldsV1, ...(entry.subresource ? { subresource: entry.subresource } : {}),
    }
  })
  const { managedFields: _before, ...rest } = item.metadata
  return { ...item, metadata: { ...rest, ...(managedFields.length ? { managedFields } : {}) } as Item['metadata'] }
}
const isOne = (entry: Entry, manager: string, operation: Entry['operation'], subresource: string) => entry.manager === manager && entry.operation === operation && (entry.subresource ?? '') === subresource
const without = (paths: Entry['paths'], gone: ReadonlySet<string>): Entry['paths'] => new Map([...paths].filter(([id]) => !gone.has(id)))

/** After a write that was no apply: what it changed is its manager's now, and nobody else's. */
export function updated(before: Item | null, after: Item, manager: string, subresource: string, time: string): Item {
  if (before && !same(before.metadata['managedFields'], after.metadata['managedFields']) && after.metadata['managedFields'] !== undefined) return after   // whoever writes ownership itself means it
  const [old, next] = [leaves(before ?? {}), leaves(after)]
  const changed = new Map([...next].filter(([id, { value }]) => !old.has(id) || !same(old.get(id)?.value, value)).map(([id, { path }]) => [id, path] as const))
  const kept = read(before ?? after)
  if (changed.size === 0 && before) return { ...after, metadata: { ...after.metadata, managedFields: before.metadata['managedFields'] } }
  const present = new Set(next.keys())
  const others = kept.filter((entry) => !isOne(entry, manager, 'Update', subresource)).map((entry) => ({ ...entry, paths: new Map([...without(entry.paths, new Set(changed.keys()))].filter(([id]) => present.has(id))) }))
  const mine = kept.find((entry) => isOne(entry, manager, 'Update', subresource))
  const entry: Entry = { manager, operation: 'Update', ...(subresource ? { subresource } : {}), paths: new Map([...mine?.paths ?? [], ...changed].filter(([id]) => present.has(id))) }
  return write({ ...after, metadata: { ...after.metadata, managedFields: (before ?? after).metadata['managedFields'] } }, [...others, entry], time, entry)
}

/** Server-side apply: the merged object with its ownership. Throws 409 naming the fields that others own and this would change, unless `force`. */
export function applied(before: Item | null, config: Fields, manager: string, subresource: string, force: boolean, time: string): Item {
  const wanted = leaves(config)
  const kept = before ? read(before) : []
  const current = leaves(before ?? {})
  const others = kept.filter((entry) => !isOne(entry, manager, 'Apply', subresource))
  const fought = [...wanted].flatMap(([id, { path, value }]) => !current.has(id) || same(current.get(id)?.value, value) ? [] : others.filter(({ paths }) => paths.has(id)).map((entry) => ({ id, path, entry })))
  if (fought.length > 0 && !force) throw conflicts(fought)
  const mine = kept.find((entry) => isOne(entry, manager, 'Apply', subresource))
  const dropped = [...mine?.paths ?? []].filter(([id]) => !wanted.has(id) && !others.some(({ paths }) => paths.has(id))).map(([, path]) => path)
  const bare = dropped.reduce((item, path) => removed(item, path), before ?? {} as Fields)
  const merged = merge(bare, config) as Item
  const entry: Entry = { manager, operation: 'Apply', ...(subresource ? { subresource } : {}), paths: new Map([...wanted].map(([id, { path }]) => [id, path])) }
  const losing = new Set(fought.map(({ id }) => id))
  return write({ ...merged, metadata: { ...merged.metadata, managedFields: before?.metadata['managedFields'] } }, [entry, ...others.map((one) => ({ ...one, paths: without(one.paths, losing) }))], time, entry)
}

function conflicts(fought: readonly { readonly path: Path; readonly entry: Entry }[]): Failure {
  const spell = (path: Path) => path.map((step) => step.startsWith('f:') ? `.${step.slice(2)}` : `[${step.slice(2).replace(/^\{"([^"]+)":(.*)\}$/, '$1=$2')}]`).join('')
  const causes = fought.map(({ path, entry }) => ({ reason: 'FieldManagerConflict', message: `conflict with "${entry.manager}"`, field: spell(path) }))
  const who = [...new Set(fought.map(({ entry }) => entry.manager))]
  const what = fought.length === 1 && causes[0] ? `conflict with "${who[0]}": ${causes[0].field}` : `conflicts with ${who.map((name) => `"${name}"`).join(', ')}:\n${causes.map(({ field }) => `- ${field}`).join('\n')}`
  return new Failure(409, 'Conflict', `Apply failed with ${fought.length} conflict${fought.length === 1 ? '' : 's'}: ${what}`, { causes })
}

function removed(value: unknown, [step, ...rest]: Path): Fields {
  const inside = fields(value)
  const key = step?.slice(2) ?? ''
  if (!Object.hasOwn(inside, key)) return inside
  const { [key]: inner, ...others } = inside
  if (rest.length === 0) return others
  if (!Array.isArray(inner)) {
    const next = removed(inner, rest)
    return { ...others, ...(Object.keys(next).length ? { [key]: next } : {}) }
  }
  const [element, ...deeper] = rest
  const wanted = fields(JSON.parse(element?.slice(2) ?? '{}'))
  const keep = inner.flatMap((one: unknown) => {
    if (!Object.entries(wanted).every(([name, is]) => fields(one)[name] === is)) return [one]
    const next = deeper.length === 0 ? {} : removed(one, deeper)
    return Object.keys(next).every((name) => name in wanted && deeper.length <= 1 && deeper[0] === `f:${name}`) || Object.keys(next).length === 0 ? [] : [next]
  })
  return { ...others, ...(keep.length ? { [key]: keep } : {}) }
}
function merge(now: unknown, wanted: unknown, field = ''): unknown {
  if (isFields(wanted)) {
    const next: Record<string, unknown> = { ...fields(now) }
    for (const [key, value] of Object.entries(wanted)) if (key !== 'managedFields') next[key] = merge(next[key], value, key)
    return next
  }
  const key = Array.isArray(wanted) ? mergeKeyOf(field, wanted) : null
  if (key === null || !Array.isArray(wanted)) return wanted
  const merged = [...list(now)]
  for (const element of wanted) {
    const index = merged.findIndex((one) => fields(one)[key] === fields(element)[key])
    if (index < 0) merged.push(element)
    else merged[index] = merge(merged[index], element)
  }
  return merged
}
