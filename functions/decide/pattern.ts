import { isPlain, patternLine, patternWords } from '../../schema/command.ts'

/**
 * Names in a rule's `on` and `columns`: literal text with `*` for any run of characters inside one part. Matched by hand, never by a regular
 * expression made from a policy: no input makes it slow, and no character but `*` means anything.
 */
export interface Pattern {
  readonly text: string
  /** No `*` in it. */
  readonly literal: boolean
  /** What every name it matches begins and ends with: the index finds patterns by these, and commands by their words (commands.ts). */
  readonly prefix: string
  readonly suffix: string
  /** The schema part holds no `*`; only then may it name an engine's own schema. */
  readonly literalSchema: boolean
  /** The pattern as each kind of target reads it; null where it is no name of that kind. One that stands in a rule for every connection may be both. */
  readonly parts: Readonly<Record<Form, readonly (readonly string[])[] | null>>
}

/**
 * Kinds of names: `schema.name` of SQL; a command, word by word, of SSH; `pods`, `pods/log`, `apps/deployments`, `apps/deployments/scale` or a path such as `/metrics` of Kubernetes; a bare word for Sluice's own resources.
 * No API group is named like a core resource (the engine refuses one that is), so `a/b` is never two things.
 */
export type Form = 'sql' | 'kubernetes' | 'ssh' | 'own'
const separators = { sql: '.', kubernetes: '/', ssh: ' ', own: '.' } as const

/** null: no name of any of these kinds. A list of words is a command, and of no other kind. */
export function parsePattern(name: string | readonly string[], forms: readonly Form[]): Pattern | null {
  if (typeof name !== 'string') return forms.includes('ssh') ? parseCommand(name) : null
  const text = name
  const read = (form: Form) => (forms.includes(form) ? split(text, form) : null)
  const parts = { sql: read('sql'), kubernetes: read('kubernetes'), ssh: null, own: read('own') }
  if (!parts.sql && !parts.kubernetes && !parts.own) return null
  const first = text.indexOf('*')
  const literal = first === -1
  return {
    text, literal,
    prefix: literal ? text : text.slice(0, first),
    suffix: literal ? text : text.slice(text.lastIndexOf('*') + 1),
    literalSchema: !(text.split('.')[0] ?? '').includes('*'),
    parts,
  }
}

function parseCommand(words: readonly string[]): Pattern | null {
  const [text, read] = [patternLine(words), patternWords(words)]
  if (text === null || read === null) return null
  return { text, literal: false, prefix: '', suffix: '', literalSchema: true, parts: { sql: null, kubernetes: null, own: null, ssh: read.map((word) => (word === null ? ['', ''] : [word])) } }
}

/**
 * Word by word; `words` null: the line is no command. What gives covers the very words, and by `*` one plain argument. What takes (`takes`) meets every command that begins so, whatever stands at `*`: whoever denies
 * `systemctl stop` means it of every unit, and an argument that no `*` gives is no way around a deny.
 */
export function matchesCommand({ parts: { ssh } }: Pattern, words: readonly string[] | null, takes: boolean): boolean {
  if (ssh === null || words === null || (takes ? words.length < ssh.length : words.length !== ssh.length)) return false
  return ssh.every((pieces, i) => { const word = words[i] ?? ''; return pieces.length > 1 ? takes || isPlain(word) : word === pieces[0] })
}

function split(text: string, form: Form): readonly (readonly string[])[] | null {
  const path = form === 'kubernetes' && text.startsWith('/')
  const parts = (path ? text.slice(1) : text).split(separators[form])
  if (parts.some((part) => part === '')) return null
  if (form === 'kubernetes' && !path && (parts[parts.length > 1 ? 1 : 0] ?? '').includes('.')) return null    // only a group's name has dots
  const most = path ? Infinity : form === 'kubernetes' ? 3 : form === 'sql' ? 2 : 1
  if (parts.length > most || (form === 'sql' && parts.length < 2)) return null
  return parts.map((part) => part.split('*'))
}

/**
 * A name with another number of parts than the pattern's matches nothing: `public.a.b` could be schema `public.a` or table `a.b`, and a rule must
 * not cover both by accident. Of Kubernetes `*` alone is every resource there is, of every group, subresources too; never a path of no resource.
 */
export function matchesPattern(pattern: Pattern, name: string, form: Form): boolean {
  const parts = pattern.parts[form]
  if (!parts) return false
  if (pattern.literal) return pattern.text === name
  const path = name.startsWith('/')
  if (form === 'kubernetes') {
    if (path !== pattern.text.startsWith('/')) return false
    if (pattern.text === '*') return true
  }
  const given = (form === 'kubernetes' && path ? name.slice(1) : name).split(separators[form])
  if (given.length !== parts.length) return false
  return parts.every((pieces, i) => matchesPieces(pieces, given[i] ?? ''))
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
