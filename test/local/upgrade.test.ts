import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { refuseUpgrade } from '../../functions/local/upgrade.ts'

let server: Server | null = null
afterEach(() => { server?.closeAllConnections(); server?.close(); server = null })

test.each([['GET', 'websocket'], ['POST', 'SPDY/3.1']])('a handshake of kubectl exec (%s, %s) is answered with a Status that says what to do instead, and closed', async (method, upgrade) => {
  server = createServer().on('upgrade', (_, socket) => { refuseUpgrade(socket) })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: '127.0.0.1', port, method, path: '/v1/kubernetes/cluster/api/v1/namespaces/web/pods/x/exec?command=id', headers: { connection: 'Upgrade', upgrade } }).on('response', resolve).on('error', reject).end()
  })
  let text = ''
  for await (const chunk of response) text += String(chunk)
  expect([response.statusCode, response.headers['content-type'], response.headers.connection]).toEqual([403, 'application/json', 'close'])
  expect(JSON.parse(text)).toMatchObject({ kind: 'Status', reason: 'Forbidden', message: expect.stringContaining('/exec') as string })
})
