import type { Caller } from '../../schema/caller.ts'
import type { Effects, Shown, Used } from '../../schema/effects.ts'
import { loginOf } from '../../schema/login.ts'
import type { Told } from '../../schema/told.ts'
import type { Decision } from '../permit.ts'
import { decide, giversOf, restsOnObject } from './decide.ts'
import { glob } from './pattern.ts'
import type { Policy } from './policy.ts'
import { recorded, type Recorded } from './recorded.ts'

type Kind = Decision['kind']
/** What a recorded decision would be under another policy. */
export interface Foreseen {
  readonly id: string
  readonly at: string
  readonly subject: string
  readonly connection: string
  readonly was: Kind
  /** null: the record does not hold enough to tell; `cannot` says what is missing. */
  readonly would: Kind | null
  readonly cannot: string | null
  /** Rules of the other policy that took part, and why it says no. */
  readonly rules: readonly string[]
  readonly why: string | null
  /** Columns that came out masked one way (`clear`: not at all) and would come out another. */
  readonly masks: readonly { readonly column: string; readonly from: string; readonly to: string }[]
  /** Whom it asked and would ask, where both ask and the people differ. */
  readonly people: { readonly from: string; readonly to: string } | null
  /** Of a command: as whom it ran or would have run, where that is another now. What a secret says is not in a policy, and not compared. */
  readonly login: { readonly from: string; readonly to: string } | null
  readonly changes: boolean
}

/**
 * One event of the record decided again under `policy`, from what the event itself holds: accesses, masks, groups, purpose, session and time. null: it is no decision of a policy's.
 * Nothing is guessed: where claims, an actor's groups or the use of a column would matter, and the record has none, it cannot be told.
 */
export function foresee(policy: Policy, event: Told): Foreseen | null {
  const given = recorded(event)
  if (given === null) return null
  const base = { id: event.id, at: event.at, subject: given.who.subject, connection: given.connection, was: given.was }
  const unknown = (cannot: string): Foreseen => ({ ...base, would: null, cannot, rules: [], why: null, masks: [], people: null, login: null, changes: false })
  if (given.who.issuer !== 'local' && policy.issuers.length > 0 && !policy.issuers.some(({ name }) => name === given.who.issuer)) return { ...base, would: 'deny', cannot: null, rules: [], why: `no issuer \`${given.who.issuer}\` is in this policy`, masks: [], people: null, login: null, changes: given.was !== 'deny' }
  if (given.missing !== null) return unknown(given.missing)
  if (given.who.actors.length > 0) return unknown('the record does not keep the groups of actors')
  const claims = new Set<string>()
  const answers = variantsOf(policy, given).map((variant) => answer(policy, given, variant, event, claims))
  const [first] = answers
  if (claims.size > 0) return unknown(`a condition reads ${[...claims].filter((name) => name !== 'constructor').toSorted().map((name) => `claims.${name}`).join(', ') || 'claims'}, and the record keeps no claims`)
  if (first === undefined || answers.some(({ key }) => key !== first.key)) return unknown('the record does not say how a classified column was used')
  const { decision, masks } = first
  const login = loginFor(policy, given, event)
  if (decision.kind !== 'deny' && login === undefined) return { ...base, would: 'deny', cannot: null, rules: decision.rules, why: `no role of ${given.who.subject} that gives this command has a login on \`${given.connection}\``, masks: [], people: null, login: null, changes: given.was !== 'deny' }
  if (answers.some(({ object }) => object)) return unknown('a condition reads the object that was written, and the record keeps none')
  if (decision.kind !== 'deny' && given.was === 'deny' && given.unseen) return unknown('it was refused for what a column or a function would show, which the record does not keep')
  const people = peopleOf(given, decision)
  const changed = decision.kind === 'deny' ? [] : masks
  const other = decision.kind === 'deny' || login === null || login === undefined || given.login === null || given.login === login ? null : { from: given.login, to: login }
  return {
    ...base, would: decision.kind, cannot: null, rules: decision.rules, why: decision.kind === 'deny' ? decision.refusal.detail : null, masks: changed, people, login: other,
    changes: decision.kind !== given.was || changed.length > 0 || people !== null || other !== null,
  }
}

/** On a host: as whom it would run (undefined: the engine refuses whoever may run the command, because there is no user to run it as); null: no host's, or as a secret says. */
function loginFor(policy: Policy, given: Recorded, event: Told): ReturnType<typeof loginOf> {
  const document = policy.connections.get(given.connection)
  if (document?.engine !== 'ssh') return null
  const asked = { caller: callerOf(policy, given, new Set()), connection: given.connection, context: contextOf(given, event) }
  return loginOf(document, giversOf(policy, asked, given.accesses[0]?.resource ?? ''))
}
const contextOf = ({ purpose }: Recorded, { session, at }: Told) => ({ purpose, session, time: Date.parse(at) })

interface Variant { readonly shown: readonly Shown[]; readonly used: readonly Used[]; readonly reveal: readonly string[]; readonly columns: readonly string[] }

/**
 * Every way in which what is recorded may have come about. What came out masked came out; any other classified column that was read may have come out in clear or been used, and the
 * call may have named its class under `reveal` or not. Where all ways give one answer, that is the answer.
 */
function variantsOf(policy: Policy, given: Recorded): readonly Variant[] {
  const { classify = {}, engine } = policy.connections.get(given.connection) ?? {}
  const cluster = engine === 'kubernetes'
  const classOf = (column: string): string | null => { const found = Object.hasOwn(classify, column) ? classify[column] : undefined; const name = typeof found === 'object' ? found.class : found; return name === undefined ? (cluster ? 'kubernetes.secret' : null) : name === 'none' ? null : name }
  const item = (resource: string, column: string) => { const dataClass = classOf(`${resource}${cluster ? ':' : '.'}${column}`); return dataClass === null ? [] : [{ dataClass, resource, column, statement: 0, span: null }] }
  const known = given.masked.flatMap(({ resource, column }) => item(resource, column))
  const masked = new Set(given.masked.map(({ resource, column }) => `${resource}.${column}`))
  const read = given.accesses.filter(({ action }) => action === 'select').flatMap(({ resource, columns }) => [...new Set(columns ?? [])].filter((column) => !masked.has(`${resource}.${column}`)).flatMap((column) => item(resource, column)))
  const shown = known.map((one, output) => ({ ...one, output }))
  const columns = known.map(({ resource, column }) => `${resource}.${column}`)
  if (read.length === 0) return [{ shown, used: [], reveal: [], columns }]
  const named = [...new Set(read.map(({ dataClass }) => dataClass))]
  return [[], named].flatMap((reveal) => [
    { shown: [...shown, ...read.map((one, i) => ({ ...one, output: shown.length + i }))], used: [], reveal, columns },
    { shown, used: read.map((one) => ({ ...one, how: 'in the statement' })), reveal, columns },
  ])
}

function answer(policy: Policy, given: Recorded, { shown, used, reveal, columns }: Variant, event: Told, claims: Set<string>) {
  const cluster = policy.connections.get(given.connection)?.engine === 'kubernetes'
  const accesses = cluster ? given.accesses : given.accesses.map(({ target: _none, ...access }) => access)
  const effects: Effects = { accesses, shown, used, readOnly: false, fingerprint: '' }
  const asked = { caller: callerOf(policy, given, claims), connection: given.connection, effects, reveal, context: contextOf(given, event) }
  const decision = decide(policy, asked)
  const obliged = decision.kind === 'deny' ? null : decision.kind === 'permit' ? decision.permit.obligations : decision.obligations
  const to = (column: string): string => { const at = columns.indexOf(column); return at < 0 ? 'clear' : obliged?.masks[at] ?? 'clear' }
  const masks = given.masked.map(({ resource, column, mask }) => ({ column: `${resource}.${column}`, from: mask, to: to(`${resource}.${column}`) })).filter(({ from, to }) => from !== to)
  // What is masked of the columns whose use is not known counts too: in one way it is, in another it cannot be.
  return { decision, masks, object: cluster && restsOnObject(policy, asked), key: JSON.stringify([decision.kind, masks, obliged?.masks.slice(columns.length).filter((mask) => mask !== null) ?? []]) }
}

/** The caller as recorded. Any look at its claims is noted (CEL asks for their `constructor` first): there are none to look at. Groups that this policy would not accept of the issuer are gone. */
function callerOf(policy: Policy, { who }: Recorded, looked: Set<string>): Caller {
  const note = (name: string | symbol): undefined => { if (typeof name === 'string') looked.add(name) }
  const claims = new Proxy<Record<string, unknown>>({}, {
    get: (_, name) => note(name), has: (_, name) => { note(name); return false }, ownKeys: () => { note('*'); return [] }, getOwnPropertyDescriptor: (_, name) => note(name),
  })
  const issuer = policy.issuers.find(({ name }) => name === who.issuer)
  const groups = issuer ? who.groups.filter((group) => issuer.groups.accept.some((pattern) => glob(pattern, group))) : who.groups
  const kind = who.subject.startsWith('user:') ? 'user' as const : 'agent' as const
  return { issuer: who.issuer, subject: { id: who.subject, kind, groups }, actors: [], person: kind === 'user', claims, expiresAt: Number.MAX_SAFE_INTEGER }
}

function peopleOf({ demands }: Recorded, decision: Decision): Foreseen['people'] {
  if (decision.kind !== 'ask' || demands === null) return null
  const words = (list: readonly { readonly by: readonly string[]; readonly quorum: number }[]): string => list.map(({ by, quorum }) => `${quorum} of ${by.toSorted().join(', ')}`).toSorted().join(' and ')
  const [from, to] = [words(demands), words(decision.demands)]
  return from === to ? null : { from, to }
}

export interface Counts { decisions: number; same: number; changed: number; unknown: number }
export function count(counts: Counts, { cannot, changes }: Foreseen): void {
  counts.decisions++
  if (cannot !== null) counts.unknown++
  else if (changes) counts.changed++
  else counts.same++
}
