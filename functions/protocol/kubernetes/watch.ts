import { createPieces } from './pieces.ts'
import type { Masker } from '../masker.ts'
import { slicesOf, stringAt, Unmaskable, valueEnd, withMembers } from './scan.ts'
import type { Shape } from './shape.ts'

const types: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'])

/** Watch events, one behind the other, each a line. An event that is not whole when the stream ends is not given. */
export function maskWatch(shape: Shape): Masker {
  const pieces = createPieces()
  let [items, last, over] = [0, null as string | null, false]
  function event(text: string): string {
    const slices = slicesOf(text)
    const type = slices.find(({ key }) => key === 'type')
    if (slices.length !== 2 || !type || !slices.some(({ key }) => key === 'object') || text[type.start] !== '"' || !types.has(stringAt(text, type.start, type.end))) throw new Unmaskable('not a watch event')
    const object = slices.find(({ key }) => key === 'object')
    if (object) last = newer(versionIn(text.slice(object.start, object.end)), last)
    over ||= stringAt(text, type.start, type.end) === 'ERROR'
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
    get last() { return last },
    get over() { return over },
  }
}

/** The version an object is at; of a table, the table's own or its row's. null: none is said. */
function versionIn(text: string): string | null {
  const member = (text: string | null, name: string): string | null => {
    const found = text?.startsWith('{') ? slicesOf(text).find(({ key }) => key === name) : undefined
    return found && text !== null ? text.slice(found.start, found.end) : null
  }
  const version = (object: string | null): string | null => /^"(\d{1,20})"$/.exec(member(member(object, 'metadata'), 'resourceVersion') ?? '')?.[1] ?? null
  const own = version(text)
  if (own !== null) return own
  const rows = member(text, 'rows')
  const [, row = null] = rows === null ? [] : /^\[\s*(\{[^]*\})\s*\]$/.exec(rows) ?? []
  return row !== null && valueEnd(row, 0) === row.length ? version(member(row, 'object')) : null
}
/** What is there at the beginning comes in no order. */
const newer = (one: string | null, other: string | null): string | null => (one === null || (other !== null && BigInt(other) > BigInt(one)) ? other : one)
