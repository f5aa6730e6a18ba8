import { hasContent } from '../../../schema/content.ts'
import type { Event } from '../../../schema/event.ts'
import { isEventId } from '../../../schema/item.ts'
import { entryOf, readEntry } from '../log/entry.ts'
import { FormatError } from '../log/format.ts'
import { decodeEntries, maxEntryBytes, tilePath, tileWidth, widthIn } from '../log/tile.ts'
import { hashBytes, leafHash } from '../log/tree.ts'
import { object, text } from '../verify/json.ts'
import type { Files } from '../verify/verify.ts'
import { ndjsonLine } from './ndjson.ts'

/** Lines of an export that are not what a log holds: `altered`: another event has this id there; `absent`: no event has; `damaged`: no event at all, or one twice. */
export interface Held { readonly events: number; readonly altered: readonly string[]; readonly absent: readonly string[]; readonly damaged: readonly string[] }

/**
 * Whether each event of an export is one of the log, to the letter as far as the log says it: everything but the content, of which it holds a commitment that only the content's key opens. The log must have been verified. Holds a hash a line in memory, and reads the log's hashes; its entries only where something is wrong: of those that were removed when their time was over the hashes are there still. Throws FormatError for a log that is not whole.
 */
export async function heldIn(files: Pick<Files, 'read'>, size: number, lines: AsyncIterable<string>): Promise<Held> {
  const sought = new Map<string, string>()
  const ids = new Set<string>()
  const damaged: string[] = []
  let [at, count] = [0, 0]
  for await (const line of lines) {
    at++
    const event = eventIn(line)
    if (event === null || ids.has(event.id)) {
      damaged.push(event === null ? `line ${at}` : event.id)
      continue
    }
    count++
    ids.add(event.id)
    sought.set(hashOf(event), event.id)
  }
  for (let index = 0; index * tileWidth < size; index++) {
    const tile = { level: 0, index, width: widthIn(size, 0, index) }
    const bytes = await files.read(tilePath(tile), tileWidth * hashBytes)
    if (bytes?.length !== tile.width * hashBytes) throw new FormatError(`${tilePath(tile)} is missing`)
    for (let i = 0; i < bytes.length; i += hashBytes) sought.delete(Buffer.from(bytes.subarray(i, i + hashBytes)).toString('latin1'))
  }
  const absent = new Set(sought.values())
  const altered: string[] = []
  if (absent.size > 0) for await (const entry of entriesOf(files, size)) {
    const { id } = readEntry(entry)
    if (absent.delete(id)) altered.push(id)
  }
  return { events: count, altered, absent: [...absent], damaged }
}

/** Only in the spelling an export has: in another one a member may stand twice, and two readers read two events. */
function eventIn(line: string): Event | null {
  try {
    const value = object(JSON.parse(line))
    if (ndjsonLine(value) !== `${line}\n`) return null
    return isEventId(text(value['id'])) ? value as unknown as Event : null
  } catch {
    return null
  }
}

/** What no entry can be made of is in no log, and so is content that the log committed to none of: an entry is made without it, so its hash would be the same whatever was put there. */
function hashOf(event: Event): string {
  if (hasContent(event) && (event.content === undefined || event.content.state !== undefined)) return event.id
  try {
    return leafHash(entryOf(event)).toString('latin1')
  } catch {
    return event.id
  }
}

async function* entriesOf(files: Pick<Files, 'read'>, size: number): AsyncGenerator<Buffer> {
  for (let index = 0; index * tileWidth < size; index++) {
    const tile = { level: 'entries', index, width: widthIn(size, 'entries', index) } as const
    const bytes = await files.read(tilePath(tile), tileWidth * (2 + maxEntryBytes))
    if (bytes !== null) yield* decodeEntries(bytes)                 // removed by right, or the log would not have verified
  }
}
