import { hash } from 'node:crypto'
import { canonicalJson } from '../schema/bundle.ts'
import { openOf } from '../schema/content.ts'
import type { Event, Id } from '../schema/event.ts'
import { isEventId, timeOf } from '../schema/item.ts'
import { entryOf, isTime } from './record/log/entry.ts'
import { maxEntryBytes } from './record/log/tile.ts'

/** One event on its way into the log. `entry`: the leaf's bytes. */
export interface Leaf { readonly id: Id<'evt'>; readonly entry: Uint8Array; /** Of an event `log-key`: the statement. */ readonly succession?: string }

/**
 * As it is stored, so that the leaf of an event does not depend on who brings it. Never throws, and gives nothing that a reader of the log does not take, because what is in it nobody takes out: what canonical JSON cannot say (a lone surrogate),
 * or what is no event of ours (no time, no kind, members of another sort), goes in by the digest of what is stored, in a form of which every member is made here.
 */
export function leafOf(event: Event): Leaf {
  try {
    if (isTime(event.at) && isKind(event.kind)) {
      const entry = entryOf(JSON.parse(JSON.stringify(openOf(event))) as Event)
      const note: unknown = event.kind === 'log-key' ? event.change['note'] : null
      if (entry.length <= maxEntryBytes) return { id: event.id, entry, ...(typeof note === 'string' ? { succession: note } : {}) }
    }
  } catch {
    // whatever of it cannot be said
  }
  const { id, kind, at, writer } = event
  const told = writerOf(writer)
  return { id, entry: Buffer.from(canonicalJson({ ...(told === null ? {} : { about: { writer: told } }), at: isTime(at) ? at : timeText(id), digest: hash('sha256', textOf(event), 'hex'), id, kind: isKind(kind) ? kind : 'unknown', v: 1 })) }
}
const isKind = (kind: unknown): kind is string => typeof kind === 'string' && /^[a-z-]{1,40}$/.test(kind)
const timeText = (id: Id<'evt'>): string => new Date(Math.min(timeOf(id), Date.parse('9999-12-31T23:59:59.999Z'))).toISOString()
function textOf(event: Event): string {
  try {
    return JSON.stringify(openOf(event))
  } catch {
    return event.id                                                 // nested deeper than anything can write
  }
}
function writerOf(writer: unknown): { readonly id: string; readonly n: number; readonly open?: readonly number[] } | null {
  const { id, n, open } = typeof writer === 'object' && writer !== null ? writer as Readonly<Record<string, unknown>> : {}
  const isNumber = (one: unknown): one is number => Number.isSafeInteger(one)
  return isEventId(id) && isNumber(n) ? { id, n, ...(Array.isArray(open) && open.length <= 1000 && open.every(isNumber) ? { open } : {}) } : null
}
