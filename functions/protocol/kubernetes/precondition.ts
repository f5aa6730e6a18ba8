import { inYaml } from './body.ts'
import type { KubernetesPlan } from './plan.ts'

type Value = Readonly<Record<string, unknown>>
/**
 * `bound`: it carries a precondition of ours, so that a conflict says the object is not what was decided on. `elsewhere`: the caller's own precondition names another version or object than was decided on. It must not be sent:
 * versions are counted up, so a caller may name one that is still to come, and undo with an old decision what somebody changes meanwhile.
 */
export interface Guarded { readonly target: string; readonly contentType: string | null; readonly body: string | null; readonly bound: boolean; readonly elsewhere: boolean }

/**
 * The plan's request with the state it was decided on as its precondition, so that nothing changes between the last look and the write. As it is where the caller gave a
 * precondition of their own, where nothing is written, and where none can be said: a create needs none, an apply that would create an object has none.
 */
export function guarded({ method, target, contentType, body, dryRun, attributes }: KubernetesPlan, old: Value | null | undefined): Guarded {
  const plain = { target, contentType, body, bound: false, elsewhere: false }
  if (attributes.subresource === 'eviction' && !dryRun) return evicted(plain, old)
  const meta = metaOf(old)
  if (dryRun || meta === null || attributes.verb === 'create' || attributes.verb === 'deletecollection') return plain
  if (method === 'DELETE') return deletion(plain, meta)
  const value = parsed(body)
  if (contentType === 'application/json-patch+json') return Array.isArray(value) ? patched(plain, value, meta) : plain
  if (!isObject(value)) return plain
  const metadata = value['metadata'] ?? {}
  if (!isObject(metadata)) return plain
  if (isVersion(metadata['resourceVersion'])) return { ...plain, elsewhere: metadata['resourceVersion'] !== meta.resourceVersion }
  return { ...plain, body: inYaml(JSON.stringify({ ...value, metadata: { ...metadata, resourceVersion: meta.resourceVersion } })), bound: true }
}

/** A version that is compared. To the API server none, an empty one and zero are no precondition at all, so whoever says those is given ours. */
const isVersion = (value: unknown): boolean => typeof value === 'string' && /^[1-9][0-9]*$/.test(value)

/** No `test`: a failed one is 422 and looks like the caller's own; a version that is not the stored one is a conflict. The last word on the version is the caller's only where it is one. */
function patched(plain: Guarded, operations: readonly unknown[], { resourceVersion }: Meta): Guarded {
  const last = operations.filter((one) => isObject(one) && one['op'] !== 'test' && [one['path'], one['op'] === 'move' ? one['from'] : null].some((path) => path === '' || path === '/metadata' || path === versionPath)).at(-1)
  const own = isObject(last) && (last['op'] === 'add' || last['op'] === 'replace') && last['path'] === versionPath && isVersion(last['value'])
  return own ? { ...plain, elsewhere: last['value'] !== resourceVersion } : { ...plain, body: inYaml(JSON.stringify([...operations, { op: 'add', path: versionPath, value: resourceVersion }])), bound: true }
}
const versionPath = '/metadata/resourceVersion'

/** Members of DeleteOptions that the query may carry instead. */
const inQuery = new Set(['gracePeriodSeconds', 'propagationPolicy', 'orphanDependents', 'fieldManager', 'pretty'])

/** With a body the API server reads no option from the query: what stands there goes along into the body, and anything else there stays as it is, without a precondition. */
function deletion(plain: Guarded, meta: Meta): Guarded {
  const body = plain.body === null ? {} : parsed(plain.body)
  if (!isObject(body)) return plain
  const given = isObject(body['preconditions']) ? body['preconditions'] : {}
  const said = (member: 'uid' | 'resourceVersion') => (typeof given[member] === 'string' ? given[member] : meta[member])
  const options: Record<string, unknown> = {}
  if (plain.body === null) {
    for (const [key, value] of new URLSearchParams(plain.target.split('?')[1] ?? '')) {
      if (!inQuery.has(key) || key in options) return plain
      if (key === 'gracePeriodSeconds') options[key] = Number(value)
      else if (key === 'orphanDependents') options[key] = value === 'true' || value === '1'
      else if (key === 'propagationPolicy') options[key] = value
    }
  }
  const whole = { kind: 'DeleteOptions', apiVersion: 'v1', ...options, ...body, preconditions: { uid: said('uid'), resourceVersion: said('resourceVersion') } }
  const bound = said('uid') === meta.uid && said('resourceVersion') === meta.resourceVersion
  return { ...plain, contentType: 'application/json', body: JSON.stringify(whole), bound, elsewhere: !bound }
}

/** An eviction is of the pod that was seen: another one of its name is another's. */
function evicted(plain: Guarded, old: Value | null | undefined): Guarded {
  const [uid, body] = [isObject(old?.['metadata']) ? old['metadata']['uid'] : undefined, parsed(plain.body)]
  if (typeof uid !== 'string' || !isObject(body)) return plain
  const options = body['deleteOptions'] ?? {}
  const given = isObject(options) ? options['preconditions'] ?? {} : null
  if (!isObject(options) || !isObject(given)) return plain                 // of no form: the cluster refuses it
  if (typeof given['uid'] === 'string' && given['uid'] !== uid) return { ...plain, elsewhere: true }
  return { ...plain, body: JSON.stringify({ ...body, deleteOptions: { ...options, preconditions: { ...given, uid } } }), bound: true }
}

interface Meta { readonly uid: string; readonly resourceVersion: string }
function metaOf(value: Value | null | undefined): Meta | null {
  const metadata = value?.['metadata']
  if (!isObject(metadata)) return null
  const { uid, resourceVersion } = metadata
  return typeof uid === 'string' && typeof resourceVersion === 'string' ? { uid, resourceVersion } : null
}
export const isObject = (value: unknown): value is Value => typeof value === 'object' && value !== null && !Array.isArray(value)
/** null where it is not JSON. Each number keeps the digits it came with, for it is written again. */
function parsed(body: string | null): unknown {
  try {
    return JSON.parse(body ?? '', (_, one: unknown, context?: { readonly source?: string }) => (typeof one === 'number' && context?.source !== undefined ? raw.rawJSON(context.source) : one))
  } catch {
    return null
  }
}
const raw = JSON as unknown as { rawJSON(source: string): object }
