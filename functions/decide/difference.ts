import { ageMs } from '../../schema/age.ts'
import { canonicalJson } from '../../schema/bundle.ts'
import { nameOf } from '../../schema/command.ts'
import type { Bundle, PolicyDocument, RoleDocument, RuleDocument } from '../../schema/policy.ts'

/** One thing that another policy does differently. `from` null: it is new; `to` null: it is gone. */
export interface Change {
  readonly kind: PolicyDocument['kind']
  readonly name: string
  /** What in the document: `rules[2]`, `classify.public.customers.email`; empty for the whole document. */
  readonly what: string
  readonly from: unknown
  readonly to: unknown
  /** `widens`: somebody may do or see more than before; `narrows`: less; `unclear`: it depends. */
  readonly effect: 'widens' | 'narrows' | 'unclear'
  /** For a person, one line. */
  readonly words: string
}

/**
 * What `to` changes, by document and rule. Documents are matched by kind and name, rules by what they say, so that moving a rule or a file is no
 * change. Both bundles must have passed the check.
 */
export function difference(from: Bundle | null, to: Bundle): readonly Change[] {
  const before = byName(from)
  const after = byName(to)
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort()
  return keys.flatMap((key) => {
    const [old, now] = [before.get(key), after.get(key)]
    if (old?.kind === 'audit' || now?.kind === 'audit') return ages(old ?? null, now ?? null)
    if (!old && now) return whole(now, null, now)
    if (old && !now) return whole(old, old, null)
    return old && now ? inside(old, now) : []
  })
}

/** Connections by name: those that come, that are other than they were, that go. What a change of many says is cut; these never are. */
export function connectionsOf(from: Bundle | null, to: Bundle): { readonly added: readonly string[]; readonly changed: readonly string[]; readonly removed: readonly string[] } {
  const [before, after] = [from, to].map((bundle) => new Map((bundle?.documents ?? []).flatMap(({ document }) => document.kind === 'connection' ? [[document.name, canonicalJson(document)] as const] : []))) as [Map<string, string>, Map<string, string>]
  return {
    added: [...after.keys()].filter((name) => !before.has(name)).toSorted(), changed: [...after.keys()].filter((name) => before.has(name) && before.get(name) !== after.get(name)).toSorted(),
    removed: [...before.keys()].filter((name) => !after.has(name)).toSorted(),
  }
}

const byName = (bundle: Bundle | null): Map<string, PolicyDocument> => new Map((bundle?.documents ?? []).map(({ document }) => [document.kind === 'audit' ? 'audit' : `${document.kind} ${document.name}`, document]))

/** How long the record is kept, whatever the one document that says so is called: kept less long is what nobody can bring back. */
function ages(old: PolicyDocument | null, now: PolicyDocument | null): Change[] {
  const said = (document: PolicyDocument | null) => document?.kind === 'audit' ? document : null
  const [from, to] = [said(old), said(now)]
  return (['content', 'entries'] as const).flatMap((what): Change[] => {
    const [was, is] = [from?.retention[what] ?? null, to?.retention[what] ?? null]
    if (was === is) return []
    const [before, after] = [was, is].map((age) => age === null ? Infinity : ageMs(age) ?? NaN) as [number, number]
    const kept = (age: string | null): string => age === null ? 'for ever' : show(age)
    return [{
      kind: 'audit', name: (to ?? from)?.name ?? '', what: `retention.${what}`, from: was, to: is, effect: after < before ? 'narrows' : after > before ? 'widens' : 'unclear',
      words: `${what === 'content' ? 'content of the record is' : 'entries of the log are'} now kept ${kept(is)}, was kept ${kept(was)}`,
    }]
  })
}

function whole(document: PolicyDocument, from: PolicyDocument | null, to: PolicyDocument | null): Change[] {
  const { kind, name } = document
  const added = to !== null
  const rules = document.kind === 'role' ? `, with ${document.rules.length} ${document.rules.length === 1 ? 'rule' : 'rules'} for ${document.members.map(member).join(', ') || 'nobody'}` : ''
  const takes = document.kind === 'role' && document.rules.some((rule) => rule.deny || rule.ask)
  const gives = document.kind !== 'role' || document.rules.some((rule) => rule.allow || rule.reveal)
  const effect = takes && gives ? 'unclear' : added === gives ? 'widens' : 'narrows'
  return [{ kind, name, what: '', from, to, effect, words: `${kind} \`${name}\` is ${added ? 'new' : 'gone'}${rules}` }]
}

function inside(from: PolicyDocument, to: PolicyDocument): Change[] {
  if (from.kind === 'role' && to.kind === 'role') return roles(from, to)
  const base = { kind: to.kind, name: to.name }
  const [old, now] = [flat(from), flat(to)]
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((what): Change[] => {
    const [was, is] = [old.get(what) ?? null, now.get(what) ?? null]
    if (canonicalJson(was) === canonicalJson(is)) return []
    const words = `${to.kind} \`${to.name}\`: \`${what}\` ${was === null ? `is now ${show(is)}` : is === null ? `is no longer ${show(was)}` : `was ${show(was)}, is now ${show(is)}`}`
    return [{ ...base, what, from: was, to: is, effect: effectOf(what, was, is), words }]
  })
}

/** `a.b` → value, where maps are opened and lists and scalars are values. */
function flat(value: object, prefix = ''): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [key, member] of Object.entries(value)) {
    if (typeof member === 'object' && member !== null && !Array.isArray(member)) for (const [inner, leaf] of flat(member, `${prefix}${key}.`)) found.set(inner, leaf)
    else if (member !== undefined) found.set(`${prefix}${key}`, member)
  }
  return found
}

/** Only what is certain is called certain. */
function effectOf(what: string, was: unknown, is: unknown): Change['effect'] {
  if (what.startsWith('classify.')) return was === null || was === 'none' ? (is === 'none' ? 'widens' : 'narrows') : is === null || is === 'none' ? 'widens' : 'unclear'
  if (/^limits\.(rows|bytes|affected|pending|perHour\.\w+)$/.test(what) && typeof was === 'number' && typeof is === 'number') return is > was ? 'widens' : 'narrows'
  if (what === 'groups.accept' || what === 'detect' || what === 'audience') return lists(was, is, what !== 'detect')
  return 'unclear'
}
function lists(was: unknown, is: unknown, moreIsWider: boolean): Change['effect'] {
  const [old, now]: [unknown[], unknown[]] = [[was ?? []].flat(), [is ?? []].flat()]
  if (old.every((one) => now.includes(one))) return moreIsWider ? 'widens' : 'narrows'
  return now.every((one) => old.includes(one)) ? (moreIsWider ? 'narrows' : 'widens') : 'unclear'
}

function roles(from: RoleDocument, to: RoleDocument): Change[] {
  const gives = to.rules.some((rule) => rule.allow || rule.reveal)
  const takes = to.rules.some((rule) => rule.deny || rule.ask)
  const people = (added: boolean): Change['effect'] => (gives && takes ? 'unclear' : gives === added ? 'widens' : 'narrows')
  return [
    ...unmatched(to.members, from.members).map(({ item }) => change(to, 'members', null, item, people(true), `${member(item)} now has role \`${to.name}\``)),
    ...unmatched(from.members, to.members).map(({ item }) => change(to, 'members', item, null, people(false), `${member(item)} no longer has role \`${to.name}\``)),
    ...unmatched(from.rules, to.rules).map(({ item, n }) => change(to, `rules[${n}]`, item, null, ruleEffect(item, false), `role \`${to.name}\` no longer says: ${ruleWords(item)}`)),
    ...unmatched(to.rules, from.rules).map(({ item, n }) => change(to, `rules[${n}]`, null, item, ruleEffect(item, true), `role \`${to.name}\` now says: ${ruleWords(item)}`)),
  ]
}
const change = (role: RoleDocument, what: string, from: unknown, to: unknown, effect: Change['effect'], words: string): Change => ({ kind: 'role', name: role.name, what, from, to, effect, words })

/** Those of `items` that `others` does not say too, each as often as it is said. */
function unmatched<T>(items: readonly T[], others: readonly T[]): { readonly item: T; readonly n: number }[] {
  const left = others.map((other) => canonicalJson(other))
  return items.flatMap((item, n) => {
    const at = left.indexOf(canonicalJson(item))
    if (at === -1) return [{ item, n }]
    left.splice(at, 1)
    return []
  })
}

const ruleEffect = (rule: RuleDocument, added: boolean): Change['effect'] => ((rule.deny !== undefined || rule.ask !== undefined) === added ? 'narrows' : 'widens')
const member = (one: RoleDocument['members'][number]): string => ('group' in one ? `group \`${one.group}\`` : 'subject' in one ? `\`${one.subject}\`` : 'everyone')
const show = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``

/** A rule in one line, as it would be said. */
export function ruleWords(rule: RuleDocument): string {
  const verb = rule.allow ? `allow ${rule.allow.join(', ')}` : rule.deny ? `deny ${rule.deny.join(', ')}` : rule.ask ? `ask for ${rule.ask.join(', ')}` : ''
  const reveal = rule.reveal ? `${verb ? ' and ' : ''}reveal ${rule.reveal.join(', ')}` : ''
  return [
    verb + reveal, `on ${rule.on?.map((name) => (typeof name === 'string' ? name : `[${nameOf(name)}]`)).join(', ') ?? 'everything'}`, `of ${[rule.connection].flat().join(', ')}`, rule.columns ? `columns ${rule.columns.join(', ')}` : '',
    rule.through ? 'through the view' : '', rule.when ? `when ${rule.when}` : '', rule.approval ? `with approval of ${rule.approval.quorum} of ${rule.approval.by.join(', ')} within ${rule.approval.within}${rule.approval.notify === 'full' ? ', told with the statement' : ''}` : '',
    rule.limits ? `limits ${JSON.stringify(rule.limits)}` : '',
  ].filter((part) => part !== '').join(' ')
}
