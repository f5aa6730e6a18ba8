import { ok, type Result } from '../../../schema/refusal.ts'
import { clip, unreadable } from './say.ts'

/** A request target taken apart: decoded segments, and decoded parameters in the order they came. */
export interface Parts { readonly segments: readonly string[]; readonly query: ReadonlyMap<string, readonly string[]> }

const maxTargetLength = 16 * 1024
/** The one parameter that is a list: the command of `exec`. */
const repeated: ReadonlySet<string> = new Set(['command'])
/** Names of objects may hold these; no separator of a path or a query, and nothing that an encoding is made of, is among them. */
const segmentText = /^[A-Za-z0-9._:@~!$'()*+,=-]+$/

/**
 * The raw target, as it came on the wire → its parts. Refuses every spelling that two readers could take differently: Go decodes `%2f` before it splits and keeps `..` and
 * `//`, URL parsers collapse them, proxies do either; Go drops a parameter with `;` in it, others split there; of a parameter sent twice some take the first and some the last.
 */
export function partsOf(target: string): Result<Parts> {
  if (target.length > maxTargetLength) return unreadable('target_too_long', `the request target is longer than ${maxTargetLength} characters`)
  if (!/^\/[\x21-\x7e]*$/.test(target) || /[#\\]/.test(target)) return unreadable('target', 'the request target must begin with `/` and hold printable ascii without `#` and `\\`')
  const mark = target.indexOf('?')
  const segments = segmentsOf(mark === -1 ? target : target.slice(0, mark))
  if (!segments.ok) return segments
  const query = queryOf(mark === -1 ? '' : target.slice(mark + 1))
  return query.ok ? ok({ segments: segments.value, query: query.value }) : query
}

function segmentsOf(path: string): Result<readonly string[]> {
  if (path === '/') return ok([])
  const segments: string[] = []
  for (const raw of path.slice(1).replace(/\/$/, '').split('/')) {         // one slash at the end means nothing to the server, and is not forwarded
    const segment = decoded(raw)
    if (segment === null) return unreadable('escape', `\`${clip(raw)}\` in the path is badly encoded`)
    if (segment === '' || segment === '.' || segment === '..') return unreadable('dot_segment', 'the path holds an empty, `.` or `..` segment; write it plainly')
    if (!segmentText.test(segment)) return unreadable('path_text', `\`${clip(raw)}\` in the path holds a character that no name has, or an encoded separator`)
    segments.push(segment)
  }
  return ok(segments)
}

function queryOf(text: string): Result<ReadonlyMap<string, readonly string[]>> {
  const query = new Map<string, string[]>()
  if (text === '') return ok(query)
  if (text.includes(';')) return unreadable('semicolon', 'the query holds `;`, which servers read differently; write `%3B` for the character')
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=')
    const key = decoded((equals === -1 ? pair : pair.slice(0, equals)).replaceAll('+', ' '))
    const value = equals === -1 ? '' : decoded(pair.slice(equals + 1).replaceAll('+', ' '))
    if (key === null || value === null || !/^[A-Za-z]+$/.test(key)) return unreadable('parameter', `\`${clip(pair)}\` in the query is badly written`)
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(value)) return unreadable('parameter_text', `parameter \`${key}\` holds a control character`)
    const before = query.get(key)
    if (before && !repeated.has(key)) return unreadable('duplicate_parameter', `parameter \`${key}\` is there twice; keep one`)
    if (before) before.push(value)
    else query.set(key, [value])
  }
  return ok(query)
}

/** null: a bad escape, or bytes that are no UTF-8. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** The one spelling of these parts: parameters by name, everything but letters, digits, `-`, `.`, `_`, `~` encoded, and in a path nothing at all. Reading it gives the same parts. */
export function targetOf({ segments, query }: Parts): string {
  const keys = [...query.keys()].sort()
  const pairs = keys.flatMap((key) => (query.get(key) ?? []).map((value) => `${key}=${encoded(value)}`))
  return `/${segments.join('/')}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`
}
const encoded = (text: string): string => encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
