import { connect, isIP } from 'node:net'
import { connect as secure } from 'node:tls'
import type { Address } from '../address.ts'

const requestTls = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])
const cancelCode = 80_877_102
const patienceMs = 1000

/**
 * Asks the server to stop what a backend does (CancelRequest, PostgreSQL's protocol 55.2.8), on a connection of its own, over TLS where the backend's own is: the driver's would send the key, with which anybody stops
 * that backend's statements, in clear. Resolves when it is sent, or a second later; the server answers by hanging up, and never says whether it did. Never rejects.
 */
export function cancelBackend({ host, port, tls }: Address, processId: number, key: number): Promise<void> {
  const request = Buffer.alloc(16)
  ;[16, cancelCode, processId, key].forEach((word, index) => request.writeInt32BE(word, index * 4))
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve()
    }
    const timer = setTimeout(end, patienceMs)
    socket.on('error', end).on('close', end)
    if (tls === null) { socket.on('connect', () => socket.write(request)); return }
    socket.on('connect', () => socket.write(requestTls))
    socket.once('data', (answer: Buffer) => {
      if (answer.toString('latin1') !== 'S') return end()             // anything after the `S` was not sent under TLS
      const sealed = secure({ socket, host, ...(isIP(host) ? {} : { servername: host }), secureContext: tls.context, rejectUnauthorized: true }, () => sealed.write(request))
      sealed.on('error', end).on('close', end)
    })
  })
}
