/**
 * Reads the text PostgreSQL's outfuncs.c writes (`debug_print_rewritten`, `debug_pretty_print=off`). Values: a node `{TYPE :field value …}`, a list
 * `(…)` (of nodes, `"strings"`, or after a letter `b`, `i`, `o`, `x` of numbers), or a token; `<>` is null. A field of several values, as a
 * constant's bytes are, is their list. Throws on anything it does not understand: an oracle that guesses is none.
 */
export type Value = string | null | readonly Value[] | Node
export interface Node { readonly type: string; readonly fields: ReadonlyMap<string, Value> }

export function parseDump(text: string): Value {
  const reader = new Reader(text)
  const value = reader.value()
  reader.end()
  return value
}

export const isNode = (value: Value | undefined): value is Node => typeof value === 'object' && value !== null && 'fields' in value
export const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value)

/** Every node below and including `value`, outermost first. `enter` false: not into this one. */
export function walk(value: Value, enter: (node: Node) => boolean): void {
  const stack: Value[] = [value]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (isNode(next)) {
      if (enter(next)) stack.push(...[...next.fields.values()].reverse())
    } else if (isList(next)) stack.push(...[...next].reverse())
  }
}

const space = /\s/
const closing = new Set([')', '}'])

class Reader {
  private at = 0
  private readonly text: string
  constructor(text: string) { this.text = text }

  value(): Value {
    this.skip()
    const first = this.text[this.at]
    if (first === '{') return this.node()
    if (first === '(') return this.list()
    return this.token()
  }

  end(): void {
    this.skip()
    if (this.at < this.text.length) throw new Error(`the dump goes on at ${this.at}: ${this.text.slice(this.at, this.at + 40)}`)
  }

  private node(): Node {
    this.at++
    const type = this.token()
    if (type === null) throw new Error(`a node without a type at ${this.at}`)
    const fields = new Map<string, Value>()
    for (this.skip(); this.text[this.at] !== '}'; this.skip()) {
      if (this.text[this.at] !== ':') throw new Error(`expected a field of ${type} at ${this.at}: ${this.text.slice(this.at, this.at + 40)}`)
      this.at++
      const name = this.token()
      if (name === null || fields.has(name)) throw new Error(`a field of ${type} is unnamed or twice: ${name}`)
      fields.set(name, this.field())
    }
    this.at++
    return { type, fields }
  }

  /** The first value may itself begin with a colon (a column may be called `:relid`), so only a later one ends the field. */
  private field(): Value {
    const values: Value[] = [this.value()]
    for (this.skip(); this.text[this.at] !== ':' && this.text[this.at] !== '}'; this.skip()) values.push(this.value())
    return values.length === 1 ? values[0] ?? null : values
  }

  private list(): readonly Value[] {
    this.at++
    const values: Value[] = []
    for (this.skip(); this.text[this.at] !== ')'; this.skip()) values.push(this.value())
    this.at++
    return values
  }

  /** A backslash takes the next character as it is; one that the server broke a line after stood for a space. */
  private token(): string | null {
    this.skip()
    const start = this.at
    const quoted = this.text[start] === '"'
    let token = ''
    for (; this.at < this.text.length; this.at++) {
      const next = this.text[this.at] ?? ''
      if (next === '\\') {
        const taken = this.text[++this.at]
        if (taken === undefined) break
        token += taken === '\n' ? ' ' : taken
      } else if (space.test(next) || closing.has(next) || next === '(' || next === '{') break
      else token += next
    }
    if (this.at === start) throw new Error(`expected a value at ${start}: ${this.text.slice(start, start + 40)}`)
    if (this.text.slice(start, this.at) === '<>') return null
    return quoted && token.length > 1 && token.endsWith('"') ? token.slice(1, -1) : token
  }

  private skip(): void {
    while (space.test(this.text[this.at] ?? '')) this.at++
  }
}
