import { isIP } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import * as z from 'zod'
import { TransportError } from './post.ts'

/** Where a database server is, for an engine that speaks the server's own protocol, and one role of it. */
export interface Address {
  readonly host: string; readonly port: number; readonly user: string; readonly password: string; readonly database: string
  /** null: this machine, without TLS. Else the certificate must be of `host` and lead to `ca`, or to the authorities Node knows where that is null. */
  readonly tls: { readonly ca: string | null; readonly context: SecureContext } | null
}
export interface Scheme { readonly protocols: readonly string[]; readonly port: number; /** The one parameter a URL may have: the checking of certificates, which is always on, in the words of that database. */ readonly checked: readonly [name: string, value: string] }

/** A secret with the authority that signed the server's certificate, which is how RDS and Aurora are reached. */
const withAuthority = z.strictObject({ url: z.string(), ca: z.string().startsWith('-----BEGIN CERTIFICATE-----') })

/**
 * A secret → an address: a URL, or JSON of `{url, ca}` with certificates as PEM. Nothing in it weakens anything: a parameter that would is refused, not dropped, and so is whatever else is not known. Reads no file and no
 * variable of the environment, as drivers do with a URL. Throws TransportError `unreachable`, whose words are ours, with nothing of the secret; callers only hear that the target does not answer, so `alarm` says it to the
 * operator, once a secret. Kept by the secret's text: a bundle of authorities takes a while to read.
 */
export function addressBy(scheme: Scheme, alarm: Alarm): (secret: string) => Address {
  const known = new Map<string, Address | TransportError>()
  return (secret) => {
    const found = known.get(secret) ?? readSecret(secret, scheme, alarm)
    if (known.size >= 100) known.clear()
    known.set(secret, found)
    if (found instanceof TransportError) throw found
    return found
  }
}
export type Alarm = (what: string, detail: Readonly<Record<string, unknown>>) => void

function readSecret(secret: string, scheme: Scheme, alarm: Alarm): Address | TransportError {
  try {
    return readAddress(secret, scheme)
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    alarm('a secret cannot be used', { why: error.message })
    return error
  }
}

function readAddress(secret: string, scheme: Scheme): Address {
  const { url: text, ca } = secret.trimStart().startsWith('{') ? parsed(secret) : { url: secret, ca: null }
  const url = URL.parse(text)
  if (url === null || !scheme.protocols.includes(url.protocol)) throw wrong(`the secret is no ${scheme.protocols[0]}// url`)
  for (const [name, value] of url.searchParams) {
    if (name !== scheme.checked[0]) throw wrong(`the secret's url has the parameter \`${name.slice(0, 40)}\`, which is not one of a private target`)
    if (value !== scheme.checked[1]) throw wrong(`the secret's url asks for another \`${name}\` than \`${scheme.checked[1]}\`: certificates are always checked`)
  }
  const [user, password, database, host] = [url.username, url.password, url.pathname.slice(1), url.hostname.replace(/^\[(.*)\]$/, '$1')].map(decoded) as [string, string, string, string]
  if (!user || !password || !database || !host) throw wrong('the secret\'s url must name user, password, host and database')
  if ([user, password, database, host].some((part) => part.includes('\0')) || host.includes('/')) throw wrong('the secret\'s url holds what no name can')
  const plain = ca === null && isLoopback(host)
  return { host, port: url.port === '' ? scheme.port : Number(url.port), user, password, database, tls: plain ? null : { ca, context: contextOf(ca) } }
}

function parsed(secret: string): z.infer<typeof withAuthority> {
  try {
    return withAuthority.parse(JSON.parse(secret))
  } catch {
    throw wrong('the secret is no json of `url` and `ca`')              // the parser's own words would quote it
  }
}
function contextOf(ca: string | null): SecureContext {
  try {
    return createSecureContext({ minVersion: 'TLSv1.2', ...(ca === null ? {} : { ca }) })
  } catch {
    throw wrong('the secret\'s `ca` is no certificate')
  }
}
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw wrong('the secret\'s url is not escaped as a url is')
  }
}
const wrong = (message: string) => new TransportError('unreachable', message)

/** As addresses only: a name may lead anywhere. */
const isLoopback = (host: string): boolean => (isIP(host) === 4 && host.startsWith('127.')) || host === '::1'
