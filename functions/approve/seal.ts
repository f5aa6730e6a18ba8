import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { AccessRequest } from '../../schema/approval.ts'
import { Damage, Fault } from '../ports.ts'
import { digestOf } from './digest.ts'

export const resultKeySecret = 'sluice-result-key'
const nonceBytes = 12
const tagBytes = 16

/**
 * An answer kept for whoever asked, so that a copy of the store shows no row. AES-256-GCM (NIST SP 800-38D): a random nonce, then the text, then the
 * tag; a key of its own for each request by HKDF (RFC 5869), and as associated data the request's id and the digest of all that people agreed to and was executed, taken anew each time: so no answer opens as
 * another's, nor for another subject whom somebody wrote into its request.
 */
export function seal(secret: string, request: Sealing, text: string): Uint8Array {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret, request), nonce).setAAD(aboutOf(request))
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
}

/** Throws Damage where it is not what `seal` made for this request, secret-missing where the secret is no key. */
export function unseal(secret: string, request: Sealing, sealed: Uint8Array): string {
  const key = keyOf(secret, request)
  try {
    const bytes = Buffer.from(sealed)
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes }).setAAD(aboutOf(request))
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw new Damage('a kept answer is damaged', { cause })
  }
}

type Sealing = Pick<AccessRequest, 'id' | 'bound'>
const aboutOf = ({ id, bound }: Sealing): Uint8Array => Buffer.from(`${id} ${digestOf(bound)}`)

function keyOf(secret: string, { id }: Pick<AccessRequest, 'id'>): Uint8Array {
  const key = Buffer.from(secret, 'base64')
  if (key.length < 32) throw new Fault('secret-missing', `the secret \`${resultKeySecret}\` must be at least 32 bytes in base64`)
  return new Uint8Array(hkdfSync('sha256', key, id, 'sluice result', 32))
}
