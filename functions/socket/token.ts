import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Caller } from '../../schema/caller.ts'
import { Fault, type Ports, type Socket } from '../ports.ts'

const secretName = 'sluice-session-key'
const nonceBytes = 12
const tagBytes = 16
type Bound = Pick<Socket, 'id' | 'issuer' | 'subject' | 'actors' | 'session' | 'expiresAt'>

/**
 * The token of an open socket, kept with it. The token itself and not what it said: so each frame is authenticated anew, by whatever process gets it, and a
 * key taken back at the issuer, an issuer taken out of the policy or a group no longer accepted hold for the very next frame. Sealed with AES-256-GCM under
 * a key of its own (HKDF, RFC 5869, from the session key), so that a copy of the store is no bag of tokens; all else the item says is associated
 * data, so that no token opens under another connection, name or end.
 */
export async function sealToken(ports: Pick<Ports, 'secrets'>, bound: Bound, token: string): Promise<string> {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', await keyOf(ports), nonce).setAAD(dataOf(bound))
  return Buffer.concat([nonce, cipher.update(token, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

/** null: not sealed by us, not for this connection, or under a key since replaced. */
export async function openToken(ports: Pick<Ports, 'secrets'>, socket: Socket): Promise<string | null> {
  const bytes = Buffer.from(socket.sealed, 'base64url')
  if (bytes.length <= nonceBytes + tagBytes) return null
  const decipher = createDecipheriv('aes-256-gcm', await keyOf(ports), bytes.subarray(0, nonceBytes), { authTagLength: tagBytes }).setAAD(dataOf(socket))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

/** Whether a caller is the one the connection was opened by. A policy that now names the same token otherwise makes it somebody else's connection. */
export const isHolder = (caller: Caller, { issuer, subject, actors }: Pick<Socket, 'issuer' | 'subject' | 'actors'>): boolean =>
  caller.issuer === issuer && caller.subject.id === subject && caller.actors.length === actors.length && caller.actors.every(({ id }, at) => id === actors[at])

/** As JSON, so that no two ways of cutting the parts give the same bytes. */
const dataOf = ({ id, issuer, subject, actors, session, expiresAt }: Bound): Buffer => Buffer.from(JSON.stringify([id, issuer, subject, actors, session, expiresAt]))

let made: { readonly secret: string; readonly key: Uint8Array } | null = null
async function keyOf({ secrets }: Pick<Ports, 'secrets'>): Promise<Uint8Array> {
  const secret = await secrets.get(secretName)
  if (made?.secret === secret) return made.key
  const bytes = Buffer.from(secret, 'base64')
  if (bytes.length < 32) throw new Fault('secret-missing', `the secret \`${secretName}\` must be at least 32 bytes in base64`)
  made = { secret, key: new Uint8Array(hkdfSync('sha256', bytes, '', 'sluice socket token', 32)) }
  return made.key
}
