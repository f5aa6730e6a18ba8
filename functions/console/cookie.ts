import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/**
 * What the console keeps in the reader's browser, sealed: the server keeps nothing. AES-256-GCM; the cookie's name is bound in, so that one kind
 * cannot be passed off as another. Over https the names carry `__Host-`, so that no neighbouring host and no plain connection can set one (RFC 6265bis).
 */
export interface Cookies {
  /** Values of `Set-Cookie`. `seconds`: how long it is kept; at most 15 minutes are ever asked for. */
  set(kind: CookieKind, value: object, seconds: number): readonly string[]
  clear(kind: CookieKind): readonly string[]
  /** The value as it was sealed; null where there is none, or another's, or one that was tampered with. Its age is for the reader to judge: a browser may keep it longer. */
  read(kind: CookieKind, header: string | null): unknown
  /** Proves that a form was made for this sign-in, this request and this digest. */
  proof(...parts: readonly string[]): string
  proven(given: string, ...parts: readonly string[]): boolean
}
export type CookieKind = 'signin' | 'session'

const ivBytes = 12
const tagBytes = 16
/** Browsers take 4096 bytes a cookie with name and attributes; an access token may be 8 KB. */
const pieceBytes = 3600
const maxPieces = 4
const maxPlainBytes = 16 * 1024

/** `secret`: at least 32 bytes of entropy, base64. Throws where it is shorter: a guessable key would let anyone seal. */
export function createCookies(secret: string, secure: boolean): Cookies {
  const master = Buffer.from(secret, 'base64')
  if (master.length < 32) throw new Error('the console\'s key must be 32 bytes or more, base64')
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', master, '', `sluice console ${use} v1`, 32))
  const sealing = derive('cookie')
  const proving = derive('form')
  const nameOf = (kind: CookieKind, piece: number) => `${secure ? '__Host-' : ''}sluice-${kind}${piece === 0 ? '' : `-${piece}`}`
  const line = (kind: CookieKind, piece: number, value: string, seconds: number) =>
    `${nameOf(kind, piece)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  const pieces = kindPieces
  const proof = (...parts: readonly string[]) => createHmac('sha256', proving).update(JSON.stringify(parts)).digest('base64url')

  return {
    set(kind, value, seconds) {
      const sealed = seal(sealing, kind, value)
      if (sealed.length > pieceBytes * pieces[kind]) throw new Error(`a ${kind} cookie of ${sealed.length} bytes is more than a browser keeps`)
      // Pieces that are not needed now are taken back, or an earlier, longer value's tail would spoil this one.
      return Array.from({ length: pieces[kind] }, (_, n) => {
        const part = sealed.slice(n * pieceBytes, (n + 1) * pieceBytes)
        return line(kind, n, part, part === '' ? 0 : seconds)
      })
    },
    clear: (kind) => Array.from({ length: pieces[kind] }, (_, n) => line(kind, n, '', 0)),
    read(kind, header) {
      const found = parse(header)
      const parts: string[] = []
      for (let n = 0; n < pieces[kind]; n++) {
        const part = found.get(nameOf(kind, n))
        if (part === undefined || part === '') break
        parts.push(part)
      }
      return parts.length === 0 ? null : open(sealing, kind, parts.join(''))
    },
    proof,
    proven(given, ...parts) {
      const right = Buffer.from(proof(...parts))
      const one = Buffer.from(given)
      return one.length === right.length && timingSafeEqual(one, right)
    },
  }
}
const kindPieces: Readonly<Record<CookieKind, number>> = { signin: 1, session: maxPieces }

function seal(key: Buffer, kind: CookieKind, value: object): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(Buffer.from(kind))
  const body = Buffer.concat([cipher.update(deflateRawSync(JSON.stringify(value))), cipher.final()])
  return Buffer.concat([iv, body, cipher.getAuthTag()]).toString('base64url')
}

function open(key: Buffer, kind: CookieKind, sealed: string): unknown {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length <= ivBytes + tagBytes) return null
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
    decipher.setAAD(Buffer.from(kind))
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    const plain = Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()])
    return JSON.parse(inflateRawSync(plain, { maxOutputLength: maxPlainBytes }).toString('utf8')) as unknown
  } catch {
    return null
  }
}

/** The first of a name counts: a cookie of a longer path, set by another page of this host, is sent first, and is not ours to open. */
function parse(header: string | null): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at < 1) continue
    const key = pair.slice(0, at).trim()
    if (!found.has(key)) found.set(key, pair.slice(at + 1).trim())
  }
  return found
}
