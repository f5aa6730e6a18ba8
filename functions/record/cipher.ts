import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { canonicalJson } from '../../schema/bundle.ts'
import { join, split, type Content } from '../../schema/content.ts'
import type { Event, Id } from '../../schema/event.ts'
import { commit, mac } from './commitment.ts'

/** What one content key is used for. It is 32 random bytes, so that HKDF (RFC 5869) needs no extract step: each use is one block of HMAC-SHA-256 under it. */
export interface ContentKey { readonly id: string; readonly secret: Uint8Array; readonly encryption: KeyObject }
const tagBytes = 16
const nonceBytes = 12

export function contentKey(id: string, bytes: Uint8Array): ContentKey {
  return { id, secret: bytes, encryption: createSecretKey(expand(bytes, 'sluice content encryption v1')) }      // a key object: of bytes OpenSSL makes one at each use, which takes four times as long
}
/**
 * What an event's commitment is keyed by: of this event alone, so that handing it to whoever may read the content of one event says nothing of another. With it anybody can check that content
 * is what the log committed to; without it, and after the content key is destroyed, nobody can even try a guess.
 */
const openingOf = ({ secret }: ContentKey, id: Id<'evt'>): Buffer => expand(secret, `sluice content commitment v1 ${id}`)
const expand = (secret: Uint8Array, info: string): Buffer => mac(secret, Buffer.from(`${info}\u0001`))

/** RFC 8785, so that whoever has the content alone can write it again as it was; what that cannot say (a lone surrogate) as JSON escapes it. */
function textOf(content: Content): string {
  try {
    return canonicalJson(content)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return JSON.stringify(content)
  }
}

/**
 * The event as it is stored, from its two parts (schema/content.ts): instead of the content its ciphertext and the commitment. AES-256-GCM (NIST SP 800-38D), the event's id as associated data, so that no content opens as
 * another's. The nonce is the beginning of the commitment, which depends on event, content and key (a synthetic IV): the same event sealed twice is the same bytes, as append-only stores
 * want, and no two different ones share a nonce, whatever a retry does.
 */
export function seal(key: ContentKey, open: Event, content: Content): Event {
  const text = Buffer.from(textOf(content))
  const commitment = mac(openingOf(key, open.id), text)
  const cipher = createCipheriv('aes-256-gcm', key.encryption, commitment.subarray(0, nonceBytes)).setAAD(Buffer.from(open.id))
  const sealed = Buffer.allocUnsafe(text.length + tagBytes)
  sealed.set(cipher.update(text))                                   // all of it: GCM keeps nothing back, and `final` gives no bytes
  cipher.final()
  sealed.set(cipher.getAuthTag(), text.length)
  return { ...open, content: { key: key.id, commitment: commitment.toString('hex'), text: sealed.toString('base64') } }
}

/** What shows that content is what the log committed to: the text that was, and the key of this one commitment, hex. */
export interface Disclosure { readonly text: string; readonly opening: string }
/** Of an event whose content is at hand. */
export function disclose(key: ContentKey, event: Event): Disclosure | null {
  const { content } = split(event)
  return content && { text: textOf(content), opening: openingOf(key, event.id).toString('hex') }
}

/** null: it is not what `seal` made of this event with this key: damage, or somebody else wrote there. */
export function open(key: ContentKey, event: Event): Event | null {
  const { content } = event
  if (typeof content?.text !== 'string' || typeof content.commitment !== 'string' || !/^[0-9a-f]{64}$/.test(content.commitment)) return null       // a list of one text has its form as well
  try {
    const commitment = Buffer.from(content.commitment, 'hex')
    const bytes = Buffer.from(content.text, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', key.encryption, commitment.subarray(0, nonceBytes), { authTagLength: tagBytes }).setAAD(Buffer.from(event.id))
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    const text = Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]).toString('utf8')
    if (!timingSafeEqual(commitment, commit(openingOf(key, event.id), text))) return null
    return join(event, JSON.parse(text) as Content)
  } catch {
    return null                                                     // a tag that does not hold, or too short to have one
  }
}
