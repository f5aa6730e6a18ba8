import { ok, type Result } from '../../../schema/refusal.ts'
import { partsOf, type Parts } from './path.ts'
import type { Attributes } from './plan.ts'
import { clip, unreadable, unsupported } from './say.ts'
import { exactName, termsOf } from './selector.ts'

/** What the API server makes of a request (k8s.io/apiserver, RequestInfoFactory), before anything is refused. '' where there is none. */
export interface Info {
  readonly isResource: boolean
  readonly verb: string
  readonly group: string; readonly version: string; readonly namespace: string; readonly resource: string; readonly subresource: string; readonly name: string
  /** From the resource on: `[pods, x, proxy, rest, …]`. */
  readonly parts: readonly string[]
  /** The deprecated forms `/api/v1/watch/…` and `/api/v1/proxy/…`. */
  readonly prefix: 'watch' | 'proxy' | null
}
const verbs: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }
const none = { group: '', version: '', namespace: '', resource: '', subresource: '', name: '', parts: [], prefix: null } as const

/** The server's own algorithm, step by step; anything "better" than it would be another reading. */
export function infoOf(method: string, { segments, query }: Parts): Info {
  const other: Info = { isResource: false, verb: method.toLowerCase(), ...none }
  const [root] = segments
  if (segments.length < 3 || (root !== 'api' && root !== 'apis') || (root === 'apis' && segments.length < 4)) return other
  const group = root === 'apis' ? segments[1] ?? '' : ''
  const [version = '', ...rest] = segments.slice(root === 'apis' ? 2 : 1)
  const special = rest[0] === 'watch' || rest[0] === 'proxy' ? rest[0] : null
  if (special !== null && rest.length < 2) return { ...other, prefix: special }     // the server answers with an error
  let parts = special === null ? rest : rest.slice(1)
  let namespace = ''
  if (parts[0] === 'namespaces' && parts[1] !== undefined) {
    namespace = parts[1]
    if (parts[2] !== undefined && parts[2] !== 'status' && parts[2] !== 'finalize') parts = parts.slice(2)
  }
  const [resource = '', name = ''] = parts
  const subresource = special === 'proxy' ? '' : parts[2] ?? ''
  const info = { isResource: true, group, version, namespace, resource, subresource, parts, prefix: special } as const
  const verb = special ?? verbs[method] ?? ''
  if (name !== '' || special !== null) return { ...info, verb, name }
  if (verb === 'delete') return { ...info, verb: 'deletecollection', name: '' }
  if (verb !== 'get') return { ...info, verb, name: '' }
  const watch = query.get('watch')?.[0]
  return { ...info, verb: watch === undefined || watch === '0' || watch.toLowerCase() === 'false' ? 'list' : 'watch', name: exactName(query.get('fieldSelector')?.[0] ?? '') }
}

/** Method and raw target → what the API server would decide by. Refuses what has two readings. */
export function attributesOf(method: string, target: string): Result<Attributes> {
  const parts = partsOf(target)
  return parts.ok ? attributesIn(method, parts.value) : parts
}

const methods: ReadonlySet<string> = new Set(Object.keys(verbs))
export function attributesIn(method: string, parts: Parts): Result<Attributes> {
  if (!methods.has(method)) return unsupported('method', `method \`${clip(method)}\` is not one of GET, HEAD, POST, PUT, PATCH, DELETE`)
  const info = infoOf(method, parts)
  if (info.prefix === 'watch') return unsupported('watch_prefix', 'paths with `/watch/` are deprecated, and servers read their selectors differently; use `?watch=true`')
  if (info.prefix === 'proxy') return unsupported('proxy_prefix', 'paths with `/proxy/` in front are not supported')
  const path = `/${parts.segments.join('/')}`
  const verb = verbOf(info, method)
  if (verb === null) return unsupported('method', `method \`${method}\` means nothing for \`${clip(path)}\``)
  if (!info.isResource) return ok({ verb, isResource: false, path, group: '', version: '', resource: '', subresource: null, namespace: null, name: null })
  // The server has no such route; before it would say so, the look before a write would read the whole collection.
  if ((verb === 'update' || verb === 'patch') && info.name === '') return unsupported('method', `method \`${method}\` means nothing for the whole of \`${clip(path)}\`: it names no object`)
  const wrong = badPart(info) ?? badSelectors(parts)
  if (wrong) return wrong
  return ok({
    verb, isResource: true, path, group: info.group, version: info.version, resource: info.resource,
    subresource: info.subresource === '' ? null : info.subresource, namespace: info.namespace === '' ? null : info.namespace, name: info.name === '' ? null : info.name,
  })
}

function verbOf(info: Info, method: string): Attributes['verb'] | null {
  switch (info.verb) {
    case 'get': case 'list': case 'watch': case 'create': case 'update': case 'patch': case 'delete': case 'deletecollection': return info.verb
    case 'head': return 'get'
  }
  return method === 'GET' ? 'get' : null
}

/** Which name of a group is no name of a core resource too: with a dot in it, or one of these. Else `pods/log` could be read two ways. */
const plainGroups: ReadonlySet<string> = new Set(['', 'apps', 'batch', 'autoscaling', 'policy', 'extensions'])
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
function badPart({ group, version, namespace, resource, subresource, name, parts }: Info) {
  if (!plainGroups.has(group) && !(group.includes('.') && group.length <= 253 && group.split('.').every((part) => label.test(part)))) return unreadable('group', `\`${clip(group)}\` is no api group the gate knows how to name; one without a dot must be apps, batch, autoscaling, policy or extensions`)
  if (!/^[a-z][a-z0-9]{0,62}$/.test(version)) return unreadable('version', `\`${clip(version)}\` is no version of an api group`)
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(resource)) return unreadable('resource', `\`${clip(resource)}\` is no resource: its plural in lower case, such as \`pods\``)
  if (subresource !== '' && !/^[a-z][a-z0-9]{0,62}$/.test(subresource)) return unreadable('resource', `\`${clip(subresource)}\` is no subresource`)
  if (group === '' && resource === 'namespaces' && namespace !== '' && namespace !== name) return unreadable('namespace', 'namespaces lie in no namespace')   // read there as of that namespace, and here as of none
  if (namespace !== '' && !label.test(namespace)) return unreadable('namespace', `\`${clip(namespace)}\` is no name of a namespace`)
  if (parts.length > 3 && subresource !== 'proxy') return unreadable('path', `the path goes on behind \`${clip(subresource)}\`, where nothing is`)
  return null
}
function badSelectors({ query }: Parts) {
  for (const key of ['fieldSelector', 'labelSelector']) {
    const text = query.get(key)?.[0]
    if (key === 'fieldSelector' && text !== undefined && termsOf(text) === null) return unreadable('selector', `\`${clip(text)}\` is no field selector; write terms such as \`metadata.name=front\`, joined by \`,\`, each field once`)
  }
  return null
}
