import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { idleMs as usualIdleMs, longestMs as usualLongestMs, maxFrameBytes, maxMessageBytes } from '../../schema/socket.ts'
import { isLoopback } from './neon/target.ts'
import type { LocalCredentials } from './ports.ts'
import { connectEvent, disconnectEvent, messageEvent, newConnectionId } from './websocket/event.ts'
import { createFraming } from './websocket/framing.ts'
import { startManagement } from './websocket/management.ts'

const mostConnections = 1000
/** Frames of one connection being served. Further ones wait, and while any does nothing more is read: at most what came in one piece. */
const mostServed = 16
/** Bytes a reader may be behind before it is cut. */
const mostBehind = 4 * maxMessageBytes
const closeMs = 2000

export interface GatewayOptions {
  readonly credentials: LocalCredentials
  readonly now: () => number
  /** Epoch ms at which a connection that was just opened must end, and what ends it. */
  readonly endOf: (id: string) => Promise<number | null>
  readonly end: (id: string) => Promise<void>
  readonly idleMs?: number
  readonly longestMs?: number
}
export interface Gateway {
  /** Of the Management API. */
  readonly url: string
  /** The function behind the three routes; each event is one invocation. Until then handshakes get 503. */
  serve(invoke: (event: unknown) => Promise<{ readonly statusCode: number; readonly headers?: Readonly<Record<string, string>> }>): void
  /** For the `upgrade` of an HTTP server. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  count(): number
  close(): Promise<void>
}
interface Open { readonly id: string; readonly connectedAt: number; readonly host: string; readonly web: WebSocket; readonly raw: Duplex; readonly idle: NodeJS.Timeout; readonly timers: NodeJS.Timeout[]; readonly waiting: string[]; served: number }

/**
 * What API Gateway makes of WebSockets, on loopback: a function call for the handshake, for each message (text only, 128 KB in frames of 32 KB) and for the
 * end; answers only through `@connections`; ten minutes of silence or two hours end a connection. It knows no token, no policy and no answer.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { now, idleMs = usualIdleMs, longestMs = usualLongestMs } = options
  const open = new Map<string, Open>()
  const chosen = new WeakMap<IncomingMessage, string>()
  const work = new Set<Promise<void>>()
  let opening = 0
  let invoke: Parameters<Gateway['serve']>[0] | null = null
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: maxMessageBytes, handleProtocols: (_, request) => chosen.get(request) ?? false })
  const management = await startManagement({ ...options, connections: { send, end: (id) => end(open.get(id), 1001) } })

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const host = URL.parse(`http://${request.headers.host ?? ''}`)?.hostname.replace(/^\[(.*)\]$/, '$1')
    if (host === undefined || !isLoopback(host)) return deny(socket, 421)        // a page that makes its own name resolve to 127.0.0.1
    if (request.url?.split('?')[0] !== '/v1/socket') return deny(socket, 404)
    if (invoke === null) return deny(socket, 503)
    if (open.size + opening >= mostConnections) return deny(socket, 429)
    opening++
    track(handshake(request, socket, head).catch(() => deny(socket, 500)).finally(() => { opening-- }))
  }

  /** Nothing of the client's is read before the function has said yes: what it sends early waits in the kernel. */
  async function handshake(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const connection = { id: newConnectionId(), connectedAt: now(), host: request.headers.host ?? '' }
    const answer = await invoke?.(connectEvent(connection, request, now()))
    if (answer?.statusCode !== 200) return deny(socket, answer?.statusCode ?? 500)
    if (socket.destroyed) return void await invoke?.(disconnectEvent(connection, 1006, now()))
    const protocol = answer.headers?.['Sec-WebSocket-Protocol']
    if (protocol !== undefined) chosen.set(request, protocol)
    const until = await options.endOf(connection.id)
    server.handleUpgrade(request, socket, head, (web) => accept(connection, web, socket, until))
    if (!open.has(connection.id)) await invoke?.(disconnectEvent(connection, 1006, now()))   // the library refused the handshake after all
  }

  function accept(connection: Pick<Open, 'id' | 'connectedAt' | 'host'>, web: WebSocket, raw: Duplex, until: number | null): void {
    const one: Open = { ...connection, web, raw, served: 0, waiting: [], timers: [], idle: setTimeout(() => end(one, 1001), idleMs) }
    one.timers.push(one.idle, setTimeout(() => end(one, 1001), longestMs))
    if (until !== null) one.timers.push(setTimeout(() => track(options.end(one.id).catch(() => { end(one, 1001) })), Math.min(longestMs, Math.max(0, until - now()))))
    open.set(one.id, one)
    const fits = createFraming(maxFrameBytes)
    raw.prependListener('data', (chunk: Buffer) => { if (!fits(chunk)) end(one, 1009) })      // before the library makes a message of it
    web.on('message', (data: Buffer, binary) => {
      if (open.get(one.id) !== one) return
      one.idle.refresh()
      if (binary) return void end(one, 1003)
      one.waiting.push(data.toString('utf8'))
      next(one)
    })
    web.on('ping', () => { if (behind(one)) web.terminate() })                                // each gets its pong, read or not
    web.on('error', () => web.terminate())
    web.on('close', (code) => {
      for (const timer of one.timers) clearTimeout(timer)
      open.delete(one.id)
      track(Promise.resolve(invoke?.(disconnectEvent(one, code, now()))).then(() => {}, () => {}))
    })
  }

  function next(one: Open): void {
    while (one.served < mostServed && one.waiting.length > 0 && open.get(one.id) === one) {
      one.served++
      track(serveFrame(one, one.waiting.shift() ?? '').finally(() => {
        one.served--
        next(one)
      }))
    }
    if (one.waiting.length > 0) one.web.pause()
    else if (one.web.isPaused) one.web.resume()
  }

  async function serveFrame(one: Open, body: string): Promise<void> {
    try {
      await invoke?.(messageEvent(one, body, now()))
    } catch {
      send(one.id, Buffer.from(JSON.stringify({ message: 'Internal server error', connectionId: one.id })))
    }
  }

  function send(id: string, text: Buffer): boolean {
    const one = open.get(id)
    if (!one || one.web.readyState !== one.web.OPEN) return false
    if (behind(one)) {
      one.web.terminate()                                                                     // it does not read: what waits for it is memory of ours
      return false
    }
    one.idle.refresh()
    for (let at = 0; at === 0 || at < text.length; at += maxFrameBytes) {
      one.web.send(text.subarray(at, at + maxFrameBytes), { binary: false, fin: at + maxFrameBytes >= text.length })
    }
    return true
  }
  const behind = ({ raw }: Open): boolean => raw.writableLength > mostBehind

  /** It is gone for us at once; the client has a moment to say goodbye. */
  function end(one: Open | undefined, code: number): boolean {
    if (!one || !open.delete(one.id)) return false
    one.waiting.length = 0
    one.web.resume()                                                                          // or its goodbye would never be read
    one.web.close(code)
    one.timers.push(setTimeout(() => one.web.terminate(), closeMs))
    return true
  }

  function track(one: Promise<void>): void {
    work.add(one)
    void one.finally(() => work.delete(one)).catch(() => {})
  }
  return {
    url: management.url, upgrade, count: () => open.size,
    serve(next) { invoke = next },
    async close() {
      for (const client of server.clients) client.terminate()
      server.close()
      while (open.size + work.size > 0) await Promise.allSettled([...work, new Promise((done) => { setImmediate(done) })])   // each end is one more invocation
      invoke = null
      await management.close()
    },
  }
}

const reasons: Readonly<Record<number, string>> = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 421: 'Misdirected Request', 429: 'Too Many Requests', 503: 'Service Unavailable' }
function deny(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${reasons[status] ?? 'Error'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
