import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Errand } from './carry.ts'

/** An errand is good for this long, ms, by both clocks: one that has an effect only as long as its way may take, the start of a process included. */
const freshMs = (op: Errand['op']): number => (op === 'execute' ? 15_000 : 60_000)

/** Each use has a key of its own, and none of them is the secret itself. */
type Use = 'errand' | 'looked' | 'seen' | 'cut'
const keyOf = (secret: string, use: Use): Buffer => createHmac('sha256', secret).update(`sluice private ${use} v1`).digest()
const macOf = (secret: string, text: string): Buffer => createHmac('sha256', keyOf(secret, 'errand')).update(text).digest()

/** Where the key of whoever sends errands under this name lies; null: where there is one key for all. */
export const keyNameOf = (by: string | null): string => (by === null ? 'sluice-private-key' : `sluice-private-key-${by}`)
/** No two are the same, so that one which is sent twice can be told from one that is asked twice. `by`: who sends it, whose key the secret is. */
export function seal(secret: string, errand: Errand, at: number, by: string | null = null): string {
  const text = JSON.stringify({ at, once: randomBytes(16).toString('base64'), errand })
  return JSON.stringify({ ...(by === null ? {} : { by }), text, mac: macOf(secret, text).toString('base64') })
}
/** Who says that they sent it: with whose key it is to be opened, and nothing more until it was. Only one of `senders`; of none, one that names nobody. undefined: neither. */
export function senderOf(sealed: unknown, senders: readonly string[]): string | null | undefined {
  const { by = null } = (typeof sealed === 'object' && sealed !== null ? sealed : {}) as { readonly by?: unknown }
  if (by === null) return senders.length === 0 ? null : undefined
  return senders.find((one) => one === by)
}

/** What both ends of an errand call it, and nobody else can (Cuts). `sealed`: as `seal` gave it, or as it was parsed on its way; only of one whose seal was checked. */
export function cutIdOf(secret: string, sealed: unknown): string {
  const { text } = (typeof sealed === 'string' ? JSON.parse(sealed) : sealed) as { readonly text: string }
  return createHmac('sha256', keyOf(secret, 'cut')).update(text).digest('hex')
}

/** Says of a seal, once, that it was not there before; `until`: when it will be too old anyway, epoch ms. */
export type First = (seal: string, until: number, now: number) => boolean
/** null: not from the gate, too old, or an execution that this process had before. */
export function unseal(secret: string, sealed: unknown, now: number, first: First): Errand | null {
  const { text, mac } = (typeof sealed === 'object' && sealed !== null ? sealed : {}) as { readonly text?: unknown; readonly mac?: unknown }
  if (typeof text !== 'string' || typeof mac !== 'string' || secret === '') return null
  const [own, theirs] = [macOf(secret, text), Buffer.from(mac, 'base64')]
  if (own.length !== theirs.length || !timingSafeEqual(own, theirs)) return null
  const { at, errand } = JSON.parse(text) as { readonly at: number; readonly errand: Errand }
  const good = freshMs(errand.op)
  if (!(Math.abs(now - at) <= good)) return null
  return errand.op !== 'execute' || first(own.toString('base64'), at + good, now) ? errand : null      // by our own spelling: base64 has several
}

/** What one process remembers of executions: as long as their errands are good and no longer. Another process has its own. */
export function createFirst(): First {
  const had = new Map<string, number>()
  return (seal, until, now) => {
    for (const [one, end] of had) if (end < now) had.delete(one)
    if (had.has(seal)) return false
    had.set(seal, until)
    return true
  }
}

/** AES-256-GCM. What is hidden twice is not the same. `about`: what it is of; for anything else it does not open. */
export function hide(secret: string, use: 'looked' | 'seen', about: string, value: unknown): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret, use), iv).setAAD(Buffer.from(about))
  const text = Buffer.concat([cipher.update(gzipSync(JSON.stringify(value))), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64')
}
/** Throws for what nobody with the key hid, or of something else. */
export function uncover(secret: string, use: 'looked' | 'seen', about: string, hidden: string): unknown {
  const bytes = Buffer.from(hidden, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', keyOf(secret, use), bytes.subarray(0, 12), { authTagLength: 16 }).setAAD(Buffer.from(about))
  decipher.setAuthTag(bytes.subarray(12, 28))
  return JSON.parse(gunzipSync(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()])).toString('utf8'))
}
