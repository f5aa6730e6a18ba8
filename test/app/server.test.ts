import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http'
import { connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { afterEach, expect, test } from 'vitest'
import { createGateway, support } from '../support/caller.ts'

/** The app behind a real HTTP server: what only bytes on a wire can do. */
let server: Server | null = null
afterEach(() => { server?.closeAllConnections(); server?.close(); server = null })

async function listen() {
  const gateway = createGateway()
  const token = await gateway.world.token(support)
  server = createServer(getRequestListener(gateway.app.fetch))
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { ...gateway, port, token, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } }
}
const path = '/v1/connections/shop/query'
function post(port: number, headers: Readonly<Record<string, string>>, write: (send: (chunk: string) => boolean, end: () => void) => void): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method: 'POST', headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => { text += chunk.toString() }).on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    call.on('error', (error) => { if ((error as NodeJS.ErrnoException).code !== 'EPIPE' && (error as NodeJS.ErrnoException).code !== 'ECONNRESET') reject(error) })
    write((chunk) => call.write(chunk), () => call.end())
  })
}
/** Bytes as they are, and all that came back. */
const raw = (port: number, bytes: string): Promise<string> => new Promise((resolve) => {
  let text = ''
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
  socket.on('data', (chunk) => { text += chunk.toString(); if (/\r\n\r\n[^]*\}$/.test(text)) socket.destroy() }).on('close', () => resolve(text)).on('error', () => resolve(text))
})

test('a chunked body past the cap is 413, and the next call is answered', async () => {
  const { port, headers, app } = await listen()
  const answer = await post(port, headers, (send, end) => {
    let sent = 0
    const more = () => { if (sent++ < 80) { send(' '.repeat(65_536)); setImmediate(more) } else end() }
    more()
  })
  expect([answer.status, JSON.parse(answer.text)]).toMatchObject([413, { reason: 'body_too_large' }])
  expect((await app.request('/healthz')).status).toBe(200)
  expect((await post(port, headers, (send, end) => { send('{"sql": "select id from public.orders"}'); end() })).status).toBe(200)
})

test('a sender that hangs up in mid-body leaves the gate as it was', async () => {
  const { port, token, world, app } = await listen()
  const gone = new Promise<void>((resolve) => { server?.once('request', ({ socket }: IncomingMessage) => { sender.destroy(); socket.once('close', () => resolve()) }) })
  const sender = connect(port, '127.0.0.1', () => { sender.write(`POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"sql": `) })
  await gone
  expect(world.engine.ran).toEqual([])
  expect((await app.request('/healthz')).status).toBe(200)
})

test('two lengths, or a length and chunks, are no request', async () => {
  const { port, token, world } = await listen()
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n`
  const body = '{"sql": "select id from public.orders"}'
  expect(await raw(port, `${head}content-length: ${body.length}\r\ncontent-length: 5\r\n\r\n${body}`)).toMatch(/^HTTP\/1.1 400/)
  expect(await raw(port, `${head}content-length: ${body.length}\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1.1 400/)
  expect(world.engine.ran).toEqual([])
})

test('the wire tells nothing of what answers', async () => {
  const { port, headers } = await listen()
  const answer = await post(port, headers, (send, end) => { send('{"sql": "select id from public.orders"}'); end() })
  expect(Object.keys(answer.headers).filter((name) => ['server', 'x-powered-by', 'via', 'etag'].includes(name))).toEqual([])
  expect(answer.headers['cache-control']).toBe('no-store')
})

test('a header too large is refused before the app sees it', async () => {
  const { port } = await listen()
  expect(await raw(port, `GET /v1/me HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431/)
})

test('two authorization headers are not a choice of one', async () => {
  const { port, token } = await listen()
  const answer = await raw(port, `GET /v1/me HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\nauthorization: Bearer ${token}x\r\nconnection: close\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1.1 (400|401)/)
})

test('a host of another name changes nothing that is answered', async () => {
  const { port } = await listen()
  const answer = await raw(port, 'GET /.well-known/oauth-protected-resource HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n')
  expect(answer).toMatch(/^HTTP\/1.1 200/)
  expect(answer).not.toContain('evil')
})

test.each(['GET //v1/me HTTP/1.1', 'GET /v1/../v1/me HTTP/1.1', 'GET /v1%2fme HTTP/1.1', 'GET /V1/me HTTP/1.1', 'GET /v1/me/ HTTP/1.1', 'GET http://evil.example/v1/me HTTP/1.1', 'GET /v1\\me HTTP/1.1', 'TRACE /v1/me HTTP/1.1', 'GET /v1/me?a=1 HTTP/1.1'])('`%s` without a token gets nothing', async (line) => {
  const { port } = await listen()
  expect(await raw(port, `${line}\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 (400|401|404|405)/)
})
