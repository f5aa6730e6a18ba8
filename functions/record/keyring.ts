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

/** What a session has. */
interface Taken { readonly key: ContentKey; readonly until: number }
interface Sheet { readonly id: string; readonly until: number; readonly keys: readonly Uint8Array[]; used: number }

/** A sheet's id is the day it was made on, where it lies, and 16 random characters. */
const form = /^(\d{4}-\d{2}-\d{2}\.[A-Za-z0-9_-]{16})\.(\d{1,3})$/
/** null: not the id of a content key. */
export function readKeyId(id: string): { readonly sheet: string; readonly slot: number } | null {
  const [, sheet, slot] = form.exec(id) ?? []
  return sheet === undefined ? null : { sheet, slot: Number(slot) }
}

/**
 * Which key seals what: one for each session in this process and hour. Keys are made a sheet at a time, in one write that is durable before any of them is used, so that a session costs a small
 * part of a write, and destroying the content of a session is taking its slots out of their sheets. What one process holds in memory it forgets within the hour.
 */
export function createKeyring({ keys, now }: { readonly keys: Pick<ContentKeys, 'keep'>; readonly now: () => number }) {
  let sheet: Sheet | null = null
  let making: Promise<Sheet> | null = null
  let size = fewest / 2
  const taken = new Map<string, Taken>()

  /** Dies in between: a sheet nobody uses. */
  async function make(): Promise<Sheet> {
    const at = now()
    size = Math.min(most, size * 2)
    const id = `${new Date(at).toISOString().slice(0, 10)}.${randomBytes(12).toString('base64url')}`
    const bytes = randomBytes(size * keyBytes)                      // drawn at once: a system call a slot is a tenth of what a slot costs
    const made = Array.from({ length: size }, (_, slot) => bytes.subarray(slot * keyBytes, (slot + 1) * keyBytes))
    await keys.keep(id, new Map(made.entries()))
    return sheet = { id, until: at + sheetMs, keys: made, used: 0 }
  }

  /** The next slot; null: there is none that may still be used. */
  function next(): Taken | null {
    const bytes = sheet?.keys[sheet.used]
    return sheet && bytes && now() < sheet.until ? { key: contentKey(`${sheet.id}.${sheet.used++}`, bytes), until: sheet.until } : null
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
      if (known && now() < known.until) return known.key
      const given = next()
      if (given) return give(name, given)
    }
  }

  return {
    /** The key for what this session writes now; null: for what belongs to none. At once, but where a sheet must be made. Rejects with Fault store-unavailable: nothing can be sealed, so nothing is to be done. */
    take(session: string | null): ContentKey | Promise<ContentKey> {
      const name = session ?? ''
      const known = taken.get(name)
      if (known && now() < known.until) return known.key
      const given = next()
      return given ? give(name, given) : fresh(name)
    },
  }
}

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
