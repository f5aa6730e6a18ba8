import type { Caller } from '../../schema/caller.ts'
import type { Ports, Socket } from '../ports.ts'
import { open, seal } from '../sealed.ts'

const use = 'sluice socket token'
type Bound = Pick<Socket, 'id' | 'issuer' | 'subject' | 'actors' | 'session' | 'expiresAt'>

/**
 * The token of an open socket, kept with it. The token itself and not what it said: so each frame is authenticated anew, by whatever process gets it, and a
 * key taken back at the issuer, an issuer taken out of the policy or a group no longer accepted hold for the very next frame. Sealed, so that
 * a copy of the store is no bag of tokens, and about all else the item says, so that no token opens under another connection, name or end.
 */
export const sealToken = (ports: Pick<Ports, 'secrets'>, bound: Bound, token: string): Promise<string> => seal(ports, use, aboutOf(bound), token)

/** null: not sealed by us, not for this connection, or under a key since replaced. */
export const openToken = (ports: Pick<Ports, 'secrets'>, socket: Socket): Promise<string | null> => open(ports, use, aboutOf(socket), socket.sealed)

/** Whether a caller is the one the connection was opened by. A policy that now names the same token otherwise makes it somebody else's connection. */
export const isHolder = (caller: Caller, { issuer, subject, actors }: Pick<Socket, 'issuer' | 'subject' | 'actors'>): boolean =>
  caller.issuer === issuer && caller.subject.id === subject && caller.actors.length === actors.length && caller.actors.every(({ id }, at) => id === actors[at])

/** As JSON, so that no two ways of cutting the parts give the same bytes. */
const aboutOf = ({ id, issuer, subject, actors, session, expiresAt }: Bound): string => JSON.stringify([id, issuer, subject, actors, session, expiresAt])
