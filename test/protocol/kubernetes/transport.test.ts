import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Cluster, readKubeconfig } from '../../../functions/protocol/kubernetes/kubeconfig.ts'
import { chunksOf, wholeOf } from '../../../functions/protocol/kubernetes/bytes.ts'
import { type Call, createTransport } from '../../../functions/protocol/kubernetes/transport.ts'
import type { TransportError } from '../../../functions/protocol/kubernetes/trouble.ts'
import { createAuthority, gateToken, json, startStub, type Stub } from './stub.ts'

let stub: Stub
let transport: ReturnType<typeof createTransport>
let time = 1_000_000
beforeAll(async () => { stub = await startStub() })
afterAll(() => stub.close())
beforeEach(() => { stub.seen.length = 0; time = 1_000_000; transport = createTransport({ now: () => time }) })
afterEach(() => { transport.close() })

const clusterOf = (text: string): Cluster => {
  const read = readKubeconfig(text)
  if (!read.ok) throw new Error(read.why)
  return read.cluster
}
const call = (more: Partial<Call> = {}): Call => ({ method: 'GET', target: '/api/v1/pods', accept: 'application/json', token: 'abc', deadline: time + 60_000, headersMs: 2000, ...more })
const send = (more: Partial<Call> = {}, cluster = clusterOf(stub.kubeconfig())) => transport.send(cluster, call(more))
const failure = (promise: Promise<unknown>): Promise<TransportError> => promise.then(() => { throw new Error('it did not fail') }, (error: unknown) => error as TransportError)
const text = async (more: Partial<Call> = {}) => (await wholeOf((await send(more)).body, 2000, 64 * 1024 * 1024))?.toString('utf8')

describe('who is at the other end', () => {
  test('only the authority of the secret is believed', async () => {
    const foreign = await createAuthority()
    const error = await failure(send({}, clusterOf(stub.kubeconfig(undefined, { 'certificate-authority-data': Buffer.from(foreign.certificate).toString('base64') }))))
    expect(error).toMatchObject({ kind: 'untrusted', sent: false })
    expect(stub.seen).toEqual([])
  })
  test('an environment that says to believe anybody changes nothing', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    try {
      const foreign = await createAuthority()
      expect(await failure(send({}, clusterOf(stub.kubeconfig(undefined, { 'certificate-authority-data': Buffer.from(foreign.certificate).toString('base64') }))))).toMatchObject({ kind: 'untrusted' })
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
    }
  })
  test('a certificate for another name', async () => {
    expect(await failure(send({}, clusterOf(stub.kubeconfig(undefined, { 'tls-server-name': 'other.test' }))))).toMatchObject({ kind: 'untrusted', sent: false })
    expect((await send({}, clusterOf(stub.kubeconfig(undefined, { 'tls-server-name': 'localhost' })))).status).toBe(200)
  })
  test('an authority that has ended', async () => {
    const old = await startStub({ authority: await createAuthority(() => Date.now() - 4000 * 86_400_000) })
    try {
      const error = await failure(send({}, clusterOf(old.kubeconfig())))
      expect(error).toMatchObject({ kind: 'untrusted', sent: false })
      expect(error.message).toContain('CERT_HAS_EXPIRED')
      expect(old.seen).toEqual([])
    } finally {
      await old.close()
    }
  })
  test('what speaks no TLS, what closes at once, and what is not there', async () => {
    const plain: Server = createServer((socket) => { socket.on('error', () => undefined); socket.resume(); socket.end('HTTP/1.1 200 OK\r\n\r\n') })
    await new Promise<void>((resolve) => { plain.listen(0, '127.0.0.1', resolve) })
    const at = (port: number) => clusterOf(stub.kubeconfig(undefined, { server: `https://127.0.0.1:${port}` }))
    const { port } = plain.address() as AddressInfo
    expect(await failure(send({}, at(port)))).toMatchObject({ sent: false })
    await new Promise((resolve) => { plain.close(resolve) })
    expect(await failure(send({}, at(port)))).toMatchObject({ kind: 'unreachable', sent: false })
  })
})

describe('what goes up', () => {
  test('our headers alone, and the token once', async () => {
    await text({ method: 'POST', body: '{"a":"é"}', contentType: 'application/json' })
    const [seen] = stub.seen
    const names = (seen?.raw ?? []).filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()).sort()
    expect(names).toEqual(['accept', 'accept-encoding', 'audit-id', 'authorization', 'connection', 'content-length', 'content-type', 'host', 'user-agent'])
    expect(seen).toMatchObject({ body: '{"a":"é"}', headers: { authorization: 'Bearer abc', accept: 'application/json', 'user-agent': 'sluice' } })
  })
  test('the target as it is behind the prefix, in nothing normalised', async () => {
    await text({ target: '/api/v1/../x%2fy//z?a=%20b' })
    await (await send({ target: '/version' }, clusterOf(stub.kubeconfig(undefined, { server: `https://127.0.0.1:${stub.port}/k8s/c/` })))).body.resume()
    expect(stub.seen.map(({ url }) => url)).toEqual(['/api/v1/../x%2fy//z?a=%20b', '/k8s/c/version'])
  })
  test('the client certificate comes with calls of the gate itself alone: it would outrank a token', async () => {
    const { cert, key } = stub.authority.issue('gate')
    const cluster = clusterOf(stub.kubeconfig({ 'client-certificate-data': Buffer.from(cert).toString('base64'), 'client-key-data': Buffer.from(key).toString('base64') }))
    await wholeOf((await send({ token: null }, cluster)).body, 1000, 1000)
    await wholeOf((await send({ token: 'abc' }, cluster)).body, 1000, 1000)
    expect(stub.seen.map(({ cert: shown, headers }) => [shown, headers.authorization])).toEqual([['gate', undefined], [null, 'Bearer abc']])
    await wholeOf((await send({ token: null })).body, 1000, 1000)
    expect(stub.seen[2]?.headers.authorization).toBe(`Bearer ${gateToken}`)
  })
  test('nothing after the deadline, also where the handshake took the time', async () => {
    expect(await failure(send({ deadline: time }))).toMatchObject({ kind: 'late', sent: false })
    const cold = createTransport({ now: () => time })
    const pending = failure(cold.send(clusterOf(stub.kubeconfig()), call({ deadline: time + 5000 })))
    time += 6000                                                           // passes before the connection stands
    expect(await pending).toMatchObject({ kind: 'late', sent: false })
    cold.close()
    expect(stub.seen).toEqual([])
  })
  test('what was cut before it began is not sent', async () => {
    expect(await failure(send({ signal: AbortSignal.abort() }))).toMatchObject({ kind: 'cut', sent: false })
    expect(stub.seen).toEqual([])
  })
})

describe('what comes down', () => {
  test('a few headers of all', async () => {
    stub.handler = (_, response) => {
      response.writeHead(200, [['content-type', 'application/json; charset=utf-8'], ['audit-id', '0b1c'], ['set-cookie', 'a=b'], ['x-kubernetes-pf-flowschema-uid', 'x'], ['etag', '"e"'], ['www-authenticate', 'Basic'], ['connection', 'keep-alive'], ['retry-after', '1'], ['warning', '299 - "extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+"'], ['warning', '299 - "the password hunter2 is weak"']].flat())
      response.end('{}')
    }
    const reply = await send()
    reply.body.resume()
    expect(reply).toMatchObject({ contentType: 'application/json', audit: '0b1c', headers: { 'audit-id': '0b1c', etag: '"e"', 'retry-after': '1', warning: '299 - "extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+"' } })
    expect(Object.keys(reply.headers).sort()).toEqual(['audit-id', 'content-type', 'etag', 'retry-after', 'warning'])
  })
  test('with a name for the cluster\'s audit log, which counts where the cluster says none (of a watch old ones do not), and is in what is known of a lost answer', async () => {
    stub.handler = (_, response) => { response.writeHead(200, { 'content-type': 'application/json' }); response.end('{}') }
    const replies = [await send(), await send()]
    for (const { body } of replies) body.resume()
    const named = stub.seen.map(({ headers }) => headers['audit-id'])
    expect(replies.map(({ audit }) => audit)).toEqual(named)
    expect([new Set(named).size, named.every((one) => /^[0-9a-f-]{36}$/.test(String(one)))]).toEqual([2, true])
    stub.handler = (_, response) => { response.destroy() }
    const error = await failure(send({ method: 'POST', body: '{}' }))
    expect([error.sent, error.message]).toEqual([true, expect.stringContaining(`its Audit-ID is ${String(stub.seen.at(-1)?.headers['audit-id'])}`)])
  })
  test('gzip is opened', async () => {
    stub.handler = (_, response) => { response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }); response.end(gzipSync('{"kind":"PodList"}')) }
    expect(await text()).toBe('{"kind":"PodList"}')
  })
  test('a gzip bomb ends before it fills anything', async () => {
    const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024))
    stub.handler = (_, response) => { response.writeHead(200, { 'content-encoding': 'gzip' }); response.end(bomb) }
    let bytes = 0
    const error = await failure((async () => { for await (const chunk of chunksOf((await send()).body, 2000)) bytes += chunk.byteLength })())
    expect(error).toMatchObject({ kind: 'broken' })
    expect(bytes).toBeLessThan(32 * 1024 * 1024)
  })
  test.each([['cut short', gzipSync('x'.repeat(5000)).subarray(0, 20)], ['no gzip at all', Buffer.from('plain')]])('gzip that is %s is an error, never an end', async (_, bytes) => {
    stub.handler = (_one, response) => { response.writeHead(200, { 'content-encoding': 'gzip' }); response.end(bytes) }
    expect(await failure(text())).toMatchObject({ kind: 'broken' })
  })
  test('an encoding nobody asked for', async () => {
    stub.handler = (_, response) => { response.writeHead(200, { 'content-encoding': 'br' }); response.end('x') }
    expect(await failure(send())).toMatchObject({ kind: 'broken' })
  })
  test('headers beyond measure, and an answer that is no HTTP', async () => {
    stub.handler = (_, response) => { response.writeHead(200, { 'x-big': 'x'.repeat(100 * 1024) }); response.end() }
    expect(await failure(send())).toMatchObject({ kind: 'broken', sent: true })
    stub.handler = (_, __, socket) => { socket.end('SMTP ready\r\n\r\n') }
    expect(await failure(send())).toMatchObject({ kind: 'broken', sent: true })
  })
  test('a redirect is an answer, and is not followed', async () => {
    stub.handler = (_, response) => { response.writeHead(307, { location: 'https://169.254.169.254/' }); response.end() }
    expect((await send()).status).toBe(307)
    expect(stub.seen).toHaveLength(1)
  })
})

describe('what stalls or breaks', () => {
  test('no answer', async () => {
    stub.handler = () => undefined
    expect(await failure(send({ headersMs: 50 }))).toMatchObject({ kind: 'timeout', sent: true })
  })
  test('an answer that begins and falls silent', async () => {
    stub.handler = (_, response) => { response.writeHead(200); response.write('{"items":[') }
    expect(await failure((async () => wholeOf((await send()).body, 50, 1000))())).toMatchObject({ kind: 'timeout' })
  })
  test.each([['chunked', {}], ['of a length', { 'content-length': '1000' }]])('a connection that drops in the middle of an answer %s', async (_, headers) => {
    stub.handler = (_one, response, socket) => { response.writeHead(200, headers); response.write('{"items":[', () => { socket.destroy() }) }
    expect(await failure(text())).toMatchObject({ kind: 'lost' })
  })
  test('a connection that drops before the answer', async () => {
    stub.handler = (_, __, socket) => { socket.destroy() }
    expect(await failure(send())).toMatchObject({ kind: 'lost', sent: true })
    expect(stub.seen).toHaveLength(1)                                        // and is not tried again
  })
  test('a cut ends the answer at once and lets the connection go', async () => {
    stub.handler = (_, response) => { response.writeHead(200); response.write('one\n') }
    const cut = new AbortController()
    const chunks = chunksOf((await send({ signal: cut.signal, stream: true })).body, 60_000)
    expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe('one\n')
    const next = failure(chunks.next())
    cut.abort()
    expect(await next).toMatchObject({ kind: 'cut' })
    await expect.poll(() => stub.connections()).toBe(0)
  })
  test('whoever stops reading lets the connection go', async () => {
    stub.handler = (_, response) => { response.writeHead(200); response.write('one\n') }
    const chunks = chunksOf((await send({ stream: true })).body, 60_000)
    await chunks.next()
    await chunks.return()
    await expect.poll(() => stub.connections()).toBe(0)
  })
})

describe('how many', () => {
  test('a connection is used again, but not one that lay idle through a freeze', async () => {
    stub.handler = (_, response) => { json(response, 200, {}) }
    await text()
    await text()
    expect(stub.connections()).toBe(1)
    time += 60_000
    const [old] = [stub.seen.length]
    await text()
    expect(stub.seen.length).toBe(old + 1)
    await expect.poll(() => stub.connections()).toBe(1)
  })
  test('streams are bounded, calls beside them go on, and what ended makes room', async () => {
    stub.handler = ({ url }, response) => { if (url === '/short') json(response, 200, {}); else { response.writeHead(200); response.write('x') } }
    const open = await Promise.all(Array.from({ length: 128 }, () => send({ stream: true })))
    expect(await failure(send({ stream: true }))).toMatchObject({ kind: 'busy', sent: false })
    expect(await text({ target: '/short' })).toBe('{}')
    open[0]?.body.destroy()
    await expect.poll(async () => send({ stream: true }).then((reply) => { reply.body.destroy(); return 'open' }, () => 'busy')).toBe('open')
    for (const { body } of open) body.destroy()
  })
})
