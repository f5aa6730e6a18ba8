import { visible } from '../visible.ts'

/**
 * Words of somebody else, made fit to stand in a message that people decide by. Attacks this stops: marks that reorder or hide what is read, blanks
 * that push it out of sight, line ends that forge a line of ours, links and mentions that a mail reader or a chat makes of bare text, and a tail that
 * is not shown and not spoken of.
 */
export interface Quoted {
  readonly lines: readonly string[]
  /** Characters left out at the end; 0: it is whole. */
  readonly left: number
}

/** Read from right to left even without a mark: beside code they change the order in which it is read. */
const rightToLeft = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/gu
const escaped = (mark: string): string => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`

/** One line, whatever it holds; at most `budget` characters as HTML writes them. For words: what looks like an address or a mention is written apart. */
export function quoteWords(text: string, budget: number): Quoted {
  const { kept, left } = clip(text, budget, (piece) => apart(plainly(visible(piece)), /:\/\/|@|(?<=[\p{L}\p{N}])\.(?=\p{L})/gu))
  return { lines: [kept], left }
}

/** A statement keeps its lines and its dots, because they are how it is read. */
export function quoteCode(text: string, budget: number): Quoted {
  const tidy = (piece: string) => apart(plainly(visible(piece.replaceAll('\t', '  '))).replace(rightToLeft, escaped), /:\/\/|(?<=[\p{L}\p{N}])@(?=\p{L})|(?<=\bwww)\.(?=\p{L})/giu)
  const { kept, left } = clip(text, budget, (piece) => piece.split(/\r?\n/).map(tidy).join('\n'))
  return { lines: kept.split('\n'), left }
}

/** A name from the policy, the target or a token, in one line. */
export const name = (text: string): string => {
  const { kept, left } = clip(text, 120, (piece) => plainly(visible(piece)))
  return left > 0 ? `${kept}…` : kept
}

/** `evil.example` → `evil[.]example`: what is not an address is not made one. */
const apart = (text: string, marks: RegExp): string => text.replace(marks, (mark) => `[${mark.charAt(0)}]${mark.slice(1)}`)

/** Long blanks are counted, other blanks than the space are shown, and marks stacked on one letter end at two: more of them cover the lines around. */
const plainly = (text: string): string => text
  .replace(/(?! )\p{Zs}/gu, escaped)
  .replace(/ {25,}/g, (gap) => `[${gap.length} spaces]`)
  .replace(/(\p{M}{2})(\p{M}+)/gu, (_, first: string, rest: string) => first + [...rest].map(escaped).join(''))

/**
 * The longest beginning whose tidied form fits, found by halves: a mark may grow from one character to ten. Measured as HTML and Slack write it, so that
 * five hundred `<` do not burst the message they stand in.
 */
function clip(text: string, budget: number, tidy: (piece: string) => string): { readonly kept: string; readonly left: number } {
  const points = [...text.slice(0, 64 * 1024)]
  const beyond = text.length > 64 * 1024 ? [...text.slice(64 * 1024)].length : 0
  const whole = tidy(points.join(''))
  if (beyond === 0 && cost(whole) <= budget) return { kept: whole, left: 0 }
  let [low, high] = [0, Math.min(points.length, budget)]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (cost(tidy(points.slice(0, middle).join(''))) <= budget) low = middle
    else high = middle - 1
  }
  return { kept: tidy(points.slice(0, low).join('')), left: points.length - low + beyond }
}

const cost = (text: string): number => escapeMarkup(text).length + text.split('\n').length * 2

/** HTML's three characters, which are Slack's too, and the quotes of an attribute. */
export const escapeMarkup = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
