import { ok, type Result } from '../../../schema/refusal.ts'
import { parseJson } from '../../json.ts'
import type { Json } from '../json.ts'
import { bodyKinds } from './kind.ts'
import type { Attributes } from './plan.ts'
import { parseProtobuf } from './protobuf.ts'
import { clip, unreadable, unsupported } from './say.ts'
import { parseYaml } from './yaml.ts'

/** A body as a value, and the content type it is forwarded under: as JSON, whatever it came as. Both null: none. */
export interface Body { readonly value: Json; readonly contentType: string | null }
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const patches = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'] as const
const maxDepth = 64

/** Bytes → the one value that is decided on, agreeing with the path in what it says it is. Refuses what has two readings, what is not whole, and what is of no form known. */
export function bodyOf(attributes: Attributes, contentType: string | undefined, bytes: Uint8Array | null, query: ReadonlyMap<string, readonly string[]>): Result<Body> {
  const { verb, subresource } = attributes
  const wanted = verb === 'create' || verb === 'update' || verb === 'patch' ? subresource !== 'exec' : false
  if (bytes === null || bytes.length === 0) return wanted ? unreadable('no_body', `a ${verb} needs a body`) : ok({ value: null, contentType: null })
  if (!wanted && verb !== 'delete' && verb !== 'deletecollection') return unreadable('body', `a ${verb} has no body`)
  const type = typeOf(verb, contentType)
  if (!type.ok) return type
  const parsed = parse(type.value, bytes)
  if (!parsed.ok) return parsed
  const value = parsed.value as Json
  const wrong = badText(value) ?? (type.value === patches[0] ? badJsonPatch(value) : badObject(attributes, type.value, value, query))
  if (wrong) return wrong
  return ok({ value, contentType: verb === 'patch' ? type.value : 'application/json' })
}

function typeOf(verb: Attributes['verb'], header: string | undefined): Result<string> {
  const [type = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim().toLowerCase())
  if (parameters.some((parameter) => parameter !== 'charset=utf-8')) return unsupported('content_type', `content type \`${clip(header ?? '')}\` has parameters the gate does not know`)
  const known: readonly string[] = verb === 'patch' ? patches : ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']
  if (type === '' && verb !== 'patch') return ok('application/json')
  return known.includes(type) ? ok(type) : unsupported('content_type', `content type \`${clip(type)}\` is not one of ${known.join(', ')}`)
}

function parse(type: string, bytes: Uint8Array): Result<unknown> {
  if (type === 'application/vnd.kubernetes.protobuf') return parseProtobuf(bytes)
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return unreadable('not_utf8', 'the body is not utf-8')
  }
  if (!type.endsWith('yaml')) return parseJson(text)
  return text.trimStart().startsWith('{') ? parseJson(text) : parseYaml(text)
}

/** Iterative: the depth is the caller's. */
function badText(value: Json) {
  const open: { value: Json; depth: number }[] = [{ value, depth: 0 }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, depth } = next
    if (typeof value === 'string' && !value.isWellFormed()) return unreadable('text', 'a text in the body holds half of a surrogate pair')
    if (typeof value === 'number' && !Number.isFinite(value)) return unreadable('number', 'a number in the body is none that json can write')
    if (typeof value !== 'object' || value === null) continue
    if (depth > maxDepth) return unreadable('too_deep', `the body nests deeper than ${maxDepth} levels`)
    for (const [key, member] of Object.entries(value)) {
      if (key === '__proto__' || !key.isWellFormed()) return unreadable('member', 'a member of the body has a name that is no text, or is reserved')
      open.push({ value: member, depth: depth + 1 })
    }
  }
  return null
}

export type Members = Readonly<Record<string, Json>>
export const membersOf = (value: Json | undefined): Members | null => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Members : null)

/** Operations of RFC 6902, each with the members it has, and none on what says which object it is. */
function badJsonPatch(value: Json) {
  const bad = (detail: string) => unreadable('json_patch', detail)
  if (!Array.isArray(value)) return bad('a json patch is a list of operations')
  for (const item of value as readonly Json[]) {
    const operation = membersOf(item)
    const { op, path, from } = operation ?? {}
    if (typeof op !== 'string' || !['add', 'remove', 'replace', 'move', 'copy', 'test'].includes(op)) return bad('an operation of a json patch has an `op`: add, remove, replace, move, copy or test')
    const pointers = op === 'move' || op === 'copy' ? [path, from] : [path]
    for (const pointer of pointers) {
      if (typeof pointer !== 'string' || !/^(?:\/(?:[^~/]|~[01])*)+$/.test(pointer)) return bad('an operation of a json patch points to one member of the object, such as `/spec/replicas`')
      if (pointer.split('/').length > maxDepth) return bad(`an operation of a json patch points deeper than ${maxDepth} levels`)
      if (/^\/(?:kind|apiVersion|metadata|metadata\/(?:name|namespace|uid|managedFields))$/.test(pointer) && op !== 'test') return bad(`a patch may not change \`${clip(pointer)}\``)
    }
    const members = Object.keys(operation ?? {})
    if (members.some((member) => !['op', 'path', 'from', 'value'].includes(member)) || (op === 'add' || op === 'replace' || op === 'test') !== members.includes('value')) return bad(`an operation \`${op}\` has other members than it should`)
  }
  return null
}

function badObject(attributes: Attributes, type: string, value: Json, query: ReadonlyMap<string, readonly string[]>) {
  const object = membersOf(value)
  if (!object) return unreadable('object', 'the body must be an object')
  if (attributes.verb === 'delete' || attributes.verb === 'deletecollection') return badOptions(attributes, object, query)
  const { verb, group, version, name, namespace, resource } = attributes
  const kinds = bodyKinds(attributes)
  const partial = verb === 'patch' && type !== 'application/apply-patch+yaml'
  const fits = (one: { apiVersion: string; kind: string | null }) => (partial && object.apiVersion === undefined ? true : object.apiVersion === one.apiVersion)
    && (partial && object.kind === undefined ? true : typeof object.kind === 'string' && /^[A-Za-z0-9]{1,63}$/.test(object.kind) && (one.kind === null || object.kind === one.kind))
  if (kinds && !kinds.some(fits)) return unreadable('kind', `the body must be \`${kinds[0]?.kind ?? resource}\` of \`${kinds[0]?.apiVersion ?? `${group}/${version}`}\`, as the path says`)
  const metadata = membersOf(object.metadata)
  if (object.metadata !== undefined && object.metadata !== null && !metadata) return unreadable('metadata', '`metadata` must be an object')
  const { name: named, namespace: placed, generateName } = metadata ?? {}
  if ([named, placed, generateName].some((text) => text !== undefined && text !== null && typeof text !== 'string')) return unreadable('metadata', '`metadata.name`, `namespace` and `generateName` must be text')
  const own = named === undefined || named === null || named === '' ? null : named
  if (own !== null && name !== null && own !== name) return unreadable('name', `\`metadata.name\` is \`${clip(String(own))}\`, and the path names \`${name}\``)
  if (typeof own === 'string' && !/^[A-Za-z0-9._:@~!$'()*+,=-]{1,253}$/.test(own)) return unreadable('name', '`metadata.name` is no name of an object')
  const home = resource === 'namespaces' && group === '' ? null : namespace
  if (typeof placed === 'string' && placed !== '' && placed !== home) return unreadable('namespace', `\`metadata.namespace\` is \`${clip(placed)}\`, and the path names ${home === null ? 'none' : `\`${home}\``}`)
  return null
}

/** The server reads options from the body and then not from the query: `?dryRun=All` beside a body would be no dry run. */
function badOptions({ group, version }: Attributes, options: Members, query: ReadonlyMap<string, readonly string[]>) {
  const known = ['kind', 'apiVersion', 'gracePeriodSeconds', 'preconditions', 'orphanDependents', 'propagationPolicy', 'dryRun']
  const other = Object.keys(options).find((member) => !known.includes(member))
  if (other !== undefined) return unreadable('delete_options', `member \`${clip(other)}\` of delete options is not known`)
  if (options.kind !== undefined && options.kind !== 'DeleteOptions') return unreadable('kind', 'the body of a delete must be `DeleteOptions`')
  const versions = ['v1', 'meta.k8s.io/v1', group === '' ? version : `${group}/${version}`]
  if (options.apiVersion !== undefined && !versions.includes(String(options.apiVersion))) return unreadable('kind', `the body of a delete must be of \`v1\``)
  const { dryRun } = options
  if (dryRun !== undefined && dryRun !== null && !(Array.isArray(dryRun) && (dryRun.length === 0 || (dryRun.length === 1 && dryRun[0] === 'All')))) return unreadable('delete_options', '`dryRun` may be `["All"]`')
  const wrong = Object.entries(options).find(([member, value]) => value !== null && optionForms[member]?.(value) === false)?.[0]
  if (wrong !== undefined) return unreadable('delete_options', `member \`${clip(wrong)}\` of delete options is not of its kind`)
  const twice = ['dryRun', 'gracePeriodSeconds', 'propagationPolicy', 'orphanDependents'].find((key) => query.has(key))
  return twice === undefined ? null : unreadable('delete_options', `\`${twice}\` is in the query, and there is a body, beside which servers do not read it; put it into the body`)
}

/** What cannot be decoded the server answers with a bare 500, after which nobody would know whether the delete was done. */
const optionForms: Readonly<Record<string, (value: Json) => boolean>> = {
  gracePeriodSeconds: (value) => Number.isSafeInteger(value), orphanDependents: (value) => typeof value === 'boolean', propagationPolicy: (value) => typeof value === 'string',
  preconditions: (value) => Object.entries(membersOf(value) ?? { '': 0 }).every(([member, text]) => (member === 'uid' || member === 'resourceVersion') && (text === null || typeof text === 'string')),
}

/** JSON as a body is sent, also where it travels as YAML: there these characters would end a line, or be none at all. */
export const inYaml = (json: string): string => json.replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
