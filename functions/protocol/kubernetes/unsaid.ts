import type { Json } from '../json.ts'
import { isApplied, isPlain } from './annotation.ts'
import { membersOf } from './body.ts'
import { spelled } from './changed.ts'
import { settingOf } from './pointer.ts'
import type { Statement } from './request.ts'
import { position, type ClassRule } from './rules.ts'
import { placesAt } from './use.ts'

/**
 * Places that a write sets and that come masked, as `changed` has them: they count as changed whether they do or not. Else a rule over `changed` would permit what sets the value that is there and ask about any
 * other, and a guess would be tried out without changing anything. Where a JSON patch points into a list, the list as well;
 * of what is written as `stringData`, where the server puts it.
 */
export function unsaidIn({ contentType, body }: Pick<Statement, 'contentType' | 'body'>, classes: readonly ClassRule[]): readonly string[] {
  if (body === null || classes.length === 0) return []
  const found = settingOf(contentType, body as Json).flatMap((set) => [...classesIn(set, classes), ...annotationsIn(set, [], classes)])
  return found.flatMap((path) => (path[0] === 'stringData' ? [path, ['data', ...path.slice(1)]] : [path])).flatMap((path) => { const at = path.findIndex((step) => position.test(step)); return at > 0 ? [spelled(path), spelled(path.slice(0, at))] : [spelled(path)] })
}

const classesIn = (set: Json, classes: readonly ClassRule[]): readonly (readonly string[])[] => classes.flatMap(({ steps }) => placesAt(set, steps).map(({ path }) => path))

/** Of the copy that `kubectl apply` keeps, what it says of such places. */
function annotationsIn(value: Json, path: readonly string[], classes: readonly ClassRule[]): readonly (readonly string[])[] {
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap((item) => annotationsIn(item, path, classes).map(() => path))
  const members = membersOf(value)
  if (!members) return []
  const rest = Object.entries(members).flatMap(([key, member]) => annotationsIn(member, [...path, key], classes))
  const own = membersOf(membersOf(members.metadata)?.annotations)
  const at = [...path, 'metadata', 'annotations']
  return [...rest, ...Object.entries(own ?? {}).flatMap(([name, one]) => (typeof one === 'string' && isPlain(name, one) ? [] : isApplied(name) ? inCopy(one, [...at, name], classes) : [[...at, name]]))]
}
function inCopy(text: Json, path: readonly string[], classes: readonly ClassRule[]): readonly (readonly string[])[] {
  try {
    const copy = JSON.parse(String(text)) as Json
    return membersOf(copy) === null ? [path] : [...classesIn(copy, classes), ...annotationsIn(copy, [], classes)]
  } catch {
    return [path]
  }
}
