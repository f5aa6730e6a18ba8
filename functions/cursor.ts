import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Caller } from '../schema/caller.ts'
import { Fault, type Ports } from './ports.ts'

const secretName = 'sluice-session-key'
const nonceBytes = 12
const tagBytes = 16

/**
 * The place in a list of which its reader sees less than is read for it: a store's own cursor names what comes next, whosever that is. AES-256-GCM under a key of its own (HKDF, RFC 5869, from the session key), the reader as
 * associated data: nobody reads it, writes one by hand, or goes on with another's.
 */
export async function sealCursor(ports: Pick<Ports, 'secrets'>, reader: Caller, cursor: string): Promise<string> {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', await keyOf(ports), nonce).setAAD(dataOf(reader))
  return Buffer.concat([nonce, cipher.update(cursor, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

/** null: not one that this reader was given, or under a key since replaced. */
export async function openCursor(ports: Pick<Ports, 'secrets'>, reader: Caller, sealed: string): Promise<string | null> {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length <= nonceBytes + tagBytes || bytes.toString('base64url') !== sealed) return null
  const decipher = createDecipheriv('aes-256-gcm', await keyOf(ports), bytes.subarray(0, nonceBytes), { authTagLength: tagBytes }).setAAD(dataOf(reader))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

const dataOf = ({ issuer, subject, actors }: Caller): Uint8Array => Buffer.from(JSON.stringify([issuer, subject.id, actors.map(({ id }) => id)]))

async function keyOf(ports: Pick<Ports, 'secrets'>): Promise<Uint8Array> {
  const bytes = Buffer.from(await ports.secrets.get(secretName), 'base64')
  if (bytes.length < 32) throw new Fault('secret-missing', `the secret \`${secretName}\` must be at least 32 bytes in base64`)
  return new Uint8Array(hkdfSync('sha256', bytes, '', 'sluice cursor', 32))
}
