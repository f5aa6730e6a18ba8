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
  request: { change: ['statements', 'params', 'purpose', 'callKey', 'diff'] },
  approval: { change: ['reason'] }, rejection: { change: ['reason'] }, cancellation: { change: ['reason'] }, expiry: { change: ['reason'] }, stale: { change: ['detail'] },
  explain: { change: ['statements', 'purpose'] },
  policy: {}, lock: {}, 'audit-read': {}, repeat: {}, stream: {}, output: { change: ['text', 'base64'] }, start: {}, unauthenticated: {}, heartbeat: {}, writer: {}, void: {}, 'log-key': {}, 'sign-in': {}, erasure: {}, prune: {},
}

/** By kind and member, for a look-up a member: this runs for every event there is. */
const table: ReadonlyMap<string, ReadonlyMap<string, true | readonly string[]>> = new Map(Object.entries(members).map(([kind, inner]) => [kind, new Map(Object.entries(inner))]))
const none: ReadonlyMap<string, true | readonly string[]> = new Map()

/** An event in two: `open` is what lies in clear, `content` what is sealed; null where there is none. Whatever was said of sealing before stays with `open`. */
export function split(event: Event): { readonly open: Event; readonly content: Content | null } {
  const sealed = table.get(event.kind) ?? none
  if (!hasContent(event)) return { open: event, content: null }
  const open: Record<string, unknown> = {}
  const content: Record<string, unknown> = {}
  for (const name in event) {                                       // put together, never deleted from: that would make every later reading of it slow
    if (!Object.hasOwn(event, name)) continue
    const value: unknown = event[name as keyof Event]
    const inner = sealed.get(name)
    if (inner === undefined || value === undefined) open[name] = value
    else if (inner === true) content[name] = value
    else if (typeof value === 'object' && value !== null) {
      const [kept, taken]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}]
      for (const [member, one] of Object.entries(value)) (inner.includes(member) ? taken : kept)[member] = one
      open[name] = kept
      if (Object.keys(taken).length > 0) content[name] = taken
    } else open[name] = value
  }
  return { open: open as unknown as Event, content }
}

/** Whether any of its content stands in it in clear. */
export function hasContent(event: Event): boolean {
  for (const [name, inner] of table.get(event.kind) ?? none) {
    const value = (event as unknown as Readonly<Record<string, unknown>>)[name]
    if (inner === true ? value !== undefined : typeof value === 'object' && value !== null && inner.some((member) => Object.hasOwn(value, member))) return true
  }
  return false
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
