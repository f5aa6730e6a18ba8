import { Failure } from './failure.ts'
import type { Kind } from './kinds.ts'
import { isFields, type Fields } from './object.ts'
import { types, type Field } from './schema.ts'

/** The first value that is not of its field's type: where it is, and what should be there. null: none, as far as schema.ts says. A `null` is no value. */
export function mistyped(type: string, value: Fields, path = ''): { readonly path: string; readonly type: string; readonly value: unknown } | null {
  for (const field of types.get(type) ?? []) {
    const inner = value[field.name]
    if (inner === undefined || inner === null) continue
    const here = `${path}.${field.name}`
    const elements = field.list ? (Array.isArray(inner) ? inner.map((one: unknown, index) => [`${here}[${index}]`, one] as const) : null) : [[here, inner] as const]
    if (elements === null) return { path: here, type: 'list', value: inner }
    for (const [at, one] of elements) {
      const wrong = wrongIn(field, one, at)
      if (wrong) return wrong
    }
  }
  return null
}
function wrongIn({ type }: Field, value: unknown, path: string): ReturnType<typeof mistyped> {
  const unless = (fits: boolean, wanted: string) => (fits ? null : { path, type: wanted, value })
  switch (type) {
    case 'any': return null
    case 'string': case 'time': return unless(typeof value === 'string', 'string')
    case 'int': return unless(Number.isInteger(value), 'numeric')
    case 'bool': return unless(typeof value === 'boolean', 'boolean')
    case 'intOrString': return unless(typeof value === 'string' || Number.isInteger(value), 'string')
    case 'map': case 'bytes': {
      if (!isFields(value)) return { path, type: 'map', value }
      const [key, wrong] = Object.entries(value).find(([, one]) => typeof one !== 'string' && one !== null) ?? []
      return key === undefined ? null : { path: `${path}.${key}`, type: 'string', value: wrong }
    }
  }
  return isFields(value) ? mistyped(type, value, path) : { path, type: 'map', value }
}

/** As the real server says it of what a patch made: with the whole object in its words, whatever that holds. Throws. */
export function judgePatched(kind: Kind, object: Fields): void {
  const wrong = mistyped(kind.kind, object)
  if (wrong === null) return
  const message = `Invalid value: ${JSON.stringify(JSON.stringify(object))}: ${kind.version}.${kind.kind}${wrong.path}: expected ${wrong.type}, found ${JSON.stringify(wrong.value)}`
  throw new Failure(422, 'Invalid', ` "" is invalid: patch: ${message}`, { causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }] })
}
/** Of what is applied: with a bare 500. Throws. */
export function judgeApplied(kind: Kind, object: Fields): void {
  const wrong = mistyped(kind.kind, object)
  if (wrong) throw new Failure(500, '', `failed to create typed patch object: ${wrong.path}: expected ${wrong.type}, got &value.valueUnstructured{Value:${JSON.stringify(wrong.value)}}`)
}
/** Of an object that is created or replaced. Throws. */
export function judgeSent(kind: Kind, object: Fields): void {
  const wrong = mistyped(kind.kind, object)
  if (wrong) throw new Failure(400, 'BadRequest', `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: json: cannot unmarshal ${JSON.stringify(wrong.value)} into Go struct field ${kind.kind}${wrong.path} of type ${wrong.type}`)
}
