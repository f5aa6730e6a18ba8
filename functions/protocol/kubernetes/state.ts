import { createHash } from 'node:crypto'
import { canonicalJson } from '../../../schema/bundle.ts'
import type { Json } from '../json.ts'
import { membersOf } from './body.ts'
import { setsManagers } from './changed.ts'
import { writesStatus } from './kind.ts'
import type { Basis, Dry } from './plan.ts'
import { operationsOf } from './pointer.ts'
import { isObject } from './precondition.ts'
import type { Statement } from './request.ts'

type Value = Readonly<Record<string, unknown>>
const none: Basis = { all: false, managers: false, status: [] }

/**
 * On what of an object a write of it was decided, beyond what is its author's: whatever the change that people are shown was made from, or another one is made of the same words once that is otherwise. Never more: a controller
 * writes the rest of a status many times a second, and an approval over that would be stale before it is given.
 */
export function basisOf({ attributes, contentType, body }: Pick<Statement, 'attributes' | 'contentType' | 'body'>, { object, oldObject }: Dry = {}): Basis {
  if ((attributes.verb !== 'update' && attributes.verb !== 'patch') || !isObject(oldObject) || body === null) return none
  const all = setsManagers(contentType, body as Json, oldObject) || (contentType === 'application/json-patch+json' && operationsOf(body as Json).some(({ from }) => from !== null && !isOwn(from)))
  // Which fields an apply takes away is told by who manages them.
  return { all, managers: contentType === 'application/apply-patch+yaml', status: writesStatus(attributes) ? touched(oldObject['status'], object) : [] }
}
const changing: ReadonlySet<string> = new Set(['managedFields', 'resourceVersion', 'generation'])
/** Of what every fingerprint covers. */
const isOwn = ([first, second]: readonly string[]): boolean => first !== undefined && first !== 'status' && (first !== 'metadata' || (second !== undefined && !changing.has(second)))

/** Members of the status that the write changes; all of it where nobody could tell. */
function touched(before: unknown, object: Dry['object']): Basis['status'] {
  if (!isObject(object)) return 'all'
  const after = object['status']
  if (!isObject(before) || !isObject(after)) return stable(before ?? null) === stable(after ?? null) ? [] : 'all'
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => stable(before[name] ?? null) !== stable(after[name] ?? null)).sort()
}

/** What an object is to whoever decides by it: which one it is, all of it but what changes by itself, and of that what the write was decided on. SHA-256, hex; also of none (null) and of what could not be seen, each its own. */
export function stateOf(object: Value | null | undefined, basis: Basis = none): string {
  if (object === undefined || object === null) return sha256(object === null ? 'absent' : 'unknown')
  if (basis.all) return sha256(stable(object))
  const { metadata, status, ...others } = object
  const { managedFields, resourceVersion: _version, generation: _generation, ...own } = membersOf((metadata ?? null) as Json) ?? {}
  return sha256(stable({ ...others, metadata: own, ...(basis.managers ? { managers: managersIn(managedFields, basis.status.length > 0) } : {}), ...(basis.status.length === 0 ? {} : { status: statusIn(status, basis.status) }) }))
}
const statusIn = (status: unknown, names: Basis['status']): unknown => (names === 'all' ? [status ?? null] : names.map((name) => [name, isObject(status) ? status[name] ?? null : null]))
/** Who manages what, without when: whoever keeps writing the same fields changes nothing by it. `status`: and what of the status. */
const managersIn = (fields: unknown, status: boolean): unknown => (Array.isArray(fields) ? fields.filter((one: unknown) => status || !isObject(one) || one['subresource'] !== 'status').map((one: unknown) => (isObject(one) ? Object.fromEntries(Object.entries(one).filter(([name]) => name !== 'time')) : one)) : null)

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
export function stable(value: unknown): string {
  try {
    return canonicalJson(value)
  } catch {
    return JSON.stringify(value)                                     // over-long nesting: then any difference of order counts as one
  }
}
