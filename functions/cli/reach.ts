import { list, object, text } from './output.ts'
import { visible } from './visible.ts'

/** What a page out of the index leaves unsaid, in words: nobody may take silence for absence. Where the ledger itself answered, only what of it cannot be read. */
export function reachOf(page: Readonly<Record<string, unknown>>): readonly string[] {
  const { at, size, behind, opaque } = object(page['indexedTo'])
  if (typeof size !== 'number') return lackingOf(page)
  return [
    typeof behind === 'number' && behind > 0 ? `the index is ${behind} ${behind === 1 ? 'entry' : 'entries'} behind the log: what came after ${visible(text(at))} is not among these` : `out of the index: everything that was in the log at ${visible(text(at))}, ${size} entries`,
    ...(typeof opaque === 'number' && opaque > 0 ? [`${opaque} ${opaque === 1 ? 'event is' : 'events are'} too long for the log and not in the record: only kind and time find ${opaque === 1 ? 'it' : 'them'}`] : []),
    ...lackingOf(page),
  ]
}

/** What is lacking of a page, by its ids. */
export function lackingOf(page: Readonly<Record<string, unknown>>): readonly string[] {
  const [damaged, missing] = [list(page['damaged']).map(text), list(page['missing']).map(text)]
  return [
    ...(damaged.length > 0 ? [`in the record and cannot be read: ${damaged.map(visible).join(', ')}`] : []),
    ...(missing.length > 0 ? [`in the log and no longer in the record: ${missing.map(visible).join(', ')}`] : []),
  ]
}
