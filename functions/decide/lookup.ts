import type { ActionName, RoleDocument, RuleDocument } from '../../schema/policy.ts'
import { actionGroups } from '../../schema/policy.ts'
import { matchesPattern, parsePattern, type Pattern } from './pattern.ts'
import { compileRule, connectionsOf, type Rule } from './rule.ts'

/**
 * Every rule of a policy, found by what it covers and whose it is: connection → action → name → role. Literal names by one map look-up, patterns by
 * their literal beginning or ending, so that 10 000 rules cost what 10 do, in one role or in many. Only patterns with neither (`*x*.*y*`) are
 * tried one by one.
 */
export type Verb = 'allow' | 'deny' | 'ask' | 'reveal'
export interface Covered { readonly verb: Verb; readonly rule: Rule; readonly pattern: Pattern | null }
/**
 * By role, and by what is said: of rules that say the same, the first. A look-up walks the roles held or the different things said, whichever are
 * fewer, so that neither many roles nor many alike rules cost anything.
 */
interface Leaf { readonly byRole: Map<string, Map<string, Covered>>; readonly bySaying: Map<string, Map<string, Covered>> }
interface Bucket {
  readonly exact: Map<string, Leaf>
  readonly prefix: Affix
  readonly suffix: Affix
  /** Neither beginning nor ending, or no `on` at all. */
  readonly rest: Leaf
}
/** `lengths`: the distinct lengths of the keys, so that a look-up cuts the name only there. */
interface Affix { readonly keys: Map<string, Leaf>; readonly lengths: Set<number> }
export type Index = ReadonlyMap<string, ReadonlyMap<string, Bucket>>

export function indexRoles(roles: readonly RoleDocument[]): Index {
  const index = new Map<string, Map<string, Bucket>>()
  for (const role of roles) {
    role.rules.forEach((document, n) => {
      const rule = compileRule(role, document, n)
      for (const connection of connectionsOf(document)) {
        const actions = index.get(connection) ?? new Map<string, Bucket>()
        index.set(connection, actions)
        for (const verb of ['allow', 'deny', 'ask', 'reveal'] as const) {
          const patterns = covers(verb, document, connection === 'sluice' ? 1 : 2)
          for (const action of actionsOf(verb, document)) {
            const bucket = actions.get(action) ?? { exact: new Map<string, Leaf>(), prefix: affix(), suffix: affix(), rest: leaf() }
            actions.set(action, bucket)
            for (const pattern of patterns) push(leafFor(bucket, pattern), role.name, { verb, rule, pattern })
          }
        }
      }
    })
  }
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

function leafFor(bucket: Bucket, pattern: Pattern | null): Leaf {
  if (!pattern) return bucket.rest
  if (pattern.literal) return leafAt(bucket.exact, pattern.text)
  const [affix, key] = pattern.prefix !== '' ? [bucket.prefix, pattern.prefix] : [bucket.suffix, pattern.suffix]
  if (key === '') return bucket.rest
  affix.lengths.add(key.length)
  return leafAt(affix.keys, key)
}
const affix = (): Affix => ({ keys: new Map(), lengths: new Set() })
const leaf = (): Leaf => ({ byRole: new Map(), bySaying: new Map() })
function leafAt(leaves: Map<string, Leaf>, key: string): Leaf {
  const found = leaves.get(key) ?? leaf()
  leaves.set(key, found)
  return found
}
/** Roles come sorted and rules in order, so the first to say a thing is the one to name. */
function push(into: Leaf, role: string, covered: Covered): void {
  const saying = `${covered.verb} ${covered.pattern?.text ?? ''} ${covered.rule.content}`
  const said = into.byRole.get(role) ?? new Map<string, Covered>()
  if (said.has(saying)) return
  into.byRole.set(role, said.set(saying, covered))
  into.bySaying.set(saying, (into.bySaying.get(saying) ?? new Map<string, Covered>()).set(role, covered))
}

/** What is looked for. `system`: see `Access.system`. `roles`: those held. */
export interface Sought { readonly roles: ReadonlySet<string>; readonly connection: string; readonly action: ActionName | 'reveal'; readonly name: string; readonly system: boolean }

/** Calls `found` for every rule that covers it and is of a held role, in no order, perhaps twice. */
export function search(index: Index, sought: Sought, found: (covered: Covered) => void): void {
  for (const scope of sought.connection === 'sluice' ? ['sluice'] : [sought.connection, '*']) {
    const actions = index.get(scope)
    if (!actions) continue
    searchBucket(actions.get(sought.action), sought, found)
    if (sought.action !== 'reveal') searchBucket(actions.get('*'), sought, found)
  }
}

function searchBucket(bucket: Bucket | undefined, { roles, name, system }: Sought, found: (covered: Covered) => void): void {
  if (!bucket) return
  const offer = (covered: Covered) => {
    const pattern = covered.pattern
    // a star in the schema part never reaches an engine's own schemas: those are named, or not meant
    if (!pattern || (matchesPattern(pattern, name) && (!system || pattern.literalSchema))) found(covered)
  }
  const open = (leaf: Leaf | undefined) => {
    if (!leaf) return
    if (roles.size <= leaf.bySaying.size) for (const role of roles) leaf.byRole.get(role)?.forEach(offer)
    else for (const said of leaf.bySaying.values()) firstHeld(said, roles, offer)
  }
  open(bucket.exact.get(name))
  for (const length of bucket.prefix.lengths) if (length <= name.length) open(bucket.prefix.keys.get(name.slice(0, length)))
  for (const length of bucket.suffix.lengths) if (length <= name.length) open(bucket.suffix.keys.get(name.slice(name.length - length)))
  open(bucket.rest)
}

/** `roles` and the roles of a saying both come sorted: the first in both is the one to name. */
function firstHeld(said: ReadonlyMap<string, Covered>, roles: ReadonlySet<string>, offer: (covered: Covered) => void): void {
  if (said.size <= roles.size) {
    for (const [role, covered] of said) if (roles.has(role)) return offer(covered)
    return
  }
  for (const role of roles) {
    const covered = said.get(role)
    if (covered) return offer(covered)
  }
}
