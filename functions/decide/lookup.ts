import type { ActionName, RoleDocument, RuleDocument } from '../../schema/policy.ts'
import { actionGroups } from '../../schema/policy.ts'
import { matchesPattern, parsePattern, type Pattern } from './pattern.ts'
import { compileRule, connectionsOf, type Rule } from './rule.ts'

/**
 * The rules of one role, found by what they cover: connection → action → name. Literal names by one map look-up, patterns by their literal
 * beginning or ending, so that 10 000 rules cost what 10 do. Only patterns with neither (`*x*.*y*`) are tried one by one.
 */
export type Verb = 'allow' | 'deny' | 'ask' | 'reveal'
export interface Covered { readonly verb: Verb; readonly rule: Rule; readonly pattern: Pattern | null }
interface Bucket {
  readonly exact: Map<string, Covered[]>
  readonly prefix: Affix
  readonly suffix: Affix
  /** Neither beginning nor ending, or no `on` at all. */
  readonly rest: Covered[]
}
/** `lengths`: the distinct lengths of the keys, so that a look-up cuts the name only there. */
interface Affix { readonly keys: Map<string, Covered[]>; readonly lengths: Set<number> }
export type RoleIndex = ReadonlyMap<string, ReadonlyMap<string, Bucket>>

export function indexRole(role: RoleDocument): RoleIndex {
  const index = new Map<string, Map<string, Bucket>>()
  role.rules.forEach((document, n) => {
    const rule = compileRule(role, document, n)
    for (const connection of connectionsOf(document)) {
      const actions = index.get(connection) ?? new Map<string, Bucket>()
      index.set(connection, actions)
      for (const verb of ['allow', 'deny', 'ask', 'reveal'] as const) {
        const patterns = covers(verb, document, connection === 'sluice' ? 1 : 2)
        for (const action of actionsOf(verb, document)) place(actions, action, verb, rule, patterns)
      }
    }
  })
  return index
}

function actionsOf(verb: Verb, document: RuleDocument): ReadonlySet<string> {
  if (verb === 'reveal') return new Set(document.reveal ? ['reveal'] : [])
  const named = document[verb] ?? []
  return new Set(named.flatMap((action) => (action === 'write' || action === 'ddl' ? actionGroups[action] : [action])))
}

/**
 * null: everything, an engine's own schemas too. No `on` gives a deny or an ask everything, a reveal everything but those schemas, an allow
 * nothing; a pattern that cannot be read (wrong number of parts) gives a deny or an ask everything and the others nothing.
 */
function covers(verb: Verb, document: RuleDocument, parts: 1 | 2): readonly (Pattern | null)[] {
  const widens = verb === 'allow' || verb === 'reveal'
  if (!document.on) return verb === 'allow' ? [] : widens ? [parsePattern(parts === 1 ? '*' : '*.*', parts)] : [null]
  return document.on.flatMap((text): (Pattern | null)[] => {
    const pattern = parsePattern(text, parts)
    return pattern ? [pattern] : widens ? [] : [null]
  })
}

function place(actions: Map<string, Bucket>, action: string, verb: Verb, rule: Rule, patterns: readonly (Pattern | null)[]): void {
  const bucket: Bucket = actions.get(action) ?? { exact: new Map(), prefix: affix(), suffix: affix(), rest: [] }
  actions.set(action, bucket)
  for (const pattern of patterns) {
    const covered: Covered = { verb, rule, pattern }
    if (!pattern) bucket.rest.push(covered)
    else if (pattern.literal) push(bucket.exact, pattern.text, covered)
    else if (pattern.prefix !== '') hang(bucket.prefix, pattern.prefix, covered)
    else if (pattern.suffix !== '') hang(bucket.suffix, pattern.suffix, covered)
    else bucket.rest.push(covered)
  }
}
const affix = (): Affix => ({ keys: new Map(), lengths: new Set() })
function push(map: Map<string, Covered[]>, key: string, covered: Covered): void {
  const list = map.get(key)
  if (list) list.push(covered)
  else map.set(key, [covered])
}
function hang(affix: Affix, key: string, covered: Covered): void {
  push(affix.keys, key, covered)
  affix.lengths.add(key.length)
}

/** Calls `found` for every rule of the role that covers the access, in no order, perhaps twice. `system`: see `Access.system`. */
export function search(index: RoleIndex, connection: string, action: ActionName | 'reveal', name: string, system: boolean, found: (covered: Covered) => void): void {
  for (const scope of connection === 'sluice' ? [connection] : [connection, '*']) {
    const actions = index.get(scope)
    if (!actions) continue
    searchBucket(actions.get(action), name, system, found)
    if (action !== 'reveal') searchBucket(actions.get('*'), name, system, found)
  }
}

function searchBucket(bucket: Bucket | undefined, name: string, system: boolean, found: (covered: Covered) => void): void {
  if (!bucket) return
  const offer = (covered: Covered) => {
    const pattern = covered.pattern
    // a star in the schema part never reaches an engine's own schemas: those are named, or not meant
    if (!pattern || (matchesPattern(pattern, name) && (!system || pattern.literalSchema))) found(covered)
  }
  bucket.exact.get(name)?.forEach(offer)
  for (const length of bucket.prefix.lengths) bucket.prefix.keys.get(name.slice(0, length))?.forEach(offer)
  for (const length of bucket.suffix.lengths) if (length <= name.length) bucket.suffix.keys.get(name.slice(name.length - length))?.forEach(offer)
  bucket.rest.forEach(offer)
}
