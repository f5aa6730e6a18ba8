import { type Socket, connect as connectSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import ssh2, { type Algorithms, type AnyAuthMethod, type Client } from 'ssh2'
import constants from 'ssh2/lib/protocol/constants.js'
import { certify } from './certify.ts'
import type { Host } from './host.ts'
import { pace } from './pace.ts'
import { TransportError } from './trouble.ts'
import type { Turns } from './turns.ts'
import { weigh } from './weigh.ts'

/** Authenticated encryption alone, exchanges and signatures that are not broken, and no compression: lengths would tell of what was written. */
const algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521', 'diffie-hellman-group16-sha512', 'diffie-hellman-group18-sha512'],
  cipher: ['aes256-gcm@openssh.com', 'aes128-gcm@openssh.com'], hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'], compress: ['none'],
} as const satisfies Algorithms
const signatures: Readonly<Record<string, readonly string[]>> = { 'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'] }
/** The longest a login may take. */
const loginMs = 10_000
/** Of what is sent to it and it does not read: more than the longest command. */
const unreadBytes = 256 * 1024
/** A host that hangs up before it gave its name has others at its door: nothing was sent, so it is tried so often, that long apart. */
const [tries, apartMs] = [4, 400]
const lastWordMs = 1000

/** `by`: epoch ms; it is of no use any more after it. `whose`: of all who wait for a turn, any word. */
export interface Opening { readonly host: Host; readonly login: string; readonly command: string; readonly id: string; readonly now: () => number; readonly signal: AbortSignal | undefined; readonly by: number; readonly whose: string }
/** Logged in, and nothing was asked for yet. `socket`: read by turns with all others, and weighed, to its end. */
export interface Session { readonly client: Client; readonly socket: Duplex }

/**
 * A connection to the host, logged in. Its key must be one of those that are known (RFC 4253, 8): nothing is learned, no name and no certificate of a host is believed. Throws TransportError; of these none was `sent`.
 */
export async function open(opening: Opening, turns: Turns): Promise<Session> {
  const { host, now, signal, by, whose } = opening
  const left = () => Math.max(1, Math.min(loginMs, by - now()))
  // A host that hung up once and then ran out of time is one that is busy: it says so whenever its time is over.
  let hungUp: TransportError | null = null
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted) throw new TransportError('cut', 'cut before it began', false)
    if (now() >= by) throw hungUp ?? new TransportError('late', 'the time to begin has passed', false)
    const waitMs = attempt * apartMs * (0.5 + Math.random())
    const leave = await turns.take(`${host.host}:${host.port}`, left(), whose, signal).catch((error: unknown) => { throw hungUp !== null && error instanceof TransportError && error.kind === 'timeout' ? hungUp : error })
    try {
      return await enter(opening, await reach(host, left(), signal), left())
    } catch (error) {
      if (error instanceof TransportError && error.kind === 'timeout' && hungUp !== null) throw hungUp
      if (!(error instanceof TransportError) || error.kind !== 'busy' || attempt === tries || now() + waitMs >= by) throw error
      hungUp = error
    } finally {
      leave()
    }
    await pause(waitMs, undefined, { ...(signal && { signal }) }).catch(() => undefined)
  }
}

/** Lets go of it. A host that does not hang up within a moment is hung up on. */
export function leave({ client, socket }: Session): void {
  client.on('error', () => undefined)
  client.end()
  socket.resume()                                                     // what still comes is thrown away, or its end would not be seen
  if (socket.destroyed) return
  const gone = setTimeout(() => { socket.destroy() }, lastWordMs)
  socket.once('close', () => { clearTimeout(gone) })
}

function enter(opening: Opening, reached: Socket, ms: number): Promise<Session> {
  const { host, login, signal, now } = opening
  const client = new ssh2.Client()
  let scale: ReturnType<typeof weigh> | null = null
  const key = 'key' in host.credential ? host.credential.key : certify(client, opening, host.credential.authority)
  return new Promise((resolve, reject) => {
    const socket = pace(reached, (bytes) => {
      const restMs = scale?.take(bytes) ?? 0
      if (scale?.over()) fail(new TransportError('unreachable', 'it said more than a host has to say, and let nobody in', false))
      // One that asks without end, and reads no answer, would have all of them kept here.
      if (socket.writableLength > unreadBytes) socket.destroy()
      return restMs
    })
    const seen = { trusted: null as boolean | null, shaken: false }
    const named = () => (client as unknown as { readonly _remoteVer: string | undefined })._remoteVer !== undefined
    const wrong = (error: Error & { level?: string }) => { fail(whyOf(error, { ...seen, named: named(), login })) }
    const closed = () => { fail(new TransportError(named() ? 'lost' : 'busy', 'the host closed the connection before it let anybody in', false)) }
    const done = (end: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', cut)
      client.off('error', wrong).off('close', closed).on('error', () => undefined)
      end()
    }
    /** Also of a session in which somebody is: then the connection breaks off, and what that means is for whoever sent something to say. */
    const fail = (error: TransportError) => { done(() => { socket.destroy(); reject(error) }) }
    const cut = () => { fail(new TransportError('cut', 'cut before it began', false)) }
    const timer = setTimeout(() => { fail(new TransportError('timeout', `no login within ${ms} ms`, false)) }, ms)
    signal?.addEventListener('abort', cut, { once: true })
    if (signal?.aborted) return cut()
    client.once('handshake', () => { seen.shaken = true })
    // Whoever is in the middle may say that we are in before there is a key: who was not known lets nobody in.
    client.once('ready', () => { if (seen.trusted && seen.shaken) done(() => { resolve({ client, socket }) }); else fail(new TransportError('untrusted', 'it let the gate in without showing a key', false)) })
    client.on('error', wrong).once('close', closed)
    const types = host.keys.flatMap(({ type }) => signatures[type] ?? [type])
    let offered = false
    client.connect({
      sock: socket, username: login, algorithms: { ...algorithms, serverHostKey: [...new Set(types)] as NonNullable<Algorithms['serverHostKey']> }, readyTimeout: 0,
      hostVerifier: (shown: Buffer) => seen.trusted = host.keys.some(({ blob }) => blob.equals(shown)),
      // One key, once; never `none`, never a password.
      authHandler: (_left, _partial, next) => { modernise(client); next(offered ? false as unknown as AnyAuthMethod : { type: 'publickey', username: login, key }); offered = true },
    })
    scale = weigh(client, now)
  })
}

/** A key of RSA signs by SHA-2 (RFC 8332), also where the host does not say that it takes that, or says that it takes nothing else than SHA-1: the library would sign by that then. */
function modernise(client: Client): void {
  (client as unknown as { readonly _protocol: { _compatFlags: number } })._protocol._compatFlags |= constants.COMPAT.IMPLY_RSA_SHA2_SIGALGS
}

/** Words of the library, never of the host. One that has another kind of key than those that are known, or cannot sign with the one it shows, is another host. */
function whyOf({ level, message }: Error & { level?: string }, { trusted, shaken, named, login }: { readonly trusted: boolean | null; readonly shaken: boolean; readonly named: boolean; readonly login: string }): TransportError {
  if (trusted === false || message.includes('no matching host key') || message.includes('signature verification failed')) return new TransportError('untrusted', 'the host has not shown one of the keys that are known', false)
  if (message.includes('Handshake failed: no matching')) return new TransportError('weak', `the host has none of the algorithms that are safe (${message.replace(/^.*no matching /, '')})`, false)
  if (shaken && level !== 'client-socket') return new TransportError('refused', `the host refused the login \`${login}\``, false)
  if (!named && (level === 'client-socket' || message === 'Connection lost before handshake')) return new TransportError('busy', 'the host hung up before it gave its name', false)
  return new TransportError('unreachable', `no session with the host (${level ?? 'unknown'})`, false)
}

function reach({ host, port }: Host, ms: number, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port, noDelay: true })
    const done = () => { clearTimeout(timer); signal?.removeEventListener('abort', cut); socket.off('error', fail) }
    const cut = () => { done(); socket.destroy(); reject(new TransportError('cut', 'cut before it began', false)) }
    const fail = (error: NodeJS.ErrnoException) => { done(); reject(new TransportError(error.code === 'ECONNRESET' ? 'busy' : 'unreachable', `no connection to the host (${error.code ?? error.message})`, false)) }
    const timer = setTimeout(() => { socket.destroy(new Error('timeout')) }, ms)
    signal?.addEventListener('abort', cut, { once: true })
    socket.once('error', fail).on('error', () => undefined)           // also between this and who listens next
    socket.once('connect', () => { done(); resolve(socket) })
    if (signal?.aborted) cut()
  })
}
