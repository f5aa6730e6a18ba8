export type Nested = (string | null | Nested)[]

/**
 * Reads the text of an array value: `{1,NULL,"a\"b",{2}}`, with or without bounds before it (`[0:1]={…}`). Elements stay text.
 * Throws SyntaxError on anything else. One pass; depth is at most the server's own six, more is refused.
 */
export function parseArray(text: string, delimiter = ','): Nested {
  const start = text[0] === '[' ? text.indexOf('=') + 1 : 0
  const open: Nested[] = []
  let done: Nested | null = null
  for (let at = start; at < text.length; at++) {
    if (done) break
    const char = text[at]
    const current = open.at(-1)
    if (char === '{') {
      const inner: Nested = []
      current?.push(inner)
      if (open.push(inner) > 6) throw new SyntaxError('array nested too deep')
    } else if (current === undefined) break
    else if (char === '}') {
      open.pop()
      if (open.length === 0) done = current
    } else if (char === '"') {
      const [value, end] = quoted(text, at)
      current.push(value)
      at = end
    } else if (char !== delimiter) {
      const end = bareEnd(text, at, delimiter)
      const value = text.slice(at, end)
      current.push(value === 'NULL' ? null : value)
      at = end - 1
    }
    if (done && at !== text.length - 1) throw new SyntaxError('text after an array')
  }
  if (done === null) throw new SyntaxError('array not closed')
  return done
}

function quoted(text: string, start: number): [string, number] {
  let value = ''
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '"') return [value, at]
    if (text[at] === '\\') at++
    value += text[at]
  }
  throw new SyntaxError('array element not closed')
}

function bareEnd(text: string, start: number, delimiter: string): number {
  let at = start
  while (at < text.length && text[at] !== delimiter && text[at] !== '}') at++
  return at
}
