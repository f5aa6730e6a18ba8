import type { Duplex } from 'node:stream'
import { noUpgrade, statusBody } from '../status.ts'

/**
 * Answers a WebSocket or SPDY handshake on the Kubernetes API with the `Status` that kubectl prints, and closes. Of what was asked it says nothing, so whoever asks needs no token; no rule is read
 * and nothing runs.
 */
export function refuseUpgrade(socket: Duplex): void {
  const status = statusBody(noUpgrade, null)
  const body = JSON.stringify(status)
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status.code} ${status.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n${body}`)
}
