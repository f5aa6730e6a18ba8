import type { Event } from '../../../schema/event.ts'
import { correctionId, isEventId, isRequestId, outcomeId } from '../../../schema/item.ts'
import type { Entry } from '../log/entry.ts'
import { FormatError } from '../log/format.ts'
import { openSuccession, type Succession } from '../log/succession.ts'
import { createAgreements } from './agreement.ts'
import type { Finding } from './finding.ts'
import { list, object, text } from './json.ts'
import { seenIds } from './seen.ts'
import { createWriters } from './writers.ts'

/** How many of what a log holds. `unsettled`: intents without an outcome, such as those of the last seconds. `digests`: entries of which only the digest is here. */
export interface Counts {
  readonly entries: number; readonly intents: number; readonly outcomes: number; readonly unsettled: number; readonly corrections: number; readonly refusals: number
  readonly requests: number; readonly approvals: number; readonly digests: number
  /** Executions of access requests whose approval cannot be judged, because the request lies in the log as a digest alone. */
  readonly unjudged: number
  /** Processes that wrote, and their events that were in flight when they died. */
  readonly writers: number; readonly lost: number
}

/** What each kind of event is to the order of things. A kind that is not here is one this verifier cannot vouch for. */
const roles: Readonly<Record<Event['kind'], 'intent' | 'outcome' | 'correction' | 'step' | 'refusal' | 'succession' | 'other'>> = {
  intent: 'intent', outcome: 'outcome', correction: 'correction', refusal: 'refusal',
  request: 'step', approval: 'step', rejection: 'step', cancellation: 'step', expiry: 'step', stale: 'step',
  policy: 'other', lock: 'other', heartbeat: 'other', 'audit-read': 'other', explain: 'other', repeat: 'other', stream: 'other', output: 'other', start: 'other', unauthenticated: 'other', writer: 'other', void: 'other', 'log-key': 'succession', 'sign-in': 'other', erasure: 'other', prune: 'other',
}
const isKind = (kind: string): kind is Event['kind'] => Object.hasOwn(roles, kind)

/**
 * Reads a log's entries in order and says what is wrong with each: an id twice, an outcome before or without its intent, a second one, an execution that was not asked or not
 * approved as its request demands. Memory grows by 32 to 64 bytes a call, and by the id of each access request.
 */
export function createOrder() {
  const seen = seenIds()
  const agreements = createAgreements()
  const writers = createWriters()
  const successions: (Succession & { readonly index: number })[] = []
  const counts = { entries: 0, intents: 0, outcomes: 0, corrections: 0, refusals: 0, requests: 0, approvals: 0, digests: 0, unjudged: 0, lost: 0 }

  function settles(entry: Entry, role: 'outcome' | 'correction'): readonly string[] {
    const intent = text(entry.event['intent'])
    if (!isEventId(intent) || !intent.endsWith('0')) return [`this ${role} names no intent`]
    const wrong: string[] = []
    const mine = role === 'outcome' ? [outcomeId(intent)] : corrections.map((n) => correctionId(intent, n))
    if (!mine.some((id) => id === entry.id)) wrong.push(`this ${role} has not the id of its intent's ${role}, so there could be a second one`)
    if (!seen.isIntent(intent)) wrong.push(`the intent of this ${role}, ${intent}, is not before it`)
    if (role === 'correction' && !seen.has(outcomeId(intent))) wrong.push('there is no outcome before this correction')
    return wrong
  }

  function judge(entry: Entry, index: number): readonly string[] {
    const { kind, event } = entry
    if (!isKind(kind)) return ['its kind is none this verifier knows']
    const role = roles[kind]
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
        return [...settles(entry, role), ...(!entry.whole || ['succeeded', 'failed', 'unknown'].includes(text(event['status'])) ? [] : ['its status is none this verifier knows'])]
      case 'correction':
        counts.corrections++
        return settles(entry, role)
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
      case 'other': return []
    }
  }
  return {
    take(entry: Entry, index: number): readonly string[] {
      counts.entries++
      if (!entry.whole) counts.digests++
      const [told, counted] = [judge(entry, index), writers.take(entry, index)]
      const wrong = counted.length === 0 ? told : [...told, ...counted]   // before the id is remembered: an outcome that names itself finds nothing
      return seen.add(entry.id, entry.kind === 'intent') ? wrong : [...wrong, 'its event id is in the log already']
    },
    /** When all of the log was taken: what never got what it belongs to, and what is missing. */
    end(): readonly Finding[] {
      const { findings, lost } = writers.end()
      counts.lost = lost
      return [...agreements.orphans().map(({ id, kind }) => ({ id, reason: `there is no request to this ${kind}` })), ...findings]
    },
    writers,
    /** By which one key of the log followed another, whoever wrote that they do. */
    successions: (): readonly (Succession & { readonly index: number })[] => successions,
    counts: (): Counts => ({ ...counts, writers: writers.count(), unsettled: Math.max(0, counts.intents - counts.outcomes) }),
  }
}
/** What was permitted, to whom, by which rules of which policy. `skimEntry` has looked at the same. */
const isDecided = ({ policy, rules, who, accesses }: Readonly<Record<string, unknown>>): boolean =>
  // What accesses nothing, such as reading what an API server can do, wants no rule but that the caller reaches the connection.
  typeof policy === 'string' && policy !== '' && (list(rules).length > 0 || (Array.isArray(rules) && Array.isArray(accesses) && accesses.length === 0)) && list(rules).every((rule) => typeof rule === 'string' && rule !== '') && text(object(who)['subject']) !== ''
const corrections = Array.from({ length: 30 }, (_, n) => n + 1)
