import type { Event, Sealed } from './event.ts'

/** The part of an event that is sealed: its members as they stand in the event, those of `refusal` and `change` below that name. */
export type Content = Readonly<Record<string, unknown>>
type Members = Readonly<Record<string, true | readonly string[]>>

/**
 * What is content, kind by kind: what a caller wrote, what people wrote about it, the words of a refusal (which quote both), and the masked answer. All else (who, what was accessed, rules, masks,
 * counts, times, a refusal's slug and reason) stays in clear, in the ledger and in the log. `callKey` is a digest over what was written, and would let it be guessed.
 */
const members: Readonly<Record<Event['kind'], Members>> = {
  intent: { statements: true, purpose: true, diff: true },
  outcome: { result: true, said: true, refusal: ['detail', 'inner'] },
  correction: { result: true, said: true, refusal: ['detail', 'inner'] },
  refusal: { statements: true, purpose: true, refusal: ['detail', 'inner'] },
  request: { change: ['statements', 'purpose', 'callKey', 'diff'] },
  approval: { change: ['reason'] }, rejection: { change: ['reason'] }, cancellation: { change: ['reason'] }, expiry: { change: ['reason'] }, stale: { change: ['detail'] },
  explain: { change: ['statements', 'purpose'] },
  policy: {}, lock: {}, 'audit-read': {}, repeat: {}, stream: {}, start: {}, unauthenticated: {}, heartbeat: {}, writer: {}, void: {}, 'log-key': {}, 'sign-in': {}, erasure: {}, prune: {},
}

/** An event in two: `open` is what lies in clear, `content` what is sealed; null where there is none. Whatever was said of sealing before stays with `open`. */
export function split(event: Event): { readonly open: Event; readonly content: Content | null } {
  const source: Readonly<Record<string, unknown>> = { ...event }
  const open: Record<string, unknown> = { ...event }
  const content: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(Object.hasOwn(members, event.kind) ? members[event.kind] : {})) {
    const value = source[name]
    if (value === undefined) continue
    if (inner === true) {
      content[name] = value
      delete open[name]
      continue
    }
    if (typeof value !== 'object' || value === null) continue
    const taken = inner.filter((member) => Object.hasOwn(value, member))
    if (taken.length === 0) continue
    const kept: Record<string, unknown> = { ...value }
    content[name] = Object.fromEntries(taken.map((member) => [member, kept[member]]))
    for (const member of taken) delete kept[member]
    open[name] = kept
  }
  return { open: open as unknown as Event, content: Object.keys(content).length === 0 ? null : content }
}

/** What the log's leaf and a stranger may have of it: no content, no ciphertext. */
export function openOf(event: Event): Event {
  const { open } = split(event)
  const { content, ...rest } = open
  return content === undefined ? open : { ...rest, content: { key: content.key, commitment: content.commitment } } as Event
}

/** The event as its reader gets it, content in its place. Where that is erased or damaged the event says so, and the members it would stand in are absent. */
export function join(sealed: Event, content: Content | 'erased' | 'damaged'): Event {
  const { content: about, ...open } = sealed
  if (about === undefined) return sealed
  const kept: Sealed = { key: about.key, commitment: about.commitment, ...(typeof content === 'string' ? { state: content } : {}) }
  const event: Record<string, unknown> = { ...open, content: kept }
  for (const [name, value] of Object.entries(typeof content === 'string' ? {} : content)) event[name] = plain(event[name]) && plain(value) ? { ...event[name], ...value } : value
  return event as unknown as Event
}
const plain = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)
