import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createApart } from '../../functions/aws/apart.ts'
import { createInvoke } from '../../functions/aws/invoke.ts'
import { Refused } from '../../functions/protocol/remote.ts'

const servers: Server[] = []
afterEach(() => { for (const server of servers.splice(0)) { server.closeAllConnections(); server.close() } })
interface Came { readonly method: string | undefined; readonly url: string | undefined; readonly headers: IncomingMessage['headers']; readonly body: string }
async function lambda(answer: { readonly status?: number; readonly body?: string; readonly hangUp?: boolean; readonly silent?: boolean }): Promise<{ readonly send: ReturnType<typeof createInvoke>; readonly came: Came[] }> {
  const came: Came[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += String(part)
    came.push({ method: request.method, url: request.url, headers: request.headers, body })
    if (answer.hangUp) request.socket.destroy()
    else if (!answer.silent) response.writeHead(answer.status ?? 200).end(answer.body ?? '"packed"')
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { came, send: createInvoke('sluice-production-Private', { region: 'eu-central-1', endpoint, credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret-7c1f', sessionToken: 'token' }, now: () => Date.UTC(2026, 10, 22) }) }
}

test('invokes the function by its name, waits, and is signed with what decides the meaning', async () => {
  const { send, came } = await lambda({})
  expect(await send('{"text":"é"}', 1000)).toBe('"packed"')
  expect(came).toMatchObject([{ method: 'POST', url: '/2015-03-31/functions/sluice-production-Private/invocations', body: '{"text":"é"}', headers: { 'x-amz-invocation-type': 'RequestResponse', 'x-amz-date': '20261122T000000Z', 'x-amz-security-token': 'token' } }])
  expect(came[0]?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKID\/20261122\/eu-central-1\/lambda\/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-invocation-type;x-amz-security-token, Signature=[0-9a-f]{64}$/)
})
test.each([403, 404, 413, 429])('what Lambda itself says no to with %i did not begin', async (status) => {
  await expect((await lambda({ status })).send('{}', 1000)).rejects.toBeInstanceOf(Refused)
})
test.each([['500', { status: 500 }], ['502', { status: 502 }], ['503', { status: 503 }], ['no end', { hangUp: true }], ['silence', { silent: true }]])('after %s nobody knows, and nothing is sent again', async (_, answer) => {
  const { send, came } = await lambda(answer)
  await expect(send('{}', 100)).rejects.toMatchObject({ name: 'TransportError' })
  expect(came).toHaveLength(1)
})
test('nobody there is refused: nothing was sent', async () => {
  await expect(createInvoke('x', { region: 'r', endpoint: 'http://127.0.0.1:1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, now: Date.now })('{}', 1000)).rejects.toBeInstanceOf(Refused)
})
test('there is such a way only where the deployment names the function', () => {
  const parts = { secrets: { get: async () => 'k' }, isPermit: () => true }
  expect(createApart(parts, {})).toBe(null)
  expect(createApart(parts, { SLUICE_PRIVATE: 'x', AWS_REGION: 'r', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })).not.toBe(null)
})
