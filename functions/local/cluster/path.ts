/**
 * What the API server makes of a request line, by the algorithm of its RequestInfo. Written from that and from Go's net/url, on purpose without a look at what
 * the gate does: the fuzz of path spellings compares the two.
 */
export interface Reading {
  /** The path after one decoding, before it is split: `%2f` is a slash by then, `..` and `//` are left alone. */
  readonly path: string
  readonly query: ReadonlyMap<string, readonly string[]>
  readonly isResource: boolean
  readonly verb: string
  readonly prefix: string
  readonly group: string
  readonly version: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** After the version, namespace taken off: more than three where a path goes on below a subresource. */
  readonly parts: readonly string[]
}

/** null: not a request target at all, 400 with no Status. */
export function readTarget(method: string, target: string): Reading | null {
  const mark = target.indexOf('?')
  const rawPath = mark < 0 ? target : target.slice(0, mark)
  if (!rawPath.startsWith('/') || /[\x00-\x20\x7f]/.test(target)) return null
  const path = decode(rawPath, false)
  if (path === null) return null
  const query = readQuery(mark < 0 ? '' : target.slice(mark + 1))
  return { path, query, ...attributes(method, path, query) }
}

const verbOf: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }
const special = new Set(['proxy', 'watch'])
const ofNamespaces = new Set(['status', 'finalize'])

function attributes(method: string, path: string, query: Reading['query']): Omit<Reading, 'path' | 'query'> {
  const none = { isResource: false, verb: method.toLowerCase(), prefix: '', group: '', version: '', namespace: '', resource: '', subresource: '', name: '', parts: [] }
  const trimmed = path.replace(/^\/+/, '').replace(/\/+$/, '')
  let parts = trimmed === '' ? [] : trimmed.split('/')
  const take = () => { const [first = '', ...rest] = parts; parts = rest; return first }
  const prefix = parts[0] ?? ''
  if (parts.length < 3 || (prefix !== 'api' && prefix !== 'apis')) return none
  take()
  if (prefix === 'apis' && parts.length < 3) return { ...none, prefix }
  const group = prefix === 'apis' ? take() : ''
  const version = take()
  let verb = verbOf[method] ?? ''
  if (special.has(parts[0] ?? '')) {
    if (parts.length < 2) return { ...none, prefix, group, version }
    verb = take()
  }
  let namespace = ''
  if (parts[0] === 'namespaces' && parts[1] !== undefined) {
    namespace = parts[1]
    if (parts[2] !== undefined && !ofNamespaces.has(parts[2])) parts = parts.slice(2)
  }
  let name = parts[1] ?? ''
  const subresource = verb === 'proxy' ? '' : parts[2] ?? ''
  if (name === '' && verb === 'get') {
    verb = isTrue(query.get('watch')) ? 'watch' : 'list'
    name = exactName(query.get('fieldSelector')?.[0] ?? '')
  }
  if (name === '' && verb === 'delete') verb = 'deletecollection'
  return { isResource: true, verb, prefix, group, version, namespace, resource: parts[0] ?? '', subresource, name, parts }
}

/** Only no value at all, `0` and `false` are no. */
export const isTrue = (values: readonly string[] | undefined): boolean => values?.[0] !== undefined && values[0] !== '0' && values[0].toLowerCase() !== 'false'

/** `metadata.name=x` in a field selector every term of which parses, and as a name a path may hold. */
function exactName(selector: string): string {
  const terms = selector.split(',').filter((term) => term !== '')
  if (terms.some((term) => !/[^!=]=/.test(term) && !term.includes('!='))) return ''
  const name = terms.map((term) => /^metadata\.name==?(.*)$/s.exec(term)?.[1]).find((found) => found !== undefined) ?? ''
  return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name
}

/** Go's: a pair with `;` or a bad escape is dropped, `+` is a space. */
function readQuery(raw: string): Reading['query'] {
  const found = new Map<string, string[]>()
  for (const pair of raw.split('&')) {
    if (pair === '' || pair.includes(';')) continue
    const [key = '', ...rest] = pair.split('=')
    const [name, value] = [decode(key, true), decode(rest.join('='), true)]
    if (name === null || value === null) continue
    found.set(name, [...found.get(name) ?? [], value])
  }
  return found
}

function decode(raw: string, plus: boolean): string | null {
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) return null
  const bytes = Buffer.from((plus ? raw.replaceAll('+', ' ') : raw).replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), 'latin1')
  return bytes.toString('utf8')
}
