import type { Event } from '../../../schema/event.ts'
import { isRequestId } from '../../../schema/item.ts'
import type { Entry } from '../log/entry.ts'
import { FormatError } from '../log/format.ts'
import { openSuccession, type Succession } from '../log/succession.ts'
import { createAgreements } from './agreement.ts'
import type { Finding } from './finding.ts'
import { isErasure } from './erasure.ts'
import { list, object, text } from './json.ts'
import { createOutcomes } from './outcomes.ts'
import { seenIds } from './seen.ts'
import type { Skimmed } from './skim.ts'
import { createVoids } from './voids.ts'
import { whoseOf } from './whose.ts'
import { createWriters } from './writers.ts'

/** How many of what a log holds. `unsettled`: intents without an outcome, such as those of the last seconds. `digests`: entries of which only the digest is here. */
export interface Counts {
  readonly entries: number; readonly intents: number; readonly outcomes: number; readonly unsettled: number; readonly corrections: number; readonly refusals: number
  readonly requests: number; readonly approvals: number; readonly digests: number
  /** Executions of access requests whose approval cannot be judged, because the request lies in the log as a digest alone. */
  readonly unjudged: number
  /** Processes that wrote, and their events that were in flight when they died. */
  readonly writers: number; readonly lost: number
  /** Events that were not stored, as their processes say. */
  readonly voids: number
  /** Of the unsettled: those so old that the sweeper should have settled them long ago. It did not run, or what became of them was taken away. */
  readonly overdue: number
  /** Approvals by people of another issuer than that of whoever asked. */
  readonly foreign: number
}
/** An intent is settled an hour and some seconds after it at the latest (functions/record/story.ts), by a sweeper that runs every minute. */
const settledMs = 90 * 60_000

/** What each kind of event is to the order of things. A kind that is not here is one this verifier cannot vouch for. */
const roles: Readonly<Record<Event['kind'], 'intent' | 'outcome' | 'correction' | 'step' | 'refusal' | 'succession' | 'erasure' | 'void' | 'other'>> = {
  intent: 'intent', outcome: 'outcome', correction: 'correction', refusal: 'refusal',
  request: 'step', approval: 'step', rejection: 'step', cancellation: 'step', expiry: 'step', stale: 'step',
  policy: 'other', lock: 'other', heartbeat: 'other', 'audit-read': 'other', explain: 'other', repeat: 'other', stream: 'other', output: 'other', start: 'other', unauthenticated: 'other', writer: 'other', void: 'void', 'log-key': 'succession', 'sign-in': 'other', erasure: 'erasure', prune: 'other',
}
const roleOf: ReadonlyMap<string, (typeof roles)[Event['kind']]> = new Map(Object.entries(roles) as [Event['kind'], (typeof roles)[Event['kind']]][])
const isKind = (kind: string): boolean => roleOf.has(kind)

/**
 * Reads a log's entries in order and says what is wrong with each: an id twice, an outcome before or without its intent, a second one, an execution that was not asked or not
 * approved as its request demands. Memory grows by 32 to 64 bytes a call, and by the id of each access request and of each call of which nobody knows what became.
 */
export function createOrder() {
  const seen = seenIds()
  const agreements = createAgreements()
  const writers = createWriters()
  const voids = createVoids(seen)
  const settles = createOutcomes(seen)
  const successions: (Succession & { readonly index: number })[] = []
  const counts = { entries: 0, intents: 0, outcomes: 0, corrections: 0, refusals: 0, requests: 0, approvals: 0, digests: 0, unjudged: 0, lost: 0 }

  function judge(entry: Entry, index: number, role: (typeof roles)[Event['kind']] | undefined, whose: number): readonly string[] {
    const { kind, event } = entry
    if (role === undefined) return ['its kind is none this verifier knows']
    switch (role) {
      case 'intent': {
        counts.intents++
        if (!entry.id.endsWith('0')) return ['an intent\'s id ends in 0']
        if (entry.whole && event['kind'] !== undefined && !isDecided(event)) return ['no decision covers it: it names no policy, no rule of one, or nobody whom it permits']
        if (event['request'] === undefined) return []
        const judged = agreements.execute(entry)
        if (judged === 'unjudged') counts.unjudged++
        return judged === 'unjudged' ? [] : judged
      }
      case 'outcome':
        counts.outcomes++
        return settles(entry, role, whose)
      case 'correction':
        counts.corrections++
        return settles(entry, role, whose)
      case 'step':
        if (kind === 'request') counts.requests++
        if (kind === 'approval') counts.approvals++
        return isRequestId(text(event['request'])) ? agreements.step(entry) : [`this ${kind} names no access request`]
      case 'refusal':
        counts.refusals++
        return []
      case 'succession':
        try {
          successions.push({ ...openSuccession(text(object(event['change'])['note'])), index })
          return []
        } catch (error) {
          if (error instanceof FormatError) return [`it makes no key follow another: ${error.message}`]
          throw error
        }
      case 'erasure': return isErasure(entry) ? [] : ['this erasure is nobody\'s, and no retention asked for it']
      case 'void': return voids.take(entry, index, isKind)
      case 'other': return []
    }
  }
  return {
    take(entry: Entry | Skimmed, index: number): readonly string[] {
      counts.entries++
      if (!entry.whole) counts.digests++
      const role = roleOf.get(entry.kind)
      const whose = 'whose' in entry ? entry.whose : role === 'intent' || role === 'outcome' || role === 'correction' ? whoseOf(entry) : 0
      const [told, counted] = [judge(entry, index, role, whose), writers.take(entry, index)]
      const wrong = counted.length === 0 ? told : [...told, ...counted]   // before the id is remembered: an outcome that names itself finds nothing
      return seen.add(entry.id, role === 'intent' ? whose : null) ? wrong : [...wrong, 'its event id is in the log already']
    },
    /** When all of the log was taken: `orphans`, what never got what it belongs to; and what is missing, or stands for what is not. */
    end(): { readonly orphans: readonly Finding[]; readonly findings: readonly Finding[] } {
      const { findings, lost } = writers.end()
      counts.lost = lost
      return { orphans: agreements.orphans().map(({ id, kind }) => ({ id, reason: `there is no request to this ${kind}` })), findings: [...voids.end(writers.until(), writers.before()), ...findings] }
    },
    writers,
    /** By which one key of the log followed another, whoever wrote that they do. */
    successions: (): readonly (Succession & { readonly index: number })[] => successions,
    counts: (): Counts => ({ ...counts, writers: writers.count(), unsettled: Math.max(0, counts.intents - counts.outcomes), voids: voids.count(), overdue: seen.lacking(writers.until() - settledMs), foreign: agreements.foreign() }),
  }
}
/** What was permitted, to whom, by which rules of which policy. `skimEntry` has looked at the same. */
const isDecided = ({ policy, rules, who, accesses }: Readonly<Record<string, unknown>>): boolean =>
  // What accesses nothing, such as reading what an API server can do, wants no rule but that the caller reaches the connection.
  typeof policy === 'string' && policy !== '' && (list(rules).length > 0 || (Array.isArray(rules) && Array.isArray(accesses) && accesses.length === 0)) && list(rules).every((rule) => typeof rule === 'string' && rule !== '') && text(object(who)['subject']) !== ''
