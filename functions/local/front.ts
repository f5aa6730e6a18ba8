import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { isLoopback } from './neon/target.ts'

/** The gate's own HTTP server on this machine: bound first, so that a busy port is known before anything heavy starts; 503 until `serve`. */
export interface Front {
  /** `http://127.0.0.1:port`, or the other loopback name it was opened under; `https:` where it was given a certificate. */
  readonly url: string
  serve(listener: RequestListener): void
  /** Takes WebSocket handshakes; it judges their Host itself. Until then they are cut. */
  upgrades(listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void
  /** Requests at work get a moment, then every connection is cut. */
  close(): Promise<void>
}
const graceMs = 300
/** A whole request must have come by then: a body that trickles holds no connection for longer. */
const slowestMs = 20_000

/**
 * Listens on 127.0.0.1 only and answers only to a loopback Host: a page that makes its own name resolve to 127.0.0.1 sends that name along, and
 * must not get tokens from the local identity provider. Throws one line where the port is taken. `name`: what people call it by; cookies belong to a
 * name, not to a port, so pages of another name keep theirs apart.
 */
export async function openFront(port: number, name: '127.0.0.1' | 'localhost' = '127.0.0.1', tls: { readonly key: string; readonly cert: string } | null = null): Promise<Front> {
  let listener: RequestListener = (_request, response) => { response.writeHead(503, { 'content-type': 'text/plain', 'retry-after': '1', 'cache-control': 'no-store' }).end('starting\n') }
  const judge: RequestListener = (request, response) => {
    const host = URL.parse(`http://${request.headers.host ?? ''}`)?.hostname.replace(/^\[(.*)\]$/, '$1')
    if (host !== undefined && isLoopback(host)) return listener(request, response)
    response.writeHead(421, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).end('this server answers to 127.0.0.1 and localhost only\n')
  }
  const server = tls === null ? createServer(judge) : createSecureServer({ ...tls, minVersion: 'TLSv1.2' }, judge)
  server.requestTimeout = slowestMs
  server.headersTimeout = slowestMs / 2
  await new Promise<void>((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') fail(new Error(`port ${port} is in use by another program; PORT=… chooses others: that one and the two after it`))
      else if (error.code === 'EACCES') fail(new Error(`port ${port} is not open to this user; choose another with PORT=…`))
      else fail(error)
    }).listen(port, '127.0.0.1', done)
  })
  const address = server.address()
  return {
    url: `${tls === null ? 'http' : 'https'}://${name}:${typeof address === 'object' && address !== null ? address.port : port}`,
    serve(next) { listener = next },
    upgrades(take) { server.on('upgrade', take) },
    async close() {
      const closed = new Promise((done) => server.close(done))
      server.closeIdleConnections()
      const cut = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearTimeout(cut)
    },
  }
}
