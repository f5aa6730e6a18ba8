import type { Json } from '../json.ts'
import { membersOf } from './body.ts'
import { named } from './kind.ts'
import type { Attributes } from './plan.ts'

/** Members of these resources' bodies hold what only their readers may see, whatever a policy classifies. */
const hidden: Readonly<Record<string, readonly string[]>> = { secrets: ['data', 'stringData'], 'authentication.k8s.io/tokenreviews': ['spec'] }
/** No hash of it either: a password is guessed from its hash by whoever may read the record. What is approved is bound as it is sent. */
const withheld = '[withheld]'

/**
 * A body as the record and those who approve see it: each value of a Secret, and each of its annotations that may repeat them, withheld. The same value where
 * nothing is hidden.
 */
export function toldOf({ isResource, group, resource }: Attributes, contentType: string | null, body: Json): Json {
  const members = isResource ? hidden[named(group, resource, null)] : undefined
  if (!members || body === null) return body
  if (contentType === 'application/json-patch+json' && Array.isArray(body)) return (body as readonly Json[]).map((operation) => toldOperation(operation, members))
  const object = membersOf(body)
  if (!object) return withheld
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, members.includes(key) ? leaves(value) : key === 'metadata' ? toldMetadata(value) : value]))
}
function toldMetadata(metadata: Json): Json {
  const object = membersOf(metadata)
  return object?.annotations ? { ...object, annotations: leaves(object.annotations) } : metadata
}
function toldOperation(operation: Json, members: readonly string[]): Json {
  const object = membersOf(operation)
  const path = typeof object?.path === 'string' ? object.path.split('/') : []
  const plain = path[1] !== undefined && !members.includes(path[1]) && !(path[1] === 'metadata' && (path[2] === undefined || path[2] === 'annotations'))
  return object && Object.hasOwn(object, 'value') && !plain ? { ...object, value: leaves(object.value ?? null) } : operation
}
function leaves(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(leaves)
  const object = membersOf(value)
  if (object) return Object.fromEntries(Object.entries(object).map(([key, member]) => [key, leaves(member)]))
  return value === null ? null : withheld
}
