import { createPieces } from './pieces.ts'
import type { Masker } from './plan.ts'
import { slicesOf, stringAt, Unmaskable, withMembers } from './scan.ts'
import type { Shape } from './shape.ts'

const types: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'])

/** Watch events, one behind the other, each a line. An event that is not whole when the stream ends is not given. */
export function maskWatch(shape: Shape): Masker {
  const pieces = createPieces()
  let items = 0
  function event(text: string): string {
    const slices = slicesOf(text)
    const type = slices.find(({ key }) => key === 'type')
    if (slices.length !== 2 || !type || !slices.some(({ key }) => key === 'object') || text[type.start] !== '"' || !types.has(stringAt(text, type.start, type.end))) throw new Unmaskable('not a watch event')
    return withMembers(text, slices, (key, value) => (key === 'object' ? shape.document(value) : value))
  }
  return {
    write(chunk) {
      pieces.add(chunk)
      const out: string[] = []
      for (let text = pieces.take(); text !== null; text = pieces.take()) {
        out.push(event(text))
        items++
      }
      return Buffer.from(out.length === 0 ? '' : `${out.join('\n')}\n`)
    },
    end: () => new Uint8Array(),
    get items() { return items },
    get detected() { return shape.detected },
  }
}
