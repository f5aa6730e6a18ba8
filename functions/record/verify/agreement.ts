import { canonicalJson } from '../../../schema/bundle.ts'
import type { Entry } from '../log/entry.ts'
import { list, object, text } from './json.ts'

interface Person { readonly subject: string; readonly groups: readonly string[] }
interface Demand { readonly by: readonly string[]; readonly quorum: number; readonly rule: string }
/** An access request as its event told of it. `demands` null: it lies in the log as a digest, and what it demands is not known. */
interface Agreement {
  readonly digest: string
  readonly demands: readonly Demand[] | null
  readonly expiresAt: string
  readonly issuer: string
  readonly parties: readonly string[]
  readonly owners: readonly string[]
  /** Whose call the intent must be, and where, canonical JSON. What it runs is content, and compared where that is at hand (contents.ts). */
  readonly about: string
  /** What it would do, as far as that lies in clear; null where only its digest is here. */
  readonly does: string | null
  readonly approvals: Person[]
}
/** A sign-in counts for deciding so long (docs/approvals.md); the issuer's clock may be a little before the gate's. */
const signInMs = 15 * 60_000
const toleranceMs = 30_000

/**
 * Whether people agreed to what ran. This repeats docs/approvals.md from the events alone and shares no code with the gate's approvals, so that a fault there shows here. Who owns
 * the agent that asks, the events say themselves: the request when it was asked, and each approval when it was given.
 */
export function createAgreements() {
  const open = new Map<string, Agreement>()
  /** Why nothing may run for them any more. */
  const over = new Map<string, string>()
  /** Steps that stand before their request: clocks of two processes may be apart, so that is judged when the request comes. */
  const early = new Map<string, Entry[]>()
  let foreign = 0

  function asked(id: string, entry: Entry): readonly string[] {
    if (open.has(id) || over.has(id)) return ['its access request was asked before']
    const { event } = entry
    const change = object(event['change'])
    const demands = readDemands(change['demands'])
    const [digest, expiresAt] = [text(change['digest']), text(change['expiresAt'])]
    if (entry.whole && (demands === null || !/^[0-9a-f]{64}$/.test(digest) || Number.isNaN(Date.parse(expiresAt)))) {
      over.set(id, 'says not what it demands')
      return ['this request says not what it demands, of whom, and until when']
    }
    const who = object(event['who'])
    open.set(id, {
      digest, demands, expiresAt, approvals: [], issuer: text(who['issuer']), parties: [text(who['subject']), ...list(who['actors']).map(text)].map(fold), owners: list(change['owners']).map(text).map(fold),
      about: asker(event), does: entry.whole ? doing(change) : null,
    })
    return []
  }

  function approved(agreement: Agreement, { event, at }: Entry): readonly string[] {
    const who = object(event['who'])
    const change = object(event['change'])
    const subject = text(who['subject'])
    const ageMs = Date.parse(at) - Date.parse(text(change['signedInAt']))
    if (text(who['issuer']) !== agreement.issuer) foreign++
    const wrong = [
      agreement.digest !== '' && text(change['digest']) !== agreement.digest && 'this approval is of another digest than was asked',
      !(subject.startsWith('user:') && list(who['actors']).length === 0) && 'this approval is not by a person',
      agreement.parties.includes(fold(subject)) && 'this approval is by a party to the request',
      [...agreement.owners, ...list(change['owners']).map(text).map(fold)].includes(fold(subject)) && 'this approval is by the owner of whoever asks',
      !(ageMs <= signInMs + toleranceMs && ageMs >= -toleranceMs) && 'this approval is by somebody who had not signed in shortly before',
      agreement.expiresAt !== '' && !(at < agreement.expiresAt) && 'this approval came when the request had expired',
    ].filter((reason) => reason !== false)
    if (wrong.length === 0) agreement.approvals.push({ subject: fold(subject), groups: [subject, ...list(who['groups']).map(text).filter((group) => !/^(user|agent):/.test(group))] })
    return wrong
  }

  function stepped(id: string, entry: Entry): readonly string[] {
    if (entry.kind === 'request') {
      const before = early.get(id) ?? []
      early.delete(id)
      return [...asked(id, entry), ...before.flatMap((one) => stepped(id, one))]
    }
    const agreement = open.get(id)
    if (agreement === undefined) {
      if (!over.has(id)) early.set(id, [...early.get(id) ?? [], entry])
      return []
    }
    if (entry.kind === 'approval') return entry.whole ? approved(agreement, entry) : []
    open.delete(id)
    over.set(id, ended[entry.kind] ?? 'is over')
    return []
  }

  return {
    /** One step of an access request: what is wrong with it, and with those that came before their request. */
    step: (entry: Entry): readonly string[] => stepped(text(entry.event['request']), entry),
    /** Approvals by people whom another issuer vouches for than for whoever asks. Which issuers may, only the policy of that time says. */
    foreign: () => foreign,
    /** Steps of requests that the whole log does not have. */
    orphans: (): readonly Entry[] => [...early.values()].flat(),
    /** The intent of an access request: what is wrong with it. `unjudged`: its request lies here as a digest. One request has one execution. */
    execute(entry: Entry): readonly string[] | 'unjudged' {
      const id = text(entry.event['request'])
      const agreement = open.get(id)
      if (agreement === undefined) return [over.has(id) ? `the access request it belongs to ${over.get(id)}` : 'no access request is before it']
      open.delete(id)
      over.set(id, 'was executed already')
      const wrong = [
        agreement.about !== asker(entry.event) && 'it runs for somebody else, or elsewhere, than was asked',
        agreement.does !== null && entry.whole && agreement.does !== doing(entry.event) && 'what it does is not what was asked: other accesses, masks, or classes in clear',
        agreement.expiresAt !== '' && !(entry.at < agreement.expiresAt) && 'it began when the request had expired',
        ...(agreement.demands ?? []).map((demand) => lacks(demand, agreement.approvals)),
      ].filter((reason) => reason !== false)
      return wrong.length === 0 && agreement.demands === null ? 'unjudged' : wrong
    },
  }
}
const ended: Readonly<Record<string, string>> = { rejection: 'was rejected', cancellation: 'was cancelled', expiry: 'expired', stale: 'was stale' }

/** Names that differ in capitals or Unicode form are one person. */
const fold = (id: string): string => id.normalize('NFKC').toLowerCase().toUpperCase()

function lacks({ by, quorum, rule }: Demand, approvals: readonly Person[]): string | false {
  const people = new Set(approvals.filter(({ groups }) => by.some((name) => groups.includes(name))).map(({ subject }) => subject))
  return people.size < quorum && `${people.size} of the ${quorum} approvals that rule ${JSON.stringify(rule)} demands are before it`
}

function readDemands(value: unknown): readonly Demand[] | null {
  const demands = list(value).map(object).map(({ by, quorum, rule }) => ({ by: list(by).map(text), quorum: typeof quorum === 'number' && quorum >= 1 ? quorum : Infinity, rule: text(rule) }))
  return demands.length === 0 ? null : demands
}

/** Whose call it is, through whom and where, so that two can be compared. */
function asker(event: Readonly<Record<string, unknown>>): string {
  const { issuer, subject, actors } = object(event['who'])
  return canonicalJson([issuer ?? null, subject ?? null, actors ?? null, event['connection'] ?? null])
}
const doing = ({ accesses, masks, revealed }: Readonly<Record<string, unknown>>): string => canonicalJson([list(accesses), object(masks), list(revealed)])
