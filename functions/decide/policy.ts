import { createHash } from 'node:crypto'
import { canonicalJson, digest } from '../../schema/bundle.ts'
import type { Caller, Principal } from '../../schema/caller.ts'
import { readDocument, type Bundle, type ConnectionDocument, type IssuerDocument, type NotifyDocument, type PolicyDocument, type RoleDocument } from '../../schema/policy.ts'
import type { Limits } from '../../schema/effects.ts'
import { Fault } from '../ports.ts'
import type { Conditions } from './condition.ts'
import { connectionLimits, withDefaults } from './limits.ts'
import { indexRoles } from './lookup.ts'
import type { Form } from './pattern.ts'
import { createPlaces, type Places } from './places.ts'
import { RoleSet, type Memo } from './roleset.ts'
import { known } from './rule.ts'
import { createTold } from './told.ts'

/** A policy ready to decide by, made once per version. Immutable to its readers. */
export interface Policy extends Places {
  /** SHA-256 hex of the bundle's canonical JSON. */
  readonly version: string
  readonly issuers: readonly IssuerDocument[]
  /** By name, defaults filled in. `sluice` is not among them. */
  readonly connections: ReadonlyMap<string, ConnectionDocument>
  /** Names of every role there is. */
  readonly roles: ReadonlySet<string>
  /** Names of a principal's roles, sorted. */
  rolesOf(principal: Principal): readonly string[]
  /** true when every principal of the caller has a rule that allows something on the connection. Otherwise, to this caller, there is no such connection. */
  reaches(caller: Caller, connection: string): boolean
  /** For functions/decide. */
  roleSet(principal: Principal): RoleSet
  grant(connection: string): Limits | null
  /** Names of the claims that some condition reads, sorted. What an access request keeps of a token. */
  readonly claimsRead: readonly string[]
  /** SHA-256 hex of a rule's canonical JSON, by its name `role.rules[n]`; null: there is no such rule. */
  ruleContent(name: string): string | null
  /** What of a resource the record keeps in clear: told.ts. `took`: names of the rules that took part; null, of a refusal: all of them. */
  told(connection: string, resource: string, took: readonly string[] | null): string
  /** SHA-256 hex of an issuer's document, by its name; `local` for the implied local provider; null: there is no such issuer any more. */
  trustOf(issuer: string): string | null
  /** Whether tokens of this issuer say when their person signed in only by `iat`: the local provider, and issuers whose document says so. */
  signsInByIat(issuer: string): boolean
  /** Whom the policy names as owners of a principal (`owner:` beside `subject:`). */
  ownersOf(principal: string): ReadonlySet<string>
}

/**
 * Throws Fault `policy-corrupt` for a bundle no check can have passed: an unknown shape (a document of a later version, perhaps) or two documents
 * of one name. A condition that does not parse is not that: it counts as an error wherever it is asked. The language of conditions is read only where a rule has one; compile.ts has it at hand.
 */
export async function prepare(bundle: Bundle): Promise<Policy> {
  const documents = documentsOf(bundle)
  const conditional = documents.some((document) => document.kind === 'role' && document.rules.some(({ when }) => when !== undefined))
  return assemble(bundle, documents, conditional ? (await import('./cel.ts')).cel : null)
}

export const documentsOf = (bundle: Bundle): readonly PolicyDocument[] => bundle.documents.map(({ path, document }) => {
  const parsed = readDocument(document)
  if (!parsed.success) throw new Fault('policy-corrupt', `${path} is not a policy document: ${parsed.error.issues[0]?.message ?? ''}`)
  return parsed.data
})

/** `conditions`: null where no rule has one. */
export function assemble(bundle: Bundle, documents: readonly PolicyDocument[], conditions: Conditions | null): Policy {
  const issuers = named(documents, (document): document is IssuerDocument => document.kind === 'issuer')
  const connections = named(documents, (document): document is ConnectionDocument => document.kind === 'connection')
  const roles = named(documents, (document): document is RoleDocument => document.kind === 'role')
  const notify = named(documents, (document): document is NotifyDocument => document.kind === 'notify')
  const filled = new Map([...connections].map(([name, document]) => [name, { ...withDefaults(document), ...(bundle.known?.[name] ? { known: bundle.known[name] } : {}) }]))
  const grants = new Map([...filled].map(([name, document]) => [name, connectionLimits(document)]))
  grants.set('sluice', connectionLimits(null))
  const roleSet = membership([...roles.values()], formsOf(filled), conditions)
  const rules = new Map<string, RoleDocument['rules'][number]>([...roles.values()].flatMap((role) => role.rules.map((rule, n) => [`${role.name}.rules[${n}]`, rule] as const)))
  const members = [...roles.values()].flatMap((role) => role.members)
  return {
    version: digest(bundle), issuers: [...issuers.values()], connections: filled, roles: new Set(roles.keys()), roleSet,
    rolesOf: (principal) => roleSet(principal).names,
    reaches: (caller, connection) => grants.has(connection) && [caller.subject, ...caller.actors].every((principal) => roleSet(principal).reaches(connection)),
    grant: (connection) => grants.get(connection) ?? null,
    claimsRead: claimsRead([...rules.values()].flatMap(({ when }) => when ?? []), conditions),
    ruleContent(name) {
      const rule = rules.get(name)
      return rule ? createHash('sha256').update(canonicalJson(rule)).digest('hex') : null
    },
    ...createPlaces([...notify.values()], rules), told: createTold(rules, filled),
    trustOf(issuer) {
      const document = issuers.get(issuer)
      return document ? createHash('sha256').update(canonicalJson(document)).digest('hex') : issuer === implied ? implied : null
    },
    signsInByIat: (issuer) => (issuers.has(issuer) ? issuers.get(issuer)?.people?.signIn === 'iat' : issuer === implied),
    ownersOf: (principal) => new Set(members.flatMap((member) => ('subject' in member && member.subject === principal && member.owner !== undefined ? [member.owner] : []))),
  }
}

/** What kind of names a connection has: of `*` those of every connection there is, of one that is not there those of SQL. */
const formsOf = (connections: ReadonlyMap<string, ConnectionDocument>) => {
  const all = [...new Set([...connections.values()].map(formOf))]
  return (name: string): readonly Form[] => {
    if (name === 'sluice') return ['own']
    const connection = connections.get(name)
    return connection ? [formOf(connection)] : name === '*' && all.length > 0 ? all : ['sql']
  }
}
export const formOf = ({ engine }: Pick<ConnectionDocument, 'engine'>): Form => forms[engine]
const forms: Readonly<Record<ConnectionDocument['engine'], Form>> = { postgres: 'sql', mysql: 'sql', kubernetes: 'kubernetes', ssh: 'ssh' }

/** Name of the issuer that a local assembly implies, which has no document. */
const implied = 'local'

function claimsRead(sources: readonly string[], conditions: Conditions | null): Policy['claimsRead'] {
  const reads = new Set(sources.flatMap((source) => [...known(conditions).inspect(source).reads]))
  return [...reads].flatMap((name) => (name.startsWith('claims.') ? [name.slice('claims.'.length)] : [])).sort()
}

/** Sorted by name, so that nothing below can depend on the order of files. */
function named<T extends PolicyDocument>(documents: readonly PolicyDocument[], is: (document: PolicyDocument) => document is T): Map<string, T> {
  const found = new Map<string, T>()
  for (const document of documents.filter(is).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (found.has(document.name)) throw new Fault('policy-corrupt', `two ${document.kind} documents are named \`${document.name}\``)
    found.set(document.name, document)
  }
  return found
}

const principalsRemembered = 4096

/** Principal → its roles. Principals with the same roles share one RoleSet, and so its memo. */
function membership(roles: readonly RoleDocument[], formsOf: (connection: string) => readonly Form[], conditions: Conditions | null): (principal: Principal) => RoleSet {
  const index = indexRoles(roles, formsOf, conditions)
  const everyone: RoleDocument[] = []
  const groups = new Map<string, RoleDocument[]>()
  const subjects = new Map<string, RoleDocument[]>()
  const put = (map: Map<string, RoleDocument[]>, key: string, role: RoleDocument) => { const list = map.get(key); if (list) list.push(role); else map.set(key, [role]) }
  for (const role of roles) {
    for (const member of role.members) {
      if ('everyone' in member) everyone.push(role)
      else if ('group' in member) put(groups, member.group, role)
      else put(subjects, member.subject, role)
    }
  }
  const memo: Memo = new Map()
  const byRoles = new Map<string, RoleSet>()
  const byPrincipal = new Map<string, RoleSet>()
  // the same token comes as the same object while it is cached
  const seen = new WeakMap<Principal, RoleSet>()
  let sets = 0
  const make = (principal: Principal): RoleSet => {
    const key = JSON.stringify([principal.id, principal.groups])
    const known = byPrincipal.get(key)
    if (known) return known
    const held = new Set([...everyone, ...(subjects.get(principal.id) ?? []), ...principal.groups.flatMap((group) => groups.get(group) ?? [])])
    const sorted = [...held].sort((a, b) => (a.name < b.name ? -1 : 1))
    const names = sorted.map((role) => role.name).join(' ')
    if (byPrincipal.size >= principalsRemembered) { byPrincipal.clear(); byRoles.clear() }
    const set = byRoles.get(names) ?? new RoleSet(sorted, index, memo, sets++)
    byRoles.set(names, set)
    byPrincipal.set(key, set)
    return set
  }
  return (principal) => {
    const known = seen.get(principal) ?? make(principal)
    seen.set(principal, known)
    return known
  }
}
