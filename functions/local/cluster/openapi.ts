import { apiVersionOf, kinds, type Kind } from './kinds.ts'
import type { Fields } from './object.ts'
import { types, type Field } from './schema.ts'

/** OpenAPI v2 and v3 of what is here, large enough for kubectl's `explain`, `--validate`, `diff` and dry runs. */
const about: Readonly<Record<string, string>> = {
  metadata: 'Name, labels and what else every object has.', spec: 'What is wanted.', status: 'What is; written by controllers.', replicas: 'How many pods are wanted.',
  containers: 'The containers of the pod; at least one.', image: 'The image the container runs.', data: 'Values by key.', template: 'The pods that are made.', selector: 'Which pods belong to it.',
}
const schemaName = (type: string) => `io.k8s.api.demo.${type}`
const gvk = ({ group, version, kind }: Kind) => ({ group, version, kind })

function typed(field: Field, prefix: string): Fields {
  switch (field.type) {
    case 'string': return { type: 'string' }
    case 'int': return { type: 'integer', format: 'int32' }
    case 'bool': return { type: 'boolean' }
    case 'time': return { type: 'string', format: 'date-time' }
    case 'any': return { type: 'object' }
    case 'map': return { type: 'object', additionalProperties: { type: 'string' } }
    case 'bytes': return { type: 'object', additionalProperties: { type: 'string', format: 'byte' } }
    case 'intOrString': return prefix.startsWith('#/components') ? { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' } : { type: 'string', format: 'int-or-string' }
    default: return { $ref: `${prefix}${schemaName(field.type)}` }
  }
}
function property(field: Field, prefix: string): Fields {
  const inner = typed(field, prefix)
  const description = about[field.name] ?? `${field.name} of the object.`
  if (field.list) return { description, type: 'array', items: inner, ...(field.key ? { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [field.key], 'x-kubernetes-patch-merge-key': field.key, 'x-kubernetes-patch-strategy': 'merge' } : {}) }
  return '$ref' in inner && prefix.startsWith('#/components') ? { description, allOf: [inner], default: {} } : { description, ...inner }
}
function definition(type: string, of: readonly Kind[], prefix: string): Fields {
  const own = types.get(type) ?? []
  const required = own.filter((field) => field.required).map(({ name }) => name)
  const named = of.filter(({ kind }) => kind === type)
  return {
    description: `${type} of the demo cluster.`, type: 'object', ...(required.length ? { required } : {}),
    properties: Object.fromEntries(own.map((field) => [field.name, property(field, prefix)])),
    ...(named.length ? { 'x-kubernetes-group-version-kind': named.map(gvk) } : {}),
  }
}
const definitions = (of: readonly Kind[], prefix: string): Fields => Object.fromEntries([...types.keys()].map((type) => [schemaName(type), definition(type, of, prefix)]))

function paths(of: readonly Kind[], parameter: (name: string) => Fields): Fields {
  return Object.fromEntries(of.flatMap((kind) => {
    const base = `/${kind.group === '' ? 'api' : 'apis'}/${apiVersionOf(kind)}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`
    const operation = (action: string, names: readonly string[]) => ({ responses: { 200: { description: 'OK' } }, parameters: names.map(parameter), 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': gvk(kind) })
    const written = ['dryRun', 'fieldManager', 'fieldValidation']
    return [
      [base, { get: operation('list', ['limit', 'continue', 'watch']), post: operation('post', written) }],
      ...kind.virtual ? [] : [[`${base}/{name}`, { get: operation('get', []), put: operation('put', written), patch: operation('patch', [...written, 'force']), delete: operation('delete', ['dryRun']) }]],
    ]
  }))
}
const info = { title: 'Kubernetes', version: 'v1.32.0' }
export const swagger = (): Fields => ({ swagger: '2.0', info, paths: paths(kinds, (name) => ({ name, in: 'query', type: 'string', uniqueItems: true })), definitions: definitions(kinds, '#/definitions/') })

/** `api/v1`, `apis/apps/v1`, … */
const places = new Map(kinds.map((kind) => [`${kind.group === '' ? 'api' : 'apis'}/${apiVersionOf(kind)}`, { group: kind.group, version: kind.version }]))
export const openapiIndex = (): Fields => ({ paths: Object.fromEntries([...places.keys()].map((place) => [place, { serverRelativeURL: `/openapi/v3/${place}?hash=1` }])) })
/** null: no such group and version. */
export function openapi(place: string): Fields | null {
  const found = places.get(place)
  if (!found) return null
  const own = kinds.filter(({ group, version }) => group === found.group && version === found.version)
  return {
    openapi: '3.0.0', info, paths: paths(own, (name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } })),
    components: { schemas: definitions(own, '#/components/schemas/') },
  }
}
