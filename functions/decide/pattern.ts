/**
 * Names in a rule's `on` and `columns`: literal text with `*` for any run of characters inside one part. Matched by hand, never by a regular
 * expression made from a policy: no input makes it slow, and no character but `*` means anything.
 */
export interface Pattern {
  readonly text: string
  /** No `*` in it. */
  readonly literal: boolean
  /** What every name it matches begins and ends with: the index finds patterns by these. */
  readonly prefix: string
  readonly suffix: string
  /** The schema part holds no `*`; only then may it name an engine's own schema. */
  readonly literalSchema: boolean
  readonly parts: readonly (readonly string[])[]
}

/** `schema.name` for an engine (2 parts), a bare word for Sluice's own resources (1). null: not such a pattern. */
export function parsePattern(text: string, parts: 1 | 2): Pattern | null {
  const split = text.split('.')
  if (split.length !== parts || split.some((part) => part === '')) return null
  const first = text.indexOf('*')
  const literal = first === -1
  return {
    text, literal,
    prefix: literal ? text : text.slice(0, first),
    suffix: literal ? text : text.slice(text.lastIndexOf('*') + 1),
    literalSchema: !(split[0] ?? '').includes('*'),
    parts: split.map((part) => part.split('*')),
  }
}

/**
 * A name with another number of dots than the pattern's matches nothing: `public.a.b` could be schema `public.a` or table `a.b`, and a rule must
 * not cover both by accident.
 */
export function matchesPattern(pattern: Pattern, name: string): boolean {
  if (pattern.literal) return pattern.text === name
  const split = name.split('.')
  if (split.length !== pattern.parts.length) return false
  return pattern.parts.every((pieces, i) => matchesPieces(pieces, split[i] ?? ''))
}

/** One part, such as a column: `*` is any run of characters. Case counts, as the server spells it. */
export const glob = (pattern: string, name: string): boolean => matchesPieces(pattern.split('*'), name)

/** Left to right, each piece at its first place after the last: a greedy match that never has to come back. */
function matchesPieces(pieces: readonly string[], name: string): boolean {
  const first = pieces[0] ?? ''
  if (pieces.length === 1) return name === first
  const last = pieces[pieces.length - 1] ?? ''
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
  let at = first.length
  const end = name.length - last.length
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at)
    if (found === -1 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}
