/**
 * The API server's own reading of a request, written anew after Go's net/http and net/url and k8s.io/apiserver's RequestInfoFactory, sharing nothing with what it checks: a lenient reader, as
 * servers are. null: it answers 400 without looking further.
 */
export interface Reading { readonly resource: boolean; readonly verb: string; readonly group: string; readonly version: string; readonly namespace: string; readonly res: string; readonly sub: string; readonly name: string }

export function readAsServer(method: string, target: string): Reading | null {
  for (const char of target) if (char.charCodeAt(0) < 0x20 || char.charCodeAt(0) === 0x7f) return null
  const cut = target.indexOf('?')
  const path = unescape(cut < 0 ? target : target.slice(0, cut), false)
  if (path === null || !target.startsWith('/')) return null
  const values = parseQuery(cut < 0 ? '' : target.slice(cut + 1))
  const trimmed = path.replace(/^\/+/, '').replace(/\/+$/, '')
  let parts = trimmed === '' ? [] : trimmed.split('/')
  const info = { resource: false, verb: method.toLowerCase(), group: '', version: '', namespace: '', res: '', sub: '', name: '' }
  if (parts.length < 3) return info
  const prefix = parts.shift()!
  if (prefix !== 'api' && prefix !== 'apis') return info
  if (prefix === 'apis') {
    if (parts.length < 3) return info
    info.group = parts.shift()!
  }
  info.resource = true
  info.version = parts.shift()!
  if (parts[0] === 'proxy' || parts[0] === 'watch') {
    if (parts.length < 2) return null
    info.verb = parts.shift()!
  } else info.verb = { POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method] ?? ''
  if (parts[0] === 'namespaces') {
    if (parts.length > 1) {
      info.namespace = parts[1]!
      if (parts.length > 2 && parts[2] !== 'status' && parts[2] !== 'finalize') parts = parts.slice(2)
    }
  }
  if (parts.length >= 3 && info.verb !== 'proxy') info.sub = parts[2]!
  if (parts.length >= 2) info.name = parts[1]!
  if (parts.length >= 1) info.res = parts[0]!
  if (info.name === '' && info.verb === 'get') {
    const watch = values.get('watch')
    info.verb = watch !== undefined && !['false', '0'].includes(watch[0]!.toLowerCase()) ? 'watch' : 'list'
    info.name = requiredName(values.get('fieldSelector')?.[0] ?? '')
  }
  if (info.name === '' && info.verb === 'delete') info.verb = 'deletecollection'
  return info
}

/** Go's url.unescape: bytes, `%` and two hex digits or an error. */
function unescape(text: string, query: boolean): string | null {
  const bytes: number[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '%') {
      const hex = text.slice(at + 1, at + 3)
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) return null
      bytes.push(parseInt(hex, 16))
      at += 2
    } else bytes.push(...Buffer.from(query && text[at] === '+' ? ' ' : text[at]!))
  }
  return Buffer.from(bytes).toString('utf8')
}
function parseQuery(text: string): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const pair of text.split('&')) {
    if (pair === '' || pair.includes(';')) continue
    const at = pair.indexOf('=')
    const [key, value] = [unescape(at < 0 ? pair : pair.slice(0, at), true), unescape(at < 0 ? '' : pair.slice(at + 1), true)]
    if (key !== null && value !== null) values.set(key, [...(values.get(key) ?? []), value])
  }
  return values
}
/** fields.ParseSelector and RequiresExactMatch: terms end at a comma that no backslash stands before, the first operator splits. */
function requiredName(selector: string): string {
  const terms: string[] = []
  let term = ''
  for (let at = 0; at < selector.length; at++) {
    if (selector[at] === '\\') { term += selector.slice(at, at + 2); at++ } else if (selector[at] === ',') { terms.push(term); term = '' } else term += selector[at]
  }
  terms.push(term)
  const parsed = terms.filter((one) => one !== '').map((one) => /^(.*?)(!=|==|=)(.*)$/s.exec(one))
  if (parsed.some((one) => one === null)) return ''
  const name = parsed.find((one) => one![1] === 'metadata.name' && one![2] !== '!=')?.[3]?.replace(/\\(.)/g, '$1') ?? ''
  return name === '.' || name === '..' || name.includes('/') || name.includes('%') ? '' : name
}
