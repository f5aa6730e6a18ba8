import { createHash } from 'node:crypto'
import type { Bundle } from './policy.ts'

/**
 * Canonical JSON, RFC 8785: members sorted by UTF-16 code units, no white space, numbers and strings as ECMAScript writes them. Two values that
 * mean the same give the same bytes, so a digest over them binds the meaning. Throws RangeError on what JSON cannot say (NaN, a lone surrogate,
 * a function, nesting over 200), because leaving such a thing out would give two different values one digest.
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > 200) throw new RangeError('nested too deep for canonical json')
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return text(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError('a number that json cannot write')
    return String(value)
  }
  if (typeof value !== 'object') throw new RangeError(`json cannot write a ${typeof value}`)
  let out = ''                                                      // strings are put together as they come: half the time of lists that are joined, and every event and digest is written here
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) out += at === 0 ? canonicalJson(value[at], depth + 1) : `,${canonicalJson(value[at], depth + 1)}`
    return `[${out}]`
  }
  for (const name of sorted(Object.keys(value))) {
    const member = (value as Readonly<Record<string, unknown>>)[name]
    if (member !== undefined) out += `${out === '' ? '' : ','}${text(name)}:${canonicalJson(member, depth + 1)}`
  }
  return `{${out}}`
}

/** By UTF-16 code units. What we make has few members, most of them in order: those are put in their places by hand, at a third of what `sort` takes. */
function sorted(names: string[]): readonly string[] {
  if (names.length > 32) return names.sort()
  for (let at = 1; at < names.length; at++) {
    const name = names[at] ?? ''
    let to = at
    for (; to > 0 && (names[to - 1] ?? '') > name; to--) names[to] = names[to - 1] ?? ''
    names[to] = name
  }
  return names
}

/** ASCII that is written as it is. */
const plain = /^[ !#-[\]-~]*$/
function text(value: string): string {
  if (value.length < 48 && plain.test(value)) return `"${value}"`
  if (!value.isWellFormed()) throw new RangeError('a lone surrogate')
  return JSON.stringify(value)
}

/**
 * The bundle as it is stored and hashed: documents sorted by path (then by content), so that the order in which a directory was read never
 * makes another version.
 */
export function canonicalBundle(bundle: Bundle): string {
  const documents = bundle.documents.map((entry) => ({ path: entry.path, json: canonicalJson({ document: entry.document, path: entry.path }) }))
  documents.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.json < b.json ? -1 : 1))
  const known = bundle.known === undefined ? '' : `,"known":${canonicalJson(bundle.known)}`
  const destroys = bundle.destroys === undefined ? '' : `"destroys":${canonicalJson(bundle.destroys)},`
  return `{${destroys}"documents":[${documents.map((entry) => entry.json).join(',')}]${known}}`
}

/** The version of a policy: SHA-256, lower-case hex, of `canonicalBundle`. */
export function digest(bundle: Bundle): string {
  return createHash('sha256').update(canonicalBundle(bundle)).digest('hex')
}
