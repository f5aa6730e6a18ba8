import { type Socket, connect as connectSocket } from 'node:net'
import ssh2, { type Algorithms, type AnyAuthMethod, type Client } from 'ssh2'
import { certify } from './certify.ts'
import type { Host } from './host.ts'
import { TransportError } from './trouble.ts'

/** Authenticated encryption alone, exchanges and signatures that are not broken, and no compression: lengths would tell of what was written. */
const algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521', 'diffie-hellman-group16-sha512', 'diffie-hellman-group18-sha512'],
  cipher: ['aes256-gcm@openssh.com', 'aes128-gcm@openssh.com'], hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'], compress: ['none'],
} as const satisfies Algorithms
const signatures: Readonly<Record<string, readonly string[]>> = { 'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'] }
const connectMs = 10_000

export interface Opening { readonly host: Host; readonly login: string; readonly command: string; readonly id: string; readonly now: () => number; readonly signal: AbortSignal | undefined }

/**
 * A connection to the host, logged in, on which nothing was asked for yet. Its key must be one of those that are known (RFC 4253, 8): nothing is learned, no name and no certificate of a host is believed. Throws
 * TransportError; of these none was `sent`.
 */
export async function open(opening: Opening): Promise<Client> {
  const { host, signal } = opening
  if (signal?.aborted) throw new TransportError('cut', 'cut before it began', false)
  const socket = await reach(host)
  const client = new ssh2.Client()
  return new Promise((resolve, reject) => {
    let [trusted, over] = [null as boolean | null, false]
    const end = (error: TransportError) => {
      if (over) return
      over = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', cut)
      client.on('error', () => undefined)
      client.destroy()
      socket.destroy()
      reject(error)
    }
    const cut = () => { end(new TransportError('cut', 'cut before it began', false)) }
    const timer = setTimeout(() => { end(new TransportError('timeout', `no login within ${connectMs} ms`, false)) }, connectMs)
    signal?.addEventListener('abort', cut, { once: true })
    client.once('ready', () => {
      if (over) return
      over = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', cut)
      if (signal?.aborted) { client.destroy(); return reject(new TransportError('cut', 'cut before it began', false)) }
      resolve(client)
    })
    client.on('error', (error: Error & { level?: string }) => {
      if (trusted === false) return end(new TransportError('untrusted', 'the host showed another key than those that are known', false))
      end(error.level === 'client-authentication' ? new TransportError('refused', `the host refused the login \`${opening.login}\``, false) : new TransportError('unreachable', `no session with the host (${error.level ?? 'unknown'})`, false))
    })
    client.once('close', () => { end(new TransportError('lost', 'the host closed the connection before it let anybody in', false)) })
    const types = host.keys.flatMap(({ type }) => signatures[type] ?? [type])
    const key = 'key' in host.credential ? host.credential.key : certify(client, opening, host.credential.authority)
    let offered = false
    client.connect({
      sock: socket, username: opening.login, algorithms: { ...algorithms, serverHostKey: [...new Set(types)] as NonNullable<Algorithms['serverHostKey']> }, readyTimeout: 0,
      hostVerifier: (shown: Buffer) => trusted = host.keys.some(({ blob }) => blob.equals(shown)),
      // One key, once; never `none`, never a password.
      authHandler: (_left, _partial, next) => { next(offered ? false as unknown as AnyAuthMethod : { type: 'publickey', username: opening.login, key }); offered = true },
    })
  })
}

function reach({ host, port }: Host): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port })
    const timer = setTimeout(() => socket.destroy(new Error('timeout')), connectMs)
    socket.once('connect', () => { clearTimeout(timer); socket.off('error', fail); resolve(socket) })
    const fail = (error: NodeJS.ErrnoException) => { clearTimeout(timer); reject(new TransportError('unreachable', `no connection to the host (${error.code ?? error.message})`, false)) }
    socket.once('error', fail)
  })
}
