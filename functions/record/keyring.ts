import { randomBytes } from 'node:crypto'
import type { ContentKeys, Slots } from '../ports.ts'
import { contentKey, type ContentKey } from './cipher.ts'

/** Slots of a process's first sheet and of the largest: each is twice the one before, so that a process that lives for one call takes few, and a busy one pays little for each. */
const fewest = 16
const most = 128
const keyBytes = 32
/** No slot of a sheet seals anything later than this after the sheet was made: so the sheet's day bounds the age of all that is under it. Milliseconds. */
export const sheetMs = 3_600_000
/** Sessions this process remembers the slot of. One that is forgotten gets another. */
const mostSessions = 20_000

/** A key is used so long after its sheet was last seen to have it, ms: what another process destroys, this one seals nothing under any more. */
const seenMs = 60_000
/** Where the store of keys does not answer, a key is used so long all the same: nobody can have destroyed much there, and an outcome that cannot be sealed is one nobody is told. After it nothing is sealed. */
const unseenMs = 5 * 60_000
const retryMs = 5_000

/** `gone`: slots that are destroyed, here or in the store. `seen`: when the store last showed it; `look`: from then on it is looked at before it seals. Epoch ms. */
interface Sheet { readonly id: string; readonly until: number; readonly keys: readonly Uint8Array[]; readonly gone: Set<number>; used: number; seen: number; look: number; looking: Promise<void> | null }
/** What a session has. */
interface Taken { readonly key: ContentKey; readonly sheet: Sheet; readonly slot: number }

/** A sheet's id is the day it was made on, where it lies, and 16 random characters. */
const form = /^(\d{4}-\d{2}-\d{2}\.[A-Za-z0-9_-]{16})\.(\d{1,3})$/
/** null: not the id of a content key. */
export function readKeyId(id: string): { readonly sheet: string; readonly slot: number } | null {
  const [, sheet, slot] = form.exec(id) ?? []
  return sheet === undefined ? null : { sheet, slot: Number(slot) }
}

/**
 * Which key seals what: one for each session in this process and hour. Keys are made a sheet at a time, in one write that is durable before any of them is used, so that a session costs a small
 * part of a write, and destroying the content of a session is taking its slots out of their sheets.
 *
 * A key that was destroyed seals nothing more, or what is said after an erasure could be read by nobody from its birth: at once where this process destroys it (`drop`), else within `seenMs`, because the sheet is
 * read again before it is used longer. That is one small read a minute, within a call and never by a timer, so also after a freeze. What is over its hour, or dropped, is overwritten in memory.
 */
export function createKeyring({ keys, now }: { readonly keys: Pick<ContentKeys, 'keep' | 'read'>; readonly now: () => number }) {
  let sheet: Sheet | null = null
  let making: Promise<Sheet> | null = null
  let size = fewest / 2
  let swept = now()
  const sheets = new Map<string, Sheet>()
  const taken = new Map<string, Taken>()

  /** Dies in between: a sheet nobody uses. */
  async function make(): Promise<Sheet> {
    const at = now()
    size = Math.min(most, size * 2)
    const id = `${new Date(at).toISOString().slice(0, 10)}.${randomBytes(12).toString('base64url')}`
    const bytes = randomBytes(size * keyBytes)                      // drawn at once: a system call a slot is a tenth of what a slot costs
    const made = Array.from({ length: size }, (_, slot) => bytes.subarray(slot * keyBytes, (slot + 1) * keyBytes))
    await keys.keep(id, new Map(made.entries()))
    sheet = { id, until: at + sheetMs, keys: made, gone: new Set(), used: 0, seen: at, look: at + seenMs, looking: null }
    sheets.set(id, sheet)
    setTimeout(forget, sheetMs + 1).unref()                         // of a process that is asked nothing more
    return sheet
  }

  const isUsable = ({ sheet: { until, gone }, slot }: Taken): boolean => now() < until && !gone.has(slot)
  /** The next slot; null: there is none that may still be used. */
  function next(): Taken | null {
    if (sheet === null || now() >= sheet.until) return null
    while (sheet.gone.has(sheet.used)) sheet.used++
    const bytes = sheet.keys[sheet.used]
    if (bytes === undefined) return null
    const slot = sheet.used++
    return { key: contentKey(`${sheet.id}.${slot}`, Uint8Array.from(bytes)), sheet, slot }            // a copy: what is overwritten here may be about to seal
  }
  function give(name: string, given: Taken): ContentKey {
    if (taken.size >= mostSessions) taken.clear()
    taken.set(name, given)
    return given.key
  }
  async function fresh(name: string): Promise<ContentKey> {
    for (;;) {
      await (making ??= make().finally(() => { making = null }))
      const known = taken.get(name)                                  // by a twin that waited as well
      if (known && isUsable(known)) return known.key
      const given = next()
      if (given) return give(name, given)
    }
  }

  /** Whether the store still has what this sheet seals under. Rejects with Fault store-unavailable where that was not seen for too long. */
  function look(one: Sheet): Promise<void> {
    return one.looking ??= (async () => {
      const at = now()
      try {
        const there = await keys.read(one.id)
        drop(one.id, [...one.keys.keys()].filter((slot) => !one.gone.has(slot) && Buffer.compare(there.get(slot) ?? nothing, one.keys[slot] ?? nothing) !== 0))
        one.seen = at
        one.look = at + seenMs
      } catch (error) {
        if (now() - one.seen >= unseenMs) throw error
        one.look = now() + retryMs
      }
    })().finally(() => { one.looking = null })
  }

  function drop(id: string, slots: readonly number[] | 'all'): void {
    const one = sheets.get(id)
    if (one === undefined || slots.length === 0) return
    for (const slot of slots === 'all' ? one.keys.keys() : slots) {
      one.gone.add(slot)
      one.keys[slot]?.fill(0)
    }
    for (const [name, held] of taken) if (held.sheet === one && one.gone.has(held.slot)) taken.delete(name)
  }
  function forget(): void {
    swept = now()
    for (const [id, { until }] of sheets) {
      if (now() < until) continue
      drop(id, 'all')
      sheets.delete(id)
      if (sheet?.id === id) sheet = null
    }
  }

  /** The key for what this session writes now; null: for what belongs to none. At once, but where a sheet must be made or looked at. Rejects with Fault store-unavailable: nothing can be sealed, so nothing is to be done. */
  function take(session: string | null): ContentKey | Promise<ContentKey> {
    const name = session ?? ''
    const at = now()
    if (at - swept >= seenMs) forget()
    const known = taken.get(name)
    const held = known && isUsable(known) ? known : null
    const under = held?.sheet ?? sheet
    if (under && at < under.until && at >= under.look) return look(under).then(() => take(session))
    if (held) return held.key
    const given = next()
    return given ? give(name, given) : fresh(name)
  }
  return { take, drop }
}
const nothing = new Uint8Array()

/**
 * Finds keys again, for a reader: each sheet is read once for all that is opened together, and never remembered longer, so that what is destroyed is unreadable at the next look in every process.
 * null: destroyed, or no key of ours. Throws Fault store-unavailable.
 */
export function createFinder(keys: Pick<ContentKeys, 'read'>): (id: string) => Promise<ContentKey | null> {
  const sheets = new Map<string, Promise<Slots>>()
  return async (id) => {
    const place = readKeyId(id)
    if (place === null) return null
    const reading = sheets.get(place.sheet) ?? keys.read(place.sheet)
    sheets.set(place.sheet, reading)
    const bytes = (await reading).get(place.slot)
    return bytes === undefined ? null : contentKey(id, bytes)
  }
}
