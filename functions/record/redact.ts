/**
 * Keeps secrets out of the record: statements and parameters stay whole for the auditor, but what would open a door is replaced by
 * `[redacted: what]`. Every step is linear in the text: bounded repeats, look-behinds that let a run begin only once, or a scan by hand, because the
 * text is the caller's and a slow pattern would be a lever. It knows forms, not meanings: a password in a parameter of its own looks like any word.
 */
const mark = (what: string): string => `[redacted: ${what}]`

/** Cheap and wide: most statements hold none of it and are done. */
const suspicious = /eyJ|-----BEGIN|:\/\/|bearer|basic|authorization|passw|pwd|identified|AKIA|ASIA|ABIA|ACCA|gh[opusr]_|github_pat_|xox|[sr]k_|sk-|AIza|glpat-|npm_/i

const prefixed = new RegExp(`(?<![A-Za-z0-9])(?:${[
  '(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])', 'gh[opusr]_[A-Za-z0-9]{36,255}', 'github_pat_[A-Za-z0-9_]{22,255}', 'xox[abeoprs]-[A-Za-z0-9-]{10,255}',
  '[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}', 'sk-[A-Za-z0-9_-]{20,255}', 'AIza[A-Za-z0-9_-]{35}', 'glpat-[A-Za-z0-9_-]{20,255}', 'npm_[A-Za-z0-9]{36}',
].join('|')})`, 'g')
const forty = /(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g
const authorization = /\b(authorization["']?\s{0,8}[:=]\s{0,8}["']?)(?!\[redacted: )(?:[A-Za-z][A-Za-z0-9-]{0,20} {1,4})?[^\s"',;]{1,8192}/gi
const bearer = /\b(bearer\s{1,8})([A-Za-z0-9._~+/-]{16,8192}={0,2})/gi
const basic = /\b(basic\s{1,8})([A-Za-z0-9+/]{6,8192}={0,2})/gi
const password = /(?<![A-Za-z0-9])((?:password|passwd|pwd|identified\s{1,8}by)["']?\s{0,8}[:=]?\s{0,8})(?:E?'(?:[^']|'')*'|"[^"]*")/gi
const bare = /(?<![A-Za-z0-9])((?:password|passwd|pwd)=)[^\s'"&;[]{1,1024}/gi
const secretName = /^(?:pass(?:word|wd|phrase)?|pwd|(?:client|shared)?[_-]?secret|(?:access|refresh|id|auth|session)?[_-]?token|(?:api|access|private|secret|signing)[_-]?key|authorization)$/i

/** Our own sessions' ids (functions/resolve/session.ts): their signature is base64url, which now and then has forty characters between two others, and then an erasure would not say of which session. */
const session = /(?<![A-Za-z0-9_-])(ses_[0-9A-HJKMNP-TV-Z]{26}[A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])/

export function redactText(text: string): string {
  if (!suspicious.test(text) && !hasForty(text)) return text
  if (text.includes('ses_')) return text.split(session).map((part, i) => i % 2 === 1 ? part : redactPart(part)).join('')
  return redactPart(text)
}

function redactPart(text: string): string {
  return tokens(urls(keys(text)))
    .replace(authorization, (_, lead: string) => lead + mark('authorization'))
    .replace(bearer, (whole: string, lead: string, token: string) => /\d/.test(token) ? lead + mark('token') : whole)
    .replace(basic, (whole: string, lead: string, token: string) => Buffer.from(token, 'base64').includes(':') ? lead + mark('password') : whole)
    .replace(password, (whole: string, lead: string) => { const quote = whole.endsWith('"') ? '"' : '\''; return lead + quote + mark('password') + quote })
    .replace(bare, (_, lead: string) => lead + mark('password'))
    .replace(prefixed, mark('token'))
    .replace(forty, (run) => /[a-z]/.test(run) && /[A-Z]/.test(run) && /\d/.test(run) ? mark('key') : run)
}

/** Whether forty of base64's characters stand together: such a run covers a multiple of forty, so only those places are looked at. */
function hasForty(text: string): boolean {
  for (let at = 39; at < text.length; at += 40) {
    if (!base64(text.charCodeAt(at))) continue
    let [start, end] = [at, at + 1]
    while (start > at - 39 && base64(text.charCodeAt(start - 1))) start--
    while (end < text.length && end - start < 40 && base64(text.charCodeAt(end))) end++
    if (end - start >= 40) return true
  }
  return false
}
const base64 = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 47 && code <= 57) || code === 43

/** A JSON value, strings redacted wherever they stand, and whole where their member's name says what they are. Other values stay. */
export function redactValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > 64) return mark('nested too deep')
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([name, member]) =>
    [name, typeof member === 'string' && member !== '' && secretName.test(name) ? mark('secret') : redactValue(member, depth + 1)]))
}

/** Private keys in PEM: from the line that begins one to the line that ends it, or to the end of the text. */
function keys(text: string): string {
  let out = ''
  let from = 0
  for (let at = text.indexOf('-----BEGIN '); at >= 0; at = text.indexOf('-----BEGIN ', Math.max(from, at + 11))) {
    if (!/^-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY/.test(text.slice(at, at + 80))) continue
    const end = text.indexOf('-----END ', at)
    const close = end < 0 ? -1 : text.indexOf('-----', end + 9)
    out += text.slice(from, at) + mark('private key')
    from = close < 0 ? text.length : close + 5
  }
  return out + text.slice(from)
}

/** `scheme://user:password@host`: the password alone, so that the record still says where to. */
function urls(text: string): string {
  let out = ''
  let from = 0
  for (let at = text.indexOf('://'); at >= 0; at = text.indexOf('://', from)) {
    const rest = at + 3
    const stop = text.slice(rest).search(/[\s'"`<>]/)
    const run = stop < 0 ? text.slice(rest) : text.slice(rest, rest + stop)      // each run is looked at once: the next search begins behind it
    const host = run.lastIndexOf('@')
    const colon = run.indexOf(':')
    const secret = host > 0 && colon >= 0 && colon < host
    out += text.slice(from, rest) + (secret ? run.slice(0, colon + 1) + mark('password') + run.slice(host) : run)
    from = rest + run.length
  }
  return out + text.slice(from)
}

/** JSON Web Tokens, signed or encrypted: a part that decodes to a JSON object with `alg`, and the two or four parts after it. */
function tokens(text: string): string {
  return text.includes('eyJ') ? text.replace(/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*/g, (run) => {    // cannot fail once begun, so no run is walked twice
    if (!run.includes('eyJ')) return run
    const parts = run.split('.')
    const out: string[] = []
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] ?? ''
      const start = part.indexOf('eyJ')
      const header = start < 0 ? null : headerOf(part.slice(start))
      out.push(header === null ? part : part.slice(0, start) + mark('jwt'))
      if (header !== null) i += header === 'jwe' ? 4 : 2
    }
    return out.join('.')
  }) : text
}

/** Looked at as text, never parsed: a thrown error a part would be a lever. */
function headerOf(part: string): 'jws' | 'jwe' | null {
  const header = Buffer.from(part, 'base64url').toString('latin1')
  if (!header.endsWith('}') || !(header.includes('"alg"') || header.includes('"typ"'))) return null
  return header.includes('"enc"') ? 'jwe' : 'jws'
}
