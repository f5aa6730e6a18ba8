import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Authority, keepAuthority } from '../../../functions/local/tls.ts'

/** An authority of its own; `now` in the past makes one that has ended. */
export const createAuthority = (now: () => number = Date.now): Promise<Authority> => keepAuthority(null, now)

export interface Seen { readonly method: string; readonly url: string; readonly headers: IncomingMessage['headers']; readonly raw: readonly string[]; readonly body: string; readonly cert: string | null }
export interface Stub {
  readonly port: number
  readonly authority: Authority
  /** What came, TokenRequests too, in order. */
  readonly seen: Seen[]
  /** Tokens minted so far: `token-1`, … */
  minted: number
  /** Tokens refused with 401. */
  readonly refused: Set<string>
  /** Answers everything but TokenRequests; may leave the response open. */
  handler: (request: Seen, response: ServerResponse, socket: Socket) => void
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Answers TokenRequests; null: `handler` does. */
  mint: ((one: Seen, response: ServerResponse) => void) | null
  kubeconfig(user?: object, cluster?: object): string
  readonly connections: () => number
  close(): Promise<void>
}

export const gateToken = 'gate-token'
export const json = (response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', 'audit-id': 'aaaa-bbbb', ...headers })
  response.end(JSON.stringify(value))
}
export const status = (code: number, reason: string, message = 'no'): object => ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code })

/** An API server that answers what a test tells it to, over TLS under an authority of its own. */
export async function startStub(options: { readonly authority?: Authority } = {}): Promise<Stub> {
  const authority = options.authority ?? await createAuthority()
  const { cert, key } = authority.issue('stub')
  let open = 0
  const server = https.createServer({ cert, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => { parts.push(part) })
    request.on('end', () => {
      const socket = request.socket as Socket & { getPeerCertificate?: () => { subject?: { CN?: string | string[] } } }
      const one: Seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, raw: request.rawHeaders, body: Buffer.concat(parts).toString('utf8'), cert: String(socket.getPeerCertificate?.().subject?.CN ?? '') || null }
      stub.seen.push(one)
      if (/\/serviceaccounts\/[^/]+\/token$/.test(one.url) && stub.mint) return stub.mint(one, response)
      if (stub.refused.has((one.headers.authorization ?? '').replace('Bearer ', ''))) return json(response, 401, status(401, 'Unauthorized'))
      stub.handler(one, response, request.socket)
    })
  })
  server.on('connection', (socket) => { open++; socket.on('error', () => undefined); socket.once('close', () => { open-- }) })
  server.on('tlsClientError', () => undefined)
  server.on('upgrade', (request, socket, head) => { stub.upgrade(request, socket, head) })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as AddressInfo
  const stub: Stub = {
    port, authority, seen: [], minted: 0, refused: new Set(),
    handler: (_, response) => { json(response, 200, { kind: 'Pod', apiVersion: 'v1' }) },
    upgrade: (_, socket) => { socket.destroy() },
    mint: (one, response) => {
      if (one.headers.authorization !== `Bearer ${gateToken}` && one.cert === null) return json(response, 401, status(401, 'Unauthorized'))
      json(response, 201, { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', spec: { expirationSeconds: 600 }, status: { token: `token-${++stub.minted}`, expirationTimestamp: new Date(Date.now() + 600_000).toISOString() } })
    },
    kubeconfig: (user = { token: gateToken }, cluster = {}) => JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'c', contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
      clusters: [{ name: 'k', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': Buffer.from(authority.certificate).toString('base64'), ...cluster } }], users: [{ name: 'u', user }],
    }),
    connections: () => open,
    close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(() => { resolve() }) }),
  }
  return stub
}
