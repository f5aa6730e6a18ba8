import { isApplied } from './annotation.ts'
import type { Json } from '../json.ts'
import { membersOf } from './body.ts'
import { operationsOf, settingOf } from './pointer.ts'
import { isObject } from './precondition.ts'

type Value = Readonly<Record<string, unknown>>
/** What the server and its controllers write with every change, or by themselves. */
const kept: ReadonlySet<string> = new Set(['managedFields', 'resourceVersion', 'generation'])
/** More of them than a rule would name. */
const mostPaths = 200

/**
 * The places in which a write leaves an object otherwise than it is, as a rule's `changed` has them: members by name between dots, `\.` a dot in a name, a list as a whole; sorted. Left out are the
 * status (but where a write may change it: `status`), and what the server keeps of versions and managers (see `managers`). Of the copy that `kubectl apply` keeps, the places that change in the copy: what somebody's next apply
 * takes away is told by it, so one that says nothing new is no change, and one that comes, goes or cannot be read is one. null: they are too many to be told, and of some alone a rule would take the rest for unchanged. `unsaid`: places that
 * count whether they change or not.
 */
export function changedIn(before: Value, after: Value, status: boolean, unsaid: readonly string[] = []): readonly string[] | null {
  const found = new Set<string>(unsaid)
  const { status: old, ...own } = before
  const { status: now, ...next } = after
  compare(own, next, [], found)
  if (status) compare(old, now, ['status'], found)
  return found.size > mostPaths ? null : [...found].sort()
}

/** Who manages which field decides what the next server-side apply takes away: each write moves it along, and one that sets it by itself makes a change of its own. */
export const managers = 'metadata.managedFields'
export function setsManagers(contentType: string | null, body: Json, before: Value): boolean {
  const there = (path: readonly string[] | null): boolean => path?.[0] === 'metadata' && path[1] === 'managedFields'
  if (contentType === 'application/json-patch+json') return operationsOf(body).some(({ op, path, from }) => op !== 'test' && (there(path) || (op === 'move' && there(from))))
  const now = isObject(before['metadata']) ? before['metadata']['managedFields'] : undefined
  return settingOf(contentType, body).some((set) => { const given = membersOf(membersOf(set)?.metadata)?.managedFields; return given !== undefined && !same(given, now) })
}

function compare(one: unknown, other: unknown, path: readonly string[], found: Set<string>): void {
  if (found.size > mostPaths) return
  if (isObject(one) && isObject(other)) {
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      if (path.length === 1 && path[0] === 'metadata' && kept.has(key)) continue
      const [a, b] = [member(one, key), member(other, key)]
      if (path.length === 1 && path[0] === 'metadata' && maps.has(key) && (a === undefined || b === undefined)) { compare(a ?? {}, b ?? {}, [...path, key], found); continue }
      if (path.length === 2 && path[0] === 'metadata' && path[1] === 'annotations' && isApplied(key) && a !== b && copies(a, b, found)) continue
      compare(a, b, [...path, key], found)
    }
    return
  }
  if (!same(one, other)) found.add(spelled(path))
}
/** Members by name between dots, `\.` a dot in a name. */
export const spelled = (path: readonly string[]): string => path.map((step) => step.replaceAll('\\', '\\\\').replaceAll('.', '\\.')).join('.')
const maps: ReadonlySet<string> = new Set(['annotations', 'labels'])
const member = (value: Value, key: string): unknown => (Object.hasOwn(value, key) ? value[key] : undefined)

/** Both are copies that can be read, and their differences are among `found` now. */
function copies(one: unknown, other: unknown, found: Set<string>): boolean {
  const [before, after] = [copyOf(one), copyOf(other)]
  if (before === null || after === null) return false
  compare(before, after, [], found)
  return true
}
function copyOf(text: unknown): Value | null {
  if (typeof text !== 'string') return null
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((item, at) => same(item, other[at]))
  if (isObject(one) && isObject(other)) {
    const keys = Object.keys(one)
    return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]))
  }
  return one === other
}
