import { commandWords } from '../../schema/command.ts'
import { actionGroups, kubernetesWrites, type ActionName, type RoleDocument, type RuleDocument } from '../../schema/policy.ts'
import { commandAt, commands, commandsOf, type Commands } from './commands.ts'
import type { Conditions } from './condition.ts'
import { matchesCommand, matchesPattern, parsePattern, type Form, type Pattern } from './pattern.ts'
import { compileRule, connectionsOf, type Rule } from './rule.ts'

/**
 * Every rule of a policy, found by what it covers and whose it is: connection → action → name → role. Literal names by one map look-up, patterns by
 * their literal beginning or ending, so that 10 000 rules cost what 10 do, in one role or in many. Only patterns with neither (`*x*.*y*`) are
 * tried one by one. Commands are found by their words (commands.ts).
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
  readonly commands: Commands<Leaf>
  /** Neither beginning nor ending, or no `on` at all. */
  readonly rest: Leaf
}
/** `lengths`: the distinct lengths of the keys, so that a look-up cuts the name only there. */
interface Affix { readonly keys: Map<string, Leaf>; readonly lengths: Set<number> }
export type Index = ReadonlyMap<string, ReadonlyMap<string, Bucket>>

/** `formsOf`: the kinds of names a rule's connection has; of `*`, those there are. */
export function indexRoles(roles: readonly RoleDocument[], formsOf: (connection: string) => readonly Form[], conditions: Conditions | null): Index {
  const index = new Map<string, Map<string, Bucket>>()
  for (const role of roles) {
    role.rules.forEach((document, n) => {
      const rule = compileRule(role, document, n, conditions)
      for (const connection of connectionsOf(document)) {
        const actions = index.get(connection) ?? new Map<string, Bucket>()
        index.set(connection, actions)
        for (const verb of ['allow', 'deny', 'ask', 'reveal'] as const) {
          const patterns = covers(verb, document, formsOf(connection))
          for (const action of actionsOf(verb, document)) {
            const bucket = actions.get(action) ?? { exact: new Map<string, Leaf>(), prefix: affix(), suffix: affix(), commands: commands<Leaf>(), rest: leaf() }
            actions.set(action, bucket)
            for (const pattern of patterns) push(leafFor(bucket, pattern), role.name, { verb, rule, pattern })
          }
        }
      }
    })
  }
  return index
}

/** As the rule spells them. Which actions a group holds depends on the engine of whoever looks (`namesOf`). */
const actionsOf = (verb: Verb, document: RuleDocument): ReadonlySet<string> => new Set(verb === 'reveal' ? (document.reveal ? ['reveal'] : []) : document[verb] ?? [])

/** What a rule may call this action: its name, then the groups it is in. `write` is SQL's three or the verbs of Kubernetes that change something; of a command nobody knows what it changes, and it is in no group but `*`. */
export function namesOf(form: Form, action: ActionName): readonly (ActionName | 'write' | 'ddl' | '*')[] {
  const inGroup = (group: readonly string[]) => group.includes(action)
  const write = form === 'kubernetes' ? inGroup(kubernetesWrites) : form === 'sql' && inGroup(actionGroups.write)
  const ddl = form === 'sql' && inGroup(actionGroups.ddl)
  return [action, ...(write ? ['write' as const] : []), ...(ddl ? ['ddl' as const] : []), '*']
}

/**
 * null: everything, an engine's own schemas too. No `on` gives a deny or an ask everything, a reveal everything but those schemas, an allow
 * nothing; a pattern that cannot be read (wrong number of parts) gives a deny or an ask everything and the others nothing.
 */
function covers(verb: Verb, document: RuleDocument, forms: readonly Form[]): readonly (Pattern | null)[] {
  const widens = verb === 'allow' || verb === 'reveal'
  if (!document.on) return verb === 'allow' ? [] : widens ? [parsePattern('*', forms), parsePattern('*.*', forms)].filter((pattern) => pattern !== null) : [null]
  return document.on.flatMap((name): (Pattern | null)[] => {
    const pattern = parsePattern(name, forms)
    // What takes away must mean something on each of its connections, or a table without its schema would be a resource and protect no table.
    if (!widens && forms.some((form) => !pattern?.parts[form])) return [null]
    return pattern ? [pattern] : widens ? [] : [null]
  })
}

function leafFor(bucket: Bucket, pattern: Pattern | null): Leaf {
  if (!pattern) return bucket.rest
  if (pattern.parts.ssh) return commandAt(bucket.commands, pattern, leaf)
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
export interface Sought { readonly roles: ReadonlySet<string>; readonly connection: string; readonly action: ActionName | 'reveal'; readonly name: string; readonly system: boolean; readonly form: Form }

/** Calls `found` for every rule that covers it and is of a held role, in no order, perhaps twice. */
export function search(index: Index, sought: Sought, found: (covered: Covered) => void): void {
  for (const scope of sought.connection === 'sluice' ? ['sluice'] : [sought.connection, '*']) {
    const actions = index.get(scope)
    if (!actions) continue
    for (const name of sought.action === 'reveal' ? (['reveal'] as const) : namesOf(sought.form, sought.action)) searchBucket(actions.get(name), sought, name === sought.action ? found : inGroup(sought, found))
  }
}

/** What takes everything of a kind at once, or erases the record, is allowed by its own name or not at all; a deny or an ask of a group covers it. */
const inGroup = ({ form, action }: Sought, found: (covered: Covered) => void) => (form === 'kubernetes' && action === 'deletecollection') || (form === 'own' && action === 'delete') ? (covered: Covered) => { if (covered.verb !== 'allow') found(covered) } : found

function searchBucket(bucket: Bucket | undefined, { roles, name, system, form }: Sought, found: (covered: Covered) => void): void {
  if (!bucket) return
  const words = form === 'ssh' ? commandWords(name) : null
  const matches = (verb: Verb, pattern: Pattern): boolean => (form === 'ssh' ? matchesCommand(pattern, words, verb === 'deny' || verb === 'ask') : matchesPattern(pattern, name, form))
  const offer = (covered: Covered) => {
    const pattern = covered.pattern
    if (!pattern || (matches(covered.verb, pattern) && (!system || named(covered.verb, pattern, form)))) found(covered)
  }
  const open = (leaf: Leaf | undefined) => {
    if (!leaf) return
    if (roles.size <= leaf.bySaying.size) for (const role of roles) leaf.byRole.get(role)?.forEach(offer)
    else for (const said of leaf.bySaying.values()) firstHeld(said, roles, offer)
  }
  open(bucket.rest)
  if (form === 'ssh') return words === null ? undefined : commandsOf(bucket.commands, words).forEach(open)
  open(bucket.exact.get(name))
  for (const length of bucket.prefix.lengths) if (length <= name.length) open(bucket.prefix.keys.get(name.slice(0, length)))
  for (const length of bucket.suffix.lengths) if (length <= name.length) open(bucket.suffix.keys.get(name.slice(name.length - length)))
}

/**
 * A star in the schema part never reaches an engine's own schemas: those are named, or not meant. What is dangerous in a cluster is given only by its whole name;
 * what takes away may use a star there.
 */
const named = (verb: Verb, pattern: Pattern, form: Form): boolean => form !== 'kubernetes' ? pattern.literalSchema : pattern.literal || verb === 'deny' || verb === 'ask'

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
