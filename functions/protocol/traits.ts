/** What one pass over a text tells: enough to know that most detectors cannot find anything in it. */
export interface Traits {
  /** Of visible ASCII and its white space alone: nothing to fold. */
  readonly plain: boolean
  readonly digits: number
  readonly at: boolean
  readonly colon: boolean
  readonly dashes: boolean
  /** The longest stretch without white space. */
  readonly word: number
}

/** Of `text` from `start` up to `end`. */
export function traitsOf(text: string, start = 0, end = text.length): Traits {
  let [plain, at, colon, dashes] = [true, false, false, false]
  let [digits, word, from] = [0, 0, start]
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index)
    if (code <= 32) {
      if (code < 32 && (code < 9 || code > 13)) plain = false
      word = Math.max(word, index - from)
      from = index + 1
    } else if (code >= 48 && code <= 57) digits++
    else if (code === 64) at = true
    else if (code === 58) colon = true
    else if (code === 45) dashes ||= text.startsWith('-----', index)
    else if (code > 126) plain = false
  }
  return { plain, digits, at, colon, dashes, word: Math.max(word, end - from) }
}
