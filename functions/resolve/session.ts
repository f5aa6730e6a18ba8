import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { Caller } from '../../schema/caller.ts'
import type { Id } from '../../schema/event.ts'
import { ok, refuse, type Result } from '../../schema/refusal.ts'
import { Fault, type Ports } from '../ports.ts'

const secretName = 'sluice-session-key'
const minKeyBytes = 32
/** `ses_`, a ULID, then 43 characters of base64url: the whole HMAC-SHA-256. */
const form = /^(ses_[0-9A-Za-z]{26})([A-Za-z0-9_-]{43})$/

/**
 * Sessions group calls for replay. An id proves by itself whose it is: its tail is an HMAC over its head, issuer, subject and actors, so nothing is
 * stored and no read is made. Another's session, a forged one and nonsense answer the same 404: an id seen in a log or a chat is worth nothing.
 */
export function createSessions(ports: Pick<Ports, 'id' | 'secrets'>): { open(caller: Caller, header: string | null): Promise<Result<Id<'ses'>>> } {
  let key: { readonly text: string; readonly secret: KeyObject } | null = null

  async function seal(head: string, caller: Caller): Promise<string> {
    const text = await ports.secrets.get(secretName)
    if (key?.text !== text) key = { text, secret: createSecretKey(decode(text)) }   // a key object: a Buffer costs seven times as much a call
    // As JSON, so that no two ways of cutting the parts give the same bytes. The session of a delegated agent is not its principal's.
    const bound = JSON.stringify([head, caller.issuer, caller.subject.id, caller.actors.map((actor) => actor.id)])
    return createHmac('sha256', key.secret).update(bound).digest('base64url')
  }

  return {
    /** `header`: value of Sluice-Session, or null: then a new session. Throws Fault secret-missing when there is no usable key. */
    async open(caller, header) {
      if (header === null) {
        const head = ports.id('ses')
        return ok<Id<'ses'>>(`${head}${await seal(head, caller)}`)
      }
      const [, head, tail] = form.exec(header) ?? []
      if (head === undefined || tail === undefined) return notFound
      // Text against text: decoding first would accept several spellings of one tail.
      const same = timingSafeEqual(Buffer.from(tail), Buffer.from(await seal(head, caller)))
      return same ? ok(header as Id<'ses'>) : notFound
    },
  }
}

function decode(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length < minKeyBytes) throw new Fault('secret-missing', `the secret \`${secretName}\` must be at least ${minKeyBytes} bytes in base64`)
  return bytes
}

const notFound: Result<never> = refuse({
  slug: 'not-found', reason: 'session_not_found', next: 'fix',
  detail: 'there is no such session of yours: leave Sluice-Session out to begin a new one, or send the one an earlier answer to this same caller gave',
})
