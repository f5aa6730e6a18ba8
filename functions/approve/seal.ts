import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { AccessRequest } from '../../schema/approval.ts'
import { Fault } from '../ports.ts'

export const resultKeySecret = 'sluice-result-key'
const nonceBytes = 12
const tagBytes = 16

/**
 * An answer kept for whoever asked, so that a copy of the store shows no row. AES-256-GCM (NIST SP 800-38D): a random nonce, then the text, then the
 * tag; a key of its own for each request by HKDF (RFC 5869), and the request's id and digest as associated data, so that no answer opens as another's.
 */
export function seal(secret: string, request: Pick<AccessRequest, 'id' | 'digest'>, text: string): Uint8Array {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret, request), nonce).setAAD(Buffer.from(`${request.id} ${request.digest}`))
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
}

/** Throws Fault store-unavailable where it is not what `seal` made for this request, secret-missing where the secret is no key. */
export function unseal(secret: string, request: Pick<AccessRequest, 'id' | 'digest'>, sealed: Uint8Array): string {
  const key = keyOf(secret, request)
  try {
    const bytes = Buffer.from(sealed)
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes }).setAAD(Buffer.from(`${request.id} ${request.digest}`))
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw new Fault('store-unavailable', 'a kept answer is damaged', { cause })
  }
}

function keyOf(secret: string, { id }: Pick<AccessRequest, 'id'>): Uint8Array {
  const key = Buffer.from(secret, 'base64')
  if (key.length < 32) throw new Fault('secret-missing', `the secret \`${resultKeySecret}\` must be at least 32 bytes in base64`)
  return new Uint8Array(hkdfSync('sha256', key, id, 'sluice result', 32))
}
