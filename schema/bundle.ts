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
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`
  if (typeof value !== 'object') throw new RangeError(`json cannot write a ${typeof value}`)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${members.map(([key, member]) => `${text(key)}:${canonicalJson(member, depth + 1)}`).join(',')}}`
}

function text(value: string): string {
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
  return `{"documents":[${documents.map((entry) => entry.json).join(',')}]${known}}`
}

/** The version of a policy: SHA-256, lower-case hex, of `canonicalBundle`. */
export function digest(bundle: Bundle): string {
  return createHash('sha256').update(canonicalBundle(bundle)).digest('hex')
}
