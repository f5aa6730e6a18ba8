import { Fault, type Ports } from '../ports.ts'

/**
 * Finds an issuer's key set: its metadata (OpenID Connect Discovery section 4, else RFC 8414 section 3), then the `jwks_uri` in it. Only https, and
 * loopback http for the local issuer alone: whoever can answer in the issuer's place can sign in its place. Throws Fault issuer-unavailable.
 */
export async function fetchKeys(fetchJson: Ports['fetchJson'], issuer: string, local: boolean, metadata: string | null): Promise<{ readonly document: unknown; readonly metadata: string }> {
  const found = await fetchMetadata(fetchJson, issuer, local, metadata)
  const uri = member(found.document, 'jwks_uri')
  if (typeof uri !== 'string' || !trusted(uri, local)) throw new Fault('issuer-unavailable', `the metadata of \`${issuer}\` names no usable jwks_uri`)
  return { document: await attempt(fetchJson, uri), metadata: found.url }
}

/** Its metadata and where they were found. */
export async function fetchMetadata(fetchJson: Ports['fetchJson'], issuer: string, local: boolean, known: string | null): Promise<{ document: unknown; url: string }> {
  let last: unknown = null
  for (const url of known ? [known] : locations(issuer)) {
    if (!trusted(url, local)) throw new Fault('issuer-unavailable', `the issuer \`${issuer}\` is not https`)
    try {
      const document = await attempt(fetchJson, url)
      // Exactly, as a string: else one tenant of a shared provider answers for another (RFC 8414 section 3.3, mix-up).
      if (member(document, 'issuer') === issuer) return { document, url }
      last = new Error('its `issuer` is another one')
    } catch (error) {
      last = error
    }
  }
  throw new Fault('issuer-unavailable', `no usable metadata of \`${issuer}\``, { cause: last })
}

function locations(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [`${origin}${path}/.well-known/openid-configuration`, `${origin}/.well-known/oauth-authorization-server${path}`]
}

async function attempt(fetchJson: Ports['fetchJson'], url: string): Promise<unknown> {
  try {
    return await fetchJson(url)
  } catch (cause) {
    throw new Fault('issuer-unavailable', `\`${url}\` does not answer`, { cause })
  }
}

/** Whether a document or an endpoint of an issuer may be there. */
export function trusted(text: string, local: boolean): boolean {
  const url = URL.parse(text)
  if (!url || url.username !== '' || url.password !== '') return false
  if (url.protocol === 'https:') return true
  return local && url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
}

export function member(value: unknown, name: string): unknown {
  return value !== null && typeof value === 'object' && Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}
