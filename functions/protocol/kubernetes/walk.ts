import { redacted } from '../shown.ts'
import { scalarEnd, skipSpace, slicesOf, stringAt, stringEnd, Unmaskable, withMembers } from './scan.ts'
import { isApplied, isPlain } from './annotation.ts'
import { below, inList, masked, ruleAt, type Node, type Root, type Rule } from './tree.ts'

/** `text`: a text of no class as it may be shown; the same where nothing is found in it. null: nobody looks. */
export interface Look { readonly text: ((value: string) => string) | null; readonly maskKey: string | null; /** Short texts in which nothing was found: names of members, images, paths come again with each item. */ readonly seen: Set<string> }
const maxDepth = 200
const maxSeen = 8192
interface State { readonly text: string; readonly root: Root | null; readonly look: Look; readonly out: string[]; done: number; renamed: number }
/** `quiet`: nobody looks for what has a form. `in`: of an object's metadata, its own or that of a template in it, and of their annotations. `annotation`: the name under which it stands there. */
interface Place { readonly nodes: readonly Node[]; readonly quiet: boolean; readonly in: 'metadata' | 'own metadata' | 'annotations' | null; readonly annotation: string | null; readonly depth: number }

/**
 * An object's JSON → the same text with what must not be seen replaced, and every other byte as it came: numbers keep their digits, members their order, what is not known its form.
 * One pass. Unmaskable: it is no JSON, or nests over 200 levels.
 */
export function rewrite(text: string, root: Root | null, look: Look): string {
  if (root === null && look.text === null) return text
  const state: State = { text, root, look, out: [], done: 0, renamed: 0 }
  const end = skipSpace(text, value(state, skipSpace(text, 0), { nodes: root ? [root] : [], quiet: look.text === null, in: null, annotation: null, depth: 0 }))
  if (end < text.length) throw new Unmaskable('text behind the end')
  if (state.out.length === 0) return text
  state.out.push(text.slice(state.done))
  return state.out.join('')
}

function put(state: State, start: number, end: number, shown: string): void {
  state.out.push(state.text.slice(state.done, start), shown)
  state.done = end
}

function value(state: State, at: number, place: Place): number {
  if (place.depth > maxDepth) throw new Unmaskable('nested too deep')
  const rule = place.nodes.length === 0 ? null : ruleAt(place.nodes)
  if (rule) return ruled(state, at, place, rule)
  if (place.annotation !== null && state.root?.hides) return state.text.charCodeAt(at) === 0x22 ? annotation(state, at, place.annotation, state.root.hides) : hide(state, at, everything, place.depth)
  return plain(state, at, place)
}

function plain(state: State, at: number, place: Place): number {
  const code = state.text.charCodeAt(at)
  if (code === 0x7b) return object(state, at, place, (at, key) => value(state, at, inside(place, key)))
  if (code === 0x5b) return list(state, at, (at) => value(state, at, { ...place, nodes: inList(place.nodes), in: null, depth: place.depth + 1 }))
  if (code !== 0x22) {
    const end = scalarEnd(state.text, at)
    if (!place.quiet && end - at >= 13 && look(state, state.text.slice(at, end)) !== null) put(state, at, end, 'null')   // digits that read as a card's
    return end
  }
  const end = closing(state.text, at)
  if (place.quiet) return end
  const seen = stringAt(state.text, at, end)
  const shown = look(state, seen)
  if (shown !== null) put(state, at, end, JSON.stringify(shown))
  return end
}

/** null: as it is. What is shorter holds nothing that has a form. */
function look({ look }: State, text: string): string | null {
  if (look.text === null || text.length < 6 || (text.length < 11 && !text.includes('@'))) return null
  if (text.length <= 128 && look.seen.has(text)) return null
  const shown = look.text(text)
  if (shown !== text) return shown
  if (text.length <= 128 && look.seen.size < maxSeen) look.seen.add(text)
  return null
}
function closing(text: string, at: number): number {
  const end = stringEnd(text, at)
  if (end === -1) throw new Unmaskable('a string has no end')
  return end
}

/** What tells which object it is, and which fields whose are: a client is lost without, and nobody wrote a value there. */
const identity: ReadonlySet<string> = new Set(['name', 'namespace', 'uid', 'resourceVersion', 'generateName', 'creationTimestamp', 'deletionTimestamp', 'selfLink', 'continue', 'managedFields', 'ownerReferences'])
function inside(place: Place, key: string): Place {
  const own = place.depth === 0                                       // of the object itself: deeper down anybody may call a value so
  const quiet = place.quiet || (place.in === 'own metadata' && identity.has(key)) || (own && (key === 'apiVersion' || key === 'kind'))
  const where = key === 'metadata' ? (own ? 'own metadata' : 'metadata') : key === 'annotations' && (place.in === 'own metadata' || place.in === 'metadata') ? 'annotations' : null
  return { nodes: below(place.nodes, key), quiet, in: where, annotation: place.annotation ?? (place.in === 'annotations' ? key : null), depth: place.depth + 1 }
}

function object(state: State, at: number, place: Place, member: (at: number, key: string) => number): number {
  const { text } = state
  at = skipSpace(text, at + 1)
  if (text.charCodeAt(at) === 0x7d) return at + 1
  for (;;) {
    if (text.charCodeAt(at) !== 0x22) throw new Unmaskable('a member has no name')
    const end = closing(text, at)
    const key = stringAt(text, at, end)
    if (!place.quiet) name(state, at, end, key)
    at = skipSpace(text, end)
    if (text.charCodeAt(at) !== 0x3a) throw new Unmaskable('a member has no value')
    at = skipSpace(text, member(skipSpace(text, at + 1), key))
    const code = text.charCodeAt(at)
    if (code === 0x7d) return at + 1
    if (code !== 0x2c) throw new Unmaskable('an object has no end')
    at = skipSpace(text, at + 1)
  }
}
/** Names of members are text too: a map's may be anything. Two that look alike then stay two. */
function name(state: State, start: number, end: number, key: string): void {
  const shown = look(state, key)
  if (shown !== null) put(state, start, end, JSON.stringify(state.renamed++ === 0 ? shown : `${shown} (${state.renamed})`))
}
function list(state: State, at: number, element: (at: number) => number): number {
  const { text } = state
  at = skipSpace(text, at + 1)
  if (text.charCodeAt(at) === 0x5d) return at + 1
  for (;;) {
    at = skipSpace(text, element(at))
    const code = text.charCodeAt(at)
    if (code === 0x5d) return at + 1
    if (code !== 0x2c) throw new Unmaskable('a list has no end')
    at = skipSpace(text, at + 1)
  }
}

function ruled(state: State, at: number, place: Place, rule: Rule): number {
  switch (rule.kind) {
    case 'harmless': return plain(state, at, { ...place, quiet: true })
    case 'class': return rule.mask === null ? plain(state, at, { ...place, quiet: true }) : hide(state, at, rule, place.depth)
    case 'managed': return managed(state, at, place)
    case 'packed': return packedText(state, at, place)
  }
}
const everything = { kind: 'class', mask: 'redact', dataClass: '', base64: false } as const

/** Every leaf masked; names of members stay, and what is null. What is no text has no masked form but null. */
function hide(state: State, at: number, rule: Extract<Rule, { kind: 'class' }>, depth: number): number {
  if (depth > maxDepth) throw new Unmaskable('nested too deep')
  const code = state.text.charCodeAt(at)
  if (code === 0x7b) return object(state, at, { nodes: [], quiet: state.look.text === null, in: null, annotation: null, depth }, (at) => hide(state, at, rule, depth + 1))
  if (code === 0x5b) return list(state, at, (at) => hide(state, at, rule, depth + 1))
  if (code !== 0x22) {
    const end = scalarEnd(state.text, at)
    put(state, at, end, 'null')
    return end
  }
  const end = closing(state.text, at)
  const shown = masked(rule, stringAt(state.text, at, end), state.look.maskKey)
  put(state, at, end, shown === null ? 'null' : JSON.stringify(shown))
  return end
}

/**
 * An annotation of an object that holds a class: anybody may have put a value there, in any form, so it is masked whatever it is. `kubectl apply` keeps the whole object in one: that is masked as the
 * object is, so that it can go on reading it.
 */
function annotation(state: State, at: number, name: string, members: ReadonlySet<string>): number {
  const end = closing(state.text, at)
  const text = stringAt(state.text, at, end)
  const shown = isApplied(name) ? copied(state, text, members) : isPlain(name, text) ? text : redacted
  if (shown !== text) put(state, at, end, JSON.stringify(shown))
  return end
}
function copied({ root, look }: State, text: string, members: ReadonlySet<string>): string {
  if (!/^\s*\{/.test(text)) return redacted
  try {
    const slices = slicesOf(text)
    // Without these it is no copy of the object, and where its values stand nobody knows.
    if (!['apiVersion', 'kind'].every((key) => slices.some((slice) => slice.key === key))) return redacted
    return rewrite(withMembers(text, slices, (key, value) => (members.has(key) ? value : JSON.stringify(redacted))), root, look)
  } catch {
    return redacted
  }
}

/** Base64 of a text, looked through as the text it is. */
function packedText(state: State, at: number, place: Place): number {
  if (place.quiet || state.text.charCodeAt(at) !== 0x22) return plain(state, at, place)
  const end = closing(state.text, at)
  const shown = look(state, Buffer.from(stringAt(state.text, at, end), 'base64').toString('utf8'))
  if (shown !== null) put(state, at, end, JSON.stringify(Buffer.from(shown).toString('base64')))
  return end
}

/** Fields' names stay, and with them what applying needs; values that stand as names do not. */
function managed(state: State, at: number, place: Place): number {
  const code = state.text.charCodeAt(at)
  if (code === 0x5b) return list(state, at, (at) => managed(state, at, { ...place, depth: place.depth + 1 }))
  if (code !== 0x7b) return plain(state, at, { ...place, nodes: [], quiet: true })
  if (place.depth > maxDepth) throw new Unmaskable('nested too deep')
  let [hidden, last] = [0, at]
  return object(state, at, { ...place, quiet: true }, (at, key) => {
    if (/^[vk]:/.test(key)) {
      const start = state.text.lastIndexOf(':', at)
      const quote = state.text.indexOf('"', last)
      put(state, quote, start, JSON.stringify(`${key.slice(0, 2)}"${redacted}${hidden++ === 0 ? '' : ` ${hidden}`}"`))
    }
    last = managed(state, at, { ...place, depth: place.depth + 1 })
    return last
  })
}
