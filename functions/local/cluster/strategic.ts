import { fields, isFields, list, type Fields } from './object.ts'

/** Lists merged by a key, by the name of the field that holds them; every other list is replaced. `ports` of a service go by `port`, of a container by `containerPort`. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'], initContainers: ['name'], ephemeralContainers: ['name'], volumes: ['name'], env: ['name'], imagePullSecrets: ['name'], secrets: ['name'],
  ports: ['containerPort', 'port'], volumeMounts: ['mountPath'], volumeDevices: ['devicePath'], hostAliases: ['ip'], conditions: ['type'], addresses: ['type'],
  ownerReferences: ['uid'], topologySpreadConstraints: ['topologyKey'], taints: ['key'],
}
const mergedPrimitives = new Set(['finalizers'])
/** The key by which elements of that list are one and the same; null: the list has none. */
export const mergeKeyOf = (field: string, elements: readonly unknown[]): string | null =>
  mergeKeys[field]?.find((key) => elements.length > 0 && elements.every((element) => isFields(element) && Object.hasOwn(element, key))) ?? null

/** Strategic merge, its common cases: keyed lists, `$patch: delete|replace`, `$setElementOrder`, `$deleteFromPrimitiveList`, `$retainKeys`. */
export function strategicPatch(target: unknown, patch: Fields): Fields {
  if (patch['$patch'] === 'replace') return strip(patch)
  const next: Record<string, unknown> = { ...fields(target) }
  const retained = patch['$retainKeys']
  if (Array.isArray(retained)) for (const key of Object.keys(next)) if (!retained.includes(key)) delete next[key]
  for (const [key, value] of Object.entries(patch)) {
    const [, directive, field = ''] = /^\$(setElementOrder|deleteFromPrimitiveList)\/(.+)$/.exec(key) ?? []
    if (directive === 'deleteFromPrimitiveList') next[field] = list(next[field]).filter((element) => !list(value).includes(element))
    else if (key.startsWith('$')) continue
    else if (value === null) delete next[key]
    else if (Array.isArray(value)) next[key] = mergeList(key, list(next[key]), value, patch[`$setElementOrder/${key}`])
    else if (isFields(value) && value['$patch'] === 'delete') delete next[key]
    else next[key] = isFields(value) ? strategicPatch(next[key], value) : value
  }
  for (const [key, order] of Object.entries(patch)) {                       // an order alone, where no element changed
    const [, field = ''] = /^\$setElementOrder\/(.+)$/.exec(key) ?? []
    if (field !== '' && !Object.hasOwn(patch, field) && Array.isArray(next[field])) next[field] = ordered(field, list(next[field]), order)
  }
  return next
}

function mergeList(field: string, now: readonly unknown[], wanted: readonly unknown[], order: unknown): readonly unknown[] {
  const key = mergeKeyOf(field, [...now, ...wanted.filter((element) => !isFields(element) || element['$patch'] !== 'replace')])
  if (wanted.some((element) => isFields(element) && element['$patch'] === 'replace')) return wanted.filter((element) => !isFields(element) || element['$patch'] === undefined)
  if (key === null) return mergedPrimitives.has(field) ? [...new Set([...now, ...wanted])] : wanted.filter((element) => !isFields(element) || element['$patch'] !== 'delete')
  const merged = [...now]
  for (const element of wanted.map(fields)) {
    const index = merged.findIndex((one) => fields(one)[key] === element[key])
    if (element['$patch'] === 'delete') { if (index >= 0) merged.splice(index, 1) }
    else if (index < 0) merged.push(strip(element))
    else merged[index] = strategicPatch(merged[index], element)
  }
  return ordered(field, merged, order)
}
function ordered(field: string, elements: readonly unknown[], order: unknown): readonly unknown[] {
  if (!Array.isArray(order)) return elements
  const key = mergeKeyOf(field, elements)
  const place = (element: unknown) => {
    const found = order.findIndex((one) => key === null ? one === element : fields(one)[key] === fields(element)[key])
    return found < 0 ? elements.length : found
  }
  return [...elements].sort((one, other) => place(one) - place(other))
}
const strip = (value: Fields): Fields => Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('$')).map(([key, inner]) => [key, isFields(inner) ? strip(inner) : inner]))
