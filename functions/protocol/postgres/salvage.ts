/**
 * Makes a whole answer out of one that was cut off at the byte cap: `{"results":[…,{…,"rows":[[…],[…]`. Keeps the rows that came whole of the
 * result that was being read, closes what is open, and says `rowCount: null` there. Throws where the cut fell before any such row list: then
 * there is nothing that could be called an answer. One pass, no recursion.
 */
export function salvage(text: string): unknown {
  const whole = lastWholeRow(text)
  if (whole < 0) throw new SyntaxError('cut before the first row')
  const value = JSON.parse(`${text.slice(0, whole)}]}]}`) as { results?: { fields?: unknown; rows?: unknown; rowCount?: number | null; command?: string }[] }
  const last = value.results?.at(-1)
  if (last === undefined || !Array.isArray(last.fields) || !Array.isArray(last.rows)) throw new SyntaxError('cut before the fields')
  last.rowCount = null
  last.command ??= ''
  return value
}

/** Where the last row ended while `{ [ { [` was open around it, which is what stands before the rows of a result of a batch; else -1. */
function lastWholeRow(text: string): number {
  let open = ''
  let whole = -1
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') {
      at = endOfString(text, at)
      if (at < 0) break
    } else if (char === '{' || char === '[') {
      open += char
      if (open === '{[{[') whole = at + 1                         // a list of a result begins: no row of it yet
    } else if (char === '}' || char === ']') {
      open = open.slice(0, -1)
      if (open === '{[{[' && char === ']') whole = at + 1
      if (open.length < 4) whole = -1
    }
  }
  return whole
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return -1
}
