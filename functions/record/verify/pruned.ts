import { timeOf } from '../../../schema/item.ts'
import { type Entry, readEntry } from '../log/entry.ts'
import { FormatError } from '../log/format.ts'
import { decodeEntries, tilePath, tileWidth } from '../log/tile.ts'
import { hashBytes } from '../log/tree.ts'
import { readPrune, type Prune } from '../retain.ts'
import type { Finding } from './finding.ts'
import { text } from './json.ts'
import type { Files } from './verify.ts'

const dayMs = 86_400_000
/** What an entry that is there may belong to and that was removed: it is asked for so long after it. */
const reachMs = 31 * dayMs
/** An intent is settled within the hour, by a sweeper that was away when it is back, and corrected within a day. Later than this nothing comes to one: so long may whoever sweeps and sequences be broken. */
const settledMs = 15 * dayMs
const marker = Buffer.from('"kind":"prune"')

/**
 * Bundles of entries that are not here, because the log itself says, in an entry further on, that they were older than it keeps. Their hashes are here, so the tree is checked as ever; only what
 * stood in them is not. Without such an entry, or beyond the last one it names, a missing bundle is a missing bundle.
 */
export function createPruned(files: Pick<Files, 'read'>, size: number, most: { readonly entries: number; readonly hashes: number }) {
  let told: Prune | null = null
  let count = 0
  let looked = Math.ceil(size / tileWidth)

  /**
   * Looks further back from the end until a prune covers this entry. Two sweepers may say what they remove in another order than they looked, so the newest prune need not be the one that reaches furthest. Ends at the
   * first bundle that is not here, because bundles go from the first on: so no checkpoint, whatever size it says, makes this go on. That a prune is in the signed tree the rest of the verification shows.
   */
  async function covers(last: number): Promise<boolean> {
    while ((told?.last ?? -1) < last && looked > 0) {
      const index = --looked
      const bytes = await read(index, Math.min(tileWidth, size - index * tileWidth))
      if (bytes === null) looked = 0
      else if (Buffer.from(bytes).includes(marker)) for (const { at, prune } of prunesIn(bytes)) if (at + index * tileWidth < size && prune.last < index * tileWidth && prune.last > (told?.last ?? -1)) told = prune
    }
    return (told?.last ?? -1) >= last
  }
  const read = (index: number, width: number): Promise<Uint8Array | null> => files.read(tilePath({ level: 'entries', index, width }), most.entries)

  let said = 0
  const newest: string[] = []                                       // of each bundle that is here, ISO 8601
  return {
    /** Every entry that is here, in order: what is wrong with what a prune says. Whoever merely writes events could say one, and have entries taken away, or left out of an index, that nobody wanted to go. */
    take({ kind, at, event }: Entry, index: number): readonly string[] {
      const bundle = Math.floor(index / tileWidth)
      if (at > (newest[bundle] ?? '')) newest[bundle] = at
      if (kind !== 'prune') return none
      const prune = readPrune({ change: event['change'], at })
      if (prune === null || prune.last >= index) return ['it says that entries were removed, and not which and how old they were']
      if (!isTrue(prune, newest)) return ['it says that entries were removed that are younger than it says']
      said = Math.max(said, prune.last + 1)
      return none
    },
    /** The leaf hashes of a full bundle that is not here and is gone by right. null: it is missing. */
    async hashes(index: number): Promise<readonly Buffer[] | null> {
      if ((index + 1) * tileWidth > size) return null
      if (!await covers((index + 1) * tileWidth - 1)) return null
      const tile = await files.read(tilePath({ level: 0, index, width: tileWidth }), most.hashes)
      if (tile?.length !== tileWidth * hashBytes) return null
      count += tileWidth
      const bytes = Buffer.from(tile.buffer, tile.byteOffset, tile.byteLength)
      return Array.from({ length: tileWidth }, (_, at) => bytes.subarray(at * hashBytes, (at + 1) * hashBytes))
    },
    /** Entries before this index are removed, or may be, as one or the other prune says. */
    told: (): number => said,
    /** Entries that are not here. */
    count: () => count,
    /** ISO 8601: nothing that was removed is younger. null: nothing is missing. */
    before: (): string | null => count === 0 ? null : told?.before ?? null,
    /**
     * Whether what an entry lacks before it may be among what was removed. `reached`: the newest time in the log so far, ISO 8601. No request is executed and no intent settled so late; who forges an execution or an outcome
     * would name an old one for ever.
     */
    excuses({ event }: Entry, reason: string, reached: string): boolean {
      if (count === 0 || !told || !lacking.test(reason)) return false
      const [intent, request] = [text(event['intent']), text(event['request'])]
      const on = timeIn(intent === '' ? request.replace(/^arq_/, 'evt_') : intent)
      return on <= Date.parse(told.before) && Date.parse(reached) <= (reason === unasked ? Date.parse(told.before) + reachMs : on + settledMs)
    },
    /** The same for a step whose request is not in the log. */
    excusesOrphan: ({ id }: Finding): boolean => count > 0 && !!told && id !== undefined && timeIn(id) <= Date.parse(told.before) + reachMs,
  }
}
const none: readonly string[] = []
const unasked = 'no access request is before it'
const lacking = /is not before it$|^no access request is before it$|^there is no outcome before this correction$/
/** `newest`: of each bundle. Of those that are gone already nobody can say. */
export const isTrue = ({ last, before }: Prune, newest: readonly (string | undefined)[]): boolean => newest.slice(0, (last + 1) / tileWidth).every((at) => at === undefined || at <= before)
function timeIn(id: string): number {
  try {
    return timeOf(id)
  } catch {
    return Infinity
  }
}

function prunesIn(bytes: Uint8Array): readonly { readonly at: number; readonly prune: Prune }[] {
  try {
    return decodeEntries(bytes).flatMap((entry, at) => {
      if (!entry.includes(marker)) return []
      const { kind, at: time, event } = readEntry(entry)
      const prune = kind === 'prune' ? readPrune({ change: event['change'], at: time }) : null
      return prune ? [{ at, prune }] : []
    })
  } catch (error) {
    if (error instanceof FormatError) return []                     // told of where the bundle is verified
    throw error
  }
}
