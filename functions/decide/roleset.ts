import { nameOf } from '../../schema/command.ts'
import { concealNamed } from '../../schema/credential.ts'
import type { ActionName, RoleDocument, RuleDocument } from '../../schema/policy.ts'
import { connectionsOf, type Rule } from './rule.ts'
import { namesOf, search, type Covered, type Index, type Verb } from './lookup.ts'
import { parsePattern, type Form } from './pattern.ts'

/** The rules that cover one access, before any condition is asked; of rules that say the same, one. In order of role name and position. */
export type Candidates = Readonly<Record<Verb, readonly Rule[]>>

const nothing: Candidates = { allow: [], deny: [], ask: [], reveal: [] }

/** Bounds of the memo, which all role sets of a policy share: entries, and the longest name remembered. Invented names fill no memory. */
export type Memo = Map<string, Candidates>
const memoEntries = 32_768
const memoNameLength = 200

/**
 * The roles one principal has together. Principals with the same roles share one. What is remembered is which rules *could* apply, never a
 * decision: conditions, masks and limits are worked out each time.
 */
export class RoleSet {
  readonly names: readonly string[]
  readonly roles: readonly RoleDocument[]
  readonly #index: Index
  readonly #held: ReadonlySet<string>
  readonly #memo: Memo
  readonly #id: number | string
  #single: readonly RoleSet[] | null = null
  readonly #offers = new Map<string, readonly string[]>()
  /** `id`: another for every role set that shares the memo; of one role by itself its name. */
  constructor(roles: readonly RoleDocument[], index: Index, memo: Memo, id: number | string) {
    this.#memo = memo
    this.#id = id
    this.roles = roles
    this.#index = index
    this.#held = new Set(roles.map((role) => role.name))
    this.names = roles.map((role) => role.name)
  }

  /** Each role by itself, in order of name. */
  single(): readonly RoleSet[] {
    this.#single ??= this.roles.map((role) => new RoleSet([role], this.#index, this.#memo, `/${role.name}`))
    return this.#single
  }

  /** `form`: the kind of names the connection has; one connection has one kind, so it is in no key. */
  find(connection: string, action: ActionName | 'reveal', name: string, system: boolean, form: Form): Candidates {
    const key = `${this.#id}${system ? 's' : 'u'} ${action} ${connection} ${name}`       // connection and action hold no space
    const known = this.#memo.get(key)
    if (known) return known
    const fresh = this.#collect(connection, action, name, system, form)
    if (name.length > memoNameLength) return fresh
    if (this.#memo.size >= memoEntries) this.#memo.clear()
    this.#memo.set(key, fresh)
    return fresh
  }

  #collect(connection: string, action: ActionName | 'reveal', name: string, system: boolean, form: Form): Candidates {
    const found: Covered[] = []
    search(this.#index, { roles: this.#held, connection, action, name, system, form }, (covered) => found.push(covered))
    if (found.length === 0) return nothing
    const list = (verb: Verb) => distinct(found.flatMap((covered) => (covered.verb === verb ? [covered.rule] : [])))
    return { allow: list('allow'), deny: list('deny'), ask: list('ask'), reveal: list('reveal') }
  }

  /** The names these roles allow an action on, as the rules spell them, but for passwords: what a refusal may tell, and the record then holds. Sorted; shares its life with the policy version. */
  offers(connection: string, action: ActionName, form: Form): readonly string[] {
    const key = `${connection} ${action}`
    const known = this.#offers.get(key)
    if (known) return known
    const names = new Set<string>()
    for (const role of this.roles) {
      for (const rule of role.rules) {
        if (rule.allow && meets(connectionsOf(rule), connection) && acts(rule.allow, action, form)) rule.on?.forEach((name) => { if (parsePattern(name, [form])) names.add(nameOf(typeof name === 'string' ? name : concealNamed(name))) })
      }
    }
    const fresh = [...names].sort()
    this.#offers.set(key, fresh)
    return fresh
  }

  /** true when some rule allows something there: without one, the connection does not exist for this principal. */
  reaches(connection: string): boolean {
    return this.roles.some(({ rules }) => rules.some((rule) => rule.allow && rule.on && meets(connectionsOf(rule), connection)))
  }
}

/** Whether a rule that names these actions or groups speaks of this one. */
export const acts = (named: readonly RuleAction[], action: ActionName, form: Form): boolean => namesOf(form, action).some((one) => named.includes(one))
type RuleAction = NonNullable<RuleDocument['allow']>[number]
/** Whether a rule that names these connections speaks of this one. */
export const meets = (named: readonly string[], connection: string): boolean => named.includes(connection) || (connection !== 'sluice' && named.includes('*'))

/** Of rules that say the same the first, in order of name. */
function distinct(rules: readonly Rule[]): readonly Rule[] {
  if (rules.length < 2) return rules
  const byContent = new Map<string, Rule>()
  for (const rule of [...rules].sort((a, b) => (before(a.name, b.name) ? -1 : 1))) if (!byContent.has(rule.content)) byContent.set(rule.content, rule)
  return [...byContent.values()]
}

/** `a.rules[2]` before `a.rules[10]`: names of one role differ only in the number. */
function before(a: string, b: string): boolean {
  const [roleA, roleB] = [a.slice(0, a.lastIndexOf('.rules[')), b.slice(0, b.lastIndexOf('.rules['))]
  if (roleA !== roleB) return roleA < roleB
  return a.length !== b.length ? a.length < b.length : a < b
}
