import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'

export type Allow = (host: string, port: number) => boolean | Promise<boolean>

/** `/v2?address=host:port`: the raw wire protocol in binary frames, to hosts that `allow` names. */
export function createTunnel(allow: Allow) {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 16 * 1024 * 1024 })
  return {
    async accept(request: IncomingMessage, socket: Duplex, head: Buffer, address: string | null): Promise<void> {
      const [, host, port] = /^\[?([^\]/]+?)\]?:(\d{1,5})$/.exec(address ?? '') ?? []
      if (host === undefined || port === undefined) return deny(socket, 400)
      if (!await allow(host, Number(port))) return deny(socket, 403)
      server.handleUpgrade(request, socket, head, (web) => {
        const frames = createWebSocketStream(web)
        const wire = connect({ host, port: Number(port), noDelay: true })
        wire.once('close', () => web.close(1000))
        wire.once('error', () => web.close(1011, 'the database cannot be reached'))
        frames.once('error', () => wire.destroy())
        frames.once('close', () => wire.destroy())
        frames.pipe(wire).pipe(frames)
      })
    },
    close(): void {
      for (const client of server.clients) client.terminate()
      server.close()
    },
  }
}

export function deny(socket: Duplex, status: 400 | 403 | 404): void {
  socket.end(`HTTP/1.1 ${status} ${{ 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found' }[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
