import { actionGroups, type ActionName, type RoleDocument, type RuleDocument } from '../../schema/policy.ts'
import { connectionsOf, type Rule } from './rule.ts'
import { search, type Index, type Verb } from './lookup.ts'

/** The rules that cover one access, before any condition is asked; of rules that say the same, one. In order of role name and position. */
export type Candidates = Readonly<Record<Verb, readonly Rule[]>>

/** Bounds of the memo: entries, and the longest name remembered, so that invented names fill neither the memo nor the memory. */
const memoEntries = 4096
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
  readonly #memo = new Map<string, Candidates>()
  readonly #offers = new Map<string, readonly string[]>()
  constructor(roles: readonly RoleDocument[], index: Index) {
    this.roles = roles
    this.#index = index
    this.#held = new Set(roles.map((role) => role.name))
    this.names = roles.map((role) => role.name)
  }

  find(connection: string, action: ActionName | 'reveal', name: string, system: boolean): Candidates {
    const key = `${system ? 's' : 'u'} ${action} ${connection} ${name}`       // connection and action hold no space
    const known = this.#memo.get(key)
    if (known) return known
    const fresh = this.#collect(connection, action, name, system)
    if (name.length > memoNameLength) return fresh
    if (this.#memo.size >= memoEntries) this.#memo.clear()
    this.#memo.set(key, fresh)
    return fresh
  }

  #collect(connection: string, action: ActionName | 'reveal', name: string, system: boolean): Candidates {
    const distinct: Record<Verb, Map<string, Rule>> = { allow: new Map(), deny: new Map(), ask: new Map(), reveal: new Map() }
    search(this.#index, { roles: this.#held, connection, action, name, system }, ({ verb, rule }) => {
      const known = distinct[verb].get(rule.content)
      if (!known || before(rule.name, known.name)) distinct[verb].set(rule.content, rule)
    })
    const list = (verb: Verb) => [...distinct[verb].values()].sort((a, b) => (before(a.name, b.name) ? -1 : 1))
    return { allow: list('allow'), deny: list('deny'), ask: list('ask'), reveal: list('reveal') }
  }

  /** The names these roles allow an action on, as the rules spell them: what a refusal may tell. Sorted; shares its life with the policy version. */
  offers(connection: string, action: ActionName): readonly string[] {
    const key = `${connection} ${action}`
    const known = this.#offers.get(key)
    if (known) return known
    const names = new Set<string>()
    for (const role of this.roles) {
      for (const rule of role.rules) {
        if (rule.allow && meets(connectionsOf(rule), connection) && acts(rule.allow, action)) rule.on?.forEach((name) => names.add(name))
      }
    }
    const fresh = [...names].sort()
    this.#offers.set(key, fresh)
    return fresh
  }

  /** true when some rule allows something there: without one, the connection does not exist for this principal. */
  reaches(connection: string): boolean {
    return actionGroups['*'].some((action) => this.offers(connection, action).length > 0)
  }
}

/** Whether a rule that names these actions or groups speaks of this one. */
export const acts = (named: readonly RuleAction[], action: ActionName): boolean =>
  named.some((one) => one === action || ((one === 'write' || one === 'ddl' || one === '*') && (actionGroups[one] as readonly string[]).includes(action)))
type RuleAction = NonNullable<RuleDocument['allow']>[number]
/** Whether a rule that names these connections speaks of this one. */
export const meets = (named: readonly string[], connection: string): boolean => named.includes(connection) || (connection !== 'sluice' && named.includes('*'))

/** `a.rules[2]` before `a.rules[10]`: names of one role differ only in the number. */
function before(a: string, b: string): boolean {
  const [roleA, roleB] = [a.slice(0, a.lastIndexOf('.rules[')), b.slice(0, b.lastIndexOf('.rules['))]
  if (roleA !== roleB) return roleA < roleB
  return a.length !== b.length ? a.length < b.length : a < b
}
