import type { Refusal } from '../schema/refusal.ts'
import { longestMs } from '../schema/socket.ts'
import type { Gate } from './gate.ts'
import type { Ports, Socket, Sockets } from './ports.ts'
import { faultRefusal, statusOf } from './problem.ts'
import { findLock } from './resolve/locks.ts'
import { createCalls, overflowOf, type Requests } from './socket/call.ts'
import { cut, expired, standingOf } from './socket/cut.ts'
import { awaitOutcome } from './socket/follow.ts'
import { answerText, readCall, refused } from './socket/frame.ts'
import { type Handshake, readHandshake } from './socket/handshake.ts'
import { sealToken } from './socket/token.ts'

/** Calls a connection may make in one second, and have unanswered at once; past the last of them in one second it is cut. */
const limits = { perSecond: 20, inFlight: 8 }
const floodPerSecond = 100
/** Longer than any call takes; a process that died with one has given its place back by then. */
const flightMs = 60_000

interface Said { readonly id: string | null; readonly text: string; readonly end: Refusal | null; readonly follow: (() => Promise<string | null>) | null }
export interface Message { readonly id: string; /** The delivery's own id: the same when it comes twice. */ readonly frame: string; readonly body: string }

/**
 * `WSS /v1/socket`, whatever carries it. Each frame may meet another process, so nothing is remembered here: whose a connection is, its sealed token and
 * what it has in flight are in the store, and a frame passes the same gate as a call over HTTP. Never throws.
 */
export function createSocket(ports: Ports & { readonly sockets: Sockets }, gate: Gate, requests: Requests) {
  const { sockets } = ports
  const origins = [...new Set([ports.self.url, ports.self.console].map((url) => new URL(url).origin))]
  const call = createCalls(ports, gate, requests)

  /** The HTTP status of the handshake: 200 opens it. The connection is stored before that, so that its first frame finds it. */
  async function connect(handshake: Handshake): Promise<{ readonly status: number; readonly protocol: string | null }> {
    const no = (refusal: Refusal) => ({ status: statusOf(refusal), protocol: null })
    try {
      const asked = readHandshake(handshake, origins)
      if (!asked.ok) return no(asked.refusal)
      const admitted = await gate.admit(asked.value)
      if (!admitted.ok || asked.value.authorization === null) return no(admitted.ok ? nobody : admitted.refusal)
      const { caller, policy, locks, session } = admitted.value
      const lock = findLock(locks, policy, caller, '', ports.now())
      if (lock) return no(lock)
      const bound = {
        id: handshake.id, issuer: caller.issuer, subject: caller.subject.id, actors: caller.actors.map(({ id }) => id), session,
        expiresAt: Math.min(caller.expiresAt, ports.now() + longestMs),
      }
      await sockets.put({ ...bound, sealed: await sealToken(ports, bound, asked.value.authorization.slice('bearer '.length)) })
      return { status: 200, protocol: asked.value.protocol }
    } catch (error) {
      return no(faultRefusal(error, ports.alarm))
    }
  }

  /** One frame. What it answers is pushed; where nobody is there any more it goes nowhere. */
  async function message({ id, frame, body }: Message): Promise<void> {
    try {
      const entered = await sockets.enter(id, frame, { ...limits, until: ports.now() + flightMs })
      if (entered.state === 'gone') return await sockets.close(id)                    // disconnected, or cut: nothing of it is served
      const { socket } = entered
      if (entered.state === 'crowded') return await crowded(socket, entered.frames, body)
      let there = true
      // Dies before it: the place is free again after a minute. A store that fails here must not cost the answer of what has run.
      const said = await answer(socket, body).finally(async () => { there = await sockets.leave(id, frame).catch(() => true) })
      if (!there) return                                                                // cut meanwhile: the answer is nobody's any more
      if (said.end) return await cut(ports, sockets, id, said.id, said.end)
      await say(socket, said.text)
      const outcome = said.follow ? await said.follow().catch((error: unknown) => { faultRefusal(error, ports.alarm); return null }) : null   // the call is answered; who hears nothing more asks
      if (outcome !== null) await say(socket, outcome)
    } catch (error) {
      const refusal = faultRefusal(error, ports.alarm)
      await sockets.push(id, answerText(readCall(body).id, refused(refusal, null), refusal)).catch(() => undefined)
    }
  }

  /** Standing first, then the call: whoever may not speak is served nothing. */
  async function answer(socket: Socket, body: string): Promise<Said> {
    const { id, call: asked } = readCall(body)
    const no = (refusal: Refusal, end: boolean): Said => ({ id, text: answerText(id, refused(refusal, null), refusal), end: end ? refusal : null, follow: null })
    const standing = await standingOf(ports, gate, socket)
    if (!standing.stands) return no(standing.refusal, standing.end)
    if (!asked.ok) return no(asked.refusal, false)
    const spoken = await call(asked.value, standing.authorization, socket)
    const door = { authorization: standing.authorization, session: socket.session }
    const { follow: request } = spoken
    return { id, text: answerText(id, spoken, overflowOf(asked.value, socket)), end: null, follow: request === undefined ? null : () => awaitOutcome(sockets, requests, door, socket, request) }
  }

  async function crowded(socket: Socket, frames: number, body: string): Promise<void> {
    if (frames > floodPerSecond) return cut(ports, sockets, socket.id, null, tooMany)
    await say(socket, answerText(readCall(body).id, refused(tooMany, null), tooMany))
  }

  /** A token may have ended while its call ran: what came of it is then to be had on another connection, not on this one. */
  async function say(socket: Socket, text: string): Promise<void> {
    if (ports.now() >= socket.expiresAt) return cut(ports, sockets, socket.id, null, expired)
    if (await sockets.push(socket.id, text) === 'gone') await sockets.remove(socket.id)
  }

  /** Comes late, twice or never: what is left of a connection then goes with its time. */
  async function disconnect({ id }: { readonly id: string }): Promise<void> {
    await sockets.remove(id).catch((error: unknown) => faultRefusal(error, ports.alarm))
  }
  return { connect, message, disconnect }
}

const nobody: Refusal = { slug: 'unauthenticated', reason: 'no_token', next: 'none', detail: 'a socket is opened with an access token' }
const tooMany: Refusal = {
  slug: 'rate-limited', reason: 'too_many_frames', next: 'retry', retryAfterSeconds: 1,
  detail: `a socket takes ${limits.perSecond} calls a second and ${limits.inFlight} at once; nothing of this one was done: send it again in a second`,
}
