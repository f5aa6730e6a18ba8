import type { Refusal, Result } from '../../schema/refusal.ts'
import type { Admitted } from '../door.ts'
import type { Gate } from '../gate.ts'
import type { Ports, Socket, Sockets } from '../ports.ts'
import { findLock } from '../resolve/locks.ts'
import { answerText, refused } from './frame.ts'
import { isHolder, openToken } from './token.ts'

/** `authorization`: the header the same caller would send over HTTP. `end`: the socket must go, whatever else; else a passing trouble. */
export type Standing = { readonly stands: true; readonly authorization: string; readonly admitted: Admitted } | { readonly stands: false; readonly end: boolean; readonly refusal: Refusal }

/**
 * Whether a connection may still speak and be spoken to, asked anew each time: not past its end, its token still valid here and of the same caller,
 * no lock on them. Locks of one target stop statements there, not the socket. Throws what `admit` throws.
 */
export async function standingOf(ports: Ports, gate: Pick<Gate, 'admit'>, socket: Socket): Promise<Standing> {
  const over = (refusal: Refusal) => ({ stands: false, end: true, refusal }) as const
  if (ports.now() >= socket.expiresAt) return over(expired)
  const token = await openToken(ports, socket)
  if (token === null) return over(unsealed)
  const authorization = `Bearer ${token}`
  const admitted: Result<Admitted> = await gate.admit({ authorization, session: socket.session })
  if (!admitted.ok) return { stands: false, end: admitted.refusal.slug === 'unauthenticated' || admitted.refusal.slug === 'not-found', refusal: admitted.refusal }
  const { caller, policy, locks } = admitted.value
  if (!isHolder(caller, socket)) return over(unsealed)
  const lock = findLock(locks, policy, caller, '', ports.now())
  return lock ? over(lock) : { stands: true, authorization, admitted: admitted.value }
}

/** Ends a connection. The item goes first: from then on no frame of it is served and no answer sent, wherever the rest of this fails. Never throws. */
export async function cut(ports: Pick<Ports, 'alarm'>, sockets: Sockets, id: string, frame: string | null, refusal: Refusal): Promise<void> {
  const steps = [() => sockets.remove(id), () => sockets.push(id, answerText(frame, refused(refusal, null), refusal)), () => sockets.close(id)]
  for (const step of steps) await Promise.resolve(step()).catch((error: unknown) => ports.alarm('a socket could not be cut cleanly', { error: error instanceof Error ? error.message : 'unknown' }))
}

/**
 * The sweep: ends every connection that no longer stands, spoken on or not. What it is late for is silence only: a frame or a push is judged by itself. Returns
 * how many it ended. Where the store or an issuer does not answer, that connection is left for the next time. Throws Fault store-unavailable.
 */
export async function cutSockets(ports: Ports, gate: Pick<Gate, 'admit'>): Promise<number> {
  if (ports.sockets === null) return 0
  let ended = 0
  for (let after: string | null = null; ;) {
    const page: Awaited<ReturnType<Sockets['all']>> = await ports.sockets.all(after)
    for (const socket of page.sockets) {
      const standing = await standingOf(ports, gate, socket).catch(() => null)
      if (standing === null || standing.stands || !standing.end) continue
      await cut(ports, ports.sockets, socket.id, null, standing.refusal)
      ended++
    }
    if (page.next === null) return ended
    after = page.next
  }
}

export const expired: Refusal = { slug: 'unauthenticated', reason: 'token_expired', next: 'none', detail: 'the token of this socket has ended, or the socket is two hours old: connect again with a new one, and follow your requests by their ids' }
const unsealed: Refusal = { slug: 'unauthenticated', reason: 'invalid_token', next: 'none', detail: 'what this socket was opened with does not hold any more: connect again' }
