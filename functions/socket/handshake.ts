import { ok, refuse, type Result } from '../../schema/refusal.ts'
import { socketProtocol } from '../../schema/socket.ts'

/** A connection that is being opened. Header names in lower case, every value each had. `query`: the URL had a query string. */
export interface Handshake { readonly id: string; readonly headers: Readonly<Record<string, readonly string[]>>; readonly query: boolean }
/** `protocol`: what the answer selects, null where none was offered. */
export interface Asked { readonly authorization: string | null; readonly session: string | null; readonly protocol: typeof socketProtocol | null }

const bearerPrefix = 'bearer.'

/**
 * Receives the handshake; gives the token it carries, and refuses before anything is read: a query string (a token there ends up in every log on the way), an
 * Origin that is not our own (a page of somebody else's, in the browser of somebody who may reach us), one token said twice. A program sends its token
 * in `Authorization`; a browser cannot, and offers `sluice.v1` and `bearer.<token>` as subprotocols, of which the answer names only the first.
 */
export function readHandshake({ headers, query }: Handshake, origins: readonly string[]): Result<Asked> {
  if (query) return no('query_string', 'the socket takes no query string, and a token least of all: send it as `authorization` or as the subprotocol `bearer.<token>`')
  for (const name of ['authorization', 'origin', 'sluice-session']) if ((headers[name] ?? []).length > 1) return no('header_twice', `header \`${name}\` is there more than once`)
  const origin = headers['origin']?.[0]
  if (origin !== undefined && !origins.includes(origin)) return refuse({ slug: 'denied', reason: 'foreign_origin', next: 'none', detail: 'a page of another origin may not open a socket here' })
  const offered = (headers['sec-websocket-protocol'] ?? []).flatMap((value) => value.split(',')).map((value) => value.trim()).filter((value) => value !== '')
  const tokens = offered.filter((value) => value.startsWith(bearerPrefix))
  const header = headers['authorization']?.[0]
  if (offered.length > 0 && !offered.includes(socketProtocol)) return no('subprotocol', `offer the subprotocol \`${socketProtocol}\``)
  if (tokens.length + (header === undefined ? 0 : 1) > 1) return no('token_twice', 'send the token once: in `authorization` or as a subprotocol')
  const [token] = tokens
  return ok({
    authorization: token === undefined ? header ?? null : `Bearer ${token.slice(bearerPrefix.length)}`,
    session: headers['sluice-session']?.[0] ?? null, protocol: offered.length > 0 ? socketProtocol : null,
  })
}
const no = (reason: string, detail: string) => refuse({ slug: 'invalid-request', reason, detail, next: 'fix' })
