import type { Json } from '../json.ts'
import { leadsToAnnotations } from './annotation.ts'
import { membersOf } from './body.ts'
import { stepsOf } from './pointer.ts'
import { meets, type ClassRule } from './rules.ts'

/** No hash of it either: a password is guessed from its hash by whoever may read the record. What is approved is bound as it is sent. */
const withheld = '[withheld]'

/**
 * A body as the record and those who approve see it: each value that holds a class, and each annotation that may repeat one, withheld. The same value where nothing is hidden.
 */
export function toldOf(classes: readonly Pick<ClassRule, 'steps'>[], contentType: string | null, body: Json): Json {
  if (classes.length === 0 || body === null) return body
  const paths = [...classes.map(({ steps }) => steps), ['metadata', 'annotations', '*']]
  if (contentType === 'application/json-patch+json' && Array.isArray(body)) return (body as readonly Json[]).map((operation) => toldOperation(operation, paths))
  return hidden(body, paths)
}

/** A value that is put at, above or below such a place is hidden whole. */
function toldOperation(operation: Json, paths: readonly (readonly string[])[]): Json {
  const object = membersOf(operation)
  if (!object || !Object.hasOwn(object, 'value') || typeof object.path !== 'string') return operation
  const path = stepsOf(object.path)
  return paths.some((steps) => meets(steps, path)) || leadsToAnnotations(path) ? { ...object, value: leaves(object.value ?? null) } : { ...object, value: hidden(object.value ?? null, []) }
}

function hidden(value: Json, paths: readonly (readonly string[])[]): Json {
  if (paths.some((steps) => steps.length === 0)) return leaves(value)
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => hidden(item, [...paths, ...paths.filter(([step]) => step === '*').map((steps) => steps.slice(1))]))
  const object = membersOf(value)
  if (!object) return value
  // Those of a template too, wherever it sits.
  return Object.fromEntries(Object.entries(object).map(([key, member]) => [key, hidden(member, [...paths.filter(([step]) => step === '*' || step === key).map((steps) => steps.slice(1)), ...(key === 'metadata' ? [['annotations', '*']] : [])])]))
}
function leaves(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(leaves)
  const object = membersOf(value)
  if (object) return Object.fromEntries(Object.entries(object).map(([key, member]) => [key, leaves(member)]))
  return value === null ? null : withheld
}
