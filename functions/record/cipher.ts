import { createCipheriv, timingSafeEqual } from 'node:crypto'
import { canonicalJson } from '../../schema/bundle.ts'
import { join, split, type Content } from '../../schema/content.ts'
import type { Event, Id } from '../../schema/event.ts'
import { chacha, wordsOf } from './chacha.ts'
import { mac } from './commitment.ts'

/** What one content key is used for. It is 32 random bytes, so that HKDF (RFC 5869) needs no extract step: each use is one block of HMAC-SHA-256 under it. `encryption`: as ChaCha20 takes it. */
export interface ContentKey { readonly id: string; readonly secret: Uint8Array; readonly encryption: Uint32Array }
const nonceBytes = 12
/** Texts up to this long are enciphered in a place of their own; OpenSSL does longer ones faster, and the object that costs is worth it then. A multiple of ChaCha20's block of 64. */
const shortBytes = 4096
const nonce = new Uint8Array(nonceBytes)
const place = new Uint32Array(shortBytes / 4)
const bytesOfPlace = Buffer.from(place.buffer)

export const contentKey = (id: string, bytes: Uint8Array): ContentKey => ({ id, secret: bytes, encryption: wordsOf(expand(bytes, 'sluice content encryption v2')) })
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
 * The event as it is stored, from its two parts (schema/content.ts): instead of the content its ciphertext and the commitment. ChaCha20 (RFC 8439) under a nonce that is the beginning of the commitment, which depends on event,
 * content and key: a synthetic IV, as RFC 5297 puts ciphers together. The commitment, 256 bits keyed for this event, is what the content is authenticated by: nothing opens that does not give it again, so no content opens as
 * another's and a tag beside it would say the same a second time. The same event sealed twice is the same bytes, as append-only stores want, and no two different ones share a nonce, whatever a retry does.
 */
export function seal(key: ContentKey, open: Event, content: Content): Event {
  const text = Buffer.from(textOf(content))
  const commitment = mac(openingOf(key, open.id), text)
  return { ...open, content: { key: key.id, commitment: commitment.toString('hex'), text: crypt(key, commitment, text, (sealed, length) => sealed.toString('base64', 0, length)) } }
}

/** Enciphers and deciphers. `use` gets bytes that are overwritten when it returns, and how many of them count. */
function crypt<T>({ encryption }: ContentKey, commitment: Uint8Array, bytes: Uint8Array, use: (bytes: Buffer, length: number) => T): T {
  for (let at = 0; at < nonceBytes; at++) nonce[at] = commitment[at] ?? 0
  if (bytes.length > shortBytes) {
    const iv = Buffer.alloc(4 + nonceBytes)                         // OpenSSL's: the number of the first block, then the nonce
    iv.set(nonce, 4)
    return use(createCipheriv('chacha20', new Uint8Array(encryption.buffer), iv).update(bytes), bytes.length)
  }
  bytesOfPlace.set(bytes)
  try {
    chacha(encryption, nonce, place, bytes.length)
    return use(bytesOfPlace, bytes.length)
  } finally {
    bytesOfPlace.fill(0, 0, Math.ceil(bytes.length / 64) * 64)      // whole blocks: no content and no keystream stays behind here
  }
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
  if (content?.text === undefined || !/^[0-9a-f]{64}$/.test(content.commitment)) return null
  const commitment = Buffer.from(content.commitment, 'hex')
  return crypt(key, commitment, Buffer.from(content.text, 'base64'), (opened, length) => {
    const bytes = opened.subarray(0, length)
    if (!timingSafeEqual(commitment, mac(openingOf(key, event.id), bytes))) return null
    try {
      return join(event, JSON.parse(bytes.toString('utf8')) as Content)
    } catch {
      return null                                                   // nothing `seal` writes, so somebody else's who had the key
    }
  })
}
