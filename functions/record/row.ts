import type { Row } from '../../schema/audit.ts'
import type { Entry } from './log/entry.ts'
import { list, object, text } from './verify/json.ts'

/** What an index entry may hold of one text: a longer one would be refused by the database, and stop all that comes after it. As long as a filter may be. */
const most = 300

/**
 * As a text is kept and asked for: cut, and without what PostgreSQL cannot keep (a zero byte) or UTF-8 cannot say. Callers choose some of these texts; none of them may keep
 * an event out of the index.
 */
export const indexed = (value: string): string => value.slice(0, most).toWellFormed().replaceAll('\0', '\ufffd')

/** `entry`: as it was read from the log, or from the record where the log has only its digest. Total: what is not of the shape it should be is absent. */
export function rowOf({ id, kind, at, whole, event }: Entry, index: number): Row {
  const who = object(event['who'])
  const refusal = object(event['refusal'])
  const change = object(event['change'])
  const named = (value: unknown): string | null => text(value) === '' ? null : indexed(text(value))
  return {
    id, index, at, kind: indexed(kind), evaluation: named(event['evaluation']), session: named(event['session']), subject: named(who['subject']), connection: named(event['connection']), policy: named(event['policy']),
    request: named(event['request']), intent: named(event['intent']), decision: named(decisionOf(kind, event, change)), actors: texts(list(who['actors'])), opaque: !whole,
    accesses: unique([...list(event['accesses']), ...list(change['accesses']), { action: refusal['action'], resource: refusal['resource'] }, ...own(kind)].map(object)
      .filter(({ action, resource }) => text(action) !== '' && text(resource) !== '').map(({ action, resource }) => ({ action: indexed(text(action)), object: indexed(text(resource)) }))),
    rules: texts([...list(event['rules']), refusal['rule'], ...list(change['rules']), ...list(change['demands']).map((demand) => object(demand)['rule'])]),
  }
}

const decisions: Readonly<Record<string, string>> = { intent: 'permit', refusal: 'deny', request: 'ask' }
function decisionOf(kind: string, event: Entry['event'], change: Readonly<Record<string, unknown>>): unknown {
  if (kind === 'outcome' || kind === 'correction') return event['status']
  return Object.hasOwn(decisions, kind) ? decisions[kind] : kind === 'explain' ? change['decision'] : null
}

/** What of the gate's own an event tells of, where its kind alone says so. */
function own(kind: string): readonly { readonly action: string; readonly resource: string }[] {
  if (kind === 'audit-read') return [{ action: 'read', resource: 'audit' }]
  if (kind === 'policy') return [{ action: 'apply', resource: 'policy' }]
  return kind === 'lock' ? [{ action: 'set', resource: 'locks' }] : []
}

const texts = (values: readonly unknown[]): readonly string[] => [...new Set(values.map(text).filter((value) => value !== '').map(indexed))]
const unique = (accesses: Row['accesses']): Row['accesses'] => [...new Map(accesses.map((access) => [JSON.stringify([access.action, access.object]), access])).values()]
