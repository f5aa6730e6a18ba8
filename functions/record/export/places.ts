import { isEventId } from '../../../schema/item.ts'
import { FormatError } from '../log/format.ts'

/** Where in the log events are, one a line: `evt_… 123`. */
export const placesText = (places: readonly (readonly [id: string, index: unknown])[]): string => places.filter(([id, index]) => isEventId(id) && Number.isSafeInteger(index)).map(([id, index]) => `${id} ${index}\n`).join('')

/** Throws FormatError for a line that is none, and for an event that is said to be at two places. */
export function readPlaces(text: string): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new FormatError('the last line of the places is cut off')
  for (const [at, line] of lines.entries()) {
    const [id = '', index = '', ...rest] = line.split(' ')
    if (!isEventId(id) || !/^(0|[1-9]\d{0,15})$/.test(index) || rest.length > 0) throw new FormatError(`line ${at + 1} of the places is none`)
    if ((places.get(id) ?? Number(index)) !== Number(index)) throw new FormatError(`${id} is said to be at two places`)
    places.set(id, Number(index))
  }
  return places
}
