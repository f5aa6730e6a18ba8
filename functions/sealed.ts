import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { Fault, type Ports } from './ports.ts'

const secretName = 'sluice-session-key'
const nonceBytes = 12
const tagBytes = 16

/**
 * Text that only this gate makes and reads. AES-256-GCM (NIST SP 800-38D) with a random nonce, under a key of this `use` alone (HKDF, RFC 5869, from the session key); `about` is associated data, so that it opens beside nothing else.
 * Gives base64url. Throws Fault secret-missing.
 */
export async function seal(ports: Pick<Ports, 'secrets'>, use: string, about: string, text: string): Promise<string> {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', await keyOf(ports, use), nonce).setAAD(Buffer.from(about))
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

/** null: not sealed by us, not for this use, not about this, in another spelling, or under a key since replaced. */
export async function open(ports: Pick<Ports, 'secrets'>, use: string, about: string, sealed: string): Promise<string | null> {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length <= nonceBytes + tagBytes || bytes.toString('base64url') !== sealed) return null
  const decipher = createDecipheriv('aes-256-gcm', await keyOf(ports, use), bytes.subarray(0, nonceBytes), { authTagLength: tagBytes }).setAAD(Buffer.from(about))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

/** One for each use there is. */
const made = new Map<string, { readonly secret: string; readonly key: Uint8Array }>()
async function keyOf({ secrets }: Pick<Ports, 'secrets'>, use: string): Promise<Uint8Array> {
  const secret = await secrets.get(secretName)
  const had = made.get(use)
  if (had?.secret === secret) return had.key
  const bytes = Buffer.from(secret, 'base64')
  if (bytes.length < 32) throw new Fault('secret-missing', `the secret \`${secretName}\` must be at least 32 bytes in base64`)
  const key = new Uint8Array(hkdfSync('sha256', bytes, '', use, 32))
  made.set(use, { secret, key })
  return key
}
