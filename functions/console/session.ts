import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import { signInMs } from '../../schema/approval.ts'
import type { Cookies } from './cookie.ts'

/**
 * A person's sign-in, carried by their browser. `token` is the gate's own kind of access token and all the power there is: whatever it may not do, the
 * page may not do. `id` ties forms to this sign-in; `until` (epoch ms) is 15 minutes after the person signed in at the issuer, or the token's end.
 */
const session = z.strictObject({ id: z.string().min(20), token: z.string().min(1), who: z.string(), until: z.number() })
export type Session = z.infer<typeof session>

/** A sign-in on its way: what was sent to the issuer and must come back with the answer. */
const pending = z.strictObject({
  state: z.string(), nonce: z.string(), verifier: z.string(), issuer: z.string(), to: z.string(), again: z.boolean(), until: z.number(),
})
export type Pending = z.infer<typeof pending>
const pendingMs = 10 * 60_000

export const random = (): string => randomBytes(32).toString('base64url')

/** `old`: there was one, and its time is over. */
export function readSession(cookies: Cookies, header: string | null, now: number): Session | 'old' | null {
  const read = session.safeParse(cookies.read('session', header))
  if (!read.success) return null
  return now < read.data.until ? read.data : 'old'
}

/** `signedInAt`, `tokenEnds`: epoch ms. A new id each time: a form of an earlier sign-in, or a cookie somebody planted, proves nothing now. */
export function writeSession(cookies: Cookies, about: { readonly token: string; readonly who: string; readonly signedInAt: number; readonly tokenEnds: number }, now: number): readonly string[] {
  const until = Math.min(about.signedInAt + signInMs, about.tokenEnds, now + signInMs)
  return cookies.set('session', { id: random(), token: about.token, who: about.who, until } satisfies Session, Math.max(1, Math.floor((until - now) / 1000)))
}

export function readPending(cookies: Cookies, header: string | null, now: number): Pending | null {
  const read = pending.safeParse(cookies.read('signin', header))
  return read.success && now < read.data.until ? read.data : null
}

export const writePending = (cookies: Cookies, about: Omit<Pending, 'until'>, now: number): readonly string[] =>
  cookies.set('signin', { ...about, until: now + pendingMs } satisfies Pending, pendingMs / 1000)

/** Where to go after signing in: a request, a session's replay, or the list. Whatever else it says, it is the list: nobody is sent to another site from here. */
export const returnTo = (wanted: string | undefined): string => wanted !== undefined && /^\/(requests\/arq_[0-9A-Za-z]{1,40}|audit\/sessions\/ses_[0-9A-Za-z_-]{1,100})$/.test(wanted) ? wanted : '/requests'
