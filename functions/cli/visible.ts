import { unseen, visible } from '../visible.ts'

export { visible } from '../visible.ts'

/** The same for JSON text, losslessly: it stays JSON and means the same. New lines that `JSON.stringify` laid out stay. */
export const visibleJson = (json: string): string =>
  json.replace(unseen, (mark) => mark === '\n' ? mark : [...Array(mark.length).keys()].map((i) => `\\u${mark.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''))

/** Words of several lines: each line made visible, the line ends kept. For texts of the gate, never for a value in a table. */
export const visibleLines = (text: string): string => text.split('\n').map(visible).join('\n')

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const wide = /^[\p{Extended_Pictographic}\u1100-\u115e\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f1e6}-\u{1f1ff}\u{20000}-\u{3fffd}]/u
const plain = /^[\x20-\x7e]*$/

/** Terminal cells the text takes, as far as a terminal can be known. */
export function width(text: string): number {
  if (plain.test(text)) return text.length
  let cells = 0
  for (const { segment } of graphemes.segment(text)) cells += wide.test(segment) && !plain.test(segment) ? 2 : 1
  return cells
}

/** Cuts to so many cells, with `…` where something is missing. */
export function cut(text: string, cells: number): string {
  if (width(text) <= cells) return text
  let kept = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    const next = width(segment)
    if (used + next > cells - 1) break
    kept += segment
    used += next
  }
  return `${kept}…`
}
