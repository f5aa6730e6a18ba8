type Init = Headers | globalThis.Headers | Iterable<readonly string[]> | Readonly<Record<string, string>>

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** HTTP's white space, which values lose at their ends, and no other. */
const ends = /^[\t\n\r ]+|[\t\n\r ]+$/g
/** A line's end in a value would begin a header of its own; what is no byte has none on the wire. */
// eslint-disable-next-line no-control-regex
const impossible = /[\0\r\n\u0100-\uffff]/

/** The Fetch Standard's header list (section 5.1), without a guard, as undici has it on a server. Throws TypeError for a name that is no token and a value that is no byte string. */
export class Headers {
  /** Lower-case name → its values as they came. */
  readonly #values = new Map<string, string[]>()

  constructor(init?: Init | null) {
    if (init === undefined) return
    if (typeof init !== 'object' || init === null) throw new TypeError('headers are neither pairs nor an object')
    if (!(Symbol.iterator in init)) {
      for (const [name, value] of Object.entries(init)) this.append(name, value)
      return
    }
    for (const pair of init) {
      const [name, value, ...rest] = pair
      if (name === undefined || value === undefined || rest.length > 0) throw new TypeError('a header is a name and a value')
      this.append(name, value)
    }
  }
  append(name: string, value: string): void {
    const [key, text] = [keyOf(name), textOf(value)]
    const there = this.#values.get(key)
    if (there) there.push(text)
    else this.#values.set(key, [text])
  }
  set(name: string, value: string): void {
    this.#values.set(keyOf(name), [textOf(value)])
  }
  delete(name: string): void {
    this.#values.delete(keyOf(name))
  }
  get(name: string): string | null {
    return this.#values.get(keyOf(name))?.join(', ') ?? null
  }
  has(name: string): boolean {
    return this.#values.has(keyOf(name))
  }
  getSetCookie(): string[] {
    return [...this.#values.get('set-cookie') ?? []]
  }
  /** By name, sorted; each cookie by itself, because cookies hold commas. */
  * entries(): Generator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? []
      if (name !== 'set-cookie') yield [name, values.join(', ')]
      else for (const value of values) yield [name, value]
    }
  }
  * keys(): Generator<string> {
    for (const [name] of this.entries()) yield name
  }
  * values(): Generator<string> {
    for (const [, value] of this.entries()) yield value
  }
  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries()
  }
  forEach(each: (value: string, name: string, all: Headers) => void, self?: unknown): void {
    for (const [name, value] of this.entries()) Reflect.apply(each, self, [value, name, this])
  }
}

function keyOf(name: string): string {
  const text = String(name)
  if (!token.test(text)) throw new TypeError('a header name is no token')
  return text.toLowerCase()
}
function textOf(value: string): string {
  const text = String(value).replace(ends, '')
  if (impossible.test(text)) throw new TypeError('a header value is no byte string')
  return text
}
