import { hash } from 'node:crypto'
import { canonicalJson } from '../../../schema/bundle.ts'
import { openOf } from '../../../schema/content.ts'
import type { Event } from '../../../schema/event.ts'
import { isEventId } from '../../../schema/item.ts'
import { FormatError, fromUtf8 } from './format.ts'

/** Bytes of canonical JSON an event may have and still lie in the log whole; an entry of a tlog-tiles log has at most 65 535. */
const maxWholeBytes = 60_000

/**
 * One event as the log's leaf: RFC 8785 JSON of `{v: 1, event}`, without its content (schema/content.ts), of which it holds the keyed commitment; the same whether the event is
 * given sealed, opened or erased. Over 60 000 bytes `{v: 1, id, kind, at, digest, about}`, where `digest` is SHA-256 (hex) of the canonical JSON of that and `about` what a verifier needs to judge the order of things without the content; left out where even that is too long. Throws RangeError for what JSON cannot say.
 */
export function entryOf(stored: Event): Uint8Array {
  const event = openOf(stored)
  const whole = Buffer.from(canonicalJson({ v: 1, event }))
  if (whole.length <= maxWholeBytes) return whole
  const { id, kind, at } = event
  const short = { v: 1, id, kind, at, digest: hash('sha256', canonicalJson(event), 'hex') }
  const told = Buffer.from(canonicalJson({ ...short, about: aboutOf(event) }))
  return told.length <= maxWholeBytes ? told : Buffer.from(canonicalJson({ ...short, ...numberOf(event) }))
}

/** Without it the number would be missing among those of its process. */
const numberOf = ({ writer }: Event) => writer === undefined ? {} : { about: { writer } }

function aboutOf(event: Event): Readonly<Record<string, unknown>> {
  const { who, request, connection } = event
  const change = 'change' in event && event.kind === 'request' ? { digest: event.change['digest'], demands: event.change['demands'], expiresAt: event.change['expiresAt'], owners: event.change['owners'] } : undefined
  return {
    connection, ...(event.content === undefined ? {} : { content: event.content }), ...numberOf(event).about, ...(request === undefined ? {} : { request }), ...('intent' in event ? { intent: event.intent } : {}), ...(change ? { change } : {}),
    who: who && { issuer: who.issuer, subject: who.subject, actors: who.actors, groups: who.groups },
  }
}

/** An entry as it was read: members are what JSON gave, nothing of them is trusted. `whole`: the event itself is here, not only its digest. */
export interface Entry { readonly id: string; readonly kind: string; readonly at: string; readonly whole: boolean; readonly event: Readonly<Record<string, unknown>> }

/** Throws FormatError for bytes that `entryOf` would not have written in this form: also for members twice or in another order, which two readers may read differently. `isCanonical`: that its JSON is spelt as RFC 8785 has it was seen. */
export function readEntry(bytes: Uint8Array, isCanonical = false): Entry {
  const text = fromUtf8(bytes, 'the entry')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new FormatError('the entry is not JSON')
  }
  if (!isCanonical && !canonical(value, text)) throw new FormatError('the entry is not canonical JSON')
  if (!isObject(value) || value['v'] !== 1) throw new FormatError('the entry is of no version this verifier knows')
  const whole = isObject(value['event'])
  const event = isObject(value['event']) ? value['event'] : { ...(isObject(value['about']) ? value['about'] : {}), id: value['id'], kind: value['kind'], at: value['at'] }
  if (!whole && (typeof value['digest'] !== 'string' || !/^[0-9a-f]{64}$/.test(value['digest']))) throw new FormatError('the entry has neither an event nor the digest of one')
  const { id, kind, at } = event
  if (typeof id !== 'string' || !isEventId(id)) throw new FormatError('the entry has no event id')
  if (typeof kind !== 'string' || typeof at !== 'string' || !isTime(at)) throw new FormatError('the entry has no kind or no time')
  return { id, kind, at, whole, event }
}

const time = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/
export const isTime = (text: unknown): text is string => typeof text === 'string' && time.test(text)
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The engine's own writer is many times faster than ours. It differs in the order of members, and in half characters, which canonical JSON has none of and other JSON must escape. */
function canonical(value: unknown, text: string): boolean {
  if (!text.includes('\\ud') && sorted(value, 0) && JSON.stringify(value) === text) return true
  try {
    return canonicalJson(value) === text                          // a member named `10` stands before `9` in canonical JSON alone
  } catch {
    return false
  }
}
function sorted(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (depth > 200) return false
  if (Array.isArray(value)) {
    for (const item of value) if (!sorted(item, depth + 1)) return false
    return true
  }
  let last = ''
  for (const key in value) {
    if (key < last || !sorted((value as Readonly<Record<string, unknown>>)[key], depth + 1)) return false
    last = key
  }
  return true
}
