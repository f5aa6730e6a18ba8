import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { maxMessageBytes } from '../../../schema/socket.ts'
import type { LocalCredentials } from '../ports.ts'
import { isSigned } from './signature.ts'

/** What the Management API does to connections. `false`: there is no such connection (410). */
export interface Connections { send(id: string, text: Buffer): boolean; end(id: string): boolean }
export const stage = 'local'

/** API Gateway's `@connections` endpoint on loopback: POST sends, DELETE ends, each signed with this run's credentials. 403 unsigned, 410 gone, 413 over 128 KB. */
export async function startManagement({ credentials, now, connections }: { readonly credentials: LocalCredentials; readonly now: () => number; readonly connections: Connections }): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(request).then((status) => send(response, status), () => response.destroy())
  })
  async function answer(request: IncomingMessage): Promise<number> {
    const body = await read(request)
    if (body === null) return 413
    if (request.headers.origin !== undefined || !isSigned(request, body, credentials, now())) return 403
    const [, encoded] = new RegExp(`^/${stage}/@connections/([^/]+)$`).exec(request.url ?? '') ?? []
    if (encoded === undefined) return 404
    const id = decodeURIComponent(encoded)
    if (request.method === 'POST') return connections.send(id, body) ? 200 : 410
    return request.method === 'DELETE' ? connections.end(id) ? 204 : 410 : 405
  }
  await new Promise<void>((done, fail) => { server.once('error', fail).listen(0, '127.0.0.1', done) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${stage}`,
    async close() {
      const closed = new Promise((done) => { server.close(done) })
      server.closeAllConnections()
      await closed
    },
  }
}

const words: Readonly<Record<number, string>> = { 403: 'ForbiddenException', 404: 'NotFoundException', 405: 'BadRequestException', 410: 'GoneException', 413: 'PayloadTooLargeException' }
function send(response: ServerResponse, status: number): void {
  const word = words[status]
  response.writeHead(status, word === undefined ? {} : { 'x-amzn-errortype': word, 'content-type': 'application/json' }).end(word === undefined ? '' : JSON.stringify({ message: word }))
}

async function read(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) if ((size += chunk.length) <= maxMessageBytes) chunks.push(chunk)
  return size > maxMessageBytes ? null : Buffer.concat(chunks)
}
